"""Goals: which events of a site are conversions."""

from alembic import op

revision, down_revision = "0008", "0007"

TABLES = """
CREATE TABLE goals (
    id UUID NOT NULL,
    site_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    path TEXT,
    filter TEXT,
    value JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT pk_goals PRIMARY KEY (id),
    CONSTRAINT fk_goals_site_id FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_goals_site_id_name ON goals (site_id, name);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE goals")

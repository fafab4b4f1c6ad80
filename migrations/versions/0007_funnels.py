"""Funnels: their definitions."""

from alembic import op

revision, down_revision = "0007", "0006"

TABLE = """
CREATE TABLE funnels (
    id UUID NOT NULL,
    site_id INTEGER NOT NULL,
    owner TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    steps JSONB NOT NULL,
    ordering TEXT NOT NULL,
    scope TEXT NOT NULL,
    window_s INTEGER NOT NULL,
    value TEXT,
    is_active BOOLEAN NOT NULL DEFAULT true,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT pk_funnels PRIMARY KEY (id)
);
CREATE INDEX ix_funnels_site_id_created_at ON funnels (site_id, created_at);
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE funnels")

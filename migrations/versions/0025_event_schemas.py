"""JSON Schemas of event types, and a number of the site that says when they have changed.

Only adds: a small table, and a column with a constant default, so the release before runs beside it.
"""

from alembic import op

revision, down_revision = "0025", "0024"


def upgrade() -> None:
    op.execute("""
ALTER TABLE sites ADD COLUMN schemas_version INTEGER NOT NULL DEFAULT 0;
CREATE TABLE event_schemas (
    site_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    schema TEXT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_event_schemas PRIMARY KEY (site_id, type),
    CONSTRAINT fk_event_schemas_site_id FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE CASCADE
);
""")


def downgrade() -> None:
    # The schemas are lost: `flask site schema show` prints them.
    op.execute("DROP TABLE event_schemas; ALTER TABLE sites DROP COLUMN schemas_version;")

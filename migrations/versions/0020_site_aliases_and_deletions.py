"""Renamed sites keep their old keys as aliases; a site that is deleted says so, and the ledger what it has refused.

Only adds: columns with constant defaults and a small table, so the release before runs beside it. It knows no alias.
"""

from alembic import op

revision, down_revision = "0020", "0019"


def upgrade() -> None:
    op.execute("""
ALTER TABLE sites ADD COLUMN hash_key TEXT, ADD COLUMN deleting_at TIMESTAMPTZ, ADD COLUMN deletion JSONB;
CREATE TABLE site_aliases (
    alias TEXT NOT NULL,
    site_id INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_site_aliases PRIMARY KEY (alias),
    CONSTRAINT fk_site_aliases_site_id FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE CASCADE
);
CREATE INDEX ix_site_aliases_site_id ON site_aliases (site_id);
ALTER TABLE ingest_ledger ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger_hours ADD COLUMN refused BIGINT NOT NULL DEFAULT 0;
""")


def downgrade() -> None:
    # Old keys of renamed sites are unknown then, and their visitors get new keys. A site whose deletion has begun is a
    # site again, without what was deleted. Refused events count as dead-lettered, so that the ledger's sums stay.
    op.execute("""
UPDATE ingest_ledger SET dead_lettered = dead_lettered + refused WHERE refused > 0;
UPDATE ledger_hours SET dead_lettered = dead_lettered + refused WHERE refused > 0;
ALTER TABLE ledger_hours DROP COLUMN refused;
ALTER TABLE ingest_ledger DROP COLUMN refused;
DROP TABLE site_aliases;
ALTER TABLE sites DROP COLUMN deletion, DROP COLUMN deleting_at, DROP COLUMN hash_key;
""")

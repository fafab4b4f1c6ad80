"""A version of each day of a site: what a cache holds of the days is compared with it.

Workers of the release before merge without counting a version up, so answers of past days may then be up to CACHE_TTL
old, as they were before.
"""

from alembic import op

revision, down_revision = "0018", "0017"


def upgrade() -> None:
    op.execute("""
CREATE TABLE day_versions (
    site_id INTEGER NOT NULL,
    day DATE NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT pk_day_versions PRIMARY KEY (site_id, day)
) WITH (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200,
    autovacuum_vacuum_cost_delay = 0
)
""")


def downgrade() -> None:
    op.execute("DROP TABLE day_versions")

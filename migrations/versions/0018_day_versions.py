"""A version of each day of a site: what a cache holds of the days is compared with it.

Workers of the release before merge without counting a version up, so answers of past days may then be up to CACHE_TTL
old, as they were before.
"""

from alembic import op

revision, down_revision = "0018", "0017"


# Those of open_days, which is written with it.
VACUUM = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0"


def upgrade() -> None:
    columns = "site_id integer NOT NULL, day date NOT NULL, version bigint NOT NULL"
    op.execute(f"CREATE TABLE day_versions ({columns}, PRIMARY KEY (site_id, day)) WITH (fillfactor = 50, {VACUUM})")
    op.execute("ALTER INDEX day_versions_pkey RENAME TO pk_day_versions")


def downgrade() -> None:
    op.execute("DROP TABLE day_versions")

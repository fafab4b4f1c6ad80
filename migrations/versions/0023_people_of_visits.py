"""People by dimension of visits, sums of visits by week and month, and five more dimensions of visits.

Only adds: columns that are null or have a constant default, and a table. Stop web, worker and beat of the release
before, which would count visits without their people; what the workers held waits in the stream. Rows of before have
no people: `flask rollups recount-visits` counts them, day by day, from the raw events that are left.
"""

from alembic import op

revision, down_revision = "0023", "0022"
# People's sets do not compress. Those of today are written every few seconds, as in `rollups`.
STORAGE = "ALTER users SET STORAGE EXTERNAL, ALTER repeats SET STORAGE EXTERNAL"
TOAST_VACUUM = (
    "toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 500,"
    " toast.autovacuum_vacuum_cost_delay = 0"
)
VACUUM = "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0"


def upgrade() -> None:
    op.execute(f"""
ALTER TABLE visits
    ADD COLUMN utm_term TEXT NOT NULL DEFAULT '', ADD COLUMN utm_content TEXT NOT NULL DEFAULT '',
    ADD COLUMN region TEXT NOT NULL DEFAULT '', ADD COLUMN city TEXT NOT NULL DEFAULT '',
    ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE visit_rollups ADD COLUMN users BYTEA, ADD COLUMN repeats BYTEA;
ALTER TABLE visit_rollups {STORAGE};
ALTER TABLE visit_rollups SET ({TOAST_VACUUM});
CREATE TABLE visit_unions (
    site_id INTEGER NOT NULL,
    span TEXT NOT NULL,
    dimension TEXT NOT NULL,
    day DATE NOT NULL,
    is_bot BOOLEAN NOT NULL,
    value TEXT NOT NULL,
    visits BIGINT NOT NULL,
    bounces BIGINT NOT NULL,
    views BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    users BYTEA,
    repeats BYTEA,
    CONSTRAINT pk_visit_unions PRIMARY KEY (site_id, span, dimension, day, is_bot, value)
) WITH (fillfactor = 50, {VACUUM}, {TOAST_VACUUM});
ALTER TABLE visit_unions {STORAGE};
""")


def downgrade() -> None:
    op.execute("""
DROP TABLE visit_unions;
ALTER TABLE visit_rollups RESET (
    toast.autovacuum_vacuum_scale_factor, toast.autovacuum_vacuum_threshold, toast.autovacuum_vacuum_cost_delay
);
DELETE FROM visit_rollups WHERE dimension IN ('utm_term', 'utm_content', 'region', 'city', 'channel');
ALTER TABLE visit_rollups DROP COLUMN users, DROP COLUMN repeats;
ALTER TABLE visits
    DROP COLUMN utm_term, DROP COLUMN utm_content, DROP COLUMN region, DROP COLUMN city, DROP COLUMN channel;
""")

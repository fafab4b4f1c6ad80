"""Storage of what is rewritten every few seconds: room on the page, and a vacuum after little."""

from alembic import op

revision, down_revision = "0004", "0003"

# Autovacuum looks every autovacuum_naptime (a minute unless set), so these tables hold what was rewritten in that time:
# at 60,000 events/s 1 MB a second of deltas. Rows of large chunks are few, so a thousand of them was minutes.
STORAGE = """
ALTER TABLE rollup_deltas SET (
    autovacuum_vacuum_threshold = 50,
    toast.autovacuum_vacuum_threshold = 500
);
ALTER TABLE rollups SET (toast.autovacuum_vacuum_threshold = 500);
ALTER TABLE visit_rollups SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0
);
ALTER TABLE open_days SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200,
    autovacuum_vacuum_cost_delay = 0
);
"""
BEFORE = """
ALTER TABLE rollup_deltas SET (
    autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_threshold = 5000
);
ALTER TABLE rollups SET (toast.autovacuum_vacuum_threshold = 5000);
ALTER TABLE visit_rollups RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
ALTER TABLE open_days RESET (
    fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay
);
"""


def upgrade() -> None:
    op.execute(STORAGE)


def downgrade() -> None:
    op.execute(BEFORE)

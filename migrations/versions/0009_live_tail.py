"""What the live tail reads by: when a batch was stored, and events by their receipt."""

from alembic import op

revision, down_revision = "0009", "0008"

# Drains wait while the indexes are built, and what is accepted meanwhile waits in Redis: a BRIN of 12 million events
# takes seconds. A partitioned table takes no index CONCURRENTLY.
UP = """
DROP INDEX ix_events_ts;
CREATE INDEX ix_events_ts ON events USING brin (ts, received_at) WITH (autosummarize = on);
CREATE INDEX ix_ingest_ledger_stored_at ON ingest_ledger USING brin (stored_at) WITH (autosummarize = on);
ALTER TABLE ingest_ledger ALTER stored_at SET DEFAULT clock_timestamp();
"""
DOWN = """
ALTER TABLE ingest_ledger ALTER stored_at SET DEFAULT now();
DROP INDEX ix_ingest_ledger_stored_at;
DROP INDEX ix_events_ts;
CREATE INDEX ix_events_ts ON events USING brin (ts);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)

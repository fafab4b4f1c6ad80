"""Raw events of a short while: how PostgreSQL is told to find them by time alone. For whoever reads the newest ones."""

from sqlalchemy import Connection, text

# What is known of a young partition would have the planner read all of it, or go through uq_events, which leads with
# the site. So statements after this say `site_id + 0`, and what is left to the planner is ix_events_ts (or another BRIN
# of the table): ranges of 128 pages, some 3,000 events each.
BY_TIME = text("""
SET LOCAL enable_seqscan = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = on;
SET LOCAL cpu_operator_cost = 0.0025;
SET LOCAL jit = off
""")


def plan_by_time(connection: Connection) -> None:
    """For the rest of the transaction."""
    connection.execute(BY_TIME)

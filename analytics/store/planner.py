"""Planner settings for the rest of a transaction: find rows through an index, or by a scan.

The statistics of a table or partition that is minutes old show almost no rows, and the planner would read all of it.
Writers and readers of raw rows, rollups and visits call one function at the start. Nothing else sets `enable_*`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

FORCE_INDEX_SCANS = text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off")
# A join compares each row of a new table with all keys unless comparing is expensive.
FORCE_INDEX_LOOKUPS = text("""
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off;
SET LOCAL cpu_operator_cost = 1
""")
# Compiling takes longer than running.
PREFER_INDEX_SCANS = text("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
ALLOW_SCANS = text("SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on")
# The planner would use uq_events, which leads with the site. Statements after this say `site_id + 0`, which leaves
# ix_events_ts (or another BRIN of the table): ranges of 128 pages, some 3,000 events each.
FORCE_TIME_SCAN = text("""
SET LOCAL enable_seqscan = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = on;
SET LOCAL cpu_operator_cost = 0.0025;
SET LOCAL jit = off
""")


def force_index_scans(connection: Connection) -> None:
    """Rows are found by plain index scans."""
    connection.execute(FORCE_INDEX_SCANS)


def force_index_lookups(connection: Connection) -> None:
    """Each row of a join is looked up by index."""
    connection.execute(FORCE_INDEX_LOOKUPS)


def prefer_index_scans(connection: Connection) -> None:
    """Plain or bitmap index scans, not compiled."""
    connection.execute(PREFER_INDEX_SCANS)


def allow_scans(connection: Connection) -> None:
    """Undoes the scan settings of the functions above: a long scan follows."""
    connection.execute(ALLOW_SCANS)


def force_time_scan(connection: Connection) -> None:
    """Raw events of a short period are found by time alone, whatever their site."""
    connection.execute(FORCE_TIME_SCAN)


READ_SETTINGS = text("""
SELECT current_setting('enable_seqscan') AS seqscan, current_setting('enable_bitmapscan') AS bitmapscan,
    current_setting('enable_hashjoin') AS hashjoin, current_setting('enable_mergejoin') AS mergejoin,
    current_setting('enable_material') AS material, current_setting('jit') AS jit,
    current_setting('cpu_operator_cost') AS operator_cost
""")
CHANGE_SETTINGS = text("""
SELECT set_config('enable_seqscan', :seqscan, true), set_config('enable_bitmapscan', :bitmapscan, true),
    set_config('enable_hashjoin', :hashjoin, true), set_config('enable_mergejoin', :mergejoin, true),
    set_config('enable_material', :material, true), set_config('jit', :jit, true),
    set_config('cpu_operator_cost', :operator_cost, true)
""")


@contextmanager
def index_lookups_only(connection: Connection) -> Iterator[None]:
    """`force_index_lookups` for the block; the settings are as before after it, unless it raised.

    On a table that is minutes old the planner takes a site's part for a two hundredth, and would compare each of its
    rows with all the keys (62 s for 60,000 visits).
    """
    before = connection.execute(READ_SETTINGS).one()
    connection.execute(CHANGE_SETTINGS, {**dict.fromkeys(before._fields, "off"), "operator_cost": "1"})
    yield
    connection.execute(CHANGE_SETTINGS, dict(before._mapping))


@contextmanager
def scans_allowed(connection: Connection) -> Iterator[None]:
    """A long scan in a transaction of index look-ups; the settings are as before after it, unless it raised."""
    before = connection.execute(READ_SETTINGS).one()
    usual = dict.fromkeys(before._fields, "on") | {"jit": "off", "operator_cost": "0.0025"}
    connection.execute(CHANGE_SETTINGS, usual)
    yield
    connection.execute(CHANGE_SETTINGS, dict(before._mapping))

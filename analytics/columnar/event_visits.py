"""Which visit an event is in (docs/decisions/0043), as SQL of DuckDB: one of the same user, session and kind of client,
from its first page view until 30 minutes after its last.

read.py joins so what no file names the visits of; write_event_visits.py writes the result into files.
"""

from analytics.columnar.columns import EVENTS, VISIT_TEXTS
from analytics.rollups.visits.sessionization import GAP_US

# A join on some hours of one user compares few rows, and most visits are in one such span.
HOURS_US = 4 * 3_600_000_000
# Fields that no event has.
_ONLY_OF_VISITS = ("entry_path", "exit_path")


def join_visits(events: str, visits: str, is_named: str = "true") -> str:
    """A relation with EVENTS_IN_VISITS' columns, of one with EVENTS' and one with VISITS' columns. An event in no visit
    has its own values. `is_named`: in terms of e.user_no, e.session and e.is_bot."""
    own = {name: "NULL" if name in _ONLY_OF_VISITS else f"e.{name}" for name in VISIT_TEXTS}
    values = (
        f"CASE WHEN v.started_at IS NULL THEN {own[name]} ELSE v.{name} END AS visit_{name}" for name in VISIT_TEXTS
    )
    until = f"ended_at + {GAP_US}"
    return f"""(
        SELECT {", ".join(f"e.{name}" for name in EVENTS.schema.names)}, {is_named} AS is_named,
            v.started_at AS visit_started_at, {", ".join(values)}
        FROM (SELECT *, coalesce(session_id, '') AS session, ts // {HOURS_US} AS hours FROM {events}) AS e
        LEFT JOIN (
            SELECT *, coalesce(session_id, '') AS session, {until} AS until,
                unnest(range(started_at // {HOURS_US}, ({until}) // {HOURS_US} + 1)) AS hours
            FROM {visits}
        ) AS v ON e.user_no = v.user_no AND e.hours = v.hours AND e.session = v.session AND e.is_bot = v.is_bot
            AND e.ts >= v.started_at AND e.ts <= v.until
    )"""  # noqa: S608  # of relations

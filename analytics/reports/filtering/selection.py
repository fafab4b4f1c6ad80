"""The events and visits that a request's filter selects, as relations over the columns of a site.

Every reader of columns takes them from here, so that all parts of a response speak of the same visits
(docs/decisions/0043). Conditions on fields of visits select visits by the visit's own values, and with them all of
their events; an event in no visit is judged by its own fields. scope.py says which conditions those are.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from analytics.columnar.columns import EVENTS, VISITS, read_rows
from analytics.columnar.read import MOST_LOOSE_EVENTS, ColumnReader, to_microseconds
from analytics.reports.filtering.column_clauses import Parameters, build_column_clause
from analytics.reports.filtering.filters import Condition
from analytics.reports.filtering.scope import EVENT, MIXED, VISIT, VISIT_FIELDS
from analytics.rollups.visits.sessionization import GAP_US
from analytics.rollups.visits.store import LONG_US
from analytics.store.event_types import PAGE_VIEW

EVENT_COLUMNS, VISIT_COLUMNS = (", ".join(kind.schema.names) for kind in (EVENTS, VISITS))
# A join on some hours of one user compares few rows, and most visits are in one such span.
HOURS_US = 4 * 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Served by ix_visits_long.
LONG_VISITS = VISITS._replace(query=VISITS.query + " AND is_long AND ended_at >= %(until)s")
# Events of one moment are in the same visit.
_MOMENT = "user_no, session, is_bot, ts"
# What says which events are in a visit.
_PLACE = "user_no, session_id, is_bot, started_at, ended_at"
_IN_VISIT = """e.user_no = v.user_no AND e.hours = v.hours AND e.session = v.session AND e.is_bot = v.is_bot
    AND e.ts >= v.started_at AND e.ts <= v.until"""


class RowSelection(NamedTuple):
    """The site's rows that meet the filter; `bots`: of bots too. `scope`: as scope.py resolves it."""

    site_id: int
    bots: bool
    filter: tuple[Condition, ...] = ()
    scope: str = MIXED

    @property
    def of_visits(self) -> tuple[Condition, ...]:
        """The conditions on the own values of visits."""
        return () if self.scope == EVENT else tuple(one for one in self.filter if one.field in VISIT_FIELDS)

    @property
    def of_events(self) -> tuple[Condition, ...]:
        """The others."""
        return tuple(one for one in self.filter if one not in self.of_visits)

    @property
    def selects_visits(self) -> bool:
        """Whether events count by the visit that they are in."""
        return bool(self.filter) and (self.scope == VISIT or bool(self.of_visits))


def select_events(
    reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime, parameters: Parameters
) -> str:
    """The events of `[start, end)`, with EVENTS' columns. Raises NotInColumns."""
    events = _events(reader, selection, start, end)
    if not selection.selects_visits:
        own = _clause(reader, selection, selection.filter, parameters)
        return f"(SELECT {EVENT_COLUMNS} FROM {events} WHERE {own})"
    met = _keep_met_visits(reader, selection, start, end)
    relations = [f"SELECT {_prefixed(EVENT_COLUMNS)} FROM {events} AS e JOIN {_by_hours(met)} AS v ON {_IN_VISIT}"]
    if strays := _find_strays(reader, selection, start, end):
        own = _clause(reader, selection, selection.filter, parameters)
        relations.append(f"SELECT {EVENT_COLUMNS} FROM {events} WHERE {own} AND ({_MOMENT}) IN (FROM {strays})")
    of_events = () if selection.scope == VISIT else selection.of_events
    clause = _clause(reader, selection, of_events, parameters)
    return f"(SELECT {EVENT_COLUMNS} FROM ({' UNION ALL '.join(relations)}) WHERE {clause})"


def _keep_met_visits(reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime) -> str:
    """A table of the visits of which events of the period count."""

    def make() -> tuple[str, Parameters]:
        parameters = Parameters()
        judged = _judge(reader, selection, _reaching_visits(reader, selection, start, end), (start, end), parameters)
        return f"SELECT {_PLACE} FROM {judged} WHERE is_met", parameters

    return reader.keep(("met", selection, start, end), make)


def _find_strays(reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime) -> str | None:
    """A table of the moments of users at which events that meet the filter themselves are in no visit; None: there are
    none. Those in no visit that is met are few, so the other visits are looked up for them alone."""

    def make_outside() -> tuple[str, Parameters]:
        parameters, met = Parameters(), _keep_met_visits(reader, selection, start, end)
        own = _clause(reader, selection, selection.filter, parameters)
        events = f"(SELECT * FROM {_events(reader, selection, start, end)} WHERE {own})"
        query = f"SELECT DISTINCT {_prefixed(_MOMENT)}, e.hours FROM {events} AS e"
        return f"{query} ANTI JOIN {_by_hours(met)} AS v ON {_IN_VISIT}", parameters

    outside = reader.keep(("outside", selection, start, end), make_outside)

    def make_strays() -> tuple[str, Parameters]:
        visits = _reaching_visits(reader, selection, start, end)
        visits = _by_hours(f"(SELECT * FROM {visits} WHERE user_no IN (SELECT user_no FROM {outside}))")
        inside = f"SELECT {_prefixed(_MOMENT)} FROM {outside} AS e JOIN {visits} AS v ON {_IN_VISIT}"
        return f"SELECT {_MOMENT} FROM {outside} EXCEPT {inside}", Parameters()

    strays = reader.keep(("strays", selection, start, end), make_strays)
    return strays if reader.execute(f"SELECT 1 FROM {strays} LIMIT 1") else None


def select_visits(
    reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime, parameters: Parameters
) -> str:
    """The visits that began in `[start, end)`, with VISITS' columns. Conditions on events must hold for one page view
    of the visit in the period; `scope=visit`: for one of its events. Raises NotInColumns."""
    bots = "true" if selection.bots else "NOT is_bot"
    visits = f"(SELECT * FROM {reader.visits(start, end)} WHERE {bots})"
    judged = _judge(reader, selection, visits, (start, end), parameters, by_views=True)
    return f"(SELECT {VISIT_COLUMNS} FROM {judged} WHERE is_met)"


def _events(reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime) -> str:
    """With what joins need, and the fields that only visits have."""
    bots = "true" if selection.bots else "NOT is_bot"
    return f"""(
        SELECT *, NULL::VARCHAR AS entry_path, NULL::VARCHAR AS exit_path, coalesce(session_id, '') AS session,
            ts // {HOURS_US} AS hours
        FROM {reader.events(start, end)} WHERE {bots}
    )"""


def _reaching_visits(reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime) -> str:
    """The visits that events of `[start, end)` can be in. Those that are longer than LONG_US began at any time."""
    gap, usual = timedelta(microseconds=GAP_US), start - timedelta(microseconds=LONG_US + GAP_US)
    given = {"site_id": selection.site_id, "start": EPOCH, "end": usual, "until": start - gap}
    tables = [reader.add_table(table) for table in read_rows(reader.connection, LONG_VISITS, given, MOST_LOOSE_EVENTS)]
    relations = " UNION ALL ".join(f"SELECT {VISIT_COLUMNS} FROM {one}" for one in (reader.visits(usual, end), *tables))
    bots = "true" if selection.bots else "NOT is_bot"
    return f"(SELECT * FROM ({relations}) WHERE {bots} AND ended_at + {GAP_US} >= {to_microseconds(start)})"


def _judge(
    reader: ColumnReader,
    selection: RowSelection,
    visits: str,
    bounds: tuple[datetime, datetime],
    parameters: Parameters,
    by_views: bool = False,
) -> str:
    """The visits with `is_met`. `by_views`: in other scopes than VISIT, the conditions on events also narrow them."""
    own = _clause(reader, selection, selection.of_visits, parameters)
    if not selection.of_events or not (selection.scope == VISIT or by_views):
        return f"(SELECT *, ({own}) AS is_met FROM {visits})"
    found, lost = _marks(reader, selection, parameters)
    events = f"(SELECT *, {found} AS is_found, {lost} AS is_lost FROM {_events(reader, selection, *bounds)})"
    # Without a condition that one event must meet, the visit needs no event.
    needs_event = selection.scope != VISIT or not all(one.is_negated for one in selection.of_events)
    return f"""(
        WITH visits AS {visits}
        SELECT visits.*, ({own}) AND coalesce(has_found, {not needs_event}) AND NOT coalesce(has_lost, false) AS is_met
        FROM visits LEFT JOIN (
            SELECT v.user_no, v.session, v.is_bot, v.started_at, bool_or(is_found) AS has_found,
                bool_or(is_lost) AS has_lost
            FROM (SELECT * FROM {events} WHERE is_found OR is_lost) AS e
            JOIN {_by_hours("visits")} AS v ON {_IN_VISIT}
            GROUP BY ALL
        ) AS f ON visits.user_no = f.user_no AND coalesce(visits.session_id, '') = f.session
            AND visits.is_bot = f.is_bot AND visits.started_at = f.started_at
    )"""


def _marks(reader: ColumnReader, selection: RowSelection, parameters: Parameters) -> tuple[str, str]:
    """Whether an event is one that the visit needs, and one that it must not have."""
    conditions = selection.of_events
    if selection.scope != VISIT:
        is_view = f"coalesce(type = {parameters.add(PAGE_VIEW)}, false)"
        return f"({is_view} AND {_clause(reader, selection, conditions, parameters)})", "false"
    wanted = [one for one in conditions if not one.is_negated]
    unwanted = [one._replace(is_negated=False) for one in conditions if one.is_negated]
    lost = " OR ".join(_clause(reader, selection, [one], parameters) for one in unwanted) or "false"
    return f"({_clause(reader, selection, wanted, parameters)})", f"({lost})"


def _by_hours(visits: str) -> str:
    """A row for each hour in which an event can be in the visit."""
    return f"""(
        SELECT *, coalesce(session_id, '') AS session, ended_at + {GAP_US} AS until,
            unnest(range(started_at // {HOURS_US}, (ended_at + {GAP_US}) // {HOURS_US} + 1)) AS hours
        FROM {visits}
    )"""


def _clause(
    reader: ColumnReader, selection: RowSelection, conditions: Sequence[Condition], parameters: Parameters
) -> str:
    """Never NULL."""
    return f"coalesce({build_column_clause(reader, selection.site_id, conditions, parameters)}, false)"


def _prefixed(columns: str) -> str:
    return ", ".join(f"e.{name}" for name in columns.split(", "))

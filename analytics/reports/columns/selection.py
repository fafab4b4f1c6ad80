"""The events and visits that a request's filter selects, as relations over the columns of a site.

Every reader of columns takes them from here, so that all parts of a response speak of the same visits
(docs/decisions/0043). Conditions on fields of visits select visits by the visit's own values, and with them all of
their events; an event in no visit is judged by its own fields. scope.py says which conditions those are.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from analytics.columnar.columns import EVENTS, VISITS, read_rows
from analytics.columnar.read import MOST_LOOSE_EVENTS, ColumnReader, to_microseconds
from analytics.reports.columns.clauses import Parameters, build_column_clause
from analytics.reports.filtering.filters import Condition
from analytics.reports.filtering.scope import EVENT, MIXED, VISIT, VISIT_FIELDS
from analytics.rollups.visits.sessionization import GAP_US
from analytics.rollups.visits.store import LONG_US
from analytics.store.event_types import PAGE_VIEW

EVENT_COLUMNS, VISIT_COLUMNS = (", ".join(kind.schema.names) for kind in (EVENTS, VISITS))
# Fields that most users have one value of.
_CLIENT_FIELDS = frozenset(("country", "region", "city", "browser", "os", "device"))
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
    def judging_events(self) -> tuple[Condition, ...]:
        """The conditions that select visits, for an event in no visit."""
        return self.filter if self.scope == VISIT else self.of_visits

    @property
    def selects_visits(self) -> bool:
        """Whether events count by the visit that they are in."""
        return bool(self.filter) and (self.scope == VISIT or bool(self.of_visits))


class _Scan(NamedTuple):
    """What of a site is read. `among`: a table of the only users that are read; None: of all."""

    reader: ColumnReader
    selection: RowSelection
    start: datetime
    end: datetime
    among: str | None = None

    @property
    def events(self) -> str:
        """With what joins need, and the fields that only visits have."""
        return f"""(
            SELECT *, NULL::VARCHAR AS entry_path, NULL::VARCHAR AS exit_path, coalesce(session_id, '') AS session,
                ts // {HOURS_US} AS hours
            FROM {self.reader.events(self.start, self.end)} WHERE {self._is_read}
        )"""

    @property
    def visits(self) -> str:
        """Those that began in the period."""
        return f"(SELECT * FROM {self.reader.visits(self.start, self.end)} WHERE {self._is_read})"

    @property
    def reaching_visits(self) -> str:
        """Those that events of the period can be in. Those that are longer than LONG_US began at any time."""
        gap, usual = timedelta(microseconds=GAP_US), self.start - timedelta(microseconds=LONG_US + GAP_US)
        given = {"site_id": self.selection.site_id, "start": EPOCH, "end": usual, "until": self.start - gap}
        rows = read_rows(self.reader.connection, LONG_VISITS, given, MOST_LOOSE_EVENTS)
        relations = [self.reader.visits(usual, self.end), *map(self.reader.add_table, rows)]
        visits = " UNION ALL ".join(f"SELECT {VISIT_COLUMNS} FROM {one}" for one in relations)
        is_reaching = f"ended_at + {GAP_US} >= {to_microseconds(self.start)}"
        return f"(SELECT * FROM ({visits}) WHERE {is_reaching} AND {self._is_read})"

    @property
    def _is_read(self) -> str:
        bots = "true" if self.selection.bots else "NOT is_bot"
        return bots if self.among is None else f"{bots} AND user_no IN (FROM {self.among})"

    def clause(self, conditions: Sequence[Condition], parameters: Parameters) -> str:
        """Whether a row meets all conditions; never NULL."""
        return f"coalesce({build_column_clause(self.reader, self.selection.site_id, conditions, parameters)}, false)"

    def keep(self, what: str, make: Callable[[Parameters], str]) -> str:
        """A table of the rows of the query, which is made once."""

        def make_query() -> tuple[str, Parameters]:
            parameters = Parameters()
            return make(parameters), parameters

        return self.reader.keep((what, self.selection, self.start, self.end), make_query)

    def is_empty(self, table: str) -> bool:
        """Whether the kept table has no row."""
        return not self.reader.execute(f"SELECT 1 FROM {table} LIMIT 1")


def select_events(
    reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime, parameters: Parameters
) -> str:
    """The events of `[start, end)`, with EVENTS' columns. Raises NotInColumns."""
    scan = _Scan(reader, selection, start, end)
    disputed = _keep_disputed_users(scan) if selection.selects_visits else None
    if not selection.selects_visits or (disputed and scan.is_empty(disputed)):
        return f"(SELECT {EVENT_COLUMNS} FROM {scan.events} WHERE {scan.clause(selection.filter, parameters)})"
    relations = []
    if disputed:
        own = scan.clause(selection.filter, parameters)
        relations = [f"SELECT {EVENT_COLUMNS} FROM {scan.events} ANTI JOIN {disputed} USING (user_no) WHERE {own}"]
        scan = scan._replace(among=disputed)
    return f"({' UNION ALL '.join([*relations, _join_visits(scan, parameters)])})"


def _join_visits(scan: _Scan, parameters: Parameters) -> str:
    """The events that are in visits that are met, and those in no visit that meet the filter themselves. Where most
    visits are met, it is all events but those in the other visits, and those in no visit that do not meet it."""
    is_met = not _are_most_met(scan)
    visits, strays = _keep_visits(scan, is_met), _keep_strays(scan, is_met)
    clause = scan.clause(() if scan.selection.scope == VISIT else scan.selection.of_events, parameters)
    own = scan.clause(scan.selection.judging_events, parameters)
    events = f"(SELECT *, {own} AS is_own FROM {scan.events} WHERE {clause})"
    has_strays, columns = not scan.is_empty(strays), _prefixed(EVENT_COLUMNS)
    if not is_met:
        rest = f"SELECT {columns} FROM {events} AS e ANTI JOIN {_by_hours(visits)} AS v ON {_IN_VISIT}"
        # At the moment of a stray, another event may meet the filter.
        same = " AND ".join(f"e.{name} = s.{name}" for name in _MOMENT.split(", "))
        return f"{rest} ANTI JOIN {strays} AS s ON {same} AND NOT e.is_own" if has_strays else rest
    inside = f"SELECT {columns} FROM {events} AS e JOIN {_by_hours(visits)} AS v ON {_IN_VISIT}"
    if not has_strays:
        return inside
    return f"{inside} UNION ALL SELECT {EVENT_COLUMNS} FROM {events} WHERE is_own AND ({_MOMENT}) IN (FROM {strays})"


def select_visits(
    reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime, parameters: Parameters
) -> str:
    """The visits that began in `[start, end)`, with VISITS' columns. Conditions on events must hold for one page view
    of the visit in the period; `scope=visit`: for one of its events. Raises NotInColumns."""
    scan = _Scan(reader, selection, start, end)
    judged = _judge(scan, scan.visits, parameters, by_views=True)
    return f"(SELECT {VISIT_COLUMNS} FROM {judged} WHERE is_met)"


def _keep_disputed_users(scan: _Scan) -> str | None:
    """A table of the users whose events must be looked up in visits; None: of all. Of the others, all events and visits
    meet the filter, or none does, so it does not matter in which visit an event is. Most users have one country and one
    device; but only the first event of a visit has a source."""
    if not {one.field for one in scan.selection.of_visits} <= _CLIENT_FIELDS or _needs_events(scan.selection):
        return None

    def make(parameters: Parameters) -> str:
        own, visits = scan.clause(scan.selection.of_visits, parameters), _judge(scan, scan.reaching_visits, parameters)
        return f"""
            SELECT user_no
            FROM (SELECT user_no, bool_and(is_met) AS all_met, bool_or(is_met) AS any_met FROM {visits} GROUP BY 1)
            JOIN (SELECT user_no, bool_and({own}) AS all_own, bool_or({own}) AS any_own FROM {scan.events} GROUP BY 1)
                USING (user_no)
            WHERE (any_met OR any_own) AND NOT (all_met AND all_own)
        """

    return scan.keep("disputed", make)


def _are_most_met(scan: _Scan) -> bool:
    """Whether the visits that are not met are the fewer."""

    def make(parameters: Parameters) -> str:
        visits = _judge(scan, scan.reaching_visits, parameters)
        return f"SELECT count(*) FILTER (WHERE is_met) > count(*) FILTER (WHERE NOT is_met) FROM {visits}"

    [(are_most,)] = scan.reader.execute(f"FROM {scan.keep('most', make)}")
    return bool(are_most)


def _keep_visits(scan: _Scan, is_met: bool) -> str:
    """A table of the visits of which events count, or of the others."""

    def make(parameters: Parameters) -> str:
        return f"SELECT {_PLACE} FROM {_judge(scan, scan.reaching_visits, parameters)} WHERE is_met = {is_met}"

    return scan.keep(f"visits {is_met}", make)


def _keep_strays(scan: _Scan, is_met: bool) -> str:
    """A table of the moments of users at which events that meet the filter themselves, or do not, are in no visit.
    Those in no visit of their kind are few, so the other visits are looked up for them alone."""
    visits = _keep_visits(scan, is_met)

    def find_outside(parameters: Parameters) -> str:
        own = scan.clause(scan.selection.judging_events, parameters)
        events = f"(SELECT * FROM {scan.events} WHERE {own} = {is_met})"
        query = f"SELECT DISTINCT {_prefixed(_MOMENT)}, e.hours FROM {events} AS e"
        return f"{query} ANTI JOIN {_by_hours(visits)} AS v ON {_IN_VISIT}"

    outside = scan.keep(f"outside {is_met}", find_outside)
    of_users = f"(SELECT * FROM {scan.reaching_visits} WHERE user_no IN (SELECT user_no FROM {outside}))"
    inside = f"SELECT {_prefixed(_MOMENT)} FROM {outside} AS e JOIN {_by_hours(of_users)} AS v ON {_IN_VISIT}"
    return scan.keep(f"strays {is_met}", lambda _: f"SELECT {_MOMENT} FROM {outside} EXCEPT {inside}")


def _needs_events(selection: RowSelection) -> bool:
    """Whether events decide which visits are met."""
    return selection.scope == VISIT and bool(selection.of_events)


def _judge(scan: _Scan, visits: str, parameters: Parameters, by_views: bool = False) -> str:
    """The visits with `is_met`. `by_views`: in other scopes than VISIT, the conditions on events also narrow them."""
    selection = scan.selection
    own = scan.clause(selection.of_visits, parameters)
    if not (_needs_events(selection) or (by_views and selection.of_events)):
        return f"(SELECT *, ({own}) AS is_met FROM {visits})"
    found, lost = _marks(scan, parameters)
    events = f"(SELECT *, {found} AS is_found, {lost} AS is_lost FROM {scan.events})"
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


def _marks(scan: _Scan, parameters: Parameters) -> tuple[str, str]:
    """Whether an event is one that the visit needs, and one that it must not have."""
    conditions = scan.selection.of_events
    if scan.selection.scope != VISIT:
        is_view = f"coalesce(type = {parameters.add(PAGE_VIEW)}, false)"
        return f"({is_view} AND {scan.clause(conditions, parameters)})", "false"
    wanted = [one for one in conditions if not one.is_negated]
    unwanted = [one._replace(is_negated=False) for one in conditions if one.is_negated]
    lost = " OR ".join(scan.clause([one], parameters) for one in unwanted) or "false"
    return f"({scan.clause(wanted, parameters)})", f"({lost})"


def _by_hours(visits: str) -> str:
    """A row for each span of hours in which an event can be in the visit."""
    return f"""(
        SELECT *, coalesce(session_id, '') AS session, ended_at + {GAP_US} AS until,
            unnest(range(started_at // {HOURS_US}, (ended_at + {GAP_US}) // {HOURS_US} + 1)) AS hours
        FROM {visits}
    )"""


def _prefixed(columns: str) -> str:
    return ", ".join(f"e.{name}" for name in columns.split(", "))

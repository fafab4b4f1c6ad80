"""The users of a group in pages, who was seen last in the period first: figures from column files, names from rows.

views.py and exports/ open it. What a user did in the period is counted once, in a table of DuckDB; each page then takes
some rows of it, and looks up names and visits of these users alone. SELECT only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from sqlalchemy import text

from analytics.columnar.read import ColumnReader
from analytics.reports.columns.clauses import Parameters, build_column_clause
from analytics.reports.columns.selection import RowSelection, select_events
from analytics.reports.columns.site_columns import open_site_columns
from analytics.reports.filtering.scope import MIXED
from analytics.reports.report_period import open_raw_events
from analytics.reports.request import ReportRequest
from analytics.store.event_types import PAGE_VIEW
from analytics.store.planner import index_lookups_only

if TYPE_CHECKING:
    from analytics.users.groups import UserGroup

# Clients' clocks may be ahead.
KNOWN_AHEAD = timedelta(days=2)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Where more events put users into the group, one scan counts and decides: a scan stops at this many, and a join with
# most users takes longer than to decide for each event.
MOST_MET = 50_000


class UserCursor(NamedTuple):
    """The last user of a page: when they were last seen in the period, in microseconds, and their number."""

    last_us: int
    user_no: int


class User(NamedTuple):
    """`first_seen_at`, `last_seen_at`: of all events; the figures are of the period, visits that began in it."""

    user_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    events: int
    page_views: int
    visits: int


class Page(NamedTuple):
    """`next_cursor` None: the last page."""

    users: list[User]
    next_cursor: UserCursor | None


@contextmanager
def open_user_list(request: ReportRequest, group: "UserGroup", timeout_s: float | None = None) -> Iterator["UserList"]:
    """One scan of the period. `timeout_s`: of all its pages; None: STATEMENT_TIMEOUT.

    Raises BadInput where raw events may be purged, NotInColumns, and Invalid where it takes longer.
    """
    with (
        open_raw_events(request, group.period, group.parameter) as (connection, calendar),
        open_site_columns(connection, request.site.id, calendar, timeout_s) as reader,
    ):
        yield UserList(reader, request, group)


class UserList:
    """The users of a group. `total`: how many there are."""

    def __init__(self, reader: ColumnReader, request: ReportRequest, group: "UserGroup") -> None:
        self._reader, self._request, self._group = reader, request, group
        parameters = Parameters()
        is_member, is_met = self._select(parameters)
        query = f"""
            CREATE TABLE seen AS
            SELECT user_no, min(ts) AS first_us, max(ts) AS last_us, count(*) AS events,
                count(*) FILTER (WHERE type = {parameters.add(PAGE_VIEW)}) AS page_views
            FROM {reader.events(group.period.start, group.period.end)}
            WHERE {self._is_counted} AND {is_member}
            GROUP BY user_no HAVING count(*) FILTER (WHERE {is_met}) > 0
        """
        reader.execute(query, parameters)
        self.total: int = reader.execute("SELECT count(*) FROM seen")[0][0]

    @property
    def _is_counted(self) -> str:
        return "true" if self._request.include_bots else "NOT is_bot"

    def _select(self, parameters: Parameters) -> tuple[str, str]:
        """Whether an event is of a user of the group, and whether it puts its user there. Where few events do, files,
        which are sorted by user, are read for their users alone."""
        group, site_id, bots = self._group, self._request.site.id, self._request.include_bots
        if group.members is not None:
            return self._is_among(list(group.members)), "true"
        selection = RowSelection(site_id, bots, group.conditions, self._request.query.get("scope", MIXED))
        if selection.selects_visits:
            events = select_events(self._reader, selection, group.period.start, group.period.end, parameters)
            return f"user_no IN (SELECT user_no FROM {events} WHERE {self._is_of_types(parameters)})", "true"
        if (is_member := self._find_few()) is not None:
            return is_member, "true"
        return "true", self._is_met(parameters)

    def _find_few(self) -> str | None:
        """Whether an event is of one of the users, where few events put them there; None: these are many."""
        group, parameters = self._group, Parameters()
        if not group.conditions and not group.types:
            return None
        query = f"""
            SELECT user_no FROM {self._reader.events(group.period.start, group.period.end)}
            WHERE {self._is_counted} AND {self._is_met(parameters)} LIMIT {MOST_MET + 1}
        """
        found = self._reader.read_table(query, parameters)
        return self._is_in(found) if len(found) <= MOST_MET else None

    def _is_met(self, parameters: Parameters) -> str:
        """Whether an event itself puts its user there."""
        clause = build_column_clause(self._reader, self._request.site.id, self._group.conditions, parameters)
        return f"{clause} AND {self._is_of_types(parameters)}"

    def _is_of_types(self, parameters: Parameters) -> str:
        types = ", ".join(map(parameters.add, self._group.types))
        return f"type IN ({types})" if types else "true"

    def _is_among(self, numbers: Sequence[int]) -> str:
        return self._is_in(pa.table({"user_no": pa.array(numbers, pa.int64())}))

    def _is_in(self, users: pa.Table) -> str:
        return f"user_no IN (SELECT user_no FROM {self._reader.add_table(users)})"

    def read_page(self, after: UserCursor | None, limit: int) -> Page:
        """The users after the cursor. A query of columns, and look-ups of `limit` users."""
        parameters: dict[str, Any] = {"limit": limit + 1}
        is_after = "true"
        if after:
            parameters |= after._asdict()
            is_after = "last_us < $last_us OR last_us = $last_us AND user_no > $user_no"
        query = f"SELECT * FROM seen WHERE {is_after} ORDER BY last_us DESC, user_no LIMIT $limit"
        rows = self._reader.execute(query, parameters)
        page = rows[:limit]
        last = UserCursor(page[-1][2], page[-1][0]) if len(rows) > limit else None
        return Page(self._describe(page), last)

    def _describe(self, rows: Sequence[tuple[int, ...]]) -> list[User]:
        numbers = [row[0] for row in rows]
        seen_later, profiles = self._read_seen_later(numbers), self._read_profiles(numbers)
        users = []
        for number, first_us, last_us, events, page_views in rows:
            user_id, first_at, visits = profiles[number]
            first = to_instant(first_us)
            seen = min(first_at or first, first), to_instant(seen_later.get(number, last_us))
            users.append(User(user_id, *seen, events, page_views, visits))
        return users

    def _read_seen_later(self, numbers: Sequence[int]) -> dict[int, int]:
        """User number → the last event after the period, of those who have one."""
        known_until = self._request.now + KNOWN_AHEAD
        if not numbers or self._group.period.end >= known_until:
            return {}
        later = self._reader.events(self._group.period.end, known_until)
        among = self._is_among(numbers)
        query = f"SELECT user_no, max(ts) FROM {later} WHERE {self._is_counted} AND {among} GROUP BY user_no"
        return dict(self._reader.execute(query))

    def _read_profiles(self, numbers: Sequence[int]) -> dict[int, tuple[str, datetime | None, int]]:
        """User number → id, first event, where one is known, and visits that began in the period."""
        period, connection = self._group.period, self._reader.connection
        bounds = {"start": period.start, "end": period.end, "bots": self._request.include_bots}
        given = {"site_id": self._request.site.id, "numbers": list(numbers), **bounds}
        with index_lookups_only(connection):
            rows = connection.execute(READ_PROFILES, given).all()
        return {number: (user_id, first_at, visits) for number, user_id, first_at, visits in rows}


# Served by ix_users_site_id_user_no and pk_visits. A user's first event may have come late: then the first visit is
# earlier than what the row of users has, which may be of a bot's event.
READ_PROFILES = text("""
SELECT given.user_no, u.user_id,
    CASE WHEN :bots OR NOT coalesce(v.has_bots, false) THEN least(u.first_seen_at, v.first_at) ELSE v.first_at END,
    v.visits
FROM unnest(CAST(:numbers AS bigint[])) AS given (user_no)
CROSS JOIN LATERAL (
    SELECT user_id, first_seen_at FROM users WHERE site_id = :site_id AND user_no = given.user_no OFFSET 0
) AS u
CROSS JOIN LATERAL (
    SELECT min(started_at) FILTER (WHERE :bots OR NOT is_bot) AS first_at, bool_or(is_bot) AS has_bots,
        count(*) FILTER (WHERE started_at >= :start AND started_at < :end AND (:bots OR NOT is_bot)) AS visits
    FROM visits
    WHERE site_id = :site_id AND user_no = given.user_no
    OFFSET 0
) AS v
""")


def to_instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)

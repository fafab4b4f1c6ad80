"""The users behind a number as the rows of an export: the list of users/, whole. export.py calls it. SELECT only.

The period is the request's; without one, DEFAULT_DAYS through today. The users of a cohort have the period of their
unit instead.
"""

from collections.abc import Iterator, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from analytics.errors import NotFound
from analytics.exports.sources.estimates import count_users
from analytics.exports.sources.reports import as_json, json_from_clause
from analytics.exports.sources.request import ExportRequest, check_no_sample_filter
from analytics.files.columns import FORMULA_PARAMETERS, Column, copy_statement
from analytics.period import Period
from analytics.reports.day_range import DEFAULT_DAYS, DayRange, bad_parameter
from analytics.reports.events.raw_export import BoundStatement
from analytics.reports.filtering.filters import parse_filter
from analytics.reports.filtering.scope import resolve_scope
from analytics.reports.request import ReportRequest, format_utc
from analytics.sites.sites import read_site_by_id
from analytics.store.reading import read_transaction
from analytics.users.groups import find_group
from analytics.users.schemas import GroupBody

TIMEOUT_S = 60.0
# A file may take longer than a page: names are looked up for some thousand users a second.
LIST_TIMEOUT_S = 3600.0
ROWS_PER_COPY = 5_000
COLUMNS = (
    *(Column("user_id"), Column("first_seen_at", "timestamp"), Column("last_seen_at", "timestamp")),
    *(Column("events", "number"), Column("page_views", "number"), Column("visits", "number")),
)


@dataclass(frozen=True, slots=True)
class UserRows:
    """The users of one request; a `Source` of export.py."""

    request: ExportRequest
    title = "users"
    columns = COLUMNS
    is_countable = False
    can_overlap = False

    def check(self) -> None:
        row_filter, group = self.request.filter, dict(self.request.users)
        check_no_sample_filter("users", row_filter)
        if row_filter.user_id is not None:
            raise bad_parameter("user_id", "a list of users has no user_id; export the events of one", "what=subject")
        if row_filter.types and ("funnel" in group or "goal" in group):
            raise bad_parameter("type", "is not a parameter of funnels and experiments; omit type", "what=users")
        resolve_scope(parse_filter(row_filter.where) if row_filter.where else (), group.get("scope"))

    def split_period(self, _connection: Connection) -> list[tuple[datetime, datetime]]:
        """One part: users are listed in one snapshot."""
        return [(self.request.start, self.request.end)]

    def estimate_max_rows(self, connection: Connection) -> int:
        return count_users(connection, self.request.site_id)

    def statements(
        self, engine: Engine, columns: Sequence[Column], _start: datetime, _end: datetime, cutoff: datetime
    ) -> Iterator[BoundStatement]:
        """The cutoff does not apply to figures."""
        return _run_in_context(copy_context(), self._copy_rows(engine, columns, cutoff))

    def _copy_rows(self, engine: Engine, columns: Sequence[Column], now: datetime) -> Iterator[BoundStatement]:
        # With the engine of column files, 75 MB.
        from analytics.users.user_list import open_user_list

        statement = copy_statement(columns, self.request.format, self.request.zone, json_from_clause(COLUMNS))
        request = self._read_request(engine, now)
        group = find_group(request)
        with open_user_list(request, group, LIST_TIMEOUT_S) as users:
            cursor, is_last = None, False
            while not is_last:
                page = users.read_page(cursor, ROWS_PER_COPY)
                yield statement, {"rows": as_json(COLUMNS, page.users)} | FORMULA_PARAMETERS
                cursor, is_last = page.next_cursor, page.next_cursor is None

    def _read_request(self, engine: Engine, now: datetime) -> ReportRequest:
        """As the API would read it. Raises NotFound."""
        request, row_filter = self.request, self.request.filter
        with read_transaction(engine, TIMEOUT_S) as connection:
            site = read_site_by_id(connection, request.site_id)
        if site is None:
            raise NotFound("the site does not exist any more")
        query: dict[str, Any] = {**GroupBody().load(dict(request.users)), "include_bots": row_filter.include_bots}
        if "cohort" not in query:
            query |= {"from": format_utc(request.start), "to": format_utc(request.end), "zone": request.zone}
        query |= {"type": list(row_filter.types)} if row_filter.types else {}
        if row_filter.where:
            scope = resolve_scope(parse_filter(row_filter.where), query.get("scope"))
            query |= {"filter": row_filter.where, "scope": scope}
        return ReportRequest(site, query, now, None)


def _run_in_context(context: Context, statements: Iterator[BoundStatement]) -> Iterator[BoundStatement]:
    """The statements are computed in a thread of the export's own, which knows the application by the context."""
    while (statement := context.run(next, statements, None)) is not None:
        yield statement


def default_period(now: datetime, zone: ZoneInfo) -> Period:
    """Of a request without a period."""
    return DayRange.through_today(now, zone, DEFAULT_DAYS).period

"""The period of a report that can read raw events: its default and limit, and purged events.

query/, funnels/ and insights/ call it. It decides whether raw events are needed, opens them within STATEMENT_TIMEOUT,
and refuses what retention may have purged. Reports of whole days only: day_range.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from analytics.columnar.limits import QueryTimeout, QueryTooLarge
from analytics.errors import Invalid, Problem, bad_parameter
from analytics.extensions import settings
from analytics.period import PARAMETER_EXAMPLES, Period, period_parameter, read_period
from analytics.reports.day_range import DEFAULT_DAYS, DayRange
from analytics.reports.request import ReportRequest, purged_error
from analytics.rollups.calendar import Calendar

MAX_QUERY_DAYS = 3660
# Time series by these units have shorter limits.
MAX_DAYS_BY_GRANULARITY = {"hour": 31, "day": 366}
# Clock changes may make a number of days longer than 24 hours each.
DST_SLACK = timedelta(hours=2)
QUERY_CANCELED = "57014"


def read_report_period(
    request: ReportRequest, zone: ZoneInfo, default_days: int = DEFAULT_DAYS, max_days: int = MAX_QUERY_DAYS
) -> Period:
    """The request's period; without one, `default_days` through today. Raises BadInput."""
    default = DayRange.through_today(request.now, zone, default_days).period
    period = read_period(request.query, zone, request.now, default)
    unit, limit = request.query.get("granularity") or "", longest_period(request, max_days)
    if period.end - period.start > timedelta(days=limit) + DST_SLACK:
        by_unit = f" by {unit}" if unit in MAX_DAYS_BY_GRANULARITY else ""
        detail = f"the period is too long; accepted: up to {limit:,} days{by_unit}"
        raise bad_parameter(period_parameter(request.query), detail, PARAMETER_EXAMPLES["days"])
    return period


def longest_period(request: ReportRequest, max_days: int = MAX_QUERY_DAYS) -> int:
    """The most days that a period of the request may have."""
    return MAX_DAYS_BY_GRANULARITY.get(request.query.get("granularity") or "", max_days)


def parameter_needing_raw(request: ReportRequest, period: Period, rollups_zone: str) -> str | None:
    """The parameter that needs raw events: a filter, another zone, a period that cuts a day. None: rollups answer."""
    if "filter" in request.query:
        return "filter"
    if period.zone.key != rollups_zone:
        return "zone" if "zone" in request.query else "timezone"
    return None if DayRange.from_period(period) else period_parameter(request.query)


@contextmanager
def open_raw_events(
    request: ReportRequest, period: Period, parameter: str, timeout_s: float | None = None
) -> Iterator[tuple[Connection, Calendar]]:
    """A connection to raw events at one instant, and the site's calendar. `parameter`: the one that needs raw events.

    Raises BadInput where events of the period may be purged, Invalid where a statement exceeds `timeout_s` (None:
    STATEMENT_TIMEOUT), or needs too much memory.
    """
    with explain_timeout(request, period), request.open_connection(timeout_s) as (connection, calendar):
        refuse_purged(parameter, period, calendar.raw_since)
        yield connection, calendar


@contextmanager
def explain_timeout(request: ReportRequest, period: Period) -> Iterator[None]:
    """Raises Invalid where a statement that reads raw events of the period exceeds STATEMENT_TIMEOUT or its memory."""
    try:
        yield
    except QueryTimeout as error:
        raise _too_slow(request, period) from error
    except QueryTooLarge as error:
        raise _too_large(request, period) from error
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == QUERY_CANCELED:
            raise _too_slow(request, period) from error
        raise


def refuse_purged(parameter: str, period: Period, raw_since: datetime | None) -> None:
    """Raises BadInput, which names the parameter, where events of the period may be purged."""
    if raw_since is not None and period.start < raw_since:
        raise purged_error(parameter, period.start, raw_since)


def _too_slow(request: ReportRequest, period: Period) -> Invalid:
    return _too_much(request, period, "too_slow", f"took longer than {settings().statement_timeout:g} s")


def _too_large(request: ReportRequest, period: Period) -> Invalid:
    current = settings()
    room = f"QUERY_MEMORY_MB ({current.query_memory_mb}) and COLUMNS_FOLDER_MB ({current.columns_folder_mb})"
    more = ", or fewer conditions on properties of payloads"
    return _too_much(request, period, "too_large", f"needs more than {room}", more)


def _too_much(request: ReportRequest, period: Period, code: str, what: str, more: str = "") -> Invalid:
    """422, not 503 with Retry-After: the same request would take as much again."""
    name, days = period_parameter(request.query), max(1, (period.end - period.start).days // 4)
    detail = f"{name}: reading the raw events of {period.first_date} to {period.last_date} {what} and was stopped; "
    detail += f"accepted: fewer days, for example days={days}{more}"
    return Invalid(detail, [Problem(None, name, code, detail)])

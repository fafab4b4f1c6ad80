"""What a question of these reports covers, and a bounded look at raw events for what rollups cannot tell.

The same rules as the canonical query's: whole days of the rollups' calendar come from rollups, all else from raw
events, within STATEMENT_TIMEOUT and while they are kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection
from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.errors import Invalid, Problem
from analytics.extensions import settings
from analytics.period import EXAMPLES, Period, read_period, read_zone
from analytics.reports.canonical import MOST_DAYS, MOST_DAYS_BY, QUERY_CANCELED, SLACK
from analytics.reports.days import DEFAULT_DAYS, PERIOD, refuse
from analytics.reports.filtered import PLAN
from analytics.reports.filters import Condition, conditions, parse_filter
from analytics.reports.question import Question, utc
from analytics.store import measures
from analytics.store.models import events


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose events, and when; `named`: the parameter that says the period, or would."""

    site_id: int
    period: Period
    filter: tuple[Condition, ...]
    bots: bool
    named: str

    @property
    def days(self) -> tuple[date, date] | None:
        """The whole days `[first, after)` that the period is; None: it begins or ends within one."""
        first, after = (clock.day_of(at, self.period.zone) for at in (self.period.start, self.period.end))
        bounds = clock.day_start(first, self.period.zone), clock.day_start(after, self.period.zone)
        return (first, after) if bounds == (self.period.start, self.period.end) else None

    def is_counted(self) -> ColumnElement[bool]:
        """Whether a row of events is looked at."""
        return measures.is_counted(self.site_id, self.period, self.bots) & conditions(self.filter, events.c)


def read_asked(question: Question, calendar: str) -> Asked:
    """The question understood; without a period, DEFAULT_DAYS through today. Raises BadInput."""
    query = question.query
    zone = read_zone(query, calendar)
    named = next((name for name in PERIOD if name in query), "days")
    tomorrow = clock.day_of(question.now, zone) + timedelta(days=1)
    first = tomorrow - timedelta(days=DEFAULT_DAYS)
    default = Period(clock.day_start(first, zone), clock.day_start(tomorrow, zone), zone)
    period = read_period(query, zone, question.now, default)
    unit = query.get("granularity") or ""
    most = MOST_DAYS_BY.get(unit, MOST_DAYS)
    if period.end - period.start > timedelta(days=most) + SLACK:
        by = f" by {unit}" if unit in MOST_DAYS_BY else ""
        raise refuse(named, f"at most {most:,} days{by} at once", EXAMPLES["days"])
    found = parse_filter(query["filter"]) if "filter" in query else ()
    return Asked(question.site.id, period, found, query.get("include_bots", False), named)


def raw_for(query: dict[str, Any], asked: Asked, calendar: str) -> str | None:
    """The parameter that asks for what no rollup holds; None: days of rollups can tell."""
    if "filter" in query:
        return "filter"
    if asked.period.zone.key != calendar:
        return "zone" if "zone" in query else "timezone"
    return None if asked.days else asked.named


@contextmanager
def raw_events(question: Question, asked: Asked, name: str) -> Iterator[Connection]:
    """Raw events at one instant, for queries that read millions; `name`: the parameter that asks for them.

    Raises BadInput where some may be gone, Invalid where a statement takes longer than STATEMENT_TIMEOUT.
    """
    try:
        with question.rows() as (connection, calendar):
            if calendar.raw_since is not None and asked.period.start < calendar.raw_since:
                detail = f"raw events before {utc(calendar.raw_since)} may be gone, and this needs them"
                raise refuse(name, detail, EXAMPLES["from"])
            connection.execute(PLAN)
            yield connection
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == QUERY_CANCELED:
            raise _too_slow(asked) from error
        raise


def _too_slow(asked: Asked) -> Invalid:
    """The same question again would take as long, so that 503 and Retry-After would mislead."""
    days = max(1, (asked.period.end - asked.period.start).days // 4)
    detail = f"{asked.named}: reading the raw events of {asked.period.first_date} to {asked.period.last_date} took "
    detail += f"longer than {settings().statement_timeout:g} s, so it was stopped; ask for fewer days, as days={days}"
    return Invalid(detail, [Problem(None, asked.named, "too_slow", detail)])

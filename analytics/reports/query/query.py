"""The canonical query: any measure, over any period, by time or by what events say, of whatever a filter leaves.

The views ask `answer` for a report. Whole days of the rollups' calendar come from rollups; what they cannot tell is
counted among raw events, within STATEMENT_TIMEOUT and while they are kept. The answer's `meta.source` says which.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.errors import Invalid, Problem
from analytics.extensions import settings
from analytics.period import EXAMPLES, Period, read_period, read_zone
from analytics.reports.buckets import Bucket, cut
from analytics.reports.cache import cached
from analytics.reports.counted import Counts, Source, Wanted
from analytics.reports.days import DEFAULT_DAYS, PERIOD, refuse
from analytics.reports.filtered import Rows
from analytics.reports.filters import parse_filter
from analytics.reports.question import Question, bounds, utc
from analytics.reports.unfiltered import KNOWN, Rollups

MOST_DAYS = 3660
# A series of these is shorter.
MOST_DAYS_BY = {"hour": 31, "day": 366}
# Days that change their length.
SLACK = timedelta(hours=2)
QUERY_CANCELED = "57014"
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A question understood. `raw_for`: the parameter that asks for what rollups do not hold; None: they can tell."""

    query: Mapping[str, Any]
    wanted: Wanted
    period: Period
    raw_for: str | None

    @property
    def previous(self) -> Period | None:
        """As many days, or as much time, right before the period; None: no comparison was asked for."""
        if "compare" not in self.query:
            return None
        start, end, zone = self.period.start, self.period.end, self.period.zone
        if days := _days(self.period):
            first, after = days
            return _of_days(first - (after - first), first, zone)
        return Period(start - (end - start), start, zone)


Report = Callable[[Asked, Source], dict[str, Any]]


def answer(question: Question, name: str, report: Report, types: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The report with its `meta`; of a period that is over it may be kept. `types`: unless the caller names some.

    Raises BadInput; Invalid when raw events cannot be counted within STATEMENT_TIMEOUT.
    """
    with question.rollups() as found:
        asked = _read_asked(question, found.zone, types)
        if asked.raw_for is None:
            source = Rollups(found, asked.wanted)
            meta = question.meta(asked.period, "rollup")
            return cached(question, name, asked.period, lambda: report(asked, source) | {"meta": meta})
    meta = question.meta(asked.period, "raw")
    return cached(question, name, asked.period, lambda: _count_raw(question, asked, report) | {"meta": meta})


def _count_raw(question: Question, asked: Asked, report: Report) -> dict[str, Any]:
    try:
        with question.rows() as (connection, calendar):
            _refuse_gone(asked, calendar.raw_since)
            return report(asked, Rows(connection, asked.wanted))
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == QUERY_CANCELED:
            raise _too_slow(asked) from error
        raise


def _refuse_gone(asked: Asked, raw_since: datetime | None) -> None:
    if raw_since is None:
        return
    if asked.period.start < raw_since:
        name, more = str(asked.raw_for), "whole days of the site's own zone are still known without a filter"
        raise refuse(name, f"raw events before {utc(raw_since)} may be gone; {more}", EXAMPLES["from"])
    if asked.previous and asked.previous.start < raw_since:
        detail = f"raw events of the previous period may be gone, those before {utc(raw_since)}; leave it out"
        raise refuse("compare", detail, EXAMPLES["days"])


def _too_slow(asked: Asked) -> Invalid:
    """The same question again would take as long, so that 503 and Retry-After would mislead."""
    name, period = _named(asked.query), asked.period
    days = max(1, (period.end - period.start).days // 4)
    detail = f"{name}: counting the raw events of {period.first_date} to {period.last_date} took longer than "
    detail += f"{settings().statement_timeout:g} s, so it was stopped; ask for fewer days, for example days={days}"
    return Invalid(detail, [Problem(None, name, "too_slow", detail)])


def _read_asked(question: Question, calendar: str, types: tuple[str, ...] | None) -> Asked:
    query = question.query
    period = _read_period(question, read_zone(query, calendar))
    conditions = parse_filter(query["filter"]) if "filter" in query else ()
    wanted = Wanted(
        question.site.id, tuple(query.get("type") or ()) or types, query.get("include_bots", False), conditions
    )
    return Asked(query, wanted, period, _raw_for(query, calendar, period))


def _read_period(question: Question, zone: ZoneInfo) -> Period:
    """Without any, DEFAULT_DAYS through today."""
    tomorrow = clock.day_of(question.now, zone) + timedelta(days=1)
    default = _of_days(tomorrow - timedelta(days=DEFAULT_DAYS), tomorrow, zone)
    period = read_period(question.query, zone, question.now, default)
    unit = question.query.get("granularity", "")
    most = MOST_DAYS_BY.get(unit, MOST_DAYS)
    if period.end - period.start > timedelta(days=most) + SLACK:
        by = f" by {unit}" if unit in MOST_DAYS_BY else ""
        raise refuse(_named(question.query), f"at most {most:,} days{by} at once", EXAMPLES["days"])
    return period


def _of_days(first: date, after: date, zone: ZoneInfo) -> Period:
    return Period(clock.day_start(first, zone), clock.day_start(after, zone), zone)


def _days(period: Period) -> tuple[date, date] | None:
    """The whole days `[first, after)` that the period is; None: it begins or ends within one."""
    first, after = (clock.day_of(at, period.zone) for at in (period.start, period.end))
    return (first, after) if _of_days(first, after, period.zone) == period else None


def _raw_for(query: Mapping[str, Any], calendar: str, period: Period) -> str | None:
    if "filter" in query:
        return "filter"
    if period.zone.key != calendar:
        return "zone" if "zone" in query else "timezone"
    if query.get("dimension", "type") not in KNOWN:
        return "dimension"
    return None if _days(period) else _named(query)


def _named(query: Mapping[str, Any]) -> str:
    """The parameter that says the period, or would."""
    return next((name for name in PERIOD if name in query), "days")


def summary(asked: Asked, source: Source) -> dict[str, Any]:
    """The period in one line; with `compare`, the previous one too and by which part of it each figure has changed."""
    [counts] = source.count(asked.period, "all")
    found = describe(counts)
    if asked.previous is None:
        return found
    [counts] = source.count(asked.previous, "all")
    previous = describe(counts)
    return found | {"previous": bounds(asked.previous) | previous, "change": change(found, previous)}


def describe(counts: Counts) -> dict[str, Any]:
    """A rate or a mean of no visits is null."""
    visits = counts.visits
    return {
        "page_views": counts.page_views,
        "visitors": counts.visitors,
        "visits": visits.visits,
        "bounce_rate": _rounded(visits.bounce_rate),
        "avg_visit_duration_s": _rounded(visits.avg_duration_s),
        "views_per_visit": _rounded(visits.views_a_visit),
        "events": counts.events,
    }


def change(now: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, float | None]:
    """By which part of what it was each figure has grown: 0.5 is half as much again; null: it was nothing."""
    return {
        name: _rounded((figure - previous[name]) / previous[name]) if figure is not None and previous[name] else None
        for name, figure in now.items()
    }


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, DIGITS)


def timeseries(asked: Asked, source: Source) -> dict[str, Any]:
    """A line a bucket, also where nothing happened; with `compare`, the previous period's series beside it."""
    unit = asked.query["granularity"]
    found: dict[str, Any] = {"granularity": unit, "series": _series(asked.period, unit, source)}
    if asked.previous is None:
        return found
    return found | {"previous": {**bounds(asked.previous), "series": _series(asked.previous, unit, source)}}


def _series(period: Period, unit: str, source: Source) -> list[dict[str, Any]]:
    lines = zip(cut(period, unit), source.count(period, unit), strict=True)
    return [_point(bucket, counts, period.zone) for bucket, counts in lines]


def _point(bucket: Bucket, counts: Counts, zone: ZoneInfo) -> dict[str, Any]:
    when = {"date": str(bucket.first), "ts": bucket.start.astimezone(zone).isoformat()}
    people = {"page_views": counts.page_views, "visitors": counts.visitors, "visits": counts.visits.visits}
    return when | {"to": bucket.end.astimezone(zone).isoformat(), "events": counts.events, **people}

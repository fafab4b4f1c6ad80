"""Seed 004's reports on a website: its traffic, beside that of the days before, by day and by hour. From rollups.

Rates are percentages, as the seed's clients show them, and times are seconds. A visit counts where it began; its
figures come with the merge of its page views, seconds after the views themselves.
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pyroaring import BitMap64

from analytics import clock
from analytics.reports.active import Whom, count_active
from analytics.reports.counted import VIEWS
from analytics.reports.days import Days
from analytics.reports.question import utc
from analytics.rollups.reading import Snapshot
from analytics.rollups.visit_tally import VisitSums

ONE_HOUR = timedelta(hours=1)
NO_VISITS = VisitSums(0, 0, 0, 0)


class Scope(NamedTuple):
    """What a report is about: the days, lines of each list, whether programs count too."""

    days: Days
    limit: int
    bots: bool = False

    @property
    def asked(self) -> dict[str, Any]:
        """Page views, for a Snapshot."""
        return {"types": VIEWS, "bots": self.bots}

    @property
    def before(self) -> "Scope":
        """As many days right before them."""
        first, after, _ = self.days
        return self._replace(days=self.days._replace(first=first - (after - first), after=first))


class Traffic(NamedTuple):
    """Page views of some days, the people behind them, and the visits that began on these days."""

    views: int
    people: BitMap64
    visits: VisitSums

    @property
    def bounce_rate(self) -> float:
        """Visits of one page view among all."""
        return percent(self.visits.bounces, self.visits.visits) or 0.0

    @property
    def avg_session_time(self) -> float:
        """From the first page view of a visit to its last."""
        return round(self.visits.avg_duration_s or 0.0, 2)

    @property
    def pages_per_session(self) -> float:
        return round(self.visits.views_a_visit or 0.0, 2)

    def as_json(self) -> dict[str, Any]:
        """The seed's `metrics`. total_visitors are visits, each time somebody came; unique_visitors are people."""
        return {
            "page_views": self.views,
            "total_visitors": self.visits.visits,
            "unique_visitors": len(self.people),
            "sessions": self.visits.visits,
            "bounce_rate": self.bounce_rate,
            "avg_session_time": self.avg_session_time,
            "pages_per_session": self.pages_per_session,
        }


def read_traffic(found: Snapshot, scope: Scope) -> Traffic:
    """Two queries; one bitmap is read of each span that covers the days."""
    first, after, _ = scope.days
    total = found.total(first, after, **scope.asked)
    visits = found.visits("total", first, after, scope.bots).values()
    return Traffic(total.events, total.users, VisitSums(*map(sum, zip(NO_VISITS, *visits, strict=True))))


def percent(part: float, whole: float) -> float | None:
    """`part` of `whole`, two digits; None of nothing."""
    return round(100 * part / whole, 2) if whole else None


def change(now: float, before: float) -> float | None:
    """By how many percent it grew; None where there was nothing."""
    return percent(now - before, before)


def compare(now: Traffic, before: Traffic) -> dict[str, Any]:
    """The seed's `comparison`, with as many days right before; each change in percent."""
    return {
        "current_period": now.as_json(),
        "previous_period": before.as_json(),
        "total_visitor_change": change(now.visits.visits, before.visits.visits),
        "visitor_change": change(len(now.people), len(before.people)),
        "pageview_change": change(now.views, before.views),
        "session_change": change(now.visits.visits, before.visits.visits),
        "bounce_change": change(now.bounce_rate, before.bounce_rate),
        "duration_change": change(now.avg_session_time, before.avg_session_time),
    }


def summarise(found: Snapshot, scope: Scope) -> dict[str, Any]:
    """4.E12. The growth rates compare with as many days right before.

    engagement_score = 100 * visits of two page views or more / visits, GA4's engagement rate without its timer.
    retention_rate = 100 * people of the days before who came again in these days / people of the days before; null when
    nobody came before. new_visitors: people who had no page view on any earlier day; the others are returning.
    """
    now, before = read_traffic(found, scope), read_traffic(found, scope.before)
    active = count_active(found, scope.days, Whom(VIEWS, scope.bots))
    visits, came_before = now.visits, len(before.people)
    return {
        "total_page_views": now.views,
        "total_visitors": visits.visits,
        "unique_visitors": len(now.people),
        "total_sessions": visits.visits,
        "bounce_rate": now.bounce_rate,
        "avg_session_time": now.avg_session_time,
        "pages_per_session": now.pages_per_session,
        "growth_rate": change(now.views, before.views),
        "visitors_growth_rate": change(len(now.people), came_before),
        "sessions_growth_rate": change(visits.visits, before.visits.visits),
        "new_visitors": active.new,
        "returning_visitors": active.returning,
        "engagement_score": percent(visits.visits - visits.bounces, visits.visits) or 0.0,
        "retention_rate": percent(now.people.intersection_cardinality(before.people), came_before),
    }


def list_days(found: Snapshot, scope: Scope) -> dict[str, Any]:
    """4.E13: a line a day, zeros where nobody came."""
    known = found.days(scope.days.first, scope.days.after, **scope.asked)
    return {"daily_stats": [_point(day, known) | {"date": str(day)} for day in scope.days.dates]}


def _point(place: Any, known: Any) -> dict[str, Any]:
    count = known.get(place)
    return {"views": count.events, "unique": len(count.users)} if count else {"views": 0, "unique": 0}


class Hour(NamedTuple):
    """`[start, end)`, an hour of a site's day; `number`: full hours since the day began."""

    day: date
    number: int
    start: datetime
    end: datetime


def hours_of(days: Days, until: datetime) -> list[Hour]:
    """The hours of the days that begin before `until`. The last of a day is short where clocks move by half an hour."""
    hours = []
    for day in days.dates:
        start, end = clock.day_bounds(day, days.zone)
        for number in range(-((start - end) // ONE_HOUR)):
            begins = start + number * ONE_HOUR
            hours.append(Hour(day, number, begins, min(begins + ONE_HOUR, end)))
    return [hour for hour in hours if hour.start < until]


def list_hours(found: Snapshot, hours: list[Hour], zone: ZoneInfo, bots: bool = False) -> list[dict[str, Any]]:
    """4.E14: a line an hour of the site's clocks, as a clock in `zone` shows it; zeros where nobody came. One query.

    In a zone that is half an hour off the site's, hours begin at half past.
    """
    if not hours:
        return []
    after = hours[-1].day + timedelta(days=1)
    known = found.counts("hour", hours[0].day, after, types=VIEWS, bots=bots)
    lines = []
    for day, number, start, _ in hours:
        local = start.astimezone(zone)
        times = {"timestamp": utc(start), "hour_label": f"{local:%H:%M}"}
        lines.append({"hour": local.hour, **_point((day, f"{number:02d}"), known), **times})
    return lines

"""Seed 004's figures of a website: its traffic, compared with the days before, and by day. From rollups.

The routes in views.py and the dashboard call it. Rates are percentages, as the seed's clients show them; times are
seconds. A visit counts on the day it began.
"""

from typing import Any, NamedTuple

from pyroaring import BitMap64

from analytics.period import Period
from analytics.reports.audience.active import AudienceFilter, count_active
from analytics.reports.comparison import Comparison
from analytics.reports.day_range import DayRange
from analytics.reports.query.measures import PAGE_VIEW_TYPES
from analytics.rollups.deltas.counts import Count
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.rollups.snapshot.visit_lists import VisitDays
from analytics.rollups.visits.sums import VisitSums

NO_VISITS = VisitSums()


class ReportOptions(NamedTuple):
    """The period of a report, the rows of each list, whether events of bots count too, and what it is compared with."""

    period: Period
    limit: int
    bots: bool = False
    comparison: Comparison | None = None

    @property
    def days(self) -> DayRange:
        """The days that the period touches, of which a snapshot that is clipped to it has what lies in the period."""
        return DayRange.covering(self.period)

    @property
    def required_comparison(self) -> Comparison:
        """Of a report that always compares."""
        if self.comparison is None:
            raise ValueError("this report has no comparison")
        return self.comparison

    def of(self, period: Period) -> "ReportOptions":
        """The same for another period."""
        return self._replace(period=period, comparison=None)

    @property
    def event_filter(self) -> dict[str, Any]:
        """Page views, for a Snapshot."""
        return {"types": PAGE_VIEW_TYPES, "bots": self.bots}

    @property
    def visit_days(self) -> VisitDays:
        """The days, for lists of visits."""
        return VisitDays(self.days.first, self.days.after, self.bots)


class Traffic(NamedTuple):
    """Page views of some days, the users behind them, and the visits that began on these days."""

    views: int
    users: BitMap64
    visits: VisitSums

    @property
    def bounce_rate(self) -> float:
        """Visits of one page view, of all visits."""
        return percent(self.visits.bounces, self.visits.visits) or 0.0

    @property
    def avg_session_time(self) -> float:
        """Mean time from the first page view of a visit to its last."""
        return round(self.visits.avg_duration_s or 0.0, 2)

    @property
    def pages_per_session(self) -> float:
        return round(self.visits.views_per_visit or 0.0, 2)

    @property
    def rates(self) -> dict[str, float]:
        """The fields of schemas.VisitRates."""
        return {
            "bounce_rate": self.bounce_rate,
            "avg_session_time": self.avg_session_time,
            "pages_per_session": self.pages_per_session,
        }

    def as_json(self) -> dict[str, Any]:
        """The seed's `metrics`. total_visitors counts visits, unique_visitors users."""
        return {
            "page_views": self.views,
            "total_visitors": self.visits.visits,
            "unique_visitors": len(self.users),
            "sessions": self.visits.visits,
            **self.rates,
        }


def read_traffic(snapshot: Snapshot, options: ReportOptions) -> Traffic:
    """Two queries; one bitmap of each span that covers the days is read. Of a day that the period cuts, hours."""
    first, after, _ = options.days
    snapshot = clip(snapshot, options.period.start, options.period.end)
    total = snapshot.total(first, after, **options.event_filter)
    visits = snapshot.visits("total", first, after, options.bots).values()
    return Traffic(total.events, total.users, VisitSums.total(visits))


def read_compared_traffic(snapshot: Snapshot, options: ReportOptions) -> tuple[Traffic, Traffic]:
    """The traffic of the two periods that are compared."""
    comparison = options.required_comparison
    periods = (comparison.current if comparison.by_hour else options.period), comparison.previous
    current, previous = (read_traffic(snapshot, options.of(period)) for period in periods)
    return current, previous


def percent(part: float, whole: float) -> float | None:
    """`part` of `whole`, rounded to two digits; None where `whole` is 0."""
    return round(100 * part / whole, 2) if whole else None


def percent_change(current: float, previous: float) -> float | None:
    """The growth in percent; None where `previous` is 0."""
    return percent(current - previous, previous)


def compare_traffic(current: Traffic, previous: Traffic) -> dict[str, Any]:
    """The seed's `comparison`; each change in percent."""
    return {
        "current_period": current.as_json(),
        "previous_period": previous.as_json(),
        "total_visitor_change": percent_change(current.visits.visits, previous.visits.visits),
        "visitor_change": percent_change(len(current.users), len(previous.users)),
        "pageview_change": percent_change(current.views, previous.views),
        "session_change": percent_change(current.visits.visits, previous.visits.visits),
        "bounce_change": percent_change(current.bounce_rate, previous.bounce_rate),
        "duration_change": percent_change(current.avg_session_time, previous.avg_session_time),
    }


def summarise_traffic(snapshot: Snapshot, options: ReportOptions) -> dict[str, Any]:
    """4.E12. The growth rates compare with the same number of days right before, or what `compare` names.

    engagement_score = 100 * visits of two page views or more / visits, GA4's engagement rate without its timer.
    retention_rate = 100 * users of the previous days who are also users of these days / users of the previous days, of
    all of them; null when there were none. new_visitors: users without a page view before; the others are returning.
    """
    traffic, (current, previous) = read_traffic(snapshot, options), read_compared_traffic(snapshot, options)
    active = count_active(snapshot, options.period, AudienceFilter(PAGE_VIEW_TYPES, options.bots))
    visits, earlier = traffic.visits, read_traffic(snapshot, options.of(options.required_comparison.full)).users
    return {
        "total_page_views": traffic.views,
        "total_visitors": visits.visits,
        "unique_visitors": len(traffic.users),
        "total_sessions": visits.visits,
        **traffic.rates,
        "growth_rate": percent_change(current.views, previous.views),
        "visitors_growth_rate": percent_change(len(current.users), len(previous.users)),
        "sessions_growth_rate": percent_change(current.visits.visits, previous.visits.visits),
        "new_visitors": active.new,
        "returning_visitors": active.returning,
        "engagement_score": percent(visits.visits - visits.bounces, visits.visits) or 0.0,
        "retention_rate": percent(traffic.users.intersection_cardinality(earlier), len(earlier)),
    }


def build_daily_stats(snapshot: Snapshot, options: ReportOptions) -> dict[str, Any]:
    """4.E13: a row for each day, also for one without page views."""
    counts = snapshot.daily_totals(options.days.first, options.days.after, **options.event_filter)
    return {"daily_stats": [{"date": str(day), **unique_views(counts.get(day))} for day in options.days.dates]}


def unique_views(count: Count | None) -> dict[str, int]:
    """The fields of UniqueViews; None: no page views."""
    return {"views": count.events, "unique": len(count.users)} if count else {"views": 0, "unique": 0}

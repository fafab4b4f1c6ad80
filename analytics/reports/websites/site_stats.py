"""Seed 002's report: page views of a site, the users behind them, and the paths they viewed. From rollups.

The route `/stats` in views.py calls it.
"""

from typing import Any

from analytics.period import Period
from analytics.reports.day_range import (
    MAX_DAYS,
    DayRange,
    has_period,
    read_period_of_rollups,
    read_today,
    since_first_day,
)
from analytics.reports.labels import label_value
from analytics.reports.query.measures import PAGE_VIEW_TYPES
from analytics.reports.request import ReportRequest
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.snapshot import Snapshot


def build_report(snapshot: Snapshot, request: ReportRequest, limit: int) -> dict[str, Any]:
    """The response, for the requested days or all time. Reads a user bitmap of each span; the list costs as
    Snapshot.top_values."""
    period = _read_period(snapshot, request)
    days, snapshot = DayRange.covering(period), clip(snapshot, period.start, period.end)
    event_filter: dict[str, Any] = {"types": PAGE_VIEW_TYPES, "bots": request.include_bots}
    total = snapshot.total(days.first, days.after, **event_filter)
    paths = snapshot.top_values("path", days.first, days.after, limit, **event_filter)
    return {
        "site_id": request.site.key,
        "date": request.query.get("date"),
        "total_views": total.events,
        "unique_users": len(total.users),
        "top_paths": [{"path": label_value("path", path.value), "views": path.events} for path in paths],
        "meta": request.meta(period, "rollup"),
    }


def _read_period(snapshot: Snapshot, request: ReportRequest) -> Period:
    if has_period(request):
        return read_period_of_rollups(request, snapshot.zone, max_days=MAX_DAYS)
    return since_first_day(snapshot, read_today(request, snapshot.zone)).period

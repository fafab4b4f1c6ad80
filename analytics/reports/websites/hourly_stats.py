"""Seed 004's page views by hour (4.E14). From rollups, which count the hours of the site's own days.

The route in views.py calls it: `read_hours` for the hours that the request names, then `build_hourly_stats`.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.period import PARAMETER_EXAMPLES, Period, read_period
from analytics.reports.day_range import DayRange, bad_parameter, has_period, read_period_of_rollups
from analytics.reports.query.measures import PAGE_VIEW_TYPES
from analytics.reports.request import ReportRequest, format_utc
from analytics.reports.websites.website import unique_views
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.snapshot import Snapshot

ONE_HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
DEFAULT_HOURS, MAX_HOURS = 24, 31 * 24


class Hour(NamedTuple):
    """`[start, end)`, an hour of a site's day; `number`: full hours since the day began."""

    day: date
    number: int
    start: datetime
    end: datetime


def read_hours(request: ReportRequest, rollups_zone: str) -> list[Hour]:
    """The hours of the requested period that have begun; without a period, the last 24, with the current one.

    ?timezone only changes how hours are shown. Raises BadInput for more than MAX_HOURS hours.
    """
    zone, until = clock.zone(rollups_zone), request.now + timedelta.resolution
    if has_period(request) and "hours" not in request.query:
        query = {name: value for name, value in request.query.items() if name not in ("zone", "timezone")}
        period = read_period_of_rollups(replace(request, query=query), rollups_zone, max_days=MAX_HOURS // 24)
        hours = split_into_hours(DayRange.covering(period), min(until, period.end))
        return [_cut(hour, period) for hour in hours if hour.end > period.start]
    default = Period(request.now - timedelta(hours=DEFAULT_HOURS), request.now, zone)
    period = read_period(request.query, zone, request.now, default)
    if period.end - period.start > timedelta(hours=MAX_HOURS):
        raise bad_parameter("hours", f"too many; accepted: up to {MAX_HOURS}", PARAMETER_EXAMPLES["hours"])
    days = DayRange(period.first_date, clock.day_of(request.now, zone) + ONE_DAY, zone)
    return [hour for hour in split_into_hours(days, until) if hour.start > period.start]


def _cut(hour: Hour, period: Period) -> Hour:
    return hour._replace(start=max(hour.start, period.start), end=min(hour.end, period.end))


def split_into_hours(days: DayRange, until: datetime) -> list[Hour]:
    """The hours of the days that begin before `until`. A day's last hour is shorter where clocks move by half an
    hour."""
    hours = []
    for day in days.dates:
        start, end = clock.day_bounds(day, days.zone)
        for number in range(-((start - end) // ONE_HOUR)):
            hour_start = start + number * ONE_HOUR
            hours.append(Hour(day, number, hour_start, min(hour_start + ONE_HOUR, end)))
    return [hour for hour in hours if hour.start < until]


def build_hourly_stats(
    snapshot: Snapshot, hours: list[Hour], zone: ZoneInfo, bots: bool = False
) -> list[dict[str, Any]]:
    """A row for each hour of the site's zone, in the local time of `zone`; zeros where there are no views. One query.

    In a zone that differs by half an hour from the site's, hours begin at half past.
    """
    if not hours:
        return []
    snapshot = clip(snapshot, hours[0].start, hours[-1].end)
    counts = snapshot.counts("hour", hours[0].day, hours[-1].day + ONE_DAY, types=PAGE_VIEW_TYPES, bots=bots)
    rows = []
    for day, number, start, _ in hours:
        local = start.astimezone(zone)
        times = {"timestamp": format_utc(start), "hour_label": f"{local:%H:%M}"}
        rows.append({"hour": local.hour, **unique_views(counts.get((day, f"{number:02d}"))), **times})
    return rows

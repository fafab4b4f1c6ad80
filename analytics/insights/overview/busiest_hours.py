"""The busiest hours of the week: page views, and visits that began, by weekday and hour of the site's local time. Pure.

overview.py calls it. A day of 23 or 25 hours counts in the hours that its clock showed.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.insights.overview.sources import HourCounts, HourKey

ONE_HOUR = timedelta(hours=1)
WEEKDAYS, HOURS = 7, 24


def fold_hours(hours: Mapping[HourKey, HourCounts], zone: ZoneInfo) -> dict[str, Any]:
    """For each measure seven rows, Monday first, of 24 sums, from midnight on."""
    grids = {name: [[0] * HOURS for _ in range(WEEKDAYS)] for name in HourCounts._fields}
    for (day, number), counts in hours.items():
        local = (clock.day_start(day, zone) + number * ONE_HOUR).astimezone(zone)
        for name, count in counts._asdict().items():
            grids[name][day.weekday()][local.hour] += count
    return grids

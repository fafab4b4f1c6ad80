"""The period of a report that counts in the rollups' calendar, and the days that it touches.

Reports on audience, links, websites and the overview call it; report_period.py is for those that can count all of a
period in raw events. Where the period cuts a day, they read a clipped snapshot (rollups/snapshot/clipped.py).
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.errors import BadInput, Problem
from analytics.errors import bad_parameter as bad_parameter
from analytics.period import PARAMETER_EXAMPLES, PERIOD_PARAMETERS, Period, period_parameter, read_period, read_zone
from analytics.reports.buckets import unit_bounds
from analytics.reports.request import ReportRequest
from analytics.rollups.snapshot.snapshot import Snapshot

DEFAULT_DAYS = 30
MAX_DAYS = 366


class DayRange(NamedTuple):
    """The days `[first, after)` of the zone's calendar."""

    first: date
    after: date
    zone: ZoneInfo

    @classmethod
    def of_day(cls, day: date, zone: ZoneInfo) -> "DayRange":
        """The one day."""
        return cls(day, day + timedelta(days=1), zone)

    @classmethod
    def through_today(cls, now: datetime, zone: ZoneInfo, length: int) -> "DayRange":
        """The `length` days that end with today."""
        today = clock.day_of(now, zone)
        return cls(today - timedelta(days=length - 1), today + timedelta(days=1), zone)

    @classmethod
    def from_period(cls, period: Period) -> "DayRange | None":
        """The whole days that the period is; None when it begins or ends within a day."""
        days = cls(period.first_date, period.after_date, period.zone)
        return days if days.period == period else None

    @classmethod
    def covering(cls, period: Period) -> "DayRange":
        """The days that the period touches; none for an empty period between two days."""
        return cls(period.first_date, period.after_date, period.zone)

    @property
    def period(self) -> Period:
        return Period(clock.day_start(self.first, self.zone), clock.day_start(self.after, self.zone), self.zone)

    @property
    def dates(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self.length)]

    @property
    def length(self) -> int:
        """Number of days."""
        return (self.after - self.first).days


def read_period_of_rollups(
    request: ReportRequest, rollups_zone: str, default_days: int = DEFAULT_DAYS, max_days: int | None = None
) -> Period:
    """The request's period in the rollups' zone; without one, `default_days` through today.

    Raises BadInput for another zone, and for a period that touches more than `max_days` days.
    """
    zone = _rollups_zone(request, rollups_zone)
    default = DayRange.through_today(request.now, zone, default_days).period
    period = read_period(request.query, zone, request.now, default)
    length = DayRange.covering(period).length
    if max_days is not None and length > max_days:
        detail = f"{length:,} days are too many; accepted: up to {max_days}"
        raise bad_parameter(period_parameter(request.query), detail, PARAMETER_EXAMPLES["days"])
    return period


def read_days(
    request: ReportRequest, rollups_zone: str, default_days: int = DEFAULT_DAYS, max_days: int | None = None
) -> DayRange:
    """The days that the request's period touches, for reports whose figures are of whole days or longer units.

    Raises BadInput as `read_period_of_rollups`.
    """
    return DayRange.covering(read_period_of_rollups(request, rollups_zone, default_days, max_days))


def read_last_day(request: ReportRequest, rollups_zone: str) -> DayRange:
    """The last day of the request's period; without one, today. Raises BadInput as `read_period_of_rollups`."""
    if "date" in request.query:
        zone = _rollups_zone(request, rollups_zone)
        period = read_period(request.query, zone, request.now, DayRange.through_today(request.now, zone, 1).period)
        # Not from the period: a day that the zone skipped has no instants.
        return DayRange.of_day(date.fromisoformat(request.query["date"]), period.zone)
    # That of the last instant: the day that follows today may be one that the zone skips.
    period = read_period_of_rollups(request, rollups_zone, 1)
    return DayRange.of_day(period.last_date, period.zone)


def read_today(request: ReportRequest, rollups_zone: str) -> DayRange:
    """Today, for a request without a period. Raises BadInput for another zone."""
    return DayRange.through_today(request.now, _rollups_zone(request, rollups_zone), 1)


def since_first_day(snapshot: Snapshot, days: DayRange) -> DayRange:
    """The days, and all days before them since the site's first event."""
    return days._replace(first=min(snapshot.first_day() or days.first, days.first))


def has_period(request: ReportRequest) -> bool:
    """The caller chose the days."""
    return any(name in request.query for name in PERIOD_PARAMETERS)


def expand_to_unit(day: DayRange, unit: str) -> DayRange:
    """The day, ISO week or calendar month that holds the first day of the range."""
    first, after = unit_bounds(day.first, unit)
    return day._replace(first=first, after=after)


def _rollups_zone(request: ReportRequest, rollups_zone: str) -> ZoneInfo:
    zone, site = read_zone(request.query, rollups_zone), request.site.key
    if zone.key == rollups_zone:
        return zone
    name = "zone" if "zone" in request.query else "timezone"
    detail = f"{name}: this report counts days of the site's own zone; accepted: {name}={rollups_zone}, or no {name}; "
    detail += f"to count the site's days anew in another zone: flask site set {site} --zone {zone.key}"
    raise BadInput(detail, [Problem(None, name, "bad_parameter", detail)])

"""The whole days of a report that counts days of the rollups' calendar. Refuses a period that cuts a day.

Reports on audience, links, websites and the overview call it; report_period.py is for those that can read raw events.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.errors import BadInput, Problem
from analytics.errors import bad_parameter as bad_parameter
from analytics.period import PARAMETER_EXAMPLES, Period, read_period, read_zone
from analytics.reports.buckets import unit_bounds
from analytics.reports.request import ReportRequest
from analytics.rollups.snapshot.snapshot import Snapshot

DEFAULT_DAYS = 30
MAX_DAYS = 366
# A request has at most one way to say its period; this is the order in which an error looks for it.
PERIOD_PARAMETERS = ("date", "days", "hours", "to", "from")


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
        days = cls(clock.day_of(period.start, period.zone), clock.day_of(period.end, period.zone), period.zone)
        return days if days.period == period else None

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


def read_days(
    request: ReportRequest, rollups_zone: str, default_days: int = DEFAULT_DAYS, max_days: int | None = None
) -> DayRange:
    """The request's days in the rollups' zone; without a period, `default_days` through today.

    Raises BadInput for another zone, for a period that cuts a day, for more than `max_days` days.
    """
    zone = _rollups_zone(request, rollups_zone)
    days = _whole_days(request, zone, default_days)
    if days is None:
        example = f"{PARAMETER_EXAMPLES['days']} or {PARAMETER_EXAMPLES['to']}"
        raise bad_parameter(period_parameter(request), "this report counts whole days", example)
    if max_days is not None and days.length > max_days:
        detail = f"{days.length:,} days are too many; accepted: up to {max_days}"
        raise bad_parameter(period_parameter(request), detail, PARAMETER_EXAMPLES["days"])
    return days


def read_day(request: ReportRequest, rollups_zone: str) -> DayRange:
    """The request's one day; without a period, today. Raises BadInput as `read_days`."""
    zone = _rollups_zone(request, rollups_zone)
    days = _whole_days(request, zone, 1)
    if "date" in request.query:
        # Not from the period: a day that the zone skipped has no instants.
        return DayRange.of_day(date.fromisoformat(request.query["date"]), zone)
    if days is None or days.length != 1:
        detail = "this report covers one calendar day"
        raise bad_parameter(period_parameter(request), detail, PARAMETER_EXAMPLES["date"])
    return days


def read_today(request: ReportRequest, rollups_zone: str) -> DayRange:
    """Today, for a request without a period. Raises BadInput for another zone."""
    return DayRange.through_today(request.now, _rollups_zone(request, rollups_zone), 1)


def since_first_day(snapshot: Snapshot, days: DayRange) -> DayRange:
    """The days, and all days before them since the site's first event."""
    return days._replace(first=min(snapshot.first_day() or days.first, days.first))


def has_period(request: ReportRequest) -> bool:
    """The caller chose the days."""
    return any(name in request.query for name in PERIOD_PARAMETERS)


def period_parameter(request: ReportRequest) -> str:
    """The parameter that sets the request's period; `days` when none does. Errors about the period name it."""
    return next((name for name in PERIOD_PARAMETERS if name in request.query), "days")


def expand_to_unit(day: DayRange, unit: str) -> DayRange:
    """The day, ISO week or calendar month that holds the first day of the range."""
    first, after = unit_bounds(day.first, unit)
    return day._replace(first=first, after=after)


def _whole_days(request: ReportRequest, zone: ZoneInfo, default_days: int) -> DayRange | None:
    """None when the period cuts a day."""
    default = DayRange.through_today(request.now, zone, default_days).period
    return DayRange.from_period(read_period(request.query, zone, request.now, default))


def _rollups_zone(request: ReportRequest, rollups_zone: str) -> ZoneInfo:
    zone, site = read_zone(request.query, rollups_zone), request.site.key
    if zone.key == rollups_zone:
        return zone
    name = "zone" if "zone" in request.query else "timezone"
    detail = f"{name}: this report counts days of the site's own zone; accepted: {name}={rollups_zone}, or no {name}; "
    detail += f"to count the site's days anew in another zone: flask site set {site} --zone {zone.key}"
    raise BadInput(detail, [Problem(None, name, "bad_parameter", detail)])

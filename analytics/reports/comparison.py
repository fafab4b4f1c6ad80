"""What a report is compared with: `compare` (the period before, the same dates a year before, or a range) and `align`.

query/, websites/ and funnels/ call `read_comparison`. A period that is still running is compared with the same elapsed
part of the other one, to the same local time (docs/decisions/0031). Only `keep_to_rollups` reads the database.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.errors import bad_parameter
from analytics.period import PARAMETER_EXAMPLES, Period, read_range
from analytics.reports.day_range import DayRange
from analytics.reports.request import ReportRequest, period_bounds, purged_error
from analytics.rollups.calendar import read_calendar
from analytics.rollups.snapshot.clipped import first_raw_instant
from analytics.rollups.snapshot.snapshot import Snapshot

PREVIOUS, YEAR, RANGE = "previous", "year", "range"
ELAPSED, WHOLE = "elapsed", "whole"
ALIGNMENTS = (ELAPSED, WHOLE)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Comparison(NamedTuple):
    """`previous` is compared with `current`, which is the report's period or the part of it that has elapsed.

    `full`: the whole period that `previous` is of. `by_hour`: both end with the last full hour, not now.
    """

    mode: str
    align: str
    current: Period
    previous: Period
    full: Period
    by_hour: bool = False

    def as_json(self) -> dict[str, Any]:
        """The response's `meta.compare`."""
        bounds = {"current": period_bounds(self.current), "previous": period_bounds(self.previous)}
        return {"mode": self.mode, "align": self.align, **bounds}

    def covered(self, period: Period) -> Period:
        """From the first instant that the report and its comparison read to the last. The cache takes it."""
        start, end = min(period.start, self.previous.start), max(period.end, self.previous.end)
        return Period(start, end, period.zone)


def read_comparison(
    request: ReportRequest, period: Period, max_days: int, default: str | None = None
) -> Comparison | None:
    """The comparison that the request names, else `default`; None without one. Raises BadInput.

    `max_days`: of a range. Without `align`, a running period is compared by what has elapsed, any other whole.
    """
    text = request.query.get("compare", default)
    if text is None:
        return None
    mode = text if text in (PREVIOUS, YEAR) else RANGE
    full = _full_period(period, mode, text, max_days)
    is_running = period.start <= request.now < period.end
    if not is_running or request.query.get("align") == WHOLE:
        return Comparison(mode, WHOLE, period, full, full)
    return _elapsed(Comparison(mode, ELAPSED, period, full, full), request.now)


def _full_period(period: Period, mode: str, text: str, max_days: int) -> Period:
    if mode == PREVIOUS:
        return previous_period(period)
    return year_before(period) if mode == YEAR else _read_range(text, period.zone, max_days)


def keep_to_rollups(snapshot: Snapshot, comparison: Comparison, of_values: bool = False) -> Comparison:
    """The comparison as rollups can count it: where raw events of the previous part's last hour may be purged, both
    parts end with the last full hour.

    Raises BadInput where that is not enough, and for counts `of_values`, which rollups do not have by hour.
    """
    calendar = read_calendar(snapshot.connection, snapshot.site_id) if not _is_of_days(comparison.previous) else None
    raw_since = calendar and calendar.raw_since
    if raw_since is None:
        return comparison
    first = _first_purged(comparison.previous, snapshot.zone, raw_since, of_values)
    if first is None:
        return comparison
    if comparison.align == ELAPSED and not of_values:
        by_hour = _cut_to_hour(comparison)
        if _first_purged(by_hour.previous, snapshot.zone, raw_since) is None:
            return by_hour
    raise purged_error("compare", first, raw_since, ", or align=whole" if comparison.align == ELAPSED else "")


def _is_of_days(period: Period) -> bool:
    return DayRange.from_period(period) is not None


def _first_purged(period: Period, rollups_zone: str, raw_since: datetime, of_values: bool = False) -> datetime | None:
    """From when on the period needs raw events, where those may be purged; else None."""
    first = first_raw_instant(period.start, period.end, rollups_zone, of_values)
    return first if first is not None and first < raw_since else None


def _cut_to_hour(comparison: Comparison) -> Comparison:
    """Up to the last full hour of the current day."""
    current = comparison.current
    day_start = clock.day_start(clock.day_of(current.end, current.zone), current.zone)
    until = day_start + (current.end - day_start) // HOUR * HOUR
    return _elapsed(comparison, max(current.start, until))._replace(by_hour=True)


def previous_period(period: Period) -> Period:
    """As many days right before the period; of a period that cuts a day, as much time."""
    if days := DayRange.from_period(period):
        return days._replace(first=days.first - timedelta(days=days.length), after=days.first).period
    return Period(period.start - (period.end - period.start), period.start, period.zone)


def year_before(period: Period) -> Period:
    """The same dates a year before, first and last; 29 February becomes 28 February. Of a period that cuts a day, the
    same local times. Weekdays differ: a range of 364 days before keeps them."""
    if days := DayRange.from_period(period):
        return DayRange(_year_before(days.first), _year_before(days.after - DAY) + DAY, days.zone).period
    start, end = (_instant_a_year_before(bound, period.zone) for bound in (period.start, period.end))
    return Period(start, end, period.zone)


def _instant_a_year_before(instant: datetime, zone: ZoneInfo) -> datetime:
    return _same_time_on(_year_before(clock.day_of(instant, zone)), instant, zone)


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _read_range(text: str, zone: ZoneInfo, max_days: int) -> Period:
    period = read_range("compare", text, zone)
    if period.end - period.start > timedelta(days=max_days, hours=2):
        detail = f"the range is too long; accepted: up to {max_days:,} days"
        raise bad_parameter("compare", detail, PARAMETER_EXAMPLES["compare"])
    return period


def _elapsed(comparison: Comparison, until: datetime) -> Comparison:
    """The comparison of what has elapsed at `until`, which lies in its current period."""
    current, full = comparison.current, comparison.full
    moved = min(max(_move(comparison, until), full.start), full.end)
    return comparison._replace(
        current=Period(current.start, until, current.zone), previous=Period(full.start, moved, full.zone)
    )


def _move(comparison: Comparison, instant: datetime) -> datetime:
    """The instant of the full previous period that corresponds to one of the current period: the same date a year
    before, else the same number of days after the start, at the same local time."""
    current, full = comparison.current, comparison.full
    if comparison.mode == YEAR:
        return _instant_a_year_before(instant, current.zone)
    first, other = (_day_that_begins_at(period.start, period.zone) for period in (current, full))
    if first is None or other is None:
        return full.start + (instant - current.start)
    return _same_time_on(other + (clock.day_of(instant, current.zone) - first), instant, current.zone)


def _day_that_begins_at(instant: datetime, zone: ZoneInfo) -> date | None:
    day = clock.day_of(instant, zone)
    return day if clock.day_start(day, zone) == instant else None


def _same_time_on(day: date, instant: datetime, zone: ZoneInfo) -> datetime:
    """The instant of the day at the local time of `instant`.

    A time that the day skips: the first instant after it. One that comes twice: the first, unless `instant` is itself
    the second of its day. Never outside the day.
    """
    start, end = clock.day_bounds(day, zone)
    local = instant.astimezone(zone)
    if local.date() != clock.day_of(instant, zone):
        # The hour that came back across midnight has the date of the day before.
        return min(start + (instant - clock.day_start(clock.day_of(instant, zone), zone)), end)
    wall = datetime.combine(day, local.time().replace(fold=0))
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None, fold=0) != wall:
        moved = _first_instant_at(wall, second, first, zone)
    else:
        moved = second if local.fold else first
    return min(max(moved, start), end)


def _first_instant_at(wall: datetime, low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first instant in `(low, high]` whose local time is `wall` or later: the end of the gap that `wall` is in."""
    while high - low > timedelta.resolution:
        middle = low + (high - low) / 2
        if middle.astimezone(zone).replace(tzinfo=None, fold=0) >= wall:
            high = middle
        else:
            low = middle
    return high

"""Active users of a day, week or month, and how many of them are new. Exact: unions of bitmaps, never sums of counts.

views.py, websites/, insights/ and exports/ call it. A user is new on the first day with an event of theirs that the
filter counts. The union of all earlier days decides, not the order of arrival: a late event moves its user from the new
users of a later day to those of the day of the event, and reports of both days change.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from pyroaring import BitMap64
from sqlalchemy import Connection, select

from analytics import clock
from analytics.period import Period
from analytics.reports.day_range import DayRange, expand_to_unit
from analytics.reports.query.measures import ratio
from analytics.reports.report_period import refuse_purged
from analytics.rollups import bitmaps
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.store import event_queries
from analytics.store.models import events

TRAILING_DAYS = {"week": 7, "month": 30}
# Days whose rows are in memory at a time: 20 MB at 100,000 users a day and a few types.
DAYS_AT_A_TIME = 120


class AudienceFilter(NamedTuple):
    """Which events count: those of `types` (None: all); `bots`: of bots too. Snapshot takes these keywords."""

    types: Sequence[str] | None = None
    bots: bool = False


class ActiveUsers(NamedTuple):
    """Distinct users, and how many of them are new."""

    users: int
    new: int

    @property
    def returning(self) -> int:
        return self.users - self.new


class ActiveUsersPoint(NamedTuple):
    """A day of the series: its users, and those of the 7 and the 30 days that end with it."""

    date: date
    dau: int
    wau: int
    mau: int

    @property
    def stickiness(self) -> float | None:
        """dau / mau; None when the month has no users."""
        return ratio(self.dau, self.mau)


def count_active(snapshot: Snapshot, period: Period, audience: AudienceFilter) -> ActiveUsers:
    """Distinct users of the period. Reads a bitmap a day and type, and those of all days before for the new users; of a
    day that the period cuts, hours and raw events."""
    days = DayRange.covering(period)
    active = clip(snapshot, period.start, period.end).total(days.first, days.after, **audience._asdict()).users
    return ActiveUsers(len(active), active.difference_cardinality(_users_until(snapshot, period, audience)))


def _users_until(snapshot: Snapshot, period: Period, audience: AudienceFilter) -> BitMap64:
    """All users active before the period."""
    day = clock.day_of(period.start, period.zone)
    day_start, first = clock.day_start(day, period.zone), snapshot.first_day()
    if day_start == period.start or first is None or first > day:
        return users_before(snapshot, day, audience)
    before = clip(snapshot, clock.day_start(first, period.zone), period.start)
    return before.total(first, day + timedelta(days=1), **audience._asdict()).users


def users_before(snapshot: Snapshot, day: date, audience: AudienceFilter) -> BitMap64:
    """All users active before the day. Reads a bitmap a type for each closed month and each day outside of those."""
    first = snapshot.first_day()
    return BitMap64() if first is None or first >= day else snapshot.total(first, day, **audience._asdict()).users


def users_by_day(
    snapshot: Snapshot, first: date, after: date, audience: AudienceFilter
) -> Iterator[tuple[date, BitMap64]]:
    """Each day of `[first, after)` that has events, with its users. One query for every DAYS_AT_A_TIME days."""
    while first < after:
        end = min(first + timedelta(days=DAYS_AT_A_TIME), after)
        for day, count in snapshot.daily_totals(first, end, **audience._asdict()).items():
            yield day, count.users
        first = end


def resolve_window(day: DayRange, unit: str, kind: str) -> tuple[DayRange, str]:
    """The days that count as the `unit` of the day, and the window's name in responses.

    trailing: the 7 or 30 days that end with the day. calendar: the ISO week or calendar month that holds it.
    """
    if kind == "calendar":
        return expand_to_unit(day, unit), unit
    return trailing_days(day, TRAILING_DAYS[unit]), f"{TRAILING_DAYS[unit]}d"


def trailing_days(days: DayRange, length: int) -> DayRange:
    """The days, preceded by the `length` - 1 days before the first of them."""
    return days._replace(first=days.first - timedelta(days=length - 1))


def daily_series(snapshot: Snapshot, days: DayRange, audience: AudienceFilter) -> list[ActiveUsersPoint]:
    """A point a day. Reads each bitmap once; a window's union costs 2 µs a day in it."""
    week, month = TRAILING_DAYS["week"], TRAILING_DAYS["month"]
    read_days = trailing_days(days, month)
    by_day = dict(users_by_day(snapshot, read_days.first, read_days.after, audience))
    users = [by_day.get(day, BitMap64()) for day in read_days.dates]
    return [
        ActiveUsersPoint(day, len(users[n]), _count_window(users, n, week), _count_window(users, n, month))
        for n, day in enumerate(days.dates, month - 1)
    ]


def _count_window(users: Sequence[BitMap64], last: int, length: int) -> int:
    return len(bitmaps.union(users[last - length + 1 : last + 1]))


def count_active_raw(
    connection: Connection, site_id: int, period: Period, raw_since: datetime | None, audience: AudienceFilter
) -> int:
    """Distinct users of a period in another zone than the site's. One query, O(events of the period).

    Served by partition pruning on ts and, inside a partition that the period cuts, by ix_events_ts (BRIN). Raises
    BadInput where events of the period may be purged.
    """
    refuse_purged("zone", period, raw_since)
    query = select(event_queries.active_users()).where(event_queries.is_counted(site_id, period, audience.bots))
    if audience.types is not None:
        query = query.where(events.c.type.in_(audience.types))
    return connection.execute(query).scalar_one()

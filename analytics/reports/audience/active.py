"""How many people were active: on a day, in a week, in a month, and who of them was new. Exact: unions of bitmaps.

A person is new on the first day, ever, that has an event of theirs among those that are counted (of the types asked
for; programs' too, when asked for). The union of the days before decides, not the order of arrival: an event that
arrives late moves its person from the new of a later day to those of its own, and a report of either day says so.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from pyroaring import BitMap64
from sqlalchemy import Connection, select

from analytics.reports.days import Days, around, refuse
from analytics.rollups import users
from analytics.rollups.reading import Snapshot
from analytics.store import measures
from analytics.store.models import events

TRAILING = {"week": 7, "month": 30}
# Days whose rows are in memory at a time: at 100,000 people a day and a few types, 20 MB.
DAYS_AT_A_TIME = 120


class Whom(NamedTuple):
    """Whose events are counted: those of `types` (None: all); `bots`: programs' too."""

    types: Sequence[str] | None = None
    bots: bool = False


class Active(NamedTuple):
    """Different people, and those of them who were there for the first time."""

    users: int
    new: int

    @property
    def returning(self) -> int:
        return self.users - self.new


class Point(NamedTuple):
    """A day of the series: its people, and those of the 7 and the 30 days that end with it."""

    date: date
    dau: int
    wau: int
    mau: int

    @property
    def stickiness(self) -> float | None:
        """Which part of the month's people came on the day; None: nobody came all month."""
        return round(self.dau / self.mau, 4) if self.mau else None


def count_active(found: Snapshot, days: Days, whom: Whom) -> Active:
    """Who was active in the days, each once. Reads a bitmap a day and type, and all earlier days for the new."""
    active = found.total(days.first, days.after, **whom._asdict()).users
    return Active(len(active), active.difference_cardinality(users_before(found, days.first, whom)))


def users_before(found: Snapshot, day: date, whom: Whom) -> BitMap64:
    """Everybody who was active before `day`: a bitmap a type is read for each closed month, and for each other day."""
    first = found.first_day()
    return BitMap64() if first is None or first >= day else found.total(first, day, **whom._asdict()).users


def people_by_day(found: Snapshot, first: date, after: date, whom: Whom) -> Iterator[tuple[date, BitMap64]]:
    """Each day with events in `[first, after)`, and who was active on it. A query for every DAYS_AT_A_TIME days."""
    while first < after:
        end = min(first + timedelta(days=DAYS_AT_A_TIME), after)
        for day, count in found.days(first, end, **whom._asdict()).items():
            yield day, count.users
        first = end


def window(day: Days, unit: str, kind: str) -> tuple[Days, str]:
    """The days that count as the `unit` of the day, and what they are called.

    trailing: the 7 or 30 days that end with it. calendar: the ISO week or the calendar month that holds it.
    """
    if kind == "calendar":
        return around(day, unit), unit
    return trailing(day, TRAILING[unit]), f"{TRAILING[unit]}d"


def trailing(day: Days, length: int) -> Days:
    """The `length` days that end with the first of `days`, and the others of them."""
    return day._replace(first=day.first - timedelta(days=length - 1))


def series(found: Snapshot, days: Days, whom: Whom) -> list[Point]:
    """A point a day. Each bitmap is read once; the unions of windows cost 2 µs a day in them."""
    week, month = TRAILING["week"], TRAILING["month"]
    read = trailing(days, month)
    known = dict(people_by_day(found, read.first, read.after, whom))
    people = [known.get(day, BitMap64()) for day in read.dates]
    return [
        Point(day, len(people[n]), _united(people, n, week), _united(people, n, month))
        for n, day in enumerate(days.dates, month - 1)
    ]


def _united(people: Sequence[BitMap64], last: int, length: int) -> int:
    return len(users.union(people[last - length + 1 : last + 1]))


def count_raw(connection: Connection, site_id: int, day: Days, raw_since: datetime | None, whom: Whom) -> int:
    """Different people with an event on a day of another calendar than the site's. One query, O(events of the day).

    Served by partition pruning on ts and, inside a partition that the local day cuts, by ix_events_ts (BRIN). Raises
    BadInput when some of its events may be gone.
    """
    if raw_since is not None and day.period.start < raw_since:
        detail = f"raw events of {day.first} may be gone; days of the site's own zone are still known"
        raise refuse("zone", detail, f"date={day.first} without a zone")
    query = select(measures.active_users()).where(measures.is_counted(site_id, day.period, whom.bots))
    if whom.types is not None:
        query = query.where(events.c.type.in_(whom.types))
    return connection.execute(query).scalar_one()

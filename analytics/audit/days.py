"""stored = rolled up: a site's rollups and waiting deltas against its raw events, day by day.

What is compared lies in one snapshot, so drains and merges that go on beside it make no difference. Days whose raw
events may be gone (`sites.raw_since`) are frozen: nothing is left to compare them with.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.audit import recount
from analytics.audit.postings import check_postings
from analytics.audit.recount import Place, Sums, VisitPlace
from analytics.audit.sheet import Day, Gap, Progress, Sheet
from analytics.audit.unions import check_unions
from analytics.rollups import guard, users
from analytics.rollups.delta import DIMENSIONS, Count, Delta, Key, unite
from analytics.rollups.users import as_bool, as_int, as_text, read_binary
from analytics.sites import Site
from analytics.store.reading import stored_partitions

ONE_DAY, VISIT_GAP = timedelta(days=1), timedelta(minutes=30)
# Days and dimensions compared row by row where `full` is not asked for.
SAMPLES = 5
FIRST_OF_ALL, LAST_OF_ALL = date(1, 1, 1), date(9999, 12, 31)


class Span(NamedTuple):
    """Days `[first, after)`; None: from the first, or to the last, that there is."""

    first: date | None = None
    after: date | None = None

    def hold(self, day: date) -> bool:
        return (self.first or FIRST_OF_ALL) <= day < (self.after or LAST_OF_ALL)


class Calendar(NamedTuple):
    """The zone that the rollups' days are in, and from when on raw events can answer for them (None: always)."""

    zone: str
    raw_since: datetime | None

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        return clock.day_bounds(day, clock.zone(self.zone))

    def is_frozen(self, day: date) -> bool:
        return self.raw_since is not None and self.bounds(day)[0] < self.raw_since


def check_days(
    engine: Engine, site: Site, span: Span, full: bool, samples: int, stored: int | None, tell: Progress, sheet: Sheet
) -> None:
    """Adds the site's days and their gaps to the sheet. `stored`: what the ledger had stored in all, before."""
    with recount.snapshot(engine) as connection:
        calendar = _read_calendar(connection, site.id)
        if calendar is None:
            sheet.notes.append(f"{site.key}: its days are moving to another zone: they cannot be checked just now")
            return
        days = _compare_sums(connection, site, calendar, span, stored, tell, sheet)
    pairs = [(day, dimension) for day in days for dimension in DIMENSIONS]
    if not full:
        pairs = sorted(random.sample(pairs, min(samples, len(pairs))))
    for day, dimension in pairs:
        tell(f"{site.key} {day} {dimension}")
        with recount.snapshot(engine) as connection:
            if _read_calendar(connection, site.id) == calendar:
                _compare_rows(connection, site, calendar, day, dimension, sheet)
    if full and days:
        tell(f"{site.key} visits")
        with recount.snapshot(engine) as connection:
            if _read_calendar(connection, site.id) == calendar:
                _compare_visits(connection, site, calendar, days, sheet)
    if full:
        with recount.snapshot(engine) as connection:
            check_unions(connection, site, span.first or FIRST_OF_ALL, span.after or LAST_OF_ALL, tell, sheet)
        with recount.snapshot(engine) as connection:
            check_postings(connection, site, span.first or FIRST_OF_ALL, span.after or LAST_OF_ALL, tell, sheet)


READ_CALENDAR = text("""
SELECT zone, rollups_zone, raw_since,
    ARRAY(SELECT DISTINCT d.zone FROM rollup_deltas d WHERE d.site_id = s.id) AS waiting
FROM sites s
WHERE id = :site_id
""")


def _read_calendar(connection: Connection, site_id: int) -> Calendar | None:
    """None while rollups and deltas are in different ones, and for a site that is gone."""
    row = connection.execute(READ_CALENDAR, {"site_id": site_id}).first()
    zones = {row.rollups_zone, *row.waiting} - {None} if row else set()
    if row is None or len(zones) > 1:
        return None
    return Calendar(zones.pop() if zones else row.zone, row.raw_since)


# A range of pk_rollups for each dimension; bitmaps stay where they are.
SUMS = text("""
SELECT dimension, day, sum(events)::bigint
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = ANY (:dimensions) AND day >= :first AND day < :after
    AND subject = ''
GROUP BY dimension, day
""")


def _compare_sums(
    connection: Connection, site: Site, calendar: Calendar, span: Span, stored: int | None, tell: Progress, sheet: Sheet
) -> list[date]:
    """Each dimension's events of each day against the number of raw events; the days that are not frozen."""
    waiting = Counter[tuple[str, date]]()
    for key, count in _waiting(connection, site.id, calendar.zone, DIMENSIONS).counts.items():
        if not key.subject and span.hold(key.day):
            waiting[key.dimension, key.day] += count.events
    given = {"first": span.first or FIRST_OF_ALL, "after": span.after or LAST_OF_ALL, "dimensions": list(DIMENSIONS)}
    rolled_up = Counter(waiting)
    for dimension, day, events in connection.execute(SUMS, {"site_id": site.id, **given}):
        rolled_up[dimension, day] += events
    if stored is not None and (total := sum(rolled_up[one] for one in rolled_up if one[0] == "total")) < stored:
        sheet.gaps.append(Gap(site.key, "all days", "stored events = rolled up", stored, total))
    whole = []
    for day in _days(connection, calendar, span, {day for _, day in rolled_up}):
        total, waits = rolled_up["total", day], waiting["total", day]
        if calendar.is_frozen(day):
            if total:
                sheet.days.append(Day(site.key, day, None, total, waits))
            continue
        tell(f"{site.key} {day}")
        raw = recount.count_events(connection, site.id, *calendar.bounds(day))
        if raw or any(rolled_up[dimension, day] for dimension in DIMENSIONS):
            whole.append(day)
            sheet.days.append(Day(site.key, day, raw, total, waits))
            _note_differences(site.key, day, raw, rolled_up, sheet)
    return whole


def _note_differences(site: str, day: date, raw: int, rolled_up: Counter[tuple[str, date]], sheet: Sheet) -> None:
    wrong = [dimension for dimension in DIMENSIONS if rolled_up[dimension, day] != raw]
    # Where every dimension says the same, it is one gap.
    if len(wrong) == len(DIMENSIONS) and len({rolled_up[dimension, day] for dimension in wrong}) == 1:
        wrong = ["total"]
    for dimension in wrong:
        what = "raw events = rolled up and waiting"
        sheet.gaps.append(Gap(site, f"{day} {dimension}", what, raw, rolled_up[dimension, day]))


def _days(connection: Connection, calendar: Calendar, span: Span, known: set[date]) -> list[date]:
    """The days of the span that may hold anything: those of the rollups, and those with partitions of raw events."""
    tz, found = clock.zone(calendar.zone), set(known)
    for one in stored_partitions(connection, "events"):
        day, last = clock.day_of(one.start, tz), clock.day_of(one.end - timedelta(microseconds=1), tz)
        found |= {day + n * ONE_DAY for n in range((last - day).days + 1)}
    return sorted(day for day in found if span.hold(day))


# ix_rollup_deltas_site_id_id.
WAITING = "SELECT body FROM rollup_deltas WHERE site_id = %(site_id)s"


def _waiting(
    connection: Connection, site_id: int, zone: str, dimensions: Iterable[str], touches: bool = False
) -> Delta:
    bodies = (body or b"" for (body,) in read_binary(connection, WAITING, {"site_id": site_id}))
    return unite(bodies, zone, dimensions, touches)


# A range of pk_rollups.
ROWS = """
SELECT type, subject, is_bot, value, events, users
FROM rollups
WHERE site_id = %(site_id)s AND span = 'day' AND dimension = %(dimension)s AND day = %(day)s
"""


def _compare_rows(
    connection: Connection, site: Site, calendar: Calendar, day: date, dimension: str, sheet: Sheet
) -> None:
    """Every row of a day's dimension, its bitmap included, against a recount."""
    kept = {
        Place(as_text(kind or b""), as_text(subject or b""), as_bool(bot or b""), as_text(value or b"")): Count(
            as_int(events or b""), users.unpack(stored or b"")
        )
        for kind, subject, bot, value, events, stored in read_binary(
            connection, ROWS, {"site_id": site.id, "dimension": dimension, "day": day}
        )
    }
    fresh = _waiting(connection, site.id, calendar.zone, (dimension,)).counts
    mine = {key: count for key, count in fresh.items() if key.dimension == dimension and key.day == day}
    for key, count in guard.fit(connection, site.id, mine).items() if mine else ():
        kept.setdefault(_place(key), Count()).add(count)
    raw = _named_as(kept, recount.count_rows(connection, site.id, dimension, *calendar.bounds(day)))
    sheet.recounted.append((site.key, day, dimension))
    for place in sorted(kept.keys() | raw.keys()):
        expected, found = raw.get(place, Count()), kept.get(place, Count())
        where = f"{day} {dimension} {_name(place)}"
        if expected.events != found.events:
            sheet.gaps.append(Gap(site.key, where, "raw events = rolled up", expected.events, found.events))
        if expected.users != found.users:
            wrong = len(expected.users ^ found.users)
            what = f"users in raw events = users rolled up ({wrong:,} differ)"
            sheet.gaps.append(Gap(site.key, where, what, len(expected.users), len(found.users)))


def _place(key: Key) -> Place:
    return Place(key.type, key.subject, key.is_bot, key.value)


def _name(place: Place) -> str:
    subject = f" of {place.subject!r}" if place.subject else ""
    return f"{place.value!r} ({place.type}{subject}{', bots' if place.is_bot else ''})"


def _named_as(kept: Mapping[Place, Count], raw: Mapping[Place, Count]) -> dict[Place, Count]:
    """`raw` under the names that found a place in `kept`; what found none is '(other)' there, where there is one."""
    types = {place.type for place in kept}
    subjects = {place[:2] for place in kept}
    groups: dict[Place, list[Count]] = {}
    for place, count in raw.items():
        if place.type not in types and guard.OTHER in types:
            place = place._replace(type=guard.OTHER)
        if place[:2] not in subjects and (place.type, guard.OTHER) in subjects:
            place = place._replace(subject=guard.OTHER)
        if place not in kept and place._replace(value=guard.OTHER) in kept:
            place = place._replace(value=guard.OTHER)
        groups.setdefault(place, []).append(count)
    return {
        place: Count(sum(one.events for one in counts), users.union(one.users for one in counts))
        for place, counts in groups.items()
    }


def _compare_visits(connection: Connection, site: Site, calendar: Calendar, days: Sequence[date], sheet: Sheet) -> None:
    """Page views against `visits`, and `visits` against visit_rollups; days that follow each other together."""
    touches = _waiting(connection, site.id, calendar.zone, ("total",), touches=True).touches
    without = sorted({touch.user_no for touch in touches})
    if without:
        sheet.notes.append(f"{site.key}: visits of {len(without):,} users wait to be merged: not checked")
    for run in _runs(calendar, days):
        since = run.starts[0] - VISIT_GAP
        raw = recount.recount_visits(connection, site.id, run, since, without)
        listed = recount.listed_visits(connection, site.id, run, ())
        merged = recount.listed_visits(connection, site.id, run, without) if without else listed
        _note_visits(site.key, "page views' visits = visits", raw, merged, sheet)
        kept = recount.rolled_up_visits(connection, site.id, run)
        _note_visits(site.key, "visits = rolled up", _visits_named_as(kept, listed), kept, sheet)


def _runs(calendar: Calendar, days: Sequence[date]) -> Iterator[recount.Days]:
    """Without a day that visits may reach into whose beginning is past retention."""
    run: list[tuple[date, datetime, datetime]] = []
    for day in days:
        start, end = calendar.bounds(day)
        if calendar.raw_since and start - VISIT_GAP < calendar.raw_since:
            continue
        if run and run[-1][2] != start:
            yield recount.Days([one[0] for one in run], [one[1] for one in run], run[-1][2])
            run = []
        run.append((day, start, end))
    if run:
        yield recount.Days([one[0] for one in run], [one[1] for one in run], run[-1][2])


def _note_visits(
    site: str, what: str, expected: Mapping[VisitPlace, Sums], found: Mapping[VisitPlace, Sums], sheet: Sheet
) -> None:
    nothing = Sums(0, 0, 0, 0)
    for place in sorted(expected.keys() | found.keys()):
        one, other = expected.get(place, nothing), found.get(place, nothing)
        for name, wanted, has in zip(Sums._fields, one, other, strict=True):
            if wanted != has:
                day, dimension, is_bot, value = place
                where = f"{day} {dimension} of visits {value!r}{' (bots)' if is_bot else ''}"
                sheet.gaps.append(Gap(site, where, f"{name}, {what}", wanted, has))


def _visits_named_as(kept: Mapping[VisitPlace, Sums], listed: Mapping[VisitPlace, Sums]) -> dict[VisitPlace, Sums]:
    found: dict[VisitPlace, Sums] = {}
    for place, sums in listed.items():
        other = (*place[:3], guard.OTHER)
        name = other if place not in kept and other in kept else place
        found[name] = Sums(*(a + b for a, b in zip(found.get(name, Sums(0, 0, 0, 0)), sums, strict=True)))
    return found


def recent_days(now: datetime, since: datetime, zone: str) -> Span:
    """The days of the zone from that of `since` to today."""
    tz = clock.zone(zone)
    return Span(clock.day_of(since.astimezone(UTC), tz), clock.day_of(now, tz) + ONE_DAY)

"""Rebuild: the rollups of days counted anew from raw events, by the code that the drain counts with.

`flask rollups rebuild` and the task of that name call `rebuild`; merge.py calls `move_calendar` for a site whose zone
has changed. Readers see the old rows until the one transaction commits.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.errors import BadInput, Conflict, NotFound
from analytics.privacy.rules import freeze
from analytics.rollups import delta, rows, taking
from analytics.rollups.calendar import Calendar, first_whole_day, read_calendar, set_calendar
from analytics.rollups.delta import Count, Delta, Key
from analytics.rollups.visit_recount import recount_visits, sum_visits
from analytics.rollups.visit_rollups import clear_visit_rollups, recount_visit_rollups
from analytics.sites import Site, unknown
from analytics.store import postings
from analytics.store.reading import Stored, stored_partitions

# Events packed at a time, as a drain does; packs unfolded together; and keys whose counts are in memory at a time.
CHUNK, PACKS, KEYS = 20_000, 10, 50_000
# Of a partition, about this much is read in one go: 40,000 events, whose counts fit into memory where each brings a
# path of its own. Ranges of ix_events_ts are 1 MB, so little is read twice.
SLICE_BYTES = 1 << 24
ONE_DAY = timedelta(days=1)

# Told the day that was finished, and how many events so far.
Progress = Callable[[date, int], None]


class Rebuilt(NamedTuple):
    """Days counted anew, and the raw events they hold."""

    days: int
    events: int


def rebuild(engine: Engine, site: Site, first_day: date, after_day: date, progress: Progress | None = None) -> Rebuilt:
    """Replaces the rollups of `[first_day, after_day)`; of every day, when the site's zone has changed since.

    Raises Conflict when raw events of these days may be gone. Waits for a merge that runs. O(raw events), flat memory.
    """
    if first_day >= after_day:
        raise BadInput("the first day must lie before the day after the last")
    with taking.alone(engine, site.id) as connection:
        taking.tell_rebuild(connection, site.id)
        calendar = read_calendar(connection, site.id)
        if calendar is None:
            raise NotFound(unknown(site.key))
        if calendar.has_moved:
            return _move(connection, site.id, calendar, progress)
        if calendar.first_whole_day and first_day < calendar.first_whole_day:
            raise Conflict(
                f"{first_day} cannot be rebuilt: raw events before {calendar.raw_since:%Y-%m-%d %H:%M} UTC are past"
                f" retention. The first day that can be is {calendar.first_whole_day}"
            )
        while (taken := taking.take(connection, site.id)).deltas:
            taking.apply(connection, site.id, taken.changes[calendar.zone])
        rows.remove(connection, site.id, first_day, after_day)
        rebuilt = _recount(connection, site.id, calendar.zone, first_day, after_day, None, progress)
        recount_visits(connection, site.id, calendar.zone, first_day, after_day)
        set_calendar(connection, site.id, calendar.zone)
        return rebuilt


def move_calendar(engine: Engine, site_id: int) -> bool:
    """Brings the rollups of a site whose zone has changed into its new calendar; False where they are already."""
    with taking.alone(engine, site_id) as connection:
        taking.tell_rebuild(connection, site_id)
        calendar = read_calendar(connection, site_id)
        if calendar is None or not calendar.has_moved:
            return False
        _move(connection, site_id, calendar, None)
        return True


def _move(connection: Connection, site_id: int, calendar: Calendar, progress: Progress | None) -> Rebuilt:
    """Frozen days stay in the calendar they were counted in. Everything later is counted anew, from the very instant
    at which they end, so that each event is in one calendar and one only."""
    zone = calendar.zone
    # First, so that the site's row is held before anything took time. Drains need it only shared.
    set_calendar(connection, site_id, zone)
    days = _take_along(connection, site_id, calendar)
    postings.drop(connection, site_id)
    if not days:
        return Rebuilt(0, 0)
    # Two zones' days can be two apart: those of Kiritimati and of Niue.
    first_day, after_day = min(days) - 2 * ONE_DAY, max(days) + 3 * ONE_DAY
    cut_day, cut = calendar.cut
    first_removed = max(first_day, cut_day or first_day)
    rows.remove(connection, site_id, first_removed, after_day)
    clear_visit_rollups(connection, site_id, first_removed, after_day)
    # Also those days that have nothing in the new calendar, where figures of the old one would stay.
    rows.open_days(connection, site_id, _days(first_removed, after_day))
    clean_day = first_day
    if cut_day is not None and cut is not None:
        first_day = max(first_day, clock.day_of(cut, clock.zone(zone)))
        clean_day = max(cut_day, first_whole_day(cut, clock.zone(zone)))
        _count_seam(connection, site_id, zone, cut, clean_day)
    recount_visit_rollups(connection, site_id, zone, clean_day, after_day)
    return _recount(connection, site_id, zone, first_day, max(after_day, first_day), cut, progress)


def _take_along(connection: Connection, site_id: int, calendar: Calendar) -> set[date]:
    """Takes the deltas that wait and applies what no recount will find; the days that have rows, or would have."""
    days, cut = rows.known_days(connection, site_id), calendar.cut[1]
    while (taken := taking.take(connection, site_id)).deltas:
        for part in (part for change in taken.changes.values() for part in change.parts()):
            days |= {key.day for key in part.counts}
            # Visits are instants, right in any calendar; their sums are still in the old one.
            zone = calendar.rollups_zone or part.zone
            taking.add(connection, site_id, Delta(zone, _before(part.counts, part.zone, cut), part.touches))
    return days


def _before(counts: dict[Key, Count], zone: str, cut: datetime | None) -> dict[Key, Count]:
    """Those of whole days of `zone` before `cut`, from where on raw events are counted."""
    if cut is None:
        return {}
    tz = clock.zone(zone)
    gone = {day for day in {key.day for key in counts} if clock.day_bounds(day, tz)[1] <= cut}
    return {key: count for key, count in counts.items() if key.day in gone}


def _count_seam(connection: Connection, site_id: int, zone: str, cut: datetime, clean_day: date) -> None:
    """Adds the visits between `cut` and `clean_day`, the first that holds nothing of frozen days, to what is there.

    The days before it are frozen from now on: raw events are only a part of what they hold.
    """
    clean = clock.day_start(clean_day, clock.zone(zone))
    freeze(connection, clean, site_id)
    sum_visits(connection, site_id, zone, cut, clean)


def _days(first_day: date, after_day: date) -> list[date]:
    return [first_day + n * ONE_DAY for n in range((after_day - first_day).days)]


def _recount(
    connection: Connection, site_id: int, zone: str, first_day: date, after_day: date, cut: datetime | None,
    progress: Progress | None,
) -> Rebuilt:  # fmt: skip
    """Adds the raw events of the days, those before `cut` left out, to rows that hold none of them."""
    tz, events, stored = clock.zone(zone), 0, stored_partitions(connection, "events")
    days = _days(first_day, after_day)
    for day in days:
        start, end = clock.day_bounds(day, tz)
        counts: dict[Key, Count] = {}
        for slice_start, slice_end in _slices(max(start, cut or start), end, stored):
            events += _count(connection, site_id, zone, slice_start, slice_end, counts)
            if len(counts) > KEYS:
                rows.add(connection, site_id, counts)
                counts.clear()
        rows.add(connection, site_id, counts)
        if progress:
            progress(day, events)
    rows.open_days(connection, site_id, days)
    return Rebuilt(len(days), events)


def _slices(start: datetime, end: datetime, stored: list[Stored]) -> Iterator[tuple[datetime, datetime]]:
    """`[start, end)` in parts of about SLICE_BYTES at most; nothing where no partition holds a row."""
    sizes = [one.bytes for one in stored if one.start < end and start < one.end]
    if not sizes or start >= end:
        return
    parts = 1 + max(sizes) // SLICE_BYTES
    edges = [start + (end - start) * n / parts for n in range(parts)]
    yield from zip(edges, [*edges[1:], end], strict=True)


# Partitions are pruned by ts; inside one, ix_events_ts (BRIN) skips what lies outside. With an offset of +00, see UTC.
RAW = """
COPY (
    SELECT user_no, ts, type, subject, session_id,
           is_bot, browser, os, device,
           path, utm_source, utm_medium, utm_campaign,
           referrer, source,
           country, region, city
    FROM events
    WHERE site_id = %(site_id)s AND ts >= %(start)s AND ts < %(end)s
) TO STDOUT
"""
UTC_TEXT = text("SET LOCAL TIME ZONE 'UTC'")
# rows.py plans for the rollups; these are long scans.
BY_SCAN = text("SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on")


def _count(
    connection: Connection, site_id: int, zone: str, start: datetime, end: datetime, counts: dict[Key, Count]
) -> int:
    """Adds the raw events of `[start, end)` to `counts`; how many there were."""
    connection.execute(UTC_TEXT)
    connection.execute(BY_SCAN)
    counter = _Counter(zone, counts)
    cursor: Any = connection.connection.cursor()
    with cursor:
        given = {"site_id": site_id, "start": start.astimezone(UTC), "end": end.astimezone(UTC)}
        cursor.copy_expert(cursor.mogrify(RAW, given), counter)
    counter.finish()
    return counter.events


class _Counter:
    """The file that COPY writes to, a line at a time. Packs rows as the drain does and unfolds a few packs together,
    which costs half of folding each by itself."""

    def __init__(self, zone: str, counts: dict[Key, Count]) -> None:
        self._zone, self._counts = zone, counts
        self._rows: list[RawRow] = []
        self._user_nos: list[int] = []
        self._packs: list[bytes] = []
        self.events = 0

    def write(self, line: bytes) -> None:
        columns = line[:-1].decode().split("\t")
        self._user_nos.append(int(columns[0]))
        self._rows.append(RawRow(columns))
        if len(self._rows) == CHUNK:
            self._pack()

    def finish(self) -> None:
        self._pack()
        self._unite()

    def _pack(self) -> None:
        self.events += len(self._rows)
        self._packs.append(delta.pack_rows(self._zone, self._rows, self._user_nos))
        self._rows, self._user_nos = [], []
        if len(self._packs) == PACKS:
            self._unite()

    def _unite(self) -> None:
        for key, count in delta.unite(self._packs, self._zone, touches=False).counts.items():
            known = self._counts.setdefault(key, count)
            if known is not count:
                known.add(count)
        self._packs = []


class RawRow:
    """An event as delta.py counts it, of a line of COPY."""

    __slots__ = ("agent", "kind", "page", "place", "referrer", "session", "subject", "ts")

    def __init__(self, columns: list[str]) -> None:
        self.ts = columns[1].removesuffix("+00") + "Z"
        self.kind, self.subject, self.session = (_plain(column) for column in columns[2:5])
        self.agent, self.page, self.referrer, self.place = (
            "\t".join(columns[start:end]) for start, end in ((5, 9), (9, 13), (13, 15), (15, 18))
        )


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _plain(column: str) -> str:
    """COPY's text as it was; '' for NULL."""
    if "\\" not in column:
        return column
    return "" if column == "\\N" else _ESCAPED.sub(lambda found: _CONTROLS.get(found[1], found[1]), column)

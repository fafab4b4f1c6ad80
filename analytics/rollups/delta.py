"""What one chunk of a site's events adds to its rollups, and how that waits in `rollup_deltas`. Pure.

The drain, the bulk loader and the rebuild hand rows in; merge and the reports take a Delta out. A body holds five
columns (hour, agent, page, referrer, place), each piece of text with the user_no of every event; only `unite` splits
pieces into their dimensions, once for all the deltas it is given. Packing is the drain's hot loop.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import count
from typing import NamedTuple, Protocol

import msgspec
import zstandard
from pyroaring import BitMap64

from analytics import clock
from analytics.rollups.visits import Touch, fold

VERSION = b"\x01"
VIEW = "page_view"
# Column → the dimensions that one piece of it says, in the order of `_values`.
COLUMNS = {
    "when": ("total", "hour"),
    "agent": ("browser", "os", "device"),
    "page": ("path", "utm_source", "utm_medium", "utm_campaign"),
    "referrer": ("referrer", "source"),
    "place": ("country", "region", "city"),
}
DIMENSIONS = tuple(dimension for dimensions in COLUMNS.values() for dimension in dimensions)


class Key(NamedTuple):
    """A row of `rollups`, but for its site and span."""

    dimension: str
    day: date
    type: str
    subject: str
    is_bot: bool
    value: str


class Count:
    """Events, and the user_no of everybody in them."""

    __slots__ = ("events", "users")

    def __init__(self, events: int = 0, users: BitMap64 | None = None) -> None:
        self.events = events
        self.users = BitMap64() if users is None else users

    def add(self, other: "Count") -> None:
        """Counts the other's events too."""
        self.events += other.events
        self.users |= other.users

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Count) and (self.events, self.users) == (other.events, other.users)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Count({self.events}, {list(self.users)})"


class Delta(msgspec.Struct):
    """Counts in the calendar of `zone`, and the visits that its page views make by themselves."""

    zone: str
    counts: dict[Key, Count]
    touches: list[Touch]


class Counted(Protocol):
    """What a row must say to be counted. The last four are columns as COPY writes them; ingest/rows.py joins them."""

    # UTC, to the microsecond at most.
    ts: str
    kind: str
    # '' where the event has none; likewise `session`.
    subject: str
    session: str
    # is_bot, browser, os, device
    agent: str
    # path, utm_source, utm_medium, utm_campaign, and whatever follows
    page: str
    # referrer, source
    referrer: str
    # country, region, city
    place: str


class _Section(msgspec.Struct, array_like=True):
    """Events of one type, day and subject. `columns`: column, or =dimension → piece → user_no of each event."""

    type: str
    # The event counts under each.
    subjects: list[str]
    is_bot: bool
    day: int
    columns: dict[str, dict[str, list[int]]]


class _Views(msgspec.Struct, array_like=True):
    """Page views, one an index; pieces are places in `texts`, times microseconds since the first minute."""

    texts: list[str]
    since_us: int
    user_nos: list[int]
    sessions: list[str]
    after_us: list[int]
    agents: list[int]
    pages: list[int]
    referrers: list[int]
    places: list[int]


class _Body(msgspec.Struct, array_like=True):
    """A packed delta. `views` stays packed where only counts are asked for."""

    sections: list[_Section]
    views: msgspec.Raw
    touches: list[Touch]


class _Zstd(threading.local):
    """One compressor and decompressor a thread: they are not thread-safe, and making one costs 17 µs."""

    def __init__(self) -> None:
        self.pack = zstandard.ZstdCompressor(level=1).compress
        self.unpack = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Body).decode
_decode_views = msgspec.msgpack.Decoder(_Views).decode


def pack_rows(zone: str, rows: Sequence[Counted], user_nos: Sequence[int]) -> bytes:
    """One site's rows as the body of a delta. Raises ValueError when `zone` is no IANA zone; 1 µs a row."""
    return _pack(_collect(zone, rows, user_nos))


def build(zone: str, rows: Sequence[Counted], user_nos: Sequence[int]) -> Delta:
    """What one site's rows add: `unpack(pack_rows(…))`, without the packing."""
    return _expand([_collect(zone, rows, user_nos)], zone, DIMENSIONS, touches=True)


def pack(delta: Delta) -> bytes:
    """A delta that is counted already, as the body of one. Rows go through `pack_rows`, which is smaller and faster."""
    sections: dict[tuple[date, str, str, bool], _Section] = {}
    for key, counted in delta.counts.items():
        name = (key.day, key.type, key.subject, key.is_bot)
        section = sections.get(name)
        if section is None:
            section = sections[name] = _Section(key.type, [key.subject], key.is_bot, key.day.toordinal(), {})
        user_nos = list(counted.users)
        # Once an event: whoever comes last stands for the rest.
        user_nos += user_nos[-1:] * (counted.events - len(user_nos))
        section.columns.setdefault(f"={key.dimension}", {})[key.value] = user_nos
    return _pack(_Body(list(sections.values()), _NO_VIEWS, delta.touches))


def unpack(body: bytes, zone: str) -> Delta:
    """What a body says. Raises ValueError for one of another version."""
    return unite([body], zone)


def unite(bodies: Iterable[bytes], zone: str, dimensions: Iterable[str] = DIMENSIONS, touches: bool = True) -> Delta:
    """The sum of bodies of one site and zone; of fewer `dimensions`, or without `touches`, in less time."""
    return _expand([_unpack(body) for body in bodies], zone, dimensions, touches)


def _pack(body: _Body) -> bytes:
    return VERSION + _zstd.pack(_encode(body))


def _unpack(body: bytes) -> _Body:
    if body[:1] != VERSION:
        raise ValueError(f"a delta of version {body[:1]!r}; this release reads {VERSION!r}")
    return _decode(_zstd.unpack(body[1:]))


_Append = Callable[[int], None]
_Pieces = dict[str, list[int]]
_Slot = tuple[_Append, _Pieces, _Pieces, _Pieces, _Pieces]


class _Slots(dict[tuple[str, str, str, str], _Slot]):
    """(type, subject, 't' for a bot, UTC minute) → where such an event is counted, made when first asked for."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.sections: dict[tuple[str, str, str, int], _Section] = {}

    def __missing__(self, key: tuple[str, str, str, str]) -> _Slot:
        kind, subject, bot, minute = key
        day, hour = local_hour(minute, self.zone)
        section = self.sections.get((kind, subject, bot, day))
        if section is None:
            columns: dict[str, _Pieces] = {column: defaultdict(list) for column in COLUMNS}
            section = _Section(kind, ["", subject] if subject else [""], bot == "t", day, columns)
            self.sections[kind, subject, bot, day] = section
        when, agents, pages, referrers, places = section.columns.values()
        slot = self[key] = (when[hour].append, agents, pages, referrers, places)
        return slot


@lru_cache(maxsize=65_536)
def local_hour(minute: str, zone: str) -> tuple[int, str]:
    """(ordinal of the local day, full hours since it began) of a UTC minute such as 2026-01-31T12:00.

    A minute lies in one local hour: no zone has had seconds in its offset since 1972.
    """
    tz = clock.zone(zone)
    instant = datetime.fromisoformat(minute + "+00:00")
    day = clock.day_of(instant, tz)
    hours = int((instant - clock.day_start(day, tz)).total_seconds()) // 3600
    return day.toordinal(), f"{hours:02d}"


def _collect(zone: str, rows: Sequence[Counted], user_nos: Sequence[int]) -> _Body:
    slots = _Slots(zone)
    viewed: list[Counted] = []
    viewers: list[int] = []
    for row, user_no in zip(rows, user_nos, strict=True):
        kind, agent = row.kind, row.agent
        count_when, agents, pages, referrers, places = slots[kind, row.subject, agent[0], row.ts[:16]]
        count_when(user_no)
        agents[agent].append(user_no)
        pages[row.page].append(user_no)
        referrers[row.referrer].append(user_no)
        places[row.place].append(user_no)
        if kind == VIEW:
            viewed.append(row)
            viewers.append(user_no)
    return _Body(list(slots.sections.values()), msgspec.Raw(_encode(_views(viewed, viewers))), [])


def _views(rows: list[Counted], user_nos: list[int]) -> _Views:
    # Asking for an unknown piece gives it the next number.
    number: defaultdict[str, int] = defaultdict(count().__next__)
    times = [_minute_us(ts[:16]) + _past_minute_us(ts) for ts in [row.ts for row in rows]]
    since_us = min(times, default=0)
    views = _Views(
        [],
        since_us,
        user_nos,
        [row.session for row in rows],
        [at - since_us for at in times],
        [number[row.agent] for row in rows],
        [number[row.page] for row in rows],
        [number[row.referrer] for row in rows],
        [number[row.place] for row in rows],
    )
    views.texts = list(number)
    return views


@lru_cache(maxsize=65_536)
def _minute_us(minute: str) -> int:
    return int(datetime.fromisoformat(minute + "+00:00").timestamp()) * 1_000_000


def _past_minute_us(ts: str) -> int:
    """Of 2026-01-31T12:00:07.5Z, and of the same with +00:00 at its end."""
    return round(float(ts[17:-1] if ts[-1] == "Z" else ts[17:-6]) * 1e6)


# What a dimension's value was seen with: (events, users) of each piece.
_Seen = dict[str, list[tuple[int, BitMap64]]]
_Group = tuple[str, date, str, str, bool]


def _expand(bodies: Sequence[_Body], zone: str, dimensions: Iterable[str], touches: bool) -> Delta:
    plan, groups = _plan(frozenset(dimensions)), defaultdict[_Group, _Seen](dict)
    for body in bodies:
        for section in body.sections:
            _expand_section(section, plan, groups)
    # A union makes a bitmap of its own, so that no two counts share one.
    counts = {
        Key(*group, value): Count(sum(n for n, _ in parts), BitMap64.union(*(users for _, users in parts)))
        for group, seen in groups.items()
        for value, parts in seen.items()
    }
    return Delta(zone, counts, fold(_touches(bodies)) if touches else [])


@lru_cache(maxsize=64)
def _plan(dimensions: frozenset[str]) -> dict[str, list[tuple[int, str]]]:
    """Column → (place in `_values`, dimension) of what is wanted of it; a dimension may also be a column itself."""
    wanted = {name: [(i, one) for i, one in enumerate(all_) if one in dimensions] for name, all_ in COLUMNS.items()}
    plain = {f"={one}": [(0, one)] for one in DIMENSIONS if one in dimensions}
    return {**wanted, **plain}


def _expand_section(
    section: _Section, plan: dict[str, list[tuple[int, str]]], groups: defaultdict[_Group, _Seen]
) -> None:
    day = date.fromordinal(section.day)
    for column, pieces in section.columns.items():
        wanted = plan.get(column)
        if not wanted:
            continue
        counted = [(_values(column, piece), (len(nos), BitMap64(nos))) for piece, nos in pieces.items()]
        for subject in section.subjects:
            for place, dimension in wanted:
                seen = groups[dimension, day, section.type, subject, section.is_bot]
                for values, part in counted:
                    seen.setdefault(values[place], []).append(part)


@lru_cache(maxsize=65_536)
def _values(column: str, piece: str) -> tuple[str, ...]:
    """What a piece says of each dimension of its column."""
    if column == "when":
        return "", piece
    if column[0] == "=":
        return (piece,)
    said = [_unescape(text) for text in piece.split("\t")]
    if column == "agent":
        return tuple(said[1:])
    if column == "place":
        country, region, city = said
        return country, region and f"{country}/{region}", city and f"{country}/{region}/{city}"
    return tuple(said[: len(COLUMNS[column])])


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescape(text: str) -> str:
    """A column of COPY's text format; '' for NULL."""
    if "\\" not in text:
        return text
    return "" if text == "\\N" else _ESCAPED.sub(lambda found: _CONTROLS.get(found[1], found[1]), text)


def _touches(bodies: Iterable[_Body]) -> Iterator[Touch]:
    """Each page view as a visit of its own, and the touches of those that `pack` packed."""
    for body in bodies:
        yield from body.touches
        yield from _view_touches(_decode_views(body.views))


def _view_touches(views: _Views) -> Iterator[Touch]:
    agents, pages, referrers, places = (
        _read(column, views.texts, numbers)
        for column, numbers in (
            ("agent", views.agents), ("page", views.pages), ("referrer", views.referrers), ("place", views.places)
        )
    )  # fmt: skip
    bots = [views.texts[number][0] == "t" for number in views.agents]
    since_us = views.since_us
    for user_no, session, bot, after_us, agent, page, (referrer, source), (country, _, _) in zip(
        views.user_nos, views.sessions, bots, views.after_us, agents, pages, referrers, places, strict=True
    ):
        at_us = since_us + after_us
        entry = (page[0], source, referrer, country, *agent, *page[1:])
        yield Touch(user_no, session, bot, at_us, at_us, 1, entry, page[0])


def _read(column: str, texts: list[str], numbers: list[int]) -> list[tuple[str, ...]]:
    said = {number: _values(column, texts[number]) for number in set(numbers)}
    return [said[number] for number in numbers]


_NO_VIEWS = msgspec.Raw(_encode(_views([], [])))

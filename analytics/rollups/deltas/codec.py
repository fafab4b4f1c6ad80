"""The packed form of a delta: five columns, each piece of text with the user_no of every event that has it. Pure.

`collect` is the drain's hot loop: one look-up and one append a column, nothing else. What a piece says of each
dimension is worked out by those who read bodies (delta.py), once for many.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import count
from typing import Protocol

import msgspec
import zstandard

from analytics import clock

VERSION = b"\x01"
VIEW = "page_view"
# Column → the dimensions that one piece of it says.
COLUMNS = {
    "when": ("total", "hour"),
    "agent": ("browser", "os", "device"),
    "page": ("path", "utm_source", "utm_medium", "utm_campaign"),
    "referrer": ("referrer", "source"),
    "place": ("country", "region", "city"),
}


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


class Section(msgspec.Struct, array_like=True):
    """Events of one type, subject and day. `columns`: column → piece → user_no of each event."""

    type: str
    # '' for the site as a whole: every event counts under it too.
    subject: str
    is_bot: bool
    day: int
    columns: dict[str, dict[str, list[int]]]


class Views(msgspec.Struct, array_like=True):
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


class Body(msgspec.Struct, array_like=True):
    """A packed delta. `views` stays packed where only counts are asked for."""

    sections: list[Section]
    views: msgspec.Raw


class _Dated(msgspec.Struct, array_like=True):
    """A Section whose columns stay packed."""

    type: str
    subject: str
    is_bot: bool
    day: int
    columns: msgspec.Raw


class _DatedBody(msgspec.Struct, array_like=True):
    sections: list[_Dated]
    views: msgspec.Raw


class _Zstd(threading.local):
    """One compressor and decompressor a thread: they are not thread-safe, and making one costs 17 µs."""

    def __init__(self) -> None:
        self.pack = zstandard.ZstdCompressor(level=1).compress
        self.unpack = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Body).decode
_decode_dates = msgspec.msgpack.Decoder(_DatedBody).decode
_decode_views = msgspec.msgpack.Decoder(Views).decode


def pack_body(body: Body) -> bytes:
    return VERSION + _zstd.pack(_encode(body))


def unpack_body(body: bytes) -> Body:
    """Raises ValueError for a body of another version, and whatever zstandard and msgspec raise for other bytes."""
    return _decode(_inner(body))


def touched_days(body: bytes) -> set[date]:
    """The days that a body's events lie on, in a tenth of the time of `unpack_body`. Raises as that does."""
    return {date.fromordinal(section.day) for section in _decode_dates(_inner(body)).sections}


def _inner(body: bytes) -> bytes:
    if body[:1] != VERSION:
        raise ValueError(f"a delta of version {body[:1]!r}; this release reads {VERSION!r}")
    return _zstd.unpack(body[1:])


def unpack_views(body: Body) -> Views:
    return _decode_views(body.views)


# Where an event is counted: its minute in microseconds (None: no page view), its hour, and by piece in four columns.
_Pieces = dict[str, list[int]]
_Slot = tuple[int | None, Callable[[int], None], _Pieces, _Pieces, _Pieces, _Pieces]


class _Slots(dict[tuple[str, str, str, str], _Slot]):
    """(type, subject, 't' for a bot, UTC minute) → the slot of such events, made when first asked for."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.sections: dict[tuple[str, str, str, int], Section] = {}

    def __missing__(self, key: tuple[str, str, str, str]) -> _Slot:
        kind, subject, bot, minute = key
        day, hour, minute_us = local_hour(minute, self.zone)
        section = self.sections.get((kind, subject, bot, day))
        if section is None:
            columns: dict[str, _Pieces] = {column: defaultdict(list) for column in COLUMNS}
            section = Section(kind, subject, bot == "t", day, columns)
            self.sections[kind, subject, bot, day] = section
        when, agents, pages, referrers, places = section.columns.values()
        viewed_us = minute_us if kind == VIEW else None
        slot = self[key] = (viewed_us, when[hour].append, agents, pages, referrers, places)
        return slot


@lru_cache(maxsize=65_536)
def local_hour(minute: str, zone: str) -> tuple[int, str, int]:
    """(ordinal of the local day, full hours since it began, microseconds since 1970) of a UTC minute such as
    2026-01-31T12:00. It lies in one local hour: no zone has had seconds in its offset since 1972."""
    tz = clock.zone(zone)
    instant = datetime.fromisoformat(minute + "+00:00")
    day = clock.day_of(instant, tz)
    hours = int((instant - clock.day_start(day, tz)).total_seconds()) // 3600
    return day.toordinal(), f"{hours:02d}", int(instant.timestamp()) * 1_000_000


def collect(zone: str, rows: Sequence[Counted], user_nos: Sequence[int]) -> Body:
    """One site's rows, each column's events in the order of the rows. Raises ValueError for an unknown zone."""
    slots = _Slots(zone)
    viewed: list[Counted] = []
    viewers: list[int] = []
    minutes: list[int] = []
    for row, user_no in zip(rows, user_nos, strict=True):
        agent = row.agent
        minute_us, count_when, agents, pages, referrers, places = slots[row.kind, row.subject, agent[0], row.ts[:16]]
        count_when(user_no)
        agents[agent].append(user_no)
        pages[row.page].append(user_no)
        referrers[row.referrer].append(user_no)
        places[row.place].append(user_no)
        if minute_us is not None:
            viewed.append(row)
            viewers.append(user_no)
            minutes.append(minute_us)
    return Body(list(slots.sections.values()), msgspec.Raw(_encode(_views(viewed, viewers, minutes))))


def _views(rows: list[Counted], user_nos: list[int], minutes: list[int]) -> Views:
    # Asking for an unknown piece gives it the next number.
    number: defaultdict[str, int] = defaultdict(count().__next__)
    since_us = min(minutes, default=0)
    # Of 2026-01-31T12:00:07.5Z, and of the same with +00:00 at its end, the seconds.
    after_us = [
        minute - since_us + round(float(ts[17:-1] if ts[-1] == "Z" else ts[17:-6]) * 1e6)
        for minute, ts in zip(minutes, [row.ts for row in rows], strict=True)
    ]
    views = Views(
        [],
        since_us,
        user_nos,
        [row.session for row in rows],
        after_us,
        [number[row.agent] for row in rows],
        [number[row.page] for row in rows],
        [number[row.referrer] for row in rows],
        [number[row.place] for row in rows],
    )
    views.texts = list(number)
    return views

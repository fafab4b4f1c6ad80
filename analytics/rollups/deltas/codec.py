"""The encoded form of a delta: five columns, each piece of text with the user_no of every event that has it. Pure.

`group_rows` is the drain's hot loop: one look-up and one append a column, nothing else. counts.py splits pieces into
dimensions when it reads bodies, once for many events.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from itertools import count
from typing import Protocol

import msgspec
import zstandard

from analytics import clock
from analytics.files.zstd import zstd
from analytics.store.event_types import PAGE_VIEW

VERSION = b"\x02"
# Bodies of version 1 have page views without receipts, and pieces without hostname, language, screen and channel, which
# counts.py adds.
READABLE_VERSIONS = (b"\x01", VERSION)
# Column → the dimensions that one piece of it holds.
DIMENSIONS_BY_COLUMN = {
    "when": ("total", "hour"),
    "agent": ("browser", "os", "device", "language", "screen"),
    "page": ("path", "hostname", "utm_source", "utm_medium", "utm_campaign"),
    "referrer": ("referrer", "source", "channel"),
    "place": ("country", "region", "city"),
}


class CountableRow(Protocol):
    """An event to be counted. The last four fields are columns as COPY writes them (ingest/drain/rows.py)."""

    # UTC, to the microsecond at most.
    ts: str
    kind: str
    # '' where the event has none; likewise `session`.
    subject: str
    session: str
    # is_bot, browser, os, device, language, screen
    agent: str
    # path, hostname, utm_source, utm_medium, utm_campaign, utm_term, utm_content; the last two count for visits only
    page: str
    # referrer, source, channel
    referrer: str
    # country, region, city
    place: str
    # When its batch was received (µs since 1970), and its index there.
    received_us: int
    position: int


class Section(msgspec.Struct, array_like=True):
    """Events of one type, subject and day. `columns`: column → piece → user_no of each event."""

    type: str
    # '' for the site as a whole: every event counts under it too.
    subject: str
    is_bot: bool
    day: int
    columns: dict[str, dict[str, list[int]]]


class PageViews(msgspec.Struct, array_like=True):
    """Page views, one an index. Pieces are indexes into `texts`, times microseconds since the first minute."""

    texts: list[str]
    since_us: int
    user_nos: list[int]
    sessions: list[str]
    after_us: list[int]
    agents: list[int]
    pages: list[int]
    referrers: list[int]
    places: list[int]
    # When its batch was received (µs since 1970), and its index there; none in a body of version 1.
    received_us: list[int] = []
    positions: list[int] = []


class DeltaBody(msgspec.Struct, array_like=True):
    """A delta. `views` stays encoded while only counts are read."""

    sections: list[Section]
    views: msgspec.Raw


class _DatedSection(msgspec.Struct, array_like=True):
    """A Section whose columns stay encoded."""

    type: str
    subject: str
    is_bot: bool
    day: int
    columns: msgspec.Raw


class _DatedBody(msgspec.Struct, array_like=True):
    sections: list[_DatedSection]
    views: msgspec.Raw


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(DeltaBody).decode
_decode_dates = msgspec.msgpack.Decoder(_DatedBody).decode
_decode_views = msgspec.msgpack.Decoder(PageViews).decode


class UnreadableDelta(ValueError):
    """A delta that this release cannot read: another version, or damaged bytes."""


def encode_body(body: DeltaBody) -> bytes:
    return VERSION + zstd.compress(_encode(body))


def decode_body(body: bytes) -> DeltaBody:
    """Raises UnreadableDelta."""
    with raises_unreadable():
        return _decode(_inner(body))


def decode_days(body: bytes) -> set[date]:
    """The days of a body's events, in a tenth of the time of `decode_body`. Raises UnreadableDelta."""
    with raises_unreadable():
        return {date.fromordinal(section.day) for section in _decode_dates(_inner(body)).sections}


@contextmanager
def raises_unreadable() -> Iterator[None]:
    """Turns what zstandard, msgspec and the pieces of a damaged body raise into UnreadableDelta."""
    try:
        yield
    except (msgspec.MsgspecError, zstandard.ZstdError, ValueError) as error:
        raise UnreadableDelta(str(error)) from error


def _inner(body: bytes) -> bytes:
    if body[:1] not in READABLE_VERSIONS:
        raise ValueError(f"the delta has version {body[:1]!r}; this release reads versions {READABLE_VERSIONS}")
    return zstd.decompress(body[1:])


def decode_page_views(body: DeltaBody) -> PageViews:
    return _decode_views(body.views)


# Where the events of a slot are counted: minute in microseconds (None: no page view), hour, and four columns by piece.
_Pieces = dict[str, list[int]]
_Slot = tuple[int | None, Callable[[int], None], _Pieces, _Pieces, _Pieces, _Pieces]


class _Slots(dict[tuple[str, str, str, str], _Slot]):
    """(type, subject, 't' for a bot, UTC minute) → the slot of such events, created on first use."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.sections: dict[tuple[str, str, str, int], Section] = {}

    def __missing__(self, key: tuple[str, str, str, str]) -> _Slot:
        kind, subject, bot, minute = key
        day, hour, minute_us = local_hour(minute, self.zone)
        section = self.sections.get((kind, subject, bot, day))
        if section is None:
            columns: dict[str, _Pieces] = {column: defaultdict(list) for column in DIMENSIONS_BY_COLUMN}
            section = Section(kind, subject, bot == "t", day, columns)
            self.sections[kind, subject, bot, day] = section
        when, agents, pages, referrers, places = section.columns.values()
        viewed_us = minute_us if kind == PAGE_VIEW else None
        slot = self[key] = (viewed_us, when[hour].append, agents, pages, referrers, places)
        return slot


@lru_cache(maxsize=65_536)
def local_hour(minute: str, zone: str) -> tuple[int, str, int]:
    """(ordinal of the local day, full hours since it began, microseconds since 1970) of a UTC minute such as
    2026-01-31T12:00. A minute lies in one local hour: no zone has had seconds in its offset since 1972."""
    tz = clock.zone(zone)
    instant = datetime.fromisoformat(minute + "+00:00")
    day = clock.day_of(instant, tz)
    hours = int((instant - clock.day_start(day, tz)).total_seconds()) // 3600
    return day.toordinal(), f"{hours:02d}", int(instant.timestamp()) * 1_000_000


def group_rows(zone: str, rows: Sequence[CountableRow], user_nos: Sequence[int]) -> DeltaBody:
    """One site's rows, each column's events in the order of the rows. Raises clock.UnknownZone."""
    slots = _Slots(zone)
    viewed: list[CountableRow] = []
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
    return DeltaBody(list(slots.sections.values()), msgspec.Raw(_encode(_views(viewed, viewers, minutes))))


def _views(rows: list[CountableRow], user_nos: list[int], minutes: list[int]) -> PageViews:
    # The first look-up of a piece assigns it the next number.
    number: defaultdict[str, int] = defaultdict(count().__next__)
    since_us = min(minutes, default=0)
    # The seconds of 2026-01-31T12:00:07.5Z, or of the same with +00:00 at its end.
    after_us = [
        minute - since_us + round(float(ts[17:-1] if ts[-1] == "Z" else ts[17:-6]) * 1e6)
        for minute, ts in zip(minutes, [row.ts for row in rows], strict=True)
    ]
    views = PageViews(
        [],
        since_us,
        user_nos,
        [row.session for row in rows],
        after_us,
        [number[row.agent] for row in rows],
        [number[row.page] for row in rows],
        [number[row.referrer] for row in rows],
        [number[row.place] for row in rows],
        [row.received_us for row in rows],
        [row.position for row in rows],
    )
    views.texts = list(number)
    return views

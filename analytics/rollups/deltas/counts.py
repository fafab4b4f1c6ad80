"""What one chunk of a site's events adds to its rollups: counts by dimension, and parts of visits. Pure.

The drain, the bulk loader and the rebuild turn rows into bytes for `rollup_deltas`; merge and the reports turn these
bytes into a Delta. codec.py has their layout, and why encoding does so little.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import msgspec
from pyroaring import BitMap64

from analytics.rollups import bitmaps
from analytics.rollups.deltas.codec import (
    DIMENSIONS_BY_COLUMN,
    CountableRow,
    DeltaBody,
    PageViews,
    Section,
    decode_body,
    decode_page_views,
    encode_body,
    group_rows,
    raises_unreadable,
)
from analytics.rollups.visits.sessionization import NO_RECEIPT, VisitPart, join_parts, make_receipt
from analytics.store.copy.binary_copy import as_int
from analytics.store.copy.copy_text import unescape_copy
from analytics.store.folding import FOLDED_FIELDS, fold

DIMENSIONS = tuple(dimension for dimensions in DIMENSIONS_BY_COLUMN.values() for dimension in dimensions)
# Keys whose counts are in memory at a time while deltas are merged.
MAX_KEYS_IN_MEMORY = 10_000


class RollupKey(NamedTuple):
    """A row of `rollups`, but for its site and span."""

    dimension: str
    day: date
    type: str
    subject: str
    is_bot: bool
    value: str


# For so few users a bitmap takes ten times the memory of a list, and longer to build than to iterate over again.
SMALL_LIST = 8
_Part = list[int] | BitMap64


class Count:
    """A number of events, and the user_no of all of their users.

    The set is built on first use: most paths of a hostile day end up as a part of another count.
    """

    __slots__ = ("_parts", "_users", "events")

    def __init__(self, events: int = 0, users: BitMap64 | None = None) -> None:
        self.events = events
        self._users = users
        self._parts: list[_Part] = []

    @property
    def users(self) -> BitMap64:
        """The set itself, and not a copy."""
        if self._parts:
            parts, self._parts = self._parts, []
            few = BitMap64([user_no for part in parts if isinstance(part, list) for user_no in part])
            many = [part for part in parts if isinstance(part, BitMap64)]
            # `union` returns a new bitmap, so that no two counts share one.
            self._users = BitMap64.union(self._users or few, few, *many)
        if self._users is None:
            self._users = BitMap64()
        return self._users

    def add_users(self, events: int, part: _Part) -> None:
        """Adds events of these users. `part` must not change afterwards."""
        self.events += events
        self._parts.append(part)

    def add(self, other: "Count") -> None:
        """Adds the other's events and users."""
        self.events += other.events
        self._parts += other._parts
        if other._users is not None:
            users = self.users
            users |= other._users

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Count) and (self.events, self.users) == (other.events, other.users)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Count({self.events}, {list(self.users)})"


def decode_count(events: bytes, users: bytes) -> Count:
    """The Count of two binary columns of a stored row."""
    return Count(as_int(events), bitmaps.decode(users))


class Delta(msgspec.Struct):
    """Counts in the calendar of `zone`, and the visits that its page views form by themselves."""

    zone: str
    counts: dict[RollupKey, Count]
    visit_parts: list[VisitPart]


def encode_rows(zone: str, rows: Sequence[CountableRow], user_nos: Sequence[int]) -> bytes:
    """One site's rows as the body of a delta; 1 µs a row. Raises clock.UnknownZone."""
    return encode_body(group_rows(zone, rows, user_nos))


def count_rows(zone: str, rows: Sequence[CountableRow], user_nos: Sequence[int]) -> Delta:
    """What one site's rows add: `decode_delta(encode_rows(…))`, without the encoding."""
    return _expand([group_rows(zone, rows, user_nos)], zone, DIMENSIONS, visit_parts=True)


def decode_delta(body: bytes, zone: str) -> Delta:
    """The counts of one body. Raises UnreadableDelta."""
    return sum_bodies([body], zone)


def sum_bodies(
    bodies: Iterable[bytes], zone: str, dimensions: Iterable[str] = DIMENSIONS, visit_parts: bool = True
) -> Delta:
    """The sum of bodies of one site and zone; fewer `dimensions`, or no `visit_parts`, take less time.

    Costs 1 µs an event, and another 1 µs a page view for its visit part. Raises UnreadableDelta.
    """
    with raises_unreadable():
        return _expand(map(decode_body, bodies), zone, dimensions, visit_parts)


_ByValue = dict[str, Count]
_Group = tuple[str, date, str, str, bool]


def _expand(bodies: Iterable[DeltaBody], zone: str, dimensions: Iterable[str], visit_parts: bool) -> Delta:
    columns, groups = _columns(frozenset(dimensions)), defaultdict[_Group, _ByValue](dict)
    parts: list[VisitPart] = []
    for body in bodies:
        for section in body.sections:
            for column in columns:
                _expand_column(section, column, columns[column], groups)
        if visit_parts:
            parts += _view_parts(decode_page_views(body))
    return Delta(zone, _counts(groups), join_parts(parts))


def sum_bodies_in_parts(bodies: Iterable[bytes], zone: str, keys: int = MAX_KEYS_IN_MEMORY) -> Iterator[Delta]:
    """`sum_bodies` in parts of about `keys` keys, at most twice as many. Raises UnreadableDelta.

    Where each event has a path of its own, a key takes 0.5 kB; ordinary events of minutes have some thousand keys.
    """
    with raises_unreadable():
        yield from _expand_in_parts(map(decode_body, bodies), zone, keys)


def _expand_in_parts(bodies: Iterable[DeltaBody], zone: str, keys: int) -> Iterator[Delta]:
    columns, groups = _columns(frozenset(DIMENSIONS)), defaultdict[_Group, _ByValue](dict)
    parts: list[VisitPart] = []
    pieces = 0
    for body in bodies:
        for section in body.sections:
            for column in columns:
                _expand_column(section, column, columns[column], groups)
                pieces += len(section.columns[column])
                if pieces > keys // 8:
                    pieces = 0
                    if sum(map(len, groups.values())) > keys:
                        yield Delta(zone, _counts(groups), join_parts(parts))
                        groups.clear()
                        parts.clear()
        parts += _view_parts(decode_page_views(body))
    yield Delta(zone, _counts(groups), join_parts(parts))


def _counts(groups: Mapping[_Group, _ByValue]) -> dict[RollupKey, Count]:
    return {RollupKey(*group, value): count for group, counts in groups.items() for value, count in counts.items()}


@lru_cache(maxsize=64)
def _columns(dimensions: frozenset[str]) -> dict[str, list[tuple[int, str]]]:
    """Column → (index in `_values`, dimension) of each of `dimensions` that it holds."""
    return {
        column: [(index, dimension) for index, dimension in enumerate(names) if dimension in dimensions]
        for column, names in DIMENSIONS_BY_COLUMN.items()
    }


def _expand_column(
    section: Section, column: str, dimensions: list[tuple[int, str]], groups: defaultdict[_Group, _ByValue]
) -> None:
    pieces = [
        (_values(column, piece), len(nos), nos if len(nos) < SMALL_LIST else BitMap64(nos))
        for piece, nos in (section.columns[column].items() if dimensions else ())
    ]
    day = date.fromordinal(section.day)
    for subject in {"", section.subject}:
        for index, dimension in dimensions:
            counts = groups[dimension, day, section.type, subject, section.is_bot]
            for values, events, part in pieces:
                count = counts.get(values[index])
                if count is None:
                    count = counts[values[index]] = Count()
                count.add_users(events, part)


# Pieces of version 1: column → how many texts they have, and where the new ones belong.
_PIECES_OF_VERSION_1 = {"agent": (4, 4, 2), "page": (6, 1, 1), "referrer": (2, 2, 1)}


@lru_cache(maxsize=4096)
def _values(column: str, piece: str) -> tuple[str, ...]:
    """The value of each dimension of a piece's column, in the order of DIMENSIONS_BY_COLUMN."""
    if column == "when":
        return "", piece
    texts = _texts(column, piece)
    if column == "agent":
        return tuple(texts[1:])
    if column == "place":
        country, region, city = texts
        return country, region and f"{country}/{region}", city and f"{country}/{region}/{city}"
    dimensions = DIMENSIONS_BY_COLUMN[column]
    return tuple(
        fold(text) if dimension in FOLDED_FIELDS else text for dimension, text in zip(dimensions, texts, strict=False)
    )


def _texts(column: str, piece: str) -> list[str]:
    texts = [unescape_copy(text) for text in piece.split("\t")]
    length, position, added = _PIECES_OF_VERSION_1.get(column, (0, 0, 0))
    if len(texts) == length:
        texts[position:position] = [""] * added
    return texts


def _view_parts(views: PageViews) -> Iterator[VisitPart]:
    """Each page view as a visit of its own."""
    agents, pages, referrers, places = (
        _read_column(column, views.texts, numbers)
        for column, numbers in (
            ("agent", views.agents), ("page", views.pages), ("referrer", views.referrers), ("place", views.places)
        )
    )  # fmt: skip
    bots = [views.texts[number][0] == "t" for number in views.agents]
    receipts = list(map(make_receipt, views.received_us, views.positions)) or [NO_RECEIPT] * len(bots)
    # Half the cost of VisitPart(…), which unpacks its arguments and packs them again.
    since_us, make = views.since_us, tuple.__new__
    for user_no, session, bot, after_us, receipt, agent, page, (referrer, source, channel), place in zip(
        views.user_nos, views.sessions, bots, views.after_us, receipts, agents, pages, referrers, places, strict=True
    ):
        at_us = since_us + after_us
        country, region, city = place
        entry = (page[0], source, referrer, country, *agent, *page[1:], region, city, channel)
        yield make(VisitPart, (user_no, session, bot, at_us, at_us, 1, receipt, receipt, entry, page[0]))


def _read_column(column: str, texts: list[str], numbers: list[int]) -> list[tuple[str, ...]]:
    values = {number: _entry_values(column, texts[number]) for number in set(numbers)}
    return [values[number] for number in numbers]


@lru_cache(maxsize=4096)
def _entry_values(column: str, piece: str) -> tuple[str, ...]:
    """What visits have of a piece's column: browser, os, device; path and the five utm_…, folded; referrer, source,
    channel; country, region, city, as events have them."""
    texts = _texts(column, piece)
    if column == "agent":
        return tuple(texts[1:4])
    if column == "page":
        path, _, *campaign = (*texts, "", "")[:7]
        return path, *map(fold, campaign)
    return tuple(texts)

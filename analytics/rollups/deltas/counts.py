"""What one chunk of a site's events adds to its rollups: counts by dimension, and touches of visits. Pure.

The drain, the bulk loader and the rebuild hand rows in and get bytes for `rollup_deltas`; merge and the reports hand
bytes in and get a Delta. How the bytes are laid out, and why packing does so little: packed.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import msgspec
from pyroaring import BitMap64

from analytics.rollups.packed import (
    COLUMNS,
    Body,
    Counted,
    Section,
    Views,
    collect,
    pack_body,
    unpack_body,
    unpack_views,
)
from analytics.rollups.visits import Touch, fold
from analytics.store.events import unescape

DIMENSIONS = tuple(dimension for dimensions in COLUMNS.values() for dimension in dimensions)
# Keys whose counts are in memory at a time while deltas are merged.
KEYS = 10_000


class Key(NamedTuple):
    """A row of `rollups`, but for its site and span."""

    dimension: str
    day: date
    type: str
    subject: str
    is_bot: bool
    value: str


# A bitmap of a few takes ten times the memory of a list, and longer to make than to go through once more.
FEW = 8
_Part = list[int] | BitMap64


class Count:
    """Events, and the user_no of everybody in them.

    The set is made when it is first asked for: of the paths of a hostile day, most end up as a part of another count.
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
            # A union makes a bitmap of its own, so that no two counts share one.
            self._users = BitMap64.union(self._users or few, few, *many)
        if self._users is None:
            self._users = BitMap64()
        return self._users

    def count(self, events: int, part: _Part) -> None:
        """Counts events of these users; nobody may change `part` from now on."""
        self.events += events
        self._parts.append(part)

    def add(self, other: "Count") -> None:
        """Counts the other's events too."""
        self.events += other.events
        self._parts += other._parts
        if other._users is not None:
            mine = self.users
            mine |= other._users

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


def pack_rows(zone: str, rows: Sequence[Counted], user_nos: Sequence[int]) -> bytes:
    """One site's rows as the body of a delta. Raises ValueError when `zone` is no IANA zone; 1 µs a row."""
    return pack_body(collect(zone, rows, user_nos))


def build(zone: str, rows: Sequence[Counted], user_nos: Sequence[int]) -> Delta:
    """What one site's rows add: `unpack(pack_rows(…))`, without the packing."""
    return _expand([collect(zone, rows, user_nos)], zone, DIMENSIONS, touches=True)


def unpack(body: bytes, zone: str) -> Delta:
    """What a body says. Raises ValueError for one of another version."""
    return unite([body], zone)


def unite(bodies: Iterable[bytes], zone: str, dimensions: Iterable[str] = DIMENSIONS, touches: bool = True) -> Delta:
    """The sum of bodies of one site and zone; of fewer `dimensions`, or without `touches`, in less time.

    Costs 1 µs an event, and another 1 µs a page view for its touch.
    """
    return _expand(map(unpack_body, bodies), zone, dimensions, touches)


_Seen = dict[str, Count]
_Group = tuple[str, date, str, str, bool]


def _expand(bodies: Iterable[Body], zone: str, dimensions: Iterable[str], touches: bool) -> Delta:
    wanted, groups = _places(frozenset(dimensions)), defaultdict[_Group, _Seen](dict)
    points: list[Touch] = []
    for body in bodies:
        for section in body.sections:
            for column in wanted:
                _expand_column(section, column, wanted[column], groups)
        if touches:
            points += _touches(unpack_views(body))
    return Delta(zone, _counts(groups), fold(points))


def unite_in_parts(bodies: Iterable[bytes], zone: str, keys: int = KEYS) -> Iterator[Delta]:
    """What `unite` says, in Deltas of about `keys` keys at most, and as many again.

    Where each event brings a path of its own, a key takes 0.5 kB; ordinary events of minutes have some thousand keys.
    """
    wanted, groups = _places(frozenset(DIMENSIONS)), defaultdict[_Group, _Seen](dict)
    points: list[Touch] = []
    pieces = 0
    for body in map(unpack_body, bodies):
        for section in body.sections:
            for column in wanted:
                _expand_column(section, column, wanted[column], groups)
                pieces += len(section.columns[column])
                if pieces > keys // 8:
                    pieces = 0
                    if sum(map(len, groups.values())) > keys:
                        yield Delta(zone, _counts(groups), fold(points))
                        groups.clear()
                        points.clear()
        points += _touches(unpack_views(body))
    yield Delta(zone, _counts(groups), fold(points))


def _counts(groups: Mapping[_Group, _Seen]) -> dict[Key, Count]:
    return {Key(*group, value): count for group, seen in groups.items() for value, count in seen.items()}


@lru_cache(maxsize=64)
def _places(dimensions: frozenset[str]) -> dict[str, list[tuple[int, str]]]:
    """Column → (place in `_values`, dimension) of those that are wanted."""
    return {
        column: [(place, one) for place, one in enumerate(said) if one in dimensions]
        for column, said in COLUMNS.items()
    }


def _expand_column(
    section: Section, column: str, wanted: list[tuple[int, str]], groups: defaultdict[_Group, _Seen]
) -> None:
    counted = [
        (_values(column, piece), len(nos), nos if len(nos) < FEW else BitMap64(nos))
        for piece, nos in (section.columns[column].items() if wanted else ())
    ]
    day = date.fromordinal(section.day)
    for subject in {"", section.subject}:
        for place, dimension in wanted:
            seen = groups[dimension, day, section.type, subject, section.is_bot]
            for values, events, part in counted:
                count = seen.get(values[place])
                if count is None:
                    count = seen[values[place]] = Count()
                count.count(events, part)


@lru_cache(maxsize=4096)
def _values(column: str, piece: str) -> tuple[str, ...]:
    """What a piece says of each dimension of its column, in the order of COLUMNS."""
    if column == "when":
        return "", piece
    said = [unescape(text) for text in piece.split("\t")]
    if column == "agent":
        return tuple(said[1:])
    if column == "place":
        country, region, city = said
        return country, region and f"{country}/{region}", city and f"{country}/{region}/{city}"
    return tuple(said[: len(COLUMNS[column])])


def _touches(views: Views) -> Iterator[Touch]:
    """Each page view as a visit of its own."""
    agents, pages, referrers, places = (
        _read(column, views.texts, numbers)
        for column, numbers in (
            ("agent", views.agents), ("page", views.pages), ("referrer", views.referrers), ("place", views.places)
        )
    )  # fmt: skip
    bots = [views.texts[number][0] == "t" for number in views.agents]
    # Half the price of Touch(…), which takes its arguments apart and puts them together again.
    since_us, make = views.since_us, tuple.__new__
    for user_no, session, bot, after_us, agent, page, (referrer, source), (country, _, _) in zip(
        views.user_nos, views.sessions, bots, views.after_us, agents, pages, referrers, places, strict=True
    ):
        at_us = since_us + after_us
        entry = (page[0], source, referrer, country, *agent, *page[1:])
        yield make(Touch, (user_no, session, bot, at_us, at_us, 1, entry, page[0]))


def _read(column: str, texts: list[str], numbers: list[int]) -> list[tuple[str, ...]]:
    said = {number: _values(column, texts[number]) for number in set(numbers)}
    return [said[number] for number in numbers]

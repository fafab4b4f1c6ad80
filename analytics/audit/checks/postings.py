"""The postings of days that are over against their raw events: who, when and in which session, by type and path.

Funnels read them in place of raw events, so one that is wrong is as bad as a count that is. Called for `--full`. What
the SQL here says of an event, and how bytes are taken apart, shares nothing with the code that makes them.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from struct import Struct
from typing import NamedTuple

from sqlalchemy import Connection

from analytics.audit.balance_sheet import BalanceSheet, Gap, ProgressCallback
from analytics.rollups.calendar import read_calendar
from analytics.rollups.cardinality import OTHER
from analytics.rollups.postings import trusted_days
from analytics.sites.sites import Site
from analytics.store.copy.binary_copy import BinaryRow, as_bool, as_int, as_text, stream_binary
from analytics.store.postings import Day

_EVENT = Struct(">q")
# A sum of hashes is the same in any order; of 64 bits, so that one event cannot stand for another.
MODULUS = 1 << 64


class Place(NamedTuple):
    """A row of the day's postings."""

    type: str
    path: str
    is_bot: bool


class Sum:
    """Events: how many, and a number that depends on each of them and not on their order."""

    __slots__ = ("events", "hashes")

    def __init__(self) -> None:
        self.events = self.hashes = 0

    def add(self, user_no: int, since_us: int, session: int) -> None:
        self.events += 1
        self.hashes = (self.hashes + hash((user_no, since_us, session))) % MODULUS


def check_postings(
    connection: Connection, site: Site, first: date, after: date, tell: ProgressCallback, sheet: BalanceSheet
) -> None:
    """Adds a gap for each row of the days `[first, after)` that does not hold its events. Reads raw events once."""
    calendar = read_calendar(connection, site.id)
    for day in trusted_days(connection, site.id, calendar) if calendar else ():
        if first <= day.day < after:
            tell(f"{site.key} {day.day} postings")
            sheet.gaps += _gaps(connection, site, day)


# Served by pk_postings.
POSTED = """
SELECT type, path, is_bot, body, sessions
FROM postings
WHERE site_id = %(site_id)s AND day = %(day)s
"""
# The day's partitions.
RAW = """
SELECT type, coalesce(path, ''), is_bot, user_no, (extract(epoch FROM ts - %(start)s) * 1000000)::bigint,
    hashtextextended(coalesce(session_id, ''), CASE WHEN is_bot THEN 2 ELSE 1 END)
FROM events
WHERE site_id = %(site_id)s AND ts >= %(start)s AND ts < %(end)s
"""


def _gaps(connection: Connection, site: Site, day: Day) -> Iterator[Gap]:
    posted: dict[Place, Sum] = {}
    given = {"site_id": site.id, **day._asdict()}

    def unpack(row: BinaryRow) -> None:
        kind, path, is_bot, body, sessions = (column or b"" for column in row)
        total = posted[Place(as_text(kind), as_text(path), as_bool(is_bot))] = Sum()
        for (packed,), (session,) in zip(_EVENT.iter_unpack(body), _EVENT.iter_unpack(sessions), strict=True):
            total.add(packed >> 37, packed & ((1 << 37) - 1), session)

    stream_binary(connection, POSTED, given, unpack)
    raw = defaultdict[Place, Sum](Sum)
    types = {place.type for place in posted}

    def count(row: BinaryRow) -> None:
        kind, path, is_bot, *event = (column or b"" for column in row)
        place = Place(as_text(kind), as_text(path), as_bool(is_bot))
        if place not in posted:
            place = Place(place.type if place.type in types else OTHER, OTHER, place.is_bot)
        raw[place].add(*map(as_int, event))

    stream_binary(connection, RAW, given, count)
    yield from _differences(site, day.day, raw, posted)


def _differences(site: Site, day: date, raw: dict[Place, Sum], posted: dict[Place, Sum]) -> Iterator[Gap]:
    for place in sorted(raw.keys() | posted.keys()):
        expected, found = raw.get(place, Sum()), posted.get(place, Sum())
        if (expected.events, expected.hashes) != (found.events, found.hashes):
            where = f"{day} postings {place.path!r} ({place.type}{', bots' if place.is_bot else ''})"
            what = "raw events = posted" + (" (not the same ones)" if expected.events == found.events else "")
            yield Gap(site.key, where, what, expected.events, found.events)

"""Recounts raw events with the code of the drain, in flat memory. rebuild.py calls it.

Reads `events` by COPY in slices of time; never writes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from analytics.rollups.deltas.counts import Count, RollupKey, encode_rows, sum_bodies
from analytics.store.copy.copy_text import unescape_copy
from analytics.store.partitions import StoredPartition
from analytics.store.planner import allow_scans

# Events encoded at a time, as a drain does, and bodies decoded together.
ROWS_PER_BODY, BODIES_PER_SUM = 20_000, 10
# About this much of a partition is read at a time: 40,000 events, whose counts fit into memory where each event has a
# path of its own. Ranges of ix_events_ts are 1 MB, so little is read twice.
SLICE_BYTES = 1 << 24


def time_slices(
    start: datetime, end: datetime, partitions: list[StoredPartition]
) -> Iterator[tuple[datetime, datetime]]:
    """`[start, end)` in parts of about SLICE_BYTES at most; nothing where no partition holds a row."""
    sizes = [partition.bytes for partition in partitions if partition.start < end and start < partition.end]
    if not sizes or start >= end:
        return
    parts = 1 + max(sizes) // SLICE_BYTES
    edges = [start + (end - start) * n / parts for n in range(parts)]
    yield from zip(edges, [*edges[1:], end], strict=True)


# Partitions are pruned by ts; inside one, ix_events_ts (BRIN) skips what lies outside. UTC_TEXT makes offsets +00.
READ_EVENTS = """
COPY (
    SELECT user_no, ts, type, subject, session_id,
           is_bot, browser, os, device, language, screen,
           path, hostname, utm_source, utm_medium, utm_campaign,
           referrer, source, channel,
           country, region, city
    FROM events
    WHERE site_id = %(site_id)s AND ts >= %(start)s AND ts < %(end)s
) TO STDOUT
"""
UTC_TEXT = text("SET LOCAL TIME ZONE 'UTC'")


def count_events(
    connection: Connection, site_id: int, zone: str, start: datetime, end: datetime, counts: dict[RollupKey, Count]
) -> int:
    """Adds the raw events of `[start, end)` to `counts`; how many there were."""
    connection.execute(UTC_TEXT)
    # rows.py disables scans for the rollups; here a long scan is right.
    allow_scans(connection)
    counter = _EventCounter(zone, counts)
    cursor: Any = connection.connection.cursor()
    with cursor:
        bounds = {"start": start.astimezone(UTC), "end": end.astimezone(UTC)}
        cursor.copy_expert(cursor.mogrify(READ_EVENTS, {"site_id": site_id, **bounds}), counter)
    counter.finish()
    return counter.events


class _EventCounter:
    """The file that COPY writes to, an event a line. Encodes rows as the drain does and decodes a few bodies together,
    which costs half of decoding each by itself."""

    def __init__(self, zone: str, counts: dict[RollupKey, Count]) -> None:
        self._zone, self._counts = zone, counts
        self._rows: list[RawEvent] = []
        self._user_nos: list[int] = []
        self._bodies: list[bytes] = []
        self.events = 0

    def write(self, line: bytes) -> None:
        columns = line[:-1].decode().split("\t")
        self._user_nos.append(int(columns[0]))
        self._rows.append(RawEvent(columns))
        if len(self._rows) == ROWS_PER_BODY:
            self._encode()

    def finish(self) -> None:
        self._encode()
        self._sum()

    def _encode(self) -> None:
        self.events += len(self._rows)
        self._bodies.append(encode_rows(self._zone, self._rows, self._user_nos))
        self._rows, self._user_nos = [], []
        if len(self._bodies) == BODIES_PER_SUM:
            self._sum()

    def _sum(self) -> None:
        for key, count in sum_bodies(self._bodies, self._zone, visit_parts=False).counts.items():
            total = self._counts.setdefault(key, count)
            if total is not count:
                total.add(count)
        self._bodies = []


class RawEvent:
    """A CountableRow (deltas/codec.py) of one line of COPY. Without its receipt, which only visits need."""

    received_us = position = 0
    __slots__ = ("agent", "kind", "page", "place", "referrer", "session", "subject", "ts")

    def __init__(self, columns: list[str]) -> None:
        self.ts = columns[1].removesuffix("+00") + "Z"
        self.kind, self.subject, self.session = (unescape_copy(column) for column in columns[2:5])
        self.agent, self.page, self.referrer, self.place = (
            "\t".join(columns[start:end]) for start, end in ((5, 11), (11, 16), (16, 19), (19, 22))
        )

"""How a stack under load is: the oldest delta twice a second; every half minute events, tables, memory and disk.

A table's TOAST is told apart from it: that is where bitmaps lie, and it is vacuumed by itself.
"""

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg2

from benchmarks.ingest import percentile, rss_mb
from benchmarks.stack import Stack

LOOK_EVERY_S, READ_EVERY_S = 0.5, 30.0
# Those that are rewritten.
TABLES = ("rollup_deltas", "rollups", "visits", "visit_rollups", "open_days")
SIZES = """
SELECT c.relname, pg_total_relation_size(c.oid) / 1e6::float, s.n_dead_tup, s.n_live_tup,
    coalesce(pg_total_relation_size(t.relid), 0) / 1e6::float, coalesce(t.n_dead_tup, 0), coalesce(t.n_live_tup, 0)
FROM pg_class c
JOIN pg_stat_all_tables s ON s.relid = c.oid
LEFT JOIN pg_stat_all_tables t ON t.relid = c.reltoastrelid
WHERE c.relname = ANY(%s) AND c.relnamespace = 'public'::regnamespace
"""
STORED = "SELECT coalesce(sum(stored), 0) FROM ingest_ledger"
RAW = """
SELECT count(*), coalesce(sum(pg_total_relation_size(inhrelid)), 0) / 1e6
FROM pg_inherits
WHERE inhparent = 'events'::regclass
"""
LAG = "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0), count(*) FROM rollup_deltas"


class Table(NamedTuple):
    """Megabytes with indexes and TOAST, dead and live rows; and the same of its TOAST."""

    mb: float
    dead: int
    live: int
    toast_mb: float
    toast_dead: int
    toast_live: int

    def bytes_a_row(self) -> float:
        return 1e6 * self.mb / max(1, self.live)

    def __str__(self) -> str:
        own = f"{self.mb:.1f} MB, {self.dead:,} dead beside {self.live:,} rows"
        if not self.toast_live + self.toast_dead:
            return own
        return f"{own}; of it TOAST {self.toast_mb:.1f} MB, {self.toast_dead:,} dead beside {self.toast_live:,} pieces"


class Look(NamedTuple):
    """The age of the oldest delta at an instant (time.time())."""

    at: float
    lag_s: float


@dataclass(frozen=True)
class Reading:
    """What half a minute ended with; `stored` since the beginning, `rate` since the reading before."""

    after_s: float
    stored: int
    rate: float
    waiting: int
    lag_s: float
    deltas: int
    partitions: int
    raw_mb: float
    disk_mb: float
    rss_mb: dict[str, float]
    tables: dict[str, Table]

    def __str__(self) -> str:
        head = (
            f"{self.after_s:6.0f} s: {self.stored:,} stored, {self.rate:,.0f}/s, {self.waiting:,} batches wait; oldest"
            f" delta {self.lag_s:.1f} s of {self.deltas}; web {self.rss_mb['web']:.0f} MB, worker"
            f" {self.rss_mb['worker']:.0f} MB; disk {self.disk_mb:,.0f} MB, of it events {self.raw_mb:,.0f} in"
            f" {self.partitions} partitions"
        )
        return "\n".join([head, *(f"         {name}: {self.tables[name]}" for name in TABLES)])


class Sampler:
    """Asks in a thread of its own, until it is closed, and prints each reading."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._connection = stack, stack.connect()
        self.looks: list[Look] = []
        self.readings: list[Reading] = []
        self._began, self._end = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Ends with a last reading."""
        self._end.set()
        self._thread.join()

    def worst_lag_s(self, since: float, until: float) -> float:
        """The oldest that a delta was between two instants; 0 where nobody looked."""
        return max((look.lag_s for look in self.looks if since <= look.at <= until), default=0.0)

    def lag_s(self, percent: float) -> float:
        """So many percent of the looks saw no older delta."""
        return percentile(sorted(look.lag_s for look in self.looks), percent)

    def peaks(self, count: int, apart_s: float) -> list[Look]:
        """The looks that saw the oldest deltas, none within `apart_s` of a worse one."""
        found: list[Look] = []
        for look in sorted(self.looks, key=lambda one: -one.lag_s):
            if len(found) < count and all(abs(look.at - one.at) > apart_s for one in found):
                found.append(look)
        return found

    def _run(self) -> None:
        due = self._began + READ_EVERY_S
        while not self._end.wait(LOOK_EVERY_S):
            # A partition may be dropped while its size is asked for; an hour of load does not end for that.
            try:
                self.looks.append(Look(time.time(), float(self._ask(LAG)[0][0])))
                if time.monotonic() >= due:
                    due += READ_EVERY_S
                    self._read()
            except psycopg2.Error as error:
                print(f"no reading: {error}", flush=True)
        self._read()

    def _read(self) -> None:
        (((stored,),), ((lag_s, deltas),), ((partitions, raw_mb),)) = map(self._ask, (STORED, LAG, RAW))
        after_s, before = time.monotonic() - self._began, self.readings[-1] if self.readings else None
        since = (before.after_s, before.stored) if before else (0.0, 0)
        rate = (int(stored) - since[1]) / (after_s - since[0])
        waiting = self._stack.buffer().xlen("analytics:ingest")
        rss = {name: rss_mb(self._stack.processes[name].members()) for name in ("web", "worker")}
        tables = {name: Table(*sizes) for name, *sizes in self._ask(SIZES, (list(TABLES),))}
        reading = Reading(
            after_s,
            int(stored),
            rate,
            waiting,
            float(lag_s),
            deltas,
            partitions,
            float(raw_mb),
            self._disk_mb(),
            rss,
            tables,
        )
        self.readings.append(reading)
        print(reading, flush=True)

    def _ask(self, statement: str, parameters: Sequence[Any] | None = None) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def _disk_mb(self) -> float:
        """Everything in the stack's folder: tables, WAL, Redis, logs, and the requests that are sent."""
        total = 0
        for folder, _, names in os.walk(self._stack.folder):
            for name in names:
                # PostgreSQL and Redis rename and remove files all the time.
                with suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_blocks * 512
        return total / 1e6

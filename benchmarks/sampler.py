"""Samples a stack under load: the oldest delta twice a second; events, tables, memory and disk every half minute.

The TOAST of a table is reported apart: it holds the bitmaps and is vacuumed by itself.
"""

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg2

from benchmarks.ingest import rss_mb
from benchmarks.measuring import percentile
from benchmarks.stack import Stack

LAG_INTERVAL_S, READING_INTERVAL_S = 0.5, 30.0
# The tables whose rows are rewritten.
TABLES = ("rollup_deltas", "rollups", "visits", "visit_rollups", "open_days")
SIZES_QUERY = """
SELECT c.relname, pg_total_relation_size(c.oid) / 1e6::float, s.n_dead_tup, s.n_live_tup,
    coalesce(pg_total_relation_size(t.relid), 0) / 1e6::float, coalesce(t.n_dead_tup, 0), coalesce(t.n_live_tup, 0)
FROM pg_class c
JOIN pg_stat_all_tables s ON s.relid = c.oid
LEFT JOIN pg_stat_all_tables t ON t.relid = c.reltoastrelid
WHERE c.relname = ANY(%s) AND c.relnamespace = 'public'::regnamespace
"""
STORED_QUERY = "SELECT coalesce(sum(stored), 0) FROM ingest_ledger"
PARTITIONS_QUERY = """
SELECT count(*), coalesce(sum(pg_total_relation_size(inhrelid)), 0) / 1e6
FROM pg_inherits
WHERE inhparent = 'events'::regclass
"""
LAG_QUERY = "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0), count(*) FROM rollup_deltas"


class TableSize(NamedTuple):
    """Megabytes with indexes and TOAST, dead and live rows; and the same figures of the TOAST."""

    mb: float
    dead: int
    live: int
    toast_mb: float
    toast_dead: int
    toast_live: int

    def bytes_a_row(self) -> float:
        return 1e6 * self.mb / max(1, self.live)

    def __str__(self) -> str:
        table = f"{self.mb:.1f} MB, {self.dead:,} dead and {self.live:,} live rows"
        if not self.toast_live + self.toast_dead:
            return table
        return (
            f"{table}; TOAST {self.toast_mb:.1f} MB of it, {self.toast_dead:,} dead and {self.toast_live:,} live rows"
        )


class LagSample(NamedTuple):
    """The age of the oldest delta at an instant (time.time())."""

    at: float
    lag_s: float


@dataclass(frozen=True)
class Reading:
    """The state at the end of a half minute; `stored` since the start, `rate` since the previous reading."""

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
    tables: dict[str, TableSize]

    def __str__(self) -> str:
        head = (
            f"{self.after_s:6.0f} s: {self.stored:,} stored, {self.rate:,.0f}/s, {self.waiting:,} batches wait; oldest"
            f" delta {self.lag_s:.1f} s of {self.deltas}; web {self.rss_mb['web']:.0f} MB, worker"
            f" {self.rss_mb['worker']:.0f} MB; disk {self.disk_mb:,.0f} MB, events {self.raw_mb:,.0f} of it in"
            f" {self.partitions} partitions"
        )
        return "\n".join([head, *(f"         {name}: {self.tables[name]}" for name in TABLES)])


class Sampler:
    """Samples in a thread until it is closed, and prints each reading."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._connection = stack, stack.connect()
        self.lag_samples: list[LagSample] = []
        self.readings: list[Reading] = []
        self._start, self._end = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Takes a last reading and ends the thread."""
        self._end.set()
        self._thread.join()

    def max_lag_s(self, since: float, until: float) -> float:
        """The maximum lag between two instants; 0 without samples."""
        return max((sample.lag_s for sample in self.lag_samples if since <= sample.at <= until), default=0.0)

    def lag_s(self, percent: float) -> float:
        """A percentile of the lag."""
        return percentile(sorted(sample.lag_s for sample in self.lag_samples), percent)

    def peaks(self, count: int, apart_s: float) -> list[LagSample]:
        """The samples of the largest lag, none within `apart_s` of a larger one."""
        peaks: list[LagSample] = []
        for sample in sorted(self.lag_samples, key=lambda sample: -sample.lag_s):
            if len(peaks) < count and all(abs(sample.at - peak.at) > apart_s for peak in peaks):
                peaks.append(sample)
        return peaks

    def _run(self) -> None:
        due = self._start + READING_INTERVAL_S
        while not self._end.wait(LAG_INTERVAL_S):
            # A partition may be dropped while its size is read; that must not end the run.
            try:
                self.lag_samples.append(LagSample(time.time(), float(self._query(LAG_QUERY)[0][0])))
                if time.monotonic() >= due:
                    due += READING_INTERVAL_S
                    self._read()
            except psycopg2.Error as error:
                print(f"no reading: {error}", flush=True)
        self._read()

    def _read(self) -> None:
        (((stored,),), ((lag_s, deltas),), ((partitions, raw_mb),)) = map(
            self._query, (STORED_QUERY, LAG_QUERY, PARTITIONS_QUERY)
        )
        after_s, previous = time.monotonic() - self._start, self.readings[-1] if self.readings else None
        since = (previous.after_s, previous.stored) if previous else (0.0, 0)
        rate = (int(stored) - since[1]) / (after_s - since[0])
        waiting = self._stack.buffer_client().xlen("analytics:ingest")
        rss = {name: rss_mb(self._stack.processes[name].group_pids()) for name in ("web", "worker")}
        tables = {name: TableSize(*sizes) for name, *sizes in self._query(SIZES_QUERY, (list(TABLES),))}
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

    def _query(self, statement: str, parameters: Sequence[Any] | None = None) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def _disk_mb(self) -> float:
        """The whole folder of the stack: tables, WAL, Redis, logs, and the files of requests."""
        total = 0
        for folder, _, names in os.walk(self._stack.folder):
            for name in names:
                # PostgreSQL and Redis rename and remove files all the time.
                with suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_blocks * 512
        return total / 1e6

"""Ingest, end to end: from the first request sent to the last event visible in the table `events`.

Real gunicorn, real Celery worker, durable PostgreSQL and Redis; the load generator runs on the same machine. Each drain
counts rollups, which are merged at the same time. `run` returns one table with the budgets of the design.
"""

import http.client
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg2 import extensions as pg

from benchmarks.baselines import OrmService, describe_machine, time_copy
from benchmarks.datagen import make_events, write_requests
from benchmarks.measuring import format_row, percentile, print_progress
from benchmarks.stack import ROOT, Stack

BATCHES = (1000, 100, 10, 1)
# Smaller batches cost more per event, so fewer events are enough.
EVENT_SHARE = {1000: 1.0, 100: 1.0, 10: 0.5, 1: 0.05}
ORM_EVENT_SHARE = {1000: 0.1, 100: 0.1, 10: 0.05, 1: 0.01}
# With few connections the benchmark would measure the time that clients wait for answers.
CONNECTIONS = 64
STORE_TIMEOUT_S = 120


@dataclass
class Results:
    """Events a second by (batch size, with ids), and the other measurements."""

    service: dict[tuple[int, bool], float] = field(default_factory=dict)
    # Until the last event is merged into the rollups: the sustainable rate.
    merged: dict[tuple[int, bool], float] = field(default_factory=dict)
    orm: dict[int, float] = field(default_factory=dict)
    copy: dict[bool, float] = field(default_factory=dict)
    accept_ms: dict[int, tuple[float, float]] = field(default_factory=dict)
    visible_ms: dict[str, float] = field(default_factory=dict)
    bytes_an_event: dict[bool, float] = field(default_factory=dict)
    merge_lag_s: float = 0.0
    rss_mb: dict[str, float] = field(default_factory=dict)


class IngestBenchmark:
    """One run on one stack."""

    def __init__(self, stack: Stack, events: int, quick: bool) -> None:
        self.stack = stack
        self.events = events
        self.quick = quick
        self.results = Results()
        self.connection: pg.connection = stack.connect()
        self.file = stack.folder / "requests"

    def run(self) -> Results:
        # The first requests create the site, the partitions and the users, and warm every cache.
        self._service(100, 20_000, with_ids=False, seed=0)
        for with_ids in (False, True):
            for batch in BATCHES[::-1]:
                count = max(500, int(self.events * EVENT_SHARE[batch]))
                rate = self._service(batch, count, with_ids, seed=batch + with_ids)
                self.results.service[batch, with_ids] = rate
                print_progress(f"batches of {batch}{' with ids' if with_ids else ''}: {rate:,.0f} events/s")
            # The table holds the last run, of batches of 1,000.
            self.results.bytes_an_event[with_ids] = self._bytes_an_event()
            self.results.copy[with_ids] = time_copy(self.connection, self.stack.folder / "rows")
            print_progress(f"plain COPY of the same rows: {self.results.copy[with_ids]:,.0f} rows/s")
        self._latencies()
        self.results.rss_mb = {name: rss_mb(self.stack.processes[name].group_pids()) for name in ("web", "worker")}
        with OrmService(self.stack) as service:
            for batch in BATCHES[::-1]:
                count = max(500, int(self.events * ORM_EVENT_SHARE[batch]))
                write_requests(self.file, list(make_events(count, with_ids=False)), batch, service.target)
                load = run_load(self.file, service.port)
                self.results.orm[batch] = count / (load["end"] - load["start"])
                print_progress(f"ORM service, batches of {batch}: {self.results.orm[batch]:,.0f} events/s")
        return self.results

    def _service(self, batch: int, count: int, with_ids: bool, seed: int) -> float:
        """Events a second until the last one is in the table."""
        write_requests(self.file, list(make_events(count, with_ids, seed)), batch, token=self.stack.token)
        self._empty()
        load = run_load(self.file, self.stack.port)
        end = self._await_stored(count)
        self.results.merged[batch, with_ids] = count / (self._await_merged() - float(load["start"]))
        stored = self._scalar("SELECT count(*) FROM events")
        if stored != count:
            raise RuntimeError(f"{count} events were accepted, {stored} are in the table")
        return count / (end - float(load["start"]))

    def _empty(self) -> None:
        with self.connection.cursor() as cursor:
            # In the order in which drains lock them.
            cursor.execute("TRUNCATE ingest_ledger, events")
            cursor.execute("CHECKPOINT")

    def _await_stored(self, count: int) -> float:
        """The time at which the ledger had `count` events."""
        end = time.monotonic() + STORE_TIMEOUT_S
        while (received := self._scalar("SELECT coalesce(sum(received), 0) FROM ingest_ledger")) < count:
            self._record_lag()
            if time.monotonic() > end:
                raise TimeoutError(f"{received} of {count} events are stored after {STORE_TIMEOUT_S} s")
            time.sleep(0.02)
        return time.monotonic()

    def _await_merged(self) -> float:
        """The time at which all deltas were merged."""
        end = time.monotonic() + STORE_TIMEOUT_S
        while self._record_lag():
            if time.monotonic() > end:
                raise TimeoutError(f"deltas are left after {STORE_TIMEOUT_S} s")
            time.sleep(0.05)
        return time.monotonic()

    def _record_lag(self) -> float:
        """The age of the oldest delta in seconds; 0 when all are merged."""
        lag = float(self._scalar("SELECT extract(epoch FROM now() - min(created_at)) FROM rollup_deltas") or 0)
        self.results.merge_lag_s = max(self.results.merge_lag_s, lag)
        return lag

    def _scalar(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            row = cursor.fetchone()
            return row[0] if row else None

    def _bytes_an_event(self) -> float:
        size = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'events'::regclass"
        return float(self._scalar(size)) / float(self._scalar("SELECT count(*) FROM events"))

    def _latencies(self) -> None:
        seconds = 3 if self.quick else 12
        for batch in (10, 100):
            load = self._at_share(batch, 0.5, seconds)
            latencies: list[float] = sorted(load["latencies"])
            self.results.accept_ms[batch] = (1e3 * percentile(latencies, 50), 1e3 * percentile(latencies, 99))
        self.results.visible_ms["idle"] = self._visible(seconds)
        with self._background(100, 0.95, seconds + 4):
            time.sleep(1)
            self.results.visible_ms["full"] = self._visible(seconds)

    def _rate_file(self, batch: int, share: float, seconds: float) -> float:
        events_a_second = self.results.merged[batch, False] * share
        events = list(make_events(int(events_a_second * seconds), with_ids=False))
        write_requests(self.file, events, batch, token=self.stack.token)
        return events_a_second / batch

    def _at_share(self, batch: int, share: float, seconds: float) -> dict[str, Any]:
        self._empty()
        return run_load(self.file, self.stack.port, self._rate_file(batch, share, seconds))

    @contextmanager
    def _background(self, batch: int, share: float, seconds: float) -> Iterator[None]:
        self._empty()
        rate = self._rate_file(batch, share, seconds)
        with subprocess.Popen(
            loadgen_command(self.file, self.stack.port, rate), cwd=ROOT, stdout=subprocess.PIPE
        ) as process:
            yield
            process.communicate()

    def _visible(self, seconds: float) -> float:
        """p95 in ms from the 202 of a single event until its row is visible."""
        rng, end, times = random.Random(2), time.monotonic() + seconds, []
        client = http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.stack.token}", "Content-Type": "application/json"}
        while time.monotonic() < end:
            event = next(make_events(1, with_ids=True, seed=rng.randrange(2**60)))
            client.request("POST", "/api/analytics/ingest?site=bench", b"[" + event + b"]", headers)
            answer = client.getresponse()
            entry_id, start = json.loads(answer.read())["batch_id"], time.monotonic()
            while not self._scalar("SELECT 1 FROM ingest_ledger WHERE entry_id = %s", (entry_id,)):
                time.sleep(0.005)
            times.append(1e3 * (time.monotonic() - start))
            time.sleep(rng.uniform(0.02, 0.3))
        return percentile(sorted(times), 95)


def loadgen_command(file: Path, port: int, rate: float = 0.0, connections: int = CONNECTIONS) -> list[str]:
    options = ["--rate", str(rate), "--connections", str(connections)]
    return [sys.executable, "-m", "benchmarks.loadgen", str(file), str(port), *options]


def run_load(
    file: Path,
    port: int,
    rate: float = 0.0,
    connections: int = CONNECTIONS,
    replacements: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The measurements of the load generator. `replacements`: words of the file, and what is sent instead of each."""
    options = [word for pair in (replacements or {}).items() for word in ("--replace", *pair)]
    process = subprocess.run(
        [*loadgen_command(file, port, rate, connections), *options], cwd=ROOT, capture_output=True, text=True
    )
    if process.returncode:
        raise RuntimeError(process.stderr[-2000:])
    result: dict[str, Any] = json.loads(process.stdout)
    return result


def rss_mb(pids: Sequence[int]) -> float:
    """Resident memory of the largest of the processes."""
    sizes = [0.0]
    for pid in pids:
        # A process may end after it was listed.
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    sizes.append(int(line.split()[1]) / 1024)
    return max(sizes)


def format_table(results: Results) -> str:
    """Rates with their ratios, then each budget."""
    lines = [
        f"Ingest on {describe_machine()}, load generator included; with rollups.",
        "",
        f"| {'events/s':<34} | {'1,000':>9} | {'100':>9} | {'10':>9} | {'1':>9} |",
        f"|{'-' * 36}|{'-' * 10}:|{'-' * 10}:|{'-' * 10}:|{'-' * 10}:|",
    ]
    for with_ids, name in ((False, "stored, ids derived"), (True, "stored, ids of the client")):
        lines.append(_row(name, [f"{results.service[batch, with_ids]:,.0f}" for batch in BATCHES]))
        ratios = [f"{results.service[batch, with_ids] / results.copy[with_ids]:.2f}" for batch in BATCHES]
        lines.append(_row("  until merged", [f"{results.merged[batch, with_ids]:,.0f}" for batch in BATCHES]))
        lines.append(_row(f"  x COPY of these rows ({results.copy[with_ids]:,.0f}/s)", ratios))
    lines.append(_row("FastAPI + ORM add_all", [f"{results.orm[batch]:,.0f}" for batch in BATCHES]))
    ratios = [f"{results.service[batch, False] / results.orm[batch]:.1f}" for batch in BATCHES]
    lines += [_row("  service x that, ids derived", ratios), ""]
    lines += [
        f"| {'budget':<58} | {'measured':>10} | {'budget':>9} | met |",
        f"|{'-' * 60}|{'-' * 11}:|{'-' * 10}:|-----|",
    ]
    for name, measured, budget, unit, at_least in budgets(results):
        met = measured >= budget if at_least else measured <= budget
        sign = ">=" if at_least else "<="
        limit = f"{sign} {budget:,.4g}{unit}"
        lines.append(f"| {name:<58} | {measured:>9,.4g}{unit:<1} | {limit:>9} | {'yes' if met else 'NO '} |")
    return "\n".join(lines)


def _row(name: str, cells: Sequence[str]) -> str:
    return format_row(name, cells, name_width=34, cell_width=9)


def budgets(results: Results) -> Iterator[tuple[str, float, float, str, bool]]:
    """(name, measured, budget, unit, whether the budget is a minimum)"""
    for with_ids, name in ((False, "ids derived"), (True, "ids of the client")):
        for batch, share in ((1000, 0.35), (100, 0.35), (10, 0.16)):
            ratio = results.service[batch, with_ids] / results.copy[with_ids]
            yield f"stored, batches of {batch:,}, {name}, x COPY", ratio, share, "", True
    for batch, times in ((1000, 5.0), (100, 5.0), (10, 3.0)):
        ratio = results.service[batch, False] / results.orm[batch]
        yield f"batches of {batch:,}, x FastAPI + ORM", ratio, times, "", True
    yield "single events accepted and drained, a second", results.service[1, False], 1500.0, "", True
    for batch, (p50, p99) in results.accept_ms.items():
        yield f"accept at half load, batches of {batch}, p99 ms (p50 {p50:.1f})", p99, 50.0, "", False
    yield "accepted to visible, idle, p95 ms", results.visible_ms["idle"], 2000.0, "", False
    yield "accepted to visible, full load, p95 ms", results.visible_ms["full"], 5000.0, "", False
    yield "bytes on disk an event, ids derived", results.bytes_an_event[False], 450.0, "", False
    yield "bytes on disk an event, ids of the client", results.bytes_an_event[True], 450.0, "", False
    yield "oldest unmerged delta, s", results.merge_lag_s, 5.0, "", False
    yield "largest web process, MB", results.rss_mb["web"], 120.0, "", False
    yield "largest worker process, MB", results.rss_mb["worker"], 250.0, "", False


def run(events: int, quick: bool = False) -> str:
    """The table of one run."""
    with Stack() as stack:
        return format_table(IngestBenchmark(stack, events, quick).run())

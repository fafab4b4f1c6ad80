"""Ingest, end to end: from the first request sent to the last event visible in the table `events`.

Real gunicorn, real Celery worker, PostgreSQL and Redis that keep what they confirm; the load generator shares the
machine with them. Rollups are counted in each drain and merged meanwhile. `run` prints one table with the budgets of
the design and returns it.
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

from benchmarks.baselines import OrmService, machine, time_copy
from benchmarks.datagen import make_events, write_requests
from benchmarks.stack import ROOT, Stack

BATCHES = (1000, 100, 10, 1)
# Smaller batches cost more each, so fewer events say as much.
SHARE = {1000: 1.0, 100: 1.0, 10: 0.5, 1: 0.05}
ORM_SHARE = {1000: 0.1, 100: 0.1, 10: 0.05, 1: 0.01}
# Batches come from many clients; few that wait for their answers would measure the waits.
CONNECTIONS = 64
STUCK_AFTER_S = 120


@dataclass
class Results:
    """Events a second by what was measured, and everything else by its name."""

    service: dict[tuple[int, bool], float] = field(default_factory=dict)
    # The same until the last event is merged into the rollups too: what can be kept up for hours.
    merged: dict[tuple[int, bool], float] = field(default_factory=dict)
    orm: dict[int, float] = field(default_factory=dict)
    copy: dict[bool, float] = field(default_factory=dict)
    accept_ms: dict[int, tuple[float, float]] = field(default_factory=dict)
    visible_ms: dict[str, float] = field(default_factory=dict)
    bytes_an_event: dict[bool, float] = field(default_factory=dict)
    merge_lag_s: float = 0.0
    rss_mb: dict[str, float] = field(default_factory=dict)


class Bench:
    """One run on one stack."""

    def __init__(self, stack: Stack, events: int, quick: bool) -> None:
        self.stack = stack
        self.events = events
        self.quick = quick
        self.results = Results()
        self.connection: pg.connection = stack.connect()
        self.file = stack.folder / "requests"

    def run(self) -> Results:
        # The first requests make the site, the partitions and the users, and warm every cache.
        self._service(100, 20_000, with_ids=False, seed=0)
        for with_ids in (False, True):
            for batch in BATCHES[::-1]:
                count = max(500, int(self.events * SHARE[batch]))
                rate = self._service(batch, count, with_ids, seed=batch + with_ids)
                self.results.service[batch, with_ids] = rate
                say(f"batches of {batch}{' with ids' if with_ids else ''}: {rate:,.0f} events/s")
            # The last run, of batches of 1,000, still lies in the table.
            self.results.bytes_an_event[with_ids] = self._bytes_an_event()
            self.results.copy[with_ids] = time_copy(self.connection, self.stack.folder / "rows")
            say(f"plain COPY of the same rows: {self.results.copy[with_ids]:,.0f} rows/s")
        self._latencies()
        self.results.rss_mb = {name: rss_mb(self.stack.processes[name].members()) for name in ("web", "worker")}
        with OrmService(self.stack) as service:
            for batch in BATCHES[::-1]:
                count = max(500, int(self.events * ORM_SHARE[batch]))
                write_requests(self.file, list(make_events(count, with_ids=False)), batch, service.target)
                made = load(self.file, service.port)
                self.results.orm[batch] = count / (made["end"] - made["start"])
                say(f"ORM service, batches of {batch}: {self.results.orm[batch]:,.0f} events/s")
        return self.results

    def _service(self, batch: int, count: int, with_ids: bool, seed: int) -> float:
        """Events a second until the last one is in the table."""
        write_requests(self.file, list(make_events(count, with_ids, seed)), batch, token=self.stack.token)
        self._empty()
        made = load(self.file, self.stack.port)
        end = self._await_stored(count)
        self.results.merged[batch, with_ids] = count / (self._await_merged() - float(made["start"]))
        stored = self._scalar("SELECT count(*) FROM events")
        if stored != count:
            raise RuntimeError(f"{count} events were accepted, {stored} are in the table")
        return count / (end - float(made["start"]))

    def _empty(self) -> None:
        with self.connection.cursor() as cursor:
            # In the order in which drains come to them.
            cursor.execute("TRUNCATE ingest_ledger, events")
            cursor.execute("CHECKPOINT")

    def _await_stored(self, count: int) -> float:
        """When the ledger had `count` events."""
        end = time.monotonic() + STUCK_AFTER_S
        while (found := self._scalar("SELECT coalesce(sum(received), 0) FROM ingest_ledger")) < count:
            self._note_lag()
            if time.monotonic() > end:
                raise TimeoutError(f"{found} of {count} events are stored after {STUCK_AFTER_S} s")
            time.sleep(0.02)
        return time.monotonic()

    def _await_merged(self) -> float:
        """When every delta was in the rollups."""
        end = time.monotonic() + STUCK_AFTER_S
        while self._note_lag():
            if time.monotonic() > end:
                raise TimeoutError(f"deltas are left after {STUCK_AFTER_S} s")
            time.sleep(0.05)
        return time.monotonic()

    def _note_lag(self) -> float:
        """The age of the oldest delta in seconds; 0 where none waits."""
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
            made = self._at_share(batch, 0.5, seconds)
            in_order: list[float] = sorted(made["latencies"])
            self.results.accept_ms[batch] = (1e3 * percentile(in_order, 50), 1e3 * percentile(in_order, 99))
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
        return load(self.file, self.stack.port, self._rate_file(batch, share, seconds))

    @contextmanager
    def _background(self, batch: int, share: float, seconds: float) -> Iterator[None]:
        self._empty()
        rate = self._rate_file(batch, share, seconds)
        with subprocess.Popen(command(self.file, self.stack.port, rate), cwd=ROOT, stdout=subprocess.PIPE) as process:
            yield
            process.communicate()

    def _visible(self, seconds: float) -> float:
        """p95 in ms from the 202 of a lone event to its row being visible."""
        rng, end, found = random.Random(2), time.monotonic() + seconds, []
        client = http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.stack.token}", "Content-Type": "application/json"}
        while time.monotonic() < end:
            event = next(make_events(1, with_ids=True, seed=rng.randrange(2**60)))
            client.request("POST", "/api/analytics/ingest?site=bench", b"[" + event + b"]", headers)
            answer = client.getresponse()
            entry_id, start = json.loads(answer.read())["batch_id"], time.monotonic()
            while not self._scalar("SELECT 1 FROM ingest_ledger WHERE entry_id = %s", (entry_id,)):
                time.sleep(0.005)
            found.append(1e3 * (time.monotonic() - start))
            time.sleep(rng.uniform(0.02, 0.3))
        return percentile(sorted(found), 95)


def command(file: Path, port: int, rate: float = 0.0, connections: int = CONNECTIONS) -> list[str]:
    options = ["--rate", str(rate), "--connections", str(connections)]
    return [sys.executable, "-m", "benchmarks.loadgen", str(file), str(port), *options]


def load(
    file: Path, port: int, rate: float = 0.0, connections: int = CONNECTIONS, replaced: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the load generator measured. `replaced`: words of the file, and what is sent for each."""
    replacing = [word for pair in (replaced or {}).items() for word in ("--replace", *pair)]
    made = subprocess.run(
        [*command(file, port, rate, connections), *replacing], cwd=ROOT, capture_output=True, text=True
    )
    if made.returncode:
        raise RuntimeError(made.stderr[-2000:])
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def rss_mb(pids: Sequence[int]) -> float:
    """Resident memory of the largest of the processes."""
    sizes = [0.0]
    for pid in pids:
        # A process may end between being listed and being looked at.
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    sizes.append(int(line.split()[1]) / 1024)
    return max(sizes)


def percentile(in_order: Sequence[float], percent: float) -> float:
    return in_order[min(len(in_order) - 1, int(len(in_order) * percent / 100))] if in_order else 0.0


def table(found: Results) -> str:
    """The one table: rates with their ratios, then each budget."""
    lines = [
        f"Ingest on {machine()}, everything on the same cores; with rollups.",
        "",
        f"| {'events/s':<34} | {'1,000':>9} | {'100':>9} | {'10':>9} | {'1':>9} |",
        f"|{'-' * 36}|{'-' * 10}:|{'-' * 10}:|{'-' * 10}:|{'-' * 10}:|",
    ]
    for with_ids, name in ((False, "stored, ids derived"), (True, "stored, ids of the client")):
        lines.append(_row(name, [f"{found.service[batch, with_ids]:,.0f}" for batch in BATCHES]))
        ratios = [f"{found.service[batch, with_ids] / found.copy[with_ids]:.2f}" for batch in BATCHES]
        lines.append(_row("  until merged", [f"{found.merged[batch, with_ids]:,.0f}" for batch in BATCHES]))
        lines.append(_row(f"  x COPY of these rows ({found.copy[with_ids]:,.0f}/s)", ratios))
    lines.append(_row("FastAPI + ORM add_all", [f"{found.orm[batch]:,.0f}" for batch in BATCHES]))
    ratios = [f"{found.service[batch, False] / found.orm[batch]:.1f}" for batch in BATCHES]
    lines += [_row("  ours x that, ids derived", ratios), ""]
    lines += [
        f"| {'budget':<58} | {'measured':>10} | {'budget':>9} | met |",
        f"|{'-' * 60}|{'-' * 11}:|{'-' * 10}:|-----|",
    ]
    for name, measured, budget, unit, at_least in budgets(found):
        met = measured >= budget if at_least else measured <= budget
        sign = ">=" if at_least else "<="
        limit = f"{sign} {budget:,.4g}{unit}"
        lines.append(f"| {name:<58} | {measured:>9,.4g}{unit:<1} | {limit:>9} | {'yes' if met else 'NO '} |")
    return "\n".join(lines)


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name:<34} | " + " | ".join(f"{cell:>9}" for cell in cells) + " |"


def budgets(found: Results) -> Iterator[tuple[str, float, float, str, bool]]:
    """(what, measured, budget, unit, whether more is better)"""
    for with_ids, name in ((False, "ids derived"), (True, "ids of the client")):
        for batch, share in ((1000, 0.35), (100, 0.35), (10, 0.16)):
            ratio = found.service[batch, with_ids] / found.copy[with_ids]
            yield f"stored, batches of {batch:,}, {name}, x COPY", ratio, share, "", True
    for batch, times in ((1000, 5.0), (100, 5.0), (10, 3.0)):
        ratio = found.service[batch, False] / found.orm[batch]
        yield f"batches of {batch:,}, x FastAPI + ORM", ratio, times, "", True
    yield "single events accepted and drained, a second", found.service[1, False], 1500.0, "", True
    for batch, (p50, p99) in found.accept_ms.items():
        yield f"accept at half load, batches of {batch}, p99 ms (p50 {p50:.1f})", p99, 50.0, "", False
    yield "accepted to visible, idle, p95 ms", found.visible_ms["idle"], 2000.0, "", False
    yield "accepted to visible, full load, p95 ms", found.visible_ms["full"], 5000.0, "", False
    yield "bytes on disk an event, ids derived", found.bytes_an_event[False], 450.0, "", False
    yield "bytes on disk an event, ids of the client", found.bytes_an_event[True], 450.0, "", False
    yield "oldest delta that waited for its merge, s", found.merge_lag_s, 5.0, "", False
    yield "largest web process, MB", found.rss_mb["web"], 120.0, "", False
    yield "largest worker process, MB", found.rss_mb["worker"], 250.0, "", False


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(events: int, quick: bool = False) -> str:
    """The table of one run."""
    with Stack() as stack:
        return table(Bench(stack, events, quick).run())

"""Kills each process in turn under load; afterwards plain SQL must find each accepted event once, and
`flask audit --full` must balance.

`python -m benchmarks.soak --events 200000` is the long run; tests/faults runs a short one. The senders behave like a
careful client: batches with event ids are sent again until they are accepted, batches without ids are sent once.
"""

import argparse
import http.client
import json
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.stack import ROOT, SITE, Stack

KILL_TARGETS = ("worker", "web", "redis", "postgres", "beat")
SENDERS = 4
RESENT_SHARE = 0.1
WITH_IDS_SHARE = 0.8
KILL_EVERY_S = (1.5, 3.0)
DRAIN_TIMEOUT_S = 120
ACCEPT_TIMEOUT_S = 120


@dataclass
class Batch:
    """The events with the numbers `first` up to `end` in their payloads."""

    first: int
    end: int
    with_ids: bool
    body: bytes
    due_s: float
    # The batch_id of each 202.
    accepted: list[str] = field(default_factory=list)
    attempts: int = 0
    # Attempts that may or may not have reached the stream.
    ambiguous: int = 0


@dataclass
class SoakReport:
    """Counts of the run; `failures` is empty when every accepted event is accounted for."""

    events: int = 0
    batches: int = 0
    attempts: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    stored: int = 0
    duplicates: int = 0
    drained_s: float = 0.0
    audit_summary: str = ""
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {count}" for name, count in self.kills.items())
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        lines = [
            f"{self.batches} batches of {self.events} events in {self.attempts} attempts: {answers}",
            f"killed: {kills}; drained {self.drained_s:.1f} s after the last answer",
            f"{self.accepted} events accepted, {self.stored} rows stored, {self.duplicates} duplicates recognised",
            f"flask audit --full: {self.audit_summary}",
            *(f"FAILURE: {failure}" for failure in self.failures),
        ]
        return "\n".join(lines)


def make_batches(events: int, largest: int, seconds: float, seed: int) -> list[Batch]:
    """Batches of random size (small ones most often), due evenly over `seconds`."""
    rng, batches, first = random.Random(seed), [], 0
    while first < events:
        end = min(events, first + int(largest ** rng.random()))
        with_ids = rng.random() < WITH_IDS_SHARE
        body = json.dumps([_event(rng, number, with_ids) for number in range(first, end)]).encode()
        batches.append(Batch(first, end, with_ids, body, seconds * first / events))
        first = end
    return batches


def _event(rng: random.Random, number: int, with_ids: bool) -> dict[str, object]:
    event: dict[str, object] = {
        "type": rng.choice(("page_view", "button_click")),
        "user_id": f"user-{rng.randrange(2000)}",
        "ts": datetime.now(UTC).isoformat(),
        "payload": {"n": number, "page": f"/p/{rng.randrange(50)}"},
    }
    return event | ({"event_id": str(uuid.UUID(int=rng.getrandbits(128), version=4))} if with_ids else {})


class Senders:
    """Threads that post batches when they are due and record the answers. RESENT_SHARE of the batches is sent twice."""

    def __init__(self, stack: Stack, batches: Sequence[Batch], seed: int) -> None:
        rng = random.Random(seed)
        twice = [batch for batch in batches if batch.with_ids and rng.random() < RESENT_SHARE / WITH_IDS_SHARE]
        # The second attempt is up to three seconds later, so that some overlap with the first.
        plan = [(batch.due_s, batch) for batch in batches]
        plan += [(batch.due_s + rng.choice((0.0, rng.uniform(0, 3))), batch) for batch in twice]
        self._plan = sorted(plan, key=lambda item: item[0])
        self._stack = stack
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self.statuses: Counter[str] = Counter()
        self.errors: list[str] = []
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    @property
    def is_busy(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def _work(self) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self._stack.port, timeout=15)
        while True:
            with self._lock:
                if not self._plan:
                    return
                due, batch = self._plan.pop(0)
            time.sleep(max(0.0, self._start + due - time.monotonic()))
            end = time.monotonic() + ACCEPT_TIMEOUT_S
            while not self._send(client, batch) and batch.with_ids:
                if time.monotonic() > end:
                    self.errors.append(f"events {batch.first} to {batch.end} were never accepted")
                    break
                time.sleep(0.2)

    def _send(self, client: http.client.HTTPConnection, batch: Batch) -> bool:
        """True when the batch was accepted."""
        headers = {"Authorization": f"Bearer {self._stack.token}", "Content-Type": "application/json"}
        status: int | str
        try:
            client.request("POST", f"/api/analytics/ingest?site={SITE}", batch.body, headers)
            answer = client.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            client.close()
            status, text = type(error).__name__, b""
        with self._lock:
            batch.attempts += 1
            self.statuses[str(status)] += 1
            if status == 202:
                batch.accepted.append(json.loads(text)["batch_id"])
                return True
            batch.ambiguous += 1
            if isinstance(status, int) and status != 503:
                self.errors.append(f"unexpected status {status}: {text[:300]!r}")
        return False


def run(events: int, kills: int, largest: int = 1000, seed: int = 1) -> SoakReport:
    """One run on new servers."""
    with Stack(CLAIM_AFTER="3s") as stack:
        return _soak(stack, events, kills, largest, seed)


def _soak(stack: Stack, events: int, kills: int, largest: int, seed: int) -> SoakReport:
    rng = random.Random(seed)
    batches = make_batches(events, largest, (kills + 1) * sum(KILL_EVERY_S) / 2, seed)
    report = SoakReport(events=events, batches=len(batches))
    senders = Senders(stack, batches, seed)
    while senders.is_busy or report.kills.total() < kills:
        # This thread kills and restarts, since a server ends with the thread that started it. The last kills may come
        # after the senders have ended.
        end = time.monotonic() + rng.uniform(*KILL_EVERY_S)
        while senders.is_busy and time.monotonic() < end:
            time.sleep(0.05)
        if report.kills.total() < kills:
            stack.restart_ended()
            name = KILL_TARGETS[report.kills.total() % len(KILL_TARGETS)]
            stack.kill(name)
            time.sleep(rng.choice((0.0, 0.3, 1.0)))
            stack.restart(name)
            report.kills[name] += 1
    report.drained_s = await_drained(stack)
    report.statuses, report.failures = senders.statuses, senders.errors
    report.attempts = sum(batch.attempts for batch in batches)
    check_stored(stack, batches, report)
    return report


def await_drained(stack: Stack) -> float:
    """Waits until the stream is empty; the seconds it took. The checks report entries that are stuck."""
    start, buffer = time.monotonic(), stack.buffer_client()
    while buffer.xlen("analytics:ingest") and time.monotonic() < start + DRAIN_TIMEOUT_S:
        stack.restart_ended()
        time.sleep(0.1)
    return time.monotonic() - start


def check_stored(stack: Stack, batches: Sequence[Batch], report: SoakReport) -> None:
    """Compares the senders' records with the tables, by plain SQL."""
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (payload->>'n')::int, count(*) FROM events GROUP BY 1")
        rows: dict[int, int] = dict(cursor.fetchall())
        cursor.execute("SELECT entry_id, received, stored, duplicate, dead_lettered FROM ingest_ledger")
        ledger = {entry_id: counts for entry_id, *counts in cursor.fetchall()}
        cursor.execute("SELECT count(*) FROM dead_letters")
        (dead_letters,) = cursor.fetchone() or (0,)
    report.stored = sum(rows.values())
    report.duplicates = sum(counts[2] for counts in ledger.values())
    report.accepted = sum(batch.end - batch.first for batch in batches if batch.accepted)
    report.failures += [
        *_check_events(batches, rows),
        *_check_ledger(batches, ledger, report.stored),
        *_check_buffer(stack, sum(counts[0] for counts in ledger.values())),
    ]
    if dead_letters:
        report.failures.append(f"{dead_letters} dead letters")
    report.failures += check_audit(stack, report)


def _check_events(batches: Sequence[Batch], rows: dict[int, int]) -> Iterator[str]:
    """`rows`: the number of rows by event number."""
    sent: set[int] = set()
    for batch in batches:
        numbers = range(batch.first, batch.end)
        sent.update(numbers)
        missing = [number for number in numbers if number not in rows]
        repeated = [number for number in numbers if rows.get(number, 0) > 1]
        where = f"of events {batch.first} to {batch.end} ({'with' if batch.with_ids else 'no'} ids, {batch})"
        if batch.accepted and missing:
            yield f"{len(missing)} missing {where[:300]}"
        elif missing and len(missing) < len(numbers):
            yield f"part of a batch is stored: {len(missing)} missing {where[:300]}"
        if repeated:
            yield f"{len(repeated)} stored more than once {where[:300]}"
        if batch.accepted and batch.with_ids is False and len(batch.accepted) > 1:
            yield f"sent twice by the sender {where[:300]}"
    if unknown := rows.keys() - sent:
        yield f"{len(unknown)} rows that were not sent"


def _check_ledger(batches: Sequence[Batch], ledger: dict[str, list[int]], rows: int) -> Iterator[str]:
    for batch in batches:
        for batch_id in batch.accepted:
            counts = ledger.get(batch_id)
            if counts is None or counts[0] != batch.end - batch.first:
                yield f"batch {batch_id} of {batch.end - batch.first} events is in the ledger as {counts}"
    received, stored, duplicate, dead = (sum(counts[n] for counts in ledger.values()) for n in range(4))
    if stored + duplicate + dead != received:
        yield (
            f"the ledger does not balance: {received} received,"
            f" {stored} stored + {duplicate} duplicate + {dead} dead-lettered"
        )
    if stored != rows:
        yield f"{stored} events are stored by the ledger, the table has {rows}"


def _check_buffer(stack: Stack, received: int) -> Iterator[str]:
    buffer = stack.buffer_client()
    if stuck := buffer.xlen("analytics:ingest"):
        yield f"{stuck} entries are stuck in the stream"
    backlog = {name: int(value) for name, value in buffer.hgetall("analytics:ingest:backlog").items()}
    if any(backlog.values()):
        yield f"the stream is empty, its backlog counters are {backlog}"
    counted = sum(int(n) for key in buffer.scan_iter("analytics:received:*") for n in buffer.hvals(key))
    if counted != received:
        yield f"Redis counted {counted} received events, the ledger {received}"


def check_audit(stack: Stack, report: SoakReport) -> Iterator[str]:
    """The audit of the service, after a merge, so that it checks the visits too."""
    start = time.monotonic()
    _flask(stack, "rollups", "merge")
    audit = _flask(stack, "audit", "--full", "--json")
    if audit.returncode not in (0, 1):
        yield f"flask audit --full failed: {audit.stderr[-500:]}"
        return
    sheet = json.loads(audit.stdout)
    rolled_up = sum(day["rolled_up"] for day in sheet["days"])
    result = "balanced" if sheet["balanced"] else f"{len(sheet['gaps'])} gaps"
    report.audit_summary = f"{result} over {rolled_up} events, {len(sheet['recounted'])} days of a dimension recounted"
    report.audit_summary += f", in {time.monotonic() - start:.1f} s"
    yield from (f"gap: {gap}" for gap in sheet["gaps"][:20])
    if rolled_up != report.stored:
        yield f"{report.stored} rows are stored, {rolled_up} rolled up"


def _flask(stack: Stack, *command: str) -> "subprocess.CompletedProcess[str]":
    flask = [sys.executable, "-m", "flask", "--app", "wsgi", *command]
    return subprocess.run(flask, cwd=ROOT, env=stack.env, capture_output=True, text=True, timeout=600)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=80, help="one every 1.5 to 3 seconds")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    report = run(arguments.events, arguments.kills, seed=arguments.seed)
    print(report)
    raise SystemExit(bool(report.failures))


if __name__ == "__main__":
    main()

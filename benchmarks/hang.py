"""`python -m benchmarks.hang`: PostgreSQL hangs (SIGSTOP) for a minute under load; what is accepted is stored later.

Checks that (1) every batch is accepted meanwhile, at the rate asked for; (2) once MAX_BACKLOG_EVENTS wait, batches are
refused with 503; (3) reports answer 503 within their deadline; (4) after SIGCONT everything that was accepted is stored
once, and `flask audit --full` balances. Ends with 1 when one of them fails. tests/faults runs a short one.
"""

import argparse
import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from benchmarks.datagen import make_events, write_requests
from benchmarks.ingest import run_load
from benchmarks.measuring import percentile, print_progress
from benchmarks.soak import SoakReport, check_audit
from benchmarks.stack import SITE, Stack

BATCH = 100
# Each web process has then answered some of them, and has the site and the token cached.
WARMING_BATCHES = 200
# A pooled connection is given up after 3 s, a new one after 5 s.
REPORT_DEADLINE_S = 15.0
# Of the rate asked for.
RATE_TOLERANCE = 0.97
BACKLOG_MARGIN = 5_000
DRAIN_TIMEOUT_S = 900.0


@dataclass
class HangReport:
    """`failures` is empty when all statements hold."""

    rate: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    p99_ms: float = 0.0
    report_statuses: Counter[int] = field(default_factory=Counter)
    slowest_report_s: float = 0.0
    accepted: int = 0
    refusal: str = ""
    stored: int = 0
    drained_s: float = 0.0
    audit_summary: str = ""
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"accepted meanwhile: {self.rate:,.0f} events/s, {dict(self.statuses)}, p99 {self.p99_ms:.0f} ms",
            f"at MAX_BACKLOG_EVENTS: {self.refusal}",
            f"reports: {dict(self.report_statuses)}, the slowest {self.slowest_report_s:.1f} s",
            f"after SIGCONT: {self.stored:,} of {self.accepted:,} events stored within {self.drained_s:.1f} s",
            f"flask audit --full: {self.audit_summary}",
        ]
        return "\n".join([*lines, *(f"FAILURE: {failure}" for failure in self.failures)])


class Reader(threading.Thread):
    """Asks for a report again and again until it is stopped."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack, self._end = stack, threading.Event()
        self.statuses: Counter[int] = Counter()
        self.slowest_s = 0.0

    def run(self) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            self.statuses[request(self._stack, "GET", f"/api/analytics/reports/summary?site={SITE}&days=2")[0]] += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self._end.wait(0.2)

    def stop(self) -> None:
        self._end.set()
        self.join()


def request(stack: Stack, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    """(status, JSON) of one request."""
    client = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=90)
    headers = {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"}
    client.request(method, path, body, headers)
    response = client.getresponse()
    text = response.read()
    client.close()
    return response.status, json.loads(text)


def run(rate: int, seconds: float, **env: str) -> HangReport:
    """One run on new servers."""
    events = int(rate * seconds)
    with Stack(MAX_BACKLOG_EVENTS=str(events + BACKLOG_MARGIN), MAX_BACKLOG_BYTES=str(10**10), **env) as stack:
        report = HangReport()
        warm = _send(stack, WARMING_BATCHES * BATCH, 0)
        report.accepted = warm["accepted"]
        _await_stored(stack, report.accepted, 60)
        stack.suspend("postgres")
        try:
            _check_hanging(stack, report, events, rate)
        finally:
            stack.resume("postgres")
        _check_afterwards(stack, report)
    return report


def _send(stack: Stack, events: int, rate: float) -> dict[str, Any]:
    file = stack.folder / "requests"
    write_requests(file, list(make_events(events, with_ids=False)), BATCH, token=stack.token)
    return run_load(file, stack.port, rate / BATCH)


def _check_hanging(stack: Stack, report: HangReport, events: int, rate: int) -> None:
    reader = Reader(stack)
    reader.start()
    load = _send(stack, events, rate)
    reader.stop()
    report.accepted += load["accepted"]
    report.rate = load["accepted"] / (load["end"] - load["start"])
    report.statuses = Counter({int(status): count for status, count in load["statuses"].items()})
    report.p99_ms = 1e3 * percentile(sorted(load["latencies"]), 99)
    report.report_statuses, report.slowest_report_s = reader.statuses, reader.slowest_s
    print_progress(f"accepted {load['accepted']:,} events at {report.rate:,.0f}/s")
    if set(report.statuses) != {202}:
        report.failures.append(f"batches were refused: {dict(report.statuses)}")
    if report.rate < rate * RATE_TOLERANCE:
        report.failures.append(f"{report.rate:,.0f} events/s, {rate:,} were sent")
    if set(reader.statuses) != {503} or reader.slowest_s > REPORT_DEADLINE_S:
        report.failures.append(f"reports: {dict(reader.statuses)}, the slowest took {reader.slowest_s:.1f} s")
    _check_refusal(stack, report)


def _check_refusal(stack: Stack, report: HangReport) -> None:
    """Fills the rest of the backlog."""
    body = b"[" + b",".join([b'{"type":"filling"}'] * BATCH) + b"]"
    for _ in range(2 * BACKLOG_MARGIN // BATCH):
        status, answer = request(stack, "POST", f"/api/analytics/ingest?site={SITE}", body)
        if status != 202:
            report.refusal = f"{status} {answer.get('detail')}"
            break
        report.accepted += BATCH
    if not report.refusal.startswith("503"):
        report.failures.append(f"the full backlog was not refused with 503: {report.refusal or 'accepted'}")


def _check_afterwards(stack: Stack, report: HangReport) -> None:
    report.drained_s = _await_stored(stack, report.accepted, DRAIN_TIMEOUT_S)
    audited = SoakReport()
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events")
        (report.stored,) = cursor.fetchone() or (0,)
    audited.stored = report.stored
    if report.stored != report.accepted:
        report.failures.append(f"{report.accepted} events were accepted, {report.stored} are stored")
    report.failures += check_audit(stack, audited)
    report.audit_summary = audited.audit_summary


def _await_stored(stack: Stack, events: int, within_s: float) -> float:
    """The seconds until the ledger has so many events and the stream is empty, or `within_s`."""
    began, buffer = time.monotonic(), stack.buffer_client()
    with stack.connect() as connection, connection.cursor() as cursor:
        while time.monotonic() < began + within_s:
            stack.restart_ended()
            cursor.execute("SELECT coalesce(sum(received), 0) FROM ingest_ledger")
            (received,) = cursor.fetchone() or (0,)
            if received >= events and not buffer.xlen("analytics:ingest"):
                break
            time.sleep(0.2)
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hang", description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    report = run(arguments.rate, arguments.seconds)
    print(report)
    raise SystemExit(bool(report.failures))


if __name__ == "__main__":
    main()

"""`python -m benchmarks.attacks`: a minute of hostile clients (hostile.py) against a stack under normal load.

Prints a table, and ends with 1 unless: no web process ended; each stayed within 60 MB of its start; the POSTs of a
normal client were accepted, 99 % of them within 200 ms; and attacks that know the right response got it. All attacks
run at once; `--only C3` runs those whose names begin so, `--without C3` the others.
"""

import argparse
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.datagen import make_events, write_requests
from benchmarks.hostile import ATTACKS, Target
from benchmarks.ingest import rss_mb, run_load
from benchmarks.measuring import percentile, print_progress
from benchmarks.stack import Stack

MAX_GROWTH_MB, MAX_P99_MS = 60.0, 200.0
# The normal client: a hundred batches of ten a second.
BATCH, REQUESTS_A_SECOND, CONNECTIONS = 10, 100, 16
# Stored before: what unread downloads would send.
STORED_EVENTS = 50_000
SAMPLE_INTERVAL_S = 0.2
LOGGED_ENDS = re.compile(r"WORKER TIMEOUT|Worker .*(exited|was sent SIG)|Exception in worker")


@dataclass
class AttackReport:
    """`growth_mb`: of each web process, at its largest. `failures` is empty when all bars hold."""

    p99_ms: float = 0.0
    max_ms: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    growth_mb: dict[int, float] = field(default_factory=dict)
    attacks: dict[str, Target] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            "| attack                     | attempts | faults |",
            "|----------------------------|---------:|-------:|",
        ]
        lines += [
            f"| {name:<26} | {target.attempts:>8} | {len(target.failures):>6} |"
            for name, target in self.attacks.items()
        ]
        growth = ", ".join(f"{size:+.0f} MB" for size in self.growth_mb.values())
        lines += [
            "",
            f"normal client: {self.statuses}, p99 {self.p99_ms:.0f} ms, slowest {self.max_ms:.0f} ms",
            f"web processes: {growth}",
            *(f"FAILURE: {failure}" for failure in self.failures),
        ]
        return "\n".join(lines)


class MemoryWatch(threading.Thread):
    """The largest memory of each web process, and which of them ended."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._web, self._end = stack.processes["web"], threading.Event()
        # The first is gunicorn's master.
        self.started = {pid: rss_mb([pid]) for pid in self._web.group_pids()[1:]}
        self.largest = dict(self.started)

    def run(self) -> None:
        while not self._end.wait(SAMPLE_INTERVAL_S):
            self.largest = {pid: max(size, rss_mb([pid])) for pid, size in self.largest.items()}

    def stop(self) -> None:
        self._end.set()
        self.join()

    def ended(self) -> list[int]:
        return sorted(set(self.started) - set(self._web.group_pids()))


def run(seconds: float, only: str = "", without: str | None = None) -> AttackReport:
    """One run on a new stack."""
    with Stack() as stack:
        attacker = stack.run("token", "flask --app wsgi token create --sub attacker --days 1 --scope 'ingest read'")
        file = stack.folder / "requests"
        write_requests(file, list(make_events(STORED_EVENTS, with_ids=False)), 100, token=stack.token)
        run_load(file, stack.port)
        events = int(seconds * REQUESTS_A_SECOND * BATCH)
        write_requests(file, list(make_events(events, with_ids=False)), BATCH, token=stack.token)
        report, watch = AttackReport(), MemoryWatch(stack)
        watch.start()
        names = [name for name in ATTACKS if name.startswith(only) and not (without and name.startswith(without))]
        threads = _start_attacks(stack, report, attacker.split()[-1], time.monotonic() + seconds, names)
        load = _measure(report, lambda: run_load(file, stack.port, REQUESTS_A_SECOND, CONNECTIONS))
        for thread in threads:
            thread.join(30)
        watch.stop()
        _check(stack, report, watch, load)
    return report


def _start_attacks(
    stack: Stack, report: AttackReport, token: str, until: float, names: Sequence[str]
) -> list[threading.Thread]:
    threads = []
    for name in names:
        target = report.attacks[name] = Target(stack.port, token, until)
        threads.append(threading.Thread(target=ATTACKS[name], args=[target], daemon=True, name=name))
        threads[-1].start()
    return threads


def _measure(report: AttackReport, send: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return send()
    except RuntimeError as error:
        report.failures.append(f"the normal client failed: {str(error).strip().splitlines()[-1]}")
        return None


def _check(stack: Stack, report: AttackReport, watch: MemoryWatch, load: dict[str, Any] | None) -> None:
    if load is not None:
        latencies = sorted(1e3 * latency for latency in load["latencies"])
        report.statuses, report.p99_ms, report.max_ms = load["statuses"], percentile(latencies, 99), latencies[-1]
        if report.p99_ms > MAX_P99_MS:
            report.failures.append(f"p99 of the normal client is {report.p99_ms:.0f} ms, at most {MAX_P99_MS:.0f}")
    report.growth_mb = {pid: size - watch.started[pid] for pid, size in watch.largest.items()}
    if max(report.growth_mb.values()) > MAX_GROWTH_MB:
        report.failures.append(f"a web process grew by {max(report.growth_mb.values()):.0f} MB")
    log = stack.processes["web"].log.read_text()
    if ended := watch.ended() or LOGGED_ENDS.findall(log):
        report.failures.append(f"web processes ended: {ended}")
    for name, target in report.attacks.items():
        if target.failures:
            report.failures.append(f"{name}: {len(target.failures)} times, first: {target.failures[0]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", default="", help="attacks whose names begin so, for example C3")
    parser.add_argument("--without", help="attacks that are left out")
    arguments = parser.parse_args()
    print_progress("starting a stack")
    report = run(arguments.seconds, arguments.only, arguments.without)
    print(report)
    raise SystemExit(bool(report.failures))


if __name__ == "__main__":
    main()

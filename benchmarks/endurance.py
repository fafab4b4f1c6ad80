"""`python -m benchmarks.endurance --minutes 60`: full ingest load for an hour, and its effect on tables and memory.

Batches of 100 from 64 clients, as fast as they are answered. The time of the events runs faster than the clock, a day
each minute: days are closed, unions of weeks and months built, and at each midnight the retention of the site is set
one day lower, so that the service drops the oldest partition under load and the disk holds KEPT_DAYS and the open day.
Prints a reading every half minute (sampler.py); at the end a summary and, once everything is drained, `flask audit`.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from analytics import queue
from analytics.sites import sites
from benchmarks.baselines import describe_machine
from benchmarks.ingest import run_load
from benchmarks.sampler import TABLES, LagSample, Sampler
from benchmarks.site_days import day_replacements, write_files
from benchmarks.stack import ROOT, SITE, Stack
from config import load as load_settings

BATCH = 100
# Days more than two months ago are in partitions of whole months, which are not dropped day by day.
MIN_DAYS, MAX_DAYS, KEPT_DAYS = 8, 60, 3
# Retention is set per site, day by day. The other settings disable what depends on the difference to the real clock.
STACK_SETTINGS: dict[str, Any] = {
    "EVENT_RETENTION_DAYS": "1",
    "ANONYMIZE_IPS_AFTER_DAYS": "36500",
    "AGGREGATION_INTERVAL": "0",
}
# The tasks that beat sends each night, at each midnight of the events. Unions first: the new day is then open, and the
# union of its week is not built before the week is over.
MIDNIGHT_TASKS = (
    ("rollups.compact", queue.ROLLUPS),
    ("rollups.close_days", queue.ROLLUPS),
    ("maintenance.retain", queue.MAINTENANCE),
)
SETTLE_TIMEOUT_S = 300.0
# After this, memory and tables have their final size if nothing grows.
WARM_UP_S = 300.0
# A drop stops drains for a moment; the deltas that it delayed are merged within this time.
DROP_MARGIN_S = 10.0
# The number of lag peaks that are printed with the log messages around them; and the messages left out of those.
PEAKS = 5
FREQUENT_LOG_MESSAGES = ("drained", "merged", "Discarding revoked task")


class SimulatedCalendar:
    """The day of the events; starts the tasks of each midnight in a thread, until it is closed."""

    def __init__(self, stack: Stack, minutes: float) -> None:
        count = min(MAX_DAYS, max(MIN_DAYS, round(minutes)))
        self._day_s = 60 * minutes / count
        # The last day is yesterday, so that no day is in the future by the real clock.
        self._first = datetime.now(UTC).date() - timedelta(days=count + 1)
        settings = load_settings(stack.env)
        self._engine = create_engine(settings.database_url)
        self._celery: Celery = queue.create_celery(settings)
        with self._engine.begin() as connection:
            sites.create_site(connection, SITE, event_retention_days=self._retention(self._first))
        self._start, self._end = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def today(self) -> date:
        return self._first + timedelta(days=int((time.monotonic() - self._start) / self._day_s))

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        current = self._first
        while not self._end.wait(0.5):
            if (today := self.today()) != current and self._begin(today):
                current = today

    def _begin(self, day: date) -> bool:
        """False when the site could not be changed; the caller tries again."""
        try:
            with self._engine.begin() as connection:
                sites.update_site(connection, SITE, event_retention_days=self._retention(day))
        except DBAPIError as error:
            print(f"the site could not be changed: {error.orig}", flush=True)
            return False
        for task, name in MIDNIGHT_TASKS:
            self._celery.send_task(task, queue=name, ignore_result=True)
        return True

    def _retention(self, day: date) -> int:
        return (datetime.now(UTC).date() - day).days + KEPT_DAYS


def run(minutes: float) -> int:
    """Prints the readings and the summary; returns the exit code of the audit, or 1 when ledger and answers differ."""
    with Stack(**STACK_SETTINGS) as stack:
        files = write_files(stack.folder, BATCH, stack.token)
        days, sampler = SimulatedCalendar(stack, minutes), Sampler(stack)
        try:
            accepted, elapsed_s = _send(stack, files, days, 60 * minutes)
        finally:
            days.close()
            sampler.close()
        print(f"\n{describe_machine()}: {accepted / elapsed_s:,.0f} events/s accepted for {elapsed_s:.0f} s")
        print("\n".join(_summary(stack, sampler, 60 * minutes)), flush=True)
        received = _settle(stack)
        print(f"accepted by the answers {accepted:,}, received by the ledger {received:,}")
        return _audit(stack) or int(received != accepted)


def _send(stack: Stack, files: Sequence[Path], days: SimulatedCalendar, seconds: float) -> tuple[int, float]:
    """Sends the files of each day in order, repeatedly; returns the accepted events and the seconds."""
    accepted, sent_files, start = 0, Counter[date](), time.monotonic()
    while time.monotonic() < start + seconds:
        day = days.today()
        number = sent_files[day]
        load = run_load(files[number % len(files)], stack.port, replacements=day_replacements(day, number))
        accepted, sent_files[day] = accepted + load["accepted"], number + 1
    return accepted, time.monotonic() - start


def _summary(stack: Stack, sampler: Sampler, seconds: float) -> Iterator[str]:
    readings, last = sampler.readings, sampler.readings[-1]
    early = next(reading for reading in readings if reading.after_s >= min(WARM_UP_S, seconds / 3))
    rate, disk_mb = last.stored / last.after_s, max(reading.disk_mb for reading in readings)
    yield f"stored: {last.stored:,}, {rate:,.0f}/s; disk: {disk_mb:,.0f} MB at most"
    worst, p99, median = (sampler.lag_s(percent) for percent in (100, 99, 50))
    count = len(sampler.lag_samples)
    yield f"oldest delta: max {worst:.1f} s, p99 of {count:,} samples {p99:.1f} s, median {median:.1f} s"
    records = _log_records(stack)
    yield from (_describe_peak(peak, records) for peak in sampler.peaks(PEAKS, DROP_MARGIN_S))
    yield f"after {early.after_s:.0f} s -> at the end:"
    for name in ("web", "worker"):
        peak_mb = max(reading.rss_mb[name] for reading in readings)
        yield f"  largest {name} process {early.rss_mb[name]:.0f} -> {last.rss_mb[name]:.0f} MB, peak {peak_mb:.0f}"
    for name in TABLES:
        before, after = early.tables[name], last.tables[name]
        row_size = f"{before.bytes_a_row():,.0f} -> {after.bytes_a_row():,.0f} bytes a row"
        yield f"  {name} {before.mb:.1f} -> {after.mb:.1f} MB, {row_size}"
    drops, others = _retention_steps(records)
    if drops:
        slowest = max(step["seconds"] for step in drops)
        ends = [datetime.fromisoformat(step["at"]).timestamp() for step in drops]
        lags = [sampler.max_lag_s(end - DROP_MARGIN_S, end + DROP_MARGIN_S) for end in ends]
        yield f"drops: {len(drops)}, {slowest:.3f} s at most; the oldest delta around them {max(lags):.1f} s at most"
    for step in others:
        yield f"retention: {step}"


def _retention_steps(records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """From the log: the dropped partitions of events; and a summary of each other kind of step."""
    steps = [record for record in records if record["message"].startswith("retention step")]
    drops = [step for step in steps if step["action"] == "drop" and "reason" not in step]
    others, seconds = Counter[str](), Counter[str]()
    for step in steps:
        if step not in drops and (step["rows"] or "reason" in step):
            name = f"{step['action']} {step['of']}{': ' + step['reason'] if 'reason' in step else ''}"
            others[name] += 1
            seconds[name] += step["seconds"]
    return drops, [f"{name}, {count} times, {seconds[name]:.1f} s in all" for name, count in others.items()]


def _log_records(stack: Stack) -> list[dict[str, Any]]:
    """The JSON log of the worker without FREQUENT_LOG_MESSAGES."""
    # The last line may be incomplete.
    lines = stack.processes["worker"].log.read_text().rpartition("\n")[0].splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    return [record for record in records if not record["message"].startswith(FREQUENT_LOG_MESSAGES)]


def _describe_peak(peak: LagSample, records: list[dict[str, Any]]) -> str:
    """A lag peak, and what the worker logged from the creation of the delta until DROP_MARGIN_S after the peak."""
    messages = []
    for record in records:
        after_s = datetime.fromisoformat(record["at"]).timestamp() - peak.at
        if -peak.lag_s <= after_s <= DROP_MARGIN_S:
            names = ("action", "of", "seconds", "days", "spans")
            fields = " ".join(str(record[name]) for name in names if name in record)
            messages.append(f"{record['message']} {fields} ({after_s:+.1f} s)")
    logged = "; ".join(messages) or "-"
    return f"  {peak.lag_s:.1f} s at {datetime.fromtimestamp(peak.at, UTC):%H:%M:%S}; logged: {logged}"


def _settle(stack: Stack) -> int:
    """Waits until all events are stored and merged; returns the number that the ledger received."""
    start = time.monotonic()
    with stack.connect() as connection, connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM rollup_deltas")
            remaining = stack.buffer_client().xlen("analytics:ingest"), cursor.fetchone()
            if remaining == (0, (0,)):
                break
            if time.monotonic() > start + SETTLE_TIMEOUT_S:
                print(f"(entries, deltas) that remain: {remaining}")
                break
            time.sleep(0.5)
        print(f"drained and merged {time.monotonic() - start:.1f} s after the last answer", flush=True)
        cursor.execute("SELECT sum(received) FROM ingest_ledger")
        return int((cursor.fetchone() or (0,))[0])


def _audit(stack: Stack) -> int:
    start = time.monotonic()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "audit"]
    done = subprocess.run(command, cwd=ROOT, env=stack.env, capture_output=True, text=True)
    print(done.stdout + done.stderr[-2000:])
    print(f"flask audit: exit code {done.returncode} after {time.monotonic() - start:.0f} s", flush=True)
    return done.returncode


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    sys.exit(run(parser.parse_args().minutes))


if __name__ == "__main__":
    main()

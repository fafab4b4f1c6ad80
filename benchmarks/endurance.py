"""`python -m benchmarks.endurance --minutes 60`: full ingest load for an hour, and what it does to tables and memory.

Batches of 100 from 64 clients, as fast as they are answered. The events' own time runs faster than the clock's, so
that a day passes each minute: days are closed, weeks and months united, and each midnight the site keeps raw events
for a day less, so that the service drops the oldest partition under load and the disk holds KEPT_DAYS and the open one.
Every half minute a reading (sampler.py); at the end a summary, and what `flask audit` says once all is drained.
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

from analytics import queue, sites
from benchmarks.baselines import machine
from benchmarks.ingest import load
from benchmarks.sampler import TABLES, Look, Sampler
from benchmarks.site_days import replaced, write_files
from benchmarks.stack import ROOT, SITE, Stack
from config import load as load_settings

BATCH = 100
# Partitions of days more than two months ago are those of whole months, which do not go day by day.
FEWEST_DAYS, MOST_DAYS, KEPT_DAYS = 8, 60, 3
# `flask site set` changes when the partitions go. The others keep events' own time out of what goes by the clock's.
SETTINGS: dict[str, Any] = {
    "EVENT_RETENTION_DAYS": "1",
    "ANONYMIZE_IPS_AFTER_DAYS": "36500",
    "AGGREGATION_INTERVAL": "0",
}
# What beat has done by the clock, at each midnight of the events. Compaction first: a day that has just begun is then
# known to be open, and its week not made before it is over.
AT_MIDNIGHT = (
    ("rollups.compact", queue.ROLLUPS),
    ("rollups.close_days", queue.ROLLUPS),
    ("maintenance.retain", queue.MAINTENANCE),
)
SETTLED_WITHIN_S = 300.0
# When the memory and the tables have their size, if nothing grows.
SETTLED_AFTER_S = 300.0
# A drop stops drains for a moment; deltas that waited because of it are merged by then.
AROUND_A_DROP_S = 10.0
# The oldest deltas that are told with what was logged around them; and what is logged all the time.
PEAKS = 5
OFTEN = ("drained", "merged", "Discarding revoked task")


class Days:
    """Which day it is for the events; and what midnight brings, in a thread of its own, until it is closed."""

    def __init__(self, stack: Stack, minutes: float) -> None:
        count = min(MOST_DAYS, max(FEWEST_DAYS, round(minutes)))
        self._day_s = 60 * minutes / count
        # The last one is yesterday, so that each is over by the clock when it is over by the events.
        self._first = datetime.now(UTC).date() - timedelta(days=count + 1)
        settings = load_settings(stack.env)
        self._engine = create_engine(settings.database_url)
        self._celery: Celery = queue.make_celery(settings)
        with self._engine.begin() as connection:
            sites.create_site(connection, SITE, event_retention_days=self._retention(self._first))
        self._began, self._end = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def today(self) -> date:
        return self._first + timedelta(days=int((time.monotonic() - self._began) / self._day_s))

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        begun = self._first
        while not self._end.wait(0.5):
            if (today := self.today()) != begun and self._begin(today):
                begun = today

    def _begin(self, day: date) -> bool:
        """False when there was no moment to change the site in; then it is tried again."""
        try:
            with self._engine.begin() as connection:
                sites.update_site(connection, SITE, event_retention_days=self._retention(day))
        except DBAPIError as error:
            print(f"the site could not be changed: {error.orig}", flush=True)
            return False
        for task, name in AT_MIDNIGHT:
            self._celery.send_task(task, queue=name, ignore_result=True)
        return True

    def _retention(self, day: date) -> int:
        return (datetime.now(UTC).date() - day).days + KEPT_DAYS


def run(minutes: float) -> int:
    """Prints the readings and the summary; the exit code of the audit, or 1 where ledger and answers differ."""
    with Stack(**SETTINGS) as stack:
        files = write_files(stack.folder, BATCH, stack.token)
        days, sampler = Days(stack, minutes), Sampler(stack)
        try:
            accepted, took_s = _send(stack, files, days, 60 * minutes)
        finally:
            days.close()
            sampler.close()
        print(f"\n{machine()}: {accepted / took_s:,.0f} events/s accepted for {took_s:.0f} s")
        print("\n".join(_summary(stack, sampler, 60 * minutes)), flush=True)
        received = _settle(stack)
        print(f"accepted by the answers {accepted:,}, received by the ledger {received:,}")
        return _audit(stack) or int(received != accepted)


def _send(stack: Stack, files: Sequence[Path], days: Days, seconds: float) -> tuple[int, float]:
    """How many events were accepted, in how many seconds: each day's hours in turn, as often as the day lets."""
    accepted, turns, began = 0, Counter[date](), time.monotonic()
    while time.monotonic() < began + seconds:
        day = days.today()
        turn = turns[day]
        made = load(files[turn % len(files)], stack.port, replaced=replaced(day, turn))
        accepted, turns[day] = accepted + made["accepted"], turn + 1
    return accepted, time.monotonic() - began


def _summary(stack: Stack, sampler: Sampler, seconds: float) -> Iterator[str]:
    readings, last = sampler.readings, sampler.readings[-1]
    early = next(one for one in readings if one.after_s >= min(SETTLED_AFTER_S, seconds / 3))
    rate, disk_mb = last.stored / last.after_s, max(one.disk_mb for one in readings)
    yield f"stored: {last.stored:,}, {rate:,.0f}/s; disk: {disk_mb:,.0f} MB at most"
    worst, p99, median = (sampler.lag_s(percent) for percent in (100, 99, 50))
    yield f"oldest delta: {worst:.1f} s at most, p99 of {len(sampler.looks):,} looks {p99:.1f} s, median {median:.1f} s"
    lines = _log_lines(stack)
    yield from (_around(look, lines) for look in sampler.peaks(PEAKS, AROUND_A_DROP_S))
    yield f"after {early.after_s:.0f} s -> at the end:"
    for name in ("web", "worker"):
        most = max(one.rss_mb[name] for one in readings)
        yield f"  largest {name} process {early.rss_mb[name]:.0f} -> {last.rss_mb[name]:.0f} MB, {most:.0f} at most"
    for name in TABLES:
        then, now = early.tables[name], last.tables[name]
        a_row = f"{then.bytes_a_row():,.0f} -> {now.bytes_a_row():,.0f} bytes a row"
        yield f"  {name} {then.mb:.1f} -> {now.mb:.1f} MB, {a_row}"
    drops, others = _retention_steps(lines)
    if drops:
        slowest = max(step["seconds"] for step in drops)
        ends = [datetime.fromisoformat(step["at"]).timestamp() for step in drops]
        waited = [sampler.worst_lag_s(end - AROUND_A_DROP_S, end + AROUND_A_DROP_S) for end in ends]
        yield f"drops: {len(drops)}, {slowest:.3f} s at most; the oldest delta around them {max(waited):.1f} s at most"
    for step in others:
        yield f"retention: {step}"


def _retention_steps(lines: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """What the worker logged: partitions of events that went; and in short each other kind of step."""
    steps = [line for line in lines if line["message"].startswith("retention step")]
    drops = [step for step in steps if step["action"] == "drop" and "reason" not in step]
    others, seconds = Counter[str](), Counter[str]()
    for step in steps:
        if step not in drops and (step["rows"] or "reason" in step):
            name = f"{step['action']} {step['of']}{': ' + step['reason'] if 'reason' in step else ''}"
            others[name] += 1
            seconds[name] += step["seconds"]
    return drops, [f"{name}, {count} times, {seconds[name]:.1f} s in all" for name, count in others.items()]


def _log_lines(stack: Stack) -> list[dict[str, Any]]:
    """What the worker logged as JSON, but for what it says of each drain, merge and message that came too late."""
    # The last one may not be whole yet.
    lines = stack.processes["worker"].log.read_text().rpartition("\n")[0].splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if not line["message"].startswith(OFTEN)]


def _around(look: Look, lines: list[dict[str, Any]]) -> str:
    """An old delta, and what else the worker had done since it was left, or had just then not ended."""
    said = []
    for line in lines:
        after_s = datetime.fromisoformat(line["at"]).timestamp() - look.at
        if -look.lag_s <= after_s <= AROUND_A_DROP_S:
            more = " ".join(str(line[name]) for name in ("action", "of", "seconds", "days", "spans") if name in line)
            said.append(f"{line['message']} {more} ({after_s:+.1f} s)")
    return f"  {look.lag_s:.1f} s at {datetime.fromtimestamp(look.at, UTC):%H:%M:%S}; logged: {'; '.join(said) or '-'}"


def _settle(stack: Stack) -> int:
    """The events that the ledger has received, once all of them are stored and merged."""
    began = time.monotonic()
    with stack.connect() as connection, connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM rollup_deltas")
            left = stack.buffer().xlen("analytics:ingest"), cursor.fetchone()
            if left == (0, (0,)):
                break
            if time.monotonic() > began + SETTLED_WITHIN_S:
                print(f"(entries, deltas) still wait: {left}")
                break
            time.sleep(0.5)
        print(f"drained and merged {time.monotonic() - began:.1f} s after the last answer", flush=True)
        cursor.execute("SELECT sum(received) FROM ingest_ledger")
        return int((cursor.fetchone() or (0,))[0])


def _audit(stack: Stack) -> int:
    began = time.monotonic()
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "audit"]
    done = subprocess.run(command, cwd=ROOT, env=stack.env, capture_output=True, text=True)
    print(done.stdout + done.stderr[-2000:])
    print(f"flask audit: exit code {done.returncode} after {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    sys.exit(run(parser.parse_args().minutes))


if __name__ == "__main__":
    main()

"""`python -m benchmarks.endurance --minutes 60`: full ingest load for an hour, and what it does to tables and memory.

Batches of 100 from 64 clients, as fast as they are answered. Every half minute one line: events stored, the age of the
oldest delta, bytes and dead rows of the tables that are rewritten, the largest web and worker process.
"""

import argparse
import sys
import threading
import time
from typing import Any

from benchmarks.baselines import machine
from benchmarks.datagen import make_events, write_requests
from benchmarks.ingest import load, rss_mb
from benchmarks.stack import Stack

BATCH = 100
# So many files of requests are sent in turn: the same events again are new ones, since they carry no ids.
FILES, EVENTS_A_FILE = 4, 400_000
SAMPLE_EVERY_S = 30.0
TABLES = ("rollup_deltas", "rollups", "visits", "visit_rollups", "open_days")
SIZES = """
SELECT c.relname, pg_total_relation_size(c.oid) / 1e6, coalesce(n_dead_tup, 0), coalesce(n_live_tup, 0)
FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relname = ANY(%s)
"""
LAG = "SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0), count(*) FROM rollup_deltas"


class Sampler:
    """Asks the stack how it is, in a thread of its own."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._connection = stack, stack.connect()
        self._end = threading.Event()
        self._began = time.monotonic()
        self.worst_lag_s = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic() + SAMPLE_EVERY_S
        while not self._end.wait(0.5):
            lag, deltas = self._ask(LAG)[0]
            self.worst_lag_s = max(self.worst_lag_s, float(lag))
            if time.monotonic() >= due:
                due += SAMPLE_EVERY_S
                self.tell(float(lag), deltas)

    def tell(self, lag: float, deltas: int) -> None:
        stored = self._ask("SELECT coalesce(sum(stored), 0) FROM ingest_ledger")[0][0]
        sizes = {name: (size, dead, live) for name, size, dead, live in self._ask(SIZES, (list(TABLES),))}
        tables = ", ".join(
            f"{name} {sizes[name][0]:.1f} MB ({sizes[name][1]:,} dead of {sum(sizes[name][1:]):,})" for name in TABLES
        )
        rss = {name: rss_mb(self._stack.processes[name].members()) for name in ("web", "worker")}
        print(
            f"{time.monotonic() - self._began:6.0f} s: {stored:,} stored, lag {lag:.1f} s in {deltas} deltas; {tables};"
            f" web {rss['web']:.0f} MB, worker {rss['worker']:.0f} MB",
            flush=True,
        )

    def _ask(self, statement: str, parameters: Any = None) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def close(self) -> None:
        self._end.set()
        self._thread.join()


def run(minutes: float) -> str:
    """The last line: events a second, and the longest that a delta waited."""
    with Stack() as stack:
        files = [stack.folder / f"requests{number}" for number in range(FILES)]
        for seed, file in enumerate(files):
            write_requests(file, list(make_events(EVENTS_A_FILE, False, seed)), BATCH, token=stack.token)
        sampler, sent, began = Sampler(stack), 0, time.monotonic()
        while time.monotonic() < began + 60 * minutes:
            sent += load(files[sent // EVENTS_A_FILE % FILES], stack.port)["accepted"]
        took = time.monotonic() - began
        sampler.close()
        return f"{machine()}: {sent / took:,.0f} events/s for {took:.0f} s; a delta waited {sampler.worst_lag_s:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    print(run(parser.parse_args().minutes), flush=True)


if __name__ == "__main__":
    sys.exit(main())

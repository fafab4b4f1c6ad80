"""The baselines of ingest, on the same machine in the same run: plain COPY, and a FastAPI service with an ORM."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from psycopg2 import extensions as pg

from analytics.local.banner import is_responding
from benchmarks.stack import ROOT, Stack, StackProcess, free_port

BASELINE_DATABASE = "baseline"
COPY_RUNS = 3


def time_copy(connection: pg.connection, file: Path) -> float:
    """Rows a second of COPY of the stored rows into their own table, on one connection; the median of COPY_RUNS.

    The table ends with the same rows.
    """
    with connection.cursor() as cursor, file.open("w+b") as dump:
        cursor.copy_expert("COPY (SELECT * FROM events) TO STDOUT", dump, size=1 << 20)
        rows, rates = cursor.rowcount, []
        for _ in range(COPY_RUNS):
            cursor.execute("TRUNCATE events")
            cursor.execute("CHECKPOINT")
            dump.seek(0)
            start = time.monotonic()
            cursor.copy_expert("COPY events FROM STDIN", dump, size=1 << 18)
            rates.append(rows / (time.monotonic() - start))
    file.unlink()
    return statistics.median(rates)


class OrmService:
    """`with OrmService(stack) as service:` the baseline service on the same PostgreSQL, two uvicorn workers."""

    target = "/ingest"

    def __init__(self, stack: Stack) -> None:
        self.port = free_port()
        url = stack.postgres.url(BASELINE_DATABASE).replace("postgresql:", "postgresql+psycopg2:")
        env = stack.env | {"BASELINE_DATABASE_URL": url}
        stack.postgres.create_database(BASELINE_DATABASE)
        subprocess.run([sys.executable, "-m", "benchmarks.orm_service"], cwd=ROOT, env=env, check=True)
        command = (
            "exec uvicorn benchmarks.orm_service:app --host 127.0.0.1 --workers 2"
            f" --port {self.port} --log-level warning --no-access-log"
        )
        self._process = StackProcess("orm_service", command, env, stack.folder)

    def __enter__(self) -> "OrmService":
        self._process.start()
        end = time.monotonic() + 30
        while not is_responding(f"http://127.0.0.1:{self.port}/livez"):
            if time.monotonic() > end:
                raise TimeoutError(self._process.log.read_text()[-2000:])
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()


def describe_machine() -> str:
    """Cores, memory and Python version."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {sys.version.split()[0]}"

"""Exports in every format, each beside COPY of the same rows (XLSX: beside a bare openpyxl loop), with their memory.

`run` fills a month with events of about 450 bytes and has each file made as a worker does it, each in a process of its
own, once from a tenth of the rows and once from all of them. Then it loads the service beside exports that run.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
from redis import Redis
from sqlalchemy import Engine, create_engine, text

from analytics import sites
from analytics.exports import jobs
from analytics.exports.run import Runner, run_job
from analytics.exports.sources import Request
from analytics.exports.storage import Storage
from analytics.reports.events import COLUMNS
from analytics.store.partitions import ensure
from benchmarks.baselines import machine
from benchmarks.datagen import make_events, write_requests
from benchmarks.ingest import load, percentile
from benchmarks.stack import DATABASE, Stack

DAYS = 30
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
BARS = {"csv": 0.6, "ndjson": 0.4, "parquet": 0.4, "xlsx": 0.9}
PACKED = (("csv", "gzip"), ("csv", "zstd"))
MEMORY_MB = 60
# How much of its rate ingest at half load keeps beside an export.
BESIDE = 0.85
BATCH = 100
OPENPYXL_ROWS = 20_000

# In the order of time, as they arrive; as wide as those of datagen.py.
FILL = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, session_id, src, path, referrer,
                    source, country, browser, os, device, ip, payload)
SELECT gen_random_uuid(), at, at + interval '1 s', n % 20000, :site_id, n % 50 = 0,
       (ARRAY['page_view', 'page_view', 'button_click', 'form_submit'])[1 + n % 4], 'user-' || n % 20000,
       md5((n / 10)::text), (ARRAY['web_app', 'mobile_app'])[1 + n % 2], '/products/' || n % 500,
       'https://site' || n % 50 || '.example/', 'site' || n % 50 || '.example', (ARRAY['DE', 'FR', 'US'])[1 + n % 3],
       'Firefox', 'Linux', 'desktop', '203.0.113.9'::inet + n % 100,
       jsonb_build_object('page', '/products/' || n % 500, 'duration_ms', n % 10000,
                          'title', 'A page of the shop, with its name and more of it')
FROM (
    SELECT n, CAST(:start AS timestamptz) + n * CAST(:step AS interval) AS at
    FROM generate_series(:first, :after - 1) AS n
)
""")


class Made(NamedTuple):
    """One file: how long it took, how large it is, what the worker itself used, and its MB before and at most."""

    seconds: float
    rows: int
    bytes: int
    cpu_s: float
    before_mb: float
    most_mb: float


class Place(NamedTuple):
    """Where a worker finds what it needs."""

    database: str
    buffer: str
    folder: str


class Beside(NamedTuple):
    """Ingest at half load: events a second until the last is stored, and the p99 of its answers in ms."""

    rate: float
    p99_ms: float


def run(events: int, quick: bool = False) -> str:
    """The tables for `events` rows and a tenth of them, and of ingest beside an export."""
    with Stack() as stack, tempfile.TemporaryDirectory() as folder:
        url = stack.postgres.url(DATABASE).replace("postgresql:", "postgresql+psycopg2:")
        place, engine = Place(url, stack.redis.url(0), folder), create_engine(url)
        site_id = _fill(engine, events)
        tenth = START + timedelta(days=DAYS) / 10
        found: dict[tuple[str, str], tuple[Made, Made]] = {}
        copied: dict[tuple[str, str], float] = {}
        for form, compression in [(form, "none") for form in BARS] + list(PACKED):
            request = Request("events", form, compression, site_id, START, END)
            small = _alone(place, Request("events", form, compression, site_id, START, tenth))
            before = _copy_rate(engine, site_id, Path(folder))
            whole = _alone(place, request)
            found[form, compression] = small, whole
            # What else the machine does is slow for both: COPY's rate is that of before and after.
            copied[form, compression] = (before + _copy_rate(engine, site_id, Path(folder))) / 2
            print(f"{form} {compression}: {found[form, compression][1]}", file=sys.stderr, flush=True)
        plain = _openpyxl_rate(engine, site_id, Path(folder), OPENPYXL_ROWS // (10 if quick else 1))
        beside = _ingest(stack, place, site_id, quick)
        engine.dispose()
    lines = [f"Exports of {events:,} events on {machine()}.", "", *_table(found, copied, plain)]
    return "\n".join([*lines, "", *_beside_lines(*beside)])


def _fill(engine: Engine, events: int) -> int:
    ensure(engine, "events", [(START + timedelta(days=n)).date() for n in range(DAYS)], START.date())
    with engine.begin() as connection:
        site = sites.create_site(connection, "exports", "Exports")
    given = {"site_id": site.id, "start": START, "step": (END - START) / events}
    for first in range(0, events, 100_000):
        with engine.begin() as connection:
            connection.execute(FILL, given | {"first": first, "after": min(first + 100_000, events)})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE) events")
    return site.id


def _alone(place: Place, request: Request) -> Made:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        made: Made = pool.apply(_make, (place, request))
    return made


def _make(place: Place, request: Request) -> Made:
    """The file, as a worker makes it. Whatever that has loaded by then is loaded before the clock starts."""
    import analytics.exports.formats_parquet  # noqa: F401

    engine, limits = create_engine(place.database), jobs.Limits(None, 10**12, 10**15)
    work, storage = Path(place.folder) / "work", Storage(f"{place.folder}/files")
    runner = Runner(engine, Redis.from_url(place.buffer), storage, work, limits, timedelta(days=1))
    order = jobs.Order(request, "bench", cutoff=END + timedelta(days=1))
    job = jobs.create(engine, order, limits).job
    before_mb, cpu_s, began = _memory_mb("VmRSS"), time.process_time(), time.perf_counter()
    done = run_job(runner, job.id)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
    if done is None or done.file is None or done.bytes is None:
        raise RuntimeError(f"the export was not made: {done and done.error}")
    storage.delete(done.file)
    return Made(seconds, done.rows_done, done.bytes, cpu_s, before_mb, _memory_mb("VmHWM"))


def _memory_mb(name: str) -> float:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


def _ingest(stack: Stack, place: Place, site_id: int, quick: bool) -> tuple[Beside, Beside]:
    """Ingest at half of what it can do, alone and beside CSV exports."""
    seconds, bench = 2.0 if quick else 10.0, Ingest(stack)
    bench.load(20_000)
    full = bench.load(20_000 if quick else 100_000).rate
    alone = bench.load(int(full / 2 * seconds), full / 2)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply_async(_make_again_and_again, (place, Request("events", "csv", "none", site_id, START, END)))
        beside = bench.load(int(full / 2 * seconds), full / 2)
        # The pool is ended with its export.
    return alone, beside


def _make_again_and_again(place: Place, request: Request) -> None:
    while True:
        _make(place, request)


class Ingest:
    """Loads of the service, one after the other."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._connection, self._sent = stack, stack.connect(), 0

    def load(self, events: int, rate: float = 0.0) -> Beside:
        """Batches of 100, at so many events a second (0: as fast as they are taken)."""
        file = self._stack.folder / "requests"
        write_requests(file, list(make_events(events, False, self._sent)), BATCH, token=self._stack.token)
        made, self._sent = load(file, self._stack.port, rate / BATCH), self._sent + events
        while self._stored() < self._sent:
            time.sleep(0.02)
        took = time.monotonic() - made["start"]
        return Beside(events / took, 1e3 * percentile(sorted(made["latencies"]), 99))

    def _stored(self) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(sum(received), 0) FROM ingest_ledger")
            [[found]] = cursor.fetchall()
        return int(found)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _copy_rate(engine: Engine, site_id: int, folder: Path) -> float:
    """Rows a second of COPY to a file, unsorted and unsummed."""
    pooled: Any = engine.raw_connection()
    query = f"COPY (SELECT {', '.join(COLUMNS)} FROM events WHERE site_id = {site_id}) TO STDOUT"
    with pooled.cursor() as cursor, (folder / "copy").open("wb") as file:
        began = time.perf_counter()
        cursor.copy_expert(query, file, 1 << 16)
        _sync(file)
        rate: float = cursor.rowcount / (time.perf_counter() - began)
    pooled.close()
    return rate


def _openpyxl_rate(engine: Engine, site_id: int, folder: Path, most: int) -> float:
    """Rows a second of `sheet.append` and `save`, the rows at hand as Python values."""
    query = f"SELECT {', '.join(COLUMNS)} FROM events WHERE site_id = {site_id} ORDER BY ts LIMIT {most}"
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(query)]
    naive = [tuple(_plain(value) for value in row) for row in found]
    began = time.perf_counter()
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Events")
    sheet.append(COLUMNS)
    for row in naive:
        sheet.append(row)
    book.save(folder / "plain.xlsx")
    return len(naive) / (time.perf_counter() - began)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return value if value is None or isinstance(value, (bool, str)) else str(value)


def _table(
    found: dict[tuple[str, str], tuple[Made, Made]], copied: dict[tuple[str, str], float], plain: float
) -> list[str]:
    titles = ["rows/s", "beside", "ratio", "bar", "met", "CPU us a row", "bytes a row", "MB before"]
    titles += ["most at 1/10", "most at all"]
    lines = [_line("file", titles), "|---|" + "---:|" * len(titles)]
    for (form, compression), (small, whole) in found.items():
        rate = whole.rows / whole.seconds
        bar = BARS[form] if compression == "none" else 0.0
        beside = plain if form == "xlsx" else copied[form, compression]
        ratio, grown = rate / beside, max(made.most_mb - made.before_mb for made in (small, whole))
        met = "yes" if ratio >= bar and grown <= MEMORY_MB else "NO"
        cells = [f"{rate:,.0f}", f"{beside:,.0f}", f"{ratio:.2f}", f"{bar}" if bar else "", met]
        cells += [f"{whole.cpu_s / whole.rows * 1e6:.2f}", f"{whole.bytes / whole.rows:,.0f}", f"{whole.before_mb:.0f}"]
        name = form if compression == "none" else f"{form}, {compression}"
        lines.append(_line(name, [*cells, f"{small.most_mb:.0f}", f"{whole.most_mb:.0f}"]))
    return [
        *lines,
        "",
        "Beside: COPY (SELECT …) TO STDOUT, XLSX: openpyxl. CPU: the worker's, without PostgreSQL's.",
        f"MB: the worker's memory; bar: {MEMORY_MB} more than before.",
    ]


def _beside_lines(alone: Beside, beside: Beside) -> list[str]:
    share = beside.rate / alone.rate
    return [
        f"Ingest at half load: {alone.rate:,.0f} events/s stored (p99 {alone.p99_ms:.0f} ms), beside a CSV export"
        f" {beside.rate:,.0f} (p99 {beside.p99_ms:.0f} ms): {share:.2f} x, bar {BESIDE}"
        f" ({'met' if share >= BESIDE else 'NOT met'})."
    ]


def _line(name: str, cells: list[str]) -> str:
    return f"| {name:<26} | " + " | ".join(f"{cell:>11}" for cell in cells) + " |"

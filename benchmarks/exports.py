"""Exports in every format, each compared with COPY of the same rows (XLSX: with a plain openpyxl loop), with memory.

`run` fills a month with events of about 450 bytes and makes each file as a worker does, each in its own process,
once from a tenth of the rows and once from all of them. Then it measures ingest while exports run.
"""

import multiprocessing
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
from redis import Redis
from sqlalchemy import Engine, create_engine, text

from analytics.exports.delivery.storage import Storage
from analytics.exports.jobs import creation
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import Runner
from analytics.exports.sources.export import resolve
from analytics.exports.sources.request import ExportRequest
from analytics.reports.events.raw_export import COLUMN_NAMES
from analytics.sites import sites
from analytics.store.partitions import ensure
from benchmarks.baselines import describe_machine
from benchmarks.datagen import make_events, write_requests
from benchmarks.ingest import run_load
from benchmarks.measuring import format_row, percentile, print_progress, vacuum
from benchmarks.stack import DATABASE_NAME, Stack

DAYS = 30
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
MIN_RATIO_TO_COPY = {"csv": 0.6, "ndjson": 0.4, "parquet": 0.4, "xlsx": 0.9}
COMPRESSED_FORMATS = (("csv", "gzip"), ("csv", "zstd"))
MAX_MEMORY_GROWTH_MB = 60
# The share of its rate that ingest at half load keeps while an export runs.
MIN_INGEST_SHARE = 0.85
NAME_WIDTH = 26
BATCH = 100
OPENPYXL_ROWS = 20_000

# In the order of time, as events arrive; as wide as those of datagen.py.
INSERT_EVENTS = text("""
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


class ExportResult(NamedTuple):
    """One file: seconds, size, the CPU time of the worker, and its memory before and at the peak."""

    seconds: float
    rows: int
    bytes: int
    cpu_s: float
    memory_before_mb: float
    memory_peak_mb: float


class WorkerConfig(NamedTuple):
    """The database, Redis and folder of a worker."""

    database: str
    buffer: str
    folder: str


class IngestResult(NamedTuple):
    """Ingest at half load: events a second until the last is stored, and the p99 of the answers in ms."""

    rate: float
    p99_ms: float


def run(events: int, quick: bool = False) -> str:
    """The tables for `events` rows and a tenth of them, and of ingest during an export."""
    with Stack() as stack, tempfile.TemporaryDirectory() as folder:
        url = stack.postgres.url(DATABASE_NAME).replace("postgresql:", "postgresql+psycopg2:")
        config, engine = WorkerConfig(url, stack.redis.url(0), folder), create_engine(url)
        site_id = _fill(engine, events)
        tenth = START + timedelta(days=DAYS) / 10
        results: dict[tuple[str, str], tuple[ExportResult, ExportResult]] = {}
        copy_rates: dict[tuple[str, str], float] = {}
        for form, compression in [(form, "none") for form in MIN_RATIO_TO_COPY] + list(COMPRESSED_FORMATS):
            request = ExportRequest("events", form, compression, site_id, START, END)
            small = _export(config, ExportRequest("events", form, compression, site_id, START, tenth))
            before = _copy_rate(engine, site_id, Path(folder))
            whole = _export(config, request)
            results[form, compression] = small, whole
            # The mean of COPY's rates before and after, since other work on the machine slows both.
            copy_rates[form, compression] = (before + _copy_rate(engine, site_id, Path(folder))) / 2
            print_progress(f"{form} {compression}: {whole}")
        openpyxl_rate = _openpyxl_rate(engine, site_id, Path(folder), OPENPYXL_ROWS // (10 if quick else 1))
        ingest_results = _measure_ingest(stack, config, site_id, quick)
        engine.dispose()
    lines = [f"Exports of {events:,} events on {describe_machine()}.", "", *_table(results, copy_rates, openpyxl_rate)]
    return "\n".join([*lines, "", _ingest_line(*ingest_results)])


def _fill(engine: Engine, events: int) -> int:
    ensure(engine, "events", [(START + timedelta(days=n)).date() for n in range(DAYS)], START.date())
    with engine.begin() as connection:
        site = sites.create_site(connection, "exports", "Exports")
    parameters = {"site_id": site.id, "start": START, "step": (END - START) / events}
    for first in range(0, events, 100_000):
        with engine.begin() as connection:
            connection.execute(INSERT_EVENTS, parameters | {"first": first, "after": min(first + 100_000, events)})
    vacuum(engine, "events")
    return site.id


def _export(config: WorkerConfig, request: ExportRequest) -> ExportResult:
    """Makes one export in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result: ExportResult = pool.apply(_run_export, (config, request))
    return result


def _run_export(config: WorkerConfig, request: ExportRequest) -> ExportResult:
    """Makes one export as a worker does. Modules are imported before the timing starts."""
    import analytics.exports.formats.parquet  # noqa: F401

    engine, limits = create_engine(config.database), creation.Limits(None, 10**12, 10**15)
    work, storage = Path(config.folder) / "work", Storage(f"{config.folder}/files")
    runner = Runner(engine, Redis.from_url(config.buffer), storage, work, limits, timedelta(days=1))
    new_job = creation.NewJob(resolve(request), "bench", cutoff=END + timedelta(days=1))
    job = creation.create(engine, new_job, limits).job
    before_mb, cpu_s, start = _memory_mb("VmRSS"), time.process_time(), time.perf_counter()
    done = run_job(runner, job.id)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_s
    if done is None or done.file is None or done.bytes is None:
        raise RuntimeError(f"the export failed: {done and done.error}")
    storage.delete(done.file)
    return ExportResult(seconds, done.rows_done, done.bytes, cpu_s, before_mb, _memory_mb("VmHWM"))


def _memory_mb(name: str) -> float:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


def _measure_ingest(stack: Stack, config: WorkerConfig, site_id: int, quick: bool) -> tuple[IngestResult, IngestResult]:
    """Ingest at half of its full rate, alone and during CSV exports."""
    seconds, load = 2.0 if quick else 10.0, IngestLoad(stack)
    load.send(20_000)
    full = load.send(20_000 if quick else 100_000).rate
    alone = load.send(int(full / 2 * seconds), full / 2)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply_async(_repeat_export, (config, ExportRequest("events", "csv", "none", site_id, START, END)))
        during_export = load.send(int(full / 2 * seconds), full / 2)
        # Leaving the block terminates the export.
    return alone, during_export


def _repeat_export(config: WorkerConfig, request: ExportRequest) -> None:
    while True:
        _run_export(config, request)


class IngestLoad:
    """Consecutive loads on one service."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._connection, self._sent = stack, stack.connect(), 0

    def send(self, events: int, rate: float = 0.0) -> IngestResult:
        """Sends batches of 100 at `rate` events a second (0: as fast as they are answered), until all are stored."""
        file = self._stack.folder / "requests"
        write_requests(file, list(make_events(events, False, self._sent)), BATCH, token=self._stack.token)
        load, self._sent = run_load(file, self._stack.port, rate / BATCH), self._sent + events
        while self._count_stored() < self._sent:
            time.sleep(0.02)
        elapsed_s = time.monotonic() - load["start"]
        return IngestResult(events / elapsed_s, 1e3 * percentile(sorted(load["latencies"]), 99))

    def _count_stored(self) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(sum(received), 0) FROM ingest_ledger")
            [[received]] = cursor.fetchall()
        return int(received)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _copy_rate(engine: Engine, site_id: int, folder: Path) -> float:
    """Rows a second of COPY to a file, unsorted and without a checksum."""
    pooled: Any = engine.raw_connection()
    query = f"COPY (SELECT {', '.join(COLUMN_NAMES)} FROM events WHERE site_id = {site_id}) TO STDOUT"
    with pooled.cursor() as cursor, (folder / "copy").open("wb") as file:
        start = time.perf_counter()
        cursor.copy_expert(query, file, 1 << 16)
        _sync(file)
        rate: float = cursor.rowcount / (time.perf_counter() - start)
    pooled.close()
    return rate


def _openpyxl_rate(engine: Engine, site_id: int, folder: Path, limit: int) -> float:
    """Rows a second of `sheet.append` and `save`, with the rows in memory as Python values."""
    query = f"SELECT {', '.join(COLUMN_NAMES)} FROM events WHERE site_id = {site_id} ORDER BY ts LIMIT {limit}"
    with engine.connect() as connection:
        rows = [tuple(_cell(value) for value in row) for row in connection.exec_driver_sql(query)]
    start = time.perf_counter()
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Events")
    sheet.append(COLUMN_NAMES)
    for row in rows:
        sheet.append(row)
    book.save(folder / "plain.xlsx")
    return len(rows) / (time.perf_counter() - start)


def _cell(value: Any) -> Any:
    """The value in a type that openpyxl accepts."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return value if value is None or isinstance(value, (bool, str)) else str(value)


def _table(
    results: dict[tuple[str, str], tuple[ExportResult, ExportResult]],
    copy_rates: dict[tuple[str, str], float],
    openpyxl_rate: float,
) -> list[str]:
    titles = ["rows/s", "baseline", "ratio", "budget", "met", "CPU us a row", "bytes a row", "MB before"]
    titles += ["peak at 1/10", "peak at all"]
    lines = [format_row("file", titles, NAME_WIDTH), "|---|" + "---:|" * len(titles)]
    for (form, compression), (small, whole) in results.items():
        rate = whole.rows / whole.seconds
        budget = MIN_RATIO_TO_COPY[form] if compression == "none" else 0.0
        baseline = openpyxl_rate if form == "xlsx" else copy_rates[form, compression]
        ratio, growth_mb = rate / baseline, max(file.memory_peak_mb - file.memory_before_mb for file in (small, whole))
        met = "yes" if ratio >= budget and growth_mb <= MAX_MEMORY_GROWTH_MB else "NO"
        cells = [f"{rate:,.0f}", f"{baseline:,.0f}", f"{ratio:.2f}", f"{budget}" if budget else "", met]
        cells += [
            f"{whole.cpu_s / whole.rows * 1e6:.2f}",
            f"{whole.bytes / whole.rows:,.0f}",
            f"{whole.memory_before_mb:.0f}",
        ]
        name = form if compression == "none" else f"{form}, {compression}"
        cells += [f"{small.memory_peak_mb:.0f}", f"{whole.memory_peak_mb:.0f}"]
        lines.append(format_row(name, cells, NAME_WIDTH))
    return [
        *lines,
        "",
        "Baseline: COPY (SELECT …) TO STDOUT; for XLSX openpyxl. CPU: that of the worker, without PostgreSQL.",
        f"MB: memory of the worker; budget: {MAX_MEMORY_GROWTH_MB} more than before.",
    ]


def _ingest_line(alone: IngestResult, during_export: IngestResult) -> str:
    share = during_export.rate / alone.rate
    return (
        f"Ingest at half load: {alone.rate:,.0f} events/s stored (p99 {alone.p99_ms:.0f} ms), during a CSV export"
        f" {during_export.rate:,.0f} (p99 {during_export.p99_ms:.0f} ms): {share:.2f} x, budget {MIN_INGEST_SHARE}"
        f" ({'met' if share >= MIN_INGEST_SHARE else 'NOT met'})."
    )

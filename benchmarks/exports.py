"""Exports in every format, each beside COPY of the same rows (XLSX: beside a bare openpyxl loop), with their memory.

`run` fills a month with events of about 450 bytes, makes each file as a job would (plan, parts, assemble, sums), each
in a process of its own, once from a tenth of the rows and once from all of them, and prints one table.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
from sqlalchemy import Engine, create_engine, text

from analytics import sites
from analytics.exports import formats, sources
from analytics.exports.sources import Request
from analytics.reports.events import COLUMNS
from analytics.store.partitions import ensure
from benchmarks.baselines import machine
from benchmarks.stack import DATABASE, Stack

DAYS = 30
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
BARS = {"csv": 0.6, "ndjson": 0.4, "parquet": 0.4, "xlsx": 0.9}
PACKED = (("csv", "gzip"), ("csv", "zstd"))
MEMORY_MB = 60
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
    """One file: how long it took, how large it is, and by how many MB the process grew."""

    seconds: float
    rows: int
    bytes: int
    grown_mb: float


def run(events: int, quick: bool = False) -> str:
    """The table for `events` rows and a tenth of them."""
    with Stack(beat=False) as stack, tempfile.TemporaryDirectory() as folder:
        url = stack.postgres.url(DATABASE).replace("postgresql:", "postgresql+psycopg2:")
        engine = create_engine(url)
        site_id = _fill(engine, events)
        tenth = START + timedelta(days=DAYS) / 10
        found: dict[tuple[str, str], tuple[Made, Made]] = {}
        copied: dict[tuple[str, str], float] = {}
        for form, compression in [(form, "none") for form in BARS] + list(PACKED):
            request = Request("events", form, compression, site_id, START, END)
            small = _alone(url, Request("events", form, compression, site_id, START, tenth), folder)
            before = _copy_rate(engine, site_id, Path(folder))
            whole = _alone(url, request, folder)
            found[form, compression] = small, whole
            # What else the machine does is slow for both: COPY's rate is that of before and after.
            copied[form, compression] = (before + _copy_rate(engine, site_id, Path(folder))) / 2
            print(f"{form} {compression}: {found[form, compression][1]}", file=sys.stderr, flush=True)
        plain = _openpyxl_rate(engine, site_id, Path(folder), OPENPYXL_ROWS // (10 if quick else 1))
        engine.dispose()
    return "\n".join([f"Exports of {events:,} events on {machine()}.", "", *_table(found, copied, plain)])


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


def _alone(url: str, request: Request, folder: str) -> Made:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        made: Made = pool.apply(_make, (url, request, folder))
    return made


def _make(url: str, request: Request, folder: str) -> Made:
    """The file as a job makes it. Whatever a worker has loaded by then is loaded before the clock starts."""
    import analytics.exports.formats_parquet  # noqa: F401

    engine, shape = create_engine(url), sources.shape_of(request)
    with engine.connect() as connection:
        parts = sources.plan_parts(connection, request)
    before, began, paths, rows = _resident_mb(), time.perf_counter(), [], 0
    for part in parts:
        paths.append(Path(folder) / f"part-{part.n}")
        found = sources.rows_of(engine, request, part, END + timedelta(days=1))
        with paths[-1].open("wb") as file:
            rows += formats.write_part(shape, found, file).rows
            _sync(file)
    with (Path(folder) / "whole").open("w+b") as file:
        whole = formats.assemble(shape, paths, file)
        _sync(file)
    seconds = time.perf_counter() - began
    for path in paths:
        path.unlink()
    return Made(seconds, rows, whole.bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


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
    titles = ["rows/s", "beside", "ratio", "bar", "met", "bytes a row", "MB at 1/10", "MB at all"]
    lines = [_line("file", titles), "|---|" + "---:|" * len(titles)]
    for (form, compression), (small, whole) in found.items():
        rate = whole.rows / whole.seconds
        bar = BARS[form] if compression == "none" else 0.0
        beside = plain if form == "xlsx" else copied[form, compression]
        ratio = rate / beside
        met = "yes" if ratio >= bar and max(small.grown_mb, whole.grown_mb) <= MEMORY_MB else "NO"
        cells = [f"{rate:,.0f}", f"{beside:,.0f}", f"{ratio:.2f}", f"{bar}" if bar else "", met]
        cells += [f"{whole.bytes / whole.rows:,.0f}"]
        name = form if compression == "none" else f"{form}, {compression}"
        lines.append(_line(name, [*cells, f"{small.grown_mb:.0f}", f"{whole.grown_mb:.0f}"]))
    return [
        *lines,
        "",
        f"Beside: COPY (SELECT …) TO STDOUT, XLSX: openpyxl. MB: what a process grows by; bar: {MEMORY_MB}.",
    ]


def _line(name: str, cells: list[str]) -> str:
    return f"| {name:<26} | " + " | ".join(f"{cell:>11}" for cell in cells) + " |"

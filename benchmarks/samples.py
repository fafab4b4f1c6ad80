"""Samples: a week of one metric, queried as a whole, by hour and by tag, and compared with plain SQL.

`run` stores the samples with the drain's writing and counting code and sends requests through Flask's test client.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Engine, text

from analytics import clock, create_app
from analytics.extensions import db
from analytics.ingest.ids import derive_event_id
from analytics.rollups.samples.rollups import add_samples
from analytics.sites import sites
from analytics.store import events as store
from analytics.store.partitions import ensure
from analytics.store.samples import SampleRow, copy_samples
from benchmarks.baselines import describe_machine
from benchmarks.measuring import RUNS, get_json, p95_ms, print_progress, read_header, time_plain_sql, vacuum
from benchmarks.stack import Stack
from config import load

HOURS, CHUNK = 168, 15_000
ROUTES, CODES = ("/a", "/b", "/api/users"), ("200", "304", "404", "500")
# What is asked for, and its budget in ms.
QUERIES = {
    "figures and percentiles": ("hours=168", 100),
    "the same by hour": ("hours=168&granularity=hour", 100),
    "one tag": ("hours=168&tag.route=/a", 150),
    "by a tag": ("hours=168&group_by=route", 150),
}
SELECT = "count(*), sum(value), avg(value), min(value), max(value)"
PERCENTILES = "percentile_disc(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY value)"
FROM = "FROM samples WHERE site_id = :site AND name = 'latency' AND ts >= :start AND ts < :end"
PLAIN_SQL = {
    "figures and percentiles": f"SELECT {SELECT}, {PERCENTILES} {FROM}",
    "the same by hour": f"SELECT date_trunc('hour', ts), {SELECT}, {PERCENTILES} {FROM} GROUP BY 1",
    "one tag": f"SELECT {SELECT}, {PERCENTILES} {FROM} AND tags ->> 'route' = '/a'",
    "by a tag": f"SELECT tags ->> 'route', {SELECT}, {PERCENTILES} {FROM} GROUP BY 1",
}


def run(events: int, quick: bool = False) -> str:
    """The table for that many samples of one name within a week."""
    with Stack(beat=False) as stack:
        app = create_app(replace(load(stack.env), environment="test"))
        now = clock.now()
        with app.app_context():
            with db.engine.begin() as connection:
                site = sites.create_site(connection, "shop", "Shop")
            store_s = _load(db.engine, site.id, events, now)
            client, header = app.test_client(), read_header("shop")
            results = {name: _query_ms(client, header, query) for name, (query, _) in QUERIES.items()}
            window = {"site": site.id, "start": now - timedelta(hours=HOURS), "end": now}
            statements = {} if quick else PLAIN_SQL
            plain_sql = {name: time_plain_sql(db.engine, [query], window)[0] for name, query in statements.items()}
            sizes = _sizes(db.engine)
    lines = [
        f"Samples on {describe_machine()}: {events:,} samples of one name over {HOURS} h, {len(ROUTES) * len(CODES)}"
        f" sets of tags; p95 of {RUNS} through the application. Stored at {events / store_s:,.0f}/s by one process;"
        f" {sizes}.",
        "",
        "| query | ms | budget | met | plain SQL, ms | times |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, ours in results.items():
        plain, budget_ms = plain_sql.get(name, 0.0), QUERIES[name][1]
        met = "yes" if ours <= budget_ms else "NO"
        lines.append(f"| {name} | {ours:,.1f} | {budget_ms} | {met} | {plain:,.0f} | {plain / ours:,.0f} |")
    return "\n".join(lines)


def _query_ms(client: Any, header: dict[str, str], query: str) -> float:
    """p95 in ms. Raises RuntimeError when an answer counts no sample."""

    def read_metric() -> None:
        if not get_json(client, f"/metrics/latency?site=shop&{query}", header)["count"]:
            raise RuntimeError(f"{query}: no samples")

    return p95_ms(read_metric)


def _load(engine: Engine, site_id: int, events: int, now: datetime) -> float:
    """Stores the samples; the seconds of writing and counting, without those of making rows."""
    days = {(now - timedelta(days=n)).astimezone(UTC).date() for n in range(9)}
    ensure(engine, "samples", days, now.date())
    store_s, rows, stored = 0.0, _make_samples(site_id, events, now), 0
    while chunk := [row for _, row in zip(range(CHUNK), rows, strict=False)]:
        start = time.perf_counter()
        with engine.begin() as connection:
            store.lock_site_zones(connection, [site_id])
            store.lock_user_numbers(connection, [site_id])
            copy_samples(connection, chunk)
            add_samples(connection, chunk)
        store_s += time.perf_counter() - start
        stored += len(chunk)
        if stored % (50 * CHUNK) == 0:
            print_progress(f"{stored:,} samples")
    vacuum(engine, "samples, sample_rollups")
    return store_s


def _make_samples(site_id: int, events: int, now: datetime) -> Iterator[SampleRow]:
    """Rows in order of time; lognormal milliseconds with three digits."""
    rng = random.Random(7)
    values = [Decimal(f"{rng.lognormvariate(4.5, 0.6):.3f}") for _ in range(50_000)]
    tag_sets = [msgspec.json.encode({"code": code, "route": route}).decode() for route in ROUTES for code in CODES]
    step, start = timedelta(hours=HOURS) / events, now - timedelta(hours=HOURS)
    ms = int(start.timestamp() * 1000)
    for n in range(events):
        ts, value, tags = start + n * step, rng.choice(values), rng.choice(tag_sets)
        sample_id = derive_event_id(f"{ms + n // 1000}-0", n % 1000)
        line = f"{sample_id}\t{ts.isoformat()}\t{ts.isoformat()}\t{site_id}\tlatency\t{value}\ttiming\t{tags}\n"
        yield SampleRow(site_id, sample_id, False, "latency", ts, ts.date(), value, "timing", tags, line, 0)


SIZES = text("""
SELECT (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'samples'::regclass),
    pg_total_relation_size('sample_rollups'), (SELECT count(*) FROM samples),
    (SELECT avg(pg_column_size(sketch)) FROM sample_rollups)
""")


def _sizes(engine: Engine) -> str:
    with engine.connect() as connection:
        raw, rollups, count, sketch = connection.execute(SIZES).one()
    return (
        f"{raw / count:.0f} bytes a sample raw, rollups {100 * rollups / raw:.1f} % on top,"
        f" {sketch:,.0f} bytes a sketch"
    )

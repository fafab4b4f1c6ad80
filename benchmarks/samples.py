"""Samples: a week of one metric, asked for by hour, by tag and with cut hours, beside the same answer by plain SQL.

`run` puts the points in through the drain's own writing and counting code, and asks through the application.
"""

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from flask_jwt_extended import create_access_token
from sqlalchemy import Engine, text

from analytics import clock, create_app, sites
from analytics.extensions import db
from analytics.ingest.ids import derived_event_id
from analytics.rollups.sample_rollups import add_samples
from analytics.store import events as store
from analytics.store.partitions import ensure
from analytics.store.samples import SampleRow, copy_samples
from benchmarks.baselines import machine
from benchmarks.stack import Stack
from config import load

HOURS, CHUNK, RUNS, BUDGET_MS = 168, 15_000, 20, 100
ROUTES, CODES = ("/a", "/b", "/api/users"), ("200", "304", "404", "500")
ASKED = {
    "figures and percentiles": "hours=168",
    "the same by hour": "hours=168&granularity=hour",
    "one tag": "hours=168&tag.route=/a",
    "by a tag": "hours=168&group_by=route",
}
SELECT = "count(*), sum(value), avg(value), min(value), max(value)"
RANKS = "percentile_disc(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY value)"
FROM = "FROM samples WHERE site_id = :site AND name = 'latency' AND ts >= :start AND ts < :end"
PLAIN = {
    "figures and percentiles": f"SELECT {SELECT}, {RANKS} {FROM}",
    "the same by hour": f"SELECT date_trunc('hour', ts), {SELECT}, {RANKS} {FROM} GROUP BY 1",
    "one tag": f"SELECT {SELECT}, {RANKS} {FROM} AND tags ->> 'route' = '/a'",
    "by a tag": f"SELECT tags ->> 'route', {SELECT}, {RANKS} {FROM} GROUP BY 1",
}


def run(events: int, quick: bool = False) -> str:
    """The table for that many points of one name within a week."""
    with Stack(beat=False) as stack:
        app = create_app(replace(load(stack.env), environment="test"))
        now = clock.now()
        with app.app_context():
            with db.engine.begin() as connection:
                site = sites.create_site(connection, "shop", "Shop")
            took = _load(db.engine, site.id, events, now)
            header = {"Authorization": "Bearer " + create_access_token("bench", additional_claims={"scope": "read"})}
            client = app.test_client()
            found = {
                name: _p95(partial(_get, client, f"/metrics/latency?site=shop&{query}", header))
                for name, query in ASKED.items()
            }
            plain = {} if quick else {name: _plain(db.engine, site.id, query, now) for name, query in PLAIN.items()}
            sizes = _sizes(db.engine)
    lines = [
        f"Samples on {machine()}: {events:,} points of one name over {HOURS} h, {len(ROUTES) * len(CODES)} sets of"
        f" tags; p95 of {RUNS} through the application. Stored and counted at {events / took:,.0f}/s by one process;"
        f" {sizes}.",
        "",
        "| question | ms | budget | met | plain SQL, ms | times |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, ours in found.items():
        slow = plain.get(name, 0.0)
        met = "yes" if ours <= BUDGET_MS else "NO"
        lines.append(f"| {name} | {ours:,.1f} | {BUDGET_MS} | {met} | {slow:,.0f} | {slow / ours:,.0f} |")
    return "\n".join(lines)


def _load(engine: Engine, site_id: int, events: int, now: datetime) -> float:
    """Seconds of writing and counting; the making of rows is not in it."""
    days = {(now - timedelta(days=n)).astimezone(UTC).date() for n in range(9)}
    ensure(engine, "samples", days, now.date())
    took, rows, done = 0.0, _points(site_id, events, now), 0
    while chunk := [row for _, row in zip(range(CHUNK), rows, strict=False)]:
        began = time.perf_counter()
        with engine.begin() as connection:
            store.hold_sites(connection, [site_id])
            store.lock_sites(connection, [site_id])
            copy_samples(connection, chunk)
            add_samples(connection, chunk)
        took += time.perf_counter() - began
        done += len(chunk)
        if done % (50 * CHUNK) == 0:
            print(f"{done:,} samples", file=sys.stderr, flush=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE samples, sample_rollups"))
    return took


def _points(site_id: int, events: int, now: datetime) -> Iterator[SampleRow]:
    """In order of time; lognormal milliseconds with three digits."""
    pick = random.Random(7)
    values = [Decimal(f"{pick.lognormvariate(4.5, 0.6):.3f}") for _ in range(50_000)]
    sets = [msgspec.json.encode({"code": code, "route": route}).decode() for route in ROUTES for code in CODES]
    step, start = timedelta(hours=HOURS) / events, now - timedelta(hours=HOURS)
    ms = int(start.timestamp() * 1000)
    for n in range(events):
        ts, value, tags = start + n * step, pick.choice(values), pick.choice(sets)
        sample_id = derived_event_id(f"{ms + n // 1000}-0", n % 1000)
        line = f"{sample_id}\t{ts.isoformat()}\t{ts.isoformat()}\t{site_id}\tlatency\t{value}\ttiming\t{tags}\n"
        yield SampleRow(site_id, sample_id, False, "latency", ts, ts.date(), value, "timing", tags, line, 0)


def _get(client: Any, path: str, header: dict[str, str]) -> None:
    answer = client.get(path, headers=header)
    if answer.status_code != 200 or not answer.json["count"]:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")


def _p95(ask: Any) -> float:
    ask()
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        ask()
        times.append(1e3 * (time.perf_counter() - began))
    return sorted(times)[int(RUNS * 0.95) - 1]


def _plain(engine: Engine, site_id: int, query: str, now: datetime) -> float:
    began = time.perf_counter()
    with engine.connect() as connection:
        connection.execute(text(query), {"site": site_id, "start": now - timedelta(hours=HOURS), "end": now}).all()
    return 1e3 * (time.perf_counter() - began)


SIZES = text("""
SELECT (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'samples'::regclass),
    pg_total_relation_size('sample_rollups'), (SELECT count(*) FROM samples),
    (SELECT avg(pg_column_size(sketch)) FROM sample_rollups)
""")


def _sizes(engine: Engine) -> str:
    with engine.connect() as connection:
        raw, rollups, count, sketch = connection.execute(SIZES).one()
    return (
        f"{raw / count:.0f} bytes a point raw, rollups {100 * rollups / raw:.1f} % on top, {sketch:,.0f} bytes a sketch"
    )

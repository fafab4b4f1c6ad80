"""Four-step funnels over 30 days of page views, beside the same count by joins in plain SQL.

`run` fills the data set (traffic.py), has the postings made of days that are over, as beat does, and asks over HTTP
through Flask's test client: for pages that everybody sees, and for such as few see; by user and by visit, today's
events raw among them; and for days that are over, which are kept.
"""

import resource
import statistics
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask_jwt_extended import create_access_token
from sqlalchemy import Engine, text

from analytics import create_app, sites
from analytics.extensions import db
from analytics.rollups.postings import make_postings
from benchmarks import traffic
from benchmarks.baselines import machine
from benchmarks.stack import Stack
from config import load

RUNS = 5
SITE = "shop"
BUDGET_S = 1.0
WINDOW_S = 86_400
PAGES = {"pages of rank 10 to 40": (10, 20, 30, 40), "the four first pages": (0, 1, 2, 3)}
# As one writes it by hand: every attempt, joined step by step.
PLAIN = text("""
WITH one AS (
    SELECT user_no, ts AS start, ts FROM events
    WHERE site_id = :site AND ts >= :since AND ts < :until AND NOT is_bot AND type = 'page_view' AND path = :one
), two AS (
    SELECT p.user_no, p.start, min(e.ts) AS ts FROM one p JOIN events e USING (user_no)
    WHERE e.site_id = :site AND e.ts >= :since AND e.ts < :until AND NOT e.is_bot AND e.type = 'page_view'
        AND e.path = :two AND e.ts > p.ts AND e.ts <= p.start + make_interval(secs => :window)
    GROUP BY 1, 2
), three AS (
    SELECT p.user_no, p.start, min(e.ts) AS ts FROM two p JOIN events e USING (user_no)
    WHERE e.site_id = :site AND e.ts >= :since AND e.ts < :until AND NOT e.is_bot AND e.type = 'page_view'
        AND e.path = :three AND e.ts > p.ts AND e.ts <= p.start + make_interval(secs => :window)
    GROUP BY 1, 2
), four AS (
    SELECT p.user_no, p.start, min(e.ts) AS ts FROM three p JOIN events e USING (user_no)
    WHERE e.site_id = :site AND e.ts >= :since AND e.ts < :until AND NOT e.is_bot AND e.type = 'page_view'
        AND e.path = :four AND e.ts > p.ts AND e.ts <= p.start + make_interval(secs => :window)
    GROUP BY 1, 2
)
SELECT (SELECT count(DISTINCT user_no) FROM one), (SELECT count(DISTINCT user_no) FROM two),
       (SELECT count(DISTINCT user_no) FROM three), (SELECT count(DISTINCT user_no) FROM four)
""")


def run(events: int, quick: bool = False) -> str:
    """The table for `events` page views."""
    with Stack(beat=False) as stack:
        app = create_app(replace(load(stack.env), environment="test"))
        lines = _measure(app, events)
    head = ["funnel of four steps", "median s", "budget s", "plain SQL s", "times", "came to each step"]
    table = [f"| {' | '.join(head)} |", "|---|---:|---:|---:|---:|---|", *lines]
    return "\n".join([f"{events:,} page views of 30 days on {machine()}; median of {RUNS}, over HTTP.", "", *table])


def _measure(app: Flask, views: int) -> list[str]:
    now, lines = datetime.now(UTC), []
    with app.app_context():
        with db.engine.begin() as connection:
            site = sites.create_site(connection, SITE, "Shop")
        traffic.load(db.engine, site, views, now)
        made = _post(db.engine, now)
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {_token()}"
        for name, pages in PAGES.items():
            paths = [f"/products/{page}" for page in pages]
            plain_s, expected = _plain(db.engine, site.id, paths, now)
            for scope, period in (("user", "days=31"), ("visit", "days=31"), ("user", _past(now))):
                took_s, reached = _ask(client, paths, scope, period)
                if (scope, period) == ("user", "days=31") and reached != expected:
                    raise RuntimeError(f"{name}: {reached}, and plain SQL says {expected}")
                what = f"{name}, by {scope}" + ("" if period == "days=31" else ", kept")
                times = f"{plain_s:.2f} | {plain_s / took_s:,.0f}" if scope == "user" else "|"
                lines.append(f"| {what} | {took_s:.3f} | {BUDGET_S} | {times} | {reached} |")
                print(lines[-1], file=sys.stderr, flush=True)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return [*lines, "", made, f"The process that asked and counted took {most} MB at most."]


SIZES = text("""
SELECT pg_total_relation_size('postings'), pg_total_relation_size('rollups'),
    (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'events'::regclass),
    (SELECT count(*) FROM posted_days d WHERE EXISTS (SELECT FROM postings p WHERE p.day = d.day))
""")


def _post(engine: Engine, now: datetime) -> str:
    """Makes all postings, and says what they take."""
    began = time.perf_counter()
    make_postings(engine, now, 3600, timedelta())
    took_s = time.perf_counter() - began
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE) postings, posted_days")
        size, rollups, raw, days = connection.execute(SIZES).one()
    return (
        f"Postings of {days} days were made in {took_s / days:.2f} s a day; they take {size / 1e6:.0f} MB,"
        f" {100 * size / raw:.1f} % of the raw events, beside {100 * rollups / raw:.1f} % of rollups."
    )


def _token() -> str:
    made: str = create_access_token("bench", additional_claims={"scope": "read"})
    return made


def _past(now: datetime) -> str:
    return f"from={now.date() - timedelta(days=30)}&to={now.date() - timedelta(days=1)}"


def _ask(client: Any, paths: list[str], scope: str, period: str) -> tuple[float, list[int]]:
    """Seconds, and how many came to each step. The first answer is not timed."""
    steps = [{"type": "page", "condition": {"page": path}} for path in paths]
    body, times = {"steps": steps, "scope": scope, "window_s": WINDOW_S}, []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        answer = client.post(f"/api/analytics/reports/funnel?site={SITE}&{period}", json=body)
        times.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise RuntimeError(answer.text[:500])
    return statistics.median(times[1:]), [line["visitors_reached"] for line in answer.json["step_analytics"]]


def _plain(engine: Engine, site_id: int, paths: list[str], now: datetime) -> tuple[float, list[int]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    given = {"site": site_id, "since": midnight - timedelta(days=30), "until": midnight + timedelta(days=1)}
    given |= dict(zip(("one", "two", "three", "four"), paths, strict=True)) | {"window": WINDOW_S}
    began = time.perf_counter()
    with engine.begin() as connection:
        found = list(connection.execute(PLAIN, given).one())
    return time.perf_counter() - began, found

"""Four-step funnels over 30 days of page views, compared with joins in plain SQL.

`run` loads the data set (traffic.py) with its column files, and sends requests through Flask's test client: for common
and for rare pages; by user and by visit, with today's events; and for past days only, which are cached.
"""

import resource
import statistics
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import Engine, text

from analytics import create_app
from analytics.extensions import db
from analytics.sites import sites
from benchmarks import traffic
from benchmarks.baselines import describe_machine
from benchmarks.measuring import print_progress, read_header, time_plain_sql
from benchmarks.stack import Stack
from config import load

RUNS = 5
SITE = "shop"
WINDOW_S = 86_400
PAGES = {"pages of rank 10 to 40": (10, 20, 30, 40), "the four first pages": (0, 1, 2, 3)}
BUDGETS_S = {"user": (0.2, 0.8), "visit": (0.3, 1.2)}
# Every attempt, joined step by step.
PLAIN_SQL = text("""
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
    head = ["funnel of four steps", "median s", "budget s", "plain SQL s", "times", "reached each step"]
    table = [f"| {' | '.join(head)} |", "|---|---:|---:|---:|---:|---|", *lines]
    return "\n".join(
        [f"{events:,} page views of 30 days on {describe_machine()}; median of {RUNS}, over HTTP.", "", *table]
    )


def _measure(app: Flask, views: int) -> list[str]:
    now, lines = datetime.now(UTC), []
    with app.app_context():
        with db.engine.begin() as connection:
            site = sites.create_site(connection, SITE, "Shop")
        traffic.load_page_views(db.engine, site, views, now)
        client, header = app.test_client(), read_header(SITE)
        for place, (name, pages) in enumerate(PAGES.items()):
            paths = [f"/products/{page}" for page in pages]
            plain_s, expected = _plain_sql(db.engine, site.id, paths, now)
            for scope, period in (("user", "days=31"), ("visit", "days=31"), ("user", _past(now))):
                median_s, reached = _time_funnel(client, header, paths, scope, period)
                if (scope, period) == ("user", "days=31") and reached != expected:
                    raise RuntimeError(f"{name}: the funnel counts {reached}, plain SQL {expected}")
                title = f"{name}, by {scope}" + ("" if period == "days=31" else ", cached")
                comparison = f"{plain_s:.2f} | {plain_s / median_s:,.0f}" if scope == "user" else "|"
                lines.append(f"| {title} | {median_s:.3f} | {BUDGETS_S[scope][place]} | {comparison} | {reached} |")
                print_progress(lines[-1])
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return [*lines, "", f"Peak memory of the process that counted: {peak_mb} MB."]


def _past(now: datetime) -> str:
    return f"from={now.date() - timedelta(days=30)}&to={now.date() - timedelta(days=1)}"


def _time_funnel(
    client: Any, header: dict[str, str], paths: list[str], scope: str, period: str
) -> tuple[float, list[int]]:
    """Median seconds, and the users who reached each step. The first request is not timed."""
    steps = [{"type": "page", "condition": {"page": path}} for path in paths]
    body, times = {"steps": steps, "scope": scope, "window_s": WINDOW_S}, []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        answer = client.post(f"/api/analytics/reports/funnel?site={SITE}&{period}", json=body, headers=header)
        times.append(time.perf_counter() - start)
        if answer.status_code != 200:
            raise RuntimeError(answer.text[:500])
    return statistics.median(times[1:]), [step["visitors_reached"] for step in answer.json["step_analytics"]]


def _plain_sql(engine: Engine, site_id: int, paths: list[str], now: datetime) -> tuple[float, list[int]]:
    """Seconds, and the users who reached each step."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    parameters = {"site": site_id, "since": midnight - timedelta(days=30), "until": midnight + timedelta(days=1)}
    parameters |= dict(zip(("one", "two", "three", "four"), paths, strict=True)) | {"window": WINDOW_S}
    ms, [row] = time_plain_sql(engine, [PLAIN_SQL], parameters)
    return ms / 1e3, list(row)

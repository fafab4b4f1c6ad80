"""Goals, journeys, experiments and lifecycle over the data set for reports (traffic.py), beside plain SQL."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from analytics import create_app
from analytics.extensions import db
from analytics.sites import sites
from benchmarks import traffic
from benchmarks.baselines import describe_machine
from benchmarks.measuring import get_json, p95_ms, print_progress, read_header, thirty_days, time_plain_sql
from benchmarks.stack import Stack
from config import load

SITE = "shop"
REPORTS = {
    "goal, one path, by day": "goal?days=30&path=/products/50&granularity=day",
    "goal, a type, by country": "goal?days=30&type=page_view&dimension=country",
    "goal, paths of a pattern, by day": "goal?days=30&path=/products/5*&granularity=day",
    "goal, with amounts, by day": "goal?days=30&path=/products/50&property=duration_ms&granularity=day",
    "goal, with amounts, by country": "goal?days=30&path=/products/50&property=duration_ms&dimension=country",
    "lifecycle by day": "lifecycle?days=30",
    "journeys from a page, 3 steps": "journeys?days=30&from_page=/products/50",
    "journeys from the first page, 3 steps": "journeys?days=30&from_page=/products/0",
    "experiment of two variants": "experiment?days=30&exposure_type=seen&variant=payload.variant&goal=/products/50",
}
SITE_CONDITION = "site_id = :site AND ts >= :start AND NOT is_bot"
PLAIN_SQL = {
    "goal, one path, by day": [
        "SELECT ts::date, count(*) FILTER (WHERE path = '/products/50'), count(DISTINCT user_no),"
        f" count(DISTINCT user_no) FILTER (WHERE path = '/products/50') FROM events WHERE {SITE_CONDITION} GROUP BY 1"
    ],
    "goal, paths of a pattern, by day": [
        "SELECT ts::date, count(*) FILTER (WHERE path LIKE '/products/5%'), count(DISTINCT user_no),"
        " count(DISTINCT user_no) FILTER (WHERE path LIKE '/products/5%')"
        f" FROM events WHERE {SITE_CONDITION} GROUP BY 1"
    ],
    "lifecycle by day": [
        f"WITH days AS (SELECT DISTINCT user_no, ts::date AS day FROM events WHERE {SITE_CONDITION}),"
        " seen AS (SELECT day, lag(day) OVER (PARTITION BY user_no ORDER BY day) AS before FROM days)"
        " SELECT day, count(*), count(*) FILTER (WHERE before IS NULL), count(*) FILTER (WHERE before = day - 1)"
        " FROM seen GROUP BY 1"
    ],
    "journeys from a page, 3 steps": [
        "WITH steps AS (SELECT user_no, path, lead(path) OVER w AS second, lead(path, 2) OVER w AS third FROM events"
        f" WHERE {SITE_CONDITION} WINDOW w AS (PARTITION BY user_no, session_id ORDER BY ts))"
        " SELECT path, second, third, count(*), count(DISTINCT user_no) FROM steps WHERE path = '/products/50'"
        " GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 10"
    ],
}


def run(events: int, quick: bool = False) -> str:
    """The table for `events` page views."""
    with Stack(beat=False) as stack:
        settings = replace(load(stack.env), environment="test", cache_ttl=0)
        results = _measure(create_app(settings), events, with_plain_sql=not quick)
    lines = [
        f"Insights over {events:,} page views on {describe_machine()}; p95 in ms, over HTTP through the application.",
        "",
    ]
    lines += [f"| {'report':<38} |     service |   plain SQL |", "|---|---:|---:|"]
    for name in REPORTS:
        plain = results.get(f"{name}: plain SQL")
        lines.append(f"| {name:<38} | {results[name]:>11,.1f} | {'' if plain is None else f'{plain:,.0f}':>11} |")
    return "\n".join(lines)


def _measure(app: Flask, views: int, with_plain_sql: bool) -> dict[str, float]:
    """Milliseconds by report, and by `report: plain SQL`."""
    now, results = datetime.now(UTC), {}
    with app.app_context():
        site_id = _load(db.engine, views, now)
        client: Any = app.test_client()
        for name, path in REPORTS.items():
            url = f"/api/analytics/reports/{path}&site={SITE}"
            results[name] = p95_ms(partial(get_json, client, url, read_header(SITE)))
            print_progress(f"{name}: {results[name]:,.1f} ms")
        for name, statements in PLAIN_SQL.items() if with_plain_sql else ():
            results[f"{name}: plain SQL"], _ = time_plain_sql(db.engine, statements, thirty_days(site_id, now))
    return results


def _load(engine: Engine, views: int, now: datetime) -> int:
    with engine.begin() as connection:
        site = sites.create_site(connection, SITE, "Shop")
    traffic.load_page_views(engine, site, views, now, exposures=True)
    return site.id

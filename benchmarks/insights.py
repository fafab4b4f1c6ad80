"""Goals, journeys, experiments and lifecycle over the data set for reports (traffic.py), each beside plain SQL.

One view in fifty also shows one of two variants of an experiment, told by its payload.
"""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Flask
from flask_jwt_extended import create_access_token
from sqlalchemy import Engine, text

from analytics import create_app, sites
from analytics.extensions import db
from benchmarks import traffic
from benchmarks.baselines import machine
from benchmarks.reports import _get, _p95, _plain
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
OF_SITE = "site_id = :site AND ts >= :start AND NOT is_bot"
PLAIN = {
    "goal, one path, by day": [
        "SELECT ts::date, count(*) FILTER (WHERE path = '/products/50'), count(DISTINCT user_no),"
        f" count(DISTINCT user_no) FILTER (WHERE path = '/products/50') FROM events WHERE {OF_SITE} GROUP BY 1"
    ],
    "goal, paths of a pattern, by day": [
        "SELECT ts::date, count(*) FILTER (WHERE path LIKE '/products/5%'), count(DISTINCT user_no),"
        f" count(DISTINCT user_no) FILTER (WHERE path LIKE '/products/5%') FROM events WHERE {OF_SITE} GROUP BY 1"
    ],
    "lifecycle by day": [
        f"WITH days AS (SELECT DISTINCT user_no, ts::date AS day FROM events WHERE {OF_SITE}),"
        " seen AS (SELECT day, lag(day) OVER (PARTITION BY user_no ORDER BY day) AS before FROM days)"
        " SELECT day, count(*), count(*) FILTER (WHERE before IS NULL), count(*) FILTER (WHERE before = day - 1)"
        " FROM seen GROUP BY 1"
    ],
    "journeys from a page, 3 steps": [
        "WITH steps AS (SELECT user_no, path, lead(path) OVER w AS second, lead(path, 2) OVER w AS third FROM events"
        f" WHERE {OF_SITE} WINDOW w AS (PARTITION BY user_no, session_id ORDER BY ts))"
        " SELECT path, second, third, count(*), count(DISTINCT user_no) FROM steps WHERE path = '/products/50'"
        " GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 10"
    ],
}
SHOW = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, session_id, payload)
SELECT gen_random_uuid(), ts, received_at, user_no, site_id, is_bot, 'seen', user_id, session_id,
    jsonb_build_object('variant', CASE user_no % 2 WHEN 0 THEN 'control' ELSE 'short' END)
FROM events
WHERE site_id = :site_id AND (payload ->> 'duration_ms')::int % 50 = 0
""")


def run(events: int, quick: bool = False) -> str:
    """The table for `events` page views."""
    with Stack(beat=False) as stack:
        settings = replace(load(stack.env), environment="test", cache_ttl=0)
        found = _measure(create_app(settings), events, with_plain=not quick)
    lines = [f"Insights over {events:,} page views on {machine()}; p95 in ms, over HTTP through the application.", ""]
    lines += [f"| {'report':<38} |        ours |   plain SQL |", "|---|---:|---:|"]
    for name in REPORTS:
        plain = found.get(f"{name}: plain SQL")
        lines.append(f"| {name:<38} | {found[name]:>11,.1f} | {'' if plain is None else f'{plain:,.0f}':>11} |")
    return "\n".join(lines)


def _measure(app: Flask, views: int, with_plain: bool) -> dict[str, float]:
    now, found = datetime.now(UTC), {}
    with app.app_context():
        site_id = _fill(db.engine, views, now)
        token = create_access_token("bench", additional_claims={"scope": "read"})
        client: Any = app.test_client()
        for name, path in REPORTS.items():
            asked = f"/api/analytics/reports/{path}&site={SITE}"
            found[name] = _p95(partial(_get, client, asked, {"Authorization": f"Bearer {token}"}))
            print(f"{name}: {found[name]:,.1f} ms", file=sys.stderr, flush=True)
        for name, statements in PLAIN.items() if with_plain else ():
            found[f"{name}: plain SQL"] = _plain(db.engine, statements, site_id, now)
    return found


def _fill(engine: Engine, views: int, now: datetime) -> int:
    with engine.begin() as connection:
        site = sites.create_site(connection, SITE, "Shop")
    traffic.load(engine, site, views, now)
    with engine.begin() as connection:
        connection.execute(SHOW, {"site_id": site.id})
    return site.id

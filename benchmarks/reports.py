"""Reports over 1.2 and 12 million page views: each beside the same answer by plain SQL over the raw events.

`run` fills the data set (traffic.py) twice, asks over HTTP through Flask's test client, and returns one table.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any

from flask_jwt_extended import create_access_token
from sqlalchemy import Engine, text

from analytics import create_app, sites
from analytics.extensions import db
from benchmarks import traffic
from benchmarks.baselines import machine
from benchmarks.ingest import say
from benchmarks.stack import Stack
from config import load

RUNS, ROUNDS = 20, 7
# Of what is slow, fewer.
LONGEST_S = 20.0
SITE = "shop"
FILTERED = "dimension=path&filter=country==AB;browser==Browser 1"
BUNDLE = "/api/analytics/reports/overview?days=30"
# `past`: thirty days that are over, which is what the cache may hold.
REPORTS = {
    "dashboard bundle, computed": (BUNDLE, 120),
    "dashboard bundle, from the cache": ("/api/analytics/reports/overview?{past}", 20),
    "DAU": ("/api/analytics/reports/dau", 20),
    "WAU": ("/api/analytics/reports/wau", 20),
    "MAU": ("/api/analytics/reports/mau", 20),
    "retention grid 30 x 30": ("/api/analytics/reports/retention?days=30", 150),
    "filtered breakdown, computed": (f"/api/analytics/reports/breakdown?days=30&{FILTERED}", 3000),
    "filtered breakdown, from the cache": (f"/api/analytics/reports/breakdown?{{past}}&{FILTERED}", 20),
}
LISTS = ("path", "referrer", "source", "country", "browser", "os", "device", "utm_source")
# The same answers, as an afternoon's script would ask for them.
BY_DAY = "(ts AT TIME ZONE 'UTC')::date"
PLAIN = {
    "dashboard bundle, computed": [
        "SELECT count(*), count(DISTINCT user_no) FROM events WHERE site_id = :site AND ts >= :start AND NOT is_bot",
        f"SELECT {BY_DAY}, count(*), count(DISTINCT user_no) FROM events"
        " WHERE site_id = :site AND ts >= :start AND NOT is_bot GROUP BY 1",
        *(
            f"SELECT {name}, count(*), count(DISTINCT user_no) FROM events"
            " WHERE site_id = :site AND ts >= :start AND NOT is_bot GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
            for name in LISTS
        ),
    ],
    "filtered breakdown, computed": [
        "SELECT path, count(*), count(DISTINCT user_no) FROM events"
        " WHERE site_id = :site AND ts >= :start AND NOT is_bot"
        " AND country = 'AB' AND browser = 'Browser 1' GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
    ],
    "DAU": ["SELECT count(DISTINCT user_no) FROM events WHERE site_id = :site AND ts >= :today AND NOT is_bot"],
    "WAU": ["SELECT count(DISTINCT user_no) FROM events WHERE site_id = :site AND ts >= :week AND NOT is_bot"],
    "MAU": ["SELECT count(DISTINCT user_no) FROM events WHERE site_id = :site AND ts >= :start AND NOT is_bot"],
    "retention grid 30 x 30": [
        f"WITH seen AS (SELECT DISTINCT user_no, {BY_DAY} AS day FROM events"
        " WHERE site_id = :site AND ts >= :start AND NOT is_bot),"
        " firsts AS (SELECT user_no, min(day) AS first FROM seen GROUP BY 1)"
        " SELECT first, day - first, count(*) FROM seen JOIN firsts USING (user_no) GROUP BY 1, 2"
    ],
}


class Shop:
    """A stack with `views` page views in it, and a client that may read them."""

    def __init__(self, stack: Stack, views: int) -> None:
        settings = replace(load(stack.env), environment="test")
        self._app, self._now = create_app(settings), datetime.now(UTC)
        with self._app.app_context():
            self._engine = db.engine
            with self._engine.begin() as connection:
                self._site = sites.create_site(connection, SITE, "Shop")
            loaded = traffic.load(self._engine, self._site, views, self._now)
            token = create_access_token("bench", additional_claims={"scope": "read"})
        self._client = self._app.test_client()
        self._header = {"Authorization": f"Bearer {token}", "X-Site-ID": SITE}
        self.filled = (
            f"{views:,} views: stored and counted at {views / loaded.store_s:,.0f}/s,"
            f" merged at {views / max(loaded.merge_s, 1e-9):,.0f}/s; days closed in {loaded.close_s:.2f} s, weeks and"
            f" months united in {loaded.compact_s:.2f} s; {_sizes(self._engine)}"
        )

    def p95(self, path: str) -> float:
        """In ms, of RUNS."""
        past = f"from={self._now.date() - timedelta(days=30)}&to={self._now.date() - timedelta(days=1)}"
        asked = path.format(past=past) + ("&" if "?" in path else "?") + f"site={SITE}"
        return _p95(partial(_get, self._client, asked, self._header))

    def plain(self, statements: list[str]) -> float:
        """The same by plain SQL, once."""
        return _plain(self._engine, statements, self._site.id, self._now)


def run(events: int, quick: bool = False) -> str:
    """The table for `events` page views and a tenth of them. Each report is asked of both in turn, so that a machine
    that is slower for a while is so for both."""
    found: dict[str, dict[int, float]] = {}
    with Stack(beat=False) as small, Stack(beat=False) as large:
        shops = {views: Shop(stack, views) for stack, views in ((small, events // 10), (large, events))}
        gc.collect()
        for name, (path, _) in REPORTS.items():
            found[name] = {views: shop.p95(path) for views, shop in shops.items()}
            say(f"{name}: " + ", ".join(f"{ms:,.1f} ms over {views:,} views" for views, ms in found[name].items()))
        rounds = [{views: shop.p95(BUNDLE) for views, shop in shops.items()} for _ in range(ROUNDS)]
        ratios = sorted(one[events] / one[events // 10] for one in rounds)
        if not quick:
            for name, statements in PLAIN.items():
                found[f"{name}: plain SQL"] = {events: shops[events].plain(statements)}
        filled = [shop.filled for shop in shops.values()]
    growth = (
        f"The bundle takes {median(ratios):.2f} x its time over a tenth of the views (budget: 1.5 x): the median of"
        f" {ROUNDS} rounds, {ratios[0]:.2f} to {ratios[-1]:.2f}."
    )
    title = f"Reports on {machine()}; p95 of {RUNS}, in ms, over HTTP through the application."
    return "\n".join([title, "", *filled, "", *_table(found, events), "", growth])


def _get(client: Any, path: str, header: dict[str, str]) -> None:
    answer = client.get(path, headers=header)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")


def _p95(ask: Callable[[], None]) -> float:
    ask()
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        ask()
        times.append(1e3 * (time.perf_counter() - began))
        if sum(times) > 1e3 * LONGEST_S:
            break
    return sorted(times)[max(0, int(len(times) * 0.95) - 1)]


def _plain(engine: Engine, statements: list[str], site_id: int, now: datetime) -> float:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    given = {"site": site_id, "today": midnight, "week": midnight.fromordinal(midnight.toordinal() - 6)}
    given["start"] = midnight.fromordinal(midnight.toordinal() - 29)
    began = time.perf_counter()
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
        for statement in statements:
            connection.execute(text(statement), given).all()
    return 1e3 * (time.perf_counter() - began)


SIZES = text("""
SELECT (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'events'::regclass),
       pg_total_relation_size('rollups') + pg_total_relation_size('rollup_deltas'),
       pg_total_relation_size('visits') + pg_total_relation_size('visit_rollups'),
       (SELECT count(*) FROM events)
""")


def _sizes(engine: Engine) -> str:
    with engine.connect() as connection:
        raw, rollups, visits, count = connection.execute(SIZES).one()
    shares = f"rollups {100 * rollups / raw:.1f} % and visits {100 * visits / raw:.1f} % on top"
    return f"{raw / count:.0f} bytes a view raw, {shares}"


def _table(found: dict[str, dict[int, float]], events: int) -> list[str]:
    small = events // 10
    titles = [f"{events // 10:,}", f"{events:,}", "budget", "met", "plain SQL", "times"]
    lines = [_line("report, p95 ms", titles), "|---|" + "---:|" * len(titles)]
    for name, (_, budget) in REPORTS.items():
        ours, plain = found[name], found.get(f"{name}: plain SQL", {}).get(events, 0.0)
        met = "yes" if ours[events] <= budget else "NO"
        cells = [f"{ours[small]:,.1f}", f"{ours[events]:,.1f}", f"{budget}", met, f"{plain:,.0f}"]
        lines.append(_line(name, [*cells, f"{plain / ours[events]:,.0f}"]))
    return lines


def _line(name: str, cells: list[str]) -> str:
    return f"| {name:<28} | " + " | ".join(f"{cell:>11}" for cell in cells) + " |"

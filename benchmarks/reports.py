"""Reports over 1.2 and 12 million page views, each compared with plain SQL over the raw events.

`run` loads the data set (traffic.py) twice, sends requests through Flask's test client, and returns one table.
"""

import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

from sqlalchemy import Engine, text

from analytics import create_app
from analytics.extensions import db
from analytics.insights.overview.overview import TOP_LIST_DIMENSIONS
from analytics.rollups.visits.sums import LIST_DIMENSIONS
from analytics.sites import sites
from benchmarks import traffic
from benchmarks.baselines import describe_machine
from benchmarks.measuring import (
    RUNS,
    format_row,
    get_json,
    p95_ms,
    print_progress,
    read_header,
    thirty_days,
    time_plain_sql,
)
from benchmarks.stack import Stack
from config import load

ROUNDS = 7
SITE = "shop"
FILTERED = "dimension=path&filter=country==AB;browser==Browser 1"
OVERVIEW_PATH = "/api/analytics/reports/overview?days=30"
# `past`: thirty closed days, which the cache may hold.
REPORTS = {
    "dashboard bundle, computed": (OVERVIEW_PATH, 120),
    "dashboard bundle, from the cache": ("/api/analytics/reports/overview?{past}", 20),
    "DAU": ("/api/analytics/reports/dau", 20),
    "WAU": ("/api/analytics/reports/wau", 20),
    "MAU": ("/api/analytics/reports/mau", 20),
    "retention grid 30 x 30": ("/api/analytics/reports/retention?days=30", 150),
    "filtered breakdown, computed": (f"/api/analytics/reports/breakdown?days=30&{FILTERED}", 3000),
    "filtered breakdown, from the cache": (f"/api/analytics/reports/breakdown?{{past}}&{FILTERED}", 20),
}
NAME_WIDTH = 28
VISIT_LISTS = [name for name in TOP_LIST_DIMENSIONS if name in LIST_DIMENSIONS]
EVENT_LISTS = [name for name in TOP_LIST_DIMENSIONS if name not in LIST_DIMENSIONS]
# The same answers by straightforward SQL, that of visits over the visits that the service has made of page views.
BY_DAY = "(ts AT TIME ZONE 'UTC')::date"
PLAIN_SQL = {
    "dashboard bundle, computed": [
        "SELECT count(*), count(DISTINCT user_no) FROM events WHERE site_id = :site AND ts >= :start AND NOT is_bot",
        f"SELECT {BY_DAY}, count(*), count(DISTINCT user_no) FROM events"
        " WHERE site_id = :site AND ts >= :start AND NOT is_bot GROUP BY 1",
        *(
            f"SELECT {name}, count(*), count(DISTINCT user_no) FROM events"
            " WHERE site_id = :site AND ts >= :start AND NOT is_bot GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
            for name in EVENT_LISTS
        ),
        *(
            f"SELECT {name}, count(*), count(DISTINCT user_no), sum(views) FROM visits"
            " WHERE site_id = :site AND started_at >= :start AND NOT is_bot GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
            for name in VISIT_LISTS
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


class ReportBenchmark:
    """A stack with `views` page views in it, and a client that may read them."""

    def __init__(self, stack: Stack, views: int) -> None:
        settings = replace(load(stack.env), environment="test")
        self._app, self._now = create_app(settings), datetime.now(UTC)
        with self._app.app_context():
            self._engine = db.engine
            with self._engine.begin() as connection:
                self._site = sites.create_site(connection, SITE, "Shop")
            times = traffic.load_page_views(self._engine, self._site, views, self._now)
            self._header = read_header(SITE)
        self._client = self._app.test_client()
        self.load_summary = (
            f"{views:,} views: stored and counted at {views / times.store_s:,.0f}/s,"
            f" merged at {views / max(times.merge_s, 1e-9):,.0f}/s; days closed in {times.close_s:.2f} s, unions of"
            f" weeks and months built in {times.union_s:.2f} s; {_sizes(self._engine)}"
        )

    def p95(self, path: str) -> float:
        """Milliseconds."""
        past = f"from={self._now.date() - timedelta(days=30)}&to={self._now.date() - timedelta(days=1)}"
        url = path.format(past=past) + ("&" if "?" in path else "?") + f"site={SITE}"
        return p95_ms(partial(get_json, self._client, url, self._header))

    def plain_sql_ms(self, statements: list[str]) -> float:
        return time_plain_sql(self._engine, statements, thirty_days(self._site.id, self._now))[0]


def run(events: int, quick: bool = False) -> str:
    """The table for `events` page views and a tenth of them. Each report is requested from both in turn, so that a slow
    spell of the machine affects both."""
    results: dict[str, dict[int, float]] = {}
    with Stack(beat=False) as small, Stack(beat=False) as large:
        shops = {views: ReportBenchmark(stack, views) for stack, views in ((small, events // 10), (large, events))}
        gc.collect()
        for name, (path, _) in REPORTS.items():
            results[name] = {views: shop.p95(path) for views, shop in shops.items()}
            print_progress(
                f"{name}: " + ", ".join(f"{ms:,.1f} ms over {views:,} views" for views, ms in results[name].items())
            )
        rounds = [{views: shop.p95(OVERVIEW_PATH) for views, shop in shops.items()} for _ in range(ROUNDS)]
        ratios = sorted(times[events] / times[events // 10] for times in rounds)
        if not quick:
            for name, statements in PLAIN_SQL.items():
                results[f"{name}: plain SQL"] = {events: shops[events].plain_sql_ms(statements)}
        summaries = [shop.load_summary for shop in shops.values()]
    growth = (
        f"The bundle takes {median(ratios):.2f} x its time over a tenth of the views (budget: 1.5 x): the median of"
        f" {ROUNDS} rounds, {ratios[0]:.2f} to {ratios[-1]:.2f}."
    )
    title = f"Reports on {describe_machine()}; p95 of {RUNS}, in ms, over HTTP through the application."
    return "\n".join([title, "", *summaries, "", *_table(results, events), "", growth])


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


def _table(results: dict[str, dict[int, float]], events: int) -> list[str]:
    small = events // 10
    titles = [f"{events // 10:,}", f"{events:,}", "budget", "met", "plain SQL", "times"]
    lines = [format_row("report, p95 ms", titles, NAME_WIDTH), "|---|" + "---:|" * len(titles)]
    for name, (_, budget) in REPORTS.items():
        ours, plain = results[name], results.get(f"{name}: plain SQL", {}).get(events, 0.0)
        met = "yes" if ours[events] <= budget else "NO"
        cells = [f"{ours[small]:,.1f}", f"{ours[events]:,.1f}", f"{budget}", met, f"{plain:,.0f}"]
        lines.append(format_row(name, [*cells, f"{plain / ours[events]:,.0f}"], NAME_WIDTH))
    return lines

"""Every budget of column files: filtered reports, funnels, journeys, goals and an experiment, beside plain SQL.

`run` loads the data set (traffic.py) over 60 days, of which 30 are asked for, so that a comparison has a period before;
then it asks the web processes over HTTP, without a cache, and compares what both answer. `measure` does so with data
that is there.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import requests
from sqlalchemy import Engine, create_engine, text

from analytics import create_app
from analytics.extensions import db
from analytics.sites import sites
from benchmarks import traffic
from benchmarks.baselines import describe_machine
from benchmarks.measuring import p95_ms, print_progress, time_plain_sql
from benchmarks.stack import DATABASE_NAME, Stack
from config import load

SITE, DAYS = "shop", 60
REPORTS = "/api/analytics/reports/"
FILTER = "filter=country==AB;browser==Browser 1"
LISTS = (
    *("path", "entry_path", "exit_path", "referrer", "source", "channel", "country", "browser", "os", "device"),
    *("hostname", "language", "screen", "utm_source", "utm_campaign"),
)
PAGE = (
    f"overview?{FILTER}&lists={','.join(LISTS)}&compare=previous&granularity=day&limit=10"
    "&measures=visitors,visits,page_views,bounce_rate,avg_visit_duration_s"
)
COUNTED = "site_id = :site AND ts >= :start AND ts < :end AND NOT is_bot"
FILTERED = f"{COUNTED} AND type = 'page_view' AND country = 'AB' AND browser = 'Browser 1'"
BEGAN = (
    "site_id = :site AND started_at >= :start AND started_at < :end AND NOT is_bot"
    " AND country = 'AB' AND browser = 'Browser 1'"
)
VISIT_LISTS = tuple(name for name in LISTS if name not in ("path", "hostname", "language", "screen"))
DAY = "(ts AT TIME ZONE 'UTC')::date"
GOAL = f"{COUNTED} AND type = 'page_view' AND path"
AMOUNTS = "sum((payload ->> 'duration_ms')::numeric)"
# RssAnon is what belongs to the process alone: pages of libraries, 106 MB once the engine ran, are shared and can be
# dropped.
WEB_MB = {
    "before the first query": 120,
    "at most while asking": 400,
    "a minute later": 150,
    "a minute later, its own": 150,
}


class Question(NamedTuple):
    """`body`: of a POST. `sql`: the same by plain SQL over raw rows; `same`: of the answer, what its last rows say."""

    name: str
    budget_ms: int
    path: str
    body: dict[str, Any] | None = None
    sql: Sequence[str] = ()
    same: Callable[[Any], Any] | None = None


def _funnel(pages: Sequence[int], scope: str) -> dict[str, Any]:
    steps = [{"type": "page", "condition": {"page": f"/products/{page}"}} for page in pages]
    return {"steps": steps, "scope": scope, "window_s": 86_400}


def _rows(answer: Any) -> list[tuple[Any, ...]]:
    return [(row["value"], row["events"], row["visitors"]) for row in answer["rows"]]


QUESTIONS = (
    Question(
        "filtered breakdown, exact people", 250, f"breakdown?dimension=path&limit=10&{FILTER}", None,
        [
            f"SELECT path, count(*), count(DISTINCT user_no) FROM events WHERE {FILTERED} GROUP BY 1"
            ' ORDER BY 2 DESC, path COLLATE "C" LIMIT 10'
        ],
        _rows,
    ),
    Question(
        "filtered page in one call", 1000, PAGE, None,
        [
            *(
                f"SELECT {key}, count(*), count(DISTINCT user_no) FROM events WHERE {FILTERED} GROUP BY 1"
                for key in (DAY, *(name for name in LISTS if name not in VISIT_LISTS))
            ),
            *(
                f"SELECT {key}, count(*), count(DISTINCT user_no), sum(views) FROM visits WHERE {BEGAN} GROUP BY 1"
                for key in ("started_at::date", *VISIT_LISTS)
            ),
            f"SELECT count(*), count(DISTINCT user_no) FROM events WHERE {FILTERED}",
        ],
        lambda answer: [(answer["page_views"], answer["visitors"])],
    ),
    Question("funnel of the 4 commonest pages, by user", 800, "funnel", _funnel(range(4), "user")),
    Question("funnel of pages of rank 10 to 40, by user", 200, "funnel", _funnel((10, 20, 30, 40), "user")),
    Question("funnel of the 4 commonest pages, by visit", 1200, "funnel", _funnel(range(4), "visit")),
    Question("funnel of pages of rank 10 to 40, by visit", 300, "funnel", _funnel((10, 20, 30, 40), "visit")),
    Question(
        "journeys from the commonest page, 3 steps", 2500, "journeys?from_page=/products/0&steps=3", None,
        [
            "WITH steps AS (SELECT user_no, path, lead(path) OVER w AS second, lead(path, 2) OVER w AS third"
            f" FROM events WHERE {COUNTED} WINDOW w AS (PARTITION BY user_no, session_id ORDER BY ts))"
            " SELECT path, second, third, count(*), count(DISTINCT user_no) FROM steps WHERE path = '/products/0'"
            " GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 10"
        ],
    ),
    Question(
        "goal by pattern, by day", 300, "goal?path=/products/5*&granularity=day", None,
        [
            f"SELECT {DAY}, count(*), count(DISTINCT user_no) FROM events WHERE {GOAL} LIKE '/products/5%' GROUP BY 1",
            f"SELECT count(*), count(DISTINCT user_no) FROM events WHERE {GOAL} LIKE '/products/5%'",
        ],
        lambda answer: [(answer["conversions"], answer["users"])],
    ),
    Question(
        "goal with amounts, by country", 300, "goal?path=/products/50&property=duration_ms&dimension=country", None,
        [
            f"SELECT country, count(*), count(DISTINCT user_no), {AMOUNTS} FROM events"
            f" WHERE {GOAL} = '/products/50' GROUP BY 1",
            f"SELECT count(*), count(DISTINCT user_no) FROM events WHERE {GOAL} = '/products/50'",
        ],
        lambda answer: [(answer["conversions"], answer["users"])],
    ),
    Question(
        "experiment of two variants", 500,
        f"experiment?exposure_type={traffic.EXPOSURE}&variant=payload.variant&goal=/products/50", None,
        [
            "SELECT payload ->> 'variant', count(DISTINCT user_no) FROM events"
            f" WHERE {COUNTED} AND type = '{traffic.EXPOSURE}' GROUP BY 1 ORDER BY 1"
        ],
        lambda answer: [(one["variant"], one["users"]) for one in answer["variants"]],
    ),
)  # fmt: skip
SIZES = text("""
SELECT (SELECT sum(octet_length(body)) FROM column_files), (SELECT sum(rows) FROM column_files),
    (SELECT sum(octet_length(body)) FROM visit_files), (SELECT sum(rows) FROM visit_files),
    (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'events'::regclass)
""")


def run(events: int, quick: bool = False) -> str:
    """The table for half of `events` page views, which the thirty days asked for have."""
    with Stack(beat=False, CACHE_TTL="0") as stack:
        now = datetime.now(UTC)
        with create_app(replace(load(stack.env), environment="test")).app_context():
            with db.engine.begin() as connection:
                site = sites.create_site(connection, SITE, "Shop")
            times = traffic.load_page_views(db.engine, site, events, now, days=DAYS, exposures=True)
        lines = measure(stack, now, with_plain_sql=not quick)
    head = f"Columns on {describe_machine()}: {events:,} page views of {DAYS} days, 30 asked for; p95, over HTTP."
    return "\n".join([head, f"Their files took {times.columns_s:.1f} s to write.", "", *lines])


def measure(stack: Stack, now: datetime, with_plain_sql: bool = True) -> list[str]:
    """The table of the site that `run` made. Raises RuntimeError where plain SQL counts otherwise."""
    engine = create_engine(stack.postgres.url(DATABASE_NAME).replace("postgresql:", "postgresql+psycopg2:"))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = midnight - timedelta(days=30), midnight
    period = f"from={start.date()}&to={end.date() - timedelta(days=1)}"
    memory, lines = {"before the first query": _web_mb(stack, "VmRSS")}, []
    for question in QUESTIONS:
        ours, answer = _ask(stack, question, period)
        plain_ms = _plain_sql_ms(engine, question, answer, start, end) if question.sql and with_plain_sql else None
        met = "yes" if ours <= question.budget_ms else "NO"
        beside = f"{plain_ms:,.0f} | {plain_ms / ours:,.0f}" if plain_ms is not None else "|"
        lines.append(f"| {question.name} | {ours:,.0f} | {question.budget_ms:,} | {met} | {beside} |")
        print_progress(lines[-1])
    memory["at most while asking"] = _web_mb(stack, "VmHWM")
    time.sleep(60)
    memory |= {"a minute later": _web_mb(stack, "VmRSS"), "a minute later, its own": _web_mb(stack, "RssAnon")}
    figures = [
        f"| web process {name}, MB | {mb:.0f} | {WEB_MB[name]} | {'yes' if mb <= WEB_MB[name] else 'NO'} | | |"
        for name, mb in memory.items()
    ]
    head = ["| question | ms | budget | met | plain SQL, ms | times |", "|---|---:|---:|---:|---:|---:|"]
    return [*head, *lines, *figures, "", _sizes(engine)]


def _ask(stack: Stack, question: Question, period: str) -> tuple[float, Any]:
    """p95 in ms, and the answer."""
    session, answers = requests.Session(), []
    session.headers.update({"Authorization": f"Bearer {stack.token}", "X-Site-ID": SITE})
    url = f"{stack.url}{REPORTS}{question.path}{'&' if '?' in question.path else '?'}site={SITE}&{period}"

    def ask() -> None:
        response = session.request("POST" if question.body else "GET", url, json=question.body, timeout=300)
        if response.status_code != 200:
            raise RuntimeError(f"{question.name}: {response.status_code} {response.text[:500]}")
        answers[:] = [response.json()]

    return p95_ms(ask), answers[0]


def _plain_sql_ms(engine: Engine, question: Question, answer: Any, start: datetime, end: datetime) -> float:
    with engine.connect() as connection:
        site_id = connection.execute(text("SELECT id FROM sites WHERE key = :key"), {"key": SITE}).scalar_one()
    ms, rows = time_plain_sql(engine, question.sql, {"site": site_id, "start": start, "end": end})
    if question.same and question.same(answer) != (found := [tuple(row) for row in rows]):
        raise RuntimeError(f"{question.name}: the service counts {question.same(answer)}, plain SQL {found}")
    return ms


def _web_mb(stack: Stack, field: str) -> float:
    """The largest web process; VmHWM is the most that it ever had."""
    sizes = []
    for pid in stack.processes["web"].group_pids():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            sizes += [int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")]
    return max(sizes)


def _sizes(engine: Engine) -> str:
    with engine.connect() as connection:
        events_bytes, events, visits_bytes, visits, raw = connection.execute(SIZES).one()
    return (
        f"Files take {events_bytes / events:.1f} bytes an event (budget 12), {visits_bytes / visits:.1f} a visit; raw"
        f" rows {raw / events:.0f} an event."
    )

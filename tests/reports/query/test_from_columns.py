"""Columns count what raw events count, whatever of them is in files (the slow count: filtering/filtered.py)."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.columnar.limits import QueryLimits
from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader, open_columns
from analytics.columnar.write import write_due
from analytics.columnar.write_visits import write_due_visits
from analytics.period import Period
from analytics.reports.filtering.filtered import Rows
from analytics.reports.filtering.filters import parse_filter
from analytics.reports.query.from_columns import ColumnSource
from analytics.reports.query.measures import PAGE_VIEW_TYPES, EventSelection
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from analytics.store import column_files
from tests.factories import append_events, make_drain, make_site

START = datetime(2026, 3, 26, tzinfo=UTC)
NOW = START + timedelta(days=6)
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]
FILTERS = [
    *("", "country==DE", "country!=DE", "country==", "source==google", "source!=Google|Bing", "utm_source==news"),
    *(
        "path=^/a",
        "path=~b",
        "path!=/a",
        "path!^/a;country==DE|FR",
        "type==signup",
        "type!=page_view",
        "region==DE/Bavaria",
    ),
    *("user_id==u1|u2", "user_id!=u1", "user_id=^u", "session_id==s1", "session_id==", "browser==Chrome;path==/a"),
    *(
        "payload.plan==pro",
        "payload.plan!=pro;country==DE",
        "payload.plan==|free",
        "payload.n==1.5",
        "payload.n!=15e-1",
    ),
    *(
        "payload.n=^1",
        "payload.o.list=~2.50",
        r"payload.o\.list==x",
        "payload.o.list.0==1;path==/a",
        "payload.big==12345678901234567891",
    ),
    *("subject==x|y", "referrer=~example", "hostname==shop.example", "language==de", "city!=DE/Bavaria/Munich"),
]
DIMENSIONS = [
    "path",
    "country",
    "region",
    "source",
    "utm_source",
    "type",
    "subject",
    "entry_path",
    "exit_path",
    "browser",
]
UNITS = ["all", "hour", "day", "week"]
PAYLOADS = [
    None,
    {"plan": "pro", "n": 1.5},
    {"plan": "free", "n": "1.50", "o.list": "x"},
    {"plan": "", "n": 15, "o": {"list": [1, 2.50, {"n": 1.5}]}},
    {"big": 12345678901234567890},
    {"big": 12345678901234567891, "n": None, "o": {"list": "2.50"}},
]
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


@pytest.fixture(params=["UTC", "Asia/Kathmandu"])
def site(engine: Engine, request: Any) -> Site:
    return make_site(engine, request.param)


def random_events(chance: random.Random, count: int) -> list[dict[str, Any]]:
    def pick(*values: Any) -> Any:
        return chance.choice(values)

    events = []
    for _ in range(count):
        at = START + timedelta(seconds=chance.randrange(0, 3 * 86400, 300 if chance.random() < 0.5 else 1))
        event = {
            "type": pick("page_view", "page_view", "page_view", "signup"),
            "ts": at.isoformat(),
            "user_id": f"u{chance.randrange(12)}",
            "path": pick("/a", "/ab", "/b?utm_source=News", "/a/b?utm_source=NEWS&utm_medium=mail", None),
            "session_id": pick(None, None, "s1", "s2"),
            "referrer": pick(None, "https://www.google.com/", "https://example.org/x", "https://bing.com/"),
            "country": pick(None, "DE", "FR"),
            "region": pick(None, "Bavaria"),
            "city": pick(None, "Munich"),
            "subject": pick(None, "x", "Y"),
            "hostname": pick(None, "shop.example"),
            "language": pick(None, "de", "fr"),
            "user_agent": pick(CHROME, CHROME, "Googlebot/2.1"),
            "payload": pick(*PAYLOADS),
        }
        events.append({name: value for name, value in event.items() if value is not None})
    return events


@pytest.fixture
def reader(engine: Engine, redis: Redis, site: Site, tmp_path: Path, request: Any) -> Iterator[ColumnReader]:
    """Of events that came in portions; files were written in between, and some days were outdated."""
    chance = random.Random(f"{request.node.name}")
    drain = make_drain(engine, redis)
    for turn in range(4):
        for _ in range(3):
            append_events(redis, site, random_events(chance, 60), received_us=int(NOW.timestamp() * 1e6))
        drain.run()
        if turn == 2 or chance.random() < 0.7:
            while merge_site(engine, site.id).has_more:
                pass
        if turn == 2 or chance.random() < 0.7:
            write_due(engine, NOW + turn * timedelta(hours=1), 20)
            write_due_visits(engine, NOW, 20, rest=-timedelta(days=3650))
        if turn < 2 and chance.random() < 0.5:
            with engine.begin() as connection:
                column_files.invalidate(connection, site.id, START.date(), START.date())
    limits = QueryLimits(memory_mb=128, spill_mb=128, timeout_s=30)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        files = LocalFiles(tmp_path, 1 << 30)
        with open_columns(connection, files, site.id, clock.zone(site.zone), limits) as opened:
            yield opened


def random_period(chance: random.Random) -> Period:
    start = START + timedelta(seconds=chance.randrange(-3600, 2 * 86400, chance.choice([1, 3600])))
    length = timedelta(seconds=chance.choice([3600, 86400, 3 * 86400, 5 * 86400, 12345]))
    return Period(start, start + length, clock.zone(chance.choice(ZONES)))


@pytest.mark.parametrize("seed", range(6))
def test_columns_count_what_rows_count(reader: ColumnReader, site: Site, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        types = chance.choice([None, PAGE_VIEW_TYPES, ("signup",), ("page_view", "signup")])
        conditions = parse_filter(text_of) if (text_of := chance.choice(FILTERS)) else ()
        wanted = EventSelection(site.id, types, chance.random() < 0.3, conditions)
        period, unit, dimension = random_period(chance), chance.choice(UNITS), chance.choice(DIMENSIONS)
        expected, found = Rows(reader.connection, wanted), ColumnSource(reader, wanted)
        what = (text_of, types, str(period), unit, dimension)
        assert found.count(period, unit) == expected.count(period, unit), what
        ranking = expected.rank_values(period, dimension)
        assert found.rank_values(period, dimension) == ranking, what
        values = [row.value for row in ranking.rows]
        assert found.count_values(period, dimension, values) == expected.count_values(period, dimension, values), what


def test_the_files_hold_most_of_it(reader: ColumnReader, sql: Any) -> None:
    """Else the test above would compare rows with rows."""
    [(in_files, visits_in_files)] = sql(
        "SELECT (SELECT sum(rows) FROM column_files)::int, (SELECT sum(rows) FROM visit_files)::int"
    )
    assert in_files > 200
    assert visits_in_files > 20


def test_without_a_folder_for_files_postgresql_answers(
    engine: Engine, redis: Redis, site: Site, make_app: Any, auth: Any, token: Any, tmp_path: Path, caplog: Any
) -> None:
    append_events(redis, site, random_events(random.Random(3), 60))
    make_drain(engine, redis).run()
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    client = make_app(columns_folder=str(blocked / "columns")).test_client()
    route = f"/api/analytics/reports/summary?site={site.key}&from=2026-03-25&to=2026-03-31&filter=country==DE"
    found = client.get(route, headers=auth(token("read", site=site.key))).json
    with engine.connect() as connection:
        query = "SELECT count(*) FROM events WHERE country = 'DE' AND type = 'page_view' AND NOT is_bot"
        expected = connection.execute(text(query)).scalar_one()
    assert found["page_views"] == expected > 0
    assert "no folder for column files" in caplog.text

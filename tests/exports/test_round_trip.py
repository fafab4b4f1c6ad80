"""What an export holds comes back: into an empty site of the same zone, after which every report is equal."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.reports.query.schemas import BREAKDOWN_DIMENSIONS
from analytics.rollups.closing.days import close_site
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site, create_site
from tests.factories import make_drain
from tests.reports.brute_force import BOT

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
# JSON as sent: digits beyond a float, zeros at the end, exponents, texts that a file must quote.
PAYLOADS = [
    'null', '{}', '{"total":12345678901234567.89,"plan":"pro"}', '{"total":1.50,"n":[1,2,{"a":null}]}', '{"total":1e300}',
    '{"total":-0.0,"big":123456789012345678901234567890}', '{"step":1,"revenue.amount":5,"variant":"a"}',
    '{"step":1.0,"variant":"b"}', r'{"text":"two\nlines \"q\" , ; \t \\ \u0007 é 日本 🎉"}', '{"=cmd":"=1+1","@":"|x"}',
    '{"page":"/from-payload?utm_source=pay","session_id":"s-in-payload","referrer":"https://t.co/x"}',
    '{"url":"https://partner.example/offer?utm_source=zz"}', '{"currency":"eur","total":"19.99"}',
]  # fmt: skip
TEXTS = [
    "=1+1",
    "'=1",
    "''",
    "'-x",
    "+49",
    "-5",
    "@a",
    " lead",
    "a,b;c\td",
    'q"q',
    "ünï/2",
    "1e5",
    "(other)",
    "\\N",
    "null",
    "🎉",
]
PATHS = [
    "/",
    "/a?utm_source=(other)&utm_medium=cpc&utm_campaign=x%20y",
    "/bücher/%E2%82%AC",
    "/=1",
    "https://shop.example/b#c",
    "/a b,c",
]
TYPES = ["pageview", "page_view", "click", "impression", "order", "seen", "search_query", "Étape"]


EVENTS = 300


def make_events(now: datetime) -> list[str]:
    """Events of six days as JSON objects, with ties, by people, robots, and visitors without a user_id."""
    chance = random.Random(11)
    return [_make_event(chance, n, now) for n in range(EVENTS)]


def _make_event(chance: random.Random, n: int, now: datetime) -> str:
    event: dict[str, Any] = {"type": chance.choice(TYPES), "ip": f"8.8.{n % 3}.{chance.randrange(9)}"}
    ts = now - timedelta(days=chance.randrange(6), minutes=chance.randrange(40))
    ts = ts.replace(microsecond=0) if n % 3 else ts.replace(microsecond=chance.randrange(1_000_000))
    event["ts"] = ts.isoformat()
    event["user_agent"] = chance.choice([FIREFOX, FIREFOX, IPHONE, BOT, "curl/8.7.1", "CUBOT"])
    if n % 4:
        event["user_id"] = chance.choice(["ann", "bob", "~tilde", "#hash", 17, *TEXTS])
    if event["type"] in ("click", "impression"):
        event["subject"] = chance.choice(["abc", "ünï/2", "=x", "'=x"])
    if chance.random() < 0.7:
        event["path"] = chance.choice(PATHS)
    if chance.random() < 0.4:
        event["session_id"] = chance.choice(["s1", 5, "=s", "'-s"])
    if chance.random() < 0.4:
        event["referrer"] = chance.choice(
            ["https://www.google.com/search?q=x", "https://t.co/x", "android-app://com.x/", "/own"]
        )
    if chance.random() < 0.3:
        event |= {"country": "DE", "region": "Bavaria", "city": chance.choice(["Köln", "=City", "São Paulo"])}
    if chance.random() < 0.3:
        event |= {
            "utm_source": chance.choice(TEXTS),
            "utm_term": "t",
            "utm_content": "'=c",
            "src": chance.choice(TEXTS),
        }
    if chance.random() < 0.4:
        event |= {"language": chance.choice(["de-AT", "en"]), "screen": chance.choice([390, "1920x1080"])}
    text = json.dumps(event)
    return text if n % 5 == 0 else f'{text[:-1]},"payload":{chance.choice(PAYLOADS)}}}'


@pytest.fixture
def now(at: Callable[[float], None]) -> datetime:
    """The time at which the clock stands."""
    return clock.now()


class World:
    """Two sites, the old one filled over HTTP, and the way from one to the other."""

    def __init__(
        self, app: Flask, engine: Engine, redis: Redis, headers: dict[str, str], at: Callable[[float], None], zone: str
    ) -> None:
        self.app, self.engine, self.redis, self.headers, self.at = app, engine, redis, headers, at
        self.client: FlaskClient = app.test_client()
        with engine.begin() as connection:
            self.old, self.new = (create_site(connection, key, zone=zone) for key in ("old", "new"))

    def send(self, events: list[str]) -> None:
        for start in range(0, len(events), 100):
            body = f'{{"site_id":"old","events":[{",".join(events[start : start + 100])}]}}'
            response = self.client.post(
                "/api/analytics/ingest", data=body.encode(), headers=self.headers, content_type="application/json"
            )
            assert (response.status_code, response.json["rejected"]) == (202, [])
            self.drain()
        # An export holds what is complete, which is what was received some seconds ago.
        self.at(60)

    def drain(self) -> Any:
        result = make_drain(self.engine, self.redis).run()
        merge_all(self.engine, 60.0)
        return result

    def flask(self, *words: object) -> str:
        result = self.app.test_cli_runner().invoke(args=[*map(str, words)])
        assert result.exit_code == 0, result.output + repr(result.exception)
        return str(result.output)

    def export(self, file: Path, site: Site, *options: str) -> Path:
        self.flask("export", "events", "--site", site.key, "--out", file, *options)
        return file

    def get(self, path: str, status: int = 200) -> Any:
        response = self.client.get(path, headers=self.headers)
        assert response.status_code == status, (path, response.json)
        return response.json

    def post(self, path: str, body: dict[str, Any], status: int) -> Any:
        response = self.client.post(path, json=body, headers=self.headers)
        assert response.status_code == status, (path, response.json)
        return response.json


@pytest.fixture
def make_world(app: Flask, engine: Engine, redis: Redis, token: Any, auth: Any, at: Any) -> Callable[[str], World]:
    headers = auth(token("ingest read write export admin"))
    return lambda zone: World(app, engine, redis, headers, at, zone)


# Not the same in two sites: the time of receipt and the place in the batch, and the numbers of sites and users.
OWN_COLUMNS = ("received_at", "position", "site_id", "user_no", "drain_no")


def stored_rows(sql: Callable[..., Any], site: Site) -> list[dict[str, Any]]:
    """In the order of events, which must come back too."""
    columns = [name for (name,) in sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'events' ORDER BY ordinal_position"
    ) if name not in OWN_COLUMNS]  # fmt: skip
    cells = ", ".join(f"{name}::text" for name in columns)
    rows = sql(
        f"SELECT {cells} FROM events WHERE site_id = :site_id ORDER BY ts, received_at, position", site_id=site.id
    )
    return [dict(zip(columns, row, strict=True)) for row in rows]


def import_and_check_rows(world: World, sql: Callable[..., Any], folder: Path, file_format: str, *options: str) -> Path:
    """Exports the old site into the new one, and compares the rows; the file."""
    before = stored_rows(sql, world.old)
    assert len(before) == EVENTS
    assert {row["is_bot"] for row in before} == {"true", "false"}
    file = world.export(folder / "events", world.old, "--format", file_format, *options)
    bots = sum(row["is_bot"] == "true" for row in before)
    output = world.flask("import", file_format, file, "--site", "new", "--strict", "--no-wait")
    assert f"= imported {EVENTS} (of which bots {bots})\n+ unparsable 0" in output
    assert world.drain().stored == EVENTS
    assert stored_rows(sql, world.new) == before
    return file


@pytest.mark.parametrize(
    ("file_format", "zone"), [("csv", "America/St_Johns"), ("ndjson", "Pacific/Apia"), ("parquet", "Asia/Kathmandu")]
)
def test_an_export_comes_back_with_every_report(
    make_world: Callable[[str], World], now: datetime, sql: Any, tmp_path: Path, file_format: str, zone: str
) -> None:
    world = make_world(zone)
    world.send(make_events(now))
    file = import_and_check_rows(world, sql, tmp_path, file_format)
    assert [path for path, old, new in read_all_reports(world) if old != new] == []
    check_views_per_visit(world)
    # Again, and as a file of the new site: nothing is added.
    world.at(120)
    again = world.export(tmp_path / "again", world.new, "--format", file_format)
    for path in (file, again):
        world.flask("import", file_format, path, "--site", "new", "--restart", "--no-wait")
    result = world.drain()
    assert (result.stored, result.duplicate) == (0, 2 * EVENTS)


def check_views_per_visit(world: World) -> None:
    """All visits lie in the period, so their views are its page views, in sum and by day."""
    for bots in ("false", "true"):
        query = f"site={world.new.key}&days=7&include_bots={bots}"
        summary = world.get(f"/api/analytics/reports/summary?{query}")
        assert summary["views_per_visit"] == pytest.approx(summary["page_views"] / summary["visits"], abs=1e-4)
        series = world.get(f"/api/analytics/reports/timeseries?{query}")["series"]
        for name in ("page_views", "visits", "events"):
            assert sum(point[name] for point in series) == summary[name]


@pytest.mark.parametrize(
    ("file_format", "compression", "zone"),
    [
        ("csv", "gzip", "Asia/Kathmandu"), ("csv", "zstd", "UTC"),
        ("ndjson", "gzip", "Australia/Lord_Howe"), ("ndjson", "zstd", "Europe/Berlin"),
    ],
)  # fmt: skip
def test_a_compressed_export_comes_back(
    make_world: Callable[[str], World], now: datetime, sql: Any, tmp_path: Path,
    file_format: str, compression: str, zone: str,
) -> None:  # fmt: skip
    world = make_world(zone)
    world.send(make_events(now))
    import_and_check_rows(world, sql, tmp_path, file_format, "--compression", compression)


def test_the_csv_of_the_direct_download_comes_back(
    make_world: Callable[[str], World], now: datetime, sql: Any, tmp_path: Path
) -> None:
    world = make_world("Asia/Kathmandu")
    world.send(make_events(now))
    reply = world.client.get("/api/analytics/reports/events?site=old&format=csv&days=7", headers=world.headers)
    (tmp_path / "events.csv").write_bytes(reply.data)
    world.flask("import", "csv", tmp_path / "events.csv", "--site", "new", "--strict", "--no-wait")
    world.drain()
    assert stored_rows(sql, world.new) == stored_rows(sql, world.old)


# Route → the queries with which both sites are compared; {day}: a day with events, {link}: a short code.
PERIODS = ("days=7", "days=7&include_bots=true", "date={day}", "hours=30")
FILTERED_BREAKDOWNS = (
    "days=7&dimension=path&filter=browser==Firefox",
    "days=7&dimension=source&filter=payload.step==1",
)
GOAL = "type=order&property=total"
QUERIES: dict[str, tuple[str, ...]] = {
    "/analytics/global": ("", "days=7&include_bots=true"),
    "/analytics/stats/<path:short_code>": ("", "days=7&include_bots=true"),
    "/api/analytics/goals/<uuid:goal_id>/report": ("days=7", "days=7&dimension=country"),
    "/api/analytics/goals/<uuid:goal_id>/retention": ("days=7&unit=day",),
    "/api/analytics/reports/breakdown": tuple(
        f"{period}&dimension={dimension}&limit=100" for dimension in BREAKDOWN_DIMENSIONS for period in PERIODS[:2]
    )
    + FILTERED_BREAKDOWNS,
    "/api/analytics/reports/dau": ("date={day}", "date={day}&include_bots=true", "date={day}&type=click"),
    "/api/analytics/reports/event-types": (
        "days=7",
        "days=7&compare=previous&include_bots=true",
        "days=7&granularity=week",
    ),
    "/api/analytics/reports/experiment": ("days=7&exposure_type=seen&variant=payload.variant&goal=order",),
    "/api/analytics/reports/goal": (
        f"days=7&{GOAL}",
        f"days=7&{GOAL}&dimension=browser",
        f"days=7&{GOAL}&granularity=day",
    ),
    "/api/analytics/reports/goals": ("days=7", "days=7&compare=previous"),
    "/api/analytics/reports/properties": ("days=7", "days=7&type=click"),
    "/api/analytics/reports/journeys": ("days=7&from_page=/&steps=3", "days=7&to_page=/&include_bots=true"),
    "/api/analytics/reports/lifecycle": ("days=7&granularity=day", "days=7&granularity=week&include_bots=true"),
    "/api/analytics/reports/mau": ("date={day}",),
    "/api/analytics/reports/metrics": ("days=7",),
    "/api/analytics/reports/overview": PERIODS[:3],
    "/api/analytics/reports/realtime": ("", "include_bots=true"),
    "/api/analytics/reports/retention": ("days=7&unit=day", "days=7&unit=week", "days=7&unit=day&include_bots=true"),
    "/api/analytics/reports/stickiness": ("days=7", "days=7&include_bots=true"),
    "/api/analytics/reports/summary": (
        *PERIODS,
        "days=7&filter=source==Google",
        "days=7&filter=path==/&include_bots=true",
    ),
    "/api/analytics/reports/timeseries": (*PERIODS, "days=3&granularity=hour", "days=7&filter=utm_source==(other)"),
    "/api/analytics/reports/wau": ("date={day}", "date={day}&window=calendar"),
    "/api/v1/analytics/custom-events/<website_id>": ("days=7",),
    "/api/v1/analytics/daily-stats/<website_id>": ("days=7",),
    "/api/v1/analytics/dashboard/<website_id>": ("days=7",),
    "/api/v1/analytics/hourly-stats/<website_id>": ("",),
    "/api/v1/analytics/realtime/<website_id>": ("",),
    "/api/v1/analytics/top-browsers/<website_id>": ("days=7",),
    "/api/v1/analytics/top-countries/<website_id>": ("days=7",),
    "/api/v1/analytics/top-devices/<website_id>": ("days=7",),
    "/api/v1/analytics/top-os/<website_id>": ("days=7",),
    "/api/v1/analytics/top-pages/<website_id>": ("days=7",),
    "/api/v1/analytics/top-referrers/<website_id>": ("days=7",),
    "/api/v1/analytics/traffic-summary/<website_id>": ("days=7",),
    "/api/v1/funnels/<uuid:funnel_id>/analytics": ("days=7",),
    "/api/v1/funnels/<uuid:funnel_id>/analytics/detailed": ("days=7",),
    "/dashboard": ("",),
    "/events": ("limit=100", "limit=100&event_name=order"),
    "/stats": ("", "date={day}"),
}
# Routes of these packages that are no report on events.
OTHER_ROUTES = {
    "/api/analytics/me": "the caller",
    "/api/analytics/reports/overview/sites": "all sites at once; its figures are those of the overview",
    "/api/analytics/reports/events": "the export itself",
    "/api/analytics/reports/live": "an endless stream of new events",
    "/api/analytics/goals": "definitions", "/api/analytics/goals/<uuid:goal_id>": "definitions",
    "/api/analytics/segments": "definitions", "/api/analytics/segments/<uuid:segment_id>": "definitions",
    "/api/analytics/notes": "definitions", "/api/analytics/notes/<uuid:note_id>": "definitions",
    "/api/v1/funnels/": "definitions", "/api/v1/funnels/<uuid:funnel_id>": "definitions",
    "/metrics": "samples are another export", "/metrics/<path:name>": "samples are another export",
}  # fmt: skip
REPORT_PACKAGES = ("analytics.reports.", "analytics.insights.", "analytics.funnels.")
# What may differ: when a report was made; a cursor, which holds a time of receipt; an example of a type's payloads, which
# is that of the first row that is found.
OWN_FIELDS = ("meta", "next_cursor", "sample_properties")
FUNNEL = {
    "name": "f",
    "steps": [
        {"id": "a", "name": "view", "type": "event", "condition": {"event": "page_view"}, "order": 1},
        {"id": "b", "name": "order", "type": "event", "condition": {"event": "order"}, "order": 2},
    ],
}


def test_every_report_is_compared(app: Flask) -> None:
    routes = {
        str(rule) for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and app.view_functions[rule.endpoint].__module__.startswith(REPORT_PACKAGES)
    }  # fmt: skip
    assert routes == QUERIES.keys() | OTHER_ROUTES.keys()


def read_all_reports(world: World) -> Iterator[tuple[str, Any, Any]]:
    """(path, response of the old site, of the new one) of every report."""
    for site in (world.old, world.new):
        close_site(world.engine, site.id, clock.now(), IMMEDIATE)
    old, new = (_define(world, site) for site in (world.old, world.new))
    for route, queries in QUERIES.items():
        for query in queries:
            yield (
                f"{route}?{query}",
                _read(world, world.old, old, route, query),
                _read(world, world.new, new, route, query),
            )
    path, body = "/api/analytics/reports/funnel?days=7&breakdown=browser&site=", {"steps": FUNNEL["steps"]}
    reports = [world.post(path + site.key, body, 200) for site in (world.old, world.new)]
    yield path, *(_without_own(report) for report in reports)


def _define(world: World, site: Site) -> dict[str, str]:
    goal = {"name": "g", "type": "order", "value": {"property": "total"}}
    return {
        "<uuid:goal_id>": world.post(f"/api/analytics/goals?site={site.key}", goal, 201)["id"],
        "<uuid:funnel_id>": world.post("/api/v1/funnels/", FUNNEL | {"website_id": site.key}, 201)["data"]["id"],
        "<path:short_code>": quote("ünï/2"),
        "<website_id>": site.key,
    }


def _read(world: World, site: Site, names: dict[str, str], route: str, query: str) -> Any:
    path = route
    for name, value in names.items():
        path = path.replace(name, value)
    site_query = "" if "<website_id>" in route else f"site={site.key}&"
    day = (clock.now() - timedelta(days=1)).date()
    report = json.dumps(_without_own(world.get(f"{path}?{site_query}{query.replace('{day}', str(day))}")))
    for name, value in names.items():
        # The ids of definitions.
        report = report.replace(value, name) if "uuid" in name else report
    return json.loads(report)


def _without_own(report: Any) -> Any:
    if isinstance(report, list):
        return [_without_own(item) for item in report]
    if isinstance(report, dict):
        return {name: _without_own(value) for name, value in report.items() if name not in OWN_FIELDS}
    return "(site)" if report in ("old", "new") else report

"""The seeds' SQL as they print it, on our tables and views (0.D, 0.T1, 0.T2, 1.T1), beside the figures of the API."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from typing import Any

import psycopg2
import pytest
from flask.testing import FlaskClient
from pyroaring import BitMap64
from sqlalchemy import Engine

from analytics.rollups import bitmaps
from analytics.rollups.closing.days import close_site
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.closing.unions import build_site_unions
from analytics.rollups.merge import merge_all
from analytics.sites.names import rename_site
from analytics.sites.sites import create_site, find_site

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
RECENT = """
SELECT short_code, ip_address, timestamp, referer
FROM click_events
ORDER BY timestamp DESC
LIMIT 10;
"""
TOP = """
SELECT short_code, COUNT(*) as clicks, COUNT(DISTINCT ip_address) as unique_clicks
FROM click_events
GROUP BY short_code
ORDER BY clicks DESC
LIMIT 10;
"""
BY_COUNTRY = """
SELECT country, COUNT(*) as clicks
FROM click_events
WHERE country IS NOT NULL
GROUP BY country
ORDER BY clicks DESC;
"""
DAILY = """
SELECT DATE(timestamp) as date, COUNT(*) as clicks
FROM click_events
WHERE timestamp >= NOW() - INTERVAL '7 days'
GROUP BY DATE(timestamp)
ORDER BY date;
"""
SIZES = """
SELECT tablename, pg_size_pretty(pg_total_relation_size(tablename::text)) FROM pg_tables WHERE schemaname = 'public';
"""
DELETES = [
    "DELETE FROM click_events WHERE timestamp < NOW() - INTERVAL '365 days';",
    "DELETE FROM click_events WHERE short_code LIKE 'test%' AND timestamp < NOW() - INTERVAL '7 days';",
]
Rows = list[tuple[Any, ...]]


@pytest.fixture
def clicks(local: FlaskClient, drained: Callable[[], object], engine: Engine) -> list[dict[str, Any]]:
    """Stored clicks of two short codes in eight days, and one of a robot. No address clicks on two days."""
    sent = post_clicks(local)
    drained()
    merge_all(engine, 30.0)
    return sent


def post_clicks(local: FlaskClient) -> list[dict[str, Any]]:
    now, sent = datetime.now(UTC), []
    for n in range(40):
        more = {"country": "US"} if n % 3 else {"country": "DE", "city": "Köln", "referer": "https://www.google.com/s"}
        at = now - timedelta(days=n % 8, seconds=n)
        click = {"short_code": "abc123" if n % 4 else "ünï/2", "ip_address": f"192.0.2.{n % 8}", "user_agent": CHROME}
        sent.append(click | more | {"timestamp": at.isoformat()})
    for click in [*sent, sent[0] | {"user_agent": GOOGLEBOT}]:
        assert local.post("/analytics/events/", json=click).status_code == 202
    return sent


@pytest.fixture
def query(engine: Engine) -> Iterator[Callable[[str], Rows]]:
    """`query(sql)`: the rows of a statement as printed, as psql sends it, in a session in UTC."""
    with closing(psycopg2.connect(engine.url.set(drivername="postgresql").render_as_string(False))) as connection:
        connection.autocommit = True

        def run(statement: str) -> Rows:
            with connection.cursor() as cursor:
                cursor.execute("SET TIME ZONE 'UTC'")
                cursor.execute(statement)
                return list(cursor) if cursor.description else [(notice,) for notice in connection.notices]

        yield run


def test_0_d_the_number_of_clicks(clicks: Any, local: FlaskClient, query: Callable[[str], Rows]) -> None:
    total = local.get("/analytics/global").json["total_clicks"]
    assert query("SELECT COUNT(*) FROM click_events;") == [(40,)] == [(total,)]


def test_0_d_recent_clicks(clicks: list[dict[str, Any]], query: Callable[[str], Rows]) -> None:
    newest = sorted(clicks, key=lambda click: click["timestamp"], reverse=True)[:10]
    expected = [
        (click["short_code"], click["ip_address"], datetime.fromisoformat(click["timestamp"]), click.get("referer"))
        for click in newest
    ]
    found = query(RECENT)
    assert found == expected
    rows = query("SELECT * FROM click_events ORDER BY timestamp DESC LIMIT 5;")
    assert [row[7] for row in rows] == [row[2] for row in found[:5]]


def test_0_d_top_links(clicks: Any, local: FlaskClient, query: Callable[[str], Rows]) -> None:
    found = query(TOP)
    links = local.get("/analytics/global").json["top_urls"]
    assert [{"short_code": code, "clicks": count} for code, count, _ in found] == links
    for code, count, users in found:
        stats = local.get(f"/analytics/stats/{code}").json
        assert (stats["total_clicks"], stats["unique_clicks"]) == (count, users)
    assert found == [("abc123", 30, 6), ("ünï/2", 10, 2)]


def test_0_d_an_address_is_one_unique_click_on_any_day_and_with_any_agent(
    local: FlaskClient, drained: Callable[[], object], query: Callable[[str], Rows]
) -> None:
    for day, agent in ((0, CHROME), (1, CHROME), (2, CHROME.replace("Chrome/140", "Chrome/139"))):
        at = (datetime.now(UTC) - timedelta(days=day)).isoformat()
        click = {"short_code": "abc123", "ip_address": "192.0.2.1", "user_agent": agent, "timestamp": at}
        assert local.post("/analytics/events/", json=click).status_code == 202
    drained()
    stats = local.get("/analytics/stats/abc123").json
    assert query(TOP) == [("abc123", 3, 1)] == [("abc123", stats["total_clicks"], stats["unique_clicks"])]


def test_0_d_clicks_by_country(clicks: Any, local: FlaskClient, query: Callable[[str], Rows]) -> None:
    found = query(BY_COUNTRY)
    listed = local.get("/api/analytics/reports/breakdown?site=links&type=click&dimension=country&days=30").json
    counts = [(row["value"], row["events"]) for row in listed["rows"]]
    assert found == counts == [("US", 26), ("DE", 14)]


def test_0_d_daily_trend(clicks: Any, local: FlaskClient, query: Callable[[str], Rows]) -> None:
    timelines = [local.get(f"/analytics/stats/{code}").json["click_timeline"] for code in ("abc123", "ünï/2")]
    days: dict[str, int] = {}
    for point in timelines[0] + timelines[1]:
        days[point["date"]] = days.get(point["date"], 0) + point["clicks"]
    found = query(DAILY)
    assert len(found) in (7, 8)
    # The first of the days is a part of one: the query counts from this time of day.
    assert [(str(day), count) for day, count in found[1:]] == sorted(days.items())[-len(found) + 1 :]


def test_0_d_sizes_of_tables(query: Callable[[str], Rows]) -> None:
    sizes = dict(query(SIZES))
    assert {"events", "rollups"} <= sizes.keys()


@pytest.mark.parametrize("view", ["click_events", "analytics_reports"])
def test_0_d_analyze_runs_and_skips_the_view(query: Callable[[str], Rows], view: str) -> None:
    assert query(f"ANALYZE {view};")[-1][0].startswith(f'WARNING:  skipping "{view}"')


@pytest.mark.parametrize(
    "statement",
    [
        *DELETES,
        "DELETE FROM click_events",
        "UPDATE click_events SET country = 'DE'",
        "INSERT INTO click_events (short_code, ip_address) VALUES ('a', '192.0.2.1')",
        "DELETE FROM analytics_reports WHERE total_clicks = 0",
        "UPDATE analytics_reports SET total_clicks = 1",
        "INSERT INTO analytics_reports (short_code) VALUES ('a')",
    ],
)
def test_0_d_changes_are_refused_with_what_to_do(clicks: Any, query: Callable[[str], Rows], statement: str) -> None:
    with pytest.raises(
        psycopg2.Error, match=r"is a read-only view: .* is refused\s+HINT:  Clicks arrive by POST /analyti"
    ):
        query(statement)
    assert query("SELECT COUNT(*) FROM click_events;") == [(40,)]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Apia", "America/St_Johns"])
def test_0_t2_daily_reports_are_those_of_the_api(
    engine: Engine, local: FlaskClient, drained: Callable[[], object], query: Callable[[str], Rows], zone: str
) -> None:
    with engine.begin() as connection:
        create_site(connection, "links", zone=zone)
    post_clicks(local)
    drained()
    merge_all(engine, 30.0)
    rows = query(
        f"SELECT short_code, CAST(report_date AT TIME ZONE '{zone}' AS timestamp), total_clicks, unique_clicks,"
        " top_countries, top_referers, report_type FROM analytics_reports"
    )
    assert sum(row[2] for row in rows) == 40
    for code, midnight, total, users, countries, referers, report_type in rows:
        assert (midnight.time(), report_type) == (time(), "daily")
        stats = local.get(f"/analytics/stats/{code}?date={midnight.date()}").json
        assert (stats["total_clicks"], stats["unique_clicks"]) == (total, users)
        assert (stats["top_countries"], stats["top_referers"]) == (json.loads(countries), json.loads(referers))


def test_0_t2_closed_weeks_and_months_have_reports(
    local: FlaskClient, drained: Callable[[], object], engine: Engine, query: Callable[[str], Rows]
) -> None:
    """Two people in March, one of them in the first week; a person of one day counts once in its longer spans."""
    for at, user in (("02T01", "ann"), ("02T02", "ann"), ("08T23", "ann"), ("31T12", "bob")):
        click = {
            "short_code": "abc123",
            "ip_address": "192.0.2.1",
            "user_id": user,
            "timestamp": f"2026-03-{at}:00:00Z",
        }
        assert local.post("/analytics/events/", json=click).status_code == 202
    drained()
    site_id = find_site(engine, "links").id
    close_site(engine, site_id, datetime.now(UTC), IMMEDIATE)
    build_site_unions(engine, site_id)
    rows = query(
        "SELECT report_type, CAST(report_date AS date)::text, total_clicks, unique_clicks FROM analytics_reports"
        " WHERE report_type <> 'daily' ORDER BY report_type, report_date"
    )
    assert rows == [
        ("monthly", "2026-03-01", 4, 2), ("weekly", "2026-03-02", 3, 1), ("weekly", "2026-03-30", 1, 1),
    ]  # fmt: skip


def test_the_views_follow_a_renamed_site(
    clicks: Any, local: FlaskClient, engine: Engine, query: Callable[[str], Rows]
) -> None:
    with engine.begin() as connection:
        rename_site(connection, "links", "short-links")
    assert query("SELECT COUNT(*), COUNT(DISTINCT visitor) FROM click_events;") == [(40, 8)]
    assert query("SELECT sum(total_clicks) FROM analytics_reports") == [(40,)]


def test_visitors_are_counted_after_their_addresses_are_masked(
    clicks: Any, local: FlaskClient, sql: Callable[..., Any], query: Callable[[str], Rows]
) -> None:
    sql("UPDATE events SET ip = '192.0.2.0' RETURNING 1")
    users = local.get("/analytics/global").json["unique_visitors"]
    counted = query("SELECT COUNT(DISTINCT ip_address), COUNT(DISTINCT visitor) FROM click_events;")
    assert (counted, users) == ([(1, 8)], 8)


def random_sets() -> list[BitMap64]:
    """Sets of each kind of container: lists, bits and runs, in one part and in several."""
    chance = random.Random(7)
    sparse, dense = range(0, 2**22, 997), chance.sample(range(2**18), 60_000)
    sets = [[], [0], [2**32 - 1], [2**32], range(5), range(1000, 9000), range(70_000, 400_000), sparse, dense]
    sets += [[*dense, *range(2**20, 2**21)], [*sparse, *range(2**33, 2**33 + 5000), 2**40], range(2**16 * 3)]
    return [BitMap64(numbers) for numbers in sets]


@pytest.mark.parametrize("users", random_sets(), ids=lambda users: f"{len(users)} users")
def test_sql_counts_the_users_of_a_stored_set(sql: Callable[..., Any], users: BitMap64) -> None:
    for stored in (bitmaps.encode(users), users.serialize()):
        assert sql("SELECT count_bitmap_users(:stored)", stored=stored) == [(len(users),)]


def test_1_t1_the_dau_of_the_seeds_query(
    local: FlaskClient, drained: Callable[[], object], query: Callable[[str], Rows]
) -> None:
    """Seed 001's `db.query(Event.user_id).filter(Event.ts >= today).distinct().count()`, as SQLAlchemy sends it."""
    now = datetime.now(UTC)
    events = [
        {"ts": (now - timedelta(days=day)).isoformat(), "user_id": user, "type": "page_view", "src": "web_app"}
        for day, user in ((0, "user-1"), (0, "user-1"), (0, "user-2"), (1, "user-3"))
    ]
    assert local.post("/api/analytics/ingest", json=events).status_code == 202
    drained()
    today = f"{now:%Y-%m-%d}"
    dau = local.get(f"/api/analytics/reports/dau?date={today}").json["dau"]
    distinct = f"SELECT DISTINCT events.user_id AS events_user_id FROM events WHERE events.ts >= '{today}'"
    assert query(f"SELECT count(*) AS count_1 FROM ({distinct}) AS anon_1") == [(2,)] == [(dau,)]

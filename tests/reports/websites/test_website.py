"""Seed 004's reports: by hand over one small week, and against a slow count over the stored events."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.reports.continents import continent_of
from analytics.rollups.compaction import compact_site
from analytics.rollups.merge import merge_site
from analytics.sites import Site, create_site
from tests.reports.slow import BOT, ZONES, slow_day

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 19, 12, 30, tzinfo=UTC)
Get = Callable[..., Any]


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Get:
    """`get("top-pages", "days=3", site="default")`: the answer's JSON."""
    headers = auth(token("read"))

    def ask(name: str, query: str = "", site: str = "default", status: int = 200) -> Any:
        response = client.get(f"/api/v1/analytics/{name}/{site}?{query}", headers=headers)
        assert response.status_code == status, response.json
        return response.json

    return ask


def view(at: str, user: str, path: str = "/", **more: Any) -> dict[str, Any]:
    return {"type": "page_view", "user_id": user, "ts": f"2026-03-{at}:00Z", "path": path, **more}


# Four visits since the 13th: ann's of two views in 60 s; bob's, ann's second and cyd's of one each. Before them, two.
WEEK = [
    view("05T09:00", "dan", "/old"), view("10T09:00", "ann"),
    view("17T09:00", "ann", "/?utm_source=mail", country="DE", referrer="https://www.google.com/search?q=1"),
    view("17T09:01", "ann", "/buy", country="DE"),
    view("17T10:00", "bob", "/", country="FR"),
    view("18T09:00", "ann", "/", country="DE"),
    view("19T12:10", "cyd", "/buy", country="US"), view("19T12:11", "bot", "/buy", user_agent=BOT),
    view("18T09:00", "ann", type="signup", payload={"plan": "pro", "card": {"kind": "visa"}}),
    view("19T12:29", "eve", type="signup", payload={"plan": "free"}),
    view("19T12:28", "ann", type="signup"),
]  # fmt: skip


@pytest.fixture
def week(at_noon: None, store: Any, engine: Engine, site: Site) -> None:
    store(WEEK)
    merge_site(engine, site.id)


def test_the_dashboard_by_hand(week: None, get: Get) -> None:
    found = get("dashboard")
    assert found["metrics"] == {
        "page_views": 5, "total_visitors": 4, "unique_visitors": 3, "sessions": 4, "bounce_rate": 75.0,
        "avg_session_time": 15.0, "pages_per_session": 1.25,
    }  # fmt: skip
    assert found["comparison"]["previous_period"]["page_views"] == 1
    assert (found["comparison"]["pageview_change"], found["comparison"]["bounce_change"]) == (400.0, -25.0)
    assert (found["date_range"], found["website_id"], found["live_visitors"]) == ("7 days", "default", 2)
    places = {
        name: [(line["name"], line["count"], line["percentage"]) for line in found["geolocation"][name]]
        for name in ("countries", "continents")
    }
    assert places["countries"] == [("DE", 1, 33.33), ("FR", 1, 33.33), ("US", 1, 33.33)]
    assert places["continents"] == [("Europe", 2, 66.67), ("North America", 1, 33.33)]
    assert found["top_sources"][0] == {"source": "Direct", "views": 4, "unique_visitors": 3, "bounce_rate": 100.0}


def test_pages_say_where_visits_begin_and_end(week: None, get: Get) -> None:
    assert get("top-pages")["top_pages"] == [
        {
            "page": "/",
            "views": 3,
            "unique": 2,
            "bounce_rate": 66.67,
            "avg_time": 20,
            "entry_rate": 100.0,
            "exit_rate": 66.67,
        },
        {
            "page": "/buy",
            "views": 2,
            "unique": 2,
            "bounce_rate": 100.0,
            "avg_time": 0,
            "entry_rate": 50.0,
            "exit_rate": 100.0,
        },
    ]
    assert [line["page"] for line in get("top-pages", "limit=1")["top_pages"]] == ["/"]


def test_lists_say_what_is_not_known(week: None, get: Get) -> None:
    assert get("top-referrers")["top_referrers"] == [
        {"referrer": "Direct", "views": 4, "unique": 3, "bounce_rate": 100.0},
        {"referrer": "https://www.google.com/search", "views": 1, "unique": 1, "bounce_rate": 0.0},
    ]
    line = {"views": 3, "unique": 1, "visitors": 1, "bounce_rate": 50.0}
    assert get("top-countries")["top_countries"][0] == {"country": "DE", **line}
    whole = {"views": 5, "unique": 3, "visitors": 3, "bounce_rate": 75.0}
    for name, field in (("browsers", "browser"), ("devices", "device"), ("os", "os")):
        [line] = get(f"top-{name}")[f"top_{name}"]
        assert line == {field: line[field], **whole}


def test_the_traffic_summary_by_hand(week: None, get: Get) -> None:
    found = get("traffic-summary")
    assert (found["new_visitors"], found["returning_visitors"], found["retention_rate"]) == (2, 1, 100.0)
    assert (found["growth_rate"], found["visitors_growth_rate"], found["sessions_growth_rate"]) == (400.0, 200.0, 300.0)
    assert (found["engagement_score"], found["total_sessions"], found["total_visitors"]) == (25.0, 4, 4)
    assert get("traffic-summary", "date=2026-03-01")["growth_rate"] is None


def test_days_have_no_gaps(week: None, get: Get) -> None:
    days = get("daily-stats")["daily_stats"]
    assert [(line["date"][-2:], line["views"], line["unique"]) for line in days] == [
        ("13", 0, 0), ("14", 0, 0), ("15", 0, 0), ("16", 0, 0), ("17", 3, 2), ("18", 1, 1), ("19", 1, 1),
    ]  # fmt: skip
    assert get("daily-stats", "include_bots=true&days=1")["daily_stats"][0]["views"] == 2


def test_hours_are_the_last_24_as_the_zone_shows_them(week: None, get: Get) -> None:
    found = get("hourly-stats", "timezone=Asia/Kathmandu")
    lines = found["hourly_stats"]
    assert (found["timezone"], found["date_range"], len(lines)) == ("Asia/Kathmandu", "24 hours", 24)
    assert lines[0]["timestamp"] == "2026-03-18T13:00:00Z"
    assert lines[-1] == {
        "hour": 17,
        "views": 1,
        "unique": 1,
        "timestamp": "2026-03-19T12:00:00Z",
        "hour_label": "17:45",
    }
    assert [line["views"] for line in lines[:-1]] == [0] * 23


@pytest.mark.parametrize(
    ("query", "count"), [("hours=3", 3), ("date=2026-03-18", 24), ("date=2026-03-19", 13), ("hours=48", 48)]
)
def test_hours_take_every_period(week: None, get: Get, query: str, count: int) -> None:
    assert len(get("hourly-stats", query)["hourly_stats"]) == count


@pytest.mark.parametrize("query", ["hours=745", "days=40", "timezone=Nowhere", "limit=0", "date=2026-03-18&hours=1"])
def test_what_hours_cannot_answer_is_refused(week: None, get: Get, query: str) -> None:
    assert get("hourly-stats", query, status=400)["errors"]


def test_custom_events_by_hand(week: None, get: Get) -> None:
    found = get("custom-events", "days=3")
    assert found["top_events"] == [
        {
            "event_type": "signup",
            "count": 3,
            "unique": 2,
            "last_day": "2026-03-19",
            "sample_properties": {"plan": "free"},
        }
    ]
    assert found["timeseries"] == [
        {"date": "2026-03-17", "count": 0}, {"date": "2026-03-18", "count": 1}, {"date": "2026-03-19", "count": 2},
    ]  # fmt: skip
    assert (found["total_events"], found["unique_events"]) == (3, 1)
    assert found["utm_performance"] == {
        "sources": [{"name": "mail", "views": 1, "unique": 1, "visits": 1, "bounce_rate": 0.0}], "mediums": [], "campaigns": [],
    }  # fmt: skip


def test_payloads_are_broken_down_by_a_property(week: None, get: Get) -> None:
    values = get("custom-events", "event=signup&property=plan")["properties"]["values"]
    assert {line["value"]: (line["count"], line["unique"]) for line in values} == {
        "pro": (1, 1), "free": (1, 1), None: (1, 1),
    }  # fmt: skip
    nested = get("custom-events", "event=signup&property=card.kind&limit=1")["properties"]["values"]
    assert nested == [{"value": None, "count": 2, "unique": 2}]
    assert get("custom-events", "event=other")["top_events"] == []


def test_payloads_that_may_be_gone_are_not_counted(week: None, get: Get, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-15T00:00:00Z' RETURNING 1")
    assert get("custom-events", "event=signup&property=plan", status=400)["errors"][0]["field"] == "property"
    assert get("custom-events", "event=signup&property=plan&days=3")["properties"]["values"]
    assert get("custom-events", "property=plan", status=400)["errors"][0]["field"] == "property"


def test_open_statistics_show_no_payloads(
    at_noon: None, engine: Engine, store: Any, client: FlaskClient, make_app: Callable[..., Any]
) -> None:
    with engine.begin() as connection:
        there = create_site(connection, "open", public_stats=True)
    store(WEEK, site_id=there.id)
    path = "/api/v1/analytics/custom-events/open"
    assert client.get(path).json["top_events"][0]["sample_properties"] == {}
    assert client.get(f"{path}?event=signup&property=plan").status_code == 403
    reader = make_app(anonymous_scopes=("read",)).test_client()
    assert reader.get(path).json["top_events"][0]["sample_properties"] == {"plan": "free"}


def test_closed_days_come_from_the_cache(week: None, get: Get) -> None:
    assert "cached" not in get("top-pages", "date=2026-03-17")["meta"]
    assert get("top-pages", "date=2026-03-17")["meta"]["cached"] is True
    assert "cached" not in get("top-pages", "limit=3&date=2026-03-17")["meta"]
    assert "cached" not in get("top-pages", "days=1")["meta"]


def test_a_token_reads_its_own_website_only(site: Site, client: FlaskClient, token: Any, auth: Any) -> None:
    for name in ("dashboard", "top-pages", "custom-events", "hourly-stats"):
        path = f"/api/v1/analytics/{name}/default"
        assert client.get(path, headers=auth(token("read", site="other"))).status_code == 403
        assert client.get(path).status_code == 401
        assert client.get(path.replace("default", "nowhere"), headers=auth(token("read"))).status_code == 404


@pytest.mark.parametrize(("country", "continent"), [
    ("DE", "Europe"), ("us", "North America"), ("BR", "South America"), ("JP", "Asia"), ("NZ", "Oceania"),
    ("AQ", "Antarctica"), ("NG", "Africa"), ("UK", "Europe"), ("T1", None), ("", None),
])  # fmt: skip
def test_countries_have_a_continent(country: str, continent: str | None) -> None:
    assert continent_of(country) == continent


SEEN = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.integers(0, 20 * 86_400 - 1), st.booleans(), st.sampled_from(["page_view", "page_view", "buy"]),
        st.sampled_from(["/", "/a", "/b"]), st.sampled_from(["", "DE", "FR", "US"]),
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seen=SEEN,
    late=SEEN,
    zone=st.sampled_from(ZONES),
    start=st.sampled_from([datetime(2010, 10, 25), datetime(2026, 3, 20)]),
)
def test_a_website_is_that_of_a_slow_count(
    app: Any, engine: Engine, store: Any, get: Get, sql: Any, seen: Any, late: Any, zone: str, start: datetime
) -> None:
    begin = start.replace(tzinfo=UTC)
    with engine.begin() as connection:
        there = create_site(connection, f"s{time.monotonic_ns()}", zone=zone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: begin + timedelta(days=19, hours=13, minutes=20))
        for events in (seen, late):
            store(
                [
                    {
                        "user_id": user,
                        "type": kind,
                        "ts": (begin + timedelta(seconds=after)).isoformat(),
                        "path": path,
                        "country": country,
                    }
                    | ({"user_agent": BOT} if bot else {})
                    for user, after, bot, kind, path, country in events
                ],
                site_id=there.id,
            )
            for _ in ("while they wait", "merged", "united"):
                app.extensions["cache_redis"].flushdb()
                check(get, Slow(sql, there, zone, clock.now()), there.key)
                merge_site(engine, there.id)
                compact_site(engine, there.id)
            check_visits(get, Slow(sql, there, zone, clock.now()), there.key)


class Slow:
    """Events of a site by local day, counted one by one."""

    def __init__(self, sql: Any, site: Site, zone: str, now: datetime) -> None:
        query = "SELECT ts, user_no, type, path, country FROM events WHERE site_id = :id AND NOT is_bot ORDER BY ts"
        self.zone, self.now, self.today = ZoneInfo(zone), now, slow_day(now, ZoneInfo(zone))
        self.rows = [(slow_day(row[0], self.zone), *row) for row in sql(query, id=site.id)]

    def views(self, first: date, last: date) -> list[Any]:
        return [row for row in self.rows if first <= row[0] <= last and row[3] == "page_view"]

    def visits(self, first: date, last: date) -> list[list[Any]]:
        """Runs of one user's views without a gap of more than 30 minutes, that begin in the days."""
        runs: list[list[Any]] = []
        for user in {row[2] for row in self.rows}:
            run: list[Any] = []
            for row in self.rows:
                if row[2] == user and row[3] == "page_view":
                    if run and row[1] - run[-1][1] > timedelta(minutes=30):
                        runs.append(run)
                        run = []
                    run.append(row)
            runs += [run] if run else []
        return [run for run in runs if first <= run[0][0] <= last]


def check(get: Get, slow: Slow, key: str) -> None:
    first = slow.today - 6 * DAY
    views = slow.views(first, slow.today)
    pages, people = Counter(row[4] for row in views), defaultdict(set)
    for row in views:
        people[row[4]].add(row[2])
    found = get("top-pages", site=key)["top_pages"]
    assert {line["page"]: (line["views"], line["unique"]) for line in found} == {
        page: (n, len(people[page])) for page, n in pages.items()
    }
    for line in get("daily-stats", site=key)["daily_stats"]:
        mine = [row for row in views if str(row[0]) == line["date"]]
        assert (line["views"], line["unique"]) == (len(mine), len({row[2] for row in mine}))
    check_people(get, slow, key, views, first)
    custom = [row for row in slow.rows if first <= row[0] <= slow.today and row[3] == "buy"]
    found = get("custom-events", site=key)
    assert found["total_events"] == len(custom)
    assert [line["unique"] for line in found["top_events"]] == ([len({row[2] for row in custom})] if custom else [])
    check_hours(get, slow, key)


def check_people(get: Get, slow: Slow, key: str, views: list[Any], first: date) -> None:
    now = {row[2] for row in views}
    before, ever = ({row[2] for row in slow.views(since, first - DAY)} for since in (first - 7 * DAY, date.min))
    found = get("traffic-summary", site=key)
    assert (found["unique_visitors"], found["new_visitors"]) == (len(now), len(now - ever))
    assert found["retention_rate"] == (round(100 * len(now & before) / len(before), 2) if before else None)
    where = get("dashboard", site=key)["geolocation"]["continents"]
    continents = defaultdict(set)
    for row in views:
        continents[{"DE": "Europe", "FR": "Europe", "US": "North America"}.get(row[5], "Unknown")].add(row[2])
    assert {line["name"]: line["count"] for line in where} == {name: len(users) for name, users in continents.items()}


def check_hours(get: Get, slow: Slow, key: str) -> None:
    lines = get("hourly-stats", "hours=40", site=key)["hourly_stats"]
    starts = [datetime.fromisoformat(line["timestamp"]) for line in lines] + [slow.now]
    views = slow.views(date.min, date.max)
    for line, start, end in zip(lines, starts, starts[1:], strict=False):
        mine = [row for row in views if start <= row[1] < end]
        # What comes later in the hour that runs counts in it too.
        if end < slow.now:
            assert (line["views"], line["unique"]) == (len(mine), len({row[2] for row in mine}))
        local = start.astimezone(slow.zone)
        assert (line["hour"], line["hour_label"]) == (local.hour, f"{local:%H:%M}")


def check_visits(get: Get, slow: Slow, key: str) -> None:
    first = slow.today - 6 * DAY
    visits, views = slow.visits(first, slow.today), slow.views(first, slow.today)
    found = get("dashboard", site=key)["metrics"]
    assert found["sessions"] == len(visits)
    assert found["bounce_rate"] == (round(100 * sum(len(run) == 1 for run in visits) / len(visits), 2) if visits else 0)
    for line in get("top-pages", site=key)["top_pages"]:
        entered = [run for run in visits if run[0][4] == line["page"]]
        left = [run for run in visits if run[-1][4] == line["page"]]
        shown = sum(row[4] == line["page"] for row in views)
        assert line["entry_rate"] == round(100 * len(entered) / shown, 2)
        assert line["exit_rate"] == round(100 * len(left) / shown, 2)
        bounced = sum(len(run) == 1 for run in entered)
        assert line["bounce_rate"] == (round(100 * bounced / len(entered), 2) if entered else None)

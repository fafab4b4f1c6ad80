"""Seed 004's reports: by hand for one small week, and against a slow count over the stored events."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.reports.continents import continent_of
from analytics.rollups.closing.unions import build_site_unions
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site, create_site
from tests.factories import make_site
from tests.reports.brute_force import BOT, in_some_zones, local_day

DAY = timedelta(days=1)
Get = Callable[..., Any]


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Get:
    """`get("top-pages", "days=3", site="default")`: the JSON of the response."""
    headers = auth(token("read"))

    def read(name: str, query: str = "", site: str = "default", status: int = 200) -> Any:
        response = client.get(f"/api/v1/analytics/{name}/{site}?{query}", headers=headers)
        assert response.status_code == status, response.json
        return response.json

    return read


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
    report = get("dashboard")
    assert report["metrics"] == {
        "page_views": 5, "total_visitors": 4, "unique_visitors": 3, "sessions": 4, "bounce_rate": 75.0,
        "avg_session_time": 15.0, "pages_per_session": 1.25,
    }  # fmt: skip
    assert report["comparison"]["previous_period"]["page_views"] == 1
    assert (report["comparison"]["pageview_change"], report["comparison"]["bounce_change"]) == (400.0, -25.0)
    assert (report["date_range"], report["website_id"], report["live_visitors"]) == ("7 days", "default", 2)
    places = {
        name: [(row["name"], row["count"], row["percentage"]) for row in report["geolocation"][name]]
        for name in ("countries", "continents")
    }
    assert places["countries"] == [("DE", 1, 33.33), ("FR", 1, 33.33), ("US", 1, 33.33)]
    assert places["continents"] == [("Europe", 2, 66.67), ("North America", 1, 33.33)]
    assert report["top_sources"][0] == {
        "source": "Direct", "views": 3, "unique_visitors": 3, "visits": 3, "bounce_rate": 100.0,
    }  # fmt: skip


def test_pages_show_where_visits_begin_and_end(week: None, get: Get) -> None:
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
    assert [row["page"] for row in get("top-pages", "limit=1")["top_pages"]] == ["/"]


def test_lists_label_missing_values(week: None, get: Get) -> None:
    assert get("top-referrers")["top_referrers"] == [
        {"referrer": "Direct", "views": 3, "unique": 3, "visits": 3, "bounce_rate": 100.0},
        {"referrer": "https://www.google.com/search", "views": 2, "unique": 1, "visits": 1, "bounce_rate": 0.0},
    ]
    row = {"views": 3, "unique": 1, "visitors": 1, "visits": 2, "bounce_rate": 50.0}
    assert get("top-countries")["top_countries"][0] == {"country": "DE", **row}
    whole = {"views": 5, "unique": 3, "visitors": 3, "visits": 4, "bounce_rate": 75.0}
    for name, field in (("browsers", "browser"), ("devices", "device"), ("os", "os")):
        [row] = get(f"top-{name}")[f"top_{name}"]
        assert row == {field: row[field], **whole}


def test_the_traffic_summary_by_hand(week: None, get: Get) -> None:
    report = get("traffic-summary")
    assert (report["new_visitors"], report["returning_visitors"], report["retention_rate"]) == (2, 1, 100.0)
    assert (report["growth_rate"], report["visitors_growth_rate"], report["sessions_growth_rate"]) == (
        400.0,
        200.0,
        300.0,
    )
    assert (report["engagement_score"], report["total_sessions"], report["total_visitors"]) == (25.0, 4, 4)
    assert get("traffic-summary", "date=2026-03-01")["growth_rate"] is None


def test_days_have_no_gaps(week: None, get: Get) -> None:
    days = get("daily-stats")["daily_stats"]
    assert [(row["date"][-2:], row["views"], row["unique"]) for row in days] == [
        ("13", 0, 0), ("14", 0, 0), ("15", 0, 0), ("16", 0, 0), ("17", 3, 2), ("18", 1, 1), ("19", 1, 1),
    ]  # fmt: skip
    assert get("daily-stats", "include_bots=true&days=1")["daily_stats"][0]["views"] == 2


def test_hours_are_the_last_24_in_local_time_of_the_zone(week: None, get: Get) -> None:
    report = get("hourly-stats", "timezone=Asia/Kathmandu")
    rows = report["hourly_stats"]
    assert (report["timezone"], report["date_range"], len(rows)) == ("Asia/Kathmandu", "24 hours", 24)
    assert rows[0]["timestamp"] == "2026-03-18T13:00:00Z"
    assert rows[-1] == {
        "hour": 17,
        "views": 1,
        "unique": 1,
        "timestamp": "2026-03-19T12:00:00Z",
        "hour_label": "17:45",
    }
    assert [row["views"] for row in rows[:-1]] == [0] * 23


@pytest.mark.parametrize(
    ("query", "count"), [("hours=3", 3), ("date=2026-03-18", 24), ("date=2026-03-19", 13), ("hours=48", 48)]
)
def test_hours_accept_every_period(week: None, get: Get, query: str, count: int) -> None:
    assert len(get("hourly-stats", query)["hourly_stats"]) == count


@pytest.mark.parametrize("query", ["hours=745", "days=40", "timezone=Nowhere", "limit=0", "date=2026-03-18&hours=1"])
def test_hours_refuse_other_requests(week: None, get: Get, query: str) -> None:
    assert get("hourly-stats", query, status=400)["errors"]


def test_custom_events_by_hand(week: None, get: Get) -> None:
    report = get("custom-events", "days=3")
    assert report["top_events"] == [
        {
            "event_type": "signup",
            "count": 3,
            "unique": 2,
            "last_day": "2026-03-19",
            "sample_properties": {"plan": "free"},
        }
    ]
    assert report["timeseries"] == [
        {"date": "2026-03-17", "count": 0}, {"date": "2026-03-18", "count": 1}, {"date": "2026-03-19", "count": 2},
    ]  # fmt: skip
    assert (report["total_events"], report["unique_events"]) == (3, 1)
    assert report["utm_performance"] == {
        "sources": [{"name": "mail", "views": 2, "unique": 1, "visits": 1, "bounce_rate": 0.0}], "mediums": [], "campaigns": [],
    }  # fmt: skip


def test_payloads_are_broken_down_by_a_property(week: None, get: Get) -> None:
    values = get("custom-events", "event=signup&property=plan")["properties"]["values"]
    assert {row["value"]: (row["count"], row["unique"]) for row in values} == {
        "pro": (1, 1), "free": (1, 1), None: (1, 1),
    }  # fmt: skip
    nested = get("custom-events", "event=signup&property=card.kind&limit=1")["properties"]["values"]
    assert nested == [{"value": None, "count": 2, "unique": 2}]
    assert get("custom-events", "event=other")["top_events"] == []


def test_payloads_that_may_be_purged_are_refused(week: None, get: Get, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-15T00:00:00Z' RETURNING 1")
    assert get("custom-events", "event=signup&property=plan", status=400)["errors"][0]["field"] == "property"
    assert get("custom-events", "event=signup&property=plan&days=3")["properties"]["values"]
    assert get("custom-events", "property=plan", status=400)["errors"][0]["field"] == "property"


def test_public_statistics_show_no_payloads(
    at_noon: None, engine: Engine, store: Any, client: FlaskClient, make_app: Callable[..., Any]
) -> None:
    with engine.begin() as connection:
        site = create_site(connection, "open", public_stats=True)
    store(WEEK, site_id=site.id)
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


def test_a_token_reads_only_its_own_website(site: Site, client: FlaskClient, token: Any, auth: Any) -> None:
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


@in_some_zones([datetime(2010, 10, 25), datetime(2026, 3, 20)], seen=SEEN, late=SEEN)
def test_a_website_equals_a_slow_count(
    app: Any, engine: Engine, store: Any, get: Get, sql: Any, seen: Any, late: Any, zone: str, start: datetime
) -> None:
    begin = start.replace(tzinfo=UTC)
    site = make_site(engine, zone)
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
                site_id=site.id,
            )
            for _ in ("unmerged", "merged", "with unions"):
                app.extensions["cache_redis"].flushdb()
                check(get, Slow(sql, site, zone, clock.now()), site.key)
                merge_site(engine, site.id)
                build_site_unions(engine, site.id)
            check_visits(get, Slow(sql, site, zone, clock.now()), site.key)


class Slow:
    """The events of a site by local day, to count one by one."""

    def __init__(self, sql: Any, site: Site, zone: str, now: datetime) -> None:
        query = "SELECT ts, user_no, type, path, country FROM events WHERE site_id = :id AND NOT is_bot ORDER BY ts"
        self.zone, self.now, self.today = ZoneInfo(zone), now, local_day(now, ZoneInfo(zone))
        self.rows = [(local_day(row[0], self.zone), *row) for row in sql(query, id=site.id)]

    def views(self, first: date, last: date) -> list[Any]:
        return [row for row in self.rows if first <= row[0] <= last and row[3] == "page_view"]

    def visits(self, first: date, last: date) -> list[list[Any]]:
        """Runs of one user's views without a gap of more than 30 minutes that begin in the days."""
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
    pages, users_by_page = Counter(row[4] for row in views), defaultdict(set)
    for row in views:
        users_by_page[row[4]].add(row[2])
    top_pages = get("top-pages", site=key)["top_pages"]
    assert {row["page"]: (row["views"], row["unique"]) for row in top_pages} == {
        page: (n, len(users_by_page[page])) for page, n in pages.items()
    }
    for day in get("daily-stats", site=key)["daily_stats"]:
        views_of_day = [row for row in views if str(row[0]) == day["date"]]
        assert (day["views"], day["unique"]) == (len(views_of_day), len({row[2] for row in views_of_day}))
    check_users(get, slow, key, views, first)
    custom = [row for row in slow.rows if first <= row[0] <= slow.today and row[3] == "buy"]
    report = get("custom-events", site=key)
    assert report["total_events"] == len(custom)
    assert [row["unique"] for row in report["top_events"]] == ([len({row[2] for row in custom})] if custom else [])
    check_hours(get, slow, key)


def check_users(get: Get, slow: Slow, key: str, views: list[Any], first: date) -> None:
    now = {row[2] for row in views}
    before, ever = ({row[2] for row in slow.views(since, first - DAY)} for since in (first - 7 * DAY, date.min))
    report = get("traffic-summary", site=key)
    assert (report["unique_visitors"], report["new_visitors"]) == (len(now), len(now - ever))
    assert report["retention_rate"] == (round(100 * len(now & before) / len(before), 2) if before else None)
    where = get("dashboard", site=key)["geolocation"]["continents"]
    continents = defaultdict(set)
    for row in views:
        continents[{"DE": "Europe", "FR": "Europe", "US": "North America"}.get(row[5], "Unknown")].add(row[2])
    assert {row["name"]: row["count"] for row in where} == {name: len(users) for name, users in continents.items()}


def check_hours(get: Get, slow: Slow, key: str) -> None:
    hours = get("hourly-stats", "hours=40", site=key)["hourly_stats"]
    starts = [datetime.fromisoformat(hour["timestamp"]) for hour in hours] + [slow.now]
    views = slow.views(date.min, date.max)
    for hour, start, end in zip(hours, starts, starts[1:], strict=False):
        views_of_hour = [row for row in views if start <= row[1] < end]
        # The current hour also counts its later events.
        if end < slow.now:
            assert (hour["views"], hour["unique"]) == (len(views_of_hour), len({row[2] for row in views_of_hour}))
        local = start.astimezone(slow.zone)
        assert (hour["hour"], hour["hour_label"]) == (local.hour, f"{local:%H:%M}")


def check_visits(get: Get, slow: Slow, key: str) -> None:
    first = slow.today - 6 * DAY
    visits, views = slow.visits(first, slow.today), slow.views(first, slow.today)
    metrics = get("dashboard", site=key)["metrics"]
    assert metrics["sessions"] == len(visits)
    assert metrics["bounce_rate"] == (
        round(100 * sum(len(run) == 1 for run in visits) / len(visits), 2) if visits else 0
    )
    for page in get("top-pages", site=key)["top_pages"]:
        entries = [run for run in visits if run[0][4] == page["page"]]
        exits = [run for run in visits if run[-1][4] == page["page"]]
        views_of_page = sum(row[4] == page["page"] for row in views)
        assert page["entry_rate"] == round(100 * len(entries) / views_of_page, 2)
        assert page["exit_rate"] == round(100 * len(exits) / views_of_page, 2)
        bounces = sum(len(run) == 1 for run in entries)
        assert page["bounce_rate"] == (round(100 * bounces / len(entries), 2) if entries else None)

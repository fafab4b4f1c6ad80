"""DAU, WAU, MAU, stickiness, new and returning users: by hand, and against a slow count over the stored events."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site, create_site
from tests.examples import examples
from tests.factories import make_site
from tests.reports.brute_force import BOT, STARTS, ZONES, as_payloads, count_users_by_day, event_drafts, users_between

Report = Callable[..., Any]
DAY = timedelta(days=1)


def on(day: str, *users: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"user_id": user, "ts": f"{day}T12:00:00Z", **fields} for user in users]


@pytest.fixture
def spring(store: Any) -> None:
    """2026-03-31 is a Tuesday."""
    for day, users in {
        "2026-03-01": "a", "2026-03-02": "b", "2026-03-24": "c", "2026-03-25": "d", "2026-03-31": "ade",
        "2026-04-01": "f",
    }.items():  # fmt: skip
        store(on(day, *users))


WINDOWS = [
    pytest.param("dau", "", (3, 1, 2), "2026-03-31", "2026-04-01", "24h", id="day"),
    pytest.param("wau", "", (3, 2, 1), "2026-03-25", "2026-04-01", "7d", id="7-days"),
    pytest.param("mau", "", (5, 4, 1), "2026-03-02", "2026-04-01", "30d", id="30-days"),
    pytest.param("wau", "&window=calendar", (4, 2, 2), "2026-03-30", "2026-04-06", "week", id="iso-week"),
    pytest.param("mau", "&window=calendar", (5, 5, 0), "2026-03-01", "2026-04-01", "month", id="calendar-month"),
]


@pytest.mark.parametrize(("name", "query", "users", "first", "after", "period"), WINDOWS)
def test_a_window_covers_the_date(
    spring: None, report: Report, name: str, query: str, users: Any, first: str, after: str, period: str
) -> None:
    found = report(name, f"date=2026-03-31{query}")
    assert (found[name], found["new"], found["returning"]) == users
    bounds = (f"{first}T00:00:00Z", f"{after}T00:00:00Z")
    assert (found["date"], found["period"], found["from"], found["to"]) == ("2026-03-31", period, *bounds)
    meta = found["meta"]
    assert (meta["site"], meta["zone"], meta["source"], meta["from"], meta["to"]) == (
        "default", "UTC", "rollup", *bounds,
    )  # fmt: skip
    assert meta["complete_through"] == meta["computed_at"]


def test_a_week_ends_with_the_day_of_the_last_instant(
    engine: Engine, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samoa had no 2011-12-30: `days=1` on the day before ends where 2011-12-31 begins."""
    with engine.begin() as connection:
        create_site(connection, "samoa", zone="Pacific/Apia")
    monkeypatch.setattr(clock, "now", lambda: datetime(2011, 12, 29, 12, tzinfo=UTC))
    for query in ("days=1", "from=2011-12-29&to=2011-12-29", "days=3"):
        found = report("wau", f"site=samoa&{query}")
        assert (found["date"], found["from"]) == ("2011-12-29", "2011-12-23T10:00:00Z")


@pytest.mark.parametrize(
    ("query", "length", "first", "last"),
    [
        ("date=2011-12-29", "24h", 29, 29),
        ("from=2011-12-29&to=2011-12-29", "24h", 29, 29),
        ("from=2011-12-28&to=2011-12-30", "2d", 28, 29),
        ("from=2011-12-30&to=2011-12-31", "24h", 31, 31),
        ("from=2011-12-29&to=2011-12-31", "3d", 29, 31),
    ],
)
def test_a_day_that_the_zone_skipped_counts_within_a_period_only(
    engine: Engine, report: Report, query: str, length: str, first: int, last: int
) -> None:
    with engine.begin() as connection:
        create_site(connection, "samoa", zone="Pacific/Apia")
    assert report("dau", f"site=samoa&{query}")["period"] == length
    days = [f"2011-12-{day}" for day in range(first, last + 1)]
    for name in ("stickiness?", "timeseries?granularity=day&", "timeseries?granularity=day&filter=country!=XX&"):
        series = report(*f"{name}site=samoa&{query}".split("?", 1))["series"]
        assert [point["date"] for point in series] == days, name


def test_stickiness_divides_a_day_by_its_month(spring: None, report: Report) -> None:
    found = report("stickiness", "from=2026-03-30&to=2026-04-01")
    assert found["series"] == [
        {"date": "2026-03-30", "dau": 0, "wau": 2, "mau": 4, "stickiness": 0.0},
        {"date": "2026-03-31", "dau": 3, "wau": 3, "mau": 5, "stickiness": 0.6},
        {"date": "2026-04-01", "dau": 1, "wau": 4, "mau": 5, "stickiness": 0.2},
    ]
    assert (found["meta"]["from"], found["meta"]["to"]) == ("2026-03-30T00:00:00Z", "2026-04-02T00:00:00Z")


def test_stickiness_of_a_month_without_users_is_null(site: Site, report: Report) -> None:
    [point] = report("stickiness", "date=2026-03-31")["series"]
    assert point == {"date": "2026-03-31", "dau": 0, "wau": 0, "mau": 0, "stickiness": None}
    assert len(report("stickiness")["series"]) == 30


def test_a_late_event_moves_its_user_to_the_new_users_of_its_day(
    store: Any, report: Report, engine: Engine, site: Site
) -> None:
    store(on("2026-03-10", "ann"))
    merge_site(engine, site.id)
    assert report("dau", "date=2026-03-10")["new"] == 1
    store(on("2026-03-03", "ann"))
    assert [report("dau", f"date=2026-03-{day}")["new"] for day in ("03", "10")] == [1, 0]


def test_type_and_include_bots_select_the_users(store: Any, report: Report) -> None:
    store(on("2026-03-01", "ann") + on("2026-03-02", "ann", "bob", type="click"))
    store(on("2026-03-02", "cid", type="search") + on("2026-03-02", "crawler", user_agent=BOT))
    of = "date=2026-03-02"
    assert [report("dau", f"{of}{more}")["dau"] for more in ("", "&type=click", "&type=click&type=search")] == [3, 2, 3]
    assert report("mau", f"{of}&include_bots=true")["mau"] == 4
    # Of clicks alone, ann is new; an unknown type has no users.
    assert (report("dau", f"{of}&type=click")["new"], report("dau", of)["new"]) == (2, 2)
    assert report("wau", f"{of}&type=none")["wau"] == 0


def test_another_zone_counts_the_types_of_raw_events(store: Any, report: Report) -> None:
    store(on("2026-03-02", "ann", type="click") + on("2026-03-02", "bob"))
    assert report("dau", "date=2026-03-02&zone=Asia/Tokyo&type=click")["dau"] == 1


@pytest.mark.parametrize("name", ["wau", "mau", "stickiness", "retention", "metrics"])
def test_whole_days_are_those_of_the_sites_zone(site: Site, report: Report, name: str) -> None:
    problem = report(name, "days=1&zone=Asia/Tokyo", status=400)
    assert problem["errors"][0]["field"] == "zone"
    assert "UTC" in problem["detail"]
    assert "flask site set default --zone Asia/Tokyo" in problem["detail"]
    assert report(name, "days=1&zone=UTC")["meta"]["zone"] == "UTC"


REFUSED = [
    ("mau", "date=2026-03-01&days=1", "days"),
    ("wau", "window=rolling", "window"),
    ("dau", "window=calendar", "window"),
    ("wau", "type=", "type"),
    ("stickiness", "days=367", "days"),
    ("stickiness", "zone=Nowhere", "zone"),
    ("stickiness", "unit=day", "unit"),
]


@pytest.mark.parametrize(("name", "query", "field"), REFUSED)
def test_a_refusal_names_the_parameter(site: Site, report: Report, name: str, query: str, field: str) -> None:
    assert report(name, query, status=400)["errors"][0]["field"] == field


def test_a_token_reads_only_its_own_site(site: Site, client: Any, token: Any, auth: Any) -> None:
    for name in ("dau", "wau", "mau", "stickiness", "retention", "metrics"):
        route = f"/api/analytics/reports/{name}?site=default"
        assert client.get(route, headers=auth(token("read", site="other"))).status_code == 403
        assert client.get(route, headers=auth(token("ingest"))).status_code == 403
        assert client.get(route).status_code == 401


def test_today_is_the_day_in_the_sites_zone(
    engine: Engine, store: Any, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        there = create_site(connection, "tokyo", zone="Asia/Tokyo")
    now = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    store([{"ts": now.isoformat()}], site_id=there.id, site_key="tokyo")
    found = report("wau", "site=tokyo")
    assert (found["date"], found["wau"], found["to"]) == ("2026-03-03", 1, "2026-03-03T15:00:00Z")
    assert report("stickiness", "site=tokyo&days=2")["series"][1]["dau"] == 1


def test_days_keep_the_old_zone_until_rollups_are_rebuilt(
    engine: Engine, store: Any, report: Report, site: Site, sql: Any
) -> None:
    store([{"ts": "2026-03-02T23:00:00Z"}])
    merge_site(engine, site.id)
    sql("UPDATE sites SET zone = 'Asia/Tokyo' RETURNING 1")
    found = report("wau", "date=2026-03-02")
    assert (found["wau"], found["meta"]["zone"]) == (1, "UTC")


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    on_time=event_drafts(40), late=event_drafts(20), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    types=st.sampled_from([[], ["page_view"], ["page_view", "click"]]),
)  # fmt: skip
def test_active_users_equal_a_slow_count(
    engine: Engine, store: Any, report: Report, sql: Any, site: Site, on_time: Any, late: Any, start: datetime,
    zone: str, bots: bool, types: list[str],
) -> None:  # fmt: skip
    there = make_site(engine, zone)
    entry_fields = {"site_id": there.id, "site_key": there.key}
    more = f"site={there.key}&include_bots={bots}" + "".join(f"&type={event_type}" for event_type in types)
    for events in (as_payloads(on_time, start), as_payloads(late, start - timedelta(days=3))):
        store(events, **entry_fields)
        days = count_users_by_day(sql, there.id, zone, bots, types)
        for _ in ("unmerged", "merged"):
            for day in (start.date(), start.date() + 3 * DAY, start.date() + 35 * DAY):
                check_day(report, more, days, day)
            check_series(report, more, days, start.date() - DAY)
            merge_site(engine, there.id)


def check_day(report: Report, more: str, days: dict[date, set[int]], day: date) -> None:
    for name, length in (("dau", 1), ("wau", 7), ("mau", 30)):
        first, after = day - (length - 1) * DAY, day + DAY
        found = report(name, f"date={day}&{more}")
        active, before = users_between(days, first, after), users_between(days, date.min, first)
        assert (found[name], found["new"]) == (len(active), len(active - before)), (name, day)
        assert found["new"] + found["returning"] == found[name]


def check_series(report: Report, more: str, days: dict[date, set[int]], first: date) -> None:
    series = report("stickiness", f"from={first}&to={first + 9 * DAY}&{more}")["series"]
    assert [point["date"] for point in series] == [str(first + n * DAY) for n in range(10)]
    for point in series:
        day = date.fromisoformat(point["date"])
        expected = [len(users_between(days, day - n * DAY, day + DAY)) for n in (0, 6, 29)]
        assert [point["dau"], point["wau"], point["mau"]] == expected, day
        assert point["stickiness"] == (round(expected[0] / expected[2], 4) if expected[2] else None)

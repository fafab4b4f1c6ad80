"""One short link and all of them: by hand, and against a slow count over the stored clicks."""

import time
from collections import Counter
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
from analytics.extensions import cache_redis
from analytics.reports import all_links
from analytics.reports.cache import read_counts
from analytics.reports.link import name_host
from analytics.rollups.compaction import compact_site
from analytics.rollups.merge import merge_site
from analytics.sites import Site, create_site
from tests.reports.slow import BOT, ZONES, slow_day

DAY = timedelta(days=1)
# A Thursday, so that week and month begin on different days.
NOW = datetime(2026, 3, 19, 12, 30, tzinfo=UTC)
Get = Callable[..., Any]


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def links(engine: Engine) -> Site:
    with engine.begin() as connection:
        return create_site(connection, "links")


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Get:
    """`get("/analytics/global?…")`: the answer's JSON."""
    headers = auth(token("read"))

    def ask(path: str, status: int = 200) -> Any:
        response = client.get(path, headers=headers)
        assert response.status_code == status, response.json
        return response.json

    return ask


def click(code: str, at: str, user: str, **more: Any) -> dict[str, Any]:
    return {"type": "click", "subject": code, "user_id": user, "ts": at, **more}


CLICKS = [
    click("abc", "2026-02-10T08:00:00Z", "ann", referrer="https://www.google.com/search?q=x", country="US"),
    click("abc", "2026-03-05T08:10:00Z", "bob", referrer="https://google.com", country="US"),
    click("abc", "2026-03-17T09:00:00Z", "ann", country="CA"),
    click("abc", "2026-03-19T10:00:00Z", "cyd", referrer="https://t.co/x"),
    click("abc", "2026-03-19T10:05:00Z", "bot", user_agent=BOT),
    click("xyz", "2026-03-19T11:00:00Z", "ann"),
    click("abc", "2026-03-16T11:00:00Z", "ann", type="impression"),
]  # fmt: skip


def test_one_link_by_hand(at_noon: None, store: Any, links: Site, get: Get) -> None:
    store(CLICKS + [click("abc", "2026-03-16T12:00:00Z", "b", type="impression")] * 9, site_id=links.id)
    found = get("/analytics/stats/abc")
    counts = ("total_clicks", "unique_clicks", "clicks_today", "clicks_this_week", "clicks_this_month")
    assert [found[name] for name in counts] == [4, 3, 1, 2, 3]
    assert found["top_countries"] == [
        {"name": "US", "count": 2},
        {"name": "CA", "count": 1},
        {"name": "Unknown", "count": 1},
    ]
    referers = [(line["name"], line["count"]) for line in found["top_referers"]]
    assert referers == [("google.com", 2), ("Direct", 1), ("t.co", 1)]
    assert found["direct_vs_referred"] == {"direct": 1, "referred": 3}
    assert {line["hour"]: line["clicks"] for line in found["peak_hours"] if line["clicks"]} == {8: 2, 9: 1, 10: 1}
    assert (len(found["peak_hours"]), found["impressions"], found["click_through_rate"]) == (24, 10, 0.4)


def test_the_timeline_has_no_gaps_and_thirty_days(at_noon: None, store: Any, links: Site, get: Get) -> None:
    store(CLICKS, site_id=links.id)
    timeline = get("/analytics/stats/abc")["click_timeline"]
    assert [line["date"] for line in timeline] == [str(date(2026, 2, 18) + n * DAY) for n in range(30)]
    assert {line["date"]: line["clicks"] for line in timeline if line["clicks"]} == {
        "2026-03-05": 1, "2026-03-17": 1, "2026-03-19": 1,
    }  # fmt: skip
    assert get("/analytics/stats/xyz")["click_timeline"] == [{"date": "2026-03-19", "clicks": 1}]


def test_a_period_restricts_all_but_what_is_of_now(at_noon: None, store: Any, links: Site, get: Get) -> None:
    store(CLICKS, site_id=links.id)
    found = get("/analytics/stats/abc?from=2026-03-01&to=2026-03-17")
    assert (found["total_clicks"], found["unique_clicks"], found["clicks_today"]) == (2, 2, 1)
    assert (len(found["click_timeline"]), found["meta"]["from"]) == (17, "2026-03-01T00:00:00Z")
    assert get("/analytics/stats/abc?days=3&include_bots=true")["total_clicks"] == 3


def test_a_code_that_nobody_clicked_has_zeros(at_noon: None, links: Site, get: Get) -> None:
    found = get("/analytics/stats/never")
    assert (found["total_clicks"], found["top_referers"], found["click_through_rate"]) == (0, [], None)
    assert found["click_timeline"] == [{"date": "2026-03-19", "clicks": 0}]


def test_codes_that_nobody_clicked_take_no_room(at_noon: None, app: Any, links: Site, get: Get) -> None:
    for number in range(3):
        get(f"/analytics/stats/made-up-{number}")
    assert list(app.extensions["cache_redis"].scan_iter("analytics:stats:*")) == []


def test_before_the_first_click_there_is_no_site(get: Get) -> None:
    found = get("/analytics/global")
    assert {name: value for name, value in found.items() if name != "meta"} == {
        "total_clicks": 0, "unique_visitors": 0, "clicks_today": 0, "clicks_this_week": 0, "top_urls": [], "trending": [],
    }  # fmt: skip
    assert get("/analytics/stats/abc")["total_clicks"] == 0
    get("/analytics/global?site=nowhere", status=404)
    get("/analytics/stats/a%00b", status=400)


def test_past_days_are_kept_under_a_key_that_can_be_deleted(
    at_noon: None, app: Any, store: Any, links: Site, get: Get
) -> None:
    store(CLICKS, site_id=links.id)
    assert "cached" not in get("/analytics/stats/abc")["meta"]
    store([click("abc", "2026-03-19T12:00:00Z", "dan"), click("abc", "2026-03-18T12:00:00Z", "eve")], site_id=links.id)
    found = get("/analytics/stats/abc")
    assert (found["total_clicks"], found["clicks_today"], found["meta"]["cached"]) == (5, 2, True)
    with app.app_context():
        assert read_counts(cache_redis()) == (1, 1)
        assert 0 < cache_redis().ttl("analytics:stats:abc") <= 300
        assert cache_redis().delete("analytics:stats:abc") == 1
    assert get("/analytics/stats/abc")["total_clicks"] == 6


def test_what_another_release_kept_is_not_read(at_noon: None, app: Any, store: Any, links: Site, get: Get) -> None:
    store(CLICKS, site_id=links.id)
    with app.app_context():
        cache_redis().set("analytics:stats:abc", '{"total": 9}')
    assert get("/analytics/stats/abc")["total_clicks"] == 4


def test_the_same_code_of_two_sites_is_kept_apart(at_noon: None, store: Any, site: Site, links: Site, get: Get) -> None:
    store(CLICKS, site_id=links.id)
    store(CLICKS[:1], site_id=site.id)
    for _ in range(2):
        assert get("/analytics/stats/abc")["total_clicks"] == 4
        assert get("/analytics/stats/abc?site=default")["total_clicks"] == 1


def test_all_links_by_hand(at_noon: None, store: Any, links: Site, get: Get) -> None:
    store(CLICKS, site_id=links.id)
    for _ in ("computed", "kept"):
        found = get("/analytics/global")
        counts = ("total_clicks", "unique_visitors", "clicks_today", "clicks_this_week")
        assert [found[name] for name in counts] == [5, 3, 2, 3]
        assert found["top_urls"] == [{"short_code": "abc", "clicks": 4}, {"short_code": "xyz", "clicks": 1}]
        assert found["trending"] == [
            {"short_code": "abc", "clicks": 2, "previous": 0, "change": 2},
            {"short_code": "xyz", "clicks": 1, "previous": 0, "change": 1},
        ]
    assert len(get("/analytics/global?limit=1")["top_urls"]) == 1


def test_links_that_lost_clicks_are_not_trending(at_noon: None, store: Any, links: Site, get: Get) -> None:
    for day, code in [
        ("2026-03-12", "old"),
        ("2026-03-12", "old"),
        ("2026-03-13", "old"),
        ("2026-03-06", "same"),
        ("2026-03-19", "same"),
    ]:
        store([click(code, f"{day}T09:00:00Z", "ann")], site_id=links.id)
    assert get("/analytics/global")["trending"] == []


@given(
    before=st.dictionaries(st.integers(0, 30), st.integers(1, 9)),
    today=st.dictionaries(st.integers(0, 30), st.integers(1, 9)),
    limit=st.integers(1, 5), more=st.integers(0, 4),
)  # fmt: skip
def test_the_most_clicked_are_exact_though_few_are_kept(
    before: dict[int, int], today: dict[int, int], limit: int, more: int
) -> None:
    most = limit + more
    everything = {str(code): clicks for code, clicks in before.items()}
    fresh = {str(code): clicks for code, clicks in today.items()}
    few = dict(sorted(everything.items(), key=lambda one: (-one[1], one[0]))[:most])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_links, "MOST_KEPT", most)
        found = all_links.most_clicked(few, fresh, limit, lambda code: everything.get(code, 0))
    total = Counter(everything) + Counter(fresh)
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:limit]
    assert ranked == sorted(total.items(), key=lambda one: (-one[1], one[0]))[:limit]


@pytest.mark.parametrize(("referrer", "host"), [
    ("https://www.google.com/a", "google.com"), ("http://localhost:8000/", "localhost"), ("https://[::1]:80/x", "[::1]"),
    ("android-app://com.x.y/", "com.x.y"), ("", "Direct"), ("/login", "Direct"), ("(other)", "(other)"),
])  # fmt: skip
def test_a_referer_is_shown_as_its_host(referrer: str, host: str) -> None:
    assert name_host(referrer) == host


def test_public_links_are_open_to_everybody(at_noon: None, engine: Engine, store: Any, client: FlaskClient) -> None:
    with engine.begin() as connection:
        links = create_site(connection, "links", public_stats=True)
    store(CLICKS, site_id=links.id)
    assert client.get("/analytics/stats/abc").json["total_clicks"] == 4
    assert client.get("/analytics/global").status_code == 200
    assert client.get("/analytics/global?site=default").status_code == 401


SEEN = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.sampled_from("xyz"), st.integers(0, 40 * 86_400 - 1), st.booleans(),
        st.sampled_from(["", "https://a.org/1", "https://www.a.org/2", "https://b.org"]), st.sampled_from(["", "DE", "FR"]),
    ),
    min_size=1, max_size=25,
)  # fmt: skip


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=SEEN,
    late=SEEN,
    zone=st.sampled_from(ZONES),
    start=st.sampled_from([datetime(2010, 10, 20), datetime(2026, 3, 1)]),
)
def test_links_are_those_of_a_slow_count(
    app: Any, engine: Engine, store: Any, get: Get, sql: Any, first: Any, late: Any, zone: str, start: datetime
) -> None:
    begin, tz = start.replace(tzinfo=UTC), ZoneInfo(zone)
    with engine.begin() as connection:
        there = create_site(connection, f"s{time.monotonic_ns()}", zone=zone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: begin + timedelta(days=39, hours=13))
        for seen in (first, late):
            store(
                [
                    click(
                        code, (begin + timedelta(seconds=after)).isoformat(), user, referrer=referrer, country=country
                    )
                    | ({"user_agent": BOT} if bot else {})
                    for user, code, after, bot, referrer, country in seen
                ],
                site_id=there.id,
            )
            app.extensions["cache_redis"].flushdb()
            for _ in ("while they wait", "merged", "united"):
                check(get, sql, there, tz, clock.now())
                merge_site(engine, there.id)
                compact_site(engine, there.id)


def check(get: Get, sql: Any, there: Site, zone: ZoneInfo, now: datetime) -> None:
    rows = sql(
        "SELECT ts, subject, user_no, referrer, country FROM events WHERE site_id = :id AND NOT is_bot", id=there.id
    )
    today = slow_day(now, zone)
    clicks = [(slow_day(row[0], zone), *row) for row in rows]
    clicks = [row for row in clicks if row[0] <= today]
    for query, first in (("", date.min), ("&days=20", today - 19 * DAY)):
        wanted = [row for row in clicks if row[0] >= first]
        found = get(f"/analytics/global?site={there.key}&include_bots=false{query}")
        assert (found["total_clicks"], found["unique_visitors"]) == (len(wanted), len({row[3] for row in wanted}))
        top = Counter(row[2] for row in wanted)
        assert {line["short_code"]: line["clicks"] for line in found["top_urls"]} == dict(top)
        for code in "xyz":
            check_link(get, there, f"{code}?site={there.key}{query}", [row for row in wanted if row[2] == code], zone)
    week = today - 6 * DAY
    recent, before = (
        Counter(row[2] for row in clicks if since <= row[0] < since + 7 * DAY) for since in (week, week - 7 * DAY)
    )
    trend = {line["short_code"]: (line["clicks"], line["previous"]) for line in found["trending"]}
    assert trend == {code: (n, before[code]) for code, n in recent.items() if n > before[code]}


def check_link(get: Get, there: Site, path: str, wanted: list[Any], zone: ZoneInfo) -> None:
    found = get(f"/analytics/stats/{path}")
    assert (found["total_clicks"], found["unique_clicks"]) == (len(wanted), len({row[3] for row in wanted}))
    hosts = Counter({None: "Direct"}.get(row[4]) or row[4].split("/")[2].removeprefix("www.") for row in wanted)
    assert {line["name"]: line["count"] for line in found["top_referers"]} == dict(hosts)
    assert {line["name"]: line["count"] for line in found["top_countries"]} == Counter(
        row[5] or "Unknown" for row in wanted
    )
    assert {line["hour"]: line["clicks"] for line in found["peak_hours"] if line["clicks"]} == Counter(
        row[1].astimezone(zone).hour for row in wanted
    )
    days = Counter(str(row[0]) for row in wanted)
    assert {line["date"]: line["clicks"] for line in found["click_timeline"]} == {
        line["date"]: days[line["date"]] for line in found["click_timeline"]
    }

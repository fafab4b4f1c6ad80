"""The reports on one short link and on all: by hand, and against a slow count over the stored clicks."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.extensions import cache_redis
from analytics.reports.links import global_stats
from analytics.reports.links.link_stats import extract_referrer_host
from analytics.reports.responses import cache
from analytics.reports.responses.cache import read_cache_counts
from analytics.rollups.cardinality import OTHER
from analytics.rollups.closing.unions import build_site_unions
from analytics.rollups.merge import merge_all, merge_site
from analytics.sites.sites import Site, create_site
from tests.factories import make_site
from tests.reports.brute_force import BOT, in_some_zones, local_day

DAY = timedelta(days=1)
Get = Callable[..., Any]


@pytest.fixture
def links(engine: Engine) -> Site:
    with engine.begin() as connection:
        return create_site(connection, "links")


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Get:
    """`get("/analytics/global?…")`: the JSON of the response."""
    headers = auth(token("read"))

    def read(path: str, status: int = 200) -> Any:
        response = client.get(path, headers=headers)
        assert response.status_code == status, response.json
        return response.json

    return read


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
    report = get("/analytics/stats/abc")
    counts = ("total_clicks", "unique_clicks", "clicks_today", "clicks_this_week", "clicks_this_month")
    assert [report[name] for name in counts] == [4, 3, 1, 2, 3]
    assert report["top_countries"] == [
        {"name": "US", "count": 2},
        {"name": "CA", "count": 1},
        {"name": "Unknown", "count": 1},
    ]
    referers = [(row["name"], row["count"]) for row in report["top_referers"]]
    assert referers == [("google.com", 2), ("Direct", 1), ("t.co", 1)]
    assert report["direct_vs_referred"] == {"direct": 1, "referred": 3}
    assert {row["hour"]: row["clicks"] for row in report["peak_hours"] if row["clicks"]} == {8: 2, 9: 1, 10: 1}
    assert (len(report["peak_hours"]), report["impressions"], report["click_through_rate"]) == (24, 10, 0.4)


def test_the_timeline_has_no_gaps_and_thirty_days(at_noon: None, store: Any, links: Site, get: Get) -> None:
    store(CLICKS, site_id=links.id)
    timeline = get("/analytics/stats/abc")["click_timeline"]
    assert [row["date"] for row in timeline] == [str(date(2026, 2, 18) + n * DAY) for n in range(30)]
    assert {row["date"]: row["clicks"] for row in timeline if row["clicks"]} == {
        "2026-03-05": 1, "2026-03-17": 1, "2026-03-19": 1,
    }  # fmt: skip
    assert get("/analytics/stats/xyz")["click_timeline"] == [{"date": "2026-03-19", "clicks": 1}]


def test_a_timeline_ends_today_also_before_a_day_that_the_zone_skipped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, store: Any, links: Site, get: Get
) -> None:
    """Samoa had no 2011-12-30."""
    with engine.begin() as connection:
        samoa = create_site(connection, "samoa", zone="Pacific/Apia")
    monkeypatch.setattr(clock, "now", lambda: datetime(2011, 12, 29, 12, tzinfo=UTC))
    store([click("abc", "2011-12-28T12:00:00Z", "ann")], site_id=samoa.id, zone=samoa.zone)
    for query in ("", "&days=2", "&from=2011-12-28&to=2011-12-29"):
        timeline = get(f"/analytics/stats/abc?site=samoa{query}")["click_timeline"]
        assert [row["date"] for row in timeline] == ["2011-12-28", "2011-12-29"]


def test_outer_blanks_make_no_other_short_code(at_noon: None, store: Any, links: Site, get: Get) -> None:
    store([click("abc ", "2026-03-17T10:05:00Z", "ann"), click("abc", "2026-03-17T10:06:00Z", "bob")], site_id=links.id)
    report = get("/analytics/stats/%20abc")
    assert (report["short_code"], report["total_clicks"]) == ("abc", 2)
    assert get("/analytics/global")["top_urls"] == [{"short_code": "abc", "clicks": 2}]


def test_a_period_restricts_all_but_the_recent_clicks(at_noon: None, store: Any, links: Site, get: Get) -> None:
    store(CLICKS, site_id=links.id)
    report = get("/analytics/stats/abc?from=2026-03-01&to=2026-03-17")
    assert (report["total_clicks"], report["unique_clicks"], report["clicks_today"]) == (2, 2, 1)
    assert (len(report["click_timeline"]), report["meta"]["from"]) == (17, "2026-03-01T00:00:00Z")
    assert get("/analytics/stats/abc?days=3&include_bots=true")["total_clicks"] == 3


def test_a_code_without_clicks_has_zeros(at_noon: None, links: Site, get: Get) -> None:
    report = get("/analytics/stats/never")
    assert (report["total_clicks"], report["top_referers"], report["click_through_rate"]) == (0, [], None)
    assert report["click_timeline"] == [{"date": "2026-03-19", "clicks": 0}]


def test_codes_without_clicks_are_not_cached(at_noon: None, app: Any, links: Site, get: Get) -> None:
    for number in range(3):
        get(f"/analytics/stats/made-up-{number}")
    assert list(app.extensions["cache_redis"].scan_iter("analytics:stats:*")) == []


def test_before_the_first_click_reports_have_zeros(get: Get) -> None:
    report = get("/analytics/global")
    assert {name: value for name, value in report.items() if name != "meta"} == {
        "total_clicks": 0, "unique_visitors": 0, "clicks_today": 0, "clicks_this_week": 0, "top_urls": [], "trending": [],
    }  # fmt: skip
    assert get("/analytics/stats/abc")["total_clicks"] == 0
    get("/analytics/global?site=nowhere", status=404)
    get("/analytics/stats/a%00b", status=400)


def test_past_days_are_cached_under_a_key_that_can_be_deleted(
    at_noon: None, app: Any, store: Any, links: Site, get: Get
) -> None:
    store(CLICKS, site_id=links.id)
    assert "cached" not in get("/analytics/stats/abc")["meta"]
    store([click("abc", "2026-03-19T12:00:00Z", "dan")], site_id=links.id)
    report = get("/analytics/stats/abc")
    assert (report["total_clicks"], report["clicks_today"], report["meta"]["cached"]) == (5, 2, True)
    with app.app_context():
        assert read_cache_counts(cache_redis()) == (1, 1)
        assert 0 < cache_redis().ttl("analytics:stats:abc") <= 300
        assert cache_redis().delete("analytics:stats:abc") == 1
    assert "cached" not in get("/analytics/stats/abc")["meta"]


@pytest.mark.parametrize("path", ["/analytics/stats/abc", "/analytics/global"])
def test_a_late_click_outdates_what_is_cached_of_the_past(
    at_noon: None, store: Any, links: Site, get: Get, engine: Engine, path: str
) -> None:
    store([click("abc", "2026-03-19T11:00:00Z", "dan")], site_id=links.id)
    assert get(path)["total_clicks"] == 1
    store([click("abc", "2026-03-18T12:00:00Z", user) for user in ("ann", "bob", "cid")], site_id=links.id)
    for _ in range(2):
        report = get(path)
        assert (report["total_clicks"], report["clicks_this_week"]) == (4, 4)
    merge_all(engine, 10)
    assert get(path)["total_clicks"] == 4


def test_past_days_for_which_there_is_no_room_are_computed_each_time(
    at_noon: None, app: Any, store: Any, links: Site, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_BYTES", 100)
    store(CLICKS, site_id=links.id)
    for path in ("/analytics/stats/abc", "/analytics/global") * 2:
        assert "cached" not in get(path)["meta"]
    assert list(app.extensions["cache_redis"].scan_iter("analytics:[sg]*")) == []


def test_a_cache_entry_of_another_release_is_not_read(
    at_noon: None, app: Any, store: Any, links: Site, get: Get
) -> None:
    store(CLICKS, site_id=links.id)
    with app.app_context():
        cache_redis().set("analytics:stats:abc", '{"total": 9}')
    assert get("/analytics/stats/abc")["total_clicks"] == 4


def test_the_same_code_of_two_sites_has_two_cache_entries(
    at_noon: None, store: Any, site: Site, links: Site, get: Get
) -> None:
    store(CLICKS, site_id=links.id)
    store(CLICKS[:1], site_id=site.id)
    for _ in range(2):
        assert get("/analytics/stats/abc")["total_clicks"] == 4
        assert get("/analytics/stats/abc?site=default")["total_clicks"] == 1


def test_all_links_by_hand(at_noon: None, store: Any, links: Site, get: Get) -> None:
    store(CLICKS, site_id=links.id)
    for _ in ("computed", "cached"):
        report = get("/analytics/global")
        counts = ("total_clicks", "unique_visitors", "clicks_today", "clicks_this_week")
        assert [report[name] for name in counts] == [5, 3, 2, 3]
        assert report["top_urls"] == [{"short_code": "abc", "clicks": 4}, {"short_code": "xyz", "clicks": 1}]
        assert report["trending"] == [
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
    limit=st.integers(1, 5), extra=st.integers(0, 4),
)  # fmt: skip
def test_the_most_clicked_are_exact_though_few_are_cached(
    before: dict[int, int], today: dict[int, int], limit: int, extra: int
) -> None:
    cached = limit + extra
    all_past = {str(code): clicks for code, clicks in before.items()}
    clicks_today = {str(code): clicks for code, clicks in today.items()}
    past = dict(sorted(all_past.items(), key=lambda item: (-item[1], item[0]))[:cached])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(global_stats, "MAX_CACHED_CODES", cached)
        counts = global_stats.merge_code_clicks(past, clicks_today, limit, lambda code: all_past.get(code, 0))
    total = Counter(all_past) + Counter(clicks_today)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    assert ranked == sorted(total.items(), key=lambda item: (-item[1], item[0]))[:limit]


@pytest.mark.parametrize(("referrer", "host"), [
    ("https://www.google.com/a", "google.com"), ("http://localhost:8000/", "localhost"), ("https://[::1]:80/x", "[::1]"),
    ("android-app://com.x.y/", "com.x.y"), ("", "Direct"), ("/login", "Direct"), (OTHER, OTHER),
])  # fmt: skip
def test_a_referrer_is_shown_as_its_host(referrer: str, host: str) -> None:
    assert extract_referrer_host(referrer) == host


def test_public_links_need_no_token(at_noon: None, engine: Engine, store: Any, client: FlaskClient) -> None:
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


@in_some_zones([datetime(2010, 10, 20), datetime(2026, 3, 1)], first=SEEN, late=SEEN)
def test_reports_on_links_equal_a_slow_count(
    app: Any, engine: Engine, store: Any, get: Get, sql: Any, first: Any, late: Any, zone: str, start: datetime
) -> None:
    begin, tz = start.replace(tzinfo=UTC), ZoneInfo(zone)
    site = make_site(engine, zone)
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
                site_id=site.id,
            )
            app.extensions["cache_redis"].flushdb()
            for _ in ("unmerged", "merged", "with unions"):
                check(get, sql, site, tz, clock.now())
                merge_site(engine, site.id)
                build_site_unions(engine, site.id)


def check(get: Get, sql: Any, site: Site, zone: ZoneInfo, now: datetime) -> None:
    rows = sql(
        "SELECT ts, subject, user_no, referrer, country FROM events WHERE site_id = :id AND NOT is_bot", id=site.id
    )
    today = local_day(now, zone)
    clicks = [(local_day(row[0], zone), *row) for row in rows]
    clicks = [row for row in clicks if row[0] <= today]
    for query, first in (("", date.min), ("&days=20", today - 19 * DAY)):
        expected = [row for row in clicks if row[0] >= first]
        report = get(f"/analytics/global?site={site.key}&include_bots=false{query}")
        assert (report["total_clicks"], report["unique_visitors"]) == (len(expected), len({row[3] for row in expected}))
        top = Counter(row[2] for row in expected)
        assert {row["short_code"]: row["clicks"] for row in report["top_urls"]} == dict(top)
        for code in "xyz":
            check_link(get, site, f"{code}?site={site.key}{query}", [row for row in expected if row[2] == code], zone)
    week = today - 6 * DAY
    recent, before = (
        Counter(row[2] for row in clicks if since <= row[0] < since + 7 * DAY) for since in (week, week - 7 * DAY)
    )
    trend = {row["short_code"]: (row["clicks"], row["previous"]) for row in report["trending"]}
    assert trend == {code: (n, before[code]) for code, n in recent.items() if n > before[code]}


def check_link(get: Get, site: Site, path: str, expected: list[Any], zone: ZoneInfo) -> None:
    report = get(f"/analytics/stats/{path}")
    assert (report["total_clicks"], report["unique_clicks"]) == (len(expected), len({row[3] for row in expected}))
    hosts = Counter({None: "Direct"}.get(row[4]) or row[4].split("/")[2].removeprefix("www.") for row in expected)
    assert {row["name"]: row["count"] for row in report["top_referers"]} == dict(hosts)
    assert {row["name"]: row["count"] for row in report["top_countries"]} == Counter(
        row[5] or "Unknown" for row in expected
    )
    assert {row["hour"]: row["clicks"] for row in report["peak_hours"] if row["clicks"]} == Counter(
        row[1].astimezone(zone).hour for row in expected
    )
    days = Counter(str(row[0]) for row in expected)
    assert {row["date"]: row["clicks"] for row in report["click_timeline"]} == {
        row["date"]: days[row["date"]] for row in report["click_timeline"]
    }

"""The overview equals a count by hand; that of closed days comes from the cache."""

from datetime import UTC, datetime

import pytest

from analytics import clock
from analytics.insights.overview.examples import OVERVIEW_EXAMPLE
from analytics.insights.overview.schemas import SiteOverviewResponse

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NO_RATES = dict.fromkeys(("bounce_rate", "avg_visit_duration_s", "views_per_visit"))
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# (user, time, path, referrer): ann has two visits on the 2nd, bob one on the 3rd, and a bot visits at noon that day.
VIEWS = [
    ("ann", "2026-03-02T10:00:00Z", "/", "https://www.google.com/"),
    ("ann", "2026-03-02T10:01:00Z", "/blog", ""),
    ("ann", "2026-03-02T12:00:00Z", "/", ""),
    ("bob", "2026-03-03T10:00:00Z", "/", ""),
]


@pytest.fixture
def shop(monkeypatch, store):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    store(
        {"user_id": user, "ts": ts, "path": path, "referrer": referrer, "user_agent": FIREFOX}
        for user, ts, path, referrer in VIEWS
    )
    store([{"user_id": "bot", "ts": "2026-03-03T12:00:00Z", "path": "/", "user_agent": "Googlebot/2.1"}])
    store([{"user_id": "ann", "ts": "2026-03-03T12:00:00Z", "type": "click"}])


def merge(app, site):
    from analytics.extensions import db
    from analytics.rollups.merge import merge_site

    with app.app_context():
        merge_site(db.engine, site.id)


def test_the_overview_equals_a_count_by_hand(app, site, shop, report):
    merge(app, site)
    overview = report("overview", "from=2026-03-01&to=2026-03-03")
    assert (overview["page_views"], overview["visitors"], overview["visits"]) == (4, 2, 3)
    # Two of three visits have one view; one lasts a minute, the others none.
    assert (overview["bounce_rate"], overview["avg_visit_duration_s"], overview["views_per_visit"]) == (
        0.6667,
        20.0,
        1.3333,
    )
    assert [{name: value for name, value in point.items() if name not in ("ts", "to")} for point in overview["series"]] == [
        {"date": "2026-03-01", "page_views": 0, "visitors": 0, "visits": 0, "events": 0, **NO_RATES},
        {"date": "2026-03-02", "page_views": 3, "visitors": 1, "visits": 2, "events": 3, "bounce_rate": 0.5,
         "avg_visit_duration_s": 30.0, "views_per_visit": 1.5},
        {"date": "2026-03-03", "page_views": 1, "visitors": 1, "visits": 1, "events": 2, "bounce_rate": 1.0,
         "avg_visit_duration_s": 0.0, "views_per_visit": 1.0},
    ]  # fmt: skip
    assert overview["lists"]["path"] == [
        {"value": "/", "page_views": 3, "visitors": 2, "visits": None},
        {"value": "/blog", "page_views": 1, "visitors": 1, "visits": None},
    ]
    assert [row["value"] for row in overview["lists"]["browser"]] == ["Firefox"]
    # Of ann's first visit only the first view has a referrer; the visit came from there as a whole.
    assert overview["lists"]["source"] == [
        {"value": None, "page_views": 2, "visitors": 2, "visits": 2},
        {"value": "Google", "page_views": 2, "visitors": 1, "visits": 1},
    ]
    assert overview["meta"]["source"] == "rollup"


def test_totals_are_compared_by_hand(app, site, shop, report):
    """Bob's visit on the 3rd with ann's two on the 2nd, of which one lasts a minute; merged or not, cached or not."""
    previous = {
        "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z", "page_views": 3, "visitors": 1, "visits": 2,
        "bounce_rate": 0.5, "avg_visit_duration_s": 30.0, "views_per_visit": 1.5, "events": 3,
    }  # fmt: skip
    change = {
        "page_views": -0.6667, "visitors": 0.0, "visits": -0.5, "bounce_rate": 1.0, "avg_visit_duration_s": -1.0,
        "views_per_visit": -0.3333, "events": -0.3333,
    }  # fmt: skip
    bounds = [{"from": f"2026-03-0{day}T00:00:00Z", "to": f"2026-03-0{day + 1}T00:00:00Z"} for day in (3, 2)]
    for prepare in (lambda: None, lambda: merge(app, site), lambda: None):
        prepare()
        for compare in ("previous", "2026-03-02..2026-03-02"):
            overview = report("overview", f"date=2026-03-03&compare={compare}")
            [point] = overview["previous"].pop("series")
            assert (point["date"], point["page_views"], point["bounce_rate"]) == ("2026-03-02", 3, 0.5)
            assert (overview["page_views"], overview["previous"], overview["change"]) == (1, previous, change)
            meta = overview["meta"]["compare"]
            assert (meta["align"], meta["current"], meta["previous"]) == ("whole", *bounds)
    assert overview["meta"]["cached"] is True
    with_bots = report("overview", "date=2026-03-03&compare=previous&include_bots=true")
    assert (with_bots["change"]["page_views"], with_bots["change"]["visitors"]) == (-0.3333, 1.0)
    empty = report("overview", "date=2026-03-02&compare=year")
    assert (empty["previous"]["visits"], empty["previous"]["bounce_rate"], empty["change"]["visits"]) == (0, None, None)
    assert not {"previous", "change", "current"} & report("overview", "date=2026-03-03").keys()
    assert report("overview", "date=2026-03-03&align=whole", 400)["errors"][0]["field"] == "align"


def test_include_bots_counts_programs(shop, report):
    overview = report("overview", "date=2026-03-03&include_bots=true")
    assert (overview["page_views"], overview["visitors"]) == (2, 2)


def test_limit_sets_the_rows_of_a_list(shop, report):
    assert len(report("overview", "date=2026-03-02&limit=1")["lists"]["path"]) == 1
    assert "limit" in report("overview", "limit=0", 400)["errors"][0]["field"]


def test_closed_days_are_cached_and_today_is_not(shop, report):
    days = "from=2026-03-01&to=2026-03-03"
    assert "cached" not in report("overview", days)["meta"]
    assert report("overview", days)["meta"]["cached"] is True
    assert "cached" not in report("overview", "days=3")["meta"]
    assert "cached" not in report("overview", "days=3")["meta"]


def test_the_example_is_valid():
    assert SiteOverviewResponse().validate(OVERVIEW_EXAMPLE) == {}

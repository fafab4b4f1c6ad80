"""The dashboard's bundle equals a count by hand, and of closed days comes from the cache."""

from datetime import UTC, datetime

import pytest

from analytics import clock
from analytics.reports.overview_views import EXAMPLE, BundleAnswer

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# (user, time, path, referrer): ann has two visits on the 2nd, bob one on the 3rd, at whose noon a program passes by.
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


def test_the_bundle_is_what_a_count_by_hand_says(app, site, shop, report):
    merge(app, site)
    found = report("overview", "from=2026-03-01&to=2026-03-03")
    assert (found["page_views"], found["visitors"], found["visits"]) == (4, 2, 3)
    # Two of three visits have one view; one lasts a minute, the others none.
    assert (found["bounce_rate"], found["avg_visit_duration_s"], found["views_per_visit"]) == (0.6667, 20.0, 1.3333)
    assert found["series"] == [
        {"date": "2026-03-01", "page_views": 0, "visitors": 0, "visits": 0},
        {"date": "2026-03-02", "page_views": 3, "visitors": 1, "visits": 2},
        {"date": "2026-03-03", "page_views": 1, "visitors": 1, "visits": 1},
    ]
    assert found["lists"]["path"] == [
        {"value": "/", "page_views": 3, "visitors": 2},
        {"value": "/blog", "page_views": 1, "visitors": 1},
    ]
    assert [line["value"] for line in found["lists"]["browser"]] == ["Firefox"]
    assert found["lists"]["source"][0] == {"value": None, "page_views": 3, "visitors": 2}
    assert found["meta"]["source"] == "rollup"


def test_programs_are_in_it_when_asked_for(shop, report):
    found = report("overview", "date=2026-03-03&include_bots=true")
    assert (found["page_views"], found["visitors"]) == (2, 2)


def test_a_list_has_as_many_lines_as_asked_for(shop, report):
    assert len(report("overview", "date=2026-03-02&limit=1")["lists"]["path"]) == 1
    assert "limit" in report("overview", "limit=0", 400)["errors"][0]["field"]


def test_closed_days_come_from_the_cache_and_today_does_not(shop, report):
    days = "from=2026-03-01&to=2026-03-03"
    assert "cached" not in report("overview", days)["meta"]
    assert report("overview", days)["meta"]["cached"] is True
    assert "cached" not in report("overview", "days=3")["meta"]
    assert "cached" not in report("overview", "days=3")["meta"]


def test_the_example_is_a_full_answer():
    assert BundleAnswer().validate(EXAMPLE) == {}

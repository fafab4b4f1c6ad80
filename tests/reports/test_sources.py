"""Where visitors came from, from the request to the report: own domains, channels, case, and what clients say."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site, clear_site_cache, update_site
from tests.factories import make_drain

DAY = "2026-03-02"
pytestmark = pytest.mark.usefixtures("at_noon")
Breakdown = Callable[..., dict[str | None, int]]


@pytest.fixture
def post(client: FlaskClient, engine: Engine, redis: Redis, site: Site, token: Any, auth: Any) -> Callable[..., Any]:
    """`post(path, body)` sends it and drains it."""

    def send(path: str, body: Any) -> Any:
        response = client.post(path, json=body, headers=auth(token("ingest read")))
        assert response.status_code in (201, 202), response.text
        make_drain(engine, redis).run()
        return response.json

    return send


@pytest.fixture
def breakdown(report: Callable[..., Any]) -> Breakdown:
    """`breakdown("source", "filter=…")`: value → visits, or events of what visits do not have."""

    def read(dimension: str, query: str = "") -> dict[str | None, int]:
        rows = report("breakdown", f"date={DAY}&dimension={dimension}&{query}")["rows"]
        return {row["value"]: row["events"] if row["visits"] is None else row["visits"] for row in rows}

    return read


@pytest.fixture
def own(engine: Engine, site: Site) -> Callable[..., None]:
    """`own("shop.example")` sets the domains of the site."""

    def put(*domains: str) -> None:
        with engine.begin() as connection:
            update_site(connection, site.key, domains=domains)
        clear_site_cache(engine)

    return put


def view(**fields: Any) -> dict[str, Any]:
    return {"type": "page_view", "user_id": "ann", "ts": f"{DAY}T10:00:00Z", **fields}


@pytest.mark.parametrize("domain", ["shop.example", "blog.example", "WWW.Shop.example:8443", "shop.example."])
@pytest.mark.parametrize(
    "referrer", ["https://shop.example/a", "http://www.shop.example:80/a", "https://shop.example./"]
)
def test_the_domain_of_a_batch_is_not_its_source(
    post: Callable[..., Any], breakdown: Breakdown, domain: str, referrer: str
) -> None:
    event = {"visitor_id": "v", "page": "/b", "referrer": referrer, "timestamp": f"{DAY}T10:00:00Z"}
    post("/api/v1/analytics/event/batch", {"siteId": "default", "domain": domain, "events": [event]})
    is_own = "shop" in domain.lower()
    assert breakdown("source") == {None if is_own else "shop.example": 1}
    assert breakdown("channel") == {"internal" if is_own else "referral": 1}
    assert breakdown("hostname") == {domain.lower().removesuffix(".").removesuffix(":8443"): 1}


def test_the_domain_may_be_an_origin(post: Callable[..., Any], breakdown: Breakdown) -> None:
    events = [view(path="/b", referrer="https://shop.example/a")]
    post("/api/analytics/ingest", {"domain": "https://shop.example:8443/", "events": events})
    assert (breakdown("hostname"), breakdown("channel")) == ({"shop.example": 1}, {"internal": 1})


@pytest.mark.parametrize(
    ("page", "referrer"),
    [
        ("https://bücher.example/b", "https://xn--bcher-kva.example/a"),
        ("https://xn--bcher-kva.example/b", "https://bücher.example/a"),
    ],
)
def test_both_notations_of_a_host_are_one_site(
    post: Callable[..., Any], breakdown: Breakdown, page: str, referrer: str
) -> None:
    post("/api/analytics/ingest", [view(path=page, referrer=referrer)])
    assert (breakdown("source"), breakdown("channel")) == ({None: 1}, {"internal": 1})
    assert breakdown("hostname") == {"bücher.example": 1}
    assert breakdown("referrer") == {"https://bücher.example/a": 1}


def test_the_domains_of_a_site_are_not_its_sources(
    post: Callable[..., Any], breakdown: Breakdown, own: Callable[..., None]
) -> None:
    own("shop.example", "*.cdn.example", "xn--bcher-kva.example")
    referrers = [
        "https://shop.example/a", "https://www.shop.example:444/", "https://a.b.cdn.example/", "https://cdn.example/",
        "https://BÜCHER.example/", "https://other.shop.example/", "https://notcdn.example/",
    ]  # fmt: skip
    post("/api/analytics/ingest", [view(path="/b", referrer=referrer, user_id=referrer) for referrer in referrers])
    assert breakdown("source") == {None: 5, "notcdn.example": 1, "other.shop.example": 1}
    assert breakdown("channel") == {"internal": 5, "referral": 2}
    assert breakdown("hostname") == {None: 7}


def test_case_is_folded_for_grouping_and_kept_as_sent(
    post: Callable[..., Any], breakdown: Breakdown, report: Callable[..., Any], sql: Any, engine: Engine
) -> None:
    sent = ["Google", "google", "GOOGLE", "Ärzte-News", "ÄRZTE-NEWS"]
    events = [view(path=f"/?utm_source={name}&utm_campaign=Spring", user_id=name) for name in sent]
    post("/api/analytics/ingest", [*events, view(path="/", referrer="https://www.google.com/", user_id="g")])
    for _ in ("from waiting deltas", "from rollups"):
        assert breakdown("source") == {"Google": 4, "ärzte-news": 2}
        assert breakdown("utm_source") == {"google": 3, "ärzte-news": 2, None: 1}
        assert breakdown("utm_campaign") == {"spring": 5, None: 1}
        merge_all(engine, 10)
    # The same from raw events.
    assert breakdown("utm_source", "filter=path==/") == {"google": 3, "ärzte-news": 2, None: 1}
    for name, text in (("source", "gOOgle"), ("source", "Google"), ("utm_source", "GooGle"), ("utm_source", "google")):
        assert report("summary", f"date={DAY}&filter={name}=={text}")["page_views"] == (4 if name == "source" else 3)
    assert report("summary", f"date={DAY}&filter=utm_source=~ÄRZTE")["page_views"] == 2
    assert report("summary", f"date={DAY}&filter=utm_source!^GOO")["page_views"] == 3
    assert sorted(sql("SELECT utm_source FROM events WHERE utm_source IS NOT NULL")) == sorted((name,) for name in sent)


def test_what_a_client_says_becomes_dimensions(
    post: Callable[..., Any], breakdown: Breakdown, report: Callable[..., Any]
) -> None:
    umami = {"hostname": "Shop.example", "language": "de-CH", "screen": "1920x1080", "title": "Pricing", "url": "/p"}
    plausible = {"url": "https://shop.example/q", "screen_width": 390, "language": "de"}
    app = {"path": "/r", "screen": "Checkout", "language": "German", "hostname": "no host!"}
    events = [view(**umami), view(**plausible), view(**app), view(path="/s", screen=1440, language="DE_ch")]
    response = post("/api/analytics/ingest", events)
    assert response["ingested"] == 4
    assert "warnings" not in response
    assert breakdown("hostname") == {"shop.example": 2, None: 2}
    assert breakdown("language") == {"de-CH": 2, "de": 1, None: 1}
    assert breakdown("screen") == {"desktop": 2, "phone": 1, None: 1}
    assert breakdown("language", "filter=screen==desktop;hostname==shop.example;channel==direct") == {"de-CH": 1}
    assert report("summary", f"date={DAY}&filter=payload.title==Pricing")["page_views"] == 1
    assert report("summary", f"date={DAY}&filter=payload.screen==Checkout;payload.language==German")["page_views"] == 1
    lists = report("overview", f"date={DAY}")["lists"]
    assert [row["value"] for row in lists["screen"]] == ["desktop", None, "phone"]
    assert {"hostname", "language", "channel"} <= lists.keys()


def test_the_fast_path_and_the_slow_path_store_the_same(post: Callable[..., Any], sql: Any) -> None:
    event = view(path="/a", hostname="shop.example", language="de-CH", screen="390x844")
    post("/api/analytics/ingest", [event])
    post("/api/analytics/ingest", [{**event, "page": None}])
    query = "SELECT DISTINCT path, hostname, language, screen, channel FROM events"
    assert sql(query) == [("/a", "shop.example", "de-CH", "phone", "direct")]


def test_columns_are_in_every_export(post: Callable[..., Any], client: FlaskClient, token: Any, auth: Any) -> None:
    post("/api/analytics/ingest", [view(path="https://shop.example/a", language="de", screen=390)])
    response = client.get(
        f"/api/analytics/reports/events?date={DAY}&format=csv", headers=auth(token("read export"))
    ).text.splitlines()
    cells = dict(zip(response[0].split(","), response[1].split(","), strict=True))
    assert {name: cells[name] for name in ("hostname", "language", "screen", "channel")} == {
        "hostname": "shop.example", "language": "de", "screen": "phone", "channel": "direct",
    }  # fmt: skip


def test_a_single_event_may_name_its_domain(post: Callable[..., Any], breakdown: Breakdown) -> None:
    event = {"website_id": "default", "visitor_id": "v", "page": "/b", "referrer": "https://shop.example/a"}
    post("/api/v1/analytics/event", {**event, "hostname": "shop.example", "timestamp": f"{DAY}T10:00:00Z"})
    assert breakdown("channel") == {"internal": 1}


def test_json_of_a_domain_that_is_none_is_ignored(post: Callable[..., Any], breakdown: Breakdown) -> None:
    for domain in (None, 5, ["a"], "two words", "x" * 2000):
        body = {"domain": domain, "events": [view(path="/")]}
        post("/api/analytics/ingest", json.loads(json.dumps(body)))
    assert breakdown("hostname") == {None: 5}

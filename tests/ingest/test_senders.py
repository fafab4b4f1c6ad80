"""Who may send events: tokens, publishable keys in each place, and pages of a site with public_ingest; and what is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.ingest import buffer
from analytics.sites import sites
from analytics.sites.sites import Site
from tests.factories import SINGLE_EVENTS

INGEST, SAMPLES = "/api/analytics/ingest", "/api/analytics/samples"
SHOP, OTHER = "https://shop.example", "https://other.example"
EVENTS = [{"type": "page_view", "user_id": "ann", "path": "/"}]
PLAIN = "text/plain;charset=UTF-8"


@pytest.fixture
def public(engine: Engine) -> Site:
    """A site that pages of https://shop.example send to without a key."""
    with engine.begin() as connection:
        return sites.create_site(connection, "public", public_ingest=True, allowed_origins=[SHOP])


@pytest.fixture
def make_site_key(make_key: Callable[..., str], site: Site) -> Callable[..., str]:
    """`make_site_key(origins, kind)`: a key for the site `default`."""
    return lambda origins=(), kind="publishable": make_key(kind, ["ingest"], site, origins=origins)


def send(client: FlaskClient, body: Any, path: str = INGEST, kind: str = PLAIN, **headers: str) -> Any:
    return client.post(path, data=json.dumps(body), content_type=kind, headers=headers)


def entries(redis: Redis) -> list[buffer.Entry]:
    return [delivery.entry for delivery in buffer.read_range(redis, "-", 100) if delivery.entry]


@pytest.mark.parametrize(
    ("kind", "address"), [("secret", ""), ("publishable", "8.8.8.8"), ("token", "8.8.8.8"), (None, "8.8.8.8")]
)
def test_address_of_a_server_with_a_secret_key_is_not_its_users(
    make_app: Callable[..., Flask],
    redis: Redis,
    make_site_key: Callable[..., str],
    token: Callable[..., str],
    kind: str | None,
    address: str,
) -> None:
    """Browsers send with tokens and publishable keys: their connection is the visitor's."""
    client = make_app(anonymous_scopes=("ingest",)).test_client()
    bearer = token("ingest") if kind == "token" else kind and make_site_key(kind=kind)
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    answer = client.post(INGEST, json=[{"type": "a"}], headers=headers, environ_base={"REMOTE_ADDR": "8.8.8.8"})
    assert answer.status_code == 202
    assert [entry.ip for entry in entries(redis)] == [address]


@pytest.mark.parametrize("field", ["key", "writeKey", "api_key", "token"])
def test_key_in_an_envelope_is_the_caller(
    client: FlaskClient, redis: Redis, make_site_key: Callable[..., str], field: str
) -> None:
    answer = send(client, {field: make_site_key(), "events": EVENTS})
    assert (answer.status_code, answer.json["ingested"]) == (202, 1)
    assert [(entry.site_key, entry.principal[:4]) for entry in entries(redis)] == [("default", "key:")]


@pytest.mark.parametrize(("path", "event"), SINGLE_EVENTS)
def test_key_beside_one_event_is_the_caller_and_is_not_stored(
    client: FlaskClient, redis: Redis, make_site_key: Callable[..., str], path: str, event: dict[str, Any]
) -> None:
    key = make_site_key()
    assert send(client, {**event, "key": key}, path).status_code in (201, 202)
    (entry,) = entries(redis)
    assert (entry.site_key, key.encode() in entry.decode_body()) == ("default", False)


def test_key_beside_a_tracked_step_is_the_caller(
    client: FlaskClient, redis: Redis, make_site_key: Callable[..., str], token: Any, auth: Any
) -> None:
    key = make_site_key()
    steps = [{"condition": {"event": name}} for name in "ab"]
    headers = auth(token("write"))
    funnel = client.post("/api/v1/funnels/", json={"name": "f", "steps": steps}, headers=headers).json["data"]
    step = {"website_id": "default", "visitor_id": "v", "funnel_id": funnel["id"], "key": key}
    assert send(client, step, "/api/v1/funnels/track").status_code == 201
    assert [entry.principal[:4] for entry in entries(redis)] == ["key:"]


def test_key_of_a_batch_of_a_website_and_of_samples(client: FlaskClient, make_site_key: Callable[..., str]) -> None:
    batch = {"siteId": "default", "key": make_site_key(), "events": [{"visitor_id": "v", "page": "/"}]}
    assert send(client, batch, "/api/v1/analytics/event/batch").status_code == 201
    samples = {"token": make_site_key(), "samples": [{"name": "load", "value": 1}]}
    assert send(client, samples, SAMPLES).status_code == 202


def test_other_text_called_key_stays_in_the_payload(
    client: FlaskClient, redis: Redis, site: Site, token: Any, auth: Any
) -> None:
    event = {"event_name": "pressed", "key": "Enter", "token": 7}
    assert client.post("/events", json=event, headers=auth(token())).status_code == 202
    assert json.loads(entries(redis)[0].decode_body())[0]["payload"] == {"key": "Enter", "token": 7}


def test_key_in_a_header_or_the_url_needs_no_key_in_the_body(
    client: FlaskClient, make_site_key: Callable[..., str]
) -> None:
    key = make_site_key()
    assert send(client, EVENTS, Authorization=f"Bearer {key}").status_code == 202
    assert send(client, EVENTS, f"{INGEST}?key={key}").status_code == 202
    # The credential of the header counts.
    answer = send(client, {"key": "pk_unknown", "events": EVENTS}, Authorization=f"Bearer {key}")
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("origins", "headers", "status"),
    [
        pytest.param((), {}, 202, id="any origin"),
        pytest.param((), {"Origin": OTHER}, 202, id="any origin, one sent"),
        pytest.param((SHOP,), {"Origin": SHOP}, 202, id="its origin"),
        pytest.param((SHOP, OTHER), {"Origin": OTHER}, 202, id="the second"),
        pytest.param((SHOP,), {"Origin": OTHER}, 403, id="another origin"),
        pytest.param((SHOP,), {"Origin": "null"}, 403, id="null"),
        pytest.param((SHOP,), {"Origin": "http://shop.example"}, 403, id="another scheme"),
        pytest.param((SHOP,), {"Origin": f"{SHOP}.evil.example"}, 403, id="longer host"),
        pytest.param((SHOP,), {"Origin": OTHER, "Referer": f"{SHOP}/"}, 403, id="the Origin counts first"),
        pytest.param((SHOP,), {"Referer": f"{SHOP}/page?a=1"}, 202, id="Referer"),
        pytest.param((SHOP,), {"Referer": f"{OTHER}/{SHOP}"}, 403, id="another Referer"),
        pytest.param((SHOP,), {}, 403, id="neither"),
    ],
)
@pytest.mark.parametrize("place", ["header", "query", "body"])
def test_key_is_bound_to_its_origins(
    client: FlaskClient,
    make_site_key: Callable[..., str],
    place: str,
    origins: tuple[str, ...],
    headers: dict[str, str],
    status: int,
) -> None:
    key = make_site_key(origins)
    if place == "header":
        answer = send(client, EVENTS, **headers, Authorization=f"Bearer {key}")
    elif place == "query":
        answer = send(client, EVENTS, f"{INGEST}?key={key}", **headers)
    else:
        answer = send(client, {"key": key, "events": EVENTS}, **headers)
    assert answer.status_code == status
    if status == 403:
        assert (answer.json["code"], "origin" in answer.json["detail"].lower()) == ("origin_not_allowed", True)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param(INGEST, {"key": "KEY", "site_id": "public", "events": EVENTS}, 403, id="another site by envelope"),
        pytest.param(INGEST, {"key": "KEY", "events": [{**EVENTS[0], "site_id": "public"}]}, 403, id="by event"),
        pytest.param(f"{INGEST}?site=public", {"key": "KEY", "events": EVENTS}, 403, id="by query"),
        pytest.param(f"{INGEST}?site=default", {"key": "KEY", "events": EVENTS}, 202, id="its own"),
        pytest.param(INGEST, {"key": "pk_unknown", "events": EVENTS}, 401, id="unknown key"),
        pytest.param(INGEST, {"key": "pk_", "events": EVENTS}, 401, id="no key"),
        pytest.param(INGEST, {"key": "SECRET", "events": EVENTS}, 401, id="secret key in a body"),
        pytest.param("/events", {"key": "SECRET", "event_name": "a"}, 401, id="secret key beside an event"),
        pytest.param(INGEST, {"key": "abc", "events": EVENTS}, 401, id="another product's key"),
        pytest.param(INGEST, {"key": 5, "events": EVENTS}, 401, id="a number"),
        pytest.param(INGEST, EVENTS, 401, id="nothing"),
        pytest.param(f"{INGEST}?site=nope", EVENTS, 401, id="unknown site"),
        pytest.param(f"{INGEST}?site=no%20key", EVENTS, 401, id="not a site key"),
        pytest.param(INGEST, None, 401, id="null"),
    ],
)
def test_refused_senders(
    client: FlaskClient,
    redis: Redis,
    public: Site,
    make_site_key: Callable[..., str],
    path: str,
    body: Any,
    status: int,
) -> None:
    text = json.dumps(body).replace("KEY", make_site_key()).replace("SECRET", make_site_key(kind="secret"))
    answer = client.post(path, data=text, content_type=PLAIN, headers={"Origin": OTHER})
    assert (answer.status_code, len(entries(redis))) == (status, int(status == 202))
    assert status < 400 or answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("path", [INGEST, SAMPLES, "/event", "/metrics"])
def test_empty_post_without_a_credential_is_unauthorised(client: FlaskClient, path: str) -> None:
    assert client.post(path).status_code == 401


@pytest.mark.parametrize(
    ("changes", "headers", "status"),
    [
        pytest.param({}, {"Origin": SHOP}, 202, id="its origin"),
        pytest.param({}, {"Origin": "https://SHOP.example:443"}, 202, id="spelled otherwise"),
        pytest.param({}, {"Referer": f"{SHOP}/a"}, 202, id="Referer"),
        pytest.param({}, {"Origin": OTHER}, 403, id="another origin"),
        pytest.param({}, {"Origin": "null"}, 403, id="null"),
        pytest.param({}, {"Referer": f"{OTHER}/a"}, 403, id="another Referer"),
        pytest.param({}, {}, 403, id="no browser"),
        pytest.param({"allowed_origins": []}, {"Origin": SHOP}, 403, id="no origin is allowed"),
        pytest.param({"public_ingest": False}, {"Origin": SHOP}, 401, id="not public"),
    ],
)
def test_public_ingest_takes_events_of_pages_on_the_sites_origins(
    client: FlaskClient,
    engine: Engine,
    redis: Redis,
    public: Site,
    changes: dict[str, Any],
    headers: dict[str, str],
    status: int,
) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, "public", **changes)
    for path, body in (
        (f"{INGEST}?site=public", EVENTS),
        ("/event", {"site_id": "public", "event_type": "a"}),
        (f"{SAMPLES}?site=public", [{"name": "load", "value": 1}]),
    ):
        assert send(client, body, path, **headers).status_code == status
    assert {(entry.site_key, entry.principal) for entry in entries(redis)} == (
        {("public", "anonymous")} if status == 202 else set()
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/analytics/reports/dau?site=public"),
        ("GET", "/api/analytics/reports/events?site=public"),
        ("GET", "/api/analytics/batches/1764000000000-0"),
        ("POST", "/api/analytics/exports"),
        ("GET", "/api/analytics/sites/public"),
        ("PATCH", "/api/analytics/sites/public"),
        ("DELETE", "/events?site=public"),
        ("POST", "/api/analytics/reports/funnel"),
    ],
)
def test_public_ingest_opens_nothing_else(client: FlaskClient, public: Site, method: str, path: str) -> None:
    assert client.open(path, method=method, json={}, headers={"Origin": SHOP}).status_code == 401


def test_strangers_create_no_sites(make_app: Callable[..., Flask], public: Site, sql: Any, make_site_key: Any) -> None:
    client = make_app(auto_create_sites=True).test_client()
    assert send(client, EVENTS, f"{INGEST}?site=new", Origin=SHOP).status_code == 401
    assert send(client, {"key": make_site_key(), "site_id": "new", "events": EVENTS}).status_code == 403
    assert sql("SELECT count(*) FROM sites WHERE key = 'new'") == [(0,)]


def test_anonymous_scopes_need_no_origin(make_app: Callable[..., Flask], public: Site) -> None:
    client = make_app(anonymous_scopes=("ingest",)).test_client()
    assert send(client, EVENTS, f"{INGEST}?site=public").status_code == 202


@pytest.mark.parametrize("identity", ["enforce", "override"])
def test_public_senders_are_no_user_of_their_own(
    client: FlaskClient, engine: Engine, redis: Redis, public: Site, identity: str
) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, "public", identity=identity)
    assert send(client, [{"type": "a"}], f"{INGEST}?site=public", Origin=SHOP).status_code == 202
    assert [(entry.user_id, entry.override_user) for entry in entries(redis)] == [("", identity == "override")]
    if identity == "enforce":
        assert send(client, EVENTS, f"{INGEST}?site=public", Origin=SHOP).status_code == 422


def test_public_senders_share_the_limits_of_their_address(
    make_app: Callable[..., Flask], at: Any, public: Site, make_site_key: Callable[..., str], redis: Redis
) -> None:
    client = make_app(public_rate_limit_per_minute=3, public_rate_limit_events_per_minute=4).test_client()
    client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    statuses = [send(client, EVENTS * 2, f"{INGEST}?site=public", Origin=SHOP).status_code for _ in range(3)]
    # Four events are spent before three requests are.
    assert statuses == [202, 202, 429]
    refused = send(client, {"key": make_site_key(), "events": EVENTS})
    assert (refused.status_code, refused.json["limit"]) == (429, 3)
    assert len(entries(redis)) == 2

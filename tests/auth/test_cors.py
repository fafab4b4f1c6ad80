"""CORS headers: preflights, the origins of sites and keys, errors, and a database that is away."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

from analytics.auth import cors
from analytics.auth.cors import KnownOrigins, OriginCache
from analytics.sites import sites
from analytics.sites.origins import read_known_origins
from analytics.sites.sites import Site

ALLOW = "Access-Control-Allow-Origin"
INGEST, DAU = "/api/analytics/ingest", "/api/analytics/reports/dau"
A, B, OTHER = "https://a.example", "https://b.example", "https://other.example"


@pytest.fixture
def known(engine: Engine, site: Site, make_key: Callable[..., str]) -> dict[str, str]:
    """Sites `a` and `b` with an origin each, and a key for `default` on https://key.example."""
    with engine.begin() as connection:
        sites.create_site(connection, "a", allowed_origins=[A, "https://Upper.example:443"], public_ingest=True)
        sites.create_site(connection, "b", allowed_origins=[B])
    return {"key": make_key("publishable", ["ingest"], site, origins=["https://key.example"])}


def preflight(client: FlaskClient, origin: str, path: str = INGEST) -> Any:
    return client.options(path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})


def words(response: Any, name: str) -> set[str]:
    return set(response.headers[name].split(", "))


@pytest.mark.parametrize(
    ("changes", "origin", "allowed"),
    [
        pytest.param({"environment": "development"}, A, None, id="development"),
        *(
            pytest.param({"environment": "development"}, local, local, id=local)
            for local in ("http://localhost:3000", "https://localhost", "http://127.0.0.1:5173", "http://[::1]:8080")
        ),
        *(
            pytest.param({"environment": "development"}, other, None, id=other)
            for other in (
                "http://localhost.evil.example",
                "http://a.localhost",
                "http://127.0.0.1.evil.example",
                "null",
            )
        ),
        pytest.param({"environment": "development", "cors_origins": ("*",)}, A, "*", id="development with *"),
        pytest.param({"environment": "development", "cors_origins": (B,)}, "http://localhost", None, id="a list alone"),
        pytest.param({}, "http://localhost:3000", None, id="this machine outside development"),
        pytest.param({"environment": "development", "cors_origins": (B,)}, A, None, id="development with a list"),
        pytest.param({}, A, None, id="nothing-set"),
        pytest.param({"cors_origins": (A,)}, A, A, id="listed"),
        pytest.param({"cors_origins": (f"{A}/",)}, A, A, id="listed with a slash"),
        pytest.param({"cors_origins": (A,)}, B, None, id="another"),
        pytest.param({"cors_origins": (A,)}, "null", None, id="null"),
    ],
)
def test_origin_is_allowed_by_the_setting(
    make_app: Callable[..., Flask], settings: Any, changes: dict[str, Any], origin: str, allowed: str | None
) -> None:
    client = make_app(**changes).test_client()
    for response in (client.get("/livez", headers={"Origin": origin}), preflight(client, origin)):
        assert response.headers.get(ALLOW) == allowed
        assert response.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("path", [INGEST, "/api/analytics/sites/x", "/event", "/sdk/v1/p.gif", "/api/not/there"])
@pytest.mark.parametrize("origin", [A, B, "https://upper.example", "https://key.example"])
def test_preflight_allows_the_origins_of_every_site_and_key(
    client: FlaskClient, known: dict[str, str], origin: str, path: str
) -> None:
    response = preflight(client, origin, path)
    assert (response.status_code, response.headers[ALLOW]) == (204, origin)
    assert {"Authorization", "Content-Type", "Content-Encoding", "Idempotency-Key", "Range", "Last-Event-ID"} <= words(
        response, "Access-Control-Allow-Headers"
    )
    assert {"Prefer", "X-Request-ID", "X-Site-ID", "If-None-Match"} <= words(response, "Access-Control-Allow-Headers")
    assert {"POST", "PATCH", "DELETE"} <= words(response, "Access-Control-Allow-Methods")
    assert int(response.headers["Access-Control-Max-Age"]) >= 600


@pytest.mark.parametrize("origin", [OTHER, "null", "http://a.example", "https://a.example.evil.example"])
def test_preflight_of_another_origin_allows_nothing(client: FlaskClient, known: dict[str, str], origin: str) -> None:
    response = preflight(client, origin)
    assert response.status_code == 204
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
    assert response.headers["Vary"] == "Origin"


def test_key_without_origins_opens_preflights_to_any(
    client: FlaskClient, site: Site, make_key: Callable[..., str], token: Any, auth: Any
) -> None:
    assert ALLOW not in preflight(client, OTHER).headers
    new = {"kind": "publishable", "site": "default"}
    created = client.post("/api/analytics/keys", json=new, headers=auth(token("admin")))
    key = created.json["key"]
    assert preflight(client, OTHER).headers[ALLOW] == OTHER
    answer = client.post(INGEST, json=[{"type": "a"}], headers={"Origin": OTHER, "Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.headers[ALLOW]) == (202, OTHER)


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now() - interval '1 second'"])
def test_key_that_is_not_valid_allows_no_origin(
    client: FlaskClient, known: dict[str, str], sql: Any, engine: Engine, change: str
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE api_keys SET {change}")
    assert ALLOW not in preflight(client, "https://key.example").headers


@pytest.mark.parametrize(
    ("path", "origin", "allowed"),
    [
        pytest.param(f"{DAU}?site=a", A, True, id="its site"),
        pytest.param(f"{DAU}?site=b", A, False, id="another site"),
        pytest.param(f"{DAU}?site=default", A, False, id="a site without origins"),
        pytest.param("/api/analytics/sites/b", A, False, id="the settings of another site"),
        pytest.param("/api/analytics/sites/a", A, True, id="the settings of its site"),
        pytest.param("/api/analytics/sites", A, True, id="no one site"),
        pytest.param(f"{DAU}?site=a", OTHER, False, id="unknown origin"),
    ],
)
def test_response_may_be_read_by_the_origins_of_its_own_site(
    client: FlaskClient, known: dict[str, str], token: Any, auth: Any, path: str, origin: str, allowed: bool
) -> None:
    response = client.get(path, headers={"Origin": origin, **auth(token("admin"))})
    assert response.status_code == 200
    assert response.headers.get(ALLOW) == (origin if allowed else None)
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    ("path", "sites", "origin", "allowed"),
    [
        pytest.param("/api/analytics/me", "a", A, True, id="me-its-site"),
        pytest.param("/api/analytics/me", "a", B, False, id="me-another-site"),
        pytest.param("/api/analytics/me", ["a", "b"], B, True, id="me-one-of-its-sites"),
        pytest.param("/api/analytics/me", "a", "https://key.example", False, id="me-a-key-of-another-site"),
        pytest.param("/api/analytics/me", None, B, True, id="me-all-sites"),
        pytest.param("/api/analytics/me", None, OTHER, False, id="me-unknown-origin"),
        pytest.param("/api/analytics/keys", "a", A, True, id="keys-its-site"),
        pytest.param("/api/analytics/keys", "a", B, False, id="keys-another-site"),
        pytest.param("/api/analytics/sites", "a", B, False, id="sites-another-site"),
        pytest.param("/api/analytics/exports", "a", B, False, id="exports-another-site"),
        pytest.param(DAU, "a", A, True, id="report-of-the-tokens-site"),
        pytest.param(DAU, "a", B, False, id="report-of-the-tokens-site-another-origin"),
        pytest.param("/docs", "a", B, True, id="docs"),
        pytest.param("/api/analytics/openapi.json", "a", B, True, id="openapi"),
        pytest.param("/docs", "a", OTHER, False, id="docs-unknown-origin"),
        pytest.param("/api/analytics/openapi.json", "a", OTHER, False, id="openapi-unknown-origin"),
    ],
)
def test_response_of_no_one_site_may_be_read_by_the_origins_of_the_callers_sites(
    client: FlaskClient,
    known: dict[str, str],
    token: Any,
    auth: Any,
    path: str,
    sites: Any,
    origin: str,
    allowed: bool,
) -> None:
    headers = auth(token("admin") if sites is None else token("admin", site=sites))
    response = client.get(path, headers={"Origin": origin, **headers})
    assert (response.status_code, response.headers.get(ALLOW)) == (200, origin if allowed else None)
    assert "Origin" in response.headers["Vary"]
    assert "Origin" in client.get(path, headers=headers).headers["Vary"]


def test_key_without_origins_opens_no_list_of_a_caller_without_a_token(
    make_app: Callable[..., Flask], known: dict[str, str], site: Site, make_key: Callable[..., str]
) -> None:
    client = make_app(anonymous_scopes=("admin",)).test_client()
    make_key("publishable", ["ingest"], site)
    for path in ("/api/analytics/keys", "/api/analytics/me", "/api/analytics/sites"):
        assert ALLOW not in client.get(path, headers={"Origin": OTHER}).headers
        assert client.get(path, headers={"Origin": A}).headers[ALLOW] == A


def test_response_to_a_key_may_be_read_by_its_own_origins(client: FlaskClient, known: dict[str, str]) -> None:
    body = {"key": known["key"], "events": [{"type": "a"}]}
    answers = {
        origin: client.post(INGEST, json=body, headers={"Origin": origin}) for origin in ("https://key.example", A)
    }
    assert [(one.status_code, one.headers.get(ALLOW)) for one in answers.values()] == [
        (202, "https://key.example"),
        (403, None),
    ]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        pytest.param("POST", INGEST, {"data": "[]"}, 401, id="401"),
        pytest.param("GET", "/api/analytics/sites", {"headers": {"Authorization": "READ"}}, 403, id="403"),
        pytest.param("GET", "/api/not/there", {}, 404, id="404"),
        pytest.param("PUT", INGEST, {}, 405, id="405"),
        pytest.param("POST", INGEST, {"data": b"x" * 2000, "headers": {"Authorization": "INGEST"}}, 413, id="413"),
        pytest.param("POST", INGEST, {"content_type": "application/xml", "data": "<a/>"}, 415, id="415"),
        pytest.param("POST", f"{INGEST}?site=a", {"data": "[{}]"}, 422, id="422"),
    ],
)
def test_allowed_origin_may_read_an_error(
    make_app: Callable[..., Flask],
    known: dict[str, str],
    token: Any,
    method: str,
    path: str,
    sent: dict[str, Any],
    status: int,
) -> None:
    client = make_app(max_body_bytes=1000).test_client()
    headers = {"Origin": A, **sent.get("headers", {})}
    if scope := headers.get("Authorization"):
        headers["Authorization"] = f"Bearer {token(scope.lower())}"
    response = client.open(path, method=method, **{"content_type": "text/plain", **sent, "headers": headers})
    assert (response.status_code, response.headers.get(ALLOW)) == (status, A)
    assert "Origin" in response.headers["Vary"]
    assert {"X-Request-ID", "Retry-After", "Content-Range", "Accept-Ranges", "Repr-Digest"} <= words(
        response, "Access-Control-Expose-Headers"
    )


def test_allowed_origin_may_read_that_it_is_limited(make_app: Callable[..., Flask], known: dict[str, str]) -> None:
    client = make_app(rate_limit_per_minute=1).test_client()
    answers = [client.post(f"{INGEST}?site=a", json=[{"type": "a"}], headers={"Origin": A}) for _ in range(2)]
    assert [(one.status_code, one.headers.get(ALLOW)) for one in answers] == [(202, A), (429, A)]
    assert "Origin" in answers[1].headers["Vary"]
    assert {"Retry-After", "RateLimit-Remaining"} <= words(answers[1], "Access-Control-Expose-Headers")


@pytest.mark.parametrize(("error", "status"), [(OperationalError("", {}, Exception()), 503), (ValueError(), 500)])
def test_allowed_origin_may_read_a_failure(
    make_app: Callable[..., Flask], known: dict[str, str], error: Exception, status: int
) -> None:
    app = make_app()

    def fail() -> None:
        raise error

    endpoint, _ = app.url_map.bind("localhost").match("/stats")
    app.view_functions[endpoint] = fail
    response = app.test_client().get("/stats", headers={"Origin": A})
    assert (response.status_code, response.headers.get(ALLOW)) == (status, A)
    assert "Origin" in response.headers["Vary"]
    assert "Origin" in app.test_client().get("/stats").headers["Vary"]


def test_request_without_origin_gets_no_cors_header_but_varies(client: FlaskClient) -> None:
    response = client.get("/livez")
    assert ALLOW not in response.headers
    assert response.headers["Vary"] == "Origin"


def test_origin_of_a_new_site_is_allowed_at_once(client: FlaskClient, site: Site, token: Any, auth: Any) -> None:
    assert ALLOW not in preflight(client, A).headers
    change = client.patch("/api/analytics/sites/default", json={"allowed_origins": [A]}, headers=auth(token("admin")))
    assert change.status_code == 200
    assert preflight(client, A).headers[ALLOW] == A


def test_origins_are_served_while_the_database_is_away(
    engine: Engine, known: dict[str, str], at: Callable[[float], None]
) -> None:
    engines = [engine]
    cache = OriginCache(lambda: engines[-1], read_known_origins)
    assert A in cache.find(A).site_keys
    engines.append(create_engine("postgresql+psycopg2://127.0.0.1:1/gone"))
    for hour in range(1, 4):
        at(hour * 3600)
        assert A in cache.find(A).site_keys
        assert OTHER not in cache.find(OTHER).site_keys
    engines.pop()
    at(5 * 3600)
    with engine.begin() as connection:
        sites.create_site(connection, "other", allowed_origins=[OTHER])
    assert OTHER in find_later(cache, OTHER).site_keys


class Database:
    """A reading of the known origins that hangs while `hangs`."""

    def __init__(self) -> None:
        self.origins = KnownOrigins({A: frozenset({"a"})})
        self.released = threading.Event()
        self.released.set()
        self.reads = 0

    def read(self, engine: Engine) -> KnownOrigins:
        self.reads += 1
        self.released.wait(30)
        return self.origins


def find_later(cache: OriginCache, origin: str) -> KnownOrigins:
    """The known origins once the reading in the background has brought this one, or after ten seconds."""
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while origin not in (known := cache.find(origin)).site_keys and datetime.now(UTC) < deadline:
        threading.Event().wait(0.01)
    return known


def test_hanging_database_is_asked_by_one_thread_and_keeps_no_request(
    engine: Engine, at: Callable[[float], None]
) -> None:
    database = Database()
    cache = OriginCache(lambda: engine, database.read)
    assert A in cache.find(A).site_keys
    database.released.clear()
    for second in range(10, 100, 10):
        at(second)
        begun = datetime.now(UTC)
        assert A in cache.find(A).site_keys
        assert datetime.now(UTC) - begun < timedelta(milliseconds=200)
    assert database.reads == 2
    # The first unknown origin waits a moment, those after it do not.
    cache.find(OTHER)
    begun = datetime.now(UTC)
    assert [OTHER in cache.find(OTHER).site_keys for _ in range(20)] == [False] * 20
    assert datetime.now(UTC) - begun < timedelta(milliseconds=200)
    database.origins = KnownOrigins({OTHER: frozenset()})
    database.released.set()
    assert OTHER in find_later(cache, OTHER).site_keys


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health"])
def test_probe_does_not_wait_for_origins(
    client: FlaskClient, site: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def wait(*_: Any) -> bool:
        raise AssertionError

    monkeypatch.setattr(cors, "offload", wait)
    client.application.extensions["origin_cache"].clear()
    assert client.get(path, headers={"Origin": "https://a.example"}).status_code == 200


def test_unknown_origins_do_not_flood_the_database(engine: Engine, at: Callable[[float], None]) -> None:
    database = Database()
    cache = OriginCache(lambda: engine, database.read)
    at(0)
    for number in range(100):
        cache.find(f"https://{number}.example")
    assert database.reads == 1
    at(1)
    for number in range(100):
        cache.find(f"https://{number}.example")
    assert database.reads == 2


def test_known_origins_are_those_of_sites_and_keys(engine: Engine, known: dict[str, str]) -> None:
    found = read_known_origins(engine)
    assert found.site_keys == {
        A: {"a"},
        B: {"b"},
        "https://upper.example": {"a"},
        "https://key.example": frozenset(),
    }
    assert not found.has_unbound_key


def test_origins_of_one_site_keep_no_other_site_out(
    engine: Engine, known: dict[str, str], sql: Any, site: Site, make_key: Callable[..., str], monkeypatch: Any
) -> None:
    many = "SELECT array_agg('https://' || n || '.example') FROM generate_series(1, 500) AS n"
    sql(f"UPDATE sites SET allowed_origins = ({many}) WHERE key = 'default' RETURNING 1")
    for number in range(5):
        make_key("publishable", ["ingest"], site, origins=[f"https://{number}-{n}.example" for n in range(100)])
    with engine.begin() as connection:
        shop = sites.create_site(connection, "shop")
    make_key("publishable", ["ingest"], shop, origins=["https://last.example"])
    monkeypatch.setattr("analytics.sites.origins.MAX_ORIGINS", 20)
    assert {A, B, "https://last.example"} <= read_known_origins(engine).site_keys.keys()

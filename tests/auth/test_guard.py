"""Authorisation: every route has a guard; scopes and sites come from the token."""

import pytest

from analytics.auth.guard import Principal, check_site_access, resolve_site_key
from analytics.errors import Forbidden

# Requests of load balancers, orchestrators and browsers, which have no token.
PUBLIC = {"/livez", "/readyz", "/healthz", "/health", "/health-check", "/api/analytics/healthz", "/-/metrics"}
PUBLIC |= {"/", "/docs", "/redoc", "/api/analytics/docs", "/api/analytics/openapi.json", "/docs/files/<path:name>"}
PUBLIC |= {"/sdk/<version>/<name>"}
# Pages, which look for a session themselves (tests/dashboard).
PAGES = {"/login", "/logout", "/sites/<key>", "/sites/<key>/<page>", "/assets/<version>/<path:name>"}
PAGES |= {
    f"{frame}/{way}{page}"
    for frame in ("", "/embed")
    for way in ("share/<token>", "public/<key>")
    for page in ("", "/<page>")
}


def test_every_route_is_guarded_or_public(app):
    open_routes = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if not getattr(app.view_functions[rule.endpoint], "guarded_scope", None)
    }
    assert open_routes <= PUBLIC | PAGES


def test_request_without_a_token_gets_a_hint_to_send_one(client):
    response = client.get("/api/analytics/sites")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Authorization: Bearer" in response.json["detail"]


def test_missing_scope_is_named(client, token, auth):
    response = client.get("/api/analytics/sites", headers=auth(token("ingest read export")))
    assert (response.status_code, response.json["detail"]) == (403, "the token lacks the scope admin")


def test_admin_includes_every_other_scope(client, site, token, auth):
    assert client.get("/api/analytics/sites/default", headers=auth(token("admin"))).status_code == 200


def test_anonymous_caller_has_the_scopes_of_the_setting(make_app, site):
    client = make_app(anonymous_scopes=("read",)).test_client()
    assert client.get("/api/analytics/sites/default").status_code == 200
    assert client.get("/api/analytics/sites").status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("192.168.1.7", 200), ("localhost:8000", 200), ("web:8000", 200),
        ("app.localhost", 200), ("host.docker.internal:8000", 200), ("stats.example:8443", 200), ("LOCALHOST.", 200),
        ("evil.example", 401), ("evil.example:8000", 401), ("127.0.0.1.evil.example", 401), ("localhost.evil", 401),
        ("a b", 401),
    ],
)  # fmt: skip
def test_a_page_of_another_site_is_nobody_in_development(make_app, site, host, status):
    """Its owner can let its name lead to 127.0.0.1: then the browser takes the service for that site's own."""
    app = make_app(environment="development", anonymous_scopes=("read", "ingest"), public_url="https://stats.example")
    client, headers = app.test_client(), {"Host": host}
    answer = client.get("/api/analytics/sites/default", headers=headers)
    assert answer.status_code == status
    assert status == 200 or "PUBLIC_URL" in answer.json["detail"]
    assert client.post("/api/analytics/ingest", json=[{"type": "a"}], headers=headers).status_code in (202, status)
    assert client.get("/api/analytics/me", headers=headers).status_code == status


def test_a_name_in_front_of_production_is_not_compared(make_app, site):
    client = make_app(anonymous_scopes=("read",)).test_client()
    assert client.get("/api/analytics/sites/default", headers={"Host": "stats.example"}).status_code == 200


def test_invalid_token_is_not_anonymous(make_app, site, auth):
    client = make_app(anonymous_scopes=("read",)).test_client()
    assert client.get("/api/analytics/sites/default", headers=auth("x.y.z")).status_code == 401


def principal(*keys, every=False):
    return Principal("me", frozenset({"read"}), None if every else frozenset(keys))


@pytest.mark.parametrize(
    ("caller", "asked", "chosen"),
    [
        pytest.param(principal(every=True), None, "default", id="no-claim-nothing-asked"),
        pytest.param(principal(every=True), "shop", "shop", id="no-claim-any-site"),
        pytest.param(principal("shop"), None, "shop", id="the-only-site"),
        pytest.param(principal("shop", "blog"), None, "blog", id="the-first-by-name"),
        pytest.param(principal("shop", "blog"), "shop", "shop", id="asked-and-allowed"),
        pytest.param(principal("shop"), "", "shop", id="empty-is-not-asked"),
    ],
)
def test_site_is_the_requested_one_or_the_tokens_own(caller, asked, chosen):
    assert resolve_site_key(caller, asked) == chosen


@pytest.mark.parametrize(("caller", "asked"), [(principal("shop"), "blog"), (principal(), None)])
def test_site_outside_the_token_is_refused(caller, asked):
    with pytest.raises(Forbidden, match="is not for the site"):
        resolve_site_key(caller, asked)


def test_error_names_the_site():
    with pytest.raises(Forbidden, match="'blog'"):
        check_site_access(principal("shop"), "blog")

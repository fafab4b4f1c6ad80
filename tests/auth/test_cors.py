"""What a browser on another origin is told."""

import pytest

ASK = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
ALLOW = "Access-Control-Allow-Origin"


@pytest.mark.parametrize(
    ("changes", "origin", "allowed"),
    [
        pytest.param({"environment": "development"}, "https://a.example", "*", id="development"),
        pytest.param({}, "https://a.example", None, id="nothing-set"),
        pytest.param({"cors_origins": ("https://a.example",)}, "https://a.example", "https://a.example", id="listed"),
        pytest.param({"cors_origins": ("https://a.example",)}, "https://b.example", None, id="another"),
        pytest.param({"cors_origins": ("https://a.example",)}, "null", None, id="null"),
    ],
)
def test_origin_is_allowed_by_the_setting(make_app, changes, origin, allowed):
    response = make_app(**changes).test_client().get("/livez", headers={"Origin": origin})
    assert response.headers.get(ALLOW) == allowed
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("path", ["/api/analytics/ingest", "/api/analytics/sites/x", "/event", "/api/not/there"])
def test_preflight_is_answered_without_a_token(make_app, path):
    response = make_app(cors_origins=("https://shop.example",)).test_client().options(path, headers=ASK)
    assert (response.status_code, response.headers[ALLOW]) == (204, "https://shop.example")
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]


def test_preflight_of_a_stranger_allows_nothing(client):
    response = client.options("/api/analytics/ingest", headers=ASK)
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_browser_may_read_a_refusal_and_its_request_id(make_app):
    response = make_app(cors_origins=("https://shop.example",)).test_client().get("/api/analytics/sites", headers=ASK)
    assert (response.status_code, response.headers[ALLOW]) == (401, "https://shop.example")
    assert {"X-Request-ID", "Retry-After"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))


def test_caller_that_is_no_browser_gets_no_such_header(client):
    assert ALLOW not in client.get("/livez").headers

"""The reduced request handling of `App`: routing, hooks and responses behave as Flask's."""

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from werkzeug.routing import Map

from analytics import create_app
from analytics.sites.sites import Site
from analytics.web.app import App, JsonBytesResponse, current_request
from config import Settings
from tests.url_map import SHARED, key_of


@pytest.mark.parametrize("again", range(2), ids=["first time", "remembered"])
def test_cached_rule_serves_each_method_as_the_first_time(client: FlaskClient, again: int) -> None:
    found = [client.open("/livez", method=method).status_code for method in ("GET", "HEAD", "OPTIONS", "POST")]
    assert found == [200, 200, 200, 405]


def test_a_doubled_slash_is_redirected(client: FlaskClient) -> None:
    assert client.get("/api/analytics/healthz").status_code == 200
    assert client.get("/api//analytics/healthz").status_code == 308


def test_paths_with_variables_find_their_own_values(client: FlaskClient, site: Site, token, auth) -> None:
    headers = auth(token("admin"))
    assert client.get("/api/analytics/sites/default", headers=headers).status_code == 200
    assert client.get("/api/analytics/sites/other", headers=headers).status_code == 404


def test_json_bytes_response_has_no_body_for_head(app: Flask) -> None:
    written = {}
    for method in ("POST", "GET", "HEAD"):
        with app.test_request_context("/", method=method):
            environ = current_request().environ
            written[method] = b"".join(JsonBytesResponse(b"{}", 202)(environ, lambda status, headers: None))
    assert written == {"POST": b"{}", "GET": b"{}", "HEAD": b""}


@pytest.mark.parametrize("hook", ["before_request", "after_request", "teardown_request", "url_value_preprocessor"])
def test_hook_that_would_not_run_is_refused(hook: str) -> None:
    blueprint = Blueprint("some", __name__)
    getattr(blueprint, hook)(lambda *_: None)
    with pytest.raises(RuntimeError, match="some: hooks"):
        App(__name__, static_folder=None).register_blueprint(blueprint)


def test_the_tests_share_the_routes_of_an_application_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "url_map_class", Map)
    own = create_app(Settings(environment="test")).url_map
    assert own is not SHARED
    assert [*map(key_of, own.iter_rules())] == [*map(key_of, SHARED.iter_rules())]

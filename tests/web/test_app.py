"""The framework's steps that we shortened: a request still finds what it asks for, and no more."""

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from analytics.application import App, Written, current_request
from analytics.sites import Site


@pytest.mark.parametrize("again", range(2), ids=["first time", "remembered"])
def test_a_remembered_path_answers_each_method_as_the_first_time(client: FlaskClient, again: int) -> None:
    found = [client.open("/livez", method=method).status_code for method in ("GET", "HEAD", "OPTIONS", "POST")]
    assert found == [200, 200, 200, 405]


def test_a_path_with_a_slash_too_many_is_no_other(client: FlaskClient) -> None:
    assert client.get("/api/analytics/healthz").status_code == 200
    assert [client.get(f"/api/{path}").status_code for path in ("analytics/healthz/", "/analytics/healthz")] == [
        404,
        308,
    ]


def test_paths_with_variables_are_told_apart(client: FlaskClient, site: Site, token, auth) -> None:
    headers = auth(token("admin"))
    assert client.get("/api/analytics/sites/default", headers=headers).status_code == 200
    assert client.get("/api/analytics/sites/other", headers=headers).status_code == 404
    assert not [path for _, path in client.application.plain_rules if "sites/" in path]


def test_a_written_answer_has_no_body_for_a_head(app: Flask) -> None:
    written = {}
    for method in ("POST", "GET", "HEAD"):
        with app.test_request_context("/", method=method):
            environ = current_request().environ
            written[method] = b"".join(Written(b"{}", 202)(environ, lambda status, headers: None))
    assert written == {"POST": b"{}", "GET": b"{}", "HEAD": b""}


@pytest.mark.parametrize("hook", ["before_request", "after_request", "teardown_request", "url_value_preprocessor"])
def test_a_hook_that_would_not_run_is_refused(hook: str) -> None:
    blueprint = Blueprint("some", __name__)
    getattr(blueprint, hook)(lambda *_: None)
    with pytest.raises(RuntimeError, match="some: hooks"):
        App(__name__).register_blueprint(blueprint)

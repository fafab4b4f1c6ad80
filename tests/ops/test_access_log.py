"""The line of each request in the log: which requests have one, and what it says."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from analytics import telemetry
from analytics.privacy.pseudonym import identity_salt, make_pseudonym
from analytics.telemetry import JsonFormatter
from analytics.web.server.connections import refusal_log

MakeApp = Callable[..., Flask]
INGEST = "/api/analytics/ingest"
SECRETS = ("ann@example.com", "eyJ", "Bearer", "secret-path", "127.0.0.1")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The access lines so far, as a reader of the log file sees them."""
    formatter = JsonFormatter()
    found: list[dict[str, Any]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(formatter.format(record)))

    handler, log = Keep(), logging.getLogger("analytics.access")
    log.addHandler(handler)
    yield lambda: found
    log.removeHandler(handler)


@pytest.fixture
def make_client(make_app: MakeApp) -> Callable[..., FlaskClient]:
    """`make_client("all")`: a client of an application with that ACCESS_LOG."""
    return lambda mode, **changes: make_app(access_log=mode, slow_request=60.0, **changes).test_client()


def post_one_good_of_three(client: FlaskClient, headers: dict[str, str]) -> Response:
    events = [{"type": "order", "user_id": "ann@example.com"}, {"type": ""}, {"user_id": "ann@example.com"}]
    return client.post(INGEST, json=events, headers=headers)


def test_a_line_names_caller_route_and_site_and_no_path_query_or_credential(
    make_client: Any, lines: Any, site: Any, token: Any, auth: Any
) -> None:
    headers = {**auth(token(sub="nightly-job")), "X-Request-ID": "abc-1"}
    client = make_client("all")
    response = client.get("/api/analytics/reports/dau?date=2026-11-23&type=ann@example.com", headers=headers)
    [line] = lines()
    line.pop("at"), line.pop("function")
    assert line.pop("ms") > 0
    assert line == {
        "level": "INFO",
        "logger": "analytics.access",
        "message": "request",
        "request_id": "abc-1",
        "method": "GET",
        "route": "/api/analytics/reports/dau",
        "status": 200,
        "bytes": len(response.data),
        "subject": "nightly-job",
        "client": "token",
        "site": "default",
    }


def test_the_route_is_the_template_of_a_path_with_variables(
    make_client: Any, lines: Any, site: Any, token: Any, auth: Any
) -> None:
    make_client("all").get("/api/analytics/batches/secret-path", headers=auth(token()))
    [line] = lines()
    assert (line["route"], line["status"], line["code"]) == ("/api/analytics/batches/<batch_id>", 404, "not_found")
    assert "secret-path" not in str(line)


@pytest.mark.parametrize(("method", "path"), [("GET", "/secret-path"), ("SECRET-PATH", "/livez"), ("POST", "/livez")])
def test_a_request_without_a_route_is_logged_without_the_text_of_the_client(
    make_client: Any, lines: Any, method: str, path: str
) -> None:
    make_client("errors").open(f"{path}?secret-path", method=method)
    [line] = lines()
    assert (line["route"], line["subject"], line["client"], line["site"]) == ("(none)", None, None, None)
    assert line["method"] in (method, "(other)")
    assert "secret-path" not in str(line).lower()


@pytest.mark.parametrize(
    ("mode", "logged"), [("off", []), ("errors", [202, 422, 401]), ("all", [200, 202, 202, 422, 401])]
)
def test_the_mode_decides_which_requests_have_a_line(
    make_client: Any, lines: Any, site: Any, token: Any, auth: Any, mode: str, logged: list[int]
) -> None:
    client, headers = make_client(mode), auth(token())
    client.get("/livez")
    client.post(INGEST, json=[{"type": "a"}], headers=headers)
    post_one_good_of_three(client, headers)
    client.post(INGEST, json=[{"type": ""}], headers=headers)
    client.post(INGEST, json=[{"type": "a"}])
    assert [line["status"] for line in lines()] == logged


def test_rejected_events_are_counted_by_reason(make_client: Any, lines: Any, site: Any, token: Any, auth: Any) -> None:
    response = post_one_good_of_three(make_client("errors"), auth(token()))
    codes = [problem["code"] for problem in response.json["rejected"]]
    [line] = lines()
    assert line["rejected"] == {code: codes.count(code) for code in codes}
    assert sum(line["rejected"].values()) == 2
    assert not [secret for secret in SECRETS if secret in str(line)]


@pytest.mark.parametrize("events", [20, 400], ids=["whole", "streamed"])
def test_a_compressed_problem_is_logged_with_its_code(
    make_client: Any, lines: Any, site: Any, token: Any, auth: Any, events: int
) -> None:
    headers = {**auth(token()), "Accept-Encoding": "gzip"}
    response = make_client("errors").post("/api/analytics/ingest", json=[{"type": 1}] * events, headers=headers)
    assert (response.status_code, response.headers["Content-Encoding"]) == (422, "gzip")
    sent = len(response.get_data())
    response.close()
    [line] = lines()
    assert (line["status"], line["code"], line["bytes"]) == (422, "invalid", sent)


def test_a_head_request_has_no_bytes(make_client: Any, lines: Any) -> None:
    make_client("all").head("/livez")
    assert [line["bytes"] for line in lines()] == [0]


def test_a_subject_is_a_pseudonym_where_user_ids_are(make_client: Any, lines: Any, site: Any, token: Any, auth: Any, settings: Any) -> None:  # fmt: skip
    client = make_client("all", anonymize_user_ids=True)
    client.post(INGEST, json=[{"type": "a"}], headers=auth(token(sub="ann@example.com")))
    [line] = lines()
    assert line["subject"] == make_pseudonym(identity_salt(settings), "default", "ann@example.com")


def test_a_line_has_a_new_id_where_that_of_the_client_is_not_accepted(make_client: Any, lines: Any) -> None:
    client = make_client("all")
    for sent in ("x" * 129, 'a"b', "a b", "é", ""):
        answered = client.get("/livez", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
        assert len(answered) == 32
        assert lines()[-1]["request_id"] == answered


def test_another_request_does_not_name_the_site_of_the_one_before(
    make_client: Any, lines: Any, site: Any, token: Any, auth: Any
) -> None:
    client = make_client("all")
    client.post(INGEST, json=[{"type": "a"}], headers=auth(token()))
    client.get("/livez")
    assert [line["site"] for line in lines()] == ["default", None]


def test_a_slow_request_is_one_line_whatever_the_mode(make_app: MakeApp, lines: Any) -> None:
    make_app(access_log="off", slow_request=0.0).test_client().get("/livez?user_id=ann")
    [line] = lines()
    assert (line["level"], line["route"]) == ("WARNING", "/livez")
    assert line["message"].startswith("Slow analytics request: /livez took ")


@pytest.mark.parametrize(("mode", "is_logged"), [("off", False), ("errors", True), ("all", True)])
def test_the_mode_decides_about_refused_connections_too(make_client: Any, mode: str, is_logged: bool) -> None:
    make_client(mode)
    assert refusal_log.isEnabledFor(logging.WARNING) == is_logged


@pytest.fixture
def streaming(make_app: MakeApp, own_routes: None) -> Callable[[str], Flask]:
    """An application with a route that streams, logs between two chunks, and fails on demand."""

    def make(mode: str) -> Flask:
        app = make_app(access_log=mode, slow_request=60.0)

        @app.get("/stream")
        def stream() -> Response:
            def chunks() -> Iterator[bytes]:
                yield b"12345"
                logging.getLogger("analytics.access").info("inside")
                yield b"678"
                if mode == "errors":
                    raise RuntimeError

            return Response(chunks())

        return app

    return make


def test_a_stream_is_logged_when_it_ends_with_the_bytes_that_were_sent(streaming: Any, lines: Any) -> None:
    response = streaming("all").test_client().get("/stream", headers={"X-Request-ID": "s-1"})
    assert lines() == []
    telemetry.request_id.set("another")
    assert response.data == b"12345678"
    response.close()
    assert [(line["message"], line["request_id"]) for line in lines()] == [("inside", "s-1"), ("request", "s-1")]
    assert (lines()[-1]["bytes"], lines()[-1]["ended"]) == (8, "complete")


def test_a_stream_that_its_client_left_says_so(streaming: Any, lines: Any) -> None:
    response = streaming("all").test_client().get("/stream", buffered=False)
    next(response.iter_encoded())
    response.close()
    [line] = lines()
    assert (line["bytes"], line["ended"]) == (5, "client_left")


def test_a_stream_that_failed_is_an_error(streaming: Any, lines: Any) -> None:
    app = streaming("errors")
    with pytest.raises(RuntimeError):
        app.test_client().get("/stream", buffered=True)
    line = lines()[-1]
    assert (line["level"], line["status"], line["ended"], line["bytes"]) == ("WARNING", 200, "failed", 8)

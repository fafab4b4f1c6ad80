"""What is checked of a request with a body before the body is read."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from flask import Flask
from flask.testing import FlaskClient

from analytics.auth.admission import KEYLESS_BODY_BYTES, check_body
from analytics.sites.sites import Site
from analytics.web.server.request_body import CALLER_KEY

INGEST = "/api/analytics/ingest"


class Unread:
    """A body that must not be read."""

    def read(self, size: int = -1) -> bytes:
        pytest.fail("the body was read")


def send(
    client: FlaskClient, path: str = INGEST, length: int = 10, media: str = "application/json", **more: Any
) -> Any:
    unread = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(length), "CONTENT_TYPE": media}
    return client.post(path, environ_overrides=unread, **more)


@pytest.mark.parametrize("path", [INGEST, "/api/analytics/exports"])
def test_a_body_that_is_too_long_is_refused_unread(client: FlaskClient, path: str) -> None:
    response = send(client, path, 5_000_001)
    assert (response.status_code, "MAX_BODY_BYTES" in response.json["detail"]) == (413, True)


@pytest.mark.parametrize("path", [INGEST, "/api/analytics/exports"])
def test_a_media_type_that_is_not_accepted_is_refused_unread(client: FlaskClient, path: str) -> None:
    response = send(client, path, media="image/png")
    assert (response.status_code, "application/json" in response.json["detail"]) == (415, True)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(("coding", "status"), [("gzip, chunked", 415), ("gzip,Chunked", 415), ("Chunked", 202)])
def test_a_transfer_coding_other_than_chunked_is_refused_and_told_the_way(
    client: FlaskClient, token: Callable[..., str], coding: str, status: int
) -> None:
    headers = {"Transfer-Encoding": coding, "Authorization": f"Bearer {token()}"}
    response = client.post(
        INGEST, data=b'[{"type": "a"}]', headers=headers, environ_overrides={"wsgi.input_terminated": True}
    )
    assert response.status_code == status
    assert status == 202 or "Content-Encoding: gzip" in response.json["detail"]


@pytest.mark.parametrize(
    "path", [INGEST, "/event", "/events", "/analytics/events/", "/api/v1/analytics/event", "/api/analytics/samples"]
)
def test_a_refused_media_type_of_events_is_told_every_accepted_one(client: FlaskClient, path: str) -> None:
    response = client.post(path, data=b"[]", content_type="text/html")
    assert (response.status_code, response.json["detail"]) == (
        415,
        "Content-Type 'text/html' is not accepted; accepted: application/json, text/plain, application/x-ndjson, any "
        "that ends in +json, none, each with JSON in the body; for example Content-Type: application/json",
    )


@pytest.mark.parametrize(
    "media",
    ["application/json", "text/plain;charset=UTF-8", "application/x-ndjson", "application/cloudevents+json", ""],
)
def test_every_media_type_that_the_refusal_names_is_accepted(
    client: FlaskClient, token: Any, auth: Any, site: Site, media: str
) -> None:
    response = client.post(INGEST, data=b'[{"type": "a"}]', content_type=media, headers=auth(token("ingest")))
    assert response.status_code == 202


def test_a_media_type_for_events_only_is_not_offered_elsewhere(client: FlaskClient) -> None:
    detail = send(client, "/api/analytics/exports", media="text/plain").json["detail"]
    assert "accepted: application/json, any that ends in +json, each with JSON" in detail


def test_a_wrong_credential_is_refused_unread(client: FlaskClient) -> None:
    assert send(client, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert send(client, "/api/analytics/exports").status_code == 401


@pytest.mark.parametrize(("length", "status"), [(KEYLESS_BODY_BYTES + 1, 413), (KEYLESS_BODY_BYTES, 401)])
def test_events_without_a_credential_are_read_up_to_a_limit(client: FlaskClient, length: int, status: int) -> None:
    response = client.post(INGEST, data=b" " * length, content_type="application/json")
    assert response.status_code == status
    if status == 413:
        assert "Authorization: Bearer" in response.json["detail"]


@pytest.mark.parametrize(("length", "status"), [(KEYLESS_BODY_BYTES + 1, 413), (KEYLESS_BODY_BYTES, 401)])
@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_the_limit_without_a_credential_holds_after_decompression(
    client: FlaskClient, encoding: str, encode: Callable[[bytes], bytes], length: int, status: int
) -> None:
    sent = encode(b"[" + b" " * (length - 2) + b"]")
    headers = {"Content-Encoding": encoding}
    response = client.post(INGEST, data=sent, content_type="application/json", headers=headers)
    assert response.status_code == status
    if status == 413:
        assert response.json["limit"] == KEYLESS_BODY_BYTES
        assert "after decompression" in response.json["detail"]
        assert "Authorization: Bearer" in response.json["detail"]


def test_a_caller_with_anonymous_scopes_may_send_what_others_may(make_app: Any, site: Site) -> None:
    client = make_app(anonymous_scopes=("ingest",)).test_client()
    events = [{"type": "a", "payload": {"text": "x" * 1000}}] * 100
    assert client.post(INGEST, json=events).status_code == 202


def test_a_post_without_a_body_needs_no_media_type(client: FlaskClient, token: Any, auth: Any, app: Flask) -> None:
    response = client.post("/api/analytics/exports", headers=auth(token("export")))
    assert "Content-Type" in response.json["detail"]


@pytest.mark.parametrize("scopes", [(), ("ingest",)], ids=["keyless", "anonymous"])
def test_bodies_of_one_ipv6_network_are_of_one_caller(make_app: Any, scopes: tuple[str, ...]) -> None:
    app, found = make_app(anonymous_scopes=scopes), set()
    for address in ("2001:db8::1", "2001:db8::2"):
        with app.test_request_context(INGEST, method="POST", json=[], environ_base={"REMOTE_ADDR": address}) as context:
            check_body()
            found.add(context.request.environ[CALLER_KEY])
    assert found == {"2001:db8::/64"}

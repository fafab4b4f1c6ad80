"""Responses are compressed as the client prefers, whole or as a stream; 304 for a client that has the figures."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zstandard
from flask import Blueprint, Flask, Response, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from analytics.sites.sites import Site
from analytics.web.compression import MAX_INLINE_BYTES, MIN_BYTES, CompressedStream
from tests.factories import append_events, make_drain

DOCUMENT, EVENTS = "/api/analytics/openapi.json", "/api/analytics/reports/events"
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}
DECODER: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31).decompress,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}
ROWS = [f"{n},text of row {n}\n".encode() for n in range(20_000)]


class Body(Iterator[bytes]):
    """Counts how much was read, and whether it was closed."""

    def __init__(self, chunks: list[bytes]) -> None:
        self.left, self.read, self.is_closed = iter(chunks), 0, False

    def __next__(self) -> bytes:
        chunk = next(self.left)
        self.read += 1
        return chunk

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def body() -> Body:
    return Body([b"".join(ROWS[n : n + 1000]) for n in range(0, len(ROWS), 1000)])


@pytest.fixture
def samples(make_app: Callable[..., Flask], own_routes: None, body: Body) -> FlaskClient:
    """Routes that respond with `?size=`, `?type=`, `?header=Name:value`, and one that streams `body`."""
    app, blueprint = make_app(), Blueprint("sample", __name__)

    @blueprint.get("/sized")
    @blueprint.post("/sized")
    def sized() -> Response:
        name, _, value = request.args.get("header", "X-None:1").partition(":")
        response = Response(b"a" * int(request.args["size"]), int(request.args.get("status", 200)))
        response.headers.update({"Content-Type": request.args.get("type", "application/json"), name: value})
        return response

    @blueprint.get("/streamed")
    def streamed() -> Response:
        return Response(body, content_type="text/csv")

    app.register_blueprint(blueprint)
    return app.test_client()


def get(client: FlaskClient, path: str, encodings: str = "gzip", **options: Any) -> TestResponse:
    headers = {"Accept-Encoding": encodings, **options.pop("headers", {})}
    return client.open(path, headers=headers, **options)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd"), ("gzip, zstd;q=0.5", "gzip"),
        ("*", "zstd"), ("gzip;q=0", None), ("gzip;q=0, *;q=0", None), ("br, deflate", None), ("identity", None),
        ("identity, gzip;q=0.5", None), ("", None), ("gzip;q=x", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [MIN_BYTES, MAX_INLINE_BYTES + 1])
def test_encoding_is_the_one_that_the_client_prefers(
    samples: FlaskClient, accepted: str, encoding: str | None, size: int
) -> None:
    response = get(samples, f"/sized?size={size}", accepted)
    assert response.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in response.headers["Vary"]
    data = response.get_data()
    assert (DECODE[encoding](data) if encoding else data) == b"a" * size


@pytest.mark.parametrize(
    "query",
    [
        f"size={MIN_BYTES - 1}",
        "size=5000&type=image/png",
        "size=5000&type=application/gzip",
        "size=5000&type=application/vnd.apache.parquet",
        "size=5000&type=text/event-stream",
        "size=5000&header=Content-Encoding:br",
        "size=5000&header=Accept-Ranges:bytes",
        "size=5000&header=Cache-Control:no-store, no-transform",
        "size=5000&status=206&header=Content-Range:bytes 0-4999/6000",
    ],
)
def test_what_gains_nothing_is_sent_as_it_is(samples: FlaskClient, query: str) -> None:
    response = get(samples, f"/sized?{query}", "gzip, zstd")
    assert response.headers.get("Content-Encoding") in (None, "br")
    assert "Accept-Encoding" not in response.headers.get("Vary", "")
    assert set(response.get_data()) == {ord("a")}


@pytest.mark.parametrize("encoding", DECODE)
def test_errors_and_posts_are_compressed_too(samples: FlaskClient, encoding: str) -> None:
    response = get(samples, "/sized?size=2000&status=422&type=application/problem%2Bjson", encoding, method="POST")
    assert DECODE[encoding](response.get_data()) == b"a" * 2000
    assert response.content_length == len(response.get_data())


@pytest.mark.parametrize("encoding", DECODE)
def test_head_has_the_headers_of_get(samples: FlaskClient, encoding: str) -> None:
    found = [get(samples, "/sized?size=2000", encoding, method=method) for method in ("GET", "HEAD")]
    assert found[1].get_data() == b""
    for name in ("Content-Encoding", "Content-Length", "Vary", "Content-Type"):
        assert found[0].headers[name] == found[1].headers[name]


@pytest.mark.parametrize("encoding", DECODE)
def test_stream_is_compressed_chunk_by_chunk(samples: FlaskClient, body: Body, encoding: str) -> None:
    response = get(samples, "/streamed", encoding, buffered=False)
    pieces, decoder = iter(response.response), DECODER[encoding]()
    # The client can read the first chunk before the second is computed.
    assert decoder(next(pieces)) == b"".join(ROWS[:1000])
    assert body.read == 1
    assert b"".join(map(decoder, pieces)) == b"".join(ROWS[1000:])
    response.close()
    assert (body.is_closed, "Content-Length" in response.headers) == (True, False)


def test_a_client_that_leaves_ends_the_body(samples: FlaskClient, body: Body) -> None:
    response = get(samples, "/streamed", buffered=False)
    next(iter(response.response))
    response.close()
    assert (body.read, body.is_closed) == (1, True)


def test_a_body_that_is_never_read_is_closed(body: Body) -> None:
    CompressedStream(body, body, "zstd").close()
    assert (body.read, body.is_closed) == (0, True)


@pytest.mark.parametrize("encoding", DECODE)
def test_a_body_that_breaks_off_has_no_end(encoding: str) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise OSError

    stream = CompressedStream(None, broken(), encoding)
    next(stream)
    with pytest.raises(OSError):  # noqa: PT011
        next(stream)


@pytest.mark.parametrize("encoding", DECODE)
def test_document_is_compressed_once_and_has_one_etag_for_all_encodings(app: Flask, encoding: str) -> None:
    client = app.test_client()
    plain, packed = client.get(DOCUMENT), get(client, DOCUMENT, encoding)
    assert json.loads(DECODE[encoding](packed.get_data())) == plain.json
    assert packed.headers["ETag"] == f"W/{plain.headers['ETag']}"
    kept = app.extensions["api_documents"][f"openapi {encoding}"]
    get(client, DOCUMENT, encoding)
    assert app.extensions["api_documents"][f"openapi {encoding}"] is kept
    for etag in (plain.headers["ETag"], packed.headers["ETag"]):
        for accepted in ("", encoding):
            again = get(client, DOCUMENT, accepted, headers={"If-None-Match": etag})
            assert (again.status_code, again.get_data()) == (304, b"")
            assert "Accept-Encoding" in again.headers["Vary"]


@pytest.fixture
def reader(client: FlaskClient, site: Site, token: Any) -> FlaskClient:
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token('ingest read')}"
    return client


@pytest.mark.parametrize("encoding", DECODE)
def test_csv_is_compressed(reader: FlaskClient, encoding: str) -> None:
    found = {method: get(reader, EVENTS, encoding, method=method) for method in ("GET", "HEAD")}
    assert DECODE[encoding](found["GET"].get_data()).startswith(b"event_id,")
    for response in found.values():
        assert response.headers["Content-Encoding"] == encoding
        assert "Content-Length" not in response.headers
    book = get(reader, f"{EVENTS}?format=xlsx", encoding)
    assert (book.headers.get("Content-Encoding"), book.get_data()[:2]) == (None, b"PK")


def test_answers_to_small_batches_are_untouched(reader: FlaskClient) -> None:
    response = get(reader, "/api/analytics/ingest", "gzip, zstd", method="POST", json=[{"type": "a"}])
    assert (response.status_code, response.json["ingested"]) == (202, 1)
    assert "Content-Encoding" not in response.headers
    assert "Accept-Encoding" not in response.headers.get("Vary", "")


REPORT = "/api/analytics/reports/summary?date=2026-03-01"


def test_report_of_a_closed_period_is_not_sent_twice(reader: FlaskClient) -> None:
    first = reader.get(REPORT)
    assert first.headers["ETag"].startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    # From the cache, and computed: `meta` has other instants then.
    for etag in (first.headers["ETag"], first.headers["ETag"].removeprefix("W/")):
        again = get(reader, REPORT, headers={"If-None-Match": etag})
        assert (again.status_code, again.get_data()) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    assert reader.get(REPORT, headers={"If-None-Match": '"other"'}).status_code == 200


def test_late_event_gives_a_closed_period_another_etag(
    make_app: Callable[..., Flask], reader: FlaskClient, redis: Any, engine: Any, site: Site
) -> None:
    client = make_app(cache_ttl=0.0, event_retention_days=36_500).test_client()
    headers = {"Authorization": reader.environ_base["HTTP_AUTHORIZATION"]}
    before = client.get(REPORT, headers=headers)
    append_events(redis, site, [{"type": "page_view", "user_id": "ann", "ts": "2026-03-01T12:00:00Z"}])
    make_drain(engine, redis).run()
    after = client.get(REPORT, headers={**headers, "If-None-Match": before.headers["ETag"]})
    assert (after.status_code, after.json["page_views"]) == (200, 1)


@pytest.mark.parametrize(
    "path", ["/api/analytics/reports/summary?days=1", "/api/analytics/reports/realtime", "/health"]
)
def test_report_of_a_running_period_has_no_etag(reader: FlaskClient, path: str) -> None:
    response = reader.get(path)
    assert (response.status_code, "ETag" in response.headers) == (200, False)
    assert "no-store" in response.headers["Cache-Control"]

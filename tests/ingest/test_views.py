"""Accepting over HTTP: what is refused, how it is said, and that nothing of it is half done."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics.ingest import buffer
from analytics.ingest.pipeline import Drain
from analytics.sites import Site, create_site, update_site

INGEST = "/api/analytics/ingest"
BODY = json.dumps([{"type": "a"}, {"type": "b"}]).encode()


@pytest.fixture
def post(
    client: FlaskClient, token: Callable[..., str], auth: Callable[[str], dict[str, str]], site: Site
) -> Callable[..., Any]:
    def send(body: bytes, path: str = INGEST, headers: dict[str, str] | None = None, **claims: Any) -> Any:
        given = {"Content-Type": "application/json", **auth(token(**claims)), **(headers or {})}
        return client.post(path, data=body, headers=given)

    return send


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstandard.compress),
        ("zstd", lambda body: zstandard.ZstdCompressor(write_content_size=False).compress(body)),
    ],
    ids=["gzip", "zstd", "zstd without a size"],
)
def test_compressed_bodies_are_read(post: Callable[..., Any], encoding: str, encode: Callable[[bytes], bytes]) -> None:
    assert post(encode(BODY), headers={"Content-Encoding": encoding}).json["ingested"] == 2


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(gzip.compress(b" " * 60_000_000), {"Content-Encoding": "gzip"}, 413, id="gzip bomb"),
        pytest.param(zstandard.compress(b" " * 60_000_000), {"Content-Encoding": "zstd"}, 413, id="zstd bomb"),
        pytest.param(b"[" + b" " * 5_000_000 + b"]", {}, 413, id="long body"),
        pytest.param(gzip.compress(BODY)[:-9], {"Content-Encoding": "gzip"}, 400, id="cut gzip"),
        pytest.param(zstandard.compress(BODY * 50)[:-9], {"Content-Encoding": "zstd"}, 400, id="cut zstd"),
        pytest.param(BODY, {"Content-Encoding": "gzip"}, 400, id="not gzip"),
        pytest.param(zlib.compress(BODY), {"Content-Encoding": "deflate"}, 415, id="deflate"),
        pytest.param(BODY, {"Content-Type": "application/xml"}, 415, id="xml"),
        pytest.param(b"{", {}, 400, id="half an object"),
        pytest.param(b'{"events": 5}', {}, 400, id="events is a number"),
        pytest.param(b'{"sent_at": "soon", "events": [{"type": "a"}]}', {}, 422, id="sent_at is no time"),
        pytest.param(
            b'{"sent_at": "0001-01-01T00:00:00", "events": [{"type": "a"}]}', {}, 422, id="sent_at without a zone"
        ),
        pytest.param(b'{"events": [' + b"[" * 100_000, {}, 400, id="nesting bomb in an envelope"),
        pytest.param(b'[{"type": 1}]', {}, 422, id="no good event"),
        pytest.param(b"\xff", {}, 400, id="not UTF-8"),
    ],
)
def test_bad_bodies_are_refused_whole(
    post: Callable[..., Any], redis: Redis, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = post(body, headers=headers)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json["detail"]
    assert buffer.waiting(redis) == 0


@pytest.mark.parametrize("path", ["/event", "/events", "/analytics/events/", "/api/v1/analytics/event"])
@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{}, {}", b"{", b'"x"', b"\xff", b"[" * 9000], ids=repr)
def test_single_events_are_one_object(post: Callable[..., Any], redis: Redis, path: str, body: bytes) -> None:
    assert post(body[:9000], path).status_code == 400
    assert buffer.waiting(redis) == 0


def test_an_empty_batch_is_nothing(post: Callable[..., Any], redis: Redis) -> None:
    assert post(b"[]").json == {"ingested": 0, "received": 0, "batch_id": None, "rejected": []}
    assert buffer.waiting(redis) == 0


def test_a_token_of_one_site_writes_only_there(post: Callable[..., Any], engine: Engine, redis: Redis) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop", "Shop")
    assert post(BODY, f"{INGEST}?site=default", site="shop").status_code == 403
    assert post(b'[{"type": "a", "site_id": "default"}]', site="shop").status_code == 403
    mixed = post(b'[{"type": "a"}, {"type": "b", "site_id": "default"}]', site="shop").json
    assert (mixed["ingested"], mixed["rejected"][0]["code"]) == (1, "other_site")
    [(_, fields)] = redis.xrange(buffer.STREAM)
    assert buffer._decode(fields[b"e"]).site_key == "shop"


def test_an_unknown_site_is_404_with_a_hint(post: Callable[..., Any]) -> None:
    answer = post(BODY, f"{INGEST}?site=nowhere")
    assert answer.status_code == 404
    assert "flask" in answer.json["detail"]
    assert "site create nowhere" in answer.json["detail"]


def test_a_read_token_may_not_write(post: Callable[..., Any]) -> None:
    answer = post(BODY, scope="read")
    assert (answer.status_code, "ingest" in answer.json["detail"]) == (403, True)


@pytest.mark.parametrize(
    ("identity", "users", "stored"),
    [
        ("trust", ["ann", "bob", None], {"ann", "bob"}),
        ("enforce", ["ann", "bob", None], {"ann"}),
        ("override", ["ann", "bob", None], {"ann"}),
    ],
)
def test_identity_modes(
    post: Callable[..., Any],
    engine: Engine,
    redis: Redis,
    site: Site,
    identity: str,
    users: list[str | None],
    stored: set[str],
) -> None:
    with engine.begin() as connection:
        update_site(connection, site.key, identity=identity)
    from analytics.sites import forget_sites

    forget_sites(engine)
    answer = post(json.dumps([{"type": "a", "user_id": user} for user in users]).encode(), sub="ann").json
    assert len(answer["rejected"]) == (1 if identity == "enforce" else 0)
    Drain(engine, redis, b"s" * 32, company_s=0).run()
    with engine.connect() as connection:
        found = set(connection.execute(text("SELECT user_id FROM events WHERE user_id NOT LIKE '~%'")).scalars())
    assert found == stored


def test_no_room_is_503_with_retry_after(
    make_app: Callable[..., Flask], token: Callable[..., str], auth: Callable, site: Site
) -> None:
    client = make_app(max_backlog_events=1).test_client()
    answer = client.post(INGEST, json=[{"type": "a"}] * 2, headers=auth(token()))
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)


def test_the_connections_agent_counts_only_if_it_names_a_visitor(
    post: Callable[..., Any], engine: Engine, redis: Redis
) -> None:
    post(b'[{"type": "a", "user_id": "1"}]', headers={"User-Agent": "python-requests/2.31"})
    post(b'[{"type": "a", "user_id": "2", "user_agent": "curl/8"}]', headers={"User-Agent": "python-requests/2.31"})
    post(
        b'[{"type": "a", "user_id": "3"}]',
        headers={"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    )
    Drain(engine, redis, b"s" * 32, company_s=0).run()
    with engine.connect() as connection:
        found = dict(connection.execute(text("SELECT user_id, is_bot FROM events")).all())
    assert found == {"1": False, "2": True, "3": True}


@pytest.mark.parametrize(("query", "sites"), [("?site=shop", None), ("", "shop")], ids=["named", "the token's own"])
def test_a_click_goes_to_the_site_that_is_meant(
    client: FlaskClient, engine: Engine, redis: Redis, token: Any, auth: Any, query: str, sites: str | None
) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop", "Shop")
    answer = client.post(f"/analytics/events/{query}", json={"short_code": "a"}, headers=auth(token(site=sites)))
    assert answer.status_code == 202
    Drain(engine, redis, b"s" * 32, company_s=0.0).run()
    with engine.connect() as connection:
        keys = connection.execute(text("SELECT key FROM events JOIN sites ON sites.id = site_id")).scalars().all()
    assert keys == ["shop"]

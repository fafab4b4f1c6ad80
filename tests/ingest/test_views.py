"""Accepting over HTTP: what is refused, with which status, and that a refused batch stores nothing."""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zstandard
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics.ingest import buffer
from analytics.ingest.drain.drain import Drain
from analytics.sites.sites import Site, create_site, update_site

INGEST = "/api/analytics/ingest"
BODY = json.dumps([{"type": "a"}, {"type": "b"}]).encode()


@pytest.fixture
def post(
    client: FlaskClient, token: Callable[..., str], auth: Callable[[str], dict[str, str]], site: Site
) -> Callable[..., Any]:
    def send(body: bytes, path: str = INGEST, headers: dict[str, str] | None = None, **claims: Any) -> Any:
        sent_headers = {"Content-Type": "application/json", **auth(token(**claims)), **(headers or {})}
        return client.post(path, data=body, headers=sent_headers)

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
        pytest.param(b'{"events": [{"type": "a"}], "batch": [{"type": "b"}]}', {}, 400, id="events and a batch"),
        pytest.param(b'{"samples": [{"name": "a", "value": 1}], "events": [{"type": "b"}]}', {}, 400, id="samples too"),
        pytest.param(b'{"sent_at": "soon", "events": [{"type": "a"}]}', {}, 422, id="sent_at is not a time"),
        pytest.param(
            b'{"sent_at": "0001-01-01T00:00:00", "events": [{"type": "a"}]}', {}, 422, id="sent_at without a zone"
        ),
        pytest.param(b'{"events": [' + b"[" * 100_000, {}, 400, id="nesting bomb in an envelope"),
        pytest.param(b'[{"type": 1}]', {}, 422, id="no good event"),
        pytest.param(b"\xff", {}, 400, id="not UTF-8"),
    ],
)
def test_a_bad_body_is_refused_as_a_whole(
    post: Callable[..., Any], redis: Redis, body: bytes, headers: dict[str, str], status: int
) -> None:
    response = post(body, headers=headers)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.json["detail"]
    assert buffer.count_entries(redis) == 0


@pytest.mark.parametrize("path", ["/event", "/events", "/analytics/events/", "/api/v1/analytics/event"])
@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{}, {}", b"{", b'"x"', b"\xff", b"[" * 9000], ids=repr)
def test_a_single_event_is_one_object(post: Callable[..., Any], redis: Redis, path: str, body: bytes) -> None:
    assert post(body[:9000], path).status_code == 400
    assert buffer.count_entries(redis) == 0


@pytest.mark.parametrize(
    "path",
    ["/event", "/events", "/analytics/events/", "/api/v1/analytics/event", "/api/v1/funnels/track", "/metrics"],
)
def test_a_single_object_is_at_most_one_item_long(post: Callable[..., Any], redis: Redis, path: str) -> None:
    response = post(json.dumps({str(number): 1 for number in range(8000)}).encode(), path)
    assert (response.status_code, response.json["limit"]) == (413, 65_536)
    assert "the object has" in response.json["detail"]
    assert buffer.count_entries(redis) == 0


def test_an_empty_batch_appends_nothing(post: Callable[..., Any], redis: Redis) -> None:
    assert post(b"[]").json == {"ingested": 0, "received": 0, "batch_id": None, "rejected": []}
    assert buffer.count_entries(redis) == 0


def test_a_token_of_one_site_writes_to_that_site_only(post: Callable[..., Any], engine: Engine, redis: Redis) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop", "Shop")
    assert post(BODY, f"{INGEST}?site=default", site="shop").status_code == 403
    assert post(b'[{"type": "a", "site_id": "default"}]', site="shop").status_code == 403
    mixed = post(b'[{"type": "a"}, {"type": "b", "site_id": "default"}]', site="shop").json
    assert (mixed["ingested"], mixed["rejected"][0]["code"]) == (1, "other_site")
    [(_, fields)] = redis.xrange(buffer.STREAM)
    assert buffer.decode_entry(fields[b"e"]).site_key == "shop"


def test_an_unknown_site_is_404_with_a_hint(post: Callable[..., Any]) -> None:
    response = post(BODY, f"{INGEST}?site=nowhere")
    assert response.status_code == 404
    assert "flask" in response.json["detail"]
    assert "site create nowhere" in response.json["detail"]


def test_a_read_token_may_not_write(post: Callable[..., Any]) -> None:
    response = post(BODY, scope="read")
    assert (response.status_code, "ingest" in response.json["detail"]) == (403, True)


@pytest.mark.parametrize(
    ("identity", "users", "stored"),
    [
        ("trust", ["ann", "bob", None], {"ann", "bob"}),
        ("enforce", ["ann", "bob", None], {"ann"}),
        ("override", ["ann", "bob", None], {"ann"}),
    ],
)
def test_the_identity_mode_decides_which_user_ids_are_stored(
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
    from analytics.sites.sites import clear_site_cache

    clear_site_cache(engine)
    response = post(json.dumps([{"type": "a", "user_id": user} for user in users]).encode(), sub="ann").json
    assert len(response["rejected"]) == (1 if identity == "enforce" else 0)
    Drain(engine, redis, b"s" * 32, linger_s=0).run()
    with engine.connect() as connection:
        user_ids = set(connection.execute(text("SELECT user_id FROM events WHERE user_id NOT LIKE '~%'")).scalars())
    assert user_ids == stored


@pytest.mark.parametrize("identity", ["enforce", "override"])
def test_a_secret_key_sends_for_all_users_of_a_server(
    app: Flask, make_key: Callable[..., str], engine: Engine, redis: Redis, site: Site, identity: str
) -> None:
    with engine.begin() as connection:
        update_site(connection, site.key, identity=identity)
    headers = {"Authorization": f"Bearer {make_key('secret', ['ingest'], site)}"}
    events = [{"type": "a", "user_id": user} for user in ("ann", "bob")]
    response = app.test_client().post(INGEST, json=events, headers=headers)
    assert (response.status_code, response.json["ingested"]) == (202, 2)
    Drain(engine, redis, b"s" * 32, linger_s=0).run()
    with engine.connect() as connection:
        assert set(connection.execute(text("SELECT user_id FROM events")).scalars()) == {"ann", "bob"}


def test_a_full_backlog_is_503_with_retry_after(
    make_app: Callable[..., Flask], token: Callable[..., str], auth: Callable, site: Site
) -> None:
    client = make_app(max_backlog_events=1).test_client()
    response = client.post(INGEST, json=[{"type": "a"}] * 2, headers=auth(token()))
    assert (response.status_code, int(response.headers["Retry-After"]) > 0) == (503, True)


def test_a_connections_user_agent_counts_only_if_it_names_a_visitor(
    post: Callable[..., Any], engine: Engine, redis: Redis
) -> None:
    post(b'[{"type": "a", "user_id": "1"}]', headers={"User-Agent": "python-requests/2.31"})
    post(b'[{"type": "a", "user_id": "2", "user_agent": "curl/8"}]', headers={"User-Agent": "python-requests/2.31"})
    post(
        b'[{"type": "a", "user_id": "3"}]',
        headers={"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    )
    Drain(engine, redis, b"s" * 32, linger_s=0).run()
    with engine.connect() as connection:
        is_bot = dict(connection.execute(text("SELECT user_id, is_bot FROM events")).all())
    assert is_bot == {"1": False, "2": True, "3": True}


@pytest.mark.parametrize(("query", "sites"), [("?site=shop", None), ("", "shop")], ids=["named", "the token's own"])
def test_a_click_is_stored_for_the_named_site_or_that_of_the_token(
    client: FlaskClient, engine: Engine, redis: Redis, token: Any, auth: Any, query: str, sites: str | None
) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop", "Shop")
    response = client.post(f"/analytics/events/{query}", json={"short_code": "a"}, headers=auth(token(site=sites)))
    assert response.status_code == 202
    Drain(engine, redis, b"s" * 32, linger_s=0.0).run()
    with engine.connect() as connection:
        keys = connection.execute(text("SELECT key FROM events JOIN sites ON sites.id = site_id")).scalars().all()
    assert keys == ["shop"]


def gzip_parts(*parts: bytes) -> bytes:
    return b"".join(map(gzip.compress, parts))


def zstd_parts(*parts: bytes) -> bytes:
    return b"".join(map(zstandard.compress, parts))


@pytest.mark.parametrize(("encoding", "join"), [("gzip", gzip_parts), ("zstd", zstd_parts)])
def test_all_members_of_a_compressed_body_are_read(
    post: Callable[..., Any], redis: Redis, encoding: str, join: Callable[..., bytes]
) -> None:
    def status(*parts: bytes) -> int:
        code: int = post(join(*parts), headers={"Content-Encoding": encoding}).status_code
        return code

    assert post(join(BODY[:7], b"", BODY[7:]), headers={"Content-Encoding": encoding}).json["ingested"] == 2
    assert status(*[BODY[n : n + 1] for n in range(len(BODY))]) == 202
    assert buffer.count_entries(redis) == 2
    # Two arrays are not one: nothing of them is taken.
    assert status(b'[{"type": "a"}]', b'[{"type": "b"}]') == 400
    assert post(join(BODY) + b"more", headers={"Content-Encoding": encoding}).status_code == 400
    assert post(join(BODY, b" " * 999)[:-4], headers={"Content-Encoding": encoding}).status_code == 400
    assert buffer.count_entries(redis) == 2


@pytest.mark.parametrize(("encoding", "join"), [("gzip", gzip_parts), ("zstd", zstd_parts)])
def test_members_are_limited_together(post: Callable[..., Any], encoding: str, join: Callable[..., bytes]) -> None:
    headers = {"Content-Encoding": encoding}
    assert post(join(b"[", b" " * 4_999_998, b"]"), headers=headers).status_code == 202
    for parts in ((b"[", b" " * 4_999_999, b"]"), [b" " * 100_000] * 60):
        assert post(join(*parts), headers=headers).status_code == 413
    assert (
        post(join(b"[" + bytes(random.Random(7).choices(b" \t\n\r", k=900_000)), b"]"), headers=headers).status_code
        == 202
    )
    many = post(join(*[b""] * 101), headers=headers)
    assert (many.status_code, "more than 100 members" in many.json["detail"]) == (400, True)


def test_frames_without_content_are_limited_too(post: Callable[..., Any]) -> None:
    skipped, headers = bytes.fromhex("502a4d1800000000"), {"Content-Encoding": "zstd"}
    assert post(skipped * 99 + zstandard.compress(BODY), headers=headers).json["ingested"] == 2
    assert "more than 100 members" in post(skipped * 500_000, headers=headers).json["detail"]


@pytest.mark.parametrize("sent_at", ["2019-01-01T00:01:00Z", "1970-01-01T00:01:00Z", "2106-02-07T06:28:15Z"])
def test_a_clock_that_is_years_off_is_corrected(
    post: Callable[..., Any], engine: Engine, redis: Redis, sent_at: str
) -> None:
    instant = datetime.fromisoformat(sent_at)
    event = {"type": "a", "ts": (instant - timedelta(seconds=55)).isoformat()}
    assert post(json.dumps({"sent_at": sent_at, "events": [event]}).encode()).status_code == 202
    Drain(engine, redis, b"s" * 32, linger_s=0).run()
    with engine.connect() as connection:
        ts, received_at = connection.execute(text("SELECT ts, received_at FROM events")).one()
    assert received_at - ts == timedelta(seconds=55)


def test_the_way_of_a_request_moves_no_event(post: Callable[..., Any], engine: Engine, redis: Redis) -> None:
    sent_at = datetime.now(UTC) - timedelta(milliseconds=300)
    event = {"type": "a", "ts": (sent_at - timedelta(seconds=55)).isoformat()}
    post(json.dumps({"sent_at": sent_at.isoformat(), "events": [event]}).encode())
    Drain(engine, redis, b"s" * 32, linger_s=0).run()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT ts FROM events")).scalar_one() == sent_at - timedelta(seconds=55)


@pytest.mark.parametrize("sent_at", ["0001-01-01T00:00:00Z", "1700-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_of_no_clock_is_refused_with_the_reason(post: Callable[..., Any], sent_at: str) -> None:
    response = post(json.dumps({"sent_at": sent_at, "events": [{"type": "a", "ts": sent_at}]}).encode())
    assert (response.status_code, response.json["errors"][0]["field"]) == (422, "sent_at")
    assert "200 years" in response.json["detail"]


def test_a_sum_of_large_numbers_does_not_depend_on_their_neighbours(
    post: Callable[..., Any], client: FlaskClient, token: Any, auth: Any, engine: Engine, redis: Redis
) -> None:
    order = b'{"type":"order","user_id":"a","ts":"%s","payload":{"total":12345678901234567.89}}'
    order %= (datetime.now(UTC) - timedelta(days=2)).isoformat().encode()
    assert [post(b"[" + body + b"]").json["ingested"] for body in (order, order + b',{"type":""}')] == [1, 1]
    Drain(engine, redis, b"s" * 32, linger_s=0).run()
    query = "/api/analytics/reports/goal?type=order&property=total&days=4"
    assert "24691357802469135.78" in client.get(query, headers=auth(token())).text

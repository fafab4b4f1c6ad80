"""Samples through the real stream: accepted, refused, stored once, dead-lettered."""

import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.ingest import buffer
from analytics.ingest.drain.drain import Drain
from analytics.sites.sites import Site

Post = Callable[..., Any]
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def post(client: FlaskClient, token: Any, auth: Any, site: Site) -> Post:
    """`post(body, "/metrics")`: the response's JSON."""

    def send(body: Any, path: str = "/api/analytics/samples", status: int = 202, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        response = client.post(path, data=data, headers=auth(token("ingest")) | headers)
        assert response.status_code == status, response.json
        return response.json

    return send


@pytest.fixture
def drain(engine: Engine, redis: Redis) -> Callable[[], Any]:
    return lambda: Drain(engine, redis, b"s" * 32, linger_s=0.0, consumer=uuid.uuid4().hex).run()


def ago(**length: float) -> str:
    return (clock.now() - timedelta(**length)).isoformat()


def test_a_sample_is_stored_as_it_was_sent(post: Post, drain: Any, sql: Any) -> None:
    body = {
        "metric_name": "latency",
        "value": 0.1,
        "tags": {"code": 200, "ok": True, "path": "/a\tb"},
        "kind": "timing",
    }
    response = post(body, "/metrics")
    drain()
    [(sample_id, name, value, kind, tags)] = sql("SELECT sample_id, name, value::text, kind, tags FROM samples")
    assert (f"metric_{sample_id}", name, value, kind) == (response["metric_id"], "latency", "0.1", "timing")
    assert tags == {"code": "200", "ok": "true", "path": "/a\tb"}


@pytest.mark.parametrize(
    ("value", "stored"),
    [(150, "150"), (-0.5, "-0.5"), (12345678901234567890, "12345678901234567890"), (1e-7, "0.0000001"), (2.0, "2.0")],
)
def test_values_keep_every_digit(post: Post, drain: Any, sql: Any, value: float, stored: str) -> None:
    assert post({"metric_name": "n", "value": value}, "/metrics")["value"] == value
    drain()
    assert sql("SELECT value::text FROM samples") == [(stored,)]


BAD = [
    ({"value": 1}, "metric_name", "missing"),
    ({"metric_name": "m"}, "value", "missing"),
    ({"metric_name": "", "value": 1}, "metric_name", "wrong_length"),
    ({"metric_name": "m" * 129, "value": 1}, "metric_name", "wrong_length"),
    ({"metric_name": "m", "value": "1"}, "value", "wrong_type"),
    ({"metric_name": "m", "value": True}, "value", "wrong_type"),
    ({"metric_name": "m", "value": 10**301}, "value", "out_of_range"),
    ({"metric_name": "m\x00", "value": 1}, "metric_name", "nul"),
    ({"metric_name": "m", "value": 1, "kind": "histogram"}, "kind", "invalid"),
    ({"metric_name": "m", "value": 1, "unit": "ms"}, "", "unknown_field"),
    ({"metric_name": "m", "name": "n", "value": 1}, "name", "twice"),
    ({"metric_name": "m", "value": 1, "tags": {"a": None}}, "tags[...]", "wrong_type"),
    ({"metric_name": "m", "value": 1, "tags": {"a" * 65: "x"}}, "tags", "wrong_length"),
    ({"metric_name": "m", "value": 1, "tags": {"a": "x" * 257}}, "tags[...]", "wrong_length"),
    ({"metric_name": "m", "value": 1, "tags": {str(n): "x" for n in range(21)}}, "tags", "wrong_length"),
    ({"metric_name": "m", "value": 1, "ts": "2026-01-31"}, "ts", "not_a_time"),
    ({"metric_name": "m", "value": 1, "ts": "1999-01-01T00:00:00Z"}, "ts", "out_of_window"),
    ({"metric_name": "m", "value": 1, "site_id": "other"}, "site_id", "other_site"),
    (7, "", "wrong_type"),
]


@pytest.mark.parametrize(("sample", "field", "code"), BAD, ids=[f"{code} {field}" for _, field, code in BAD])
def test_a_bad_sample_is_listed_and_the_others_are_stored(
    post: Post, drain: Any, sql: Any, sample: Any, field: str, code: str
) -> None:
    response = post([{"metric_name": "good", "value": 1, "site_id": "default"}, sample, {"name": "good", "value": 2}])
    assert (response["accepted"], response["received"]) == (2, 3)
    assert [(problem["index"], problem["field"], problem["code"]) for problem in response["rejected"]] == [
        (1, field, code)
    ]
    drain()
    assert sql("SELECT name, value::int FROM samples ORDER BY 2") == [("good", 1), ("good", 2)]


def test_strict_handling_accepts_all_samples_or_none(post: Post, redis: Redis) -> None:
    batch = [{"metric_name": "m", "value": 1}, {"metric_name": "m"}]
    assert post(batch, status=422, Prefer="handling=strict")["errors"][0]["index"] == 1
    assert buffer.count_entries(redis) == 0


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
def test_an_infinite_number_is_refused(post: Post, number: bytes) -> None:
    body = b'{"metric_name": "m", "value": ' + number + b"}"
    post(body, "/metrics", status=422 if number == b"1e999" else 400)


def test_a_sample_sent_again_is_counted_once(post: Post, drain: Any, sql: Any) -> None:
    batch = [{"metric_name": "m", "value": 1, "sample_id": "a", "ts": ago(hours=2)}, {"metric_name": "m", "value": 5}]
    post(batch)
    drain()
    again = post([batch[0], {**batch[0], "ts": ago(hours=20)}])
    assert drain().duplicate == 2
    assert sql("SELECT count(*), sum(value)::int FROM samples") == [(2, 6)]
    assert sql("SELECT sum(count)::int, sum(sum)::int FROM sample_rollups WHERE NOT tagged") == [(2, 6)]
    assert sql("SELECT stored, duplicate FROM ingest_ledger WHERE entry_id = :id", id=again["batch_id"]) == [(0, 2)]


def test_an_entry_delivered_twice_is_stored_once(post: Post, drain: Any, sql: Any, redis: Redis) -> None:
    post([{"metric_name": "m", "value": 1}] * 3)
    [(entry_id, fields)] = redis.xrange(buffer.STREAM)
    drain()
    redis.delete(buffer.STREAM)
    redis.xadd(buffer.STREAM, fields, id=entry_id)
    assert drain().already_stored == 1
    assert sql("SELECT count(*) FROM samples") == [(3,)]
    assert sql("SELECT count FROM sample_names") == [(3,)]


def test_an_entry_that_cannot_be_read_is_dead_lettered(drain: Any, post: Post, sql: Any, redis: Redis) -> None:
    post([{"metric_name": "m", "value": 1}])
    [(_, fields)] = redis.xrange(buffer.STREAM)
    entry = msgspec.msgpack.decode(fields[b"e"], type=buffer.Entry)
    entry.body, entry.compressed = b"[[1]]", False
    redis.delete(buffer.STREAM)
    redis.xadd(buffer.STREAM, {"e": msgspec.msgpack.encode(entry), "n": 1})
    assert drain().dead_lettered == 1
    assert sql("SELECT reason FROM dead_letters") == [("unreadable",)]


def test_sent_at_moves_timestamps_to_our_clock(post: Post, drain: Any, sql: Any) -> None:
    theirs = clock.now() - timedelta(days=10)
    sample = {"metric_name": "m", "value": 1, "timestamp": (theirs - timedelta(minutes=5)).isoformat()}
    post({"samples": [sample], "sent_at": theirs.isoformat()})
    drain()
    [(late_s,)] = sql("SELECT extract(epoch FROM received_at - ts)::float FROM samples")
    assert late_s == pytest.approx(300, abs=1)


def test_events_and_samples_share_a_chunk_and_the_ledger(post: Post, drain: Any, sql: Any) -> None:
    post([{"metric_name": "m", "value": 1}] * 2)
    post([{"type": "page_view", "user_id": "u"}] * 3, "/api/analytics/ingest")
    result = drain()
    assert (result.batches, result.stored) == (2, 5)
    assert sql("SELECT count(*) FROM events") == [(3,)]
    assert sql("SELECT count(*) FROM samples") == [(2,)]


def test_concurrent_drains_lose_and_repeat_nothing(post: Post, engine: Engine, redis: Redis, sql: Any) -> None:
    """All drains add to the same hours; every second batch repeats the ids of the one before."""
    for n in range(30):
        batch = [{"metric_name": "m", "value": n, "sample_id": f"{n // 2}-{k}", "tags": {"k": k}} for k in range(5)]
        post([*batch, {"metric_name": "n", "value": 0.1}, {"type": "gauge", "name": "m", "value": -1}])
        post([{"type": "page_view", "user_id": f"u{n}"}], "/api/analytics/ingest")
    with ThreadPoolExecutor(3) as pool:
        drains = [Drain(engine, redis, b"s" * 32, batch_size=20, linger_s=0.0, consumer=f"c{n}") for n in range(3)]
        results = list(pool.map(lambda drain: drain.run(10.0), drains))
    assert sum(result.stored for result in results) == 30 + 15 * 5 + 60
    assert sum(result.duplicate for result in results) == 15 * 5
    raw = sql("SELECT name, count(*), sum(value) FROM samples GROUP BY 1 ORDER BY 1")
    assert [(name, count) for name, count, _ in raw] == [("m", 105), ("n", 30)]
    for tagged in (True, False):
        rolled_up = (
            "SELECT name, sum(count)::int, sum(sum) FROM sample_rollups WHERE tagged = :tagged GROUP BY 1 ORDER BY 1"
        )
        assert sql(rolled_up, tagged=tagged) == raw
    assert sql("SELECT name, count FROM sample_names ORDER BY 1") == [("m", 105), ("n", 30)]


def test_a_name_is_deleted_in_development_only(
    make_app: Callable[..., Flask], client: FlaskClient, token: Any, auth: Any, post: Post, drain: Any, sql: Any
) -> None:
    post([{"metric_name": "a/b", "value": 1}] * 2 + [{"metric_name": "c", "value": 1}])
    drain()
    assert client.delete("/metrics/a/b", headers=auth(token("admin"))).status_code == 403
    local = make_app(environment="development").test_client()
    assert local.delete("/metrics/a/b", headers=auth(token("ingest read"))).status_code == 403
    response = local.delete("/metrics/a/b", headers=auth(token("admin"))).json
    assert response == {"success": True, "metric_name": "a/b", "deleted": 2, "site": "default"}
    assert sql("SELECT name FROM samples UNION ALL SELECT name FROM sample_rollups WHERE NOT tagged") == [("c",)] * 2


def test_the_metric_id_is_that_of_the_caller(post: Post) -> None:
    sample_id = str(uuid.uuid4())
    response = post({"metric_name": "m", "value": 1, "sample_id": f"metric_{sample_id}"}, "/metrics")
    assert response["metric_id"] == f"metric_{sample_id}"
    assert re.fullmatch(f"metric_{UUID}", post({"metric_name": "m", "value": 1}, "/metrics")["metric_id"])

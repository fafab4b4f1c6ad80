"""A batch that is sent again with its key is stored once, whatever became of the attempts before."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine

from analytics.ingest.buffer import Entry, decode_entry
from analytics.ingest.drain.drain import Drain
from analytics.ingest.ids import keyed_ids, mark_public, normalize_event_id
from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import make_entry

KEY = "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11"
Post = Callable[..., Any]


@pytest.fixture
def post(client: FlaskClient, token: Any, auth: Any, site: Site) -> Post:
    """`post(body, path, key="…")`: the response."""

    def send(body: Any, path: str = "/api/analytics/ingest", key: str | None = KEY, **headers: str) -> Any:
        key_header = {} if key is None else {"Idempotency-Key": key}
        return client.post(path, json=body, headers=auth(token("ingest")) | key_header | headers)

    return send


@pytest.fixture
def drain(engine: Engine, redis: Redis) -> Callable[[], Any]:
    return lambda: Drain(engine, redis, b"s" * 32, linger_s=0.0, consumer=uuid.uuid4().hex).run()


EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["a", "b", ""])}, optional={"event_id": st.sampled_from(["x", "y", "z"])}
)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENT, min_size=1, max_size=8), attempts=st.lists(st.booleans(), min_size=1, max_size=3))
def test_any_batch_is_stored_once_however_often_it_is_sent(
    post: Post, drain: Any, sql: Any, events: list[dict[str, Any]], attempts: list[bool]
) -> None:
    """`attempts`: whether a drain runs between it and the next one. Events with an empty type are rejected."""
    key = uuid.uuid4().hex
    sql("DELETE FROM events RETURNING 1")
    for is_drained in attempts:
        post(events, key=key)
        if is_drained:
            drain()
    drain()
    good = [event for event in events if event["type"]]
    own = {event["event_id"] for event in good if "event_id" in event}
    without = [event for event in good if "event_id" not in event]
    assert sql("SELECT count(*) FROM events") == [(len(own) + len(without),)]


def test_an_event_keeps_its_id_when_another_one_is_no_longer_accepted(post: Post, drain: Any, sql: Any) -> None:
    """As when an event's ts falls out of the window between two attempts."""
    first = post([{"type": "a"}, {"type": "b"}, {"type": "c"}])
    drain()
    second = post([{"type": ""}, {"type": "b"}, {"type": "c"}])
    result = drain()
    assert (first.json["ingested"], second.json["ingested"]) == (3, 2)
    assert (result.stored, result.duplicate) == (0, 2)
    assert sql("SELECT type FROM events ORDER BY type") == [("a",), ("b",), ("c",)]


def test_key_of_the_envelope_does_the_same(post: Post, drain: Any, sql: Any) -> None:
    for _ in range(2):
        assert post({"batch_id": KEY, "events": [{"type": "a"}]}, key=None).status_code == 202
    assert post([{"type": "a"}]).status_code == 202
    drain()
    assert sql("SELECT count(*) FROM events") == [(1,)]


def test_first_content_of_a_key_stays(post: Post, drain: Any, sql: Any) -> None:
    post([{"type": "a"}])
    post([{"type": "b"}, {"type": "c"}])
    drain()
    assert sql("SELECT type FROM events ORDER BY type") == [("a",), ("c",)]


def test_other_keys_and_no_key_are_other_batches(post: Post, drain: Any, sql: Any) -> None:
    for key in ("one", "two", None, None):
        post([{"type": "a"}], key=key)
    drain()
    assert sql("SELECT count(*) FROM events") == [(4,)]


def test_page_cannot_take_the_key_of_a_server(
    post: Post, client: FlaskClient, drain: Any, sql: Any, publishable: str, auth: Any
) -> None:
    page = auth(publishable) | {"Idempotency-Key": KEY, "Origin": "https://shop.example"}
    for _ in range(2):
        assert client.post("/api/analytics/ingest", json=[{"type": "page"}], headers=page).status_code == 202
    assert post([{"type": "server"}]).status_code == 202
    drain()
    assert sql("SELECT type FROM events ORDER BY type") == [("page",), ("server",)]


def test_samples_are_stored_once(post: Post, drain: Any, sql: Any) -> None:
    for _ in range(2):
        post(
            [{"name": "latency", "value": 1}, {"name": "", "value": 1}, {"name": "latency", "value": 2}],
            "/api/analytics/samples",
        )
        drain()
    assert sql("SELECT value::int FROM samples ORDER BY value") == [(1,), (2,)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/event", {"site_id": "default", "event_type": "a", "user_id": "u"}),
        ("/events", {"event_name": "a", "user_id": "u"}),
        ("/api/v1/analytics/event", {"website_id": "default", "event_type": "a", "visitor_id": "v"}),
    ],
)
def test_single_event_has_the_same_id_again(post: Post, drain: Any, sql: Any, path: str, body: dict[str, Any]) -> None:
    first, second = post(body, path), post(body, path)
    assert first.status_code < 300, first.json
    assert first.json["event_id"] == second.json["event_id"]
    drain()
    assert sql("SELECT event_id::text FROM events") == [(first.json["event_id"].removeprefix("event_"),)]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\u00e9"], ids=["empty", "long", "not-ascii"])
def test_bad_keys_are_refused(post: Post, key: str) -> None:
    header = post([{"type": "a"}], key=key)
    body = post({"batch_id": key, "events": [{"type": "a"}]}, key=None)
    assert (header.status_code, "Idempotency-Key" in header.json["detail"]) == (400, True)
    assert (body.status_code, body.json["errors"][0]["field"]) == (422, "batch_id")
    assert post({"batch_id": 5, "events": [{"type": "a"}]}, key=None).status_code == 422


def test_trace_finds_a_waiting_event_by_the_id_of_its_key(
    post: Post, client: FlaskClient, token: Any, auth: Any
) -> None:
    event_id = post({"event_name": "a", "user_id": "u"}, "/events").json["event_id"]
    trace = client.get(f"/api/analytics/events/{event_id}/trace", headers=auth(token("admin"))).json
    assert trace["state"] == "waiting"


@given(key=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), index=st.integers(0, 99_999))
def test_derived_id_is_a_uuid_of_site_key_and_index(key: str, index: int) -> None:
    derived = keyed_ids("shop", key)(index)
    assert uuid.UUID(derived).version == 8
    assert derived == normalize_event_id(derived) == keyed_ids("shop", key)(index)
    others = (
        keyed_ids("shop", key)(index + 1),
        keyed_ids("other", key)(index),
        keyed_ids("shop", mark_public(key))(index),
    )
    assert derived not in others


def test_entry_of_the_release_before_is_read(site: Site) -> None:
    import msgspec

    entry = make_entry(site, [{"type": "a"}])
    before = msgspec.msgpack.encode([getattr(entry, name) for name in Entry.__struct_fields__[:-2]])
    assert decode_entry(before) == entry
    assert json.loads(entry.decode_body()) == [{"type": "a"}]

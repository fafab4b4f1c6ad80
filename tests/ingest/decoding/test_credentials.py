"""No key of this service is stored with an event or sample, on any way in."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from analytics.auth.keys.keys import SECRET_PREFIX, new_secret
from analytics.ingest import buffer
from analytics.ingest.decoding.credentials import holds_secret_key
from tests.contracts.conftest import local
from tests.factories import SINGLE_EVENTS

__all__ = ["local"]
INGEST, SAMPLES = "/api/analytics/ingest", "/api/analytics/samples"
SECRET = new_secret(SECRET_PREFIX)


def entries(redis: Redis) -> list[Any]:
    return [json.loads(one.entry.decode_body()) for one in buffer.read_range(redis, "-", 100) if one.entry]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"key": "sk_short"}, "key", id="key"),
        pytest.param({"writeKey": SECRET}, "writeKey", id="writeKey"),
        pytest.param({"api_key": SECRET}, "api_key", id="api_key"),
        pytest.param({"token": SECRET}, "token", id="token"),
        pytest.param({"secret": SECRET}, "", id="an unknown field"),
        pytest.param({"payload": {"api_key": SECRET}}, "", id="in the payload"),
        pytest.param({"payload": {"a": [{"b": SECRET}]}}, "", id="deep in the payload"),
        pytest.param({"session_id": SECRET}, "", id="an own field"),
    ],
)
def test_an_event_with_a_secret_key_is_refused(
    local: FlaskClient, redis: Redis, fields: dict[str, Any], field: str
) -> None:
    answer = local.post(INGEST, json=[{"type": "a"}, {"type": "b", **fields}])
    assert (answer.status_code, answer.json["ingested"]) == (202, 1)
    [problem] = answer.json["rejected"]
    assert (problem["index"], problem.get("field") or "", problem["code"]) == (1, field, "secret_key")
    assert SECRET not in answer.text
    assert [[event["type"] for event in events] for events in entries(redis)] == [["a"]]


@pytest.mark.parametrize(("path", "event"), SINGLE_EVENTS)
def test_one_event_with_a_secret_key_is_refused_also_from_a_known_caller(
    local: FlaskClient, redis: Redis, token: Any, auth: Any, path: str, event: dict[str, Any]
) -> None:
    answer = local.post(path, json={**event, "key": SECRET}, headers=auth(token()))
    assert (answer.status_code, [one["code"] for one in answer.json["errors"]]) == (422, ["secret_key"])
    assert local.post(path, json={**event, "key": SECRET}).status_code == 401
    assert entries(redis) == []


def test_a_sample_with_a_secret_key_is_refused(local: FlaskClient, redis: Redis) -> None:
    sample = {"metric_name": "load", "value": 1}
    answer = local.post(SAMPLES, json=[sample, {**sample, "tags": {"a": SECRET}}])
    assert [one["code"] for one in answer.json["rejected"]] == ["secret_key"]
    assert len(entries(redis)[0]) == 1


def test_a_publishable_key_in_an_item_is_left_out(local: FlaskClient, redis: Redis) -> None:
    events = [{"type": "a", "key": "pk_1", "n": 1}, {"type": "b", "api_key": "gold", "token": 7}]
    assert local.post(INGEST, json=events).json["ingested"] == 2
    [[first, second]] = entries(redis)
    assert (first["payload"], second["payload"]) == ({"n": 1}, {"api_key": "gold", "token": 7})


@pytest.mark.parametrize(
    "payload",
    [{"language": "sk_SK"}, {"task_id": "sk_1"}, {"text": f"my key is {SECRET}"}, {SECRET: 1}, {"a": SECRET + "xxxxx"}],
    ids=["a language", "short", "in a sentence", "a name", "longer"],
)
def test_other_text_is_no_secret_key(local: FlaskClient, payload: dict[str, Any]) -> None:
    answer = local.post(INGEST, json=[{"type": "a", "payload": payload}])
    is_name = SECRET in payload
    assert answer.status_code == (422 if is_name else 202)


def test_a_secret_key_is_found_by_its_form() -> None:
    assert holds_secret_key(b'{"a":"%s"}' % SECRET.encode())
    assert not any(map(holds_secret_key, (b'{"a":"sk_SK"}', b'{"a":"task_%s"}' % SECRET.encode(), b"")))

"""A 503 of a batch says by its code whether the batch may have been taken: not_taken or unknown (decision 0004)."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError, TimeoutError

from analytics.ingest import buffer
from analytics.ingest.append_failures import explain_failure
from analytics.local.processes import send_signal
from analytics.local.servers.redis import RedisServer

INGEST = "/api/analytics/ingest"
EVENTS = [{"type": "a", "user_id": "ann"}]


@pytest.fixture
def post(
    make_app: Callable[..., Flask], own_redis: RedisServer, site: Any, token: Any, auth: Any
) -> Callable[..., Any]:
    """`post()` sends a batch to an application with a Redis of its own, and reads the site before that."""
    client = make_app(celery_broker_url=own_redis.url(0)).test_client()
    headers = auth(token())
    assert client.post(INGEST, json=EVENTS, headers=headers).status_code == 202
    return lambda: client.post(INGEST, json=EVENTS, headers=headers)


def count_entries(own_redis: RedisServer) -> int:
    return buffer.count_entries(Redis.from_url(own_redis.url(0)))


def test_a_batch_is_not_taken_when_redis_refuses_the_connection(post: Any, own_redis: RedisServer) -> None:
    own_redis.kill()
    response = post()
    assert (response.status_code, response.json["code"], response.headers["Retry-After"]) == (503, "not_taken", "5")


def test_a_batch_is_not_taken_when_redis_is_out_of_memory(post: Any, own_redis: RedisServer) -> None:
    Redis.from_url(own_redis.url(0)).config_set("maxmemory", 1)
    response = post()
    assert (response.status_code, response.json["code"], count_entries(own_redis)) == (503, "not_taken", 1)


def test_a_batch_is_not_taken_by_a_read_only_replica(post: Any, own_redis: RedisServer) -> None:
    Redis.from_url(own_redis.url(0)).execute_command("REPLICAOF", "127.0.0.1", "1")
    response = post()
    assert (response.status_code, response.json["code"], count_entries(own_redis)) == (503, "not_taken", 1)


def test_it_is_unknown_whether_a_batch_was_taken_by_a_redis_that_froze(post: Any, own_redis: RedisServer) -> None:
    send_signal(own_redis.pid, signal.SIGSTOP)
    try:
        response = post()
    finally:
        send_signal(own_redis.pid, signal.SIGCONT)
    assert (response.status_code, response.json["code"]) == (503, "unknown")
    assert "Idempotency-Key" in response.json["detail"]
    # What the code warns of: the append is carried out when Redis goes on.
    assert count_entries(own_redis) == 2


def test_a_batch_is_not_taken_when_the_backlog_is_full(
    make_app: Callable[..., Flask], site: Any, token: Any, auth: Any, redis: Redis
) -> None:
    client = make_app(max_backlog_events=1).test_client()
    responses = [client.post(INGEST, json=EVENTS, headers=auth(token())) for _ in range(2)]
    assert [response.status_code for response in responses] == [202, 503]
    assert (responses[1].json["code"], buffer.count_entries(redis)) == ("not_taken", 1)


@pytest.mark.parametrize("path", [INGEST, "/api/analytics/samples"])
def test_nothing_is_taken_when_the_site_cannot_be_read(
    make_app: Callable[..., Flask], token: Any, auth: Any, path: str
) -> None:
    client = make_app(database_url="postgresql+psycopg2://nobody@127.0.0.1:1/none").test_client()
    response = client.post(f"{path}?site=unheard-of", json=EVENTS, headers=auth(token()))
    assert (response.status_code, response.json["code"]) == (503, "not_taken")


FAILURES = {
    "a lost connection": (RedisConnectionError("Connection closed by server."), "unknown"),
    "no answer in time": (TimeoutError("Timeout reading from socket"), "unknown"),
    "an error inside the script": (ResponseError("WRONGTYPE Operation against a key"), "unknown"),
    "a disk that Redis cannot write": (ResponseError("MISCONF Errors writing to the AOF file"), "not_taken"),
    "no address takes the connection": (RedisConnectionError("Multiple exceptions: [Errno 111] …"), "not_taken"),
}


@pytest.mark.parametrize(("error", "code"), FAILURES.values(), ids=FAILURES)
def test_it_is_unknown_unless_the_error_proves_that_nothing_was_appended(error: Any, code: str) -> None:
    assert explain_failure(error).code == code

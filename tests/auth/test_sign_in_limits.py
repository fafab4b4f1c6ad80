"""How often somebody may try to sign in, with and without Redis, and what the audit log says of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from analytics import clock
from analytics.auth import sign_in_limits
from analytics.auth.limits import Outage
from analytics.auth.sign_in_limits import LocalBuckets
from tests.conftest import SIGN_IN_SECRET

PASSWORD = "correct horse battery"
MINUTE_US = 60_000_000


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """No attempt comes back while a test runs."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    return now


@pytest.fixture
def ann(app: Flask) -> None:
    app.test_cli_runner().invoke(args=["user", "set-password", "ann", "--password", PASSWORD])


def attempt(client: FlaskClient, address: str, name: str = "ann", password: str = "a guess") -> Any:
    form = {"name": name, "password": password}
    return client.post("/login", data=form, environ_base={"REMOTE_ADDR": address})


def test_guesses_at_a_name_are_limited_over_all_addresses(client: FlaskClient, ann: None) -> None:
    answers = [attempt(client, f"192.0.2.{n}").status_code for n in range(12)]
    # The first ten are those of the name, the others the own ones of their addresses.
    assert answers == [401] * 12
    refused = attempt(client, "192.0.2.11")
    assert (refused.status_code, int(refused.headers["Retry-After"]) <= 6) == (429, True)
    assert "by this name" in refused.text
    assert attempt(client, "192.0.2.11", name="bob").status_code == 401


def test_an_attempt_waits_once_for_a_redis_that_hangs(app: Flask, ann: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its three budgets waited for five seconds."""
    waits, started = list[int](), clock.now()

    class HungRedis:
        def evalsha(self, *_: object) -> None:
            waits.append(5)
            monkeypatch.setattr(clock, "now", lambda: started + timedelta(seconds=sum(waits)))
            raise RedisTimeoutError

    monkeypatch.setitem(app.extensions, "append_redis", HungRedis())
    monkeypatch.setitem(app.extensions, "limit_outage", Outage())
    assert attempt(app.test_client(), "192.0.2.1").status_code == 401
    assert waits == [5]


def test_an_owner_signs_in_while_many_guess(client: FlaskClient, ann: None) -> None:
    for n in range(20):
        attempt(client, f"192.0.2.{n}")
    assert attempt(client, "198.51.100.7", password=PASSWORD).status_code == 303


def test_a_name_is_guessed_at_again_after_a_while(
    client: FlaskClient, ann: None, still: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(11):
        attempt(client, f"192.0.2.{n}")
    assert attempt(client, "192.0.2.10").status_code == 429
    # A tenth of a minute later there is one for all.
    monkeypatch.setattr(clock, "now", lambda: still + timedelta(seconds=6.1))
    assert attempt(client, "192.0.2.10").status_code == 401


def test_without_redis_each_process_counts(make_app: Callable[..., Flask], ann: None) -> None:
    client = make_app(celery_broker_url="redis://127.0.0.1:1/0").test_client()
    answers = [attempt(client, "192.0.2.1", name=f"name {n}").status_code for n in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert attempt(client, "192.0.2.2", name="another").status_code == 401


def test_what_a_process_counts_is_bounded_and_comes_back() -> None:
    buckets = LocalBuckets()
    assert [buckets.spend("a", 0, MINUTE_US / 2, MINUTE_US)[0] for _ in range(3)] == [True, True, False]
    assert buckets.spend("a", MINUTE_US / 2, MINUTE_US / 2, MINUTE_US) == (True, MINUTE_US)
    for n in range(sign_in_limits.MAX_BUCKETS + 5):
        buckets.spend(f"other {n}", 0, MINUTE_US, MINUTE_US)
    assert len(buckets._full_at_us) == sign_in_limits.MAX_BUCKETS


def test_nothing_of_a_name_is_in_redis(client: FlaskClient, redis: Redis) -> None:
    attempt(client, "192.0.2.1", name=PASSWORD)
    keys = b" ".join(redis.keys("*"))
    assert b"sign-ins-by-name" in keys
    assert PASSWORD.encode() not in keys


def test_the_audit_log_has_refusals_without_what_was_typed(client: FlaskClient, ann: None, sql: Any) -> None:
    attempt(client, "192.0.2.77")
    attempt(client, "2001:db8:1:2::7", name=PASSWORD)
    client.post("/login", data={"token": "eyJ.no.token"})
    client.post("/login", data={"secret": "wrong"})
    attempt(client, "192.0.2.77", password=PASSWORD)
    client.post("/login", data={"secret": SIGN_IN_SECRET})
    rows = sql("SELECT actor, action, detail - 'id' FROM audit_log WHERE action LIKE 'session.%' ORDER BY id")
    here = "127.0.0.0/24"
    assert rows == [
        ("account:ann", "session.refuse", {"way": "password", "network": "192.0.2.0/24"}),
        ("unknown", "session.refuse", {"way": "password", "network": "2001:db8:1::/48"}),
        ("unknown", "session.refuse", {"way": "token", "network": here}),
        ("unknown", "session.refuse", {"way": "secret", "network": here}),
        ("account:ann", "session.open", {"way": "password", "network": "192.0.2.0/24"}),
        ("account:admin", "session.open", {"way": "secret", "network": here}),
    ]
    assert PASSWORD not in str(sql("SELECT audit_log::text FROM audit_log"))


def test_the_audit_log_does_not_grow_by_every_guess(
    client: FlaskClient, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_limits, "RECORDED_PER_MINUTE", 3)
    for n in range(6):
        attempt(client, f"192.0.2.{n}", name=f"name {n}")
    assert sql("SELECT count(*) FROM audit_log") == [(3,)]

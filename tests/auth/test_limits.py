"""Budgets of requests and events: what is refused, when it is allowed again, and who pays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from analytics import clock
from analytics.auth import limits
from analytics.auth.tokens import Principal
from analytics.errors import TooMany
from analytics.sites import Site

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
INGEST, DAU = "/api/analytics/ingest", "/api/analytics/reports/dau"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(clock, "now", found)
    return found


@pytest.fixture
def limited(make_app: Callable[..., Flask], still: Clock, site: Site) -> FlaskClient:
    """Three requests and ten events a minute, without a token."""
    app = make_app(rate_limit_per_minute=3, rate_limit_events_per_minute=10, anonymous_scopes=("ingest", "read"))
    return app.test_client()


def send(client: FlaskClient, count: int) -> int:
    return client.post(INGEST, json=[{"type": "a"}] * count).status_code


def told(response: Any) -> list[str | None]:
    return [response.headers.get(f"RateLimit-{name}") for name in ("Limit", "Remaining", "Reset", "Policy")]


def test_events_and_requests_have_a_budget_each(limited: FlaskClient, still: Clock) -> None:
    # Ten events are gone after the second batch, in spite of one request more.
    assert [send(limited, count) for count in (4, 6, 1)] == [202, 202, 429]
    still.move(60)
    assert [limited.get(DAU).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert send(limited, 1) == 429


def test_a_refusal_says_when_to_come_again(limited: FlaskClient, still: Clock) -> None:
    for _ in range(3):
        limited.get(DAU)
    refused = limited.get(DAU)
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert "3 requests a minute (RATE_LIMIT_PER_MINUTE)" in refused.json["detail"]
    # A third of a minute makes one request.
    assert refused.headers["Retry-After"] == "20"
    assert told(refused) == ["3", "0", "60", '3;w=60;comment="requests"']
    still.move(19)
    assert limited.get(DAU).status_code == 429
    still.move(1)
    assert [limited.get(DAU).status_code for _ in range(2)] == [200, 429]


def test_every_answer_tells_what_is_left(limited: FlaskClient, still: Clock) -> None:
    assert told(limited.get(DAU)) == ["3", "2", "20", '3;w=60;comment="requests"']
    # Of the last budget that was spent: ten events a minute, one every six seconds.
    answer = limited.post(INGEST, json=[{"type": "a"}] * 4)
    assert told(answer) == ["10", "6", "24", '10;w=60;comment="events"']


def test_a_large_batch_is_taken_and_paid_for_afterwards(limited: FlaskClient, still: Clock) -> None:
    assert send(limited, 30) == 202
    still.move(119)
    assert send(limited, 1) == 429
    still.move(7)
    assert send(limited, 1) == 202


def test_samples_are_events(limited: FlaskClient) -> None:
    body = [{"name": "load", "value": 1}] * 10
    assert limited.post("/api/analytics/samples", json=body).status_code == 202
    assert limited.post("/metrics", json={"metric_name": "load", "value": 1}).status_code == 429


def test_what_is_refused_is_not_stored(limited: FlaskClient, redis: Redis) -> None:
    for _ in range(5):
        send(limited, 1)
    assert redis.xlen("analytics:ingest") == 3


def test_each_caller_has_its_own(
    make_app: Callable[..., Flask], still: Clock, site: Site, token: Any, auth: Any
) -> None:
    app = make_app(rate_limit_per_minute=1, anonymous_scopes=("read",), trusted_proxies=("127.0.0.1/32",))

    def ask(**headers: str) -> int:
        return app.test_client().get(DAU, headers=headers).status_code

    for caller in (auth(token(sub="ann")), auth(token(sub="bob")), {"X-Forwarded-For": "203.0.113.1"}):
        assert [ask(**caller) for _ in range(2)] == [200, 429]
    # Another token of the same subject is the same caller; addresses of one IPv6 network are one.
    assert ask(**auth(token("read", sub="ann"))) == 429
    assert [ask(**{"X-Forwarded-For": f"2001:db8::{n}"}) for n in (1, 2)] == [200, 429]
    assert ask(**{"X-Forwarded-For": "2001:db8:0:1::1"}) == 200


def test_health_and_preflights_are_free(limited: FlaskClient) -> None:
    for _ in range(5):
        answer = limited.get("/health")
        assert (answer.status_code, told(answer)) == (200, [None] * 4)
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        assert limited.options(INGEST, headers=asked).status_code == 204


def test_without_a_limit_nothing_is_counted(
    client: FlaskClient, site: Site, token: Any, auth: Any, redis: Redis
) -> None:
    assert told(client.get(DAU, headers=auth(token()))) == [None] * 4
    assert redis.keys("analytics:limit:*") == []


def test_keys_go_when_the_bucket_is_full_again_and_tell_nobody(limited: FlaskClient, redis: Redis) -> None:
    send(limited, 5)
    keys = {key: redis.pttl(key) for key in redis.keys("analytics:limit:*")}
    assert sorted(round(ttl, -3) for ttl in keys.values()) == [20_000, 30_000]
    assert not any(b"127.0.0.1" in key for key in keys)


def test_a_redis_that_is_away_holds_up_no_report(make_app: Callable[..., Flask], site: Site) -> None:
    app = make_app(rate_limit_per_minute=1, anonymous_scopes=("read",), celery_broker_url="redis://127.0.0.1:1/0")
    assert [app.test_client().get(DAU).status_code for _ in range(2)] == [200, 200]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=25),
)
def test_a_bucket_fills_evenly_and_may_go_into_debt(
    app: Flask, redis: Redis, monkeypatch: pytest.MonkeyPatch, limit: int, steps: list[tuple[int, int]]
) -> None:
    """Beside a bucket that is counted in fractions."""
    still, left = Clock(), Fraction(limit)
    monkeypatch.setattr(clock, "now", still)
    monkeypatch.setitem(
        app.extensions, "settings", replace(app.extensions["settings"], rate_limit_events_per_minute=limit)
    )
    redis.flushdb()
    caller = Principal("ann", frozenset(), None, "", False)
    for wait, count in steps:
        still.move(wait)
        left = min(Fraction(limit), left + Fraction(wait * limit, 60))
        with app.test_request_context():
            try:
                limits.spend_events(caller, count)
                taken = True
            except TooMany:
                taken = False
        assert taken == (left >= 1)
        left -= count if taken else 0

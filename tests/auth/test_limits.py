"""Rate limits of requests and events: what is refused, when it is allowed again, and whose budget it is."""

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
from sqlalchemy import event

from analytics import clock
from analytics.auth import limits
from analytics.auth.principal import Kind, Principal
from analytics.errors import TooMany
from analytics.extensions import db
from analytics.sites.sites import Site

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
INGEST, DAU = "/api/analytics/ingest", "/api/analytics/reports/dau"


class Clock:
    """A clock that only the test moves."""

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


def test_events_and_requests_have_separate_budgets(limited: FlaskClient, still: Clock) -> None:
    # The second batch spends the last of ten events, though one request is left.
    assert [send(limited, count) for count in (4, 6, 1)] == [202, 202, 429]
    still.move(60)
    assert [limited.get(DAU).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert send(limited, 1) == 429


def test_wrong_credentials_spend_the_budget_of_their_address(make_app: Callable[..., Flask], still: Clock) -> None:
    client = make_app(public_rate_limit_per_minute=2, trusted_proxies=("127.0.0.1",)).test_client()

    def guess(number: int, address: str = "192.0.2.7") -> int:
        headers = {"Authorization": f"Bearer sk_{number}", "X-Forwarded-For": address}
        return client.get(DAU, headers=headers).status_code

    assert [guess(number) for number in range(3)] == [401, 401, 429]
    assert guess(4, "192.0.2.8") == 401


def test_guesses_beyond_the_budget_cost_no_query(
    make_app: Callable[..., Flask], still: Clock, site: Site, make_key: Callable[..., str]
) -> None:
    app = make_app(public_rate_limit_per_minute=2, trusted_proxies=("127.0.0.1",))
    known, client, queries = make_key("secret", ["read"]), app.test_client(), []

    def ask(key: str, address: str = "192.0.2.7") -> int:
        headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}
        return client.get(DAU, headers=headers).status_code

    assert [ask("sk_1"), ask(known), ask("sk_2")] == [401, 200, 401]
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *_: queries.append(1))
    assert [ask(f"sk_{number}") for number in range(3, 8)] == [429] * 5
    assert queries == []
    # A key that is cached has its own budget.
    assert ask(known) == 200


def test_rate_limit_error_has_retry_after(limited: FlaskClient, still: Clock) -> None:
    for _ in range(3):
        limited.get(DAU)
    refused = limited.get(DAU)
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert "3 requests a minute (RATE_LIMIT_PER_MINUTE)" in refused.json["detail"]
    # A third of a minute refills one request.
    assert refused.headers["Retry-After"] == "20"
    assert told(refused) == ["3", "0", "60", '3;w=60;comment="requests"']
    still.move(19)
    assert limited.get(DAU).status_code == 429
    still.move(1)
    assert [limited.get(DAU).status_code for _ in range(2)] == [200, 429]


def test_every_response_has_the_remaining_budget(limited: FlaskClient, still: Clock) -> None:
    assert told(limited.get(DAU)) == ["3", "2", "20", '3;w=60;comment="requests"']
    # Of the last budget that was spent: ten events a minute, one every six seconds.
    answer = limited.post(INGEST, json=[{"type": "a"}] * 4)
    assert told(answer) == ["10", "6", "24", '10;w=60;comment="events"']


def test_large_batch_is_accepted_and_charged_afterwards(limited: FlaskClient, still: Clock) -> None:
    assert send(limited, 30) == 202
    still.move(119)
    assert send(limited, 1) == 429
    still.move(7)
    assert send(limited, 1) == 202


def test_samples_count_as_events(limited: FlaskClient) -> None:
    body = [{"name": "load", "value": 1}] * 10
    assert limited.post("/api/analytics/samples", json=body).status_code == 202
    assert limited.post("/metrics", json={"metric_name": "load", "value": 1}).status_code == 429


def test_rate_limited_events_are_not_stored(limited: FlaskClient, redis: Redis) -> None:
    for _ in range(5):
        send(limited, 1)
    assert redis.xlen("analytics:ingest") == 3


def test_each_caller_has_its_own_budget(
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


def test_health_and_preflights_are_not_limited(limited: FlaskClient) -> None:
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


def test_keys_expire_with_the_bucket_and_hold_no_name(limited: FlaskClient, redis: Redis) -> None:
    send(limited, 5)
    keys = {key: redis.pttl(key) for key in redis.keys("analytics:limit:*")}
    assert sorted(round(ttl, -3) for ttl in keys.values()) == [20_000, 30_000]
    assert not any(b"127.0.0.1" in key for key in keys)


def test_reports_are_not_limited_without_redis(make_app: Callable[..., Flask], site: Site) -> None:
    app = make_app(rate_limit_per_minute=1, anonymous_scopes=("read",), celery_broker_url="redis://127.0.0.1:1/0")
    assert [app.test_client().get(DAU).status_code for _ in range(2)] == [200, 200]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=25),
)
def test_bucket_refills_evenly_and_may_be_overdrawn(
    app: Flask, redis: Redis, monkeypatch: pytest.MonkeyPatch, limit: int, steps: list[tuple[int, int]]
) -> None:
    """Compared with a bucket computed in fractions."""
    still, left = Clock(), Fraction(limit)
    monkeypatch.setattr(clock, "now", still)
    monkeypatch.setitem(
        app.extensions, "settings", replace(app.extensions["settings"], rate_limit_events_per_minute=limit)
    )
    redis.flushdb()
    caller = Principal("ann", frozenset(), None)
    for wait, count in steps:
        still.move(wait)
        left = min(Fraction(limit), left + Fraction(wait * limit, 60))
        with app.test_request_context():
            try:
                limits.enforce_event_limit(caller, count)
                taken = True
            except TooMany:
                taken = False
        assert taken == (left >= 1)
        left -= count if taken else 0


def caller(kind: Kind, credential_id: str = "", subject: str = "someone") -> Principal:
    return Principal(subject, frozenset(), None, credential_id, kind)


def allowed(app: Flask, address: str, principal: Principal, tries: int) -> int:
    """How many of as many requests are allowed."""
    count = 0
    for _ in range(tries):
        with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
            try:
                limits.enforce_request_limit(principal)
            except TooMany:
                continue
        count += 1
    return count


@pytest.mark.parametrize(
    ("kind", "address", "changes", "expected"),
    [
        pytest.param(Kind.ANONYMOUS, "203.0.113.1", {}, 3, id="anonymous"),
        pytest.param(Kind.PUBLISHABLE_KEY, "203.0.113.1", {}, 3, id="publishable key"),
        pytest.param(Kind.SHARE, "203.0.113.1", {}, 3, id="share link"),
        pytest.param(Kind.TOKEN, "203.0.113.1", {}, 5, id="token"),
        pytest.param(Kind.SECRET_KEY, "203.0.113.1", {}, 5, id="secret key"),
        pytest.param(Kind.TOKEN, "203.0.113.1", {"rate_limit_per_minute": 2}, 2, id="token with a limit"),
        pytest.param(Kind.ANONYMOUS, "203.0.113.1", {"rate_limit_per_minute": 2}, 2, id="the smaller counts"),
        pytest.param(Kind.ANONYMOUS, "203.0.113.1", {"rate_limit_per_minute": 4}, 3, id="the public is smaller"),
        pytest.param(Kind.ANONYMOUS, "203.0.113.1", {"public_rate_limit_per_minute": 0}, 5, id="off"),
        pytest.param(
            *(Kind.ANONYMOUS, "203.0.113.1", {"public_rate_limit_per_minute": 0, "rate_limit_per_minute": 2}, 2),
            id="off leaves the other",
        ),
        pytest.param(Kind.ANONYMOUS, "127.0.0.1", {}, 5, id="this machine"),
        pytest.param(Kind.ANONYMOUS, "::1", {}, 5, id="this machine by IPv6"),
        pytest.param(Kind.ANONYMOUS, "127.0.0.1", {"environment": "production"}, 3, id="this machine in production"),
        pytest.param(Kind.ANONYMOUS, "127.0.0.1", {"rate_limit_per_minute": 2}, 2, id="this machine with a limit"),
    ],
)
def test_public_callers_are_limited_by_default(
    make_app: Callable[..., Flask], still: Clock, kind: Kind, address: str, changes: dict[str, Any], expected: int
) -> None:
    app = make_app(**{"public_rate_limit_per_minute": 3, **changes})
    assert allowed(app, address, caller(kind), 5) == expected


def test_default_limits_are_600_requests_and_6000_events(app: Flask, still: Clock) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": "203.0.113.1"}) as context:
        limits.enforce_request_limit(caller(Kind.ANONYMOUS))
        assert context.request.environ[limits.BUDGET_ENVIRON_KEY].limit == 600
        limits.enforce_event_limit(caller(Kind.ANONYMOUS), 10)
        assert context.request.environ[limits.BUDGET_ENVIRON_KEY].remaining == 5990


def test_a_budget_is_of_the_address_and_many_keys_do_not_multiply_it(
    make_app: Callable[..., Flask], still: Clock
) -> None:
    app = make_app(public_rate_limit_per_minute=2)
    key, other_key = (caller(Kind.PUBLISHABLE_KEY, key_id) for key_id in ("k1", "k2"))
    assert allowed(app, "203.0.113.1", key, 3) == 2
    assert allowed(app, "203.0.113.2", key, 3) == 2
    for other in (other_key, caller(Kind.SHARE, "l1"), caller(Kind.ANONYMOUS)):
        assert allowed(app, "203.0.113.1", other, 3) == 0
    assert allowed(app, "::ffff:203.0.113.2", key, 1) == 0
    assert [allowed(app, f"2001:db8::{n}", key, 1) for n in range(3)] == [1, 1, 0]


def test_tokens_of_one_subject_for_other_sites_have_budgets_of_their_own(
    make_app: Callable[..., Flask], still: Clock
) -> None:
    app = make_app(rate_limit_per_minute=2)
    of_shop, of_both = (caller(Kind.TOKEN)._replace(sites=frozenset(keys)) for keys in (["shop"], ["shop", "blog"]))
    for principal in (of_shop, of_both, caller(Kind.TOKEN)):
        assert allowed(app, "203.0.113.1", principal, 3) == 2
    again = caller(Kind.TOKEN, "another token")._replace(sites=frozenset(["blog", "shop"]))
    assert allowed(app, "203.0.113.1", again, 1) == 0
    assert allowed(app, "203.0.113.1", again._replace(sites=frozenset(["\ud800"])), 1) == 1


def test_keys_in_body_and_header_spend_one_budget(
    make_app: Callable[..., Flask], still: Clock, site: Site, make_key: Callable[..., str]
) -> None:
    limited = {"public_rate_limit_per_minute": 4, "public_rate_limit_events_per_minute": 3}
    client = make_app(**limited, trusted_proxies=("127.0.0.1",)).test_client()
    first, second = (make_key("publishable", ["ingest"], site) for _ in range(2))
    outside, event = {"X-Forwarded-For": "192.0.2.7"}, [{"type": "a"}]

    def post(body: Any, **headers: str) -> tuple[int, str]:
        response = client.post(INGEST, json=body, headers={**outside, **headers})
        return response.status_code, response.headers["RateLimit-Policy"]

    events, requests = '3;w=60;comment="events"', '4;w=60;comment="requests"'
    assert post({"key": first, "events": event}) == (202, events)
    assert post(event, Authorization=f"Bearer {first}") == (202, events)
    assert post(event, Authorization=f"Bearer {second}") == (202, events)
    assert post({"key": second, "events": event}) == (429, events)
    assert post(event, Authorization=f"Bearer {second}") == (429, requests)


def test_uncounted_requests_are_counted_and_logged_at_a_bounded_rate(
    make_app: Callable[..., Flask], still: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(public_rate_limit_per_minute=1, celery_broker_url="redis://127.0.0.1:1/0")
    for _ in range(4):
        assert allowed(app, "203.0.113.1", caller(Kind.ANONYMOUS), 3) == 3
        still.move(2)
    with app.app_context():
        assert limits.outage().uncounted == 12
    assert [record.message for record in caplog.records].count("rate limits not counted") == 1


def test_one_request_a_second_tries_redis_during_an_outage() -> None:
    outage = limits.Outage()
    assert not outage.is_waiting(100)
    outage.record(100, TooMany(""))
    assert [outage.is_waiting(at) for at in (100.5, 100.9, 101.1, 101.2, 102.5)] == [True, True, False, True, False]
    outage.end()
    assert not outage.is_waiting(102.6)
    assert outage.uncounted == 4


def test_each_address_costs_one_key_that_expires(make_app: Callable[..., Flask], still: Clock, redis: Redis) -> None:
    app = make_app(public_rate_limit_per_minute=6)
    for number in range(50):
        allowed(app, f"203.0.113.{number}", caller(Kind.ANONYMOUS), 1)
    # One of six requests a minute: full again after ten seconds.
    lifetimes = [redis.pttl(key) for key in redis.keys("analytics:limit:*")]
    assert len(lifetimes) == 50
    assert all(0 < lifetime <= 10_001 for lifetime in lifetimes)

"""Tokens: what a JWT grants, why one is refused, and how soon a revocation takes effect."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest

from analytics.auth.guard import token_verifier
from analytics.auth.tokens import tokens
from analytics.errors import Unauthorised
from analytics.extensions import db
from tests.conftest import SECRET
from tests.waiting import wait_until

NEVER = 2**33


def b64(data):
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def sign(claims, key=SECRET, header=None, digest=hashlib.sha256):
    """A JWT signed by hand, which may be invalid."""
    text = f"{b64(header or {'alg': 'HS256', 'typ': 'JWT'})}.{b64(claims)}"
    return f"{text}.{b64(hmac.new(key.encode(), text.encode(), digest).digest())}"


@pytest.fixture
def check(app):
    """The principal of a token, as in a request."""

    def ask(token):
        with app.app_context():
            return token_verifier().principal(token)

    return ask


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        pytest.param({"scope": "ingest read"}, {"ingest", "read"}, id="words"),
        pytest.param({"scope": ["export"]}, {"export"}, id="list"),
        pytest.param({"scope": "openid admin"}, {"admin"}, id="of-another-issuer-too"),
        pytest.param({"scope": ""}, set(), id="empty"),
        pytest.param({}, {"ingest", "read", "export", "write"}, id="no-claim"),
    ],
)
def test_scopes_come_from_the_claim(check, claims, scopes):
    assert check(sign({"sub": "me", **claims})).scopes == scopes


@pytest.mark.parametrize(
    ("claims", "sites"),
    [
        ({}, None),
        ({"site": "shop"}, {"shop"}),
        ({"site": ["a", "b"]}, {"a", "b"}),
        ({"site": []}, set()),
        ({"site": "*"}, None),
    ],
)
def test_sites_come_from_the_claim(check, claims, sites):
    assert check(sign({"sub": "me", **claims})).sites == sites


@pytest.mark.parametrize(("sub", "subject"), [("me", "me"), (42, "42")])
def test_jwt_of_another_library_is_accepted(check, sub, subject):
    principal = check(jwt.encode({"sub": sub, "aud": "elsewhere"} if sub == "me" else {"sub": sub}, SECRET))
    assert (principal.subject, principal.is_anonymous) == (subject, False)


GOOD = {"sub": "me", "exp": NEVER}


@pytest.mark.parametrize(
    ("token", "said"),
    [
        pytest.param(f"{b64({'alg': 'none'})}.{b64(GOOD)}.", "algorithm", id="alg-none"),
        pytest.param(f"{b64({'alg': 'nOnE'})}.{b64(GOOD)}.", "algorithm", id="alg-none-oddly-spelled"),
        pytest.param(sign(GOOD, header={"alg": "HS512"}, digest=hashlib.sha512), "algorithm", id="alg-HS512"),
        pytest.param(sign(GOOD, header={"alg": "RS256"}), "algorithm", id="RS256-with-the-shared-secret"),
        pytest.param(sign(GOOD, key="another-secret-that-is-long-enough!!"), "signature", id="wrong-key"),
        pytest.param(sign({"sub": "me", "exp": 1_000_000_000}), "expired at 2001-09-09T01:46:40Z", id="expired"),
        pytest.param(sign({"sub": "me", "exp": 1_700_000_000_000}), "exp is in seconds", id="exp-in-milliseconds"),
        pytest.param(sign({"sub": "me", "exp": 253_402_300_800}), "exp is in seconds", id="exp-in-the-year-10000"),
        pytest.param(sign({"sub": "me", "exp": float("nan")}), "exp is in seconds", id="exp-NaN"),
        pytest.param(sign({**GOOD, "nbf": NEVER - 1}), "not valid yet", id="not-yet"),
        pytest.param(sign({"exp": NEVER}), "sub", id="no-sub"),
        pytest.param(sign({**GOOD, "sub": True}), "sub", id="sub-a-flag"),
        pytest.param(sign({**GOOD, "sub": "a\0b"}), "sub", id="sub-with-nul"),
        pytest.param(sign({**GOOD, "sub": "\ud800"}), "sub", id="sub-with-lone-surrogate"),
        pytest.param(sign({**GOOD, "sub": "x" * 256}), "sub", id="sub-too-long"),
        pytest.param(sign({**GOOD, "scope": None}), "scope", id="scope-null"),
        pytest.param(sign({**GOOD, "scope": [1]}), "scope", id="scope-numbers"),
        pytest.param(sign({**GOOD, "site": None}), "site", id="site-null-is-not-all-sites"),
        pytest.param(sign({**GOOD, "site": ""}), "site", id="site-empty"),
        pytest.param(sign({**GOOD, "site": {"a": 1}}), "site", id="site-object"),
        pytest.param(sign({**GOOD, "site": "a\0"}), "site", id="site-with-a-nul"),
        pytest.param(sign({**GOOD, "site": ["shop", "\ud800"]}), "site", id="site-half-a-character"),
        pytest.param(sign({**GOOD, "type": "refresh"}), "refresh", id="refresh-token"),
        pytest.param(sign({"sub": "me", "exp": float("inf")}), "exp is in seconds", id="exp-infinite"),
        pytest.param(sign({"sub": "me", "exp": [1]}), "exp is in seconds", id="exp-list"),
        pytest.param(sign({"sub": "me", "exp": True}), "expired", id="exp-a-flag"),
        pytest.param(sign({**GOOD, "jti": 7}), "claims", id="jti-a-number"),
        pytest.param(sign([1]), "malformed", id="claims-are-a-list"),
        pytest.param(f"{b64(b'[' * 3000)}.{b64(GOOD)}.x", "malformed", id="deep-header"),
        pytest.param(f"{b64({'alg': 'HS256'})}.{b64(b'[' * 3000)}.x", "malformed", id="deep-claims"),
        pytest.param(f"{b64({'alg': ['HS256']})}.{b64(GOOD)}.x", "malformed|algorithm", id="alg-a-list"),
        pytest.param("one.two", "malformed", id="two-parts"),
        pytest.param("a" * 9000, "8000", id="too-long"),
        pytest.param("é.é.é", "ASCII", id="not-ascii"),
    ],
)
def test_error_of_an_invalid_token_names_the_reason(check, token, said):
    with pytest.raises(Unauthorised, match=said):
        check(token)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Token x",
        "Bearer " + "a" * 100_000,
        "Bearer \xe9\xff",
        "Bearer a,Bearer b",
        "é",
    ],
)
def test_malformed_header_is_a_401(client, header):
    assert client.get("/api/analytics/sites", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer "])
def test_scheme_is_case_insensitive(client, token, scheme):
    headers = {"Authorization": f"{scheme} {token('admin')}"}
    assert client.get("/api/analytics/sites", headers=headers).status_code == 200


def test_cached_token_expires(check, at):
    token = sign({"sub": "me", "exp": int(time.time()) + 60})
    assert check(token).subject == "me"
    at(61)
    with pytest.raises(Unauthorised, match="expired at"):
        check(token)


def revoke(engine, redis, token):
    jti = tokens.token_id(token, tokens.decode_unverified(token))
    return tokens.revoke(engine, redis, jti, None, "lost", "test")


@pytest.mark.parametrize("claims", [{"jti": "one"}, {}], ids=["with-jti", "without-jti"])
def test_revoked_token_stops_within_two_seconds_in_every_process(app, engine, redis, at, claims):
    # Two caches, as in two processes.
    processes = [tokens.TokenVerifier(lambda: engine, lambda: redis) for _ in range(2)]
    token = sign({"sub": "me", **claims})
    with app.app_context():
        assert [process.principal(token).subject for process in processes] == ["me", "me"]
        assert revoke(engine, redis, token)
        at(2.001)
        for process in processes:
            with pytest.raises(Unauthorised, match="revoked"):
                process.principal(token)


def test_token_without_jti_stays_revoked_however_its_signature_is_spelled(check, engine, redis):
    token = sign({"sub": "me"})
    revoke(engine, redis, token)
    with pytest.raises(Unauthorised, match="revoked"):
        check(token + "=")


def test_emptied_redis_does_not_reinstate_a_revoked_token(check, engine, redis, at):
    token = sign({"sub": "me", "jti": "one"})
    revoke(engine, redis, token)
    with pytest.raises(Unauthorised):
        check(token)
    redis.flushdb()
    at(3)
    with pytest.raises(Unauthorised, match="revoked"):
        check(token)


def test_revocation_that_redis_missed_is_noticed_within_a_minute(check, engine, redis, at):
    token = sign({"sub": "me", "jti": "one"})
    assert check(token)
    revoke(engine, redis, token)
    redis.zrem(tokens.REVOKED_KEY, "one")
    at(57)
    # The table is read in the background, and its result is seen with the next poll.
    assert check(token)
    wait_until(lambda: redis.zscore(tokens.REVOKED_KEY, "one"))
    at(60)
    with pytest.raises(Unauthorised, match="revoked"):
        check(token)


def test_last_read_revocations_hold_without_both_servers(app, engine, redis, at, make_app):
    servers, token = [engine, redis], sign({"sub": "me", "jti": "one"})
    checks = tokens.TokenVerifier(lambda: servers[0], lambda: servers[1])
    revoke(engine, redis, token)
    away = make_app(database_url="postgresql+psycopg2://127.0.0.1:1/none", celery_broker_url="redis://127.0.0.1:1/0")
    with app.app_context(), pytest.raises(Unauthorised):
        checks.principal(token)
    with away.app_context():
        gone = db.engine
    servers[:] = gone, away.extensions["buffer_redis"]
    at(100)
    with app.app_context(), pytest.raises(Unauthorised, match="revoked"):
        checks.principal(token)


def test_revoking_twice_leaves_one_row(engine, redis, sql):
    token = sign({"sub": "me", "jti": "one"})
    assert [revoke(engine, redis, token), revoke(engine, redis, token)] == [True, True]
    assert sql("SELECT jti, reason FROM revoked_tokens") == [("one", "lost")]
    assert sql("SELECT actor, action FROM audit_log") == [("test", "token.revoke")]

"""What a JWT grants, what is wrong with one that is refused, and how soon a revoked one stops working."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from analytics import clock
from analytics.auth import tokens
from analytics.auth.guard import token_checks
from analytics.errors import Unauthorised
from analytics.extensions import db
from config import ConfigError
from tests.conftest import SECRET

PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----
"""
NEVER = 2**33


def b64(data):
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def sign(claims, key=SECRET, header=None, digest=hashlib.sha256):
    """A JWT by hand, so that nothing stops it from being a bad one."""
    text = f"{b64(header or {'alg': 'HS256', 'typ': 'JWT'})}.{b64(claims)}"
    return f"{text}.{b64(hmac.new(key.encode(), text.encode(), digest).digest())}"


@pytest.fixture
def check(app):
    """The principal of a token, as a request would find it."""

    def ask(token):
        with app.app_context():
            return token_checks().principal(token)

    return ask


@pytest.fixture
def at(monkeypatch):
    """`at(3)`: it is three seconds later."""
    start = datetime.now(UTC)

    def turn(seconds):
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(seconds=seconds))

    turn(0)
    return turn


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        pytest.param({"scope": "ingest read"}, {"ingest", "read"}, id="words"),
        pytest.param({"scope": ["export"]}, {"export"}, id="list"),
        pytest.param({"scope": "openid admin"}, {"admin"}, id="of-another-issuer-too"),
        pytest.param({"scope": ""}, set(), id="empty"),
        pytest.param({}, {"ingest", "read", "export"}, id="no-claim"),
    ],
)
def test_scopes_come_from_the_claim(check, claims, scopes):
    assert check(sign({"sub": "me", **claims})).scopes == scopes


@pytest.mark.parametrize(
    ("claims", "sites"),
    [({}, None), ({"site": "shop"}, {"shop"}), ({"site": ["a", "b"]}, {"a", "b"}), ({"site": []}, set())],
)
def test_sites_come_from_the_claim(check, claims, sites):
    assert check(sign({"sub": "me", **claims})).sites == sites


@pytest.mark.parametrize(("sub", "subject"), [("me", "me"), (42, "42")])
def test_plain_jwt_of_another_library_is_taken(check, sub, subject):
    principal = check(jwt.encode({"sub": sub, "aud": "elsewhere"} if sub == "me" else {"sub": sub}, SECRET))
    assert (principal.subject, principal.anonymous) == (subject, False)


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
        pytest.param(sign({**GOOD, "type": "refresh"}), "refresh", id="refresh-token"),
        pytest.param(sign({"sub": "me", "exp": float("inf")}), "malformed|claims", id="exp-infinite"),
        pytest.param(sign({"sub": "me", "exp": [1]}), "malformed|claims", id="exp-list"),
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
def test_bad_token_is_told_what_is_wrong(check, token, said):
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
def test_odd_header_is_a_401(client, header):
    assert client.get("/api/analytics/sites", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer "])
def test_scheme_is_read_in_any_case(client, token, scheme):
    headers = {"Authorization": f"{scheme} {token('admin')}"}
    assert client.get("/api/analytics/sites", headers=headers).status_code == 200


def test_public_key_as_a_shared_secret_is_refused(make_app):
    app = make_app(jwt_public_key=PUBLIC_KEY, jwt_algorithm="ES256")
    with app.app_context(), pytest.raises(Unauthorised, match="algorithm"):
        token_checks().principal(sign(GOOD, key=PUBLIC_KEY))


def test_shared_secret_is_worth_nothing_beside_a_public_key(make_app):
    app = make_app(jwt_public_key=PUBLIC_KEY, jwt_algorithm="ES256")
    with app.app_context(), pytest.raises(Unauthorised, match="algorithm"):
        token_checks().principal(sign(GOOD))


def pair(kind):
    private = rsa.generate_private_key(65537, 2048) if kind == "RS256" else ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_tokens_of_a_private_key_are_verified_by_its_public_one(make_app, algorithm):
    private, public = pair(algorithm)
    stranger, _ = pair(algorithm)
    app = make_app(jwt_public_key=public, jwt_algorithm=algorithm)
    with app.app_context():
        assert token_checks().principal(jwt.encode(GOOD, private, algorithm)).subject == GOOD["sub"]
        with pytest.raises(Unauthorised):
            token_checks().principal(jwt.encode(GOOD, stranger, algorithm))


@pytest.mark.parametrize(("pem", "algorithm"), [("junk", ""), (PUBLIC_KEY, "RS256"), (PUBLIC_KEY, "HS256")])
def test_a_key_that_verifies_nothing_stops_the_start(make_app, pem, algorithm):
    with pytest.raises(ConfigError, match=r"^JWT_PUBLIC_KEY: "):
        make_app(jwt_public_key=pem, jwt_algorithm=algorithm)


def test_known_token_stops_at_its_exp(check, at):
    token = sign({"sub": "me", "exp": int(time.time()) + 60})
    assert check(token).subject == "me"
    at(61)
    with pytest.raises(Unauthorised, match="expired at"):
        check(token)


def test_memory_of_tokens_is_bounded(app, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_CACHED", 10)
    with app.app_context():
        for number in range(25):
            token_checks().principal(sign({"sub": str(number)}))
        assert len(token_checks()._checked) <= 10


def revoke(engine, redis, token):
    jti = tokens.identity(token, tokens.unverified(token))
    return tokens.revoke(engine, redis, jti, None, "lost", "test")


@pytest.mark.parametrize("claims", [{"jti": "one"}, {}], ids=["with-jti", "without-jti"])
def test_revoked_token_stops_within_two_seconds_in_every_process(app, engine, redis, at, claims):
    # Two memories, as of two processes.
    processes = [tokens.TokenChecks(lambda: engine, lambda: redis) for _ in range(2)]
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


def test_emptied_redis_does_not_bring_a_revoked_token_back(check, engine, redis, at):
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
    at(61)
    with pytest.raises(Unauthorised, match="revoked"):
        check(token)


def test_last_known_revocations_hold_while_both_servers_are_away(app, engine, redis, at, make_app):
    checks, token = tokens.TokenChecks(lambda: engine, lambda: redis), sign({"sub": "me", "jti": "one"})
    revoke(engine, redis, token)
    away = make_app(database_url="postgresql+psycopg2://127.0.0.1:1/none", celery_broker_url="redis://127.0.0.1:1/0")
    with app.app_context(), pytest.raises(Unauthorised):
        checks.principal(token)
    with away.app_context():
        gone = db.engine
    checks.revocations._engine, checks.revocations._redis = lambda: gone, lambda: away.extensions["buffer_redis"]
    at(100)
    with app.app_context(), pytest.raises(Unauthorised, match="revoked"):
        checks.principal(token)


def test_revoking_twice_leaves_one_row(engine, redis, sql):
    token = sign({"sub": "me", "jti": "one"})
    assert [revoke(engine, redis, token), revoke(engine, redis, token)] == [True, True]
    assert sql("SELECT jti, reason FROM revoked_tokens") == [("one", "lost")]
    assert sql("SELECT actor, action FROM audit_log") == [("test", "token.revoke")]

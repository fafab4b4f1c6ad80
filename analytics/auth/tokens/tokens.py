"""Tokens: what a JWT lets its bearer do, remembered by its text until it expires, and taking one back.

`guard` asks `TokenChecks.principal` on every request; the commands issue and revoke. Revocations live in PostgreSQL
and are told to every process through a sorted set in Redis, which each reads every two seconds.
"""

import hashlib
import json
import logging
import math
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import jwt
from flask_jwt_extended import create_access_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from analytics import clock
from analytics.aside import aside
from analytics.errors import Unauthorised
from analytics.store.models import audit_log, revoked_tokens
from config import SCOPES

log = logging.getLogger(__name__)

# A plain JWT of another issuer that shares the key says nothing of scopes: it may do what seed 001 lets any valid
# token do, and no more.
SCOPES_WITHOUT_CLAIM = frozenset({"ingest", "read", "export"})
MAX_TOKEN_LENGTH = 8000
MAX_CACHED = 10_000
READ_EVERY_S = 2.0
# Mends a Redis that lost a revocation, or was away when one was made.
RELOAD_EVERY_S = 60.0
REVOKED_KEY = "analytics:revoked"
# Shows that the set was filled from PostgreSQL, so that an emptied Redis is not taken for "nothing is revoked".
FILLED = "*filled"
PLAIN_ID = re.compile(r"[\x21-\x7e]{1,200}")
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class Principal(NamedTuple):
    """Who is calling, and what they may do. `sites` None: all of them."""

    subject: str
    scopes: frozenset[str]
    sites: frozenset[str] | None
    jti: str
    anonymous: bool

    def may(self, scope: str) -> bool:
        """True when the scope was given; admin includes every other."""
        return scope in self.scopes or "admin" in self.scopes


class _Checked(NamedTuple):
    principal: Principal
    expires_at: float


class TokenChecks:
    """Verified tokens by their text, and the revoked ones. One an app; any thread may ask."""

    def __init__(self, engine: Callable[[], Engine], redis: Callable[[], Redis]) -> None:
        self.revocations = Revocations(engine, redis)
        self._checked: dict[str, _Checked] = {}
        self._lock = threading.Lock()

    def principal(self, token: str) -> Principal:
        """Who the token speaks for. Raises Unauthorised, saying what is wrong with it. About 2 us when known."""
        now = clock.now().timestamp()
        found = self._checked.get(token)
        if found is None:
            found = verify(token)
            self._remember(token, found)
        if now >= found.expires_at:
            self._checked.pop(token, None)
            raise Unauthorised(_expired(found.expires_at))
        if found.principal.jti in self.revocations.at(now):
            raise Unauthorised("the token was revoked; ask for a new one")
        return found.principal

    def clear(self) -> None:
        """Forget every token and revocation, as a new process would."""
        self._checked.clear()
        self.revocations.clear()

    def _remember(self, token: str, checked: _Checked) -> None:
        with self._lock:
            if len(self._checked) >= MAX_CACHED:
                # The oldest tenth goes at once: evicting one at a time would cost every newcomer.
                for old in list(self._checked)[: MAX_CACHED // 10]:
                    del self._checked[old]
            self._checked[token] = checked


class Revocations:
    """The identities of revoked tokens, at most `READ_EVERY_S` old; older only while Redis and PostgreSQL are away."""

    def __init__(self, engine: Callable[[], Engine], redis: Callable[[], Redis]) -> None:
        self._engine, self._redis = engine, redis
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self._revoked: frozenset[str] = frozenset()
        self._read_at, self._reloaded_at = -math.inf, -math.inf

    def at(self, now: float) -> frozenset[str]:
        """The revoked identities. One thread reads them anew; the others go on with the last set, save at the start."""
        if 0 <= now - self._read_at < READ_EVERY_S:
            return self._revoked
        return aside(self._read_anew, now)

    def _read_anew(self, now: float) -> frozenset[str]:
        first = self._read_at == -math.inf
        if self._lock.acquire(blocking=first):
            try:
                if not 0 <= now - self._read_at < READ_EVERY_S:
                    self._revoked = self._read(now)
                    self._read_at = now
            finally:
                self._lock.release()
        return self._revoked

    def _read(self, now: float) -> frozenset[str]:
        if 0 <= now - self._reloaded_at < RELOAD_EVERY_S:
            try:
                found = _members(self._redis())
                if FILLED in found:
                    return found
            except RedisError as error:
                log.warning("revocations not read from redis", extra={"error": type(error).__name__})
        return self._reload(now)

    def _reload(self, now: float) -> frozenset[str]:
        live = or_(revoked_tokens.c.expires_at.is_(None), revoked_tokens.c.expires_at > func.to_timestamp(now))
        try:
            with self._engine().connect() as connection:
                rows = connection.execute(select(revoked_tokens.c.jti, revoked_tokens.c.expires_at).where(live)).all()
        except SQLAlchemyError as error:
            log.warning("revocations not read from the database", extra={"error": type(error).__name__})
            return self._read_redis_or_keep()
        self._reloaded_at = now
        scores = {row.jti: _score(row.expires_at) for row in rows}
        try:
            pipeline = self._redis().pipeline()
            pipeline.zremrangebyscore(REVOKED_KEY, "-inf", now)
            pipeline.zadd(REVOKED_KEY, {**scores, FILLED: math.inf})
            pipeline.execute()
        except RedisError as error:
            log.warning("revocations not told to redis", extra={"error": type(error).__name__})
        return frozenset(row.jti for row in rows)

    def _read_redis_or_keep(self) -> frozenset[str]:
        try:
            return self._revoked | _members(self._redis())
        except RedisError:
            return self._revoked


def revoke(engine: Engine, redis: Redis, jti: str, expires_at: datetime | None, reason: str, actor: str) -> bool:
    """Takes a token back, in every process within two seconds; may run twice.

    False when Redis could not be told: then the processes notice within `RELOAD_EVERY_S`.
    """
    row = {"jti": jti, "expires_at": expires_at, "reason": reason}
    with engine.begin() as connection:
        added = connection.execute(
            insert(revoked_tokens).values(row).on_conflict_do_nothing().returning(revoked_tokens.c.jti)
        ).first()
        if added:
            entry = {"actor": actor, "action": "token.revoke", "detail": {"jti": jti, "reason": reason}}
            connection.execute(insert(audit_log).values(entry))
    try:
        redis.zadd(REVOKED_KEY, {jti: _score(expires_at)})
    except RedisError:
        return False
    return True


def issue(subject: str, scopes: Iterable[str], sites: Iterable[str], lifetime: timedelta | None) -> str:
    """A signed token with those claims; `lifetime` None: it never expires. No site: all sites."""
    claims: dict[str, Any] = {"scope": " ".join(scopes)}
    if keys := list(sites):
        claims["site"] = keys[0] if len(keys) == 1 else keys
    made: str = create_access_token(subject, additional_claims=claims, expires_delta=lifetime or False)
    return made


def verify(token: str) -> _Checked:
    """The token's meaning, its signature and times checked anew. Raises Unauthorised; does not ask for revocation."""
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise Unauthorised(f"the token is not a JWT: over {MAX_TOKEN_LENGTH} characters, or not ASCII")
    try:
        claims = decode_token(token)
        expires_at = float(claims.get("exp", math.inf))
    except jwt.ExpiredSignatureError as error:
        raise Unauthorised(_expired(unverified(token).get("exp"))) from error
    except (jwt.PyJWTError, JWTExtendedException) as error:
        raise Unauthorised(_explain(error)) from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Unauthorised("the token is malformed: it cannot be read as a JWT") from error
    if claims["type"] == "refresh":
        raise Unauthorised("this is a refresh token; send an access token")
    principal = Principal(_subject(claims), _scopes(claims), _sites(claims), identity(token, claims), False)
    return _Checked(principal, expires_at)


def unverified(token: str) -> dict[str, Any]:
    """The claims as they stand in the token, whoever signed it; empty for what is no JWT. For messages only."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        return {}


def identity(token: str, claims: Mapping[str, Any]) -> str:
    """What a token is revoked by: its jti, else a hash of what was signed.

    Not of the whole text: base64 lets one signature be spelled in several ways.
    """
    jti = claims.get("jti")
    if isinstance(jti, str) and PLAIN_ID.fullmatch(jti):
        return jti
    return "sha256:" + hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()


def _subject(claims: Mapping[str, Any]) -> str:
    given = claims["sub"]
    subject = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or UNSTORABLE.search(subject):
        raise Unauthorised("the token's sub must be a string of 1 to 255 characters")
    return subject


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    if "scope" not in claims:
        return SCOPES_WITHOUT_CLAIM
    words = _words(claims["scope"], split=True)
    if words is None:
        raise Unauthorised(f"the token's scope must be a string or a list of: {' '.join(SCOPES)}")
    # An issuer may have scopes of its own, such as openid.
    return words & set(SCOPES)


def _sites(claims: Mapping[str, Any]) -> frozenset[str] | None:
    if "site" not in claims:
        return None
    keys = _words(claims["site"], split=False)
    if keys is None or "" in keys:
        raise Unauthorised("the token's site must be a site key or a list of them; leave it out for all sites")
    return keys


def _words(given: Any, split: bool) -> frozenset[str] | None:
    if isinstance(given, str):
        return frozenset(given.split() if split else [given])
    if isinstance(given, list) and all(isinstance(word, str) for word in given):
        return frozenset(given)
    return None


def _expired(expires_at: Any) -> str:
    try:
        at = datetime.fromtimestamp(float(expires_at), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, TypeError, OverflowError, OSError):
        return "the token has expired; ask for a new one"
    return f"the token expired at {at}; ask for a new one"


def _explain(error: Exception) -> str:
    if isinstance(error, (jwt.InvalidAlgorithmError, jwt.InvalidKeyError)):
        return "the token's algorithm is not the one this service verifies"
    if isinstance(error, jwt.InvalidSignatureError):
        return "the token's signature is wrong: it was made with another key"
    if isinstance(error, jwt.ImmatureSignatureError):
        return "the token is not valid yet; check the clock of its issuer"
    if isinstance(error, jwt.InvalidTokenError) and not isinstance(error, jwt.DecodeError):
        return f"the token's claims are wrong: {error}"
    if isinstance(error, JWTExtendedException):
        return f"the token lacks a claim: {json.dumps(str(error).removeprefix('Missing claim: '))}"
    return f"the token is malformed: {error}"


def _members(redis: Redis) -> frozenset[str]:
    found: Any = redis.zrange(REVOKED_KEY, 0, -1)
    return frozenset(jti.decode() for jti in found)


def _score(expires_at: datetime | None) -> float:
    return math.inf if expires_at is None else expires_at.timestamp()

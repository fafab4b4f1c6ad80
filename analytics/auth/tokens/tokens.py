"""Tokens: issues, verifies, caches and revokes the JWTs that callers send.

`guard` calls `TokenVerifier.principal` on every request; the commands issue and revoke. issuer.py says whose tokens are
accepted, claims.py what they grant. Revocations are stored in PostgreSQL and published in a sorted set in Redis, which
each process polls, with the earlier ends of rotated keys.
"""

import hashlib
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import jwt
from flask_jwt_extended import create_access_token
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from analytics import clock
from analytics.auth.principal import RESERVED_PREFIXES, Principal
from analytics.auth.tokens.claims import read_end, read_principal
from analytics.auth.tokens.issuer import Issuer
from analytics.auth.tokens.verified_tokens import Verified, VerifiedTokens
from analytics.errors import Unauthorised, Unavailable
from analytics.store.connections import limit_statements
from analytics.store.models import audit_log, revoked_tokens
from analytics.web.app import current_application
from analytics.web.refreshing_cache import Freshness, RefreshingCache

log = logging.getLogger(__name__)

MAX_TOKEN_LENGTH = 8000
# Of a process that serves requests all the time the set is polled in the background each second.
REVOCATION_FRESHNESS = Freshness(fresh_s=1.0, usable_s=2.0)
# The table is read again within a minute: repairs a Redis that lost a revocation, or was away when one was made.
STORED_FRESHNESS = Freshness(fresh_s=55.0, usable_s=55.0)
# Seconds that reading it waits for a server that hangs.
LOAD_LIMIT_S = 5.0
REVOKED_KEY = "analytics:revoked"
# The ids of rotated keys with the time at which each ends: a process may have cached the key with its former end.
ENDING_KEY = "analytics:ending"
# For so long after the end: every process has read the key's row by then, unless PostgreSQL was away.
ENDING_KEPT_S = 86_400
# Marks a set that was filled from PostgreSQL, so that an emptied Redis does not read as "nothing is revoked".
LOADED_MARKER = "*filled"
NEVER_READ = frozenset({"*never read"})
# The ids of keys, links, sessions and accounts are in the set too: no token has one of them.
JTI_PATTERN = re.compile(rf"(?!{'|'.join(RESERVED_PREFIXES)})[\x21-\x7e]{{1,200}}")


class TokenVerifier:
    """Caches verified tokens by their text, and checks revocations. One per app; thread-safe."""

    def __init__(self, engine: Callable[[], Engine], redis: Callable[[], Redis]) -> None:
        self.revocations = Revocations(engine, redis)
        self._verified = VerifiedTokens()

    def principal(self, token: str, can_wait: bool = True, can_wait_for_keys: bool = True) -> Principal:
        """The principal of the token. Raises Unauthorised with the reason. About 2 us on a cache hit.

        `can_wait`: as of Revocations.revoked_ids; `can_wait_for_keys`: as of Keys.find.
        """
        now = clock.now().timestamp()
        cached = self._verified.find(token)
        if cached is None or cached.keys_version != token_issuer().keys.version():
            cached = verify(token, can_wait_for_keys)
            self._verified.add(token, cached)
        if now >= cached.principal.expires_at:
            self._verified.forget(token)
            raise Unauthorised(_expired(cached.principal.expires_at))
        if cached.principal.credential_id in self.revocations.revoked_ids(can_wait):
            raise Unauthorised("the token was revoked; request a new one")
        return cached.principal

    def clear(self) -> None:
        """Empties the caches, as in a new process."""
        self._verified.clear()
        self.revocations.clear()


class Revocations:
    """The ids of revoked tokens: of the set in Redis, polled in the background, and of the table, read each minute.

    Both hold all of them. While one source does not answer, the other one and what was last read remain.
    """

    def __init__(self, engine: Callable[[], Engine], redis: Callable[[], Redis]) -> None:
        self._engine, self._redis = engine, redis
        self._polled = RefreshingCache[str, frozenset[str]]("revocations", REVOCATION_FRESHNESS)
        self._stored = RefreshingCache[str, frozenset[str]]("stored revocations", STORED_FRESHNESS)
        self._known: frozenset[str] = frozenset()

    def clear(self) -> None:
        """Empties the caches, as in a new process."""
        self._polled.clear()
        self._stored.clear()
        self._known = frozenset()

    def revoked_ids(self, can_wait: bool = True) -> frozenset[str]:
        """The revoked ids; waits for the servers only in a process that was not asked lately.

        `can_wait` False: as they were last read, at once. Raises Unavailable before they were.
        """
        load = partial(self._poll, self._redis(), self._engine())
        if can_wait:
            return self._polled.get(REVOKED_KEY, load)
        known = self._polled.get_now(REVOKED_KEY, load, NEVER_READ)
        if known is NEVER_READ:
            raise Unavailable("the revoked tokens were not read yet; try again shortly")
        return known

    def _poll(self, redis: Redis, engine: Engine) -> frozenset[str]:
        polled, load = _read_polled(redis), partial(_load_stored, engine, redis)
        if polled is not None and LOADED_MARKER in polled:
            self._known = polled | self._stored.get_now(REVOKED_KEY, load, frozenset())
        else:
            try:
                stored = load()
            except SQLAlchemyError as error:
                log.warning("revocations not read from the database", extra={"error": type(error).__name__})
                stored = self._known
            self._known = stored | (polled or frozenset())
        return self._known


def _read_polled(redis: Redis) -> frozenset[str] | None:
    """The set in Redis; None when Redis does not answer."""
    try:
        return _members(redis)
    except RedisError as error:
        log.warning("revocations not read from redis", extra={"error": type(error).__name__})
        return None


def _load_stored(engine: Engine, redis: Redis) -> frozenset[str]:
    """Those in the table, which are published in Redis. Raises SQLAlchemyError."""
    now = clock.now().timestamp()
    live = or_(revoked_tokens.c.expires_at.is_(None), revoked_tokens.c.expires_at > func.to_timestamp(now))
    with engine.connect() as connection:
        limit_statements(connection.connection.driver_connection, LOAD_LIMIT_S)
        rows = connection.execute(select(revoked_tokens.c.jti, revoked_tokens.c.expires_at).where(live)).all()
    try:
        pipeline = redis.pipeline()
        pipeline.zremrangebyscore(REVOKED_KEY, "-inf", now)
        pipeline.zremrangebyscore(ENDING_KEY, "-inf", now - ENDING_KEPT_S)
        pipeline.zadd(REVOKED_KEY, {**{row.jti: _score(row.expires_at) for row in rows}, LOADED_MARKER: math.inf})
        pipeline.execute()
    except RedisError as error:
        log.warning("revocations not published to redis", extra={"error": type(error).__name__})
    return frozenset(row.jti for row in rows)


def revoke(engine: Engine, redis: Redis, jti: str, expires_at: datetime | None, reason: str, actor: str) -> bool:
    """Revokes a token, in every process within two seconds; idempotent.

    False when Redis is unavailable: the processes then notice within a minute (STORED_FRESHNESS).
    """
    with engine.begin() as connection:
        if store_revocation(connection, jti, expires_at, reason):
            entry = {"actor": actor, "action": "token.revoke", "detail": {"jti": jti, "reason": reason}}
            connection.execute(insert(audit_log).values(entry))
    return publish_revocation(redis, jti, expires_at)


def store_revocation(connection: Connection, jti: str, expires_at: datetime | None, reason: str) -> bool:
    """Stores the revocation of a token, key or share link by its credential_id; False when it is stored already."""
    row = {"jti": jti, "expires_at": expires_at, "reason": reason}
    statement = insert(revoked_tokens).values(row).on_conflict_do_nothing().returning(revoked_tokens.c.jti)
    return connection.execute(statement).first() is not None


# Served by pk_revoked_tokens.
def is_stored_revocation(connection: Connection, jti: str) -> bool:
    """Whether the token of that id was revoked; a revocation is kept until the token's end."""
    return connection.execute(select(revoked_tokens.c.jti).where(revoked_tokens.c.jti == jti)).first() is not None


def publish_revocation(redis: Redis, jti: str, expires_at: datetime | None) -> bool:
    """Tells every process of a stored revocation; False when Redis is unavailable."""
    try:
        redis.zadd(REVOKED_KEY, {jti: _score(expires_at)})
    except RedisError:
        return False
    return True


def publish_end(redis: Redis, credential_id: str, ends_at: datetime) -> bool:
    """Tells every process that the credential now ends then; False when Redis is unavailable."""
    try:
        redis.zadd(ENDING_KEY, {credential_id: ends_at.timestamp()})
    except RedisError:
        return False
    return True


def issue(subject: str, scopes: Iterable[str], sites: Iterable[str], lifetime: timedelta | None) -> str:
    """A signed token. `lifetime` None: it never expires. No site: all sites."""
    claims: dict[str, Any] = {"scope": " ".join(scopes)}
    if keys := list(sites):
        claims["site"] = keys[0] if len(keys) == 1 else keys
    token: str = create_access_token(subject, additional_claims=claims, expires_delta=lifetime or False)
    return token


def token_issuer() -> Issuer:
    """The running app's issuer."""
    issuer: Issuer = current_application().extensions["token_issuer"]
    return issuer


def verify(token: str, can_wait_for_keys: bool = True) -> Verified:
    """The principal and expiry, after checking signature and claims. Raises Unauthorised; ignores revocations."""
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise Unauthorised(f"the token is not a JWT: over {MAX_TOKEN_LENGTH} characters, or not ASCII")
    issuer = token_issuer()
    version = issuer.keys.version()
    try:
        claims = issuer.decode(token, can_wait_for_keys)
        expires_at = read_end(claims)
    except jwt.ExpiredSignatureError as error:
        raise Unauthorised(_expired(decode_unverified(token).get("exp"))) from error
    except jwt.PyJWTError as error:
        read_end(decode_unverified(token))
        raise Unauthorised(issuer.explain(error)) from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        read_end(decode_unverified(token))
        raise Unauthorised("the token is malformed: it cannot be read as a JWT") from error
    principal = read_principal(claims, token_id(token, claims), expires_at, issuer.is_own)
    return Verified(principal, version)


def decode_unverified(token: str) -> dict[str, Any]:
    """The claims without checking the signature; empty when it is not a JWT. For messages only."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        return {}


def token_id(token: str, claims: Mapping[str, Any]) -> str:
    """The id a token is revoked by: its jti, else a hash of the signed part.

    Not of the whole text: base64 encodes one signature in several ways.
    """
    jti = claims.get("jti")
    if isinstance(jti, str) and JTI_PATTERN.fullmatch(jti):
        return jti
    return "sha256:" + hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()


def expiry_detail(noun: str, expires_at: Any) -> str:
    """The detail of a 401 for a credential (`noun`) that ended at this Unix time."""
    try:
        at = datetime.fromtimestamp(float(expires_at), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, TypeError, OverflowError, OSError):
        return f"the {noun} has expired; request a new one"
    return f"the {noun} expired at {at}; request a new one"


def _expired(expires_at: Any) -> str:
    return expiry_detail("token", expires_at)


def _members(redis: Redis) -> frozenset[str]:
    """The revoked ids, and those that have ended."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.zrange(REVOKED_KEY, 0, -1)
    pipeline.zrangebyscore(ENDING_KEY, "-inf", clock.now().timestamp())
    revoked, ended = pipeline.execute()
    return frozenset(jti.decode() for jti in [*revoked, *ended])


def _score(expires_at: datetime | None) -> float:
    return math.inf if expires_at is None else expires_at.timestamp()

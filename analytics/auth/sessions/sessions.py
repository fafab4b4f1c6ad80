"""Sessions of people in browsers: an opaque cookie, whose hash is a row with what the person may do.

dashboard/ opens and ends sessions; credentials.py asks `load_credentials` through a CredentialCache. A session has no
more than the token or account that it was opened with, and ends with it.
"""

import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from redis import Redis
from sqlalchemy import ColumnElement, Connection, Engine, Row, insert, select

from analytics import clock
from analytics.auth.keys import keys
from analytics.auth.keys.credential_cache import Credential, hash_text
from analytics.auth.principal import Kind, Principal
from analytics.auth.sessions.setting_secrets import SettingSecrets
from analytics.store.models import audit_log, sessions

# `__Host-`: set by this host alone, by HTTPS and for all paths (RFC 6265bis, 4.1.3.2). Plain HTTP cannot set it.
SECURE_COOKIE, PLAIN_COOKIE = "__Host-session", "session"
TOKEN_PREFIX = "session_"  # noqa: S105
# A page of another origin cannot send the header without a preflight, which CORS grants to no request with cookies.
CSRF_ENVIRON, CSRF_VALUE = "HTTP_X_CSRF_TOKEN", "1"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def open_session(
    connection: Connection,
    principal: Principal,
    lifetime: timedelta,
    secret_digest: bytes | None = None,
    origin: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, datetime]:
    """The cookie's text, which is not stored, and when the session ends: after `lifetime`, or with the credential that
    `principal` came with. `secret_digest`: of the settings' secret that it came with (setting_secrets.py).
    `origin`: how and from where, for the audit log."""
    token, session_id, now = keys.new_secret(TOKEN_PREFIX), str(uuid.uuid4()), clock.now()
    seconds = min(lifetime.total_seconds(), principal.expires_at - now.timestamp())
    ends_at = now + timedelta(seconds=seconds)
    row = {
        "id": session_id,
        "token_hash": hash_text(token),
        "subject": principal.subject,
        "scopes": sorted(principal.scopes),
        "sites": None if principal.sites is None else sorted(principal.sites),
        "parent_id": principal.credential_id,
        "secret_digest": secret_digest,
        "created_at": now,
        "expires_at": ends_at,
    }
    connection.execute(insert(sessions).values(row))
    entry = {"actor": principal.subject, "action": "session.open", "detail": {"id": session_id, **origin}}
    connection.execute(insert(audit_log).values(entry))
    return token, ends_at


def end_session(engine: Engine, redis: Redis, principal: Principal) -> bool:
    """Ends the session that the principal came with, in every process within two seconds; idempotent. False when Redis
    is unavailable."""
    session_id = principal.credential_id.removeprefix(_ID_PREFIX)
    return _end(engine, redis, session_id, principal.subject, datetime.fromtimestamp(principal.expires_at, UTC))


def end_sessions_of(engine: Engine, redis: Redis, parent_id: str, actor: str) -> int:
    """Ends the sessions that were opened with this account; how many. Served by ix_sessions_parent_id."""
    return _end_all(engine, redis, sessions.c.parent_id == parent_id, actor)


def end_sessions_for(engine: Engine, redis: Redis, names: Collection[str], actor: str) -> int:
    """Ends the sessions that were opened for sites of these names, and may be for others too; how many. Reads the
    whole table."""
    return _end_all(engine, redis, sessions.c.sites.overlap(sorted(names)), actor)


def _end_all(engine: Engine, redis: Redis, are_meant: ColumnElement[bool], actor: str) -> int:
    query = select(sessions.c.id, sessions.c.expires_at).where(are_meant, sessions.c.revoked_at.is_(None))
    with engine.connect() as connection:
        found = connection.execute(query).all()
    for session_id, expires_at in found:
        _end(engine, redis, session_id, actor, expires_at)
    return len(found)


def cookie_name(environ: Mapping[str, Any], public_url: str) -> str:
    """The one cookie that counts: by HTTPS not PLAIN_COOKIE, which a subdomain, or who is on the way of plain HTTP, may
    set to choose who is signed in."""
    is_https = environ.get("wsgi.url_scheme") == "https" or public_url.startswith("https:")
    return SECURE_COOKIE if is_https else PLAIN_COOKIE


def read_cookie(environ: Mapping[str, Any], public_url: str) -> str:
    """The session's text that a browser sent; '': none, or one that another site's page may have made it send."""
    header = environ.get("HTTP_COOKIE", "")
    if "session=" not in header:
        return ""
    if environ["REQUEST_METHOD"] not in SAFE_METHODS and environ.get(CSRF_ENVIRON) != CSRF_VALUE:
        return ""
    values: dict[str, str] = {}
    for pair in header.split(";"):
        # Spaces of RFC 6265 alone: after a no-break space, a browser does not see the prefix `__Host-`.
        name, _, value = pair.strip(" \t").partition("=")
        values[name] = value
    return values.get(cookie_name(environ, public_url), "")


# Served by uq_sessions_token_hash.
def load_credentials(secrets: SettingSecrets, connection: Connection, digests: list[bytes]) -> dict[bytes, Credential]:
    """The sessions of these hashes that were not ended, and that these secrets admit; a CredentialCache calls it."""
    query = select(sessions).where(sessions.c.token_hash.in_(digests), sessions.c.revoked_at.is_(None))
    rows = (row for row in connection.execute(query) if secrets.admits(row.parent_id, _bytes(row.secret_digest)))
    return {bytes(row.token_hash): _credential(row) for row in rows}


record_use = partial(keys.record_use, table=sessions)
_ID_PREFIX = "session:"


def _end(engine: Engine, redis: Redis, session_id: str, actor: str, expires_at: datetime) -> bool:
    credential = f"{_ID_PREFIX}{session_id}"
    return keys.revoke_row(engine, redis, sessions, session_id, credential, actor, "session.end", expires_at)


def _bytes(value: memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)


def _credential(row: Row[Any]) -> Credential:
    principal = Principal(
        row.subject,
        frozenset(row.scopes),
        None if row.sites is None else frozenset(row.sites),
        f"{_ID_PREFIX}{row.id}",
        Kind.SESSION,
        expires_at=row.expires_at.timestamp(),
        parent_id=row.parent_id,
    )
    return Credential(row.id, principal, keys.unix_time(row.last_used_at, 0.0))

"""The tokens that this service has issued: recorded when they are made, listed with their revocations.

`flask token create` and POST /api/analytics/tokens record; the lists read. A token of another issuer is never here. No
token's text is stored.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, insert, or_, select

from analytics import clock
from analytics.auth.principal import RESERVED_PREFIXES
from analytics.store.models import audit_log, issued_tokens, revoked_tokens


class IssuedToken(NamedTuple):
    """One token. `sites` None: all sites; `expires_at` None: never; `revoked_at` None: it is not revoked."""

    jti: str
    subject: str
    scopes: tuple[str, ...]
    sites: tuple[str, ...] | None
    issued_by: str
    issued_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None


def find_subject_problem(subject: str) -> str | None:
    """Why a token cannot be issued with this subject; None: it can."""
    if not subject.startswith(RESERVED_PREFIXES):
        return None
    return f"{subject[:80]!r} begins as the subject of another caller; accepted: any other, for example reporting"


def record_issued(connection: Connection, claims: Mapping[str, Any], actor: str) -> IssuedToken:
    """Stores the claims of a token that was just issued (tokens.decode_unverified), with an entry in the audit log."""
    sites = claims.get("site")
    token = IssuedToken(
        claims["jti"],
        str(claims["sub"]),
        tuple(str(claims.get("scope", "")).split()),
        None if sites is None else (sites,) if isinstance(sites, str) else tuple(sites),
        actor,
        datetime.fromtimestamp(claims["iat"], UTC),
        datetime.fromtimestamp(claims["exp"], UTC) if "exp" in claims else None,
    )
    row = token._asdict() | {"scopes": list(token.scopes), "sites": None if token.sites is None else list(token.sites)}
    del row["revoked_at"]
    connection.execute(insert(issued_tokens).values(row))
    detail = {"jti": token.jti, "subject": token.subject, "scopes": row["scopes"], "sites": row["sites"]}
    connection.execute(insert(audit_log).values(actor=actor, action="token.create", detail=detail))
    return token


# Served by ix_issued_tokens_issued_at.
def list_issued(connection: Connection, sites: Collection[str] | None = None, limit: int = 1000) -> list[IssuedToken]:
    """Tokens that have not expired, the newest first. `sites`: only those for none but these; None: every token."""
    token, is_live = (
        issued_tokens.c,
        or_(issued_tokens.c.expires_at.is_(None), issued_tokens.c.expires_at > clock.now()),
    )
    query = _select_tokens().where(is_live).order_by(token.issued_at.desc(), token.jti).limit(limit)
    if sites is not None:
        query = query.where(and_(token.sites.is_not(None), token.sites.contained_by(sorted(sites))))
    return [_token(row) for row in connection.execute(query)]


def read_issued(connection: Connection, jti: str) -> IssuedToken | None:
    """The token with that id; None when this service did not issue it, or it has expired and was deleted."""
    row = connection.execute(_select_tokens().where(issued_tokens.c.jti == jti)).first()
    return None if row is None else _token(row)


def _select_tokens() -> Any:
    joined = issued_tokens.outerjoin(revoked_tokens, revoked_tokens.c.jti == issued_tokens.c.jti)
    return select(issued_tokens, revoked_tokens.c.revoked_at).select_from(joined)


def _token(row: Row[Any]) -> IssuedToken:
    sites = None if row.sites is None else tuple(row.sites)
    return IssuedToken(
        row.jti, row.subject, tuple(row.scopes), sites, row.issued_by, row.issued_at, row.expires_at, row.revoked_at
    )

"""What a caller may give to a new key, link or token: never more than it has itself. views.py calls it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any, NamedTuple

from analytics import clock
from analytics.auth.principal import Kind, Principal
from analytics.auth.sessions.accounts import is_account
from analytics.auth.tokens import issued_tokens
from analytics.errors import BadInput, Forbidden, Invalid, NotFound, Problem
from analytics.extensions import db
from analytics.sites.sites import Site, find_site


class Grant(NamedTuple):
    """Rights. `sites` None: all sites; `expires_at` None: for ever."""

    scopes: tuple[str, ...]
    sites: tuple[Site, ...] | None
    expires_at: datetime | None

    @property
    def site_keys(self) -> tuple[str, ...] | None:
        return None if self.sites is None else tuple(site.key for site in self.sites)

    @property
    def site_ids(self) -> list[int] | None:
        return None if self.sites is None else [site.id for site in self.sites]


def read_grant(
    principal: Principal, body: Mapping[str, Any], scopes: Sequence[str], default_end: datetime | None = None
) -> Grant:
    """The rights that a body (schemas.GrantBody) asks for. Raises Invalid and Forbidden with the field's name.

    `scopes`: those of a body without any; `default_end`: of one without `expires_at`.
    """
    wanted = tuple(dict.fromkeys(body.get("scopes") or scopes))
    if missing := [scope for scope in wanted if not principal.has_scope(scope)]:
        raise _exceeds("scopes", f"{missing[0]} is not a scope of the caller", " ".join(sorted(principal.scopes)))
    expires_at = body.get("expires_at", default_end)
    return Grant(wanted, _read_sites(principal, body), read_end(principal, expires_at, "expires_at" in body))


def read_end(principal: Principal, expires_at: datetime | None, is_given: bool = True) -> datetime | None:
    """The end of what the caller creates: not later than its own. Raises Invalid and Forbidden."""
    own_end = _find_own_end(principal)
    if expires_at is not None and expires_at <= clock.now():
        raise invalid("expires_at", "is past; accepted: a time to come, or null", "2030-01-31T12:00:00Z")
    if own_end is None or (expires_at is not None and expires_at <= own_end):
        return expires_at
    if is_given:
        until = clock.format_rfc3339(own_end)
        raise _exceeds("expires_at", "is later than the caller's own credential ends", f"up to {until}")
    return own_end


def _find_own_end(principal: Principal) -> datetime | None:
    """When the caller's rights end: those of somebody in a browser do not end with the session, but with the token or
    account that it was opened with."""
    if principal.kind is Kind.SESSION:
        if is_account(principal.parent_id):
            return None
        with db.engine.connect() as connection:
            issued = issued_tokens.read_issued(connection, principal.parent_id)
        if issued is not None:
            return issued.expires_at
    return datetime.fromtimestamp(principal.expires_at, UTC) if isfinite(principal.expires_at) else None


def holds_sites(principal: Principal, sites: Sequence[str] | None) -> bool:
    """Whether the caller may manage what is for these sites (None: all)."""
    return principal.sites is None or bool(sites and principal.sites.issuperset(sites))


def invalid(field: str, problem: str, example: str) -> Invalid:
    """422 for one field of a body."""
    detail = f"{field}: {problem}; for example {example}"
    return Invalid(detail, [Problem(None, field, "invalid", detail)])


def _read_sites(principal: Principal, body: Mapping[str, Any]) -> tuple[Site, ...] | None:
    if "site" in body and "sites" in body:
        raise invalid("site", "given beside sites; accepted: one of them", '{"site": "shop"}')
    field = "site" if "site" in body else "sites"
    keys = [body["site"]] if "site" in body else body.get("sites", principal.sites)
    if keys is None:
        return None
    if not holds_sites(principal, list(keys)):
        raise _exceeds(field, "the caller is not for all of these sites", " ".join(sorted(principal.sites or ())))
    found = [_find_site(field, key) for key in sorted(set(keys))]
    # A caller's sites hold the aliases too.
    return tuple({site.id: site for site in found}.values())


def _find_site(field: str, key: str) -> Site:
    try:
        return find_site(db.engine, key)
    except (NotFound, BadInput) as error:
        detail = f"{field}: {error.detail}"
        raise Invalid(detail, [Problem(None, field, "unknown_site", detail)]) from error


def _exceeds(field: str, problem: str, accepted: str) -> Forbidden:
    detail = f"{field}: {problem}; accepted: {accepted}"
    return Forbidden(detail, [Problem(None, field, "exceeds_own_rights", detail)])

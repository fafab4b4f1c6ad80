"""The routes of keys, issued tokens and share links, for admins. None gives more than the caller has (grants.py).

An admin for some sites sees and manages what is for none but these. A secret is in the response that creates it, never
again.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from analytics import clock
from analytics.apidocs.operations import documented
from analytics.auth.cors import origin_cache
from analytics.auth.guard import Principal, check_site_access, guarded, require_scope
from analytics.auth.keys import keys, share_links
from analytics.auth.keys.keys import ApiKey, NewKey
from analytics.auth.keys.share_links import ShareLink
from analytics.auth.tokens import issued_tokens, tokens
from analytics.auth.tokens.issued_tokens import IssuedToken
from analytics.errors import Conflict, NotFound
from analytics.extensions import buffer_redis, db, settings
from analytics.sites.access import schemas
from analytics.sites.access.grants import Grant, holds_sites, invalid, read_end, read_grant
from analytics.sites.sites import Site, find_site
from analytics.web.validation import load_json_body

blueprint = Blueprint("access", __name__)
KEYS, TOKENS = "/api/analytics/keys", "/api/analytics/tokens"
SHARE_LINKS = "/api/analytics/sites/<key>/share-links"
TOKEN_LIFETIME = timedelta(days=90)
KEY_RESPONSE = (schemas.KeyResponse, schemas.KEY_EXAMPLE)
LISTED_KEY_EXAMPLE = schemas.KEY_EXAMPLE | {"kind": "secret", "prefix": "sk_x8Qm2Lr", "key": None, "origins": []}
LISTED_LINK_EXAMPLE = schemas.SHARE_LINK_EXAMPLE | {"token": None}
LISTED_TOKEN_EXAMPLE = schemas.TOKEN_EXAMPLE | {"token": None}


@blueprint.get(KEYS)
@documented("List keys", response=(schemas.KeyListResponse, {"keys": [LISTED_KEY_EXAMPLE]}))
@guarded("admin")
def list_keys() -> Response:
    """The keys for none but the sites of the caller."""
    with db.engine.connect() as connection:
        found = keys.list_keys(connection, require_scope("admin").sites)
    return _respond({"keys": [_encode_row(key) for key in found]})


@blueprint.post(KEYS)
@documented("Create a key", response=KEY_RESPONSE, body=(schemas.KeyBody, schemas.KEY_BODY_EXAMPLE), status=201)
@guarded("admin")
def create_key() -> Response:
    """201 and the key. `key` is its text: store it, a secret key is never shown again."""
    principal, body = require_scope("admin"), load_json_body(schemas.KeyBody())
    new = _read_key(principal, body)
    with db.engine.begin() as connection:
        text, key = keys.create_key(connection, new, principal.subject)
    origin_cache().expire()
    return _respond(_encode_row(key) | {"key": text}, 201)


@blueprint.post(f"{KEYS}/<uuid:key_id>/rotate")
@documented(
    "Rotate a key",
    response=KEY_RESPONSE,
    body=(schemas.KeyRotationBody, {"overlap_s": 86400}),
    status=201,
    other_responses={409: "The key was revoked, has expired, or was rotated and its successor is valid."},
)
@guarded("admin")
def rotate_key(key_id: object) -> Response:
    """201 and a new key with the same rights; both are valid during the overlap, so that callers can change over."""
    principal, key = require_scope("admin"), _managed_key(str(key_id))
    body = load_json_body(schemas.KeyRotationBody()) if request.get_data() else {}
    overlap = timedelta(seconds=body.get("overlap_s", keys.DEFAULT_OVERLAP.total_seconds()))
    with db.engine.begin() as connection:
        renewed = None if "expires_at" in body else keys.renewed_end(connection, key, clock.now())
        expires_at = read_end(principal, body.get("expires_at", renewed), "expires_at" in body)
        text, new = keys.rotate_key(connection, key, overlap, expires_at, principal.subject)
    keys.finish_rotation(db.engine, buffer_redis(), key, overlap, principal.subject)
    return _respond(_encode_row(new) | {"key": text}, 201)


@blueprint.delete(f"{KEYS}/<uuid:key_id>")
@documented("Revoke a key", status=204)
@guarded("admin")
def revoke_key(key_id: object) -> Response:
    """204; every process refuses the key within two seconds. Lists still show it."""
    key = _managed_key(str(key_id))
    keys.revoke_key(db.engine, buffer_redis(), key, require_scope("admin").subject)
    return Response(status=204)


@blueprint.get(TOKENS)
@documented("List issued tokens", response=(schemas.TokenListResponse, {"tokens": [LISTED_TOKEN_EXAMPLE]}))
@guarded("admin")
def list_tokens() -> Response:
    """The tokens for none but the sites of the caller. Tokens of another issuer are not known here."""
    with db.engine.connect() as connection:
        found = issued_tokens.list_issued(connection, require_scope("admin").sites)
    return _respond({"tokens": [_encode_row(token) for token in found]})


@blueprint.post(TOKENS)
@documented(
    "Issue a token",
    response=(schemas.TokenResponse, schemas.TOKEN_EXAMPLE),
    body=(schemas.TokenBody, schemas.TOKEN_BODY_EXAMPLE),
    status=201,
    other_responses={409: "JWT_PUBLIC_KEY or JWT_JWKS_URL is set: another service issues the tokens."},
)
@guarded("admin")
def issue_token() -> Response:
    """201 and the token. `token` is its text, which is not stored."""
    principal, body = require_scope("admin"), load_json_body(schemas.TokenBody())
    if settings().has_external_issuer:
        raise Conflict("another service issues the tokens (JWT_PUBLIC_KEY, JWT_JWKS_URL); create a key instead")
    grant = read_grant(principal, body, ["ingest"], clock.now() + TOKEN_LIFETIME)
    text, issued = _issue(body["subject"], grant, principal.subject)
    return _respond(_encode_row(issued) | {"token": text}, 201)


@blueprint.delete(f"{TOKENS}/<jti>")
@documented("Revoke a token", status=204)
@guarded("admin")
def revoke_token(jti: str) -> Response:
    """204; every process refuses the token within two seconds. An admin for all sites may revoke those of another
    issuer too."""
    principal = require_scope("admin")
    expires_at = _managed_expiry(principal, jti)
    tokens.revoke(db.engine, buffer_redis(), jti, expires_at, "", principal.subject)
    return Response(status=204)


@blueprint.get(SHARE_LINKS)
@documented(
    "List a site's share links", response=(schemas.ShareLinkListResponse, {"share_links": [LISTED_LINK_EXAMPLE]})
)
@guarded("admin")
def list_share_links(key: str) -> Response:
    """Whoever has a link sees the site's aggregated reports."""
    site = _managed_site(key)
    with db.engine.connect() as connection:
        found = share_links.list_links(connection, site.id)
    return _respond({"share_links": [_encode_row(link) for link in found]})


@blueprint.post(SHARE_LINKS)
@documented(
    "Create a share link",
    response=(schemas.ShareLinkResponse, schemas.SHARE_LINK_EXAMPLE),
    body=(schemas.ShareLinkBody, {"label": "For the board"}),
    status=201,
)
@guarded("admin")
def create_share_link(key: str) -> Response:
    """201 and the link. `token`, which is not stored, is the value of `?share=`; its page is `/share/<token>`."""
    principal, site, body = require_scope("admin"), _managed_site(key), load_json_body(schemas.ShareLinkBody())
    expires_at = read_end(principal, body.get("expires_at"), "expires_at" in body)
    with db.engine.begin() as connection:
        text, link = share_links.create_link(connection, site.id, body.get("label", ""), expires_at, principal.subject)
    return _respond(_encode_row(link) | {"token": text}, 201)


@blueprint.delete(f"{SHARE_LINKS}/<uuid:link_id>")
@documented("Revoke a share link", status=204)
@guarded("admin")
def revoke_share_link(key: str, link_id: object) -> Response:
    """204; every process refuses the link within two seconds. Lists still show it."""
    site = _managed_site(key)
    with db.engine.connect() as connection:
        link = share_links.read_link(connection, site.id, str(link_id))
    share_links.revoke_link(db.engine, buffer_redis(), site.id, link, require_scope("admin").subject)
    return Response(status=204)


def _read_key(principal: Principal, body: dict[str, Any]) -> NewKey:
    """Raises Invalid for what the kind of key cannot have, and as `read_grant`."""
    grant = read_grant(principal, body, ["ingest"])
    if body["kind"] == "publishable":
        if grant.scopes != ("ingest",):
            raise invalid("scopes", "a publishable key only sends; accepted: ingest", '{"scopes": ["ingest"]}')
        if grant.sites is None or len(grant.sites) != 1:
            raise invalid("site", "missing; a publishable key is for one site", '{"site": "shop"}')
    elif body.get("origins"):
        raise invalid("origins", "only publishable keys have origins", '{"kind": "publishable"}')
    names = body.get("name", ""), body.get("origins", ())
    return NewKey(body["kind"], grant.scopes, grant.site_ids, *names, grant.expires_at)


def _managed_key(key_id: str) -> ApiKey:
    """Raises NotFound also for a key that the caller may not manage."""
    with db.engine.connect() as connection:
        key = keys.read_key(connection, key_id)
    if not holds_sites(require_scope("admin"), key.sites):
        raise keys.unknown_key(key_id)
    return key


def _managed_expiry(principal: Principal, jti: str) -> datetime | None:
    """When the token expires; None also when it is of another issuer. Raises NotFound as `_managed_key`."""
    issued = None
    if is_jti := tokens.JTI_PATTERN.fullmatch(jti):
        with db.engine.connect() as connection:
            issued = issued_tokens.read_issued(connection, jti)
    if not is_jti or not holds_sites(principal, issued and issued.sites):
        raise NotFound(f"there is no token {jti[:80]!r}; GET {TOKENS} lists those that were issued here")
    return issued and issued.expires_at


def _managed_site(key: str) -> Site:
    check_site_access(require_scope("admin"), key)
    return find_site(db.engine, key)


def _issue(subject: str, grant: Grant, actor: str) -> tuple[str, IssuedToken]:
    lifetime = None if grant.expires_at is None else grant.expires_at - clock.now()
    text = tokens.issue(subject, grant.scopes, grant.site_keys or (), lifetime)
    with db.engine.begin() as connection:
        return text, issued_tokens.record_issued(connection, tokens.decode_unverified(text), actor)


def _encode_row(row: ApiKey | ShareLink | IssuedToken) -> dict[str, Any]:
    hidden = {"token": None} if not isinstance(row, ApiKey) else {}
    return hidden | {name: _plain(value) for name, value in row._asdict().items()}


def _plain(value: Any) -> Any:
    return clock.format_rfc3339(value) if isinstance(value, datetime) else value


def _respond(body: dict[str, Any], status: int = 200) -> Response:
    """A JSON response that no cache stores."""
    response = Response(msgspec.json.encode(body), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response

"""The routes of sites: list, create, show, update, rename, delete. Also installs the authenticator, CORS and rate-limit
headers."""

from contextlib import suppress
from typing import Annotated, Any, NamedTuple

import msgspec
from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from msgspec import Meta

from analytics import queue
from analytics.apidocs.operations import documented
from analytics.auth import admission, cors, limits
from analytics.auth.credentials import Authenticator
from analytics.auth.guard import Principal, authenticator, check_site_access, guarded, require_scope
from analytics.auth.keys.site_keys import SITE_KEY_PATTERN, check_site_key
from analytics.auth.sign_in_limits import LocalBuckets
from analytics.errors import NotFound, Unavailable
from analytics.extensions import buffer_redis, db, public_address
from analytics.sites import names, sites
from analytics.sites.access.revocation import revoke_tokens
from analytics.sites.deletion import begin_deletion
from analytics.sites.origins import read_known_origins
from analytics.sites.schemas import (
    DELETING_EXAMPLE,
    SITE_EXAMPLE,
    SiteCreateBody,
    SiteListQuery,
    SiteListResponse,
    SiteResponse,
    SiteUpdateBody,
)
from analytics.web.cursor import decode_cursor, encode_cursor
from analytics.web.validation import load_json_body, read_query

blueprint = Blueprint("sites", __name__)

blueprint.before_app_request(cors.respond_to_preflight)
blueprint.before_app_request(admission.check_body)
blueprint.after_app_request(cors.add_headers)
blueprint.after_app_request(limits.add_headers)


class SiteCursor(NamedTuple):
    """The key of the last site of a page."""

    key: Annotated[str, Meta(pattern=rf"\A{SITE_KEY_PATTERN.pattern}\Z")]


@blueprint.record_once
def install_authenticator(state: BlueprintSetupState) -> None:
    app = state.app
    app.extensions["limit_outage"] = limits.Outage()
    app.extensions["sign_in_buckets"] = LocalBuckets()
    app.extensions["origin_cache"] = cors.OriginCache(lambda: db.engine, read_known_origins)
    app.extensions["authenticator"] = Authenticator(
        lambda: db.engine,
        lambda: app.extensions["buffer_redis"],
        limits.check_address_budget,
        app.extensions["settings"],
    )


@blueprint.get("/api/analytics/sites")
@documented("List sites", SiteListQuery, (SiteListResponse, {"sites": [SITE_EXAMPLE], "next_cursor": None}))
@guarded("admin")
def list_sites() -> dict[str, Any]:
    """The sites that the token is for, by key."""
    principal, query = require_scope("admin"), read_query(SiteListQuery(), request.args)
    after = decode_cursor(query["cursor"], SiteCursor).key if "cursor" in query else ""
    with db.engine.connect() as connection:
        page = sites.read_site_page(connection, principal.sites, query["limit"], after)
    next_cursor = None if page.last_key is None else encode_cursor(SiteCursor(page.last_key))
    return {"sites": [sites.as_json(site) for site in page.sites], "next_cursor": next_cursor}


@blueprint.post("/api/analytics/sites")
@documented(
    "Create a site",
    response=(SiteResponse, SITE_EXAMPLE),
    body=(SiteCreateBody, {"key": "shop", "name": "Our shop", "zone": "Europe/Berlin"}),
    status=201,
    other_responses={409: "The key is taken."},
)
@guarded("admin")
def create_site() -> Response:
    """201 with the new site and its address in Location. 409 when the key is taken."""
    principal, body = require_scope("admin"), load_json_body(SiteCreateBody())
    check_site_access(principal, body["key"])
    with db.engine.begin() as connection:
        site = sites.create_site(connection, **body, actor=principal.subject)
    _remember(site)
    response = _site_response(site, 201)
    response.headers["Location"] = public_address(f"/api/analytics/sites/{site.key}")
    return response


@blueprint.get("/api/analytics/sites/<key>")
@documented("Show a site", response=(SiteResponse, SITE_EXAMPLE))
@guarded("read")
def get_site(key: str) -> Response:
    """The site and its settings."""
    check_site_key(key)
    check_site_access(require_scope("read"), key)
    with db.engine.connect() as connection:
        site = sites.read_site(connection, key)
    if site is None:
        raise NotFound(sites.unknown_site_detail(key))
    return _site_response(site)


@blueprint.patch("/api/analytics/sites/<key>")
@documented(
    "Change a site",
    response=(SiteResponse, SITE_EXAMPLE),
    body=(SiteUpdateBody, {"name": "Our shop"}),
    other_responses={409: "The new key is taken."},
)
@guarded("admin")
def update_site(key: str) -> Response:
    """The updated site; every process notices within seconds. With `key` it is renamed: the old key becomes an alias,
    so what still sends it keeps working."""
    principal, body = _managing(key), load_json_body(SiteUpdateBody())
    new_key = body.pop("key", key)
    check_site_access(principal, new_key)
    with db.engine.begin() as connection:
        if new_key != key:
            names.rename_site(connection, key, new_key, actor=principal.subject)
        site = sites.update_site(connection, new_key, **body, actor=principal.subject)
    _remember(site)
    return _site_response(site)


@blueprint.delete("/api/analytics/sites/<key>")
@documented(
    "Delete a site",
    response=(SiteResponse, DELETING_EXAMPLE),
    status=202,
    other_responses={409: "The key is an alias; the site is deleted by its own key."},
)
@guarded("admin")
def delete_site(key: str) -> Response:
    """202, and the site as `deleting`: from now on nothing of it is accepted or shown, and a task deletes all it holds.
    `GET` shows the progress, until it answers 404; then the key is free. This cannot be undone."""
    principal = _managing(key)
    with db.engine.begin() as connection:
        site = begin_deletion(connection, key, actor=principal.subject)
    _remember(site)
    with suppress(Unavailable):
        queue.enqueue_site_deletions()
    return _site_response(site, 202)


@blueprint.delete("/api/analytics/sites/<key>/aliases/<alias>")
@documented("Remove an alias of a site", status=204)
@guarded("admin")
def remove_alias(key: str, alias: str) -> Response:
    """204; within seconds the alias names nothing, and a new site may take it. Issued tokens for nothing but the alias
    are revoked."""
    principal = _managing(key)
    with db.engine.begin() as connection:
        site = names.remove_alias(connection, alias, of_site=key, actor=principal.subject)
    revoke_tokens(db.engine, buffer_redis(), [alias], principal.subject)
    sites.clear_site_cache(db.engine)
    _remember(site)
    return Response(status=204)


def _managing(key: str) -> Principal:
    """The caller, which may manage the site."""
    check_site_key(key)
    principal = require_scope("admin")
    check_site_access(principal, key)
    return principal


def _remember(site: sites.Site) -> None:
    """This process knows the site as it is now at once."""
    sites.cache_site(db.engine, site)
    cors.origin_cache().expire()
    authenticator().site_names.clear()


def _site_response(site: sites.Site, status: int = 200) -> Response:
    return Response(msgspec.json.encode(sites.as_json(site)), status, mimetype="application/json")

"""The routes of sites: list, create, show, update. Also installs the authenticator, CORS and rate-limit headers."""

from typing import Annotated, Any, NamedTuple

import msgspec
from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from msgspec import Meta

from analytics.apidocs.operations import documented
from analytics.auth import admission, cors, limits
from analytics.auth.credentials import Authenticator
from analytics.auth.guard import check_site_access, guarded, require_scope
from analytics.auth.keys.site_keys import SITE_KEY_PATTERN, check_site_key
from analytics.errors import NotFound
from analytics.extensions import db, public_address
from analytics.sites import sites
from analytics.sites.origins import read_known_origins
from analytics.sites.schemas import (
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
    app.extensions["origin_cache"] = cors.OriginCache(lambda: db.engine, read_known_origins)
    app.extensions["authenticator"] = Authenticator(
        lambda: db.engine, lambda: app.extensions["buffer_redis"], limits.check_address_budget
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
    cors.origin_cache().expire()
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
@documented("Change a site", response=(SiteResponse, SITE_EXAMPLE), body=(SiteUpdateBody, {"name": "Our shop"}))
@guarded("admin")
def update_site(key: str) -> Response:
    """The updated site; every process notices within seconds."""
    check_site_key(key)
    principal = require_scope("admin")
    check_site_access(principal, key)
    with db.engine.begin() as connection:
        site = sites.update_site(connection, key, **load_json_body(SiteUpdateBody()), actor=principal.subject)
    sites.cache_site(db.engine, site)
    cors.origin_cache().expire()
    return _site_response(site)


def _site_response(site: sites.Site, status: int = 200) -> Response:
    return Response(msgspec.json.encode(sites.as_json(site)), status, mimetype="application/json")

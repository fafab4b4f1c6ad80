"""Sites over HTTP: list, make, show, change. Also binds the token checks and the browser's rules to the app."""

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from marshmallow import RAISE, Schema, ValidationError, fields

from analytics import sites
from analytics.auth import cors, limits
from analytics.auth.guard import allow_site, guarded, require
from analytics.auth.tokens import TokenChecks
from analytics.documented import documented
from analytics.errors import BadInput, Invalid, NotFound, Problem, UnsupportedMedia
from analytics.extensions import db

blueprint = Blueprint("auth", __name__)
blueprint.before_app_request(cors.answer_preflight)
blueprint.after_app_request(cors.add_headers)
blueprint.after_app_request(limits.add_headers)


@blueprint.record_once
def bind(state: BlueprintSetupState) -> None:
    app = state.app
    # Issuers of old put the user's number into `sub`; tokens.verify turns it into text.
    app.config["JWT_VERIFY_SUB"] = False
    app.extensions["token_checks"] = TokenChecks(lambda: db.engine, lambda: app.extensions["buffer_redis"])


def _rule(name: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        try:
            sites.CHECKS[name](value)
        except (ValueError, BadInput) as error:
            raise ValidationError(str(error)) from error

    return check


class SiteChange(Schema):
    """What can be changed of a site."""

    class Meta:
        unknown = RAISE

    name = fields.String(validate=_rule("name"))
    zone = fields.String(validate=_rule("zone"))
    types = fields.String(validate=_rule("types"))
    event_types = fields.List(fields.String(), validate=_rule("event_types"))
    identity = fields.String(validate=_rule("identity"))
    public_ingest = fields.Boolean(truthy={True}, falsy={False})
    public_stats = fields.Boolean(truthy={True}, falsy={False})
    allowed_origins = fields.List(fields.String(), validate=_rule("allowed_origins"))
    event_retention_days = fields.Integer(strict=True, allow_none=True, validate=_rule("event_retention_days"))


class NewSite(SiteChange):
    """A change, from nothing."""

    key = fields.String(required=True, validate=_rule("key"))


class SiteAnswer(Schema):
    """A site and its settings."""

    key = fields.String(required=True)
    name = fields.String(required=True)
    zone = fields.String(required=True)
    types = fields.String(required=True)
    event_types = fields.List(fields.String(), required=True)
    identity = fields.String(required=True)
    public_ingest = fields.Boolean(required=True)
    public_stats = fields.Boolean(required=True)
    allowed_origins = fields.List(fields.String(), required=True)
    created_at = fields.AwareDateTime(required=True)
    event_retention_days = fields.Integer(required=True, allow_none=True)


class SitesAnswer(Schema):
    """Every site that the token is for."""

    sites = fields.List(fields.Nested(SiteAnswer), required=True)


SITE_EXAMPLE: dict[str, Any] = {
    "key": "shop",
    "name": "Our shop",
    "zone": "Europe/Berlin",
    "types": "open",
    "event_types": ["page_view", "button_click"],
    "identity": "trust",
    "public_ingest": False,
    "public_stats": False,
    "allowed_origins": [],
    "created_at": "2025-11-24T16:00:00Z",
    "event_retention_days": None,
}


@blueprint.get("/api/analytics/sites")
@documented("List sites", answer=SitesAnswer, example={"sites": [SITE_EXAMPLE]})
@guarded("admin")
def list_all() -> dict[str, Any]:
    """Every site that the token is for."""
    principal = require("admin")
    with db.engine.connect() as connection:
        found = sites.list_sites(connection, principal.sites)
    return {"sites": [sites.as_json(site) for site in found]}


@blueprint.post("/api/analytics/sites")
@documented(
    "Make a site",
    body=NewSite,
    sent={"key": "shop", "name": "Our shop", "zone": "Europe/Berlin"},
    answer=SiteAnswer,
    example=SITE_EXAMPLE,
    status=201,
    others={409: "The key is taken."},
)
@guarded("admin")
def create() -> Response:
    """A new site: 201 and its address. 409 when the key is taken."""
    principal, given = require("admin"), load(NewSite())
    allow_site(principal, given["key"])
    with db.engine.begin() as connection:
        site = sites.create_site(connection, **given, actor=principal.subject)
    response = _reply(site, 201)
    response.headers["Location"] = f"/api/analytics/sites/{site.key}"
    return response


@blueprint.get("/api/analytics/sites/<key>")
@documented("One site", answer=SiteAnswer, example=SITE_EXAMPLE)
@guarded("read")
def show(key: str) -> Response:
    """One site."""
    sites.check_key(key)
    allow_site(require("read"), key)
    with db.engine.connect() as connection:
        site = sites.read_site(connection, key)
    if site is None:
        raise NotFound(sites.unknown(key))
    return _reply(site)


@blueprint.patch("/api/analytics/sites/<key>")
@documented("Change a site", body=SiteChange, sent={"name": "Our shop"}, answer=SiteAnswer, example=SITE_EXAMPLE)
@guarded("admin")
def change(key: str) -> Response:
    """The site, changed; every process notices within seconds."""
    sites.check_key(key)
    principal = require("admin")
    allow_site(principal, key)
    with db.engine.begin() as connection:
        site = sites.update_site(connection, key, **load(SiteChange()), actor=principal.subject)
    sites.remember_site(db.engine, site)
    return _reply(site)


def load(schema: Schema) -> dict[str, Any]:
    """The request's JSON object by `schema`. Raises UnsupportedMedia, BadInput, and Invalid with every bad field."""
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise UnsupportedMedia("send application/json")
    try:
        given = msgspec.json.decode(request.get_data(), type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise BadInput("send one JSON object") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"the body is not JSON: {error}") from error
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        told: Any = error.messages
        problems = [_problem(name, messages) for name, messages in told.items()]
        raise Invalid(
            f"{len(problems)} fields cannot be taken: {', '.join(p.field for p in problems)}", problems
        ) from error
    return loaded


def _problem(name: str, messages: Any) -> Problem:
    """Of a list's items and of an object's fields, the first bad one is told, however deep it is."""
    while isinstance(messages, dict):
        place, messages = next(iter(messages.items()))
        name = f"{name}[{place}]"
    text = str(messages[0])
    code = {"Unknown field.": "unknown_field", "Missing data for required field.": "missing"}.get(text, "invalid")
    return Problem(None, name, code, text)


def _reply(site: sites.Site, status: int = 200) -> Response:
    return Response(msgspec.json.encode(sites.as_json(site)), status, mimetype="application/json")

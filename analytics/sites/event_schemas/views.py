"""The routes of a site's JSON Schemas: list, show, set, remove, and a check of stored events."""

from datetime import timedelta
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from analytics import clock
from analytics.apidocs.operations import documented
from analytics.auth.guard import Principal, check_site_access, guarded, require_scope
from analytics.auth.keys.site_keys import check_site_key
from analytics.extensions import db, settings
from analytics.sites import sites
from analytics.sites.event_schemas import event_schemas, schemas
from analytics.sites.event_schemas.event_schemas import EventSchema
from analytics.store.event_types import stored_type
from analytics.web.validation import load_json_body

blueprint = Blueprint("event_schemas", __name__)
PATH = "/api/analytics/sites/<key>/schemas"
RESPONSE = (schemas.SchemaResponse, schemas.RESPONSE_EXAMPLE)


@blueprint.get(PATH)
@documented("List JSON Schemas", response=(schemas.SchemaListResponse, {"schemas": [schemas.STORED_EXAMPLE]}))
@guarded("read")
def list_schemas(key: str) -> Response:
    """What payloads of the site's event types must satisfy, by type."""
    site = sites.find_site(db.engine, _accessible(key, "read"))
    with db.engine.connect() as connection:
        found = event_schemas.list_schemas(connection, site.id)
    return _respond({"schemas": [_encode(row) for row in found]})


@blueprint.get(f"{PATH}/<path:event_type>")
@documented("Show a JSON Schema", response=RESPONSE)
@guarded("read")
def get_schema(key: str, event_type: str) -> Response:
    """What payloads of the type must satisfy."""
    site = sites.find_site(db.engine, _accessible(key, "read"))
    with db.engine.connect() as connection:
        return _respond_with(event_schemas.read_schema(connection, site, event_type))


@blueprint.put(f"{PATH}/<path:event_type>")
@documented("Set a JSON Schema", response=RESPONSE, body=(schemas.SCHEMA_BODY, schemas.SCHEMA_EXAMPLE))
@guarded("admin")
def set_schema(key: str, event_type: str) -> Response:
    """From now on, in every process within seconds, events of the type are rejected unless their payload satisfies the
    schema; `schema-check` says beforehand which stored events do. Other types stay as they are."""
    principal = _managing(key)
    with db.engine.begin() as connection:
        site, found = event_schemas.set_schema(connection, key, event_type, request.get_data(), actor=principal.subject)
    sites.cache_site(db.engine, site)
    return _respond_with(found)


@blueprint.delete(f"{PATH}/<path:event_type>")
@documented("Remove a JSON Schema", status=204)
@guarded("admin")
def remove_schema(key: str, event_type: str) -> Response:
    """204; within seconds payloads of the type are not checked any more."""
    principal = _managing(key)
    with db.engine.begin() as connection:
        site, _ = event_schemas.remove_schema(connection, key, event_type, actor=principal.subject)
    sites.cache_site(db.engine, site)
    return Response(status=204)


@blueprint.post("/api/analytics/sites/<key>/schema-check")
@documented(
    "Check stored events by a JSON Schema",
    response=(schemas.SchemaCheckResponse, schemas.CHECK_EXAMPLE),
    body=(schemas.SchemaCheckBody, {"type": "order", "schema": schemas.SCHEMA_EXAMPLE, "days": 30}),
)
@guarded("admin")
def check_schema(key: str) -> Response:
    """What of the stored events would have been refused by the schema in the body, or by the one that is set. Changes
    nothing. `flask site schema check` checks any number of events."""
    # Loads the library.
    from analytics.sites.event_schemas.stored_events import DayRange, check_stored_events

    _managing(key)
    body = load_json_body(schemas.SchemaCheckBody())
    site = sites.find_site(db.engine, key)
    tomorrow = clock.day_of(clock.now(), clock.zone(site.zone)) + timedelta(days=1)
    validator = event_schemas.check_schema(body["type"], _read_candidate(site, body))
    result = check_stored_events(
        db.engine,
        site,
        {stored_type(body["type"]): validator},
        DayRange(tomorrow - timedelta(days=body["days"]), tomorrow),
        limit=body["limit"],
        timeout_s=settings().statement_timeout,
    )
    return _respond(result.as_json())


def _read_candidate(site: sites.Site, body: dict[str, Any]) -> bytes:
    if "schema" in body:
        return msgspec.json.encode(body["schema"])
    with db.engine.connect() as connection:
        return event_schemas.read_schema(connection, site, body["type"]).schema.encode()


def _accessible(key: str, scope: str) -> str:
    """The key, if the caller may use it."""
    check_site_key(key)
    check_site_access(require_scope(scope), key)
    return key


def _managing(key: str) -> Principal:
    """The caller, which may manage the site."""
    _accessible(key, "admin")
    return require_scope("admin")


def _respond_with(found: EventSchema) -> Response:
    validator = event_schemas.check_schema(found.type, found.schema.encode())
    return _respond({**_encode(found), "max_event_bytes": validator.max_event_bytes})


def _encode(found: EventSchema) -> dict[str, Any]:
    """The schema as it was sent, digit by digit."""
    updated_at = clock.format_rfc3339(found.updated_at, "seconds")
    return {"type": found.type, "schema": msgspec.Raw(found.schema.encode()), "updated_at": updated_at}


def _respond(body: Any) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")

"""The JSON Schemas of a site's event types: set, listed, removed, and compiled once a process.

Views, commands, imports and the accept path call it. A change gives the site a new `schemas_version`, which processes
see as they see its settings; then the schemas are loaded and compiled again.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, delete, select, text
from sqlalchemy.dialects import postgresql

from analytics import clock
from analytics.errors import Invalid, NotFound, Problem, Unavailable
from analytics.sites.setting_checks import UNPRINTABLE_PATTERN, check_settings
from analytics.sites.sites import (
    DATABASE_UNAVAILABLE_ERRORS,
    LOOK_UP_LIMIT_S,
    Site,
    check_not_deleting,
    lock_site,
    write_audit_entry,
    write_columns,
)
from analytics.store.connections import limit_statements
from analytics.store.event_types import names_of, stored_type
from analytics.store.models import event_schemas
from analytics.web.refreshing_cache import Freshness, RefreshingCache

if TYPE_CHECKING:
    from analytics.sites.event_schemas.validators import EventValidator

# Each web process compiles those of the sites that it accepts events for.
MAX_SCHEMAS, MAX_SITE_BYTES = 100, 262_144
MAX_CACHED_SITES = 1000
# A version is never out of date by itself.
FRESHNESS = Freshness(fresh_s=float("inf"), usable_s=float("inf"))


class EventSchema(NamedTuple):
    """`schema`: JSON, as it was sent."""

    type: str
    schema: str
    updated_at: datetime


class SiteValidators(NamedTuple):
    """The compiled schemas of a site by each name of their types."""

    version: int
    by_type: "Mapping[str, EventValidator]"


ValidatorCache = RefreshingCache[int, SiteValidators]
_caches: WeakKeyDictionary[Engine, ValidatorCache] = WeakKeyDictionary()
NO_VALIDATORS: "Mapping[str, EventValidator]" = {}
_COLUMNS = tuple(event_schemas.c[name] for name in EventSchema._fields)


def find_validators(engine: Engine, site: Site) -> "Mapping[str, EventValidator]":
    """The checks of the site's types, by each name of them. A site that never had any costs nothing.

    Raises Unavailable where they changed and cannot be read: no event is accepted unchecked.
    """
    if not site.schemas_version:
        return NO_VALIDATORS
    cache, load = _cache_of(engine), partial(_load, engine, site.id)
    found = cache.get(site.id, load)
    if found.version < site.schemas_version:
        cache.discard(site.id)
        found = cache.get(site.id, load)
    return found.by_type


def clear_validator_cache(engine: Engine) -> None:
    """Empties the cache, as in a new process."""
    if (cache := _caches.get(engine)) is not None:
        cache.clear()


def list_schemas(connection: Connection, site_id: int) -> list[EventSchema]:
    """The site's schemas by type. Served by pk_event_schemas."""
    query = select(*_COLUMNS).where(event_schemas.c.site_id == site_id).order_by(event_schemas.c.type)
    return [EventSchema(*row) for row in connection.execute(query)]


def read_schema(connection: Connection, site: Site, type_name: str) -> EventSchema:
    """The schema of the type, by any of its names. Raises NotFound."""
    of_type = (event_schemas.c.site_id == site.id) & (event_schemas.c.type == stored_type(type_name))
    # No type has a character that PostgreSQL does not store.
    is_name = UNPRINTABLE_PATTERN.search(type_name) is None
    row = connection.execute(select(*_COLUMNS).where(of_type)).first() if is_name else None
    if row is None:
        raise NotFound(
            f"the type {type_name[:128]!r} of the site {site.key!r} has no schema; an admin can set one: "
            f"flask site schema set {site.key} TYPE FILE"
        )
    return EventSchema(*row)


def set_schema(
    connection: Connection, key: str, type_name: str, text: bytes, *, actor: str = "system"
) -> tuple[Site, EventSchema]:
    """The site, and the schema that payloads of the type must satisfy from now on; the audit log has both old and new.
    The caller commits, then caches the site.

    Raises BadInput and Invalid for a schema that is not accepted, NotFound, Gone.
    """
    check_schema(type_name, text)
    schema = text.decode()
    site = lock_site(connection, key)
    check_not_deleting(site)
    name, found = stored_type(type_name), list_schemas(connection, site.id)
    before = next((row.schema for row in found if row.type == name), None)
    _check_totals([row for row in found if row.type != name], schema)
    if before == schema:
        return site, read_schema(connection, site, name)
    row = {"site_id": site.id, "type": name, "schema": schema, "updated_at": clock.now()}
    adding = postgresql.insert(event_schemas).values(row)
    changed = {"schema": adding.excluded.schema, "updated_at": adding.excluded.updated_at}
    connection.execute(adding.on_conflict_do_update(index_elements=["site_id", "type"], set_=changed))
    detail = {"type": name, "schema": [before, schema]}
    return _count_change(connection, site, actor, "site.set_schema", detail), read_schema(connection, site, name)


def remove_schema(
    connection: Connection, key: str, type_name: str, *, actor: str = "system"
) -> tuple[Site, EventSchema]:
    """The site, and the schema that was removed: events of the type are accepted as if there had been none. The caller
    commits, then caches the site. Raises NotFound and Gone."""
    site = lock_site(connection, key)
    check_not_deleting(site)
    removed = read_schema(connection, site, type_name)
    of_type = (event_schemas.c.site_id == site.id) & (event_schemas.c.type == removed.type)
    connection.execute(delete(event_schemas).where(of_type))
    detail = {"type": removed.type, "schema": [removed.schema, None]}
    return _count_change(connection, site, actor, "site.remove_schema", detail), removed


def check_schema(type_name: str, text: bytes) -> "EventValidator":
    """The compiled schema. Raises BadInput and Invalid."""
    # The library takes 7 MB, which a process without schemas does not need.
    from analytics.sites.event_schemas.validators import compile_schema

    check_settings({"event_types": [type_name]})
    return compile_schema(stored_type(type_name), text)


def _check_totals(others: list[EventSchema], schema: str) -> None:
    if len(others) >= MAX_SCHEMAS:
        raise _invalid("too_many", f"the site has {len(others)} schemas; accepted: at most {MAX_SCHEMAS}; remove one")
    size = len(schema.encode()) + sum(len(row.schema.encode()) for row in others)
    if size > MAX_SITE_BYTES:
        detail = f"the schemas of the site have {size:,} bytes together; accepted: at most {MAX_SITE_BYTES:,}"
        raise _invalid("too_long", f"{detail}; remove one, or shorten them, for example their descriptions")


def _invalid(code: str, detail: str) -> Invalid:
    return Invalid(f"schema: {detail}", [Problem(None, "schema", code, detail)])


def _count_change(connection: Connection, site: Site, actor: str, action: str, detail: Mapping[str, object]) -> Site:
    changed = write_columns(connection, site.id, {"schemas_version": site.schemas_version + 1})
    write_audit_entry(connection, actor, action, site.id, detail)
    return changed


# One statement, so that the version is that of the schemas.
LOAD = text("""
SELECT sites.schemas_version, event_schemas.type, event_schemas.schema
FROM sites
LEFT JOIN event_schemas ON event_schemas.site_id = sites.id
WHERE sites.id = :site_id
""")


def _load(engine: Engine, site_id: int) -> SiteValidators:
    from analytics.sites.event_schemas.validators import compile_schema

    try:
        with engine.connect() as connection:
            limit_statements(connection.connection.driver_connection, LOOK_UP_LIMIT_S)
            rows = connection.execute(LOAD, {"site_id": site_id}).all()
    except DATABASE_UNAVAILABLE_ERRORS as error:
        raise Unavailable("the schemas of this site cannot be read; try again shortly") from error
    if not rows:
        raise NotFound("this site was deleted; accepted: another one, for example site=default")
    try:
        compiled = [compile_schema(row.type, row.schema.encode()) for row in rows if row.type is not None]
    except Invalid as error:
        raise Unavailable(f"a schema of this site is not accepted any more; set it again: {error.detail}") from error
    by_type = {name: validator for validator in compiled for name in names_of(validator.type_name)}
    return SiteValidators(rows[0].schemas_version, by_type)


def _cache_of(engine: Engine) -> ValidatorCache:
    if (cache := _caches.get(engine)) is None:
        cache = _caches.setdefault(engine, RefreshingCache("schemas", FRESHNESS, MAX_CACHED_SITES))
    return cache

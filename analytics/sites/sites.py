"""Sites: look-up on the hot path, creation and update with an entry in the audit log.

Views, commands and importers call it; it knows nothing of Flask. A site is cached per process and refreshed in the
background (web/refreshing_cache.py); while PostgreSQL is away or hangs, it is served as it was last read.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Text,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

from analytics import telemetry
from analytics.auth.keys.site_keys import check_site_key
from analytics.errors import Conflict, Gone, NotFound, Unavailable
from analytics.privacy.visitor_keys import ADDRESS, ADDRESS_AND_AGENT, DAY, FOREVER
from analytics.sites.domains import normalize_domain
from analytics.sites.setting_checks import check_settings
from analytics.store.connections import limit_statements
from analytics.store.event_types import stored_type
from analytics.store.models import SUPPORTED_TYPES, audit_log, site_aliases, sites
from analytics.web.refreshing_cache import Freshness, RefreshingCache

# A site in use is seen as it was 5 seconds ago, or a little earlier; one that was not used lately, as it is now.
SITE_FRESHNESS = Freshness(fresh_s=5.0, usable_s=20.0)
MAX_CACHED_SITES = 10_000
# Seconds that the statements of a look-up wait for a server that hangs.
LOOK_UP_LIMIT_S = 5.0
MAX_LISTED = 1000
HIDDEN_FIELDS = frozenset({"id", "hash_key", "deleting_at", "deletion", "schemas_version"})
DATABASE_UNAVAILABLE_ERRORS = (OperationalError, InterfaceError, TimeoutError)
# The site of clicks that name none. Its clicks are unique by address, whatever the day.
LINKS_SITE_KEY = "links"
LINKS_DEFAULTS: Mapping[str, Any] = {"visitor_window": FOREVER, "visitor_by": ADDRESS}
# Whoever gives a site a key takes this lock first: a key and an alias are in two tables.
NAMES_LOCK_ID = 7_205_327


class Site(NamedTuple):
    """One site and its settings, as in models.sites."""

    id: int
    key: str
    name: str
    zone: str
    types: str
    event_types: frozenset[str]
    identity: str
    public_ingest: bool
    public_stats: bool
    allowed_origins: tuple[str, ...]
    created_at: datetime | None = None
    event_retention_days: int | None = None
    visitor_window: str = DAY
    visitor_by: str = ADDRESS_AND_AGENT
    # Its former keys, which still name it (names.py).
    aliases: tuple[str, ...] = ()
    # Host names whose pages are its own (domains.py).
    domains: tuple[str, ...] = ()
    # Origins whose pages may show its shared pages in a frame (dashboard/shared_pages.py).
    embed_origins: tuple[str, ...] = ()
    hash_key: str | None = None
    # Since when it is being deleted, and the rows `found` and `deleted` so far (deletion.py).
    deleting_at: datetime | None = None
    deletion: Mapping[str, Any] | None = None
    # Of its event_schemas; 0: it never had any.
    schemas_version: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Its key and aliases."""
        return (self.key, *self.aliases)

    @property
    def identity_key(self) -> str:
        """What ids and visitor keys of its events derive from: the same after a rename."""
        return self.hash_key or self.key


ALIASES = func.array(
    select(site_aliases.c.alias)
    .where(site_aliases.c.site_id == sites.c.id)
    .order_by(site_aliases.c.alias)
    .correlate(sites)
    .scalar_subquery(),
    type_=postgresql.ARRAY(Text),
).label("aliases")
COLUMNS = tuple(ALIASES if name == "aliases" else sites.c[name] for name in Site._fields)


SiteCache = RefreshingCache[str, Site]
_caches: WeakKeyDictionary[Engine, SiteCache] = WeakKeyDictionary()


def find_site(engine: Engine, key: str, auto_create: bool = False) -> Site:
    """The site with that key or alias, which the request's log line then names; created when `auto_create`. A cache hit
    takes no lock and no query.

    Raises BadInput for an invalid key, NotFound for an unknown one, Gone for a site that is being deleted, Unavailable
    when PostgreSQL is unavailable and the site is not cached.
    """
    site = find_any_site(engine, key, auto_create)
    check_not_deleting(site)
    telemetry.record_site(site.key, site.identity_key)
    return site


def check_not_deleting(site: Site) -> None:
    """Raises Gone for a site that is being deleted."""
    if site.deleting_at is not None:
        raise Gone(
            f"the site {site.key!r} is being deleted and takes and shows nothing any more; accepted: another site, "
            "for example site=default"
        )


def find_any_site(engine: Engine, key: str, auto_create: bool = False) -> Site:
    """As `find_site`, also a site that is being deleted."""
    check_site_key(key)
    try:
        return _cache_of(engine).get(key, partial(_look_up, engine, key, auto_create))
    except DATABASE_UNAVAILABLE_ERRORS as error:
        raise Unavailable("the database is unavailable and this site is not cached; try again shortly") from error


def cache_site(engine: Engine, site: Site) -> None:
    """Caches the site as it is now: called after an update was committed, in the process that made it."""
    for name in site.names:
        _cache_of(engine).put(name, site)


def clear_site_cache(engine: Engine) -> None:
    """Empties the cache, as in a new process."""
    if (cache := _caches.get(engine)) is not None:
        cache.clear()


def unknown_site_detail(key: str) -> str:
    """The detail of a 404 for a site."""
    return f"no site {key!r}; an admin can create it: flask site create {key}, or POST /api/analytics/sites"


def _cache_of(engine: Engine) -> SiteCache:
    cache = _caches.get(engine)
    return (
        cache if cache is not None else _caches.setdefault(engine, SiteCache("sites", SITE_FRESHNESS, MAX_CACHED_SITES))
    )


def _look_up(engine: Engine, key: str, auto_create: bool) -> Site:
    with engine.begin() as connection:
        limit_statements(connection.connection.driver_connection, LOOK_UP_LIMIT_S)
        site = read_site(connection, key)
        if site is None and auto_create:
            # Another process may create it in between: then its row counts.
            site = _insert(connection, key, {}, "auto") or read_site(connection, key)
    if site is None:
        raise NotFound(unknown_site_detail(key))
    return site


# Served by uq_sites_key and pk_site_aliases.
def read_site(connection: Connection, key: str, lock: bool = False) -> Site | None:
    """The site with that key or alias as it is now; None when there is none. `lock`: until the transaction ends, nobody
    else changes it and no drain stores events of it."""
    query = select(*COLUMNS).where(_is_named(key))
    row = connection.execute(query.with_for_update(of=sites) if lock else query).first()
    return None if row is None else _site(row)


def _is_named(key: str) -> ColumnElement[bool]:
    """That the row of `sites` has that key or alias."""
    of_alias = select(site_aliases.c.site_id).where(site_aliases.c.alias == key).scalar_subquery()
    return or_(sites.c.key == key, sites.c.id == of_alias)


def read_site_by_id(connection: Connection, site_id: int) -> Site | None:
    """The site as it is now; None when there is none."""
    row = connection.execute(select(*COLUMNS).where(sites.c.id == site_id)).first()
    return None if row is None else _site(row)


def list_sites(
    connection: Connection, keys: Iterable[str] | None = None, limit: int = MAX_LISTED, after: str = ""
) -> list[Site]:
    """The sites in the order of their keys, those after the key `after`, at most `limit`; only those in `keys` unless
    it is None. Served by uq_sites_key."""
    statement = select(*COLUMNS).where(sites.c.key > after).order_by(sites.c.key).limit(limit)
    if keys is not None:
        statement = statement.where(sites.c.key.in_(sorted(keys)))
    return [_site(row) for row in connection.execute(statement)]


class SitePage(NamedTuple):
    """`last_key` is None on the last page."""

    sites: list[Site]
    last_key: str | None


def read_site_page(connection: Connection, keys: Iterable[str] | None, limit: int, after: str = "") -> SitePage:
    """As `list_sites`, with the key after which the next page begins."""
    found = list_sites(connection, keys, limit + 1, after)
    return SitePage(found[:limit], found[limit - 1].key if len(found) > limit else None)


def iterate_sites(connection: Connection) -> Iterator[Site]:
    """All sites in the order of their keys, one query a page of MAX_LISTED."""
    after: str | None = ""
    while after is not None:
        found, after = read_site_page(connection, None, MAX_LISTED, after)
        yield from found


def create_site(
    connection: Connection, key: str, name: str = "", zone: str = "UTC", *, actor: str = "system", **settings: Any
) -> Site:
    """The new site. `settings` are the other fields of Site. Raises Invalid, and Conflict when the key is taken."""
    values = {"name": name or key, "zone": zone, **settings}
    check_settings({"key": key, **values})
    site = _insert(connection, key, values, actor)
    if site is None:
        raise Conflict(taken_detail(key, read_site(connection, key)))
    return site


def taken_detail(key: str, site: Site | None) -> str:
    """Why a site cannot have that key: it is the key or an alias of `site`."""
    if site is None or site.key == key:
        return f"the site {key!r} exists already; accepted: another key, or to change it flask site set {key}"
    return (
        f"{key!r} is an alias of the site {site.key!r}, which was renamed; accepted: another key, or this one after "
        f"flask site remove-alias {key}"
    )


def lock_site(connection: Connection, key: str) -> Site:
    """The site with that key or alias, locked until the transaction ends. Raises NotFound."""
    # Drains hold the row FOR KEY SHARE, and under full load there may be no moment without one.
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    # A rename that ends while the first statement waits has moved the key to the aliases, which only the second sees.
    site = read_site(connection, key, lock=True) or read_site(connection, key, lock=True)
    if site is None:
        raise NotFound(unknown_site_detail(key))
    return site


def lock_names(connection: Connection) -> None:
    """Until the transaction ends, nobody else gives a site a key."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": NAMES_LOCK_ID})


def update_site(connection: Connection, key: str, *, actor: str = "system", **settings: Any) -> Site:
    """The site with `settings` changed; the audit log records the changes. Raises Invalid, NotFound and Gone."""
    check_settings(settings)
    found = lock_site(connection, key)
    check_not_deleting(found)
    before, after = as_json(found), _to_columns(settings)
    changed = {name: value for name, value in after.items() if before[name] != value}
    if not changed:
        return found
    site = write_columns(connection, found.id, changed)
    write_audit_entry(connection, actor, "site.update", site.id, {n: [before[n], changed[n]] for n in changed})
    return site


def write_columns(connection: Connection, site_id: int, values: Mapping[str, Any]) -> Site:
    """The site with these columns changed. The caller has locked it."""
    changing = update(sites).where(sites.c.id == site_id).values(values).returning(*COLUMNS)
    return _site(connection.execute(changing).one())


def as_json(site: Site) -> dict[str, Any]:
    """The site in canonical names and plain values, without its id; `status` in place of `deleting_at`."""
    values = {name: _plain(value) for name, value in site._asdict().items() if name not in HIDDEN_FIELDS}
    if site.created_at is not None:
        values["created_at"] = site.created_at.isoformat().replace("+00:00", "Z")
    return {**values, "status": "active" if site.deleting_at is None else "deleting", "deletion": site.deletion}


def _insert(connection: Connection, key: str, values: Mapping[str, Any], actor: str) -> Site | None:
    """None when a site has that key or alias."""
    lock_names(connection)
    if read_site(connection, key) is not None:
        return None
    defaults = LINKS_DEFAULTS if key == LINKS_SITE_KEY else {}
    row = _to_columns({"key": key, "name": key, "event_types": SUPPORTED_TYPES, **defaults, **values})
    adding = postgresql.insert(sites).values(**row, hash_key=_free_hash_key(key))
    created = connection.execute(adding.on_conflict_do_nothing(index_elements=["key"]).returning(*COLUMNS)).first()
    if created is None:
        return None
    write_audit_entry(connection, actor, "site.create", created.id, row)
    return _site(created)


def _free_hash_key(key: str) -> Any:
    """Null, or another text where a site that once had the key still derives ids from it: visitors of two sites have
    different keys."""
    is_used = exists().where(sites.c.hash_key == key)
    return case((is_used, literal(f"{key}#") + cast(func.gen_random_uuid(), Text)))


def write_audit_entry(connection: Connection, actor: str, action: str, site_id: int, detail: Mapping[str, Any]) -> None:
    """Adds an entry to the audit log."""
    row = {"actor": actor, "action": action, "site_id": site_id, "detail": dict(detail)}
    connection.execute(insert(audit_log).values(row))


def _site(row: Row[Any]) -> Site:
    values = row._mapping
    return Site(
        **{
            **values,
            "event_types": frozenset(map(stored_type, values["event_types"])),
            "allowed_origins": tuple(values["allowed_origins"]),
            "aliases": tuple(values["aliases"]),
            "domains": tuple(values["domains"]),
            "embed_origins": tuple(values["embed_origins"]),
        }
    )


def _to_columns(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are stored: event types by their stored names, domains in their normal form."""
    columns = {name: _plain(value) for name, value in settings.items()}
    if "event_types" in columns:
        columns["event_types"] = sorted(set(map(stored_type, columns["event_types"])))
    if "domains" in columns:
        columns["domains"] = list(dict.fromkeys(map(normalize_domain, columns["domains"])))
    return columns


def _plain(value: Any) -> Any:
    """Sets as sorted lists, so that equal ones compare and print alike."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value

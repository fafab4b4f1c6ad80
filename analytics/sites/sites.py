"""Sites: look-up on the hot path, creation and update with an entry in the audit log.

Views, commands and importers call it; it knows nothing of Flask. A site is cached per process and refreshed in the
background (web/refreshing_cache.py); while PostgreSQL is away or hangs, it is served as it was last read.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from ipaddress import IPv6Address
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

from analytics import clock, telemetry
from analytics.auth.keys.site_keys import check_site_key
from analytics.errors import BadInput, Conflict, Invalid, NotFound, Problem, Unavailable
from analytics.store.connections import limit_statements
from analytics.store.event_types import stored_type
from analytics.store.models import SUPPORTED_TYPES, audit_log, sites
from analytics.web.refreshing_cache import Freshness, RefreshingCache

# A site in use is seen as it was 5 seconds ago, or a little earlier; one that was not used lately, as it is now.
SITE_FRESHNESS = Freshness(fresh_s=5.0, usable_s=20.0)
MAX_CACHED_SITES = 10_000
# Seconds that the statements of a look-up wait for a server that hangs.
LOOK_UP_LIMIT_S = 5.0
MAX_LISTED = 1000
# Each request compares its origin with those of its site, and every process keeps those of all sites.
MAX_ORIGINS = 100
ORIGIN_PATTERN = re.compile(r"https?://([A-Za-z0-9.-]{1,253}|\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\])(:[0-9]{1,5})?")
UNPRINTABLE_PATTERN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
DATABASE_UNAVAILABLE_ERRORS = (OperationalError, InterfaceError, TimeoutError)


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


COLUMNS = tuple(sites.c[name] for name in Site._fields)


SiteCache = RefreshingCache[str, Site]
_caches: WeakKeyDictionary[Engine, SiteCache] = WeakKeyDictionary()


def find_site(engine: Engine, key: str, auto_create: bool = False) -> Site:
    """The site with that key, which the request's log line then names; created when `auto_create`. A cache hit takes no
    lock and no query.

    Raises BadInput for an invalid key, NotFound for an unknown one, Unavailable when PostgreSQL is unavailable and
    the site is not cached.
    """
    site = _find_site(engine, key, auto_create)
    telemetry.record_site(site.key)
    return site


def _find_site(engine: Engine, key: str, auto_create: bool) -> Site:
    check_site_key(key)
    try:
        return _cache_of(engine).get(key, partial(_look_up, engine, key, auto_create))
    except DATABASE_UNAVAILABLE_ERRORS as error:
        raise Unavailable("the database is unavailable and this site is not cached; try again shortly") from error


def cache_site(engine: Engine, site: Site) -> None:
    """Caches the site as it is now: called after an update was committed, in the process that made it."""
    _cache_of(engine).put(site.key, site)


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


# Served by uq_sites_key.
def read_site(connection: Connection, key: str) -> Site | None:
    """The site as it is now; None when there is none."""
    row = connection.execute(select(*COLUMNS).where(sites.c.key == key)).first()
    return None if row is None else _site(row)


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
        raise Conflict(f"the site {key!r} exists already")
    return site


def update_site(connection: Connection, key: str, *, actor: str = "system", **settings: Any) -> Site:
    """The site with `settings` changed; the audit log records the changes. Raises Invalid and NotFound."""
    check_settings(settings)
    # Drains hold the row FOR SHARE, and under full load there may be no moment without one.
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    row = connection.execute(select(*COLUMNS).where(sites.c.key == key).with_for_update()).first()
    if row is None:
        raise NotFound(unknown_site_detail(key))
    before, after = as_json(_site(row)), _to_columns(settings)
    changed = {name: value for name, value in after.items() if before[name] != value}
    if not changed:
        return _site(row)
    changing = update(sites).where(sites.c.key == key).values(changed).returning(*COLUMNS)
    site = _site(connection.execute(changing).one())
    _audit(connection, actor, "site.update", site.id, {n: [before[n], changed[n]] for n in changed})
    return site


def as_json(site: Site) -> dict[str, Any]:
    """The site in canonical names and plain values, without its id."""
    values = {name: _plain(value) for name, value in site._asdict().items() if name != "id"}
    if site.created_at is not None:
        values["created_at"] = site.created_at.isoformat().replace("+00:00", "Z")
    return values


def _insert(connection: Connection, key: str, values: Mapping[str, Any], actor: str) -> Site | None:
    row = _to_columns({"key": key, "name": key, "event_types": SUPPORTED_TYPES, **values})
    adding = postgresql.insert(sites).values(row).on_conflict_do_nothing(index_elements=["key"]).returning(*COLUMNS)
    created = connection.execute(adding).first()
    if created is None:
        return None
    _audit(connection, actor, "site.create", created.id, row)
    return _site(created)


def _audit(connection: Connection, actor: str, action: str, site_id: int, detail: Mapping[str, Any]) -> None:
    row = {"actor": actor, "action": action, "site_id": site_id, "detail": dict(detail)}
    connection.execute(insert(audit_log).values(row))


def _site(row: Row[Any]) -> Site:
    values = row._mapping
    return Site(
        **{
            **values,
            "event_types": frozenset(map(stored_type, values["event_types"])),
            "allowed_origins": tuple(values["allowed_origins"]),
        }
    )


def _to_columns(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are stored: event types by their stored names."""
    columns = {name: _plain(value) for name, value in settings.items()}
    if "event_types" in columns:
        columns["event_types"] = sorted(set(map(stored_type, columns["event_types"])))
    return columns


def _plain(value: Any) -> Any:
    """Sets as sorted lists, so that equal ones compare and print alike."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises Invalid with every field of `settings` that cannot be stored."""
    problems = []
    for name, value in settings.items():
        try:
            FIELD_CHECKS[name](value)
        except KeyError:
            problems.append(
                Problem(None, name, "unknown_field", f"no field {name!r}; accepted: {', '.join(FIELD_CHECKS)}")
            )
        except (ValueError, BadInput) as error:
            problems.append(Problem(None, name, "invalid", str(error)))
    if problems:
        raise Invalid("; ".join(f"{problem.field}: {problem.detail}" for problem in problems), problems)


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 200 or UNPRINTABLE_PATTERN.search(name):
        raise ValueError("not accepted; accepted: 1 to 200 printable characters, for example Our shop")


def _one_of(*words: str) -> Any:
    def check(word: str) -> None:
        if word not in words:
            raise ValueError(f"{word[:40]!r} is not known; accepted: {', '.join(words)}, for example {words[0]}")

    return check


def _check_types(types: Iterable[str]) -> None:
    words = list(types)
    if len(words) > 1000:
        raise ValueError(f"{len(words):,} types are too many; accepted: at most 1,000, for example page_view")
    for word in words:
        if not 1 <= len(word) <= 128 or UNPRINTABLE_PATTERN.search(word):
            raise ValueError(
                "a type is not accepted; accepted: 1 to 128 printable characters each, for example page_view"
            )


def _check_origins(origins: Collection[str]) -> None:
    if len(origins) > MAX_ORIGINS:
        raise ValueError(
            f"{len(origins):,} origins are too many; accepted: at most {MAX_ORIGINS}, for example https://example.com"
        )
    for origin in origins:
        if not _is_origin(origin):
            raise ValueError(
                f"{origin[:80]!r} is not an origin; accepted: scheme and host, for example https://example.com"
            )


def _is_origin(text: str) -> bool:
    """True for scheme and host, with or without a port. Brackets hold an IPv6 address and nothing else."""
    match = ORIGIN_PATTERN.fullmatch(text)
    if match is None or match["ipv6"] is None:
        return match is not None
    try:
        return IPv6Address(match["ipv6"]) is not None
    except ValueError:
        return False


def _check_flag(value: bool) -> None:
    if not isinstance(value, bool):
        raise ValueError("not a flag; accepted: true or false, for example true")


def _check_days(days: int | None) -> None:
    if days is not None and (isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 36500):
        raise ValueError(
            f"{days!r} is not accepted; accepted: 1 to 36500 days, or null for EVENT_RETENTION_DAYS, for example 90"
        )


FIELD_CHECKS: dict[str, Any] = {
    "key": check_site_key,
    "name": _check_name,
    "zone": clock.zone,
    "types": _one_of("open", "strict"),
    "event_types": _check_types,
    "identity": _one_of("trust", "enforce", "override"),
    "public_ingest": _check_flag,
    "public_stats": _check_flag,
    "allowed_origins": _check_origins,
    "event_retention_days": _check_days,
}

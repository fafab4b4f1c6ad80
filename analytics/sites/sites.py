"""Sites: what one is, finding one on the hot path, and changing one with a trace in the audit log.

The web views, the commands and the importers call it; it knows nothing of Flask. A site found once is served from this
process's memory: for `FRESH_S` without a look at PostgreSQL, and for as long as PostgreSQL is away.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

from analytics import clock
from analytics.aside import aside
from analytics.errors import BadInput, Conflict, Invalid, NotFound, Problem, Unavailable
from analytics.store.models import SUPPORTED_TYPES, audit_log, sites

log = logging.getLogger(__name__)

FRESH_S = 5.0
# While one thread looks anew, and after PostgreSQL did not answer, the others go on with what is known.
RETRY_S = 1.0
MAX_CACHED = 10_000
MAX_LISTED = 1000
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
AWAY = (OperationalError, InterfaceError, TimeoutError)


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


class _Known:
    """A site and the time, in seconds, until which it is served without asking."""

    __slots__ = ("since", "site", "until")

    def __init__(self, site: Site, now: float) -> None:
        self.site, self.since, self.until = site, now, now + FRESH_S


_known: WeakKeyDictionary[Engine, dict[str, _Known]] = WeakKeyDictionary()


def find_site(engine: Engine, key: str, auto_create: bool = False) -> Site:
    """The site called `key`; made when `auto_create`. A hit takes no lock and no query.

    Raises BadInput for what is no key, NotFound for an unknown one, Unavailable when PostgreSQL is away and the site
    is not known here yet.
    """
    known = _sites_of(engine)
    found, now = known.get(key), clock.now().timestamp()
    # The lower bound: a clock that was set back must not keep an entry for ever.
    if found is not None and found.since <= now < found.until:
        return found.site
    if found is not None:
        found.since, found.until = now, now + RETRY_S
    check_key(key)
    try:
        site = aside(_look_up, engine, key, auto_create)
    except AWAY as error:
        if found is None:
            raise Unavailable("the database is away, and this site is not known here yet; try again shortly") from error
        log.warning("site served from memory", extra={"site": key, "error": type(error).__name__})
        return found.site
    if site is None:
        known.pop(key, None)
        raise NotFound(unknown(key))
    _remember(known, site, now)
    return site


def remember_site(engine: Engine, site: Site) -> None:
    """Serve the site as it is now: called after a change was committed, in the process that made it."""
    _remember(_sites_of(engine), site, clock.now().timestamp())


def forget_sites(engine: Engine) -> None:
    """Know nothing, as a new process would."""
    _known.pop(engine, None)


def unknown(key: str) -> str:
    """What to tell a caller about a site that does not exist."""
    return f"no site {key!r}; an admin can make it: flask site create {key}, or POST /api/analytics/sites"


def _sites_of(engine: Engine) -> dict[str, _Known]:
    found = _known.get(engine)
    return found if found is not None else _known.setdefault(engine, {})


def _remember(known: dict[str, _Known], site: Site, now: float) -> None:
    if len(known) >= MAX_CACHED and site.key not in known:
        known.pop(next(iter(known.copy()), ""), None)
    known[site.key] = _Known(site, now)


def _look_up(engine: Engine, key: str, auto_create: bool) -> Site | None:
    with engine.begin() as connection:
        site = read_site(connection, key)
        if site is None and auto_create:
            # Another process may make it in between: then its row is the one that counts.
            site = _insert(connection, key, {}, "auto") or read_site(connection, key)
        return site


# Served by uq_sites_key.
def read_site(connection: Connection, key: str) -> Site | None:
    """The site as it is now; None when there is none."""
    row = connection.execute(select(*COLUMNS).where(sites.c.key == key)).first()
    return None if row is None else _site(row)


def site_by_id(connection: Connection, site_id: int) -> Site | None:
    """The site as it is now; None when there is none."""
    row = connection.execute(select(*COLUMNS).where(sites.c.id == site_id)).first()
    return None if row is None else _site(row)


def list_sites(connection: Connection, keys: Iterable[str] | None = None, limit: int = MAX_LISTED) -> list[Site]:
    """The sites in the order of their keys, at most `limit`; only those in `keys` unless it is None."""
    statement = select(*COLUMNS).order_by(sites.c.key).limit(limit)
    if keys is not None:
        statement = statement.where(sites.c.key.in_(sorted(keys)))
    return [_site(row) for row in connection.execute(statement)]


def create_site(
    connection: Connection, key: str, name: str = "", zone: str = "UTC", *, actor: str = "system", **settings: Any
) -> Site:
    """The new site. `settings` are the other fields of Site. Raises Invalid, and Conflict when the key is taken."""
    values = {"name": name or key, "zone": zone, **settings}
    check_site({"key": key, **values})
    site = _insert(connection, key, values, actor)
    if site is None:
        raise Conflict(f"the site {key!r} exists already")
    return site


def update_site(connection: Connection, key: str, *, actor: str = "system", **settings: Any) -> Site:
    """The site with `settings` changed; what was changed goes to the audit log. Raises Invalid and NotFound."""
    check_site(settings)
    # Drains hold the row shared, and under full load there may be no moment without one.
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    row = connection.execute(select(*COLUMNS).where(sites.c.key == key).with_for_update()).first()
    if row is None:
        raise NotFound(unknown(key))
    before, after = as_json(_site(row)), {name: _plain(value) for name, value in settings.items()}
    changed = {name: value for name, value in after.items() if before[name] != value}
    if not changed:
        return _site(row)
    changing = update(sites).where(sites.c.key == key).values(changed).returning(*COLUMNS)
    site = _site(connection.execute(changing).one())
    _audit(connection, actor, "site.update", site.id, {n: [before[n], changed[n]] for n in changed})
    return site


def as_json(site: Site) -> dict[str, Any]:
    """The site in canonical names and plain values, without its number."""
    values = {name: _plain(value) for name, value in site._asdict().items() if name != "id"}
    if site.created_at is not None:
        values["created_at"] = site.created_at.isoformat().replace("+00:00", "Z")
    return values


def _insert(connection: Connection, key: str, values: Mapping[str, Any], actor: str) -> Site | None:
    row = {"key": key, "name": key, "event_types": SUPPORTED_TYPES, **values}
    row = {name: _plain(value) for name, value in row.items()}
    adding = postgresql.insert(sites).values(row).on_conflict_do_nothing(index_elements=["key"]).returning(*COLUMNS)
    made = connection.execute(adding).first()
    if made is None:
        return None
    _audit(connection, actor, "site.create", made.id, row)
    return _site(made)


def _audit(connection: Connection, actor: str, action: str, site_id: int, detail: Mapping[str, Any]) -> None:
    row = {"actor": actor, "action": action, "site_id": site_id, "detail": dict(detail)}
    connection.execute(insert(audit_log).values(row))


def _site(row: Row[Any]) -> Site:
    values = row._mapping
    return Site(
        **{
            **values,
            "event_types": frozenset(values["event_types"]),
            "allowed_origins": tuple(values["allowed_origins"]),
        }
    )


def _plain(value: Any) -> Any:
    """Sets of types in one order, so that two equal ones compare and print alike."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def check_key(key: str) -> None:
    """Raises BadInput unless `key` can be a site's key."""
    if not KEY.fullmatch(key):
        raise BadInput(
            f"{key[:80]!r} is no site key: 1 to 64 of A-Z a-z 0-9 . _ : -, and the first a letter or a digit"
        )


def check_site(settings: Mapping[str, Any]) -> None:
    """Raises Invalid, which lists every field of `settings` that cannot be stored."""
    problems = []
    for name, value in settings.items():
        try:
            CHECKS[name](value)
        except KeyError:
            problems.append(Problem(None, name, "unknown_field", f"a site has no field {name}"))
        except (ValueError, BadInput) as error:
            problems.append(Problem(None, name, "invalid", str(error)))
    if problems:
        raise Invalid("; ".join(f"{problem.field}: {problem.detail}" for problem in problems), problems)


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 200 or UNPRINTABLE.search(name):
        raise ValueError("1 to 200 printable characters")


def _one_of(*words: str) -> Any:
    def check(word: str) -> None:
        if word not in words:
            raise ValueError("one of " + ", ".join(words))

    return check


def _check_types(types: Iterable[str]) -> None:
    words = list(types)
    if len(words) > 1000:
        raise ValueError("at most 1,000 types")
    for word in words:
        if not 1 <= len(word) <= 128 or UNPRINTABLE.search(word):
            raise ValueError("each type is 1 to 128 printable characters")


def _check_origins(origins: Iterable[str]) -> None:
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin[:80]!r} is no origin; write https://example.com, with no path")


def _check_flag(value: bool) -> None:
    if not isinstance(value, bool):
        raise ValueError("true or false")


def _check_days(days: int | None) -> None:
    if days is not None and (isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 36500):
        raise ValueError("a whole number of days from 1 to 36500, or null for EVENT_RETENTION_DAYS")


CHECKS: dict[str, Any] = {
    "key": check_key,
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

"""The names of renamed sites, per process: a credential for one name of a site is for all of them (sites/names.py).

credentials.py widens each caller's sites by what is known, which costs no query; guard.py asks again before it refuses
one. Without aliases, as in most services, nothing is added.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from analytics.auth.principal import Principal
from analytics.errors import Unavailable
from analytics.store.connections import limit_statements
from analytics.web.refreshing_cache import Freshness, RefreshingCache

log = logging.getLogger(__name__)

# Before a caller is refused, the names are those of 2 seconds ago at most.
NAMES_FRESHNESS = Freshness(fresh_s=2.0, usable_s=2.0)
READ_LIMIT_S = 2.0
ALL = "all"
# One row a renamed site.
READ_NAMES = text("""
SELECT array_agg(alias) || max(sites.key)
FROM site_aliases JOIN sites ON sites.id = site_aliases.site_id
GROUP BY sites.id
""")

# Each name of a renamed site → all its names.
Names = Mapping[str, frozenset[str]]
NOT_READ: Names = {}


class SiteNames:
    """The names of all renamed sites. One per app; thread-safe."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._cache: RefreshingCache[str, Names] = RefreshingCache("site names", NAMES_FRESHNESS, 1)

    def clear(self) -> None:
        """Empties the cache, as in a new process: called after a change in this one."""
        self._cache.clear()

    def widen(self, principal: Principal, can_wait: bool = False) -> Principal:
        """The principal with every known name of its sites. `can_wait`: in a process that has not read them yet, which
        happens once."""
        if principal.sites is None:
            return principal
        names = self._cache.get_now(ALL, partial(_read_names, self._engine()), NOT_READ)
        return self.widen_now(principal) if can_wait and names is NOT_READ else _widen(principal, names)

    def widen_now(self, principal: Principal) -> Principal:
        """As `widen`, with the names as they are now; as they were last known where PostgreSQL does not answer."""
        try:
            return _widen(principal, self._cache.get(ALL, partial(_read_names, self._engine())))
        except (SQLAlchemyError, Unavailable) as error:
            log.warning("site names not read", extra={"error": type(error).__name__})
            return principal


def _read_names(engine: Engine) -> Names:
    with engine.connect() as connection:
        limit_statements(connection.connection.driver_connection, READ_LIMIT_S)
        groups = [frozenset(names) for names in connection.execute(READ_NAMES).scalars()]
    return {name: group for group in groups for name in group}


def _widen(principal: Principal, names: Names) -> Principal:
    if not names or principal.sites is None or names.keys().isdisjoint(principal.sites):
        return principal
    return principal._replace(sites=principal.sites.union(*(names.get(key, ()) for key in principal.sites)))

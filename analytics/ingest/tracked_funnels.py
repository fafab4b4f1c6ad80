"""Whether a site has the funnel that a tracked step names. views.py asks before it accepts the step.

Funnels are cached as sites are. While PostgreSQL is away, a step of a funnel that is not cached is accepted: reports
count steps of their own funnel only.
"""

from functools import partial
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select

from analytics.errors import NotFound, Unavailable
from analytics.sites.sites import DATABASE_UNAVAILABLE_ERRORS, LOOK_UP_LIMIT_S, SITE_FRESHNESS, Site
from analytics.store.connections import limit_statements
from analytics.store.models import funnels
from analytics.web.refreshing_cache import RefreshingCache

# By site and id of the funnel.
FunnelCache = RefreshingCache[tuple[int, str], str]
_caches: WeakKeyDictionary[Engine, FunnelCache] = WeakKeyDictionary()


def check_funnel(engine: Engine, site: Site, funnel_id: str) -> None:
    """Raises NotFound, also for an id that is not written as the API shows it: reports would not find the step."""
    unknown = NotFound(
        f"funnel_id: the site {site.key!r} has no funnel {funnel_id[:80]!r}; accepted: the id of one of its funnels, "
        "which GET /api/v1/funnels/ lists, for example 6f1c1d0e-5c6f-4a51-9a0c-1d3f0e1a2b3c"
    )
    try:
        is_canonical = str(UUID(funnel_id)) == funnel_id
    except ValueError:
        is_canonical = False
    if not is_canonical:
        raise unknown
    cache = _caches.setdefault(engine, FunnelCache("funnels", SITE_FRESHNESS))
    try:
        cache.get((site.id, funnel_id), partial(_look_up, engine, site.id, funnel_id, unknown))
    except (Unavailable, *DATABASE_UNAVAILABLE_ERRORS):
        return


# Served by pk_funnels.
def _look_up(engine: Engine, site_id: int, funnel_id: str, unknown: NotFound) -> str:
    with engine.connect() as connection:
        limit_statements(connection.connection.driver_connection, LOOK_UP_LIMIT_S)
        query = select(funnels.c.id).where(funnels.c.id == funnel_id, funnels.c.site_id == site_id)
        if connection.execute(query).first() is None:
            raise unknown
    return funnel_id

"""The origins that sites and publishable keys allow, for CORS. sites/views.py installs it; auth/cors.py caches it."""

import logging
from collections import defaultdict

from sqlalchemy import Engine, text

from analytics.auth.cors import KnownOrigins
from analytics.auth.origins import normalize_origin

log = logging.getLogger(__name__)

# Of each kind; beyond it, origins are not known to preflights. Every site's first origin comes before any second one,
# so a site with many keys or origins keeps no other site's out.
MAX_ORIGINS = 50_000
MAX_ORIGINS_OF_SITE = 1_000

OF_SITES = text("""
    SELECT sites.key, listed.origin, ARRAY(SELECT alias FROM site_aliases WHERE site_id = sites.id) AS aliases
    FROM sites, unnest(sites.allowed_origins[1:CAST(:of_site AS int)]) WITH ORDINALITY AS listed (origin, place)
    ORDER BY listed.place, sites.id
    LIMIT :total
""")
VALID_KEYS = """
    SELECT api_keys.id, api_keys.origins, api_keys.created_at
    FROM api_keys
    WHERE api_keys.kind = 'publishable' AND api_keys.revoked_at IS NULL
        AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())
"""
OF_KEYS = text(f"""
    WITH valid AS ({VALID_KEYS}), placed AS (
        SELECT of_keys.site_id, listed.origin,
            row_number() OVER (PARTITION BY of_keys.site_id ORDER BY min(valid.created_at), listed.origin) AS place
        FROM valid LEFT JOIN api_key_sites AS of_keys ON of_keys.key_id = valid.id,
            unnest(valid.origins) AS listed (origin)
        GROUP BY of_keys.site_id, listed.origin
    )
    SELECT origin FROM placed WHERE place <= :of_site ORDER BY place, site_id LIMIT :total
""")  # noqa: S608  # of constants
HAS_UNBOUND_KEY = text(f"WITH valid AS ({VALID_KEYS}) SELECT EXISTS (SELECT FROM valid WHERE origins = '{{}}')")  # noqa: S608


def read_known_origins(engine: Engine) -> KnownOrigins:
    """The origins of all sites and valid publishable keys. Three queries over small tables."""
    limits = {"of_site": MAX_ORIGINS_OF_SITE, "total": MAX_ORIGINS}
    with engine.connect() as connection:
        site_rows = connection.execute(OF_SITES, limits).all()
        key_origins = connection.execute(OF_KEYS, limits).scalars().all()
        has_unbound_key = bool(connection.execute(HAS_UNBOUND_KEY).scalar())
    if MAX_ORIGINS in (len(site_rows), len(key_origins)):
        log.warning("more origins than preflights know", extra={"limit": MAX_ORIGINS})
    site_keys: defaultdict[str, set[str]] = defaultdict(
        set, {normalize_origin(origin): set() for origin in key_origins}
    )
    for site_key, origin, aliases in site_rows:
        site_keys[normalize_origin(origin)].update((site_key, *aliases))
    return KnownOrigins({origin: frozenset(keys) for origin, keys in site_keys.items()}, has_unbound_key)

"""Revokes every credential that is for one site and no other, in every process within two seconds. Safe to repeat.

Called for a site that is deleted, and for the tokens of an alias that is removed: another site may take the key then,
and the bearers must not reach it.
"""

from collections.abc import Collection

from redis import Redis
from sqlalchemy import Engine, select

from analytics.auth.keys import keys, share_links
from analytics.auth.sessions import accounts, sessions
from analytics.auth.tokens import issued_tokens, tokens
from analytics.sites.sites import Site
from analytics.store.models import share_links as link_rows

# All of a site.
MAX_KEYS = 1_000_000


def revoke_site_credentials(engine: Engine, redis: Redis, site: Site, actor: str) -> int:
    """Revokes the keys, share links and issued tokens that are for this site alone; how many."""
    with engine.connect() as connection:
        own_keys = [key for key in keys.list_keys(connection, [site.key], limit=MAX_KEYS) if key.revoked_at is None]
        links = connection.execute(
            select(link_rows.c.id).where(link_rows.c.site_id == site.id, link_rows.c.revoked_at.is_(None))
        ).scalars().all()  # fmt: skip
    for key in own_keys:
        keys.revoke_key(engine, redis, key, actor)
    for link_id in links:
        with engine.connect() as connection:
            link = share_links.read_link(connection, site.id, link_id)
        share_links.revoke_link(engine, redis, site.id, link, actor)
    return len(own_keys) + len(links) + revoke_tokens(engine, redis, site.names, actor)


def revoke_tokens(engine: Engine, redis: Redis, names: Collection[str], actor: str) -> int:
    """Revokes the issued tokens that are for none but these names; how many. People lose the names too: accounts are no
    longer for them, and sessions for them end."""
    with engine.begin() as connection:
        accounts.forget_sites(connection, names, actor)
    sessions.end_sessions_for(engine, redis, names, actor)
    with engine.connect() as connection:
        found = issued_tokens.list_issued(connection, names, limit=MAX_KEYS)
    live = [token for token in found if token.revoked_at is None]
    for token in live:
        tokens.revoke(engine, redis, token.jti, token.expires_at, "site removed", actor)
    return len(live)

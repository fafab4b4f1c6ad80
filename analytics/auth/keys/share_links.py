"""Share links: opaque tokens by which anybody who has the link reads one site's harmless reports (`?share=`).

Routes create, list and revoke; guard.py asks `load_credentials` through a CredentialCache. A link is never a JWT: it
says nothing, and is worth nothing once its row is revoked.
"""

import math
import uuid
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import Connection, Engine, Row, Text, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

from analytics import clock
from analytics.auth.keys import keys
from analytics.auth.keys.credential_cache import Credential, hash_text
from analytics.auth.principal import Kind, Principal
from analytics.errors import NotFound
from analytics.store.models import audit_log, share_links, site_aliases, sites

TOKEN_PREFIX = "share_"  # noqa: S105
MAX_LISTED = 1000
READ_SCOPES = frozenset({"read"})


class ShareLink(NamedTuple):
    """A link as lists show it: without its token, which is stored only as a hash."""

    id: str
    prefix: str
    label: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


COLUMNS = tuple(share_links.c[name] for name in ShareLink._fields)


def create_link(
    connection: Connection, site_id: int, label: str, expires_at: datetime | None, actor: str
) -> tuple[str, ShareLink]:
    """The link's token, which is not stored, and what lists show of it. `expires_at` None: it never expires."""
    token, link_id = keys.new_secret(TOKEN_PREFIX), str(uuid.uuid4())
    row = {
        "id": link_id,
        "token_hash": hash_text(token),
        "prefix": token[: len(TOKEN_PREFIX) + 6],
        "site_id": site_id,
        "label": label,
        "created_by": actor,
        "created_at": clock.now(),
        "expires_at": expires_at,
    }
    connection.execute(insert(share_links).values(row))
    detail = {"id": link_id, "label": label, "expires_at": expires_at and str(expires_at)}
    entry = {"actor": actor, "action": "share_link.create", "site_id": site_id, "detail": detail}
    connection.execute(insert(audit_log).values(entry))
    return token, read_link(connection, site_id, link_id)


# Served by ix_share_links_site_id_created_at.
def list_links(connection: Connection, site_id: int, limit: int = MAX_LISTED) -> list[ShareLink]:
    """The site's links, revoked ones too, the newest first."""
    query = select(*COLUMNS).where(share_links.c.site_id == site_id)
    query = query.order_by(share_links.c.created_at.desc(), share_links.c.id).limit(limit)
    return [ShareLink(*row) for row in connection.execute(query)]


def read_link(connection: Connection, site_id: int, link_id: str) -> ShareLink:
    """The site's link with that id. Raises NotFound."""
    query = select(*COLUMNS).where(share_links.c.id == link_id, share_links.c.site_id == site_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"the site has no share link {link_id}; GET its share-links lists them")
    return ShareLink(*row)


def revoke_link(engine: Engine, redis: Redis, site_id: int, link: ShareLink, actor: str) -> bool:
    """Revokes the link, in every process within two seconds; idempotent. False when Redis is unavailable."""
    credential = credential_id(link.id)
    action = "share_link.revoke"
    return keys.revoke_row(engine, redis, share_links, link.id, credential, actor, action, link.expires_at, site_id)


# Served by uq_share_links_token_hash.
def load_credentials(connection: Connection, digests: list[bytes]) -> dict[bytes, Credential]:
    """The valid links of these hashes; a CredentialCache calls it."""
    names = select(site_aliases.c.alias).where(site_aliases.c.site_id == share_links.c.site_id).correlate(share_links)
    aliases = func.array(names.scalar_subquery(), type_=ARRAY(Text)).label("site_aliases")
    query = select(share_links, sites.c.key.label("site_key"), aliases)
    query = query.join(sites, sites.c.id == share_links.c.site_id)
    query = query.where(share_links.c.token_hash.in_(digests), share_links.c.revoked_at.is_(None))
    return {bytes(row.token_hash): _credential(row) for row in connection.execute(query)}


record_use = partial(keys.record_use, table=share_links)


def credential_id(link_id: str) -> str:
    """By which the link is revoked."""
    return f"share:{link_id}"


def _credential(row: Row[Any]) -> Credential:
    principal = Principal(
        credential_id(row.id),
        READ_SCOPES,
        frozenset((row.site_key, *row.site_aliases)),
        credential_id(row.id),
        Kind.SHARE,
        expires_at=keys.unix_time(row.expires_at, math.inf),
    )
    return Credential(row.id, principal, keys.unix_time(row.last_used_at, 0.0))

"""API keys: creates, lists, rotates and revokes them, and reads the principals of those that are sent.

`sk_…` is secret and has scopes and sites like a token. `pk_…` is publishable: it only sends events and samples of one
site, from its origins, and may stand in a page. Routes and commands write; guard.py asks `load_credentials` through a
CredentialCache. A revocation is published like that of a token (tokens.py).
"""

import math
import re
import secrets
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import (
    Connection,
    Engine,
    Float,
    Row,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from analytics import clock
from analytics.auth.keys.credential_cache import Credential, hash_text
from analytics.auth.principal import Kind, Principal
from analytics.auth.sessions.accounts import find_export_obstacle
from analytics.auth.tokens.tokens import is_stored_revocation, publish_end, publish_revocation, store_revocation
from analytics.errors import Conflict, NotFound
from analytics.store.models import api_key_sites, api_keys, audit_log, site_aliases, sites

SECRET_PREFIX, PUBLISHABLE_PREFIX = "sk_", "pk_"
KINDS = {"secret": Kind.SECRET_KEY, "publishable": Kind.PUBLISHABLE_KEY}
PREFIX_CHARS = 10
MAX_LISTED = 1000
DEFAULT_OVERLAP = timedelta(days=1)


class NewKey(NamedTuple):
    """What a key is to be. `site_ids` None: all sites; `expires_at` None: never."""

    kind: str
    scopes: Collection[str]
    site_ids: Sequence[int] | None
    name: str = ""
    origins: Sequence[str] = ()
    expires_at: datetime | None = None


class ApiKey(NamedTuple):
    """A key as lists show it. `sites` None: all; `key`: the text of a publishable key."""

    id: str
    kind: str
    prefix: str
    key: str | None
    name: str
    subject: str
    scopes: tuple[str, ...]
    sites: tuple[str, ...] | None
    origins: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    rotated_from: str | None


def create_key(connection: Connection, new: NewKey, actor: str) -> tuple[str, ApiKey]:
    """The key's text, which is not stored for a secret one, and what lists show of it."""
    return _add_key(connection, new, actor, "key.create")


# Served by ix_api_keys_created_at; a page of keys.
def list_keys(
    connection: Connection, site_keys: Collection[str] | None = None, limit: int = MAX_LISTED
) -> list[ApiKey]:
    """The keys, revoked ones too, the newest first. `site_keys`: only those for none but these sites; None: all."""
    query = _select_keys().order_by(api_keys.c.created_at.desc(), api_keys.c.id).limit(limit)
    if site_keys is not None:
        names = _site_keys()
        is_for_them = names.contained_by(sorted(site_keys)), func.cardinality(names) > 0
        query = query.where(~api_keys.c.all_sites, *is_for_them)
    return [_key(row) for row in connection.execute(query)]


def read_key(connection: Connection, key_id: str) -> ApiKey:
    """The key with that id. Raises NotFound."""
    if (key := find_key(connection, key_id)) is None:
        raise unknown_key(key_id)
    return key


# Served by pk_api_keys, or uq_api_keys_key_hash.
def find_key(connection: Connection, id_or_text: str) -> ApiKey | None:
    """The key with that id or text; None when there is none."""
    is_id = re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", id_or_text)
    matches = api_keys.c.id == id_or_text if is_id else api_keys.c.key_hash == hash_text(id_or_text)
    row = connection.execute(_select_keys().where(matches)).first()
    return None if row is None else _key(row)


def unknown_key(key_id: str) -> NotFound:
    """404 for a key."""
    return NotFound(f"there is no key {key_id}; GET /api/analytics/keys and flask key list show them")


def renewed_end(connection: Connection, key: ApiKey, now: datetime) -> datetime | None:
    """When a key ends that lives as long from now on as this one was to; None: never.

    The end of a key that was rotated before is that of its overlap, so its first successor says how long it lives.
    """
    successors = _read_successors(connection, key.id)
    first = successors[0] if successors else key
    return first.expires_at and now + (first.expires_at - first.created_at)


def rotate_key(
    connection: Connection, key: ApiKey, overlap: timedelta, expires_at: datetime | None, actor: str
) -> tuple[str, ApiKey]:
    """A new key with the same rights; the old one stays valid for `overlap`.

    The caller commits and calls `finish_rotation`. Raises Conflict when the key is not valid, and when its successor
    is: a retry must not leave two of them.
    """
    now = clock.now()
    check_usable(key, now)
    # Rotations of one key wait for each other here.
    connection.execute(select(api_keys.c.id).where(api_keys.c.id == key.id).with_for_update())
    _check_not_rotated(connection, key, now)
    ids = None if key.sites is None else _site_ids(connection, key.sites)
    new = NewKey(key.kind, key.scopes, ids, key.name, key.origins, expires_at)
    created = _add_key(connection, new, actor, "key.rotate", rotated_from=key)
    connection.execute(
        update(api_keys).where(api_keys.c.id == key.id).values(expires_at=_overlap_end(key, now + overlap))
    )
    return created


def finish_rotation(engine: Engine, redis: Redis, key: ApiKey, overlap: timedelta, actor: str) -> bool:
    """Ends the rotated key after `overlap` in every process, at most two seconds late; without one it is revoked.

    False when Redis is unavailable: other processes then notice within 30 s (credential_cache.REFRESH_INTERVAL_S).
    """
    if not overlap:
        return revoke_key(engine, redis, key, actor)
    return publish_end(redis, credential_id(key.id), _overlap_end(key, clock.now() + overlap))


def _overlap_end(key: ApiKey, ends_at: datetime) -> datetime:
    return min(ends_at, key.expires_at or ends_at)


def _check_not_rotated(connection: Connection, key: ApiKey, now: datetime) -> None:
    valid = (other for other in _read_successors(connection, key.id) if _is_valid(other, now))
    if (successor := next(valid, None)) is not None:
        raise Conflict(
            f"the key {key.prefix}… was rotated already; its successor is {successor.id}. Use that one; when its text "
            f"was lost, revoke it and rotate again: DELETE /api/analytics/keys/{successor.id} or "
            f"flask key revoke {successor.id}"
        )


# A key has few successors; the table has a row for each key, and rotations are rare.
def _read_successors(connection: Connection, key_id: str) -> list[ApiKey]:
    """The keys that replaced this one, the oldest first; all but the last are revoked or have expired."""
    query = _select_keys().where(api_keys.c.rotated_from == key_id).order_by(api_keys.c.created_at, api_keys.c.id)
    return [_key(row) for row in connection.execute(query)]


def _is_valid(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def revoke_key(engine: Engine, redis: Redis, key: ApiKey, actor: str) -> bool:
    """Revokes the key, in every process within two seconds; idempotent. False when Redis is unavailable."""
    return revoke_row(engine, redis, api_keys, key.id, credential_id(key.id), actor, "key.revoke", key.expires_at)


def revoke_row(
    engine: Engine,
    redis: Redis,
    table: Table,
    row_id: str,
    credential: str,
    actor: str,
    action: str,
    expires_at: datetime | None,
    site_id: int | None = None,
) -> bool:
    """Marks the row of a key or share link as revoked, and publishes it; as `revoke_key`."""
    with engine.begin() as connection:
        is_live = and_(table.c.id == row_id, table.c.revoked_at.is_(None))
        if connection.execute(update(table).where(is_live).values(revoked_at=clock.now())).rowcount:
            detail = {"id": row_id}
            row = {"actor": actor, "action": action, "site_id": site_id, "detail": detail}
            connection.execute(insert(audit_log).values(row))
        store_revocation(connection, credential, expires_at, action)
    return publish_revocation(redis, credential, expires_at)


def check_usable(key: ApiKey, now: datetime) -> None:
    """Raises Conflict for a key that was revoked or has expired."""
    if not _is_valid(key, now):
        state = "was revoked" if key.revoked_at is not None else "has expired"
        raise Conflict(f"the key {key.prefix}… {state}, so it cannot be rotated; create a new one")


# Served by uq_api_keys_key_hash.
def load_credentials(connection: Connection, digests: list[bytes]) -> dict[bytes, Credential]:
    """The valid keys of these hashes; a CredentialCache calls it. A key whose last site was removed is not valid."""
    query = _select_keys(api_keys.c.key_hash, _site_aliases().label("site_aliases"))
    query = query.where(api_keys.c.key_hash.in_(digests), api_keys.c.revoked_at.is_(None))
    found = {bytes(row.key_hash): (_key(row), row.site_aliases) for row in connection.execute(query)}
    return {digest: _credential(key, aliases) for digest, (key, aliases) in found.items() if key.sites != ()}


def record_use(connection: Connection, uses: Mapping[str, float], table: Table = api_keys) -> None:
    """Writes last_used_at of these ids, at Unix times. A row that another process writes is left to it."""
    ids, times = (
        bindparam("ids", list(uses), ARRAY(Uuid(as_uuid=False))),
        bindparam("times", list(uses.values()), ARRAY(Float)),
    )
    used = func.unnest(ids, times).table_valued("id", "at", name="used").render_derived()
    free = select(table.c.id).where(table.c.id.in_(uses)).with_for_update(skip_locked=True)
    at = func.to_timestamp(used.c.at)
    is_newer = or_(table.c.last_used_at.is_(None), table.c.last_used_at < at)
    connection.execute(
        update(table).where(table.c.id == used.c.id, table.c.id.in_(free), is_newer).values(last_used_at=at)
    )


# The table has a row for each key: a scan of it takes less than the export that asks.
def find_lost_credential(connection: Connection, subject: str, token_id: str | None, site_id: int) -> str | None:
    """Why exports of the site that a caller has left behind may not go on, as a clause; None: they may.

    The token was revoked, the account may not export the site any more, or the subject is that of keys (it stays the
    same when a key is rotated) and none of them is valid now."""
    if token_id is not None:
        if is_stored_revocation(connection, token_id):
            return "the token was revoked"
        return find_export_obstacle(connection, token_id, site_id)
    if not subject.startswith(credential_id("")):
        return None
    rows = connection.execute(_select_keys().where(api_keys.c.subject == subject))
    found, now = [_key(row) for row in rows], clock.now()
    is_lost = bool(found) and not any(_is_valid(key, now) for key in found)
    return "the key was revoked or has expired" if is_lost else None


def credential_id(key_id: str) -> str:
    """By which the key is revoked."""
    return f"key:{key_id}"


def new_secret(prefix: str) -> str:
    """A credential's text: the prefix and 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def _add_key(
    connection: Connection, new: NewKey, actor: str, action: str, rotated_from: ApiKey | None = None
) -> tuple[str, ApiKey]:
    key_id = str(uuid.uuid4())
    key_text = new_secret(SECRET_PREFIX if new.kind == "secret" else PUBLISHABLE_PREFIX)
    row = {
        "id": key_id,
        "kind": new.kind,
        "key_hash": hash_text(key_text),
        "prefix": key_text[:PREFIX_CHARS],
        "public_key": key_text if new.kind == "publishable" else None,
        "name": new.name,
        "subject": credential_id(key_id) if rotated_from is None else rotated_from.subject,
        "scopes": sorted(new.scopes),
        "all_sites": new.site_ids is None,
        "origins": list(new.origins),
        "created_by": actor,
        "created_at": clock.now(),
        "expires_at": new.expires_at,
        "rotated_from": rotated_from and rotated_from.id,
    }
    connection.execute(insert(api_keys).values(row))
    if new.site_ids:
        rows = [{"key_id": key_id, "site_id": site_id} for site_id in new.site_ids]
        connection.execute(insert(api_key_sites), rows)
    key = read_key(connection, key_id)
    connection.execute(insert(audit_log).values(actor=actor, action=action, detail=_audit_detail(key)))
    return key_text, key


def _audit_detail(key: ApiKey) -> dict[str, Any]:
    names = ("id", "kind", "prefix", "name", "scopes", "sites", "origins", "rotated_from")
    return {name: getattr(key, name) for name in names} | {"expires_at": key.expires_at and str(key.expires_at)}


def _select_keys(*extra: Any) -> Any:
    return select(api_keys, _site_keys().label("site_keys"), *extra)


def _site_keys() -> Any:
    """The keys of the sites of a key, as an array in their order."""
    joined = api_key_sites.join(sites, sites.c.id == api_key_sites.c.site_id)
    query = select(sites.c.key).select_from(joined).where(api_key_sites.c.key_id == api_keys.c.id).order_by(sites.c.key)
    return func.array(query.correlate(api_keys).scalar_subquery(), type_=ARRAY(Text))


def _site_aliases() -> Any:
    """The aliases of those sites."""
    of_sites = api_key_sites.join(site_aliases, site_aliases.c.site_id == api_key_sites.c.site_id)
    query = select(site_aliases.c.alias).select_from(of_sites).where(api_key_sites.c.key_id == api_keys.c.id)
    return func.array(query.correlate(api_keys).scalar_subquery(), type_=ARRAY(Text))


def _site_ids(connection: Connection, keys: Collection[str]) -> list[int]:
    return list(connection.execute(select(sites.c.id).where(sites.c.key.in_(keys))).scalars())


def _key(row: Row[Any]) -> ApiKey:
    found = row._mapping
    names = {name: found[name] for name in ApiKey._fields if name not in ("key", "scopes", "sites", "origins")}
    site_keys = None if row.all_sites else tuple(row.site_keys)
    return ApiKey(**names, key=row.public_key, scopes=tuple(row.scopes), sites=site_keys, origins=tuple(row.origins))


def _credential(key: ApiKey, aliases: Sequence[str]) -> Credential:
    principal = Principal(
        key.subject,
        frozenset(key.scopes),
        None if key.sites is None else frozenset((*key.sites, *aliases)),
        credential_id(key.id),
        KINDS[key.kind],
        key.origins,
        unix_time(key.expires_at, math.inf),
    )
    return Credential(key.id, principal, unix_time(key.last_used_at, 0.0))


def unix_time(instant: datetime | None, default: float) -> float:
    """The instant as Unix time."""
    return default if instant is None else instant.timestamp()

"""The deletion of a site: what it holds, how it begins, how far it is. ingest/deletion/site_deletion.py does the work.

It begins in one short transaction: from then on requests for the site are refused (`Gone`), and drains count its events
as refused instead of storing them. The row stays until nothing of the site is left, so the key is not free before.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, bindparam, cast, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from analytics import clock
from analytics.errors import Conflict
from analytics.sites.sites import Site, lock_site, write_audit_entry, write_columns
from analytics.store.models import api_key_sites, api_keys, issued_tokens, sites
from analytics.store.planner import force_index_scans

# What is shown of a site, in this order. Each is served by an index that leads with the site, but for exports,
# schedules and dead letters, which are small tables.
COUNTS = text("""
SELECT
    (SELECT count(*) FROM events WHERE site_id = :site_id) AS events,
    (SELECT count(*) FROM samples WHERE site_id = :site_id) AS samples,
    (SELECT count(*) FROM users WHERE site_id = :site_id) AS users,
    (SELECT count(*) FROM visits WHERE site_id = :site_id) AS visits,
    (SELECT count(*) FROM rollups WHERE site_id = :site_id) AS rollups,
    (SELECT count(*) FROM metrics WHERE site_id = :site_id) AS metrics,
    (SELECT count(*) FROM share_links WHERE site_id = :site_id) AS share_links,
    (SELECT count(*) FROM funnels WHERE site_id = :site_id) AS funnels,
    (SELECT count(*) FROM goals WHERE site_id = :site_id) AS goals,
    (SELECT count(*) FROM segments WHERE site_id = :site_id) AS segments,
    (SELECT count(*) FROM notes WHERE site_id = :site_id) AS notes,
    (SELECT count(*) FROM export_schedules WHERE site_id = :site_id) AS schedules,
    (SELECT count(*) FROM export_jobs WHERE site_id = :site_id) AS exports,
    (SELECT count(*) FROM export_jobs WHERE site_id = :site_id AND state = 'done' AND file IS NOT NULL) AS export_files,
    (SELECT count(*) FROM imports WHERE site_id = :site_id) AS imports,
    (SELECT count(*) FROM dead_letters WHERE site_id = :site_id) AS dead_letters
""")


def count_contents(connection: Connection, site: Site) -> dict[str, int]:
    """What a deletion of the site deletes: name → how many. `keys` and `tokens` are those for no other site.

    Index-only scans of the large tables: about a second for ten million events.
    """
    force_index_scans(connection)
    counts = connection.execute(COUNTS, {"site_id": site.id}).one()._asdict()
    of_site = exists().where(api_key_sites.c.key_id == api_keys.c.id, api_key_sites.c.site_id == site.id)
    keys = select(func.count()).select_from(api_keys).where(of_site, ~_has_other_site(site.id))
    tokens = select(func.count()).select_from(issued_tokens).where(issued_tokens.c.sites.contained_by([*site.names]))
    return {
        **counts,
        "keys": connection.execute(keys).scalar_one(),
        "tokens": connection.execute(tokens).scalar_one(),
    }


def check_own_key(site: Site, key: str) -> None:
    """Raises Conflict for an alias: whoever asks to delete it may mean the alias alone."""
    if site.key != key:
        raise Conflict(
            f"{key!r} is an alias of the site {site.key!r}; accepted: the site's key, for example {site.key}; "
            "an alias alone is removed by flask site remove-alias"
        )


def begin_deletion(
    connection: Connection, key: str, *, actor: str = "system", found: Mapping[str, int] | None = None
) -> Site:
    """The site, marked as being deleted; idempotent. `found`: of `count_contents`, if known. The caller commits, and
    enqueues the task. Raises NotFound, and Conflict for an alias."""
    site = lock_site(connection, key)
    check_own_key(site, key)
    if site.deleting_at is not None:
        return site
    of_site = api_key_sites.c.site_id == site.id
    # Keys of several sites go on without this one; those of this site alone are revoked by the task.
    shared = of_site & exists(
        select(api_keys.c.id).where(api_keys.c.id == api_key_sites.c.key_id, _has_other_site(site.id))
    )
    connection.execute(delete(api_key_sites).where(shared))
    changes = {"deleting_at": clock.now(), "deletion": {"found": found and dict(found), "deleted": {}}}
    marked = write_columns(connection, site.id, changes)
    write_audit_entry(connection, actor, "site.begin_deletion", site.id, {"key": site.key, "found": found})
    return marked


def _has_other_site(site_id: int) -> ColumnElement[bool]:
    """That the key of the row in api_keys is for another site too."""
    other = api_key_sites.alias("other")
    return exists().where(other.c.key_id == api_keys.c.id, other.c.site_id != site_id)


def list_deletions(connection: Connection) -> list[int]:
    """Ids of the sites that are being deleted, the oldest first. Reads `sites`, which has a row a site."""
    query = select(sites.c.id).where(sites.c.deleting_at.is_not(None)).order_by(sites.c.deleting_at, sites.c.id)
    return list(connection.execute(query).scalars())


# Adds to a number of `deletion`, which the row's lock makes safe.
ADD_DELETED = text("""
UPDATE sites
SET deletion = jsonb_set(
    deletion,
    ARRAY['deleted', :name],
    to_jsonb(coalesce(CAST(deletion #>> ARRAY['deleted', :name] AS bigint), 0) + :rows)
)
WHERE id = :site_id AND deletion IS NOT NULL
""")


def add_deleted(connection: Connection, site_id: int, name: str, rows: int) -> None:
    """Adds to the progress, in the transaction that deletes the rows."""
    if rows:
        connection.execute(ADD_DELETED, {"site_id": site_id, "name": name, "rows": rows})


def record_found(connection: Connection, site_id: int, found: Mapping[str, int]) -> None:
    """Stores what the deletion began with, where nobody counted it before."""
    counts = bindparam("found", dict(found), JSONB)
    changed = func.jsonb_set(sites.c.deletion, text("'{found}'"), cast(counts, JSONB))
    connection.execute(update(sites).where(sites.c.id == site_id).values(deletion=changed))

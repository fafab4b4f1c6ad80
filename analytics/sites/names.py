"""The names of a site: a rename, which keeps the old key as an alias, and the removal of an alias.

Whoever still sends an alias (pages, SDKs, tokens) reaches the site. Ids and visitor keys, which derive from a key, stay
as they were (`Site.identity_key`). No site takes the alias of another. Views and commands call it, then `cache_site`.
"""

from typing import Any

from sqlalchemy import Connection, delete, insert

from analytics import clock
from analytics.errors import Conflict, NotFound
from analytics.sites.setting_checks import check_settings
from analytics.sites.sites import (
    Site,
    check_not_deleting,
    lock_names,
    lock_site,
    read_site,
    taken_detail,
    write_audit_entry,
    write_columns,
)
from analytics.store.models import site_aliases

# Each process keeps them all.
MAX_ALIASES = 100


def rename_site(connection: Connection, old: str, new: str, *, actor: str = "system") -> Site:
    """The site `old` (its key or an alias) with the key `new`, and its key as one more alias; idempotent.

    A name that is the old key changes too. Raises Invalid, NotFound, Gone, and Conflict when `new` names another site.
    """
    check_settings({"key": new})
    lock_names(connection)
    site = lock_site(connection, old)
    check_not_deleting(site)
    if site.key == new:
        return site
    owner = read_site(connection, new)
    if owner is not None and owner.id != site.id:
        raise Conflict(taken_detail(new, owner))
    if len(site.aliases) >= MAX_ALIASES and new not in site.aliases:
        raise Conflict(
            f"the site {site.key!r} has {MAX_ALIASES} aliases, the maximum; remove one first, for example: "
            f"flask site remove-alias {site.aliases[0]}"
        )
    connection.execute(delete(site_aliases).where(site_aliases.c.alias == new))
    connection.execute(insert(site_aliases).values(alias=site.key, site_id=site.id, created_at=clock.now()))
    changes: dict[str, Any] = {"key": new, "hash_key": site.identity_key}
    if site.name == site.key:
        changes["name"] = new
    renamed = write_columns(connection, site.id, changes)
    write_audit_entry(connection, actor, "site.rename", site.id, {"key": [site.key, new]})
    return renamed


def remove_alias(connection: Connection, alias: str, *, of_site: str | None = None, actor: str = "system") -> Site:
    """The site without the alias, which any new site may then take. `of_site`: a name of the site, if the caller gave
    one. Raises NotFound, also for an alias of another site, and Gone."""
    lock_names(connection)
    site = lock_site(connection, of_site or alias)
    check_not_deleting(site)
    if alias not in site.aliases:
        listed = ", ".join(site.aliases) or "none"
        raise NotFound(f"{alias[:80]!r} is no alias of the site {site.key!r}; accepted: one of its aliases: {listed}")
    connection.execute(delete(site_aliases).where(site_aliases.c.alias == alias))
    write_audit_entry(connection, actor, "site.remove_alias", site.id, {"alias": alias})
    return site._replace(aliases=tuple(name for name in site.aliases if name != alias))

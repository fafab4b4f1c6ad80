"""`flask site …`: create, change, rename, delete and list sites. analytics/cli.py loads it when a command is called."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import click
from flask.cli import with_appcontext

from analytics import clock, queue
from analytics.auth.keys.site_keys import check_site_key
from analytics.cli import ACTOR, LazyCommand, LazyGroup, print_table
from analytics.errors import NotFound, Unavailable
from analytics.extensions import buffer_redis, db, settings
from analytics.privacy.pseudonym import identity_salt
from analytics.privacy.visitor_keys import ADDRESS, BY_TEXTS, WINDOWS, derive_visitor_key, period_of_day
from analytics.sites import names, sites
from analytics.sites.access.revocation import revoke_tokens
from analytics.sites.deletion import begin_deletion, check_own_key, count_contents
from analytics.web.ip_addresses import normalize_address

# What takes the time of a deletion.
LARGE_TABLES = ("events", "samples", "users", "visits", "rollups", "metrics")


def site_setting_options(command: Any) -> Any:
    """Adds the options that `create` and `set` share; an omitted one is None."""
    for option in reversed(
        (
            click.option("--name", help="Display name."),
            click.option("--zone", help="IANA time zone of its days, for example Europe/Berlin."),
            click.option(
                "--types", type=click.Choice(["open", "strict"]), help="Accept any event type, or only --event-type."
            ),
            click.option("--event-type", "event_types", multiple=True, help="An accepted type (repeatable)."),
            click.option(
                "--identity",
                type=click.Choice(["trust", "enforce", "override"]),
                help="How the token's sub relates to user_id.",
            ),
            click.option("--public-ingest/--no-public-ingest", default=None, help="Accept events without a token."),
            click.option("--public-stats/--no-public-stats", default=None, help="Show reports without a token."),
            click.option(
                "--origin",
                "allowed_origins",
                multiple=True,
                help="Origin that may send events (repeatable); these replace the list.",
            ),
            click.option(
                "--domain",
                "domains",
                multiple=True,
                help="Host whose pages are the site's own, *.shop.example with all sub-domains (repeatable); these "
                "replace the list.",
            ),
            click.option(
                "--embed-origin",
                "embed_origins",
                multiple=True,
                help="Origin whose pages may show the site's shared pages in a frame (repeatable); these replace the "
                "list.",
            ),
            click.option(
                "--event-retention-days",
                type=click.IntRange(0, 36500),
                help="Days raw events are kept; 0: EVENT_RETENTION_DAYS.",
            ),
            click.option(
                "--visitor-window",
                type=click.Choice([*WINDOWS]),
                help="How long a visitor without user_id keeps its key (docs/privacy.md).",
            ),
            click.option(
                "--visitor-by", type=click.Choice([*BY_TEXTS]), help="What a visitor without user_id is told by."
            ),
        )
    ):
        command = option(command)
    return command


@click.command("create")
@click.argument("key")
@site_setting_options
@with_appcontext
def create_site(key: str, **options: Any) -> None:
    """Create a site."""
    with db.engine.begin() as connection:
        site = sites.create_site(connection, key, actor=ACTOR, **_changes(options))
    click.echo(f"created {site.key} ({site.zone})")


@click.command("set")
@click.argument("key")
@site_setting_options
@click.option("--add-origin", "added_origins", multiple=True, help="One more origin that may send events (repeatable).")
@click.option("--no-origins", is_flag=True, help="Empty the list of origins.")
@click.option("--no-domains", is_flag=True, help="Empty the list of domains.")
@click.option("--no-embed-origins", is_flag=True, help="Empty the list of origins that may show shared pages.")
@with_appcontext
def set_site(key: str, added_origins: tuple[str, ...], no_origins: bool, **options: Any) -> None:
    """Change a site; omitted settings stay."""
    emptied = _read_emptied(options)
    changes = _changes(options) | dict.fromkeys(emptied, ())
    if sum(map(bool, (added_origins, no_origins, options["allowed_origins"]))) > 1:
        raise click.UsageError("give only one of --origin, --add-origin and --no-origins")
    if no_origins:
        changes["allowed_origins"] = ()
    if not changes and not added_origins:
        raise click.UsageError("no setting given; give at least one, for example --zone Europe/Berlin")
    check_site_key(key)
    with db.engine.begin() as connection:
        if added_origins:
            listed = sites.update_site(connection, key, actor=ACTOR).allowed_origins
            changes["allowed_origins"] = tuple(dict.fromkeys((*listed, *added_origins)))
        site = sites.as_json(sites.update_site(connection, key, actor=ACTOR, **changes))
    click.echo(f"changed {key}: {', '.join(f'{name}={json.dumps(site[name])}' for name in changes)}")


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with every setting.")
@with_appcontext
def list_sites(as_json: bool) -> None:
    """List all sites."""
    with db.engine.connect() as connection:
        rows = list(sites.iterate_sites(connection))
    if as_json:
        click.echo(json.dumps([sites.as_json(site) for site in rows], indent=2))
    elif rows:
        table = [
            (site.key, site.name, site.zone, site.types, site.identity, " ".join(site.aliases), _status(site))
            for site in rows
        ]
        print_table(("KEY", "NAME", "ZONE", "TYPES", "IDENTITY", "ALIASES", "STATUS"), table)
    else:
        click.echo("no sites; create one: flask site create KEY", err=True)


@click.command("rename")
@click.argument("old")
@click.argument("new")
@with_appcontext
def rename_site(old: str, new: str) -> None:
    """Give the site OLD the key NEW. OLD stays an alias, so that what still sends it keeps working."""
    check_site_key(old)
    with db.engine.begin() as connection:
        site = names.rename_site(connection, old, new, actor=ACTOR)
    click.echo(f"renamed to {site.key}; aliases: {', '.join(site.aliases) or 'none'}")


@click.command("remove-alias")
@click.argument("alias")
@with_appcontext
def remove_alias(alias: str) -> None:
    """Remove a former key of a site. Another site may take it then, so the tokens for it alone are revoked."""
    check_site_key(alias)
    with db.engine.begin() as connection:
        site = names.remove_alias(connection, alias, actor=ACTOR)
    revoked = revoke_tokens(db.engine, buffer_redis(), [alias], ACTOR)
    click.echo(f"removed the alias {alias} of {site.key}; {revoked} tokens revoked")


@click.command("delete")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def delete_site(key: str, yes: bool) -> None:
    """Delete a site with all it holds. This cannot be undone.

    A worker does it in small steps; `flask site list` shows the progress. The ledger and the audit log stay.
    """
    check_site_key(key)
    with db.engine.connect() as connection:
        site = sites.read_site(connection, key)
        if site is None:
            raise NotFound(sites.unknown_site_detail(key))
        check_own_key(site, key)
        found = count_contents(connection, site)
    print_table(("WHAT", "NUMBER"), [(name, f"{number:,}") for name, number in found.items()], (1,))
    if not yes and click.prompt(f"Type {site.key} to delete all of this") != site.key:
        raise click.ClickException(f"nothing was deleted: that was not {site.key}")
    with db.engine.begin() as connection:
        begin_deletion(connection, key, actor=ACTOR, found=found)
    with suppress(Unavailable):
        queue.enqueue_site_deletions()
    click.echo(f"deleting {site.key}: a worker does it; flask site list shows the progress", err=True)


@click.command("visitor-key")
@click.argument("key")
@click.option("--ip", required=True, help="The person's address, in any spelling.")
@click.option("--user-agent", default="", help="The browser's user agent, unless the site counts by address.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="A day of the site's time zone; default: today.")
@with_appcontext
def print_visitor_key(key: str, ip: str, user_agent: str, date: datetime | None) -> None:
    """Print the id of a visitor without a user_id, by the site's present settings, to find or export their events.

    Under the window `day` it is that of one day: give each day that they ask for.
    """
    check_site_key(key)
    if not (address := normalize_address(ip)):
        raise click.UsageError(f"--ip {ip[:60]!r} is not an IP address; accepted for example: 192.0.2.1")
    with db.engine.connect() as connection:
        site = sites.read_site(connection, key)
    if site is None:
        raise NotFound(sites.unknown_site_detail(key))
    day = date.date() if date else clock.day_of(clock.now(), clock.zone(site.zone))
    agent = None if site.visitor_by == ADDRESS else user_agent
    period = period_of_day(day, site.visitor_window)
    click.echo(derive_visitor_key(identity_salt(settings()), period, site.identity_key, address, agent))


def _status(site: sites.Site) -> str:
    """`deleting`, and how many rows of the large tables are deleted of those that were found."""
    if site.deleting_at is None:
        return "active"
    progress: Mapping[str, Any] = site.deletion or {}
    found, deleted = (progress.get(name) or {} for name in ("found", "deleted"))
    if not found:
        return "deleting"
    # Merges may have made a few rows since.
    done = sum(min(deleted.get(name, 0), found[name]) for name in LARGE_TABLES)
    return f"deleting: {done:,} of {sum(found[name] for name in LARGE_TABLES):,} rows"


def _read_emptied(options: dict[str, Any]) -> list[str]:
    """The lists to empty, by `--no-…`, which leave `options`. Raises UsageError for one that is given too."""
    lists = {"domains": "domain", "embed_origins": "embed-origin"}
    emptied = [name for name in lists if options.pop(f"no_{name}")]
    for name in emptied:
        if options[name]:
            raise click.UsageError(f"give only one of --{lists[name]} and --no-{lists[name]}s")
    return emptied


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    changes = {name: value for name, value in options.items() if value not in (None, ())}
    if changes.get("event_retention_days") == 0:
        changes["event_retention_days"] = None
    return changes


COMMANDS: tuple[click.Command, ...] = (
    *(create_site, set_site, list_sites, rename_site, remove_alias, delete_site, print_visitor_key),
    LazyGroup(
        "schema", "analytics.sites.event_schemas.cli", help="Set, show, check and remove JSON Schemas of events."
    ),
    LazyCommand("snippet", "analytics.clients.cli", help="Print the script element for the pages of a site."),
)

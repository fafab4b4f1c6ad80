"""`flask site …`: create, change and list sites. analytics/cli.py loads it when a command is called."""

import json
from typing import Any

import click
from flask.cli import with_appcontext

from analytics.auth.keys.site_keys import check_site_key
from analytics.cli import ACTOR, print_table
from analytics.extensions import db
from analytics.sites import sites


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
                "--event-retention-days",
                type=click.IntRange(0, 36500),
                help="Days raw events are kept; 0: EVENT_RETENTION_DAYS.",
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
@with_appcontext
def set_site(key: str, added_origins: tuple[str, ...], no_origins: bool, **options: Any) -> None:
    """Change a site; omitted settings stay."""
    changes = _changes(options)
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
        table = [(site.key, site.name, site.zone, site.types, site.identity) for site in rows]
        print_table(("KEY", "NAME", "ZONE", "TYPES", "IDENTITY"), table)
    else:
        click.echo("no sites; create one: flask site create KEY", err=True)


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    changes = {name: value for name, value in options.items() if value not in (None, ())}
    if changes.get("event_retention_days") == 0:
        changes["event_retention_days"] = None
    return changes


COMMANDS: tuple[click.Command, ...] = (create_site, set_site, list_sites)

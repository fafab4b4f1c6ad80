"""`flask token …` and `flask site …`, and the list of the groups that other slices bring.

Results go to standard output, hints to standard error. What a user can mend is told in one line, never as a traceback.
"""

import json
import math
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError, TimeoutError

from analytics import sites
from analytics.auth import tokens
from analytics.errors import AnalyticsError, Unauthorised
from analytics.extensions import buffer_redis, db, settings
from analytics.privacy import retention_command
from config import SCOPES

ACTOR = "cli"
UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703"


class PlainGroup(AppGroup):
    """Commands whose foreseeable failures end in one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AnalyticsError as error:
            raise click.ClickException(error.detail) from error
        except (OperationalError, InterfaceError, TimeoutError) as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise click.ClickException(f"the database is away (DATABASE_URL): {reason}") from error
        except ProgrammingError as error:
            if getattr(error.orig, "pgcode", None) not in (UNDEFINED_TABLE, UNDEFINED_COLUMN):
                raise
            raise click.ClickException("the database is not migrated: run flask --app wsgi db upgrade") from error
        except RedisError as error:
            raise click.ClickException(f"Redis is away (CELERY_BROKER_URL): {error}") from error


class LazyGroup(PlainGroup):
    """Loads its commands, `module`.COMMANDS, when one is asked for: a web process does without what they import (the
    importers' tables alone are 25 MB)."""

    def __init__(self, name: str, module: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._module = module

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [command.name or "" for command in self._commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return next((command for command in self._commands() if command.name == cmd_name), None)

    def _commands(self) -> Sequence[click.Command]:
        commands: Sequence[click.Command] = import_module(self._module).COMMANDS
        return commands


class LazyCommand(click.Command):
    """The command of that name in `module`.COMMANDS, which is loaded when it is called."""

    def __init__(self, name: str, module: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._module = module

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        commands: Sequence[click.Command] = import_module(self._module).COMMANDS
        [found] = [command for command in commands if command.name == self.name]
        return found.make_context(info_name, args, parent, **extra)


token_group = PlainGroup("token", help="Make, look at and revoke tokens.")
site_group = PlainGroup("site", help="Make, list and change sites.")
import_group = LazyGroup(
    "import", "analytics.ingest.import_command", help="Import access logs, tables and events of the past."
)
export_group = LazyGroup("export", "analytics.exports.export_command", help="Make a file of events or figures.")
rollups_group = LazyGroup("rollups", "analytics.rollups_command", help="Merge and rebuild the rollups.")

retention_group = PlainGroup("retention", help="What the retention settings no longer keep.")
retention_group.add_command(retention_command.run_retention)

# Each entry becomes `flask <name>`. A slice that has commands adds its own group here.
GROUPS: tuple[click.Group, ...] = (
    token_group,
    site_group,
    import_group,
    export_group,
    rollups_group,
    retention_group,
)
COMMANDS: tuple[click.Command, ...] = (
    LazyCommand("audit", "analytics.audit_command", help="Prove that nothing was lost or counted twice."),
    LazyCommand("trace", "analytics.audit_command", help="Tell what became of an event."),
)


def register(app: Flask) -> None:
    """Adds every group and command to `flask`."""
    for command in (*GROUPS, *COMMANDS):
        app.cli.add_command(command)


class Words(click.ParamType[tuple[str, ...]]):
    """Scopes, separated by spaces or commas."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        words = tuple(str(value).replace(",", " ").split())
        if not words or set(words) - set(SCOPES):
            self.fail(f"{value!r} is not one or more of: {' '.join(SCOPES)}", param, ctx)
        return words


@token_group.command("create")
@click.option("--scope", "scopes", type=Words(), default="ingest", show_default=True, help="What it may do.")
@click.option("--site", "keys", multiple=True, metavar="KEY", help="Only this site (repeatable). Default: all sites.")
@click.option("--sub", "subject", default="cli", show_default=True, help="Who it stands for.")
@click.option("--days", type=click.IntRange(1, 36500), help="Days until it expires. Default: 90.")
@click.option("--never-expires", is_flag=True, help="It is good until it is revoked.")
def create_token(
    scopes: tuple[str, ...], keys: tuple[str, ...], subject: str, days: int | None, never_expires: bool
) -> None:
    """Print a new token."""
    if days and never_expires:
        raise click.UsageError("--days and --never-expires exclude each other")
    if settings().jwt_public_key:
        raise click.ClickException("tokens come from the holder of the private key: JWT_PUBLIC_KEY only verifies them")
    for key in keys:
        sites.check_key(key)
    lifetime = None if never_expires else timedelta(days=days or 90)
    token = tokens.issue(subject, scopes, keys, lifetime)
    tokens.verify(token)
    click.echo(token)
    until = "never expires" if lifetime is None else f"expires in {lifetime.days} days"
    click.echo(f"scope: {' '.join(scopes)}; site: {' '.join(keys) or 'all'}; {until}", err=True)


@token_group.command("revoke")
@click.argument("token_or_jti")
@click.option("--reason", default="", help="Kept with the revocation.")
def revoke_token(token_or_jti: str, reason: str) -> None:
    """Take a token back; give it, or its jti."""
    jti, expires_at = token_or_jti, None
    if claims := tokens.unverified(token_or_jti):
        jti, expires_at = tokens.identity(token_or_jti, claims), _expiry(claims)
    elif not tokens.PLAIN_ID.fullmatch(jti):
        raise click.ClickException("that is neither a token nor a jti")
    told = tokens.revoke(db.engine, buffer_redis(), jti, expires_at, reason, ACTOR)
    click.echo(f"revoked {jti}")
    if not told:
        click.echo(f"Redis is away: it takes up to {tokens.RELOAD_EVERY_S:.0f} s to be noticed", err=True)


@token_group.command("show")
@click.argument("token")
def show_token(token: str) -> None:
    """Print a token's claims; exit code 1 when it is not valid."""
    claims = tokens.unverified(token)
    if not claims:
        raise click.ClickException("that is not a JWT")
    click.echo(json.dumps(claims, indent=2, default=str))
    try:
        principal = tokens.TokenChecks(lambda: db.engine, buffer_redis).principal(token)
    except Unauthorised as error:
        raise click.ClickException(error.detail) from error
    where = "all" if principal.sites is None else " ".join(sorted(principal.sites))
    click.echo(f"valid; scope: {' '.join(sorted(principal.scopes)) or 'none'}; site: {where}", err=True)


def _expiry(claims: dict[str, Any]) -> datetime | None:
    exp = claims.get("exp")
    usable = isinstance(exp, (int, float)) and math.isfinite(exp) and 0 < exp < 2**37
    return datetime.fromtimestamp(exp, UTC) if usable and exp is not None else None


def site_options(command: Any) -> Any:
    """The options that `create` and `set` share; those not given are None."""
    for option in reversed(
        (
            click.option("--name", help="What people call it."),
            click.option("--zone", help="IANA time zone of its days, as Europe/Berlin."),
            click.option(
                "--types", type=click.Choice(["open", "strict"]), help="Any event type, or only those listed."
            ),
            click.option("--event-type", "event_types", multiple=True, help="A type it takes (repeatable)."),
            click.option("--identity", type=click.Choice(["trust", "enforce", "override"]), help="sub and user_id."),
            click.option("--public-ingest/--no-public-ingest", default=None, help="Take events without a token."),
            click.option("--public-stats/--no-public-stats", default=None, help="Show reports without a token."),
            click.option("--origin", "allowed_origins", multiple=True, help="Origin that may send (repeatable)."),
            click.option(
                "--event-retention-days",
                type=click.IntRange(0, 36500),
                help="Days its raw events are kept; 0: as EVENT_RETENTION_DAYS says.",
            ),
        )
    ):
        command = option(command)
    return command


@site_group.command("create")
@click.argument("key")
@site_options
def create_site(key: str, **options: Any) -> None:
    """Make a site."""
    with db.engine.begin() as connection:
        site = sites.create_site(connection, key, actor=ACTOR, **_given(options))
    click.echo(f"created {site.key} ({site.zone})")


@site_group.command("set")
@click.argument("key")
@site_options
def set_site(key: str, **options: Any) -> None:
    """Change a site; what is not named stays as it is."""
    changes = _given(options)
    if not changes:
        raise click.UsageError("name what to change, as --zone Europe/Berlin")
    sites.check_key(key)
    with db.engine.begin() as connection:
        sites.update_site(connection, key, actor=ACTOR, **changes)
    click.echo(f"changed {key}: {', '.join(changes)}")


@site_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array, with every setting.")
def list_sites(as_json: bool) -> None:
    """List the sites."""
    with db.engine.connect() as connection:
        found = sites.list_sites(connection, limit=100_000)
    if as_json:
        click.echo(json.dumps([sites.as_json(site) for site in found], indent=2))
    elif found:
        _print_table(found)
    else:
        print("no site yet: flask site create KEY", file=sys.stderr)


def _print_table(found: Iterable[sites.Site]) -> None:
    rows = [("KEY", "NAME", "ZONE", "TYPES", "IDENTITY")]
    rows += [(site.key, site.name, site.zone, site.types, site.identity) for site in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _given(options: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if given.get("event_retention_days") == 0:
        given["event_retention_days"] = None
    return given

"""`flask key …`: create, list, rotate and revoke API keys. analytics/cli.py loads it when a command is called."""

import json
from datetime import datetime, timedelta

import click
from flask.cli import with_appcontext

from analytics import clock
from analytics.auth.cli import ScopeList
from analytics.auth.keys import keys
from analytics.auth.keys.keys import ApiKey, NewKey
from analytics.cli import ACTOR, print_table
from analytics.errors import BadInput
from analytics.extensions import buffer_redis, db
from analytics.sites.setting_checks import check_settings
from analytics.sites.sites import find_site


@click.command("create")
@click.option("--publishable", is_flag=True, help="A key for web pages: it only sends events of one site.")
@click.option("--scope", "scopes", type=ScopeList(), default="ingest", show_default=True, help="Scopes of the key.")
@click.option("--site", "site_keys", multiple=True, metavar="KEY", help="Only this site (repeatable). Default: all.")
@click.option("--origin", "origins", multiple=True, help="Origin of the pages that may use it (repeatable).")
@click.option("--name", default="", help="What it is for.")
@click.option("--days", type=click.IntRange(1, 36500), help="Days until it expires. Default: it never expires.")
@with_appcontext
def create_key(
    publishable: bool,
    scopes: tuple[str, ...],
    site_keys: tuple[str, ...],
    origins: tuple[str, ...],
    name: str,
    days: int | None,
) -> None:
    """Print a new key. A secret key is never shown again."""
    if publishable and (len(site_keys) != 1 or scopes != ("ingest",)):
        raise click.UsageError("a publishable key has one --site and the scope ingest")
    if origins and not publishable:
        raise click.UsageError("--origin is for publishable keys: add --publishable")
    check_settings({"allowed_origins": origins, **({"name": name} if name else {})})
    ids = [find_site(db.engine, key).id for key in site_keys] or None
    ends_at = clock.now() + timedelta(days=days) if days else None
    new = NewKey("publishable" if publishable else "secret", scopes, ids, name, origins, ends_at)
    with db.engine.begin() as connection:
        text, key = keys.create_key(connection, new, ACTOR)
    _print_new(text, key)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with every field.")
@with_appcontext
def list_keys(as_json: bool) -> None:
    """List the keys, the newest first."""
    with db.engine.connect() as connection:
        found = keys.list_keys(connection)
    if as_json:
        click.echo(json.dumps([key._asdict() for key in found], indent=2, default=str))
    elif found:
        header = ("ID", "KEY", "NAME", "SCOPES", "SITES", "ORIGINS", "STATE", "LAST USED")
        print_table(header, [_row(key, clock.now()) for key in found])
    else:
        click.echo("no keys; create one: flask key create", err=True)


@click.command("rotate")
@click.argument("key_id", type=click.UUID)
@click.option("--overlap-hours", type=click.IntRange(0, 720), default=24, show_default=True, help="The old key's rest.")
@with_appcontext
def rotate_key(key_id: object, overlap_hours: int) -> None:
    """Print a new key with the same rights; the old one stays valid during the overlap."""
    now = clock.now()
    with db.engine.begin() as connection:
        old = keys.read_key(connection, str(key_id))
        overlap, ends_at = timedelta(hours=overlap_hours), keys.renewed_end(connection, old, now)
        text, key = keys.rotate_key(connection, old, overlap, ends_at, ACTOR)
    keys.finish_rotation(db.engine, buffer_redis(), old, overlap, ACTOR)
    _print_new(text, key)


@click.command("revoke")
@click.argument("id_or_key")
@with_appcontext
def revoke_key(id_or_key: str) -> None:
    """Revoke a key, named by its id or its text."""
    with db.engine.connect() as connection:
        key = keys.find_key(connection, id_or_key)
    if key is None:
        raise BadInput("no key has this id or text; flask key list shows the ids")
    is_published = keys.revoke_key(db.engine, buffer_redis(), key, ACTOR)
    click.echo(f"revoked {key.id}")
    if not is_published:
        click.echo("Redis is unavailable: the revocation takes effect within 60 s", err=True)


def _print_new(text: str, key: ApiKey) -> None:
    click.echo(text)
    sites = "all" if key.sites is None else " ".join(key.sites)
    end = key.expires_at and clock.format_rfc3339(key.expires_at, "seconds")
    until = f"expires at {end}" if end else "never expires"
    click.echo(f"id: {key.id}; scope: {' '.join(key.scopes)}; site: {sites}; {until}", err=True)


def _row(key: ApiKey, now: datetime) -> tuple[str, ...]:
    sites = "all" if key.sites is None else " ".join(key.sites) or "none"
    used = "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}"
    rights = " ".join(key.scopes), sites, " ".join(key.origins)
    return key.id, f"{key.prefix}…", key.name, *rights, _state(key, now), used


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "valid"
    return f"{'expired' if key.expires_at <= now else 'until'} {key.expires_at:%Y-%m-%d %H:%M}"


COMMANDS: tuple[click.Command, ...] = (create_key, list_keys, rotate_key, revoke_key)

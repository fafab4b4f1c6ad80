"""`flask user …`: accounts of the dashboard. analytics/cli.py loads it when a command is called."""

import click
from flask.cli import with_appcontext

from analytics.auth.cli import ScopeList
from analytics.auth.keys.site_keys import check_site_key
from analytics.auth.sessions import accounts, sessions
from analytics.auth.sessions.accounts import ADMIN, MAX_NAME_CHARS, MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, account_id
from analytics.cli import ACTOR, print_table
from analytics.extensions import buffer_redis, db, settings


def _check_name(context: click.Context, parameter: click.Parameter, name: str) -> str:
    if not accounts.is_name(name) or name != name.strip():
        raise click.BadParameter(f"accepted: 1 to {MAX_NAME_CHARS} characters without spaces around them")
    return name


name_argument = click.argument("name", callback=_check_name)


@click.command("set-password")
@name_argument
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for if absent.")
@click.option("--scope", "scopes", type=ScopeList(), default="read", show_default=True, help="What the person may do.")
@click.option("--site", "keys", multiple=True, metavar="KEY", help="Only this site (repeatable). Default: all sites.")
@with_appcontext
def set_password(name: str, password: str, scopes: tuple[str, ...], keys: tuple[str, ...]) -> None:
    """Make an account of the dashboard, or replace its password, scopes and sites. Its sessions end."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        accepted = f"accepted: {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters"
        raise click.BadParameter(accepted, param_hint="--password")
    if not {"read", "admin"} & set(scopes):
        raise click.BadParameter("the dashboard needs read; for example 'read export'", param_hint="--scope")
    if name == ADMIN and settings().admin_password:
        raise click.ClickException("the account admin has the password of ADMIN_PASSWORD; unset it first")
    for key in keys:
        check_site_key(key)
    with db.engine.begin() as connection:
        accounts.set_password(connection, name, password, scopes, keys or None, ACTOR)
    ended = sessions.end_sessions_of(db.engine, buffer_redis(), account_id(name), ACTOR)
    where = "all sites" if not keys else ", ".join(keys)
    click.echo(f"{name} may sign in at /login: {' '.join(scopes)}, {where}; sessions ended: {ended}")


@click.command("delete")
@name_argument
@with_appcontext
def delete_account(name: str) -> None:
    """Delete an account. Its sessions end."""
    with db.engine.begin() as connection:
        if not accounts.delete_account(connection, name, ACTOR):
            raise click.ClickException(f"there is no account {name!r}; flask user list shows them")
    ended = sessions.end_sessions_of(db.engine, buffer_redis(), account_id(name), ACTOR)
    click.echo(f"{name} is deleted; sessions ended: {ended}")


@click.command("list")
@with_appcontext
def list_accounts() -> None:
    """List the accounts of the dashboard."""
    with db.engine.connect() as connection:
        rows = [
            (one.name, " ".join(sorted(one.scopes)), "all" if one.sites is None else " ".join(sorted(one.sites)))
            for one in accounts.list_accounts(connection)
        ]
    print_table(("name", "scopes", "sites"), rows)


COMMANDS: tuple[click.Command, ...] = (set_password, delete_account, list_accounts)

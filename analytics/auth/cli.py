"""`flask token …`: create, list, show and revoke tokens. analytics/cli.py loads it when a command is called."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from flask.cli import with_appcontext

from analytics.auth.keys.site_keys import check_site_key
from analytics.auth.tokens import issued_tokens, tokens
from analytics.auth.tokens.issued_tokens import IssuedToken
from analytics.cli import ACTOR, print_table
from analytics.errors import Unauthorised
from analytics.extensions import buffer_redis, db, settings
from config_values import SCOPES

MAX_LISTED = 100_000


class ScopeList(click.ParamType[tuple[str, ...]]):
    """Scopes, separated by spaces or commas."""

    name = "words"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        words = tuple(str(value).replace(",", " ").split())
        if not words or set(words) - set(SCOPES):
            self.fail(f"{value!r} is not one or more of: {' '.join(SCOPES)}", param, ctx)
        return words


@click.command("create")
@click.option("--scope", "scopes", type=ScopeList(), default="ingest", show_default=True, help="Scopes of the token.")
@click.option("--site", "keys", multiple=True, metavar="KEY", help="Only this site (repeatable). Default: all sites.")
@click.option("--sub", "subject", default="cli", show_default=True, help="Subject of the token.")
@click.option("--days", type=click.IntRange(1, 36500), help="Days until it expires. Default: 90.")
@click.option("--never-expires", is_flag=True, help="Valid until it is revoked.")
@with_appcontext
def create_token(
    scopes: tuple[str, ...], keys: tuple[str, ...], subject: str, days: int | None, never_expires: bool
) -> None:
    """Print a new token."""
    if days and never_expires:
        raise click.UsageError("--days and --never-expires exclude each other")
    if settings().has_external_issuer:
        variable = "JWT_JWKS_URL" if settings().jwt_jwks_url else "JWT_PUBLIC_KEY"
        raise click.ClickException(f"{variable} only verifies tokens; request them from their issuer")
    if problem := issued_tokens.find_subject_problem(subject):
        raise click.BadParameter(problem, param_hint="--sub")
    for key in keys:
        check_site_key(key)
    lifetime = None if never_expires else timedelta(days=days or 90)
    token = tokens.issue(subject, scopes, keys, lifetime)
    tokens.verify(token)
    # Recorded first: a token that is not in the list is never shown.
    with db.engine.begin() as connection:
        issued_tokens.record_issued(connection, tokens.decode_unverified(token), ACTOR)
    click.echo(token)
    until = "never expires" if lifetime is None else f"expires in {lifetime.days} days"
    click.echo(f"scope: {' '.join(scopes)}; site: {' '.join(keys) or 'all'}; {until}", err=True)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@with_appcontext
def list_tokens(as_json: bool) -> None:
    """List the tokens that were created here and have not expired, the newest first."""
    with db.engine.connect() as connection:
        found = issued_tokens.list_issued(connection, limit=MAX_LISTED)
    if as_json:
        click.echo(json.dumps([token._asdict() for token in found], indent=2, default=str))
    elif found:
        header = ("JTI", "SUBJECT", "SCOPES", "SITES", "ISSUED", "EXPIRES", "REVOKED")
        print_table(header, [_row(token) for token in found])
    else:
        click.echo("no tokens; create one: flask token create", err=True)


@click.command("revoke")
@click.argument("token_or_jti")
@click.option("--reason", default="", help="Stored with the revocation.")
@with_appcontext
def revoke_token(token_or_jti: str, reason: str) -> None:
    """Revoke a token, named by its text or its jti."""
    jti, expires_at = token_or_jti, None
    if claims := tokens.decode_unverified(token_or_jti):
        jti, expires_at = tokens.token_id(token_or_jti, claims), _expiry(claims)
    elif not tokens.JTI_PATTERN.fullmatch(jti):
        raise click.ClickException("not a token or a jti; accepted: a JWT, or 1 to 200 printable ASCII characters")
    is_published = tokens.revoke(db.engine, buffer_redis(), jti, expires_at, reason, ACTOR)
    click.echo(f"revoked {jti}")
    if not is_published:
        click.echo("Redis is unavailable: the revocation takes effect within a minute", err=True)


@click.command("show")
@click.argument("token")
@with_appcontext
def show_token(token: str) -> None:
    """Print the claims of a token; exit code 1 when it is not valid."""
    claims = tokens.decode_unverified(token)
    if not claims:
        raise click.ClickException("not a JWT; accepted: three parts joined by dots")
    click.echo(json.dumps(claims, indent=2, default=str))
    try:
        principal = tokens.TokenVerifier(lambda: db.engine, buffer_redis).principal(token)
    except Unauthorised as error:
        raise click.ClickException(error.detail) from error
    where = "all" if principal.sites is None else " ".join(sorted(principal.sites))
    click.echo(f"valid; scope: {' '.join(sorted(principal.scopes)) or 'none'}; site: {where}", err=True)


def _row(token: IssuedToken) -> tuple[str, ...]:
    sites = "all" if token.sites is None else " ".join(token.sites) or "none"
    times = _minute(token.issued_at), _minute(token.expires_at) or "never", _minute(token.revoked_at) or "no"
    return token.jti, token.subject, " ".join(token.scopes), sites, *times


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def _expiry(claims: dict[str, Any]) -> datetime | None:
    exp = claims.get("exp")
    is_usable = isinstance(exp, (int, float)) and math.isfinite(exp) and 0 < exp < 2**37
    return datetime.fromtimestamp(exp, UTC) if is_usable and exp is not None else None


COMMANDS: tuple[click.Command, ...] = (create_token, list_tokens, revoke_token, show_token)

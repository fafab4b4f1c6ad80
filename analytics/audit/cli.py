"""`flask audit` and `flask trace`: options, and the result as text or JSON. analytics/cli.py loads it on demand.

Exit codes: 0 balanced (or event found), 1 a gap (or an event that was never received), 2 the command could not run.
"""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click
import psycopg2
from flask.cli import with_appcontext
from redis.exceptions import RedisError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from analytics.audit.balance_sheet import BalanceSheet
from analytics.audit.run import MAX_SITES, run_audit
from analytics.audit.trace import lookup
from analytics.cli import DAY, print_table
from analytics.errors import AnalyticsError
from analytics.extensions import buffer_redis, db
from analytics.sites.sites import find_any_site, find_site, list_sites

# A table shows the newest rows only.
MAX_TABLE_ROWS = 48


class OneLineErrorCommand(click.Command):
    """Errors are one line and exit code 2, which differs from the 1 of a gap."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AnalyticsError as error:
            raise _CommandFailed(error.detail) from error
        except (SQLAlchemyError, psycopg2.Error) as error:
            raise _CommandFailed(f"the database (DATABASE_URL): {getattr(error, 'orig', None) or error}") from error
        except RedisError as error:
            raise _CommandFailed(f"Redis is away (CELERY_BROKER_URL): {error}") from error


class _CommandFailed(click.ClickException):
    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


@click.command("audit", cls=OneLineErrorCommand)
@click.option("--site", "site_key", metavar="KEY", help="Audit only this site. Default: all sites.")
@click.option("--from", "first", type=DAY, metavar="DATE", help="First day. Default: the oldest.")
@click.option("--to", "last", type=DAY, metavar="DATE", help="Last day, included. Default: today.")
@click.option("--full", is_flag=True, help="Compare every row, bitmap and visit with a recount; reads all raw events.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
@with_appcontext
def audit_command(
    site_key: str | None, first: datetime | None, last: datetime | None, full: bool, as_json: bool
) -> None:
    """Prove that no event was lost or counted twice. Exit code 1: there are gaps, which are listed.

    By UTC hour of receipt, of events and samples: accepted = stored + duplicate + dead-lettered + refused + in flight.
    By day of the site's calendar, of events: stored = rolled up. It can run at any time, and changes nothing.
    """
    first_day, after_day = _day(first), _day(last and last + timedelta(days=1))
    if first_day and after_day and first_day >= after_day:
        raise click.UsageError("--to is before --from; accepted: the same day or a later one")
    site = find_any_site(db.engine, site_key) if site_key else None
    with Console(stderr=True).status("") as status:
        sheet = run_audit(db.engine, buffer_redis(), site, first_day, after_day, full, status.update)
    if as_json:
        click.echo(json.dumps(sheet.as_json(), indent=2))
    else:
        _print(sheet)
    if not sheet.is_balanced:
        raise click.exceptions.Exit(1)


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def _print(sheet: BalanceSheet) -> None:
    hours = [
        (hour.site, f"{hour.hour.astimezone(UTC):%Y-%m-%d %H}:00", *map(_number, hour[2:])) for hour in sheet.hours
    ]
    _print_newest(
        "events and samples, by hour of receipt:",
        ("site", "received (UTC)", "accepted", "stored", "duplicate", "dead", "refused", "in flight"),
        hours,
    )
    days = [
        (day.site, str(day.day), "frozen" if day.raw is None else _number(day.raw), *map(_number, day[3:]))
        for day in sheet.days
    ]
    _print_newest("events, by day of the site:", ("site", "day", "raw events", "rolled up", "of these waiting"), days)
    for note in sheet.notes:
        click.echo(f"note: {note}")
    if sheet.recounted:
        click.echo(f"compared row by row with a recount: {len(sheet.recounted):,} days of a dimension")
    for gap in sheet.gaps:
        click.echo(f"gap: {gap}")
    click.echo("balanced" if sheet.is_balanced else "GAP")


def _print_newest(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if rows:
        click.echo(title)
    if len(rows) > MAX_TABLE_ROWS:
        click.echo(f"the newest {MAX_TABLE_ROWS} of {len(rows):,} rows (--json has all):")
    if rows:
        print_table(header, sorted(rows, key=lambda row: row[1])[-MAX_TABLE_ROWS:], range(2, len(header)))


def _number(value: Any) -> str:
    return "not counted" if value is None else f"{value:,}"


@click.command("trace", cls=OneLineErrorCommand)
@click.argument("event_id")
@click.option("--site", "site_key", metavar="KEY", help="Search only this site. Default: all sites.")
@with_appcontext
def trace_command(event_id: str, site_key: str | None) -> None:
    """Show what became of an event: its batch, its row, the rollups that count it. Exit code 1: never received.

    EVENT_ID is the UUID of its row, or the id that its sender chose.
    """
    if site_key:
        sites = [find_site(db.engine, site_key)]
    else:
        with db.engine.connect() as connection:
            sites = list_sites(connection, limit=MAX_SITES)
    trace = lookup.build_trace(db.engine, buffer_redis(), event_id, sites)
    click.echo(json.dumps(trace, indent=2, ensure_ascii=False))
    if trace["state"] == lookup.UNKNOWN:
        raise click.exceptions.Exit(1)


COMMANDS: tuple[click.Command, ...] = (audit_command, trace_command)

"""`flask audit` and `flask trace`: options and the account as text. The cli loads this module when one is asked for.

Exit codes: 0 all is well, 1 a gap (or an event that was never seen), 2 a question that could not be answered.
"""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click
import psycopg2
from flask.cli import with_appcontext
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from analytics import trace
from analytics.audit import Sheet, audit
from analytics.day_option import DAY
from analytics.errors import AnalyticsError
from analytics.extensions import buffer_redis, db
from analytics.sites import find_site, list_sites

# Rows that balance are shown up to this many, the latest.
SHOWN = 48
PLAIN_WIDTH = 160
ALL_SITES = 100_000


class PlainCommand(click.Command):
    """Whatever keeps it from answering is one line and exit code 2, apart from the 1 of a gap."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AnalyticsError as error:
            raise _unanswered(error.detail) from error
        except (SQLAlchemyError, psycopg2.Error) as error:
            raise _unanswered(f"the database (DATABASE_URL): {getattr(error, 'orig', None) or error}") from error
        except RedisError as error:
            raise _unanswered(f"Redis is away (CELERY_BROKER_URL): {error}") from error


class _Unanswered(click.ClickException):
    exit_code = 2


def _unanswered(message: str) -> click.ClickException:
    return _Unanswered(" ".join(message.split()))


@click.command("audit", cls=PlainCommand)
@click.option("--site", "site_key", metavar="KEY", help="Only this site. Default: all.")
@click.option("--from", "first", type=DAY, metavar="DATE", help="The first day; default: all that is there.")
@click.option("--to", "last", type=DAY, metavar="DATE", help="The last day, included.")
@click.option("--full", is_flag=True, help="Every row, bitmap and visit against a recount; reads all raw events.")
@click.option("--json", "as_json", is_flag=True, help="The whole account as JSON.")
@with_appcontext
def audit_books(site_key: str | None, first: datetime | None, last: datetime | None, full: bool, as_json: bool) -> None:
    """Prove that nothing was lost or counted twice; exit code 1 and the place where it was.

    By UTC hour of receipt: received = stored + duplicate + dead-lettered + in flight. By day of the site's calendar:
    stored = rolled up. It may run at any time, and changes nothing.
    """
    first_day, after_day = _day(first), _day(last and last + timedelta(days=1))
    if first_day and after_day and first_day >= after_day:
        raise click.UsageError("--to lies before --from")
    site = find_site(db.engine, site_key) if site_key else None
    with Console(stderr=True).status("") as status:
        sheet = audit(db.engine, buffer_redis(), site, first_day, after_day, full, status.update)
    if as_json:
        click.echo(json.dumps(sheet.as_json(), indent=2))
    else:
        _print(sheet)
    if not sheet.balances:
        raise click.exceptions.Exit(1)


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def _print(sheet: Sheet) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    hours = [
        (hour.site, f"{hour.hour.astimezone(UTC):%Y-%m-%d %H}:00", *map(_number, hour[2:])) for hour in sheet.hours
    ]
    _table(console, ("site", "received (UTC)", "events", "stored", "duplicate", "dead", "in flight"), hours)
    days = [
        (day.site, str(day.day), "frozen" if day.raw is None else _number(day.raw), *map(_number, day[3:]))
        for day in sheet.days
    ]
    _table(console, ("site", "day", "raw events", "rolled up", "of them waiting"), days)
    for note in sheet.notes:
        click.echo(f"note: {note}")
    if sheet.recounted:
        click.echo(f"{len(sheet.recounted):,} days of a dimension compared row by row with a recount")
    for gap in sheet.gaps:
        click.echo(f"gap: {gap}")
    click.echo("balanced" if sheet.balances else "GAP")


def _table(console: Console, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if len(rows) > SHOWN:
        click.echo(f"the latest {SHOWN} of {len(rows):,} (--json has all):")
    table = Table(box=None, pad_edge=False)
    for name in head:
        table.add_column(name, justify="left" if name in head[:2] else "right", no_wrap=True)
    for row in sorted(rows, key=lambda row: row[1])[-SHOWN:]:
        table.add_row(*row)
    if rows:
        console.print(table)


def _number(value: Any) -> str:
    return "not counted" if value is None else f"{value:,}"


@click.command("trace", cls=PlainCommand)
@click.argument("event_id")
@click.option("--site", "site_key", metavar="KEY", help="Only in this site. Default: in all.")
@with_appcontext
def trace_event(event_id: str, site_key: str | None) -> None:
    """Tell what became of an event: its batch, its row, the rollups it feeds. Exit code 1: it was never seen.

    EVENT_ID is the UUID of its row, or the id that its sender chose.
    """
    if site_key:
        sites = [find_site(db.engine, site_key)]
    else:
        with db.engine.connect() as connection:
            sites = list_sites(connection, limit=ALL_SITES)
    found = trace.trace(db.engine, buffer_redis(), event_id, sites)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    if found["state"] == trace.UNKNOWN:
        raise click.exceptions.Exit(1)


COMMANDS: tuple[click.Command, ...] = (audit_books, trace_event)

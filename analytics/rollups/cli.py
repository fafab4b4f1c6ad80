"""`flask rollups rebuild|merge|close|recount-visits`: options, progress, result. analytics/cli.py registers the group.

Progress goes to standard error, the result to standard output.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analytics import clock
from analytics.auth.guard import DEFAULT_SITE
from analytics.cli import DAY
from analytics.extensions import db
from analytics.rollups.closing.days import close_days
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.merge import merge_all
from analytics.rollups.rebuild import rebuild_days
from analytics.rollups.visit_recount import recount_unknown_visitors
from analytics.sites.sites import find_site

# Interval of progress lines without a terminal.
PRINT_INTERVAL_S = 5.0


@click.command("rebuild")
@click.option(
    "--site",
    "site_key",
    default=DEFAULT_SITE,
    show_default=True,
    metavar="KEY",
    help="Key of the site whose days are rebuilt.",
)
@click.option("--from", "first", type=DAY, required=True, metavar="DATE", help="First day, in the site's time zone.")
@click.option("--to", "last", type=DAY, required=True, metavar="DATE", help="Last day, included.")
@with_appcontext
def rebuild_rollups(site_key: str, first: datetime, last: datetime) -> None:
    """Recount days from their raw events, while the service runs.

    Days whose raw events may be past retention are refused. When the site's zone has changed, all its days are rebuilt.
    """
    check_day_order(first, last)
    first_day, end_day = first.date(), last.date() + timedelta(days=1)
    started = time.monotonic()
    with show_day_progress((end_day - first_day).days, "rebuilding") as on_day:
        result = rebuild_days(db.engine, find_site(db.engine, site_key), first_day, end_day, on_day)
    seconds = time.monotonic() - started
    click.echo(f"{site_key}: {result.days:,} days rebuilt of {result.events:,} events in {seconds:.1f} s")


@click.command("merge")
@click.option("--seconds", type=click.FloatRange(min=0), default=3600.0, show_default=True, help="Time limit.")
@with_appcontext
def merge_rollups(seconds: float) -> None:
    """Merge waiting deltas into the rollups now; the worker does it every two seconds."""
    result = merge_all(db.engine, seconds)
    click.echo(f"{result.deltas:,} deltas of {result.events:,} events merged into {result.rows:,} rows")
    if result.has_more:
        click.echo("time limit reached, deltas are left: repeat the command, or give a larger --seconds", err=True)


@click.command("close")
@with_appcontext
def close_ended_days() -> None:
    """Write the metrics of all ended days that have changed, now; the worker does it each night."""
    result = close_days(db.engine, clock.now(), IMMEDIATE)
    click.echo(f"{result.days:,} days of {result.sites:,} sites closed")
    if result.failed:
        raise click.ClickException(f"{result.failed:,} sites could not be closed; see the errors logged above")


@click.command("recount-visits")
@click.option("--site", "site_key", metavar="KEY", help="Key of a site; without it all sites.")
@with_appcontext
def recount_visits(site_key: str | None) -> None:
    """Count who visits are of on days that an earlier release counted, while the service runs.

    Once after an upgrade from a release without migration 0023. Each day is committed by itself: an interrupted command
    goes on where it ended. Days whose raw events may be past retention stay without people.
    """
    site_id = find_site(db.engine, site_key).id if site_key else None
    printed_at, started = 0.0, time.monotonic()

    def on_day(_site_id: int, day: date, left: int) -> None:
        nonlocal printed_at
        if time.monotonic() - printed_at >= PRINT_INTERVAL_S:
            printed_at = time.monotonic()
            click.echo(f"{day}: {left:,} days left", err=True)

    result = recount_unknown_visitors(db.engine, site_id, on_day)
    click.echo(f"{result.days:,} days recounted in {time.monotonic() - started:.1f} s")
    if result.left:
        click.echo(
            f"{result.left:,} days left as they are: their raw events may be past retention, or the zone of their site"
            " has changed a moment ago (then repeat the command)",
            err=True,
        )


COMMANDS: tuple[click.Command, ...] = (rebuild_rollups, merge_rollups, close_ended_days, recount_visits)


def check_day_order(first: datetime, last: datetime) -> None:
    """Raises UsageError for a `--to` before its `--from`."""
    if last < first:
        raise click.UsageError(
            f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}; accepted: the same day or a later one,"
            f" for example --to {first:%Y-%m-%d}"
        )


@contextmanager
def show_day_progress(days: int, verb: str) -> Iterator[Callable[[date, int], None]]:
    """Shows a bar on a terminal, else a line of text every few seconds; yields the function to call after each day."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _ProgressLines(days, console).advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[events]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(verb, total=days, events="")
        yield lambda day, events: progress.update(task, advance=1, description=str(day), events=f"{events:,} events")


class _ProgressLines:
    """Prints a line of progress every PRINT_INTERVAL_S."""

    def __init__(self, days: int, console: Console) -> None:
        self._days, self._console = days, console
        self._done, self._printed_at = 0, time.monotonic()

    def advance(self, day: date, events: int) -> None:
        self._done += 1
        if time.monotonic() - self._printed_at >= PRINT_INTERVAL_S:
            self._printed_at = time.monotonic()
            self._console.print(f"{day}: {self._done} of {self._days} days, {events:,} events", highlight=False)

"""`flask rollups rebuild|merge|close`: options, progress and the account. The group is registered by the cli.

Progress goes to standard error, the account to standard output.
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
from analytics.day_option import DAY
from analytics.extensions import db
from analytics.rollups.days import close_days
from analytics.rollups.merge import merge_all
from analytics.rollups.rebuild import rebuild
from analytics.rollups.schedule import AT_ONCE
from analytics.sites import find_site

# Without a terminal: a line this often.
PLAIN_EVERY_S = 5.0


@click.command("rebuild")
@click.option("--site", "site_key", default=DEFAULT_SITE, show_default=True, metavar="KEY", help="Its rollups.")
@click.option("--from", "first", type=DAY, required=True, metavar="DATE", help="The first day, of the site's calendar.")
@click.option("--to", "last", type=DAY, required=True, metavar="DATE", help="The last day, included.")
@with_appcontext
def rebuild_rollups(site_key: str, first: datetime, last: datetime) -> None:
    """Count days anew from their raw events, while the service runs.

    Days whose raw events may be past retention are refused. When the site's zone has changed, all its days are rebuilt.
    """
    first_day, after_day = first.date(), last.date() + timedelta(days=1)
    if first_day >= after_day:
        raise click.UsageError("--to lies before --from")
    began = time.monotonic()
    with _watcher((after_day - first_day).days) as told:
        done = rebuild(db.engine, find_site(db.engine, site_key), first_day, after_day, told)
    click.echo(f"{site_key}: {done.days:,} days rebuilt of {done.events:,} events in {time.monotonic() - began:.1f} s")


@click.command("merge")
@click.option("--seconds", type=click.FloatRange(min=0), default=3600.0, show_default=True, help="For this long.")
@with_appcontext
def merge_rollups(seconds: float) -> None:
    """Fold what waits into the rollups now; the worker does it every two seconds."""
    done = merge_all(db.engine, seconds)
    click.echo(f"{done.deltas:,} deltas of {done.events:,} events merged into {done.rows:,} rows")
    if done.more:
        click.echo("some are left: again, or a larger --seconds", err=True)


@click.command("close")
@with_appcontext
def close_over_days() -> None:
    """Write the daily figures of all days that are over and have changed now; the worker does it each night."""
    done = close_days(db.engine, clock.now(), AT_ONCE)
    click.echo(f"{done.days:,} days of {done.sites:,} sites closed")
    if done.failed:
        raise click.ClickException(f"{done.failed:,} sites could not be closed; the log above says why")


COMMANDS: tuple[click.Command, ...] = (rebuild_rollups, merge_rollups, close_over_days)


@contextmanager
def _watcher(days: int) -> Iterator[Callable[[date, int], None]]:
    """A bar on a terminal; else a line of text now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(days, console).advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[events]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("rebuilding", total=days, events="")
        yield lambda day, events: progress.update(task, advance=1, description=str(day), events=f"{events:,} events")


class _Lines:
    """How far it is, every few seconds."""

    def __init__(self, days: int, console: Console) -> None:
        self._days, self._console = days, console
        self._done, self._said = 0, time.monotonic()

    def advance(self, day: date, events: int) -> None:
        self._done += 1
        if time.monotonic() - self._said >= PLAIN_EVERY_S:
            self._said = time.monotonic()
            self._console.print(f"{day}: {self._done} of {self._days} days, {events:,} events", highlight=False)

"""`flask columnar status|rebuild`: options, progress, result. analytics/cli.py registers the group."""

import time
from datetime import date, datetime, timedelta

import click
from flask.cli import with_appcontext

from analytics import clock
from analytics.auth.guard import DEFAULT_SITE
from analytics.cli import DAY
from analytics.columnar.files_status import read_status
from analytics.columnar.limits import configured_limits
from analytics.columnar.local_files import configured_files
from analytics.columnar.write import write_day
from analytics.columnar.write_event_visits import VisitNamer
from analytics.columnar.write_visits import write_visits
from analytics.extensions import db, settings
from analytics.sites.sites import Site, find_site
from analytics.store.columns import event_files, event_visits, visit_files

ONE_DAY = timedelta(days=1)
MOST_DAYS = 10_000
site_option = click.option(
    "--site", "site_key", default=DEFAULT_SITE, show_default=True, metavar="KEY", help="Key of the site."
)


@click.command("status")
@with_appcontext
def show_status() -> None:
    """How many days of each site are in column files, and what they take."""
    with db.engine.connect() as connection:
        for one in read_status(connection):
            each = f", {one.bytes / one.events:.1f} bytes an event" if one.events else ""
            events = f"{one.events:,} events, {one.bytes / 1e6:,.1f} MB{each}"
            click.echo(f"{one.site}: {one.written:,} of {one.days:,} days written, {one.named:,} with visits; {events}")


@click.command("rebuild")
@site_option
@click.option("--from", "first", type=DAY, required=True, metavar="DATE", help="First UTC day.")
@click.option("--to", "last", type=DAY, required=True, metavar="DATE", help="Last UTC day, included.")
@with_appcontext
def rebuild_files(site_key: str, first: datetime, last: datetime) -> None:
    """Write the files of days anew from their rows, while the service runs. Reports stay right meanwhile."""
    if last < first:
        raise click.BadParameter("is before --from", param_hint="--to")
    site, started = find_site(db.engine, site_key), time.monotonic()
    days, events = _rebuild_events(site, first.date(), last.date()), 0
    for day in days:
        events += write_day(db.engine, site.id, day, clock.now())
        click.echo(f"{day}: {events:,} events", err=True)
    visits = _rebuild_visits(site, first.date(), last.date())
    _name_visits(site, first.date(), last.date())
    seconds = time.monotonic() - started
    click.echo(
        f"{site_key}: {len(days):,} days of {events:,} events and {visits:,} of visits written in {seconds:.1f} s"
    )


def _rebuild_events(site: Site, first: date, last: date) -> list[date]:
    """Takes the files away; the days that have events."""
    with db.engine.begin() as connection:
        event_files.invalidate(connection, site.id, first, last)
        return [day.day for day in event_files.read_coverage(connection, site.id, first, last + ONE_DAY)]


def _rebuild_visits(site: Site, first: date, last: date) -> int:
    """How many files of visits were written, of days that are over."""
    with db.engine.begin() as connection:
        visit_files.remove(connection, site.id, first, last)
        now = clock.now()
        due = visit_files.list_due(connection, now, now, MOST_DAYS, site.id)
    return sum(write_visits(db.engine, day) for day in due if first <= day.day <= last)


def _name_visits(site: Site, first: date, last: date) -> None:
    """Of days that are over."""
    now, files = clock.now(), configured_files(settings())
    files.make_folder()
    with db.engine.begin() as connection:
        due = event_visits.list_unnamed(connection, now, now, now, MOST_DAYS, site.id)
    namer = VisitNamer(db.engine, files, configured_limits(settings(), timeout_s=0))
    for day in due:
        if first <= day.day <= last:
            named = namer.name_visits(site.id, day.day, now)
            click.echo(f"{day.day}: visits of {named:,} events", err=True)


COMMANDS = (show_status, rebuild_files)

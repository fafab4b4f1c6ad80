"""`flask sources reclassify`: options, progress and result. analytics/cli.py registers the group.

Progress goes to standard error, the result to standard output.
"""

import time
from datetime import date, datetime, timedelta

import click
from flask.cli import with_appcontext

from analytics.auth.guard import DEFAULT_SITE
from analytics.cli import ACTOR, DAY
from analytics.extensions import db
from analytics.ingest.reclassification.days import reclassify_days
from analytics.rollups.cli import check_day_order, show_day_progress
from analytics.sites.sites import find_site


@click.command("reclassify")
@click.option("--site", "site_key", default=DEFAULT_SITE, show_default=True, metavar="KEY", help="Key of the site.")
@click.option("--from", "first", type=DAY, required=True, metavar="DATE", help="First day, in the site's time zone.")
@click.option("--to", "last", type=DAY, required=True, metavar="DATE", help="Last day, included.")
@click.option("--dry-run", is_flag=True, help="Only count the events that would change.")
@with_appcontext
def reclassify_sources(site_key: str, first: datetime, last: datetime, dry_run: bool) -> None:
    """Give stored events the source and channel of today's rules and of the site's domains, and rebuild their days.

    Runs while the service does; may be interrupted and repeated. Days whose raw events may be past retention are
    refused.
    """
    check_day_order(first, last)
    first_day, end_day = first.date(), last.date() + timedelta(days=1)
    site, started = find_site(db.engine, site_key), time.monotonic()
    with show_day_progress((end_day - first_day).days, "reclassifying") as on_day:

        def report(day: date, events: int, _changed: int) -> None:
            on_day(day, events)

        result = reclassify_days(db.engine, site, first_day, end_day, ACTOR, dry_run, report)
    verb = "would change" if dry_run else "changed"
    seconds = time.monotonic() - started
    click.echo(
        f"{site_key}: {result.changed:,} of {result.events:,} events {verb}, on {result.days:,} of"
        f" {(end_day - first_day).days:,} days, in {seconds:.1f} s"
    )


COMMANDS: tuple[click.Command, ...] = (reclassify_sources,)

"""The commands `flask export schedule …`. They see the schedules of all owners.

A new schedule belongs to `cli`, or to the owner that --owner names. exports/cli.py registers the group.
"""

from datetime import datetime
from typing import Any

import click
from flask.cli import with_appcontext

from analytics import clock, queue
from analytics.auth.guard import DEFAULT_SITE, Principal
from analytics.errors import Unavailable
from analytics.exports.delivery.callback_url import explain_refusal
from analytics.exports.formats.file_types import COMPRESSIONS, FORMATS
from analytics.exports.group_options import group_options, pop_group
from analytics.exports.jobs.creation import read_limits
from analytics.exports.jobs.job import Viewer
from analytics.exports.jobs.request_body import read_schedule_body
from analytics.exports.schedules import due_jobs
from analytics.exports.schedules import schedule as schedules
from analytics.exports.schedules.calendar import FREQUENCIES
from analytics.exports.schedules.schedule import Schedule
from analytics.exports.schemas import ScheduledExportBody
from analytics.exports.sources.reports import EXPORTED_DIMENSIONS, REPORT_KINDS, UNITS
from analytics.exports.sources.request import SOURCES
from analytics.extensions import buffer_redis, db, settings
from analytics.period import read_zone
from analytics.sites.sites import find_site
from analytics.web.validation import load_object

ADMIN_VIEWER = Viewer()
# Options of `add` that are fields of the filter, with the names that the API has for them.
FILTER_FIELDS = {
    "types": "type",
    "user_id": "user_id",
    "include_bots": "include_bots",
    "where": "where",
    "names": "name",
    "tags": "tags",
}


def parse_tags(_context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """The values of a repeated `--tag NAME=VALUE`."""
    for tag in values:
        if "=" not in tag:
            raise click.BadParameter(f"{tag!r} is not NAME=VALUE, for example host=web1", param=option)
    return dict(tag.split("=", 1) for tag in values)


@click.group("schedule")
def schedule_group() -> None:
    """Export each day, week or month; each file holds what was received since the previous one."""


@schedule_group.command("add")
@click.option("--every", type=click.Choice(list(FREQUENCIES)), default="day", show_default=True)
@click.option("--at", type=click.DateTime(["%H:%M"]), default="06:00", show_default=True, help="Local time.")
@click.option("--zone", metavar="ZONE", help="Zone of the time and of times in the file. Default: the site's.")
@click.option("--site", default=DEFAULT_SITE, show_default=True, metavar="KEY", help="Site to export.")
@click.option("--what", type=click.Choice(SOURCES), default="events", show_default=True)
@click.option("--format", type=click.Choice(list(FORMATS)), default="csv", show_default=True)
@click.option("--compression", type=click.Choice(COMPRESSIONS), default="none", show_default=True)
@click.option("--column", "columns", multiple=True, metavar="NAME", help="Only this column (repeatable).")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only events of this type (repeatable).")
@click.option("--user-id", metavar="ID", help="Only events of this user.")
@click.option("--where", metavar="FILTER", help="Only matching events, for example country==DE;payload.plan!=free.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="Only samples of this name (repeatable).")
@click.option(
    "--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=parse_tags, help="Only samples with this tag."
)
@click.option("--include-bots/--no-bots", default=None, help="Include bots. Default: yes for events, no for reports.")
@click.option("--report", type=click.Choice(list(REPORT_KINDS)), help="Report of what=report. Default: metrics.")
@click.option("--dimension", type=click.Choice(EXPORTED_DIMENSIONS), help="Dimension of a breakdown.")
@click.option("--unit", type=click.Choice(UNITS), help="Unit of time of a report's row, or length of a cohort.")
@group_options(without=("unit",))
@click.option("--callback-url", metavar="URL", help="Called when a file is finished.")
@click.option("--owner", default="cli", show_default=True, help="Subject that owns the schedule.")
@with_appcontext
def add_schedule(every: str, at: datetime, zone: str | None, owner: str, **options: Any) -> None:
    """Create a schedule and print its id."""
    url = options["callback_url"]
    if url and (problem := explain_refusal(url, settings().environment)):
        raise click.UsageError(f"--callback-url: the address {problem}")
    site = find_site(db.engine, options["site"])
    zone_key = read_zone({"zone": zone} if zone else {}, site.zone).key
    principal = Principal(owner, frozenset({"admin"}), None)
    new_job = read_schedule_body(db.engine, principal, _request_body(options), zone_key, clock.now())
    created = schedules.create(db.engine, new_job, every, at.time(), zone_key)
    click.echo(created.id)
    click.echo(f"the first file is made at {schedules.as_json(created)['next_run_at']}", err=True)


def _request_body(options: dict[str, Any]) -> dict[str, Any]:
    """The body that the API would get. Raises Invalid."""
    group = pop_group(options)
    if options["what"] != "users" and (unit := group.pop("unit", None)):
        options["unit"] = unit
    filter_body = {name: options.pop(option) for option, name in FILTER_FIELDS.items()}
    body = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items() if value}
    body |= {"users": group} if group else {}
    body["filter"] = {name: value for name, value in filter_body.items() if value not in (None, (), {})}
    return load_object(ScheduledExportBody(), body)


@schedule_group.command("list")
@with_appcontext
def list_schedules() -> None:
    """List schedules, the oldest first: id, time, site, what, owner, next run or what it waits for."""
    limits, now = read_limits(settings()), clock.now()
    for schedule in schedules.list_schedules(db.engine, ADMIN_VIEWER):
        when = f"{schedule.every} {schedule.at:%H:%M} {schedule.zone}"
        what = f"{schedule.request['what']} {schedule.request['format']}"
        next_run = schedules.as_json(schedule)["next_run_at"] if schedule.enabled else "paused"
        status = due_jobs.find_blocker(db.engine, schedule, limits, now) or next_run
        click.echo("\t".join((schedule.id, when, schedule.site_key, what, schedule.owner, status)))


@schedule_group.command("remove")
@click.argument("schedule_id", type=click.UUID)
@with_appcontext
def remove_schedule(schedule_id: object) -> None:
    """Delete a schedule and keep its files."""
    schedules.delete_schedule(db.engine, _find_schedule(schedule_id).id)
    click.echo(f"removed {schedule_id}")


@schedule_group.command("pause")
@click.argument("schedule_id", type=click.UUID)
@with_appcontext
def pause_schedule(schedule_id: object) -> None:
    """Create no more files until the schedule is resumed."""
    _set_enabled(schedule_id, False)
    click.echo(f"paused {schedule_id}")


@schedule_group.command("resume")
@click.argument("schedule_id", type=click.UUID)
@with_appcontext
def resume_schedule(schedule_id: object) -> None:
    """Create files again; the next one holds everything since the last one."""
    resumed = _set_enabled(schedule_id, True)
    click.echo(f"resumed {schedule_id}; next at {schedules.as_json(resumed)['next_run_at']}")


def _set_enabled(schedule_id: object, enabled: bool) -> Schedule:
    schedules.update_schedule(db.engine, _find_schedule(schedule_id).id, {"enabled": enabled})
    return _find_schedule(schedule_id)


@schedule_group.command("run-now")
@click.argument("schedule_id", type=click.UUID)
@with_appcontext
def run_schedule(schedule_id: object) -> None:
    """Export what was received from the last file until a minute ago; print the id of the export."""
    limits = read_limits(settings())
    job_id = due_jobs.run_now(db.engine, buffer_redis(), limits, _find_schedule(schedule_id).id, clock.now()).id
    click.echo(job_id)
    try:
        queue.enqueue_export(job_id)
    except Unavailable:
        click.echo("Redis is unavailable: a worker starts the export within half a minute of its return", err=True)


def _find_schedule(schedule_id: object) -> Schedule:
    schedule = schedules.read_schedule(db.engine, ADMIN_VIEWER, str(schedule_id))
    if schedule is None:
        raise click.ClickException(f"there is no schedule {schedule_id}; `flask export schedule list` shows all")
    return schedule

"""`flask export schedule …`: exports by the calendar, from the shell. It sees everybody's schedules.

What it makes belongs to `cli`, or to the caller that --owner names. export_command.py has it in its group.
"""

from datetime import datetime
from typing import Any

import click
from flask.cli import with_appcontext

from analytics import clock, queue
from analytics.auth.guard import DEFAULT_SITE, Principal
from analytics.errors import Unavailable
from analytics.exports import jobs, schedules, webhooks
from analytics.exports.formats import FORMATS, PACKINGS
from analytics.exports.jobs import Viewer
from analytics.exports.report_source import KINDS, UNITS
from analytics.exports.schedules import Schedule
from analytics.exports.schemas import read_schedule_order
from analytics.exports.sources import SOURCES
from analytics.extensions import buffer_redis, db, settings
from analytics.period import read_zone
from analytics.rollups.reading import LISTS
from analytics.sites import find_site

EVERYBODY = Viewer(None, None)


def read_tags(_context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Of `--tag NAME=VALUE`, repeated."""
    for tag in given:
        if "=" not in tag:
            raise click.BadParameter(f"{tag!r} is not NAME=VALUE", param=option)
    return dict(tag.split("=", 1) for tag in given)


@click.group("schedule")
def schedule_group() -> None:
    """Exports each day, week or month; each holds what was received since the one before."""


@schedule_group.command("add")
@click.option("--every", type=click.Choice(schedules.EVERY), default="day", show_default=True)
@click.option("--at", type=click.DateTime(["%H:%M"]), default="06:00", show_default=True, help="Local time.")
@click.option("--zone", metavar="ZONE", help="Of the time, and of times in the file. Default: the site's.")
@click.option("--site", default=DEFAULT_SITE, show_default=True, metavar="KEY", help="Of this site.")
@click.option("--what", type=click.Choice(SOURCES), default="events", show_default=True)
@click.option("--format", type=click.Choice(list(FORMATS)), default="csv", show_default=True)
@click.option("--compression", type=click.Choice(PACKINGS), default="none", show_default=True)
@click.option("--column", "columns", multiple=True, metavar="NAME", help="Only these (repeatable).")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only events of this type (repeatable).")
@click.option("--user-id", metavar="ID", help="Only this user's events.")
@click.option("--where", metavar="FILTER", help="Only events where it holds, as country==DE;payload.plan!=free.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="Only samples of this name (repeatable).")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=read_tags, help="Only samples with it.")
@click.option("--include-bots/--no-bots", default=None, help="Programs too. Default: of events, not of reports.")
@click.option("--report", type=click.Choice(list(KINDS)), help="Of what=report. Default: metrics.")
@click.option("--dimension", type=click.Choice(LISTS), help="Of a breakdown.")
@click.option("--unit", type=click.Choice(UNITS), help="What a row of a report is of.")
@click.option("--callback-url", metavar="URL", help="Told when a file is there.")
@click.option("--owner", default="cli", show_default=True, help="The subject whose schedule it is.")
@with_appcontext
def add_schedule(every: str, at: datetime, zone: str | None, owner: str, **asked: Any) -> None:
    """Make a schedule, and print its id."""
    if asked["callback_url"] and (problem := webhooks.refusal(asked["callback_url"], settings().environment)):
        raise click.UsageError(f"--callback-url: the address {problem}")
    site = find_site(db.engine, asked["site"])
    key = read_zone({"zone": zone} if zone else {}, site.zone).key
    caller = Principal(owner, frozenset({"admin"}), None, "", False)
    order = read_schedule_order(db.engine, caller, _request(asked), key, clock.now())
    made = schedules.create(db.engine, order, every, at.time(), key)
    click.echo(made.id)
    click.echo(f"its first file is made at {schedules.as_json(made)['next_run_at']}", err=True)


def _request(asked: dict[str, Any]) -> dict[str, Any]:
    """The words of the API."""
    names = {"types": "type", "user_id": "user_id", "include_bots": "include_bots"}
    names |= {"where": "where", "names": "name", "tags": "tags"}
    wanted = {name: asked.pop(option) for option, name in names.items()}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items() if value}
    wanted = {name: value for name, value in wanted.items() if value not in (None, (), {})}
    return {**given, "filter": wanted}


@schedule_group.command("list")
@with_appcontext
def list_schedules() -> None:
    """List schedules, the oldest first: id, when, site, what, owner, next run or what it waits for."""
    limits, now = jobs.limits_of(settings()), clock.now()
    for one in schedules.list_schedules(db.engine, EVERYBODY):
        when = f"{one.every} {one.at:%H:%M} {one.zone}"
        what = f"{one.request['what']} {one.request['format']}"
        following = schedules.as_json(one)["next_run_at"] if one.enabled else "paused"
        following = schedules.waits_for(db.engine, one, limits, now) or following
        click.echo("\t".join((one.id, when, one.site_key, what, one.owner, following)))


@schedule_group.command("remove")
@click.argument("schedule_id", type=click.UUID)
@with_appcontext
def remove_schedule(schedule_id: object) -> None:
    """Take a schedule away; its files stay."""
    schedules.remove(db.engine, _found(schedule_id).id)
    click.echo(f"removed {schedule_id}")


@schedule_group.command("pause")
@click.argument("schedule_id", type=click.UUID)
@with_appcontext
def pause_schedule(schedule_id: object) -> None:
    """Make no more files for now."""
    schedules.change(db.engine, _found(schedule_id).id, {"enabled": False})
    click.echo(f"paused {schedule_id}")


@schedule_group.command("resume")
@click.argument("schedule_id", type=click.UUID)
@with_appcontext
def resume_schedule(schedule_id: object) -> None:
    """Make files again; the next one holds all since the last."""
    schedules.change(db.engine, _found(schedule_id).id, {"enabled": True})
    click.echo(f"resumed {schedule_id}; next at {schedules.as_json(_found(schedule_id))['next_run_at']}")


@schedule_group.command("run-now")
@click.argument("schedule_id", type=click.UUID)
@with_appcontext
def run_schedule(schedule_id: object) -> None:
    """Have a file made now, of what was received since the last one and until a minute ago; print its export's id."""
    limits = jobs.limits_of(settings())
    job_id = schedules.run_now(db.engine, buffer_redis(), limits, _found(schedule_id).id, clock.now())
    click.echo(job_id)
    try:
        queue.run_export(job_id)
    except Unavailable:
        click.echo("Redis is away: a worker finds it within half a minute of its return", err=True)


def _found(schedule_id: object) -> Schedule:
    found = schedules.read_schedule(db.engine, EVERYBODY, str(schedule_id))
    if found is None:
        raise click.ClickException(f"there is no schedule {schedule_id}")
    return found

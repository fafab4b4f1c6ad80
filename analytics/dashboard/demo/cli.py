"""`flask demo`: makes the site, imports its story, and adds what people define."""

import json
import tempfile
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext
from rich.console import Console
from sqlalchemy import Connection

from analytics import clock
from analytics.auth.keys.site_keys import check_site_key
from analytics.auth.principal import Principal
from analytics.cli import ACTOR
from analytics.dashboard.demo import story, vitals
from analytics.errors import NotFound
from analytics.extensions import buffer_redis, db, settings
from analytics.funnels import definitions
from analytics.ingest import buffer
from analytics.ingest.decoding.events import TimeWindow, ValidationRules
from analytics.ingest.imports.formats import NDJSON
from analytics.ingest.imports.progress import open_reporter
from analytics.ingest.imports.run import (
    MAX_BATCH_EVENTS,
    MAX_FUTURE,
    MIN_TS,
    ImportRun,
    append_when_there_is_room,
    build_entry,
)
from analytics.ingest.imports.sources import open_source
from analytics.ingest.samples.samples import read_samples
from analytics.insights.goals.goals import create_goal, list_goals, make_goal
from analytics.reports.notes.notes import create_note
from analytics.reports.segments.segments import create_segment
from analytics.sites.sites import Site, create_site, find_site

KEY, NAME, ZONE, RETENTION_DAYS = "demo", "Demo", "Europe/Berlin", 400
GOALS: dict[str, dict[str, Any]] = {
    "Looked at prices": {"path": "/pricing"},
    "Signed up": {"type": "signup"},
    "Bought": {"type": "purchase", "value": {"property": "total", "currency_property": "currency"}},
}
SEGMENTS = {"Mobile": "device==mobile", "Came from search": "channel==search"}
FUNNEL = {
    "name": "From prices to purchase",
    "description": "Of the demo",
    "steps": [
        {"name": "Prices", "type": "page", "condition": {"page": "/pricing"}},
        {"name": "Sign-up", "type": "event", "condition": {"event": "signup"}},
        {"name": "Purchase", "type": "event", "condition": {"event": "purchase"}},
    ],
}


@click.command("demo")
@click.option("--site", "key", default=KEY, show_default=True, metavar="KEY", help="Key of the demo's site.")
@with_appcontext
def make_demo(key: str) -> None:
    """Fill a site with half a year of believable events, web vitals, goals, a funnel, segments and notes.

    Called again it adds what has happened since. `flask site delete` removes it. A worker must be running.
    """
    check_site_key(key)
    site = _find_or_create(key)
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        today = (site.created_at or clock.now()).date()
        events = _write_story(Path(folder) / "demo.ndjson", today)
        # First, so that the wait for the events is one for these as well.
        _send_vitals(site, events)
        is_stored = _import(site, str(events), folder)
    if not is_stored:
        raise click.ClickException("the events are in the queue, but no worker stores them; start one, and call again")
    click.echo(f"the site {site.key} has the demo: open /sites/{site.key} of the service")


def _find_or_create(key: str) -> Site:
    """The site with its definitions. Raises Conflict for one that is not the demo's."""
    try:
        site = find_site(db.engine, key)
    except NotFound:
        with db.engine.begin() as connection:
            created = create_site(
                connection, key, NAME, ZONE, actor=ACTOR, event_retention_days=RETENTION_DAYS, domains=("demo.example",)
            )
            _define(connection, created, clock.now().date())
        return find_site(db.engine, key)
    with db.engine.connect() as connection:
        if not {one.name for one in list_goals(connection, site.id)} >= set(GOALS):
            raise click.ClickException(f"the site {key} is not the demo's; --site names another")
    return site


def _define(connection: Connection, site: Site, today: date) -> None:
    for name, body in GOALS.items():
        create_goal(connection, site.id, name, make_goal(body), ACTOR)
    for name, filter_text in SEGMENTS.items():
        create_segment(connection, site.id, name, filter_text, ACTOR)
    author = Principal(ACTOR, frozenset({"admin"}), None)
    definitions.create_funnel(connection, site.id, definitions.read_definition(FUNNEL), FUNNEL, author)
    launch, test = (today - timedelta(days=days) for days in (story.LAUNCH_DAY, story.EXPERIMENT_DAYS))
    create_note(connection, site.id, launch, "On the front page of a forum", ACTOR)
    create_note(connection, site.id, test, "Experiment: a shorter page of prices", ACTOR)


def _write_story(path: Path, today: date) -> Path:
    with path.open("w") as file:
        for event in story.tell(today, clock.now()):
            file.write(json.dumps(event) + "\n")
    return path


def _send_vitals(site: Site, events: Path) -> None:
    """The samples of the page views of the file, in batches. Their ids make those of an earlier call duplicates."""
    with events.open() as file, open_reporter(0, Console(stderr=True), 0) as reporter:
        views = (event for event in map(json.loads, file) if event["type"] == "page_view")
        samples = (sample for view in views for sample in vitals.measure(view))
        while batch := list(islice(samples, MAX_BATCH_EVENTS)):
            append_when_there_is_room(buffer_redis(), partial(_build_batch, site, batch), _limits(), reporter)


def _build_batch(site: Site, samples: list[dict[str, Any]]) -> buffer.Entry:
    now = clock.now()
    rules = ValidationRules(TimeWindow(MIN_TS, now + MAX_FUTURE), MAX_BATCH_EVENTS, site.key)
    body = read_samples(json.dumps(samples).encode(), rules, now, timedelta()).body
    entry = build_entry(site, body, len(samples), ACTOR, f"demo:{samples[0]['sample_id'][:12]}", now)
    entry.holds_samples = True
    return entry


def _limits() -> buffer.BacklogLimits:
    config = settings()
    return buffer.BacklogLimits(max(1, config.max_backlog_events // 2), config.max_backlog_bytes // 2)


def _import(site: Site, file: str, folder: str) -> bool:
    """Whether all of it is stored."""
    console = Console(stderr=True)
    run = ImportRun(
        engine=db.engine, redis=buffer_redis(), site=site, source=open_source(file, folder), file_format=NDJSON,
        principal=ACTOR, retention_days=RETENTION_DAYS, limits=_limits(),
    )  # fmt: skip
    scan = run.prepare()
    with open_reporter(scan.bytes, console, run.summary.read) as reporter:
        run.send(reporter, lambda rejected: console.print(f"line {rejected.line}: {rejected.detail}"))
        return run.wait(reporter)


COMMANDS: tuple[click.Command, ...] = (make_demo,)

"""`flask site schema …`: set, show, check and remove the JSON Schemas of a site's events. sites/cli.py has the group.

Progress goes to standard error, the result to standard output.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import IO, Any

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analytics import clock
from analytics.auth.keys.site_keys import check_site_key
from analytics.cli import ACTOR, DAY, print_table
from analytics.errors import NotFound
from analytics.extensions import db
from analytics.sites import sites
from analytics.sites.event_schemas import event_schemas
from analytics.sites.event_schemas.stored_events import CheckResult, DayRange, check_stored_events
from analytics.sites.event_schemas.validators import EventValidator
from analytics.store.event_types import stored_type

DEFAULT_DAYS = 30
PRINT_INTERVAL_S = 5.0
MAX_SHOWN_REASONS, MAX_SHOWN_EXAMPLES = 20, 3


def period_options(command: Any) -> Any:
    """Adds the options that `set --dry-run` and `check` share."""
    first = click.option(
        "--from",
        "first",
        type=DAY,
        metavar="DATE",
        help=f"First day, in the site's time zone. Default: {DEFAULT_DAYS} days through --to.",
    )
    last = click.option("--to", "last", type=DAY, metavar="DATE", help="Last day, included. Default: today.")
    return first(last(command))


@click.command("set")
@click.argument("key")
@click.argument("type_name", metavar="TYPE")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Change nothing; check stored events of the type by the schema.")
@period_options
@with_appcontext
def set_schema(
    key: str, type_name: str, file: IO[bytes], dry_run: bool, first: datetime | None, last: datetime | None
) -> None:
    """Reject events of TYPE unless their payload satisfies the JSON Schema in FILE (- is standard input).

    Draft 2020-12, or draft 7 by $schema. Events that are stored stay. All processes notice within seconds.
    """
    text = file.read()
    validator = event_schemas.check_schema(type_name, text)
    if dry_run:
        _report(_check(_find_site(key), {validator.type_name: validator}, first, last), as_json=False)
        return
    if first or last:
        raise click.UsageError("--from and --to belong to --dry-run; leave them out, or add --dry-run")
    check_site_key(key)
    with db.engine.begin() as connection:
        site, found = event_schemas.set_schema(connection, key, type_name, text, actor=ACTOR)
    click.echo(
        f"{site.key}: events of the type {found.type} are checked; at most {validator.max_event_bytes:,} bytes each"
    )
    if site.types == "strict" and found.type not in site.event_types:
        click.echo(f"{site.key} is strict, and {found.type} is not one of its types: its events are rejected", err=True)


@click.command("show")
@click.argument("key")
@click.argument("type_name", metavar="[TYPE]", required=False)
@with_appcontext
def show_schemas(key: str, type_name: str | None) -> None:
    """Print the JSON Schema of TYPE as it was set, or list the types that have one."""
    site = _find_site(key)
    with db.engine.connect() as connection:
        if type_name:
            click.echo(event_schemas.read_schema(connection, site, type_name).schema)
            return
        found = event_schemas.list_schemas(connection, site.id)
    if not found:
        click.echo(f"no schemas; set one: flask site schema set {key} TYPE FILE", err=True)
        return
    rows = [
        (row.type, f"{len(row.schema.encode()):,}", clock.format_rfc3339(row.updated_at, "seconds")) for row in found
    ]
    print_table(("TYPE", "BYTES", "SET AT"), rows, (1,))


@click.command("remove")
@click.argument("key")
@click.argument("type_name", metavar="TYPE")
@with_appcontext
def remove_schema(key: str, type_name: str) -> None:
    """Check events of TYPE no more. Prints the schema, so that it can be set again."""
    check_site_key(key)
    with db.engine.begin() as connection:
        site, removed = event_schemas.remove_schema(connection, key, type_name, actor=ACTOR)
    click.echo(removed.schema)
    click.echo(f"{site.key}: events of the type {removed.type} are not checked any more", err=True)


@click.command("check")
@click.argument("key")
@click.argument("type_name", metavar="[TYPE]", required=False)
@click.option("--schema", "file", type=click.File("rb"), help="JSON Schema of TYPE, in place of the one that is set.")
@period_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def check_schemas(
    key: str,
    type_name: str | None,
    file: IO[bytes] | None,
    first: datetime | None,
    last: datetime | None,
    as_json: bool,
) -> None:
    """Check stored events by the schema of TYPE, or of every type that has one: what would be rejected today?

    Changes nothing. The exit code is 1 when there are such events.
    """
    if file and not type_name:
        raise click.UsageError("--schema is of one type; give TYPE, for example: flask site schema check shop order")
    site = _find_site(key)
    validators = _read_validators(site, type_name, file.read() if file else None)
    result = _check(site, validators, first, last)
    _report(result, as_json)
    if result.refused.total():
        raise SystemExit(1)


COMMANDS: tuple[click.Command, ...] = (set_schema, show_schemas, check_schemas, remove_schema)


def _find_site(key: str) -> sites.Site:
    check_site_key(key)
    with db.engine.connect() as connection:
        site = sites.read_site(connection, key)
    if site is None:
        raise NotFound(sites.unknown_site_detail(key))
    return site


def _read_validators(site: sites.Site, type_name: str | None, text: bytes | None) -> Mapping[str, EventValidator]:
    if type_name and text is not None:
        return {stored_type(type_name): event_schemas.check_schema(type_name, text)}
    with db.engine.connect() as connection:
        found = (
            [event_schemas.read_schema(connection, site, type_name)]
            if type_name
            else event_schemas.list_schemas(connection, site.id)
        )
    if not found:
        raise NotFound(f"{site.key} has no schemas; set one: flask site schema set {site.key} TYPE FILE")
    return {row.type: event_schemas.check_schema(row.type, row.schema.encode()) for row in found}


def _check(
    site: sites.Site, validators: Mapping[str, EventValidator], first: datetime | None, last: datetime | None
) -> CheckResult:
    last_day = last.date() if last else clock.day_of(clock.now(), clock.zone(site.zone))
    first_day = first.date() if first else last_day - timedelta(days=DEFAULT_DAYS - 1)
    if first_day > last_day:
        raise click.UsageError(
            f"--to {last_day} is before --from {first_day}; accepted: the same day or a later one, for example "
            f"--to {first_day}"
        )
    days = DayRange(first_day, last_day + timedelta(days=1))
    with _progress((days.after - days.first).days) as on_day:
        return check_stored_events(db.engine, site, validators, days, on_day=on_day)


def _report(result: CheckResult, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.as_json(), indent=2, ensure_ascii=False))
        return
    if not result.checked:
        click.echo("no stored events of these types and days", err=True)
        return
    types = [(name, f"{count:,}", f"{result.refused[name]:,}") for name, count in sorted(result.checked.items())]
    print_table(("TYPE", "CHECKED", "REFUSED"), types, (1, 2))
    reasons = result.reasons.most_common(MAX_SHOWN_REASONS)
    if not reasons:
        return
    click.echo()
    print_table(
        ("TYPE", "FIELD", "KEYWORD", "EVENTS", "EXAMPLE"),
        [
            (*reason, f"{count:,}", " ".join(one.event_id for one in result.examples[reason][:MAX_SHOWN_EXAMPLES]))
            for reason, count in reasons
        ],
        (3,),
    )
    click.echo(f"\nfor example: {result.examples[reasons[0][0]][0].detail}")
    if len(result.reasons) > len(reasons):
        click.echo(f"and {len(result.reasons) - len(reasons):,} more reasons; --json prints all", err=True)


@contextmanager
def _progress(days: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, else a line of text every few seconds."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _ProgressLines(days, console).report
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("checking", total=days)
        yield lambda events: progress.update(task, advance=1, description=f"{events:,} events")


class _ProgressLines:
    def __init__(self, days: int, console: Console) -> None:
        self._days, self._done, self._console, self._printed_at = days, 0, console, time.monotonic()

    def report(self, events: int) -> None:
        self._done += 1
        if time.monotonic() - self._printed_at >= PRINT_INTERVAL_S:
            self._printed_at = time.monotonic()
            self._console.print(f"{self._done:,} of {self._days:,} days, {events:,} events", highlight=False)

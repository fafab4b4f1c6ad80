"""`flask import access-log|csv|ndjson FILE`: options, progress and the account. The group is registered by the cli.

Progress and hints go to standard error, the account to standard output.
"""

import getpass
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click
import msgspec
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from analytics.auth.guard import DEFAULT_SITE
from analytics.errors import BadInput
from analytics.extensions import buffer_redis, db, settings
from analytics.ingest import buffer
from analytics.ingest.importers import ACCESS_LOG, CANONICAL, NDJSON, Format, csv_format, open_source
from analytics.ingest.importing import SHOWN, Import, Refused
from analytics.sites import find_site

INTERRUPTED = 130
# Without a terminal: a line this often.
PLAIN_EVERY_S = 5.0


class PlainWatcher:
    """A line of text now and then."""

    def __init__(self, total_bytes: int, console: Console, skipped: int = 0) -> None:
        self._total, self._console, self._skipped = max(1, total_bytes), console, skipped
        self._began = self._said = time.monotonic()

    def advance(self, lines: int, bytes_read: int) -> None:
        if time.monotonic() - self._said >= PLAIN_EVERY_S:
            self._said = time.monotonic()
            rate = (lines - self._skipped) / (self._said - self._began)
            self.say(f"{lines:,} lines, {100 * bytes_read / self._total:.0f} %, {rate:,.0f} lines/s")

    def say(self, message: str) -> None:
        self._console.print(message, highlight=False, markup=False)


class BarWatcher:
    """A bar on a terminal."""

    def __init__(self, total_bytes: int, progress: Progress, skipped: int = 0) -> None:
        self._progress, self._began, self._skipped = progress, time.monotonic(), skipped
        self._task = progress.add_task("importing", total=max(1, total_bytes), rate="")

    def advance(self, lines: int, bytes_read: int) -> None:
        rate = f"{(lines - self._skipped) / max(1e-3, time.monotonic() - self._began):,.0f} lines/s"
        self._progress.update(self._task, completed=bytes_read, rate=rate)

    def say(self, message: str) -> None:
        self._progress.update(self._task, description=message)


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """FILE and the options of every format."""
    for option in reversed(
        (
            click.argument("file"),
            click.option("--site", "site_key", default=DEFAULT_SITE, show_default=True, metavar="KEY", help="Into it."),
            click.option("--strict", is_flag=True, help="Exit code 1 when any line could not be imported."),
            click.option("--restart", is_flag=True, help="From the first line, also where an earlier run stopped."),
            click.option("--no-wait", is_flag=True, help="Do not wait until the worker has stored everything."),
            click.option("--report", type=click.Path(dir_okay=False), help="Every refused line, as NDJSON."),
        )
    ):
        command = option(command)
    return command


@click.command("access-log")
@shared_options
@click.option("--shift-to-now", is_flag=True, help="Move all times so that the latest is now; for demos.")
@with_appcontext
def import_access_log(file: str, shift_to_now: bool, **options: Any) -> None:
    """Import an access log, common or combined format (Apache, nginx): each line is one event.

    FILE may be plain, gzip or zstd, or - for standard input. The same file again changes nothing; a log that has grown
    adds what is new.
    """
    _run(file, ACCESS_LOG, shift_to_now=shift_to_now, **options)


@click.command("csv")
@shared_options
@click.option("--map", "mapped", multiple=True, metavar="COLUMN=FIELD", help="What a column is (repeatable).")
@with_appcontext
def import_csv(file: str, mapped: tuple[str, ...], **options: Any) -> None:
    """Import a table with a header: each row is one event.

    Columns are our field names or their aliases; other columns go into the payload. An export of this service can be
    imported as it is. The delimiter is , ; or TAB.
    """
    names = _names(mapped)
    _run(file, csv_format(names), described="\n".join(sorted(mapped)), **options)


@click.command("ndjson")
@shared_options
@with_appcontext
def import_ndjson(file: str, **options: Any) -> None:
    """Import events, one JSON object a line, in any of the names that the HTTP API takes."""
    _run(file, NDJSON, **options)


COMMANDS: tuple[click.Command, ...] = (import_access_log, import_csv, import_ndjson)


def _names(mapped: tuple[str, ...]) -> dict[str, str]:
    names = {}
    for pair in mapped:
        column, separator, name = pair.rpartition("=")
        if not separator or name not in CANONICAL:
            raise click.UsageError(
                f"--map {pair}: write COLUMN=FIELD, a field being one of {', '.join(sorted(CANONICAL))}"
            )
        names[column] = name
    return names


def _run(
    file: str, form: Format, *, site_key: str, strict: bool, restart: bool, no_wait: bool, report: str | None,
    shift_to_now: bool = False, described: str = "",
) -> None:  # fmt: skip
    chosen, console = settings(), Console(stderr=True)
    site = find_site(db.engine, site_key, auto_create=chosen.auto_create_sites)
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        run = Import(
            engine=db.engine, redis=buffer_redis(), site=site, source=open_source(file, folder), form=form,
            principal=f"import:{_user()}", options=described,
            retention_days=site.event_retention_days or chosen.event_retention_days,
            # Half the queue at most: an import must not make the service refuse its visitors.
            limits=buffer.Limits(max(1, chosen.max_backlog_events // 2), chosen.max_backlog_bytes // 2),
        )  # fmt: skip
        found = run.prepare(shift_to_now, restart)
        if run.lines_done:
            console.print(f"going on after line {run.lines_done:,} (from the start: --restart)", highlight=False)
        if run.was_finished:
            console.print("imported before; again from the start: what is stored stays as it is", highlight=False)
        if run.shift_s:
            console.print(f"all times are moved by {run.shift_s:,} s", highlight=False)
        finished = _send(run, found.bytes, console, report, no_wait)
    _print_account(run, waited=not no_wait and finished, no_wait=no_wait)
    failed = run.account.unparsable
    if failed and (strict or not run.account.imported):
        raise SystemExit(1)


def _send(run: Import, total_bytes: int, console: Console, report: str | None, no_wait: bool) -> bool:
    """Sends, then waits; whether everything is known to be stored."""
    began = time.monotonic()
    before = run.account.read
    with _report(report, resumed=run.lines_done > 0) as refuse, _watcher(total_bytes, console, before) as watcher:
        try:
            run.send(watcher, refuse)
        except KeyboardInterrupt:
            console.print("\nstopped; the same command again goes on after the last full batch")
            raise SystemExit(INTERRUPTED) from None
        seconds = max(1e-3, time.monotonic() - began)
        sent = run.account.read - before
        watcher.say(f"{sent:,} lines queued in {seconds:.1f} s ({sent / seconds:,.0f} lines/s)")
        try:
            return no_wait or run.wait(watcher)
        except KeyboardInterrupt:
            return False


@contextmanager
def _watcher(total_bytes: int, console: Console, skipped: int) -> Iterator[PlainWatcher | BarWatcher]:
    if not console.is_terminal:
        yield PlainWatcher(total_bytes, console, skipped)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        yield BarWatcher(total_bytes, progress, skipped)


@contextmanager
def _report(path: str | None, resumed: bool) -> Iterator[Callable[[Refused], None]]:
    if path is None:
        yield lambda _: None
        return
    try:
        file: TextIO = open(path, "a" if resumed else "w", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error
    with file:
        yield lambda refused: click.echo(msgspec.json.encode(refused).decode(), file=file)


def _print_account(run: Import, waited: bool, no_wait: bool) -> None:
    account = run.account
    click.echo(f"{run.source.name}: {account.read:,} lines read")
    done = run.stored()
    extra = [f"bots {account.bots:,}"]
    if waited:
        extra.append(f"duplicates {done.duplicate:,}")
    if done.dead:
        extra.append(f"dead-lettered {done.dead:,}")
    click.echo(f"= imported {account.imported:,} (of which {', '.join(extra)})")
    click.echo(f"+ unparsable {account.unparsable:,}")
    click.echo(f"+ blank {account.blank:,}")
    for name, count in sorted(account.types.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"  {name:<16} {count:>12,}")
    for problem in account.problems:
        where = f"{problem.field}: " if problem.field else ""
        click.echo(f"line {problem.line}: {where}{problem.detail}")
    if account.unparsable > SHOWN:
        click.echo(f"… and {account.unparsable - SHOWN:,} more; --report FILE lists all of them")
    if account.past_retention:
        click.echo(
            f"{account.past_retention:,} are older than the {run.retention_days} days that the site's events are kept;"
            " their raw rows stay only until the next retention run",
            err=True,
        )
    if waited:
        click.echo(f"stored {done.stored:,} new, {done.duplicate:,} were there before")
    elif no_wait:
        click.echo("everything is in the queue; a worker stores it", err=True)
    else:
        click.echo(
            f"{done.received:,} of {account.imported:,} are stored so far, and nothing moves: no worker seems to run."
            " The others are safe in the queue until one does",
            err=True,
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"

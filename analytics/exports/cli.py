"""`flask export events|samples|report`: an export made here and now; `list`, `cancel`, `download` of anybody's exports.

An export from here is a job like any other, so the same command goes on where a killed one stopped. The file, or the
account of it, goes to standard output, progress and hints to standard error. The cli registers the group.
"""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine, select

from analytics import clock
from analytics.auth.guard import DEFAULT_SITE, Principal
from analytics.errors import Unavailable
from analytics.exports import jobs, webhooks
from analytics.exports.formats import FORMATS, PACKINGS
from analytics.exports.jobs import UNFINISHED, Job, Order, Viewer
from analytics.exports.report_source import KINDS, UNITS
from analytics.exports.run import Runner, run_job, runner_of
from analytics.exports.schedule_command import read_tags, schedule_group
from analytics.exports.schemas import read_order
from analytics.exports.storage import sync
from analytics.extensions import buffer_redis, db, settings
from analytics.rollups.reading import LISTS
from analytics.store.models import export_jobs

OWNER = "cli"
INTERRUPTED = 130
STANDARD_OUTPUT = "-"
# A job that is tried again, or that somebody else is at, is looked at this often.
LOOK_EVERY_S = 1.0
# Without a terminal: a line this often.
PLAIN_EVERY_S = 5.0
READ_BYTES = 1 << 20


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every export is asked for with."""
    for option in reversed(
        (
            click.option("--site", default=DEFAULT_SITE, show_default=True, metavar="KEY", help="Of this site."),
            click.option("--from", "from_", metavar="DATE", help="First day, or an instant. Default: everything."),
            click.option("--to", metavar="DATE", help="Last day, included, or the instant before which it ends."),
            click.option("--zone", metavar="ZONE", help="Of days and of times in the file. Default: the site's."),
            click.option("--format", type=click.Choice(list(FORMATS)), default="csv", show_default=True),
            click.option("--compression", type=click.Choice(PACKINGS), default="none", show_default=True),
            click.option("--column", "columns", multiple=True, metavar="NAME", help="Only these (repeatable)."),
            click.option("--out", required=True, metavar="FILE", help="Where it goes; - for standard output."),
        )
    ):
        command = option(command)
    return command


@click.command("events")
@shared_options
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only events of this type (repeatable).")
@click.option("--user-id", metavar="ID", help="Only this user's events.")
@click.option("--where", metavar="FILTER", help="Only where it holds, as country==DE;payload.plan!=free.")
@click.option("--include-bots/--no-bots", default=True, show_default=True)
@with_appcontext
def export_events(
    types: tuple[str, ...], user_id: str | None, where: str | None, include_bots: bool, **options: Any
) -> None:
    """Export events, in the order of their times."""
    wanted: dict[str, Any] = {"include_bots": include_bots}
    wanted |= {"type": list(types)} if types else {}
    wanted |= {"user_id": user_id} if user_id else {}
    wanted |= {"where": where} if where else {}
    _run("events", filter=wanted, **options)


@click.command("samples")
@shared_options
@click.option("--name", "names", multiple=True, metavar="NAME", help="Only samples of this name (repeatable).")
@click.option(
    "--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=read_tags, help="Only with it (repeatable)."
)
@with_appcontext
def export_samples(names: tuple[str, ...], tags: dict[str, str], **options: Any) -> None:
    """Export samples, in the order of their times."""
    wanted: dict[str, Any] = {"name": list(names)} if names else {}
    _run("samples", filter=wanted | ({"tags": tags} if tags else {}), **options)


@click.command("report")
@shared_options
@click.option("--report", type=click.Choice(list(KINDS)), default="metrics", show_default=True)
@click.option("--dimension", type=click.Choice(LISTS), help="Of a breakdown.")
@click.option("--unit", type=click.Choice(UNITS), help="What a row of a summary, a breakdown or a grid is of.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only events of this type (repeatable).")
@click.option("--include-bots", is_flag=True, help="Count programs too.")
@with_appcontext
def export_report(types: tuple[str, ...], include_bots: bool, **options: Any) -> None:
    """Export figures: those of closed days, or of people, pages and cohorts."""
    wanted: dict[str, Any] = {"include_bots": True} if include_bots else {}
    wanted |= {"type": list(types)} if types else {}
    _run("report", filter=wanted, **options)


@click.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@with_appcontext
def list_exports(limit: int) -> None:
    """List exports, the latest first: id, state, owner, file, rows, what is wrong."""
    for job in jobs.list_jobs(db.engine, Viewer(None, None), None, limit).jobs:
        shown = (
            job.id,
            job.state_at(clock.now()),
            job.owner,
            jobs.file_name(job),
            f"{job.rows_done:,}",
            job.error or "",
        )
        click.echo("\t".join(shown).rstrip())


@click.command("cancel")
@click.argument("job_id", type=click.UUID)
@with_appcontext
def cancel_export(job_id: object) -> None:
    """Cancel an export that waits or runs; take one that has ended away, with its file."""
    job = _job(str(job_id))
    if jobs.cancel(db.engine, job.id):
        click.echo(f"cancelled {job.id}")
        return
    _forget(runner_of(settings(), db.engine, buffer_redis()), job)
    click.echo(f"removed {job.id}")


@click.command("download")
@click.argument("job_id", type=click.UUID)
@click.option("--out", required=True, metavar="FILE", help="Where it goes; - for standard output.")
@with_appcontext
def download_export(job_id: object, out: str) -> None:
    """Copy the file of a finished export."""
    job = _job(str(job_id))
    if (state := job.state_at(clock.now())) != "done":
        raise click.ClickException(f"the export is {state}; only a finished one has a file")
    _check_folder(out)
    with _telling_of(out):
        _hand_over(runner_of(settings(), db.engine, buffer_redis()), job, out)
    _account(job, out)


@click.command("webhook-key")
@with_appcontext
def print_webhook_key() -> None:
    """Print the key that receivers of callback_url check signatures with."""
    click.echo(webhooks.key_of(settings()))


COMMANDS: tuple[click.Command, ...] = (
    export_events,
    export_samples,
    export_report,
    list_exports,
    cancel_export,
    download_export,
    schedule_group,
    print_webhook_key,
)


def _job(job_id: str) -> Job:
    found = jobs.read_job(db.engine, job_id)
    if found is None:
        raise click.ClickException(f"there is no export {job_id}; it may have been removed")
    return found


def _check_folder(out: str) -> None:
    if out != STANDARD_OUTPUT and not Path(out).absolute().parent.is_dir():
        raise click.UsageError(f"--out: there is no folder {Path(out).absolute().parent}")


def _account(job: Job, out: str) -> None:
    account = f"{out}: {job.rows_done:,} rows, {job.bytes:,} bytes, sha256 {job.sha256}"
    click.echo(account, err=out == STANDARD_OUTPUT)


def _run(what: str, out: str, columns: tuple[str, ...], **options: Any) -> None:
    _check_folder(out)
    given = {"what": what} | {name.rstrip("_"): value for name, value in options.items() if value is not None}
    given |= {"columns": list(columns)} if columns else {}
    runner = runner_of(settings(), db.engine, buffer_redis())
    try:
        job = _made(runner, _job_for(db.engine, given))
        with _telling_of(out):
            _hand_over(runner, job, out)
    except KeyboardInterrupt as error:
        click.echo("interrupted; the same command goes on from here in a minute", err=True)
        raise SystemExit(INTERRUPTED) from error
    _forget(runner, job)
    _account(job, out)


def _job_for(engine: Engine, given: dict[str, Any]) -> Job:
    """The job that the same command left unfinished, else a new one."""
    anybody = Principal(OWNER, frozenset({"admin"}), None, "", False)
    order = read_order(engine, anybody, given, None, clock.now())
    job = _left_behind(engine, order)
    if job is not None:
        click.echo(f"going on with {job.id}, {job.rows_done:,} rows of which are there", err=True)
        return job
    return jobs.create(engine, order, jobs.limits_of(settings())._replace(jobs=None)).job


def _left_behind(engine: Engine, order: Order) -> Job | None:
    same = select(export_jobs.c.id).where(
        export_jobs.c.owner == OWNER,
        export_jobs.c.state.in_(UNFINISHED),
        export_jobs.c.request["asked"].astext == order.asked,
    )
    with engine.connect() as connection:
        found = connection.execute(same.order_by(export_jobs.c.created_at.desc()).limit(1)).scalar()
    return None if found is None else jobs.read_job(engine, str(found))


def _made(runner: Runner, job: Job) -> Job:
    """The finished job. A worker may have it, or get it; then its progress is shown."""
    with _watcher(job.rows_estimate) as told:
        while job.state in UNFINISHED:
            run_job(runner, job.id, told)
            found = jobs.read_job(runner.engine, job.id)
            if found is None:
                raise click.ClickException("the export was removed")
            job = found
            if job.state in UNFINISHED:
                told(job.rows_done)
                time.sleep(LOOK_EVERY_S)
    if job.state != "done":
        raise click.ClickException(
            f"the export is {job.state}: {job.error}" if job.error else f"the export is {job.state}"
        )
    return job


def _hand_over(runner: Runner, job: Job, out: str) -> None:
    """The file to where it was asked for: whole, or not at all."""
    if out == STANDARD_OUTPUT:
        _copy(runner, job, sys.stdout.buffer)
        return
    passing = Path(f"{out}.{os.getpid()}.part")
    try:
        with passing.open("wb") as file:
            _copy(runner, job, file)
            sync(file)
        passing.replace(out)
    finally:
        passing.unlink(missing_ok=True)


def _copy(runner: Runner, job: Job, sink: BinaryIO) -> None:
    digest = hashlib.sha256()
    with runner.storage.open_file(str(job.file)) as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
            sink.write(piece)
    sink.flush()
    if digest.hexdigest() != job.sha256:
        raise click.ClickException("the storage does not hold the bytes that were written to it; export it again")


@contextmanager
def _telling_of(out: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror or type(error).__name__}") from error


def _forget(runner: Runner, job: Job) -> None:
    """Nobody wants it any more: it would only take up the space for exports."""
    if file := jobs.remove(runner.engine, job.id):
        with suppress(Unavailable):
            runner.storage.delete(file)
    shutil.rmtree(runner.work_dir / job.id, ignore_errors=True)


@contextmanager
def _watcher(rows: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; else a line of text now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(rows, console).advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("exporting", total=rows)
        # The number of rows is an estimate.
        yield lambda done: progress.update(task, completed=done, total=max(done, rows or 0))


class _Lines:
    """How far it is, every few seconds."""

    def __init__(self, rows: int | None, console: Console) -> None:
        self._rows, self._console, self._said = rows or 0, console, time.monotonic()

    def advance(self, done: int) -> None:
        if time.monotonic() - self._said >= PLAIN_EVERY_S:
            self._said = time.monotonic()
            self._console.print(f"{done:,} of about {max(done, self._rows):,} rows", highlight=False)

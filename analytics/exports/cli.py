"""The commands `flask export …`: four that export here and now, and some that see the exports of all owners.

An export of the CLI is a job like any other, so a repeated command continues where a killed one stopped. Standard
output gets the file or its summary, standard error gets progress and hints. analytics/cli.py registers the group.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click
from flask.cli import with_appcontext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine, select

from analytics import clock
from analytics.auth.guard import DEFAULT_SITE, Principal
from analytics.errors import Unavailable
from analytics.exports.delivery import webhooks
from analytics.exports.formats.file_types import COMPRESSIONS, FORMATS
from analytics.exports.group_options import group_options, pop_group
from analytics.exports.jobs import creation
from analytics.exports.jobs.job import (
    JOB_STATES,
    UNFINISHED_STATES,
    Job,
    JobFilter,
    Viewer,
    cancel,
    delete_job,
    read_job,
    read_job_page,
)
from analytics.exports.jobs.request_body import read_export_body
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import Runner, create_runner
from analytics.exports.jobs.serialization import file_name
from analytics.exports.schedules.cli import parse_tags, schedule_group
from analytics.exports.schemas import ExportBody
from analytics.exports.sources.reports import EXPORTED_DIMENSIONS, REPORT_KINDS, UNITS
from analytics.extensions import buffer_redis, db, settings
from analytics.files.checksums import ChecksumWriter, read_chunks
from analytics.files.disk import fsync_file
from analytics.files.folders import describe_error
from analytics.sites.sites import find_site
from analytics.store.models import export_jobs
from analytics.web.validation import load_object

CLI_OWNER = "cli"
EXIT_INTERRUPTED = 130
STDOUT = "-"
# How often a job that waits for a retry, or that a worker has, is read again.
POLL_INTERVAL_S = 1.0
# Without a terminal, progress is a line of text this often.
PROGRESS_LINE_INTERVAL_S = 5.0


def export_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every export."""
    for option in reversed(
        (
            click.option("--site", default=DEFAULT_SITE, show_default=True, metavar="KEY", help="Site to export."),
            click.option("--from", "from_", metavar="DATE", help="First day or instant. Default: everything."),
            click.option("--to", metavar="DATE", help="Last day (inclusive) or instant (exclusive)."),
            click.option("--zone", metavar="ZONE", help="Zone of days and of times in the file. Default: the site's."),
            click.option("--format", type=click.Choice(list(FORMATS)), default="csv", show_default=True),
            click.option("--compression", type=click.Choice(COMPRESSIONS), default="none", show_default=True),
            click.option("--column", "columns", multiple=True, metavar="NAME", help="Only this column (repeatable)."),
            click.option("--out", required=True, metavar="FILE", help="File to write; - for standard output."),
        )
    ):
        command = option(command)
    return command


@click.command("events")
@export_options
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only events of this type (repeatable).")
@click.option("--user-id", metavar="ID", help="Only events of this user.")
@click.option("--where", metavar="FILTER", help="Only matching events, for example country==DE;payload.plan!=free.")
@click.option("--include-bots/--no-bots", default=True, show_default=True)
@with_appcontext
def export_events(
    types: tuple[str, ...], user_id: str | None, where: str | None, include_bots: bool, **options: Any
) -> None:
    """Export events, in the order of their times."""
    filter_body: dict[str, Any] = {"include_bots": include_bots}
    filter_body |= {"type": list(types)} if types else {}
    filter_body |= {"user_id": user_id} if user_id else {}
    filter_body |= {"where": where} if where else {}
    _run("events", filter=filter_body, **options)


@click.command("samples")
@export_options
@click.option("--name", "names", multiple=True, metavar="NAME", help="Only samples of this name (repeatable).")
@click.option(
    "--tag", "tags", multiple=True, metavar="NAME=VALUE", callback=parse_tags, help="Only with this tag (repeatable)."
)
@with_appcontext
def export_samples(names: tuple[str, ...], tags: dict[str, str], **options: Any) -> None:
    """Export samples, in the order of their times."""
    filter_body: dict[str, Any] = {"name": list(names)} if names else {}
    _run("samples", filter=filter_body | ({"tags": tags} if tags else {}), **options)


@click.command("report")
@export_options
@click.option("--report", type=click.Choice(list(REPORT_KINDS)), default="metrics", show_default=True)
@click.option("--dimension", type=click.Choice(EXPORTED_DIMENSIONS), help="Dimension of a breakdown.")
@click.option("--unit", type=click.Choice(UNITS), help="Unit of time of a row of a summary, breakdown or retention.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only events of this type (repeatable).")
@click.option("--include-bots", is_flag=True, help="Include bots.")
@with_appcontext
def export_report(types: tuple[str, ...], include_bots: bool, **options: Any) -> None:
    """Export a report: daily metrics, active users, a summary, a breakdown or retention."""
    filter_body: dict[str, Any] = {"include_bots": True} if include_bots else {}
    filter_body |= {"type": list(types)} if types else {}
    _run("report", filter=filter_body, **options)


@click.command("users")
@export_options
@group_options()
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only with an event of this type (repeatable).")
@click.option("--where", metavar="FILTER", help="Only with a matching event, for example country==DE.")
@click.option("--include-bots", is_flag=True, help="Include bots.")
@with_appcontext
def export_users(types: tuple[str, ...], where: str | None, include_bots: bool, **options: Any) -> None:
    """Export a list of users: of a funnel's step, a cohort or a variant, else all. By default of the last 30 days."""
    filter_body: dict[str, Any] = {"include_bots": True} if include_bots else {}
    filter_body |= {"type": list(types)} if types else {}
    filter_body |= {"where": where} if where else {}
    _run("users", filter=filter_body, users=pop_group(options), **options)


@click.command("list")
@click.option("--site", metavar="KEY", help="Only exports of this site.")
@click.option("--state", type=click.Choice(JOB_STATES), help="Only exports in this state.")
@click.option("--schedule", type=click.UUID, metavar="ID", help="Only exports of this schedule.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@with_appcontext
def list_exports(site: str | None, state: str | None, schedule: UUID | None, limit: int) -> None:
    """List exports, the newest first: id, state, owner, file, rows, error."""
    job_filter = JobFilter(state, site and find_site(db.engine, site).key, schedule)
    for job in read_job_page(db.engine, Viewer(), job_filter, None, limit).jobs:
        state, rows = job.state_at(clock.now()), f"{job.rows_done:,}"
        click.echo("\t".join((job.id, state, job.owner, file_name(job), rows, job.error or "")).rstrip())


@click.command("cancel")
@click.argument("job_id", type=click.UUID)
@with_appcontext
def cancel_export(job_id: object) -> None:
    """Cancel a queued or running export; delete an ended one with its file."""
    job = _find_job(str(job_id))
    if cancel(db.engine, job.id):
        click.echo(f"cancelled {job.id}")
        return
    _delete(create_runner(settings(), db.engine, buffer_redis()), job)
    click.echo(f"removed {job.id}")


@click.command("download")
@click.argument("job_id", type=click.UUID)
@click.option("--out", required=True, metavar="FILE", help="File to write; - for standard output.")
@with_appcontext
def download_export(job_id: object, out: str) -> None:
    """Copy the file of a finished export."""
    job = _find_job(str(job_id))
    if (state := job.state_at(clock.now())) != "done":
        raise click.ClickException(f"the export is {state}; only a finished export has a file")
    _check_folder(out)
    with _translated_errors(out):
        _write_out(create_runner(settings(), db.engine, buffer_redis()), job, out)
    _print_summary(job, out)


@click.command("webhook-key")
@with_appcontext
def print_webhook_key() -> None:
    """Print the key with which receivers of webhooks verify signatures."""
    click.echo(webhooks.derive_signing_key(settings()))


COMMANDS: tuple[click.Command, ...] = (
    export_events,
    export_samples,
    export_report,
    export_users,
    list_exports,
    cancel_export,
    download_export,
    schedule_group,
    print_webhook_key,
)


def _find_job(job_id: str) -> Job:
    job = read_job(db.engine, job_id)
    if job is None:
        raise click.ClickException(f"there is no export {job_id}; `flask export list` shows all")
    return job


def _check_folder(out: str) -> None:
    if out != STDOUT and not Path(out).absolute().parent.is_dir():
        raise click.UsageError(f"--out: there is no folder {Path(out).absolute().parent}; create it first")


def _print_summary(job: Job, out: str) -> None:
    summary = f"{out}: {job.rows_done:,} rows, {job.bytes:,} bytes, sha256 {job.sha256}"
    click.echo(summary, err=out == STDOUT)


def _run(what: str, out: str, columns: tuple[str, ...], **options: Any) -> None:
    _check_folder(out)
    body = {"what": what} | {name.rstrip("_"): value for name, value in options.items() if value is not None}
    body |= {"columns": list(columns)} if columns else {}
    body = load_object(ExportBody(), body)
    runner = create_runner(settings(), db.engine, buffer_redis())
    try:
        job = _finish(runner, _find_or_create_job(db.engine, body))
        with _translated_errors(out):
            _write_out(runner, job, out)
    except KeyboardInterrupt as error:
        click.echo("interrupted; the same command continues from here, after a minute", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from error
    _delete(runner, job)
    _print_summary(job, out)


def _find_or_create_job(engine: Engine, body: dict[str, Any]) -> Job:
    """The unfinished job of the same command, else a new one."""
    principal = Principal(CLI_OWNER, frozenset({"admin"}), None)
    new_job = read_export_body(engine, principal, body, None, clock.now())
    job = _find_unfinished_job(engine, new_job.fingerprint)
    if job is not None:
        click.echo(f"continuing {job.id}, of which {job.rows_done:,} rows are written", err=True)
        return job
    return creation.create(engine, new_job, creation.read_limits(settings())._replace(max_jobs=None)).job


def _find_unfinished_job(engine: Engine, fingerprint: str) -> Job | None:
    query = select(export_jobs.c.id).where(
        export_jobs.c.owner == CLI_OWNER,
        export_jobs.c.state.in_(UNFINISHED_STATES),
        export_jobs.c.request["asked"].astext == fingerprint,
    )
    with engine.connect() as connection:
        job_id = connection.execute(query.order_by(export_jobs.c.created_at.desc()).limit(1)).scalar()
    return None if job_id is None else read_job(engine, str(job_id))


def _finish(runner: Runner, job: Job) -> Job:
    """The finished job, run here or, where a worker has it, awaited."""
    with _progress(job.rows_estimate) as report:
        while job.is_unfinished:
            run_job(runner, job.id, report)
            current = read_job(runner.engine, job.id)
            if current is None:
                raise click.ClickException("the export was deleted; run the command again")
            job = current
            if job.is_unfinished:
                report(job.rows_done)
                time.sleep(POLL_INTERVAL_S)
    if job.state != "done":
        raise click.ClickException(f"the export is {job.state}" + (f": {job.error}" if job.error else ""))
    return job


def _write_out(runner: Runner, job: Job, out: str) -> None:
    """Writes the file to standard output, or to `out`, which appears whole or not at all."""
    if out == STDOUT:
        _copy(runner, job, sys.stdout.buffer)
        return
    temporary = Path(f"{out}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            _copy(runner, job, file)
            fsync_file(file)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(runner: Runner, job: Job, sink: BinaryIO) -> None:
    writer = ChecksumWriter(sink)
    with runner.storage.open_file(str(job.file)) as file:
        for chunk in read_chunks(file):
            writer.write(chunk)
    sink.flush()
    if writer.sha256 != job.sha256:
        raise click.ClickException("the file in the storage is damaged (its SHA-256 differs); export it again")


@contextmanager
def _translated_errors(out: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {describe_error(error)}") from error


def _delete(runner: Runner, job: Job) -> None:
    """Deletes the job with its file, which would only use up the storage quota."""
    if file := delete_job(runner.engine, job.id):
        with suppress(Unavailable):
            runner.storage.delete(file)
    shutil.rmtree(runner.work_dir / job.id, ignore_errors=True)


@contextmanager
def _progress(rows_estimate: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, else a line of text every few seconds."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _ProgressLines(rows_estimate, console).report
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("exporting", total=rows_estimate)
        # There may be more rows than estimated.
        yield lambda rows: progress.update(task, completed=rows, total=max(rows, rows_estimate or 0))


class _ProgressLines:
    def __init__(self, rows_estimate: int | None, console: Console) -> None:
        self._rows_estimate, self._console, self._printed_at = rows_estimate or 0, console, time.monotonic()

    def report(self, rows: int) -> None:
        if time.monotonic() - self._printed_at >= PROGRESS_LINE_INTERVAL_S:
            self._printed_at = time.monotonic()
            self._console.print(f"{rows:,} of about {max(rows, self._rows_estimate):,} rows", highlight=False)

"""`flask import access-log|csv|ndjson|parquet FILE`: options, and the summary as text. analytics/cli.py registers it.

Progress and hints go to standard error, the summary to standard output.
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

from analytics.auth.guard import DEFAULT_SITE
from analytics.errors import BadInput
from analytics.extensions import buffer_redis, db, settings
from analytics.ingest import buffer
from analytics.ingest.imports.access_logs.formats import LOG_FORMATS, recognize_format
from analytics.ingest.imports.checkpoints import StoredCounts
from analytics.ingest.imports.exports import (
    choose_csv_format,
    choose_ndjson_format,
    choose_parquet_format,
    refuse_parquet,
)
from analytics.ingest.imports.formats import ACCESS_LOG, CANONICAL_FIELDS, ImportFormat, access_log_format
from analytics.ingest.imports.progress import open_reporter
from analytics.ingest.imports.records import LineReader
from analytics.ingest.imports.run import ImportRun, OnRejected
from analytics.ingest.imports.sources import Source, open_source
from analytics.ingest.imports.summary import MAX_SHOWN_PROBLEMS, ImportSummary
from analytics.sites.sites import Site, find_site

EXIT_INTERRUPTED = 130
MAX_SHOWN_DOMAINS = 5


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """FILE and the options of all formats."""
    for option in reversed(
        (
            click.argument("file"),
            click.option(
                "--site",
                "site_key",
                default=DEFAULT_SITE,
                show_default=True,
                metavar="KEY",
                help="Site to import into.",
            ),
            click.option("--strict", is_flag=True, help="Exit with code 1 if any line was not imported."),
            click.option("--restart", is_flag=True, help="Start at the first line, not where an earlier run stopped."),
            click.option("--no-wait", is_flag=True, help="Do not wait until the worker has stored all events."),
            click.option(
                "--report", type=click.Path(dir_okay=False), help="Write every rejected line to this file, as NDJSON."
            ),
        )
    ):
        command = option(command)
    return command


@click.command("access-log")
@shared_options
@click.option(
    "--format",
    "log_format",
    type=click.Choice(list(LOG_FORMATS)),
    help="Format of the log, if not that of its first lines.",
)
@click.option("--shift-to-now", is_flag=True, help="Shift all times so that the latest is now; for demos.")
@with_appcontext
def import_access_log(file: str, log_format: str | None, shift_to_now: bool, **options: Any) -> None:
    """Import an access log of a web server, proxy or CDN: each line is one event.

    The format is recognised from the first lines; lines in another one are rejected with their number. FILE may be
    plain, gzip or zstd, or - for standard input. Importing the same file again changes nothing; of a log that has
    grown the new lines are added. Referrers on a line's own virtual host, or on the site's domains, are internal.
    """
    _run(file, lambda source: _choose_log_format(source, log_format), shift_to_now=shift_to_now, **options)


@click.command("csv")
@shared_options
@click.option(
    "--map", "mapped", multiple=True, metavar="COLUMN=FIELD", help="Import a column as this field (repeatable)."
)
@with_appcontext
def import_csv(file: str, mapped: tuple[str, ...], **options: Any) -> None:
    """Import a table with a header: each row is one event.

    Columns are field names or their aliases; other columns go into the payload. The delimiter is , ; or TAB. Rows of a
    CSV export of this service are stored as they were: ids, visitors, robots, sources and browsers included.
    """
    renames = _parse_renames(mapped)
    _run(file, lambda source: choose_csv_format(source, renames), **options)


@click.command("ndjson")
@shared_options
@with_appcontext
def import_ndjson(file: str, **options: Any) -> None:
    """Import events, one JSON object a line, with the field names that the HTTP API accepts.

    Rows of an NDJSON export of this service are stored as they were.
    """
    _run(file, choose_ndjson_format, **options)


@click.command("parquet")
@shared_options
@with_appcontext
def import_parquet(file: str, **options: Any) -> None:
    """Import events from Parquet, one a row, with the field names that the HTTP API accepts as columns.

    Rows of a Parquet export of this service are stored as they were.
    """
    _run(file, choose_parquet_format, **options)


COMMANDS: tuple[click.Command, ...] = (import_access_log, import_csv, import_ndjson, import_parquet)


def _choose_log_format(source: Source, name: str | None) -> ImportFormat:
    refuse_parquet(source)
    if name is None:
        with source.open() as stream:
            name = recognize_format(LineReader(stream))
        click.echo(f"format: {name} (--format chooses another)", err=True)
    return access_log_format(name)


def _parse_renames(mapped: tuple[str, ...]) -> dict[str, str]:
    """Column → field of `--map` options."""
    renames = {}
    for pair in mapped:
        column, separator, name = pair.rpartition("=")
        if not separator or name not in CANONICAL_FIELDS:
            fields = ", ".join(sorted(CANONICAL_FIELDS))
            raise click.UsageError(
                f"--map {pair}: not COLUMN=FIELD; accepted fields: {fields}, for example --map who=user_id"
            )
        renames[column] = name
    return renames


def _run(
    file: str, choose_format: Callable[[Source], ImportFormat], *, site_key: str, strict: bool, restart: bool,
    no_wait: bool, report: str | None, shift_to_now: bool = False,
) -> None:  # fmt: skip
    config, console = settings(), Console(stderr=True)
    site = find_site(db.engine, site_key, auto_create=config.auto_create_sites)
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        source = open_source(file, folder)
        run = ImportRun(
            engine=db.engine, redis=buffer_redis(), site=site, source=source,
            file_format=choose_format(source), principal=f"import:{_user()}",
            retention_days=site.event_retention_days or config.event_retention_days,
            # Half the queue at most: an import must not make the service refuse other batches.
            limits=buffer.BacklogLimits(max(1, config.max_backlog_events // 2), config.max_backlog_bytes // 2),
        )  # fmt: skip
        scan = run.prepare(shift_to_now, restart)
        _print_start(run, console)
        is_stored = _send(run, scan.bytes, console, report, no_wait)
    _print_summary(run, is_stored and not no_wait, no_wait)
    if run.summary.unparsable and (strict or not run.summary.imported):
        raise SystemExit(1)


def _print_start(run: ImportRun, console: Console) -> None:
    if run.file_format.name == ACCESS_LOG:
        console.print(_describe_internal(run.site), highlight=False, soft_wrap=True, markup=False)
    if run.lines_done:
        console.print(f"continuing after line {run.lines_done:,} (--restart starts at the first)", highlight=False)
    if run.was_finished:
        console.print("imported before; importing again changes no stored event", highlight=False)
    if run.file_format.holds_exported_rows:
        console.print("rows of an export: stored as they were, robots, sources and browsers included", highlight=False)
    if run.shift_s:
        console.print(f"all times are shifted by {run.shift_s:,} s", highlight=False)


def _describe_internal(site: Site) -> str:
    """Which referrers are no sources, and how to say so: a log without virtual hosts names no domain of its own."""
    change = f"flask site set {site.key} --domain HOST"
    if not site.domains:
        return (
            "internal referrers: only those on the virtual host of their line; of a log without them the site is a"
            f" source of itself, unless you name its domains: {change}, before the import or before flask sources"
            " reclassify"
        )
    domains = sorted(site.domains)
    more = f" and {len(domains) - MAX_SHOWN_DOMAINS} more" if len(domains) > MAX_SHOWN_DOMAINS else ""
    shown = ", ".join(domains[:MAX_SHOWN_DOMAINS]) + more
    return f"internal referrers: {shown}, and those on the virtual host of their line ({change} replaces the list)"


def _send(run: ImportRun, total_bytes: int, console: Console, report: str | None, no_wait: bool) -> bool:
    """Sends, then waits unless `no_wait`; whether it was not interrupted and not idle."""
    started = time.monotonic()
    before = run.summary.read
    with (
        _open_report(report, resumed=run.lines_done > 0) as on_rejected,
        open_reporter(total_bytes, console, before) as reporter,
    ):
        try:
            run.send(reporter, on_rejected)
        except KeyboardInterrupt:
            console.print("\ninterrupted; the same command continues after the last full batch")
            raise SystemExit(EXIT_INTERRUPTED) from None
        elapsed_s = max(1e-3, time.monotonic() - started)
        sent = run.summary.read - before
        reporter.show_message(f"{sent:,} lines queued in {elapsed_s:.1f} s ({sent / elapsed_s:,.0f} lines/s)")
        try:
            return no_wait or run.wait(reporter)
        except KeyboardInterrupt:
            return False


@contextmanager
def _open_report(path: str | None, resumed: bool) -> Iterator[OnRejected]:
    if path is None:
        yield lambda _: None
        return
    try:
        file: TextIO = open(path, "a" if resumed else "w", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise BadInput(
            f"--report {path}: cannot be written ({error.strerror}); accepted: a file in a writable folder"
        ) from error
    with file:
        yield lambda rejected: click.echo(msgspec.json.encode(rejected).decode(), file=file)


def _print_summary(run: ImportRun, is_stored: bool, no_wait: bool) -> None:
    stored = run.read_stored_counts()
    _print_counts(run.source.name, run.summary, stored, is_stored)
    _print_problems(run.summary)
    if run.summary.past_retention:
        click.echo(
            f"{run.summary.past_retention:,} are older than the {run.retention_days} days that the site keeps events;"
            " the next retention run deletes their raw rows",
            err=True,
        )
    if is_stored:
        click.echo(f"stored {stored.stored:,} new, {stored.duplicate:,} were there before")
    elif no_wait:
        click.echo("all events are in the queue; a worker stores them", err=True)
    else:
        click.echo(
            f"{stored.received:,} of {run.summary.imported:,} events are stored, and the number does not rise: is a"
            " worker running? The others are safe in the queue",
            err=True,
        )


def _print_counts(source: str, summary: ImportSummary, stored: StoredCounts, is_stored: bool) -> None:
    details = [f"bots {summary.bots:,}"]
    if is_stored:
        details.append(f"duplicates {stored.duplicate:,}")
    if stored.dead_lettered:
        details.append(f"dead-lettered {stored.dead_lettered:,}")
    click.echo(f"{source}: {summary.read:,} lines read")
    click.echo(f"= imported {summary.imported:,} (of which {', '.join(details)})")
    click.echo(f"+ unparsable {summary.unparsable:,}")
    click.echo(f"+ blank {summary.blank:,}")
    for code, count in sorted(summary.dropped.items()):
        effect = "with a text that was cut" if code == "cut" else f"without a field that was {code.replace('_', ' ')}"
        click.echo(f"{count:,} imported {effect}")
    for name, count in sorted(summary.types.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"  {name:<16} {count:>12,}")


def _print_problems(summary: ImportSummary) -> None:
    for problem in summary.problems:
        field = f"{problem.field}: " if problem.field else ""
        click.echo(f"line {problem.line}: {field}{problem.detail}")
    if summary.unparsable > MAX_SHOWN_PROBLEMS:
        click.echo(f"… and {summary.unparsable - MAX_SHOWN_PROBLEMS:,} more; --report FILE lists all of them")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"

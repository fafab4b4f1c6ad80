"""`flask dead-letters …`: list, show, retry and discard. analytics/cli.py loads it when a command is called.

A retry is done here and now, in the command's own process. Exit code 1: some letters died again.
"""

import json
from typing import Any

import click
from flask.cli import with_appcontext

from analytics.cli import ACTOR, print_table
from analytics.extensions import db
from analytics.ingest.drain.retry_writer import RetryResult
from analytics.ops.dead_letters import letters, schemas
from analytics.ops.dead_letters.process_retry import make_retry
from analytics.sites.sites import find_site
from analytics.store import dead_letters as store
from analytics.store.dead_letters import REASONS, LetterSummary, ReasonGroup, Selection

LETTER_IDS = click.IntRange(1, schemas.MAX_ID)
reason_option = click.option("--reason", type=click.Choice(REASONS), help="Only letters of this reason.")
site_option = click.option("--site", "site_key", metavar="KEY", help="Only letters of this site. Default: all.")


@click.command("list")
@reason_option
@site_option
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Letters to list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every field.")
@with_appcontext
def list_letters(reason: str | None, site_key: str | None, limit: int, as_json: bool) -> None:
    """List what could not be stored: by reason, and the newest letters."""
    selection = Selection(reason=reason, site_ids=_site_ids(site_key))
    with db.engine.connect() as connection:
        groups = store.group_by_reason(connection, selection)
        found = store.list_dead_letters(connection, selection, limit)
    if as_json:
        rows = {
            "reasons": list(map(letters.format_row, groups)),
            "dead_letters": list(map(letters.format_row, found)),
        }
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif groups:
        _print_groups(groups)
        click.echo()
        _print_letters(found)
    else:
        click.echo("no dead letters", err=True)


@click.command("show")
@click.argument("letter_id", type=LETTER_IDS)
@with_appcontext
def show_letter(letter_id: int) -> None:
    """Print a letter as JSON, with the events that it holds; without addresses."""
    click.echo(json.dumps(letters.show_letter(db.engine, letter_id, Selection()), indent=2, ensure_ascii=False))


@click.command("retry")
@click.argument("ids", nargs=-1, type=LETTER_IDS)
@reason_option
@site_option
@click.option("--all", "everything", is_flag=True, help="Every letter.")
@with_appcontext
def retry_letters(ids: tuple[int, ...], reason: str | None, site_key: str | None, everything: bool) -> None:
    """Store letters again, named by IDS, --reason or --all. It can be stopped and repeated at any time.

    Exit code 1: some letters died again, and stay.
    """
    _check_one_way(bool(ids), bool(reason), everything, accepted="IDS, --reason or --all")
    result = RetryResult()
    with db.engine.connect() as connection:
        selected = store.list_sizes(connection, Selection(ids or None, reason, _site_ids(site_key)))
    _check_found(ids, [letter.id for letter in selected])
    make_retry().retry(selected, result)
    click.echo(
        f"{result.letters:,} letters retried: {result.stored:,} events stored, {result.duplicate:,} duplicate,"
        f" {result.dead_lettered:,} dead again"
    )
    if result.gone:
        click.echo(f"{result.gone:,} letters were retried or discarded meanwhile", err=True)
    # Of a batch the events that died again have new letters; of what nobody can decode no event is known.
    if result.dead_lettered or _is_any_left([letter.id for letter in selected]):
        raise click.exceptions.Exit(1)


@click.command("discard")
@click.argument("ids", nargs=-1, type=LETTER_IDS)
@reason_option
@site_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def discard_letters(ids: tuple[int, ...], reason: str | None, site_key: str | None, yes: bool) -> None:
    """Delete letters for ever, named by IDS or --reason, with a record in the audit log."""
    _check_one_way(bool(ids), bool(reason), accepted="IDS or --reason")
    selection = Selection(ids or None, reason, _site_ids(site_key))
    with db.engine.connect() as connection:
        groups = store.group_by_reason(connection, selection)
        _check_found(ids, [letter.id for letter in store.list_sizes(connection, selection)])
    if not yes:
        count, events = sum(group.letters for group in groups), sum(group.events for group in groups)
        click.confirm(f"Delete {count:,} letters with {events:,} events for ever?", abort=True)
    discarded = letters.discard(db.engine, selection, ACTOR)
    click.echo(f"{discarded.letters:,} letters with {discarded.events:,} events discarded")


def _check_one_way(*given: bool, accepted: str) -> None:
    if sum(given) != 1:
        raise click.UsageError(f"name the letters in one way; accepted: {accepted}, for example --reason refused")


def _check_found(ids: tuple[int, ...], found: list[int]) -> None:
    """Raises NotFound for the first id that is no letter's."""
    if missing := [id_ for id_ in ids if id_ not in found]:
        raise letters.unknown_letter(missing[0])


def _is_any_left(ids: list[int]) -> bool:
    with db.engine.connect() as connection:
        return bool(ids and store.list_sizes(connection, Selection(ids)))


def _site_ids(site_key: str | None) -> list[int] | None:
    return [find_site(db.engine, site_key).id] if site_key else None


def _print_groups(groups: list[ReasonGroup]) -> None:
    header = ("REASON", "LETTERS", "EVENTS", "FIRST", "LAST", "TO RETRY", "SITES")
    rows = [
        (group.reason, f"{group.letters:,}", f"{group.events:,}", _minute(group.first_at), _minute(group.last_at),
         f"{group.waiting:,}", " ".join(group.sites))
        for group in groups
    ]  # fmt: skip
    print_table(header, rows, (1, 2, 5))


def _print_letters(found: list[LetterSummary]) -> None:
    header = ("ID", "REASON", "SITE", "RECEIVED", "BATCH", "EVENT", "RETRIES", "DETAIL")
    rows = [
        (str(one.id), one.reason, one.site or "-", _minute(one.received_at), one.batch_id,
         "all" if one.position == store.WHOLE_BATCH else str(one.position), str(one.retries), one.detail)
        for one in found
    ]  # fmt: skip
    print_table(header, rows, (0, 6))


def _minute(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


COMMANDS: tuple[click.Command, ...] = (list_letters, show_letter, retry_letters, discard_letters)

"""What commands and routes do with dead letters: show one with its content, and discard with a record.

Nothing here shows or logs an address. Payloads are shown to admins, and logged nowhere.
"""

import logging
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine, insert

from analytics import clock
from analytics.errors import NotFound
from analytics.ingest.drain.letter_bodies import read_content
from analytics.store import dead_letters as store
from analytics.store.dead_letters import DiscardedLetter, LetterSummary, ReasonGroup, Selection
from analytics.store.models import audit_log

log = logging.getLogger(__name__)

MAX_SHOWN_ITEMS = 100
# A record of a discard names so many letters.
MAX_RECORDED_IDS = 100


class Discarded(NamedTuple):
    """What a discard deleted. The events stay dead-lettered in the ledger."""

    letters: int
    events: int


def show_letter(engine: Engine, letter_id: int, selection: Selection) -> dict[str, Any]:
    """The letter and the first of its events or samples, without addresses, as JSON values. Raises NotFound."""
    with engine.connect() as connection:
        found = store.list_dead_letters(connection, selection._replace(ids=[letter_id]), 1)
        letters = store.read_dead_letters(connection, [letter_id])
    if not found or not letters:
        raise unknown_letter(letter_id)
    content = read_content(letters[0], MAX_SHOWN_ITEMS)
    return {**format_row(found[0]), **content._asdict()}


def unknown_letter(letter_id: int) -> NotFound:
    """The error for a letter that is not there, or not for the caller's sites."""
    return NotFound(
        f"there is no dead letter {letter_id}: it was retried or discarded, or is past its retention;"
        " GET /api/analytics/dead-letters and flask dead-letters list show those that there are"
    )


def format_row(row: LetterSummary | ReasonGroup) -> dict[str, Any]:
    """The row as JSON values."""
    return {
        name: clock.format_rfc3339(value.astimezone(UTC), "seconds") if isinstance(value, datetime) else value
        for name, value in row._asdict().items()
    }


def discard(engine: Engine, selection: Selection, actor: str) -> Discarded:
    """Deletes the letters for ever, with a record in the audit log for each site."""
    by_site: dict[int | None, list[DiscardedLetter]] = defaultdict(list)
    with engine.begin() as connection:
        discarded = store.discard_dead_letters(connection, selection)
        for letter in discarded:
            by_site[letter.site_id].append(letter)
        for site_id, letters in by_site.items():
            row = {"actor": actor, "action": "dead_letters.discard", "site_id": site_id, "detail": _describe(letters)}
            connection.execute(insert(audit_log), row)
    events = sum(letter.events for letter in discarded)
    log.info("dead letters discarded", extra={"letters": len(discarded), "events": events})
    return Discarded(len(discarded), events)


def _describe(letters: list[DiscardedLetter]) -> dict[str, Any]:
    """`received`: events by UTC hour of receipt, as the ledger counts them."""
    received: Counter[str] = Counter()
    for letter in letters:
        received[clock.format_rfc3339(letter.hour.astimezone(UTC), "seconds")] += letter.events
    return {
        "letters": len(letters),
        "events": sum(letter.events for letter in letters),
        "reasons": dict(Counter(letter.reason for letter in letters)),
        "ids": [letter.id for letter in letters[:MAX_RECORDED_IDS]],
        "received": dict(received),
    }

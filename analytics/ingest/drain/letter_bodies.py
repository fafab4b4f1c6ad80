"""The body of a dead letter: an entry of the stream, with the whole batch or with one event. Pure.

chunk.py makes bodies of refused events; retry.py reads bodies back, also those of releases that kept an event's COPY
line; ops/dead_letters/ shows them, without addresses.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
import zstandard

from analytics.ingest import buffer
from analytics.ingest.buffer import Delivery, Entry
from analytics.ingest.samples.samples import decode_stream_samples
from analytics.rollups.visits.sums import to_microseconds
from analytics.store.copy.copy_text import NULL, unescape_copy
from analytics.store.dead_letters import WHOLE_BATCH, DeadLetter
from analytics.store.events import COPY_COLUMNS, LATE_COLUMNS, EventRow

# The columns of a line of 0.1.0, up to user_no.
LINE_COLUMNS = (
    "event_id", "ts", "received_at", "site_id", "type", "user_id", "session_id", "src", "subject",
    "is_bot", "browser", "os", "device", "path", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
    "referrer", "source", "ip", "country", "region", "city", "payload",
)  # fmt: skip
# Of COPY_COLUMNS those that EventRow.line holds.
STORED_COLUMNS = tuple(name.strip() for name in COPY_COLUMNS.split(","))[: -len(LATE_COLUMNS)]


def _adjacent(first: str, last: str) -> tuple[str, ...]:
    return STORED_COLUMNS[STORED_COLUMNS.index(first) : STORED_COLUMNS.index(last) + 1]


# Adjacent columns, as EventRow has them for the rollups.
AGENT_COLUMNS, PAGE_COLUMNS = _adjacent("is_bot", "screen"), _adjacent("path", "utm_content")
REFERRER_COLUMNS, PLACE_COLUMNS = _adjacent("referrer", "channel"), _adjacent("country", "city")
_split_events = msgspec.json.Decoder(list[msgspec.Raw]).decode


def encode_single_event(entry: Entry, position: int, event_id: str) -> bytes:
    """An entry with the one event of `entry`. It carries its id: what the id was derived from is not in it."""
    event = bytes(_split_events(entry.decode_body())[position])
    # The last of two fields with one name counts.
    own = event.rstrip()[:-1] + b',"event_id":"' + event_id.encode() + b'"}'
    body, is_compressed = buffer.compress(b"[" + own + b"]")
    single = msgspec.structs.replace(entry, body=body, compressed=is_compressed, count=1, batch_key="", indexes=[])
    return buffer.encode_entry(single)


def read_delivery(letter: DeadLetter) -> Delivery:
    """The letter as the stream would deliver it; `entry` is None where its body is not an entry."""
    return Delivery(letter.entry_id, buffer.decode_entry(letter.body), letter.body)


def read_line(letter: DeadLetter) -> dict[str, str] | None:
    """Column → text as in the COPY line that the letter holds; None: it holds none."""
    if letter.position == WHOLE_BATCH:
        return None
    try:
        columns = letter.body.decode().split("\t")
    except UnicodeDecodeError:
        return None
    return dict(zip(LINE_COLUMNS, columns, strict=True)) if len(columns) == len(LINE_COLUMNS) else None


def build_line_row(columns: Mapping[str, str], batch: int) -> EventRow:
    """The row of a COPY line; columns that the line does not have are NULL."""

    def join(names: Sequence[str]) -> str:
        return "\t".join([columns.get(name, NULL) for name in names])

    return EventRow(
        site_id=int(columns["site_id"]),
        event_id=columns["event_id"],
        has_caller_id=True,
        user_id=unescape_copy(columns["user_id"]),
        ts=columns["ts"],
        day=date.fromisoformat(columns["ts"][:10]),
        line="\t".join([columns.get(name, NULL) for name in STORED_COLUMNS]),
        batch=batch,
        position=0,
        received_us=to_microseconds(datetime.fromisoformat(columns["received_at"])),
        kind=unescape_copy(columns["type"]),
        subject=unescape_copy(columns["subject"]),
        session=unescape_copy(columns["session_id"]),
        agent=join(AGENT_COLUMNS),
        page=join(PAGE_COLUMNS),
        referrer=join(REFERRER_COLUMNS),
        place=join(PLACE_COLUMNS),
    )


class LetterContent(NamedTuple):
    """What a letter holds: who sent it, how many events or samples, and the first of them without addresses.

    Empty, and None, where it cannot be read.
    """

    principal: str
    request_id: str
    events: int | None
    items: list[Any]


def read_content(letter: DeadLetter, max_items: int) -> LetterContent:
    """The content, up to `max_items` events or samples."""
    entry = buffer.decode_entry(letter.body)
    if entry is None:
        line = read_line(letter)
        columns = {name: unescape_copy(value) for name, value in (line or {}).items() if value != NULL and name != "ip"}
        return LetterContent("", "", 1 if line else None, [columns] if line else [])
    try:
        items = _read_items(entry)[:max_items]
    except (msgspec.MsgspecError, zstandard.ZstdError, ValueError):
        items = []
    return LetterContent(entry.principal, entry.request_id, entry.count, items)


def _read_items(entry: Entry) -> list[Any]:
    if entry.holds_samples:
        return [msgspec.structs.asdict(sample) for sample in decode_stream_samples(entry.decode_body())]
    events = msgspec.json.decode(entry.decode_body(), type=list[dict[str, Any]])
    return [{name: value for name, value in event.items() if name != "ip"} for event in events]

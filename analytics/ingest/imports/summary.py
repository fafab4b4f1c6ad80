"""The summary of an import: what became of its lines. run.py fills it, checkpoints.py stores it, cli.py prints it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from analytics.ingest.decoding.events import Event
from analytics.ingest.enrich import parse_user_agent
from analytics.ingest.exported_rows import ExportedRow
from analytics.store.event_types import stored_type

# The summary keeps this many problems; --report lists all.
MAX_SHOWN_PROBLEMS = 20


def _is_bot(event: Event | ExportedRow) -> bool:
    return event.is_bot if isinstance(event, ExportedRow) else parse_user_agent(event.user_agent or "").is_bot


class RejectedLine(msgspec.Struct):
    """A line that did not become an event."""

    line: int
    field: str
    code: str
    detail: str


class ImportSummary(msgspec.Struct):
    """Lines: read = imported + unparsable + blank, always. `bots` and `past_retention` are parts of imported, `types`
    its breakdown; `dropped`: fields that events were imported without, or with less text, by code. `content` and
    `bytes`: digest and length of the source."""

    read: int = 0
    imported: int = 0
    unparsable: int = 0
    blank: int = 0
    bots: int = 0
    past_retention: int = 0
    types: dict[str, int] = {}
    dropped: dict[str, int] = {}
    problems: list[RejectedLine] = []
    content: str = ""
    bytes: int = 0

    def count_events(self, events: Sequence[Event | ExportedRow], kept_since: datetime) -> None:
        """Counts imported events; bots as the drain does for entries without a user agent of the connection."""
        self.imported += len(events)
        self.bots += sum(map(_is_bot, events))
        self.past_retention += sum(event.ts is not None and event.ts < kept_since for event in events)
        for name, count in Counter(stored_type(event.type) for event in events).items():
            self.types[name] = self.types.get(name, 0) + count

    def count_dropped(self, codes: Iterable[str]) -> None:
        """Counts fields that imported events lack because what they held could not be used."""
        for code in codes:
            self.dropped[code] = self.dropped.get(code, 0) + 1

    def count_rejected(self, rejected: RejectedLine) -> None:
        self.unparsable += 1
        if len(self.problems) < MAX_SHOWN_PROBLEMS:
            self.problems.append(rejected)

"""An entry of exported rows → rows for COPY, with every column as it is. Pure; chunk.py calls it.

Nothing is derived but the new time of receipt, and a pseudonym where the installation keeps no user ids.
"""

import re
from collections.abc import Iterator
from datetime import UTC
from functools import lru_cache

from analytics.ingest.buffer import Entry
from analytics.ingest.drain.letter_bodies import build_line_row
from analytics.ingest.exported_rows import NO_PAYLOAD, ExportedRow, decode_exported_rows
from analytics.privacy.pseudonym import make_pseudonym
from analytics.store.copy.copy_text import NULL, escape_copy
from analytics.store.event_types import stored_subject, stored_type
from analytics.store.events import EventRow
from analytics.web.ip_addresses import normalize_address

# A visitor key (rows.py) or a pseudonym (privacy/pseudonym.py): names nobody, and stays the same user.
_ANONYMOUS = re.compile(r"[~#][\w-]{20}", re.ASCII)
_TEXT_COLUMNS = tuple(
    name for name in ExportedRow.__struct_fields__ if name not in ("event_id", "ts", "user_id", "is_bot", "payload")
)


def read_exported_rows(entry: Entry, batch_index: int, salt: bytes, anonymize: bool = False) -> Iterator[EventRow]:
    """The entry's rows in their order; `anonymize`: with pseudonyms in place of user ids.

    Raises msgspec.MsgspecError for a body that no import wrote.
    """
    fixed = {"site_id": str(entry.site_id), "received_at": entry.received_at.isoformat()}
    for position, exported in enumerate(decode_exported_rows(entry.decode_body())):
        user_id = exported.user_id
        if anonymize and not _ANONYMOUS.fullmatch(user_id):
            user_id = make_pseudonym(salt, entry.identity_key, user_id)
        row = build_line_row({**fixed, **_format_columns(exported), "user_id": escape_copy(user_id)}, batch_index)
        row.position = position
        yield row


def _format_columns(row: ExportedRow) -> dict[str, str]:
    """Column → its text as COPY reads it, without the site's own and user_id."""
    columns = {name: _format_text(getattr(row, name)) for name in _TEXT_COLUMNS}
    return columns | {
        "event_id": row.event_id.lower(),
        "ts": row.ts.astimezone(UTC).isoformat(),
        "type": escape_copy(stored_type(row.type)),
        "subject": _format_text(stored_subject(row.subject or "")),
        "is_bot": "t" if row.is_bot else "f",
        "ip": _format_text(normalize_address(row.ip) if row.ip else None),
        "payload": NULL if row.payload == NO_PAYLOAD else escape_copy(bytes(row.payload).decode()),
    }


@lru_cache(maxsize=8192)
def _format_text(value: str | None) -> str:
    return escape_copy(value) if value else NULL

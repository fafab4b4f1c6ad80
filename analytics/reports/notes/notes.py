"""Stored notes: read, list, create, change and delete; each change is an entry in the audit log.

views.py and cli.py call it. A note is plain text on a day of the site's calendar; reports do not read it.
"""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, insert, select, text, update

from analytics.errors import Conflict, NotFound
from analytics.reports.day_range import DayRange
from analytics.reports.request import format_utc
from analytics.sites.sites import write_audit_entry
from analytics.store.models import notes, sites

MAX_NOTES = 2_000
# Held while a site's notes are counted and one is added, so that two callers cannot both add the last one.
LOCK_SITE_NOTES = text("SELECT pg_advisory_xact_lock(7205339, :site_id)")


class Note(NamedTuple):
    """A row of notes, and the key of its site."""

    id: uuid.UUID
    site_id: int
    site_key: str
    day: date
    text: str
    owner: str
    created_at: datetime
    updated_at: datetime

    @property
    def content(self) -> dict[str, str]:
        return {"day": str(self.day), "text": self.text}

    def as_json(self) -> dict[str, Any]:
        times = {"created_at": format_utc(self.created_at), "updated_at": format_utc(self.updated_at)}
        return {"id": str(self.id), "site": self.site_key, **self.content, "owner": self.owner, **times}


def _select() -> Select[Any]:
    columns = [sites.c.key.label("site_key") if name == "site_key" else notes.c[name] for name in Note._fields]
    return select(*columns).join_from(notes, sites)


# Served by pk_notes.
def read_note(connection: Connection, note_id: uuid.UUID) -> Note:
    """Raises NotFound."""
    row = connection.execute(_select().where(notes.c.id == note_id)).first()
    if row is None:
        raise NotFound(f"no note has the id {note_id}; GET /api/analytics/notes lists a site's notes")
    return Note(*row)


# Served by ix_notes_site_id_day.
def list_notes(connection: Connection, site_id: int, days: DayRange | None = None) -> list[Note]:
    """The site's notes on these days, all of them without days; by day, those of one day in the order of creation."""
    query = _select().where(notes.c.site_id == site_id).order_by(notes.c.day, notes.c.created_at, notes.c.id)
    if days is not None:
        query = query.where(notes.c.day >= days.first, notes.c.day < days.after)
    return [Note(*row) for row in connection.execute(query)]


def create_note(connection: Connection, site_id: int, day: date, note_text: str, actor: str) -> Note:
    """Raises Conflict when the site has MAX_NOTES notes."""
    connection.execute(LOCK_SITE_NOTES, {"site_id": site_id})
    count = select(func.count()).where(notes.c.site_id == site_id)
    if connection.execute(count).scalar_one() >= MAX_NOTES:
        raise Conflict(f"the site has {MAX_NOTES:,} notes, the maximum; delete one first")
    note_id = uuid.uuid4()
    row = {"id": note_id, "site_id": site_id, "day": day, "text": note_text, "owner": actor}
    connection.execute(insert(notes).values(row))
    created = read_note(connection, note_id)
    _audit(connection, actor, "note.create", created, created.content)
    return created


def update_note(connection: Connection, note_id: uuid.UUID, changes: Mapping[str, Any], actor: str) -> Note:
    """The note with these fields changed. Raises NotFound."""
    before = read_note(connection, note_id)
    values = {"day": before.day, "text": before.text, **changes, "updated_at": func.now()}
    connection.execute(update(notes).where(notes.c.id == note_id).values(values))
    after = read_note(connection, note_id)
    changed = {field: [old, after.content[field]] for field, old in before.content.items()}
    _audit(connection, actor, "note.update", after, changed)
    return after


def delete_note(connection: Connection, note_id: uuid.UUID, actor: str) -> None:
    """Raises NotFound."""
    note = read_note(connection, note_id)
    connection.execute(delete(notes).where(notes.c.id == note_id))
    _audit(connection, actor, "note.delete", note, note.content)


def _audit(connection: Connection, actor: str, action: str, note: Note, detail: Mapping[str, Any]) -> None:
    write_audit_entry(connection, actor, action, note.site_id, {"id": str(note.id), **detail})

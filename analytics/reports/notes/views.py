"""Routes of notes: the scope `read` sees them, `write` creates, changes and deletes them."""

import uuid
from typing import Any

from flask import Blueprint

from analytics.apidocs.operations import documented
from analytics.auth.guard import check_site_access, current_principal, guarded, require_scope, resolve_site_key
from analytics.extensions import db, public_address
from analytics.reports.day_range import has_period, read_days
from analytics.reports.notes import notes, schemas
from analytics.reports.notes.notes import Note
from analytics.reports.request import guarded_read, read_request
from analytics.rollups.calendar import read_rollups_zone
from analytics.sites.sites import find_site
from analytics.web.site_parameters import SiteFields, read_requested_site
from analytics.web.validation import load_json_body

blueprint = Blueprint("notes", __name__)
NOTES_PATH = "/api/analytics/notes"
NOTE_EXAMPLE = {
    "id": "3f0a6a0e-4d0c-4b5e-9a55-6f1a2f3b4c5d",
    "site": "shop",
    "day": "2026-11-23",
    "text": "Newsletter on winter coats",
    "owner": "ann",
    "created_at": "2026-11-23T09:30:00Z",
    "updated_at": "2026-11-23T09:30:00Z",
}
NOTE_BODY_EXAMPLE = {"site": "shop", "day": "2026-11-23", "text": "Newsletter on winter coats"}
NOTE_RESPONSE = (schemas.NoteResponse, NOTE_EXAMPLE)


@blueprint.post(NOTES_PATH)
@documented(
    "Create a note",
    SiteFields,
    response=NOTE_RESPONSE,
    body=(schemas.NoteBody, NOTE_BODY_EXAMPLE),
    status=201,
    other_responses={409: "The site has the maximum number of notes."},
)
@guarded("write")
def create() -> tuple[dict[str, Any], int, dict[str, str]]:
    """201 and the note; its path is in Location."""
    principal, body = require_scope("write"), load_json_body(schemas.NoteBody())
    site = find_site(db.engine, resolve_site_key(principal, read_requested_site(body)))
    with db.engine.begin() as connection:
        note = notes.create_note(connection, site.id, body["day"], body["text"], principal.subject)
    return note.as_json(), 201, {"Location": public_address(f"{NOTES_PATH}/{note.id}")}


@blueprint.get(NOTES_PATH)
@documented("List a site's notes", schemas.NoteListQuery, (schemas.NoteListResponse, {"notes": [NOTE_EXAMPLE]}))
@guarded_read
def list_all() -> dict[str, Any]:
    """Those on the days that the period touches, in the site's calendar; without a period, all."""
    request = read_request(schemas.NoteListQuery())
    with db.engine.connect() as connection:
        zone = read_rollups_zone(connection, request.site.id) or request.site.zone
        days = read_days(request, zone) if has_period(request) else None
        return {"notes": [note.as_json() for note in notes.list_notes(connection, request.site.id, days)]}


@blueprint.get(f"{NOTES_PATH}/<uuid:note_id>")
@documented("Get a note", response=NOTE_RESPONSE)
@guarded("read")
def show(note_id: uuid.UUID) -> dict[str, Any]:
    """The note as it is stored now."""
    return _read_note(note_id).as_json()


@blueprint.patch(f"{NOTES_PATH}/<uuid:note_id>")
@documented("Change a note", response=NOTE_RESPONSE, body=(schemas.NoteUpdateBody, {"day": "2026-11-24"}))
@guarded("write")
def update(note_id: uuid.UUID) -> dict[str, Any]:
    """Fields that are left out do not change."""
    principal, changes = require_scope("write"), load_json_body(schemas.NoteUpdateBody())
    _read_note(note_id)
    with db.engine.begin() as connection:
        return notes.update_note(connection, note_id, changes, principal.subject).as_json()


@blueprint.delete(f"{NOTES_PATH}/<uuid:note_id>")
@documented("Delete a note", status=204)
@guarded("write")
def delete(note_id: uuid.UUID) -> tuple[str, int]:
    principal = require_scope("write")
    _read_note(note_id)
    with db.engine.begin() as connection:
        notes.delete_note(connection, note_id, principal.subject)
    return "", 204


def _read_note(note_id: uuid.UUID) -> Note:
    """Raises NotFound, and Forbidden when the caller has no access to the note's site."""
    with db.engine.connect() as connection:
        note = notes.read_note(connection, note_id)
    check_site_access(current_principal(), note.site_key)
    return note

"""`flask note …`: add, list and remove the notes of a site. analytics/cli.py loads it when a command is called."""

import uuid
from datetime import datetime

import click
from flask.cli import with_appcontext

from analytics.cli import ACTOR, DAY, print_table
from analytics.extensions import db
from analytics.reports.notes import notes
from analytics.reports.notes.schemas import NoteUpdateBody
from analytics.sites.sites import find_site
from analytics.web.validation import load_object


@click.command("add")
@click.argument("key")
@click.argument("day", type=DAY, metavar="DATE")
@click.argument("text")
@with_appcontext
def add_note(key: str, day: datetime, text: str) -> None:
    """Add a note to a day of the site KEY, for example 2026-11-23 'Newsletter on winter coats'; print its id."""
    body = load_object(NoteUpdateBody(), {"day": str(day.date()), "text": text})
    site = find_site(db.engine, key)
    with db.engine.begin() as connection:
        click.echo(notes.create_note(connection, site.id, body["day"], body["text"], ACTOR).id)


@click.command("list")
@click.argument("key")
@with_appcontext
def list_notes(key: str) -> None:
    """List the notes of the site KEY by day."""
    site = find_site(db.engine, key)
    with db.engine.connect() as connection:
        found = notes.list_notes(connection, site.id)
    if found:
        print_table(("ID", "DAY", "TEXT", "OWNER"), [(str(one.id), str(one.day), one.text, one.owner) for one in found])
    else:
        click.echo(f"no notes; add one: flask note add {key} DATE TEXT", err=True)


@click.command("remove")
@click.argument("note_id", metavar="ID", type=click.UUID)
@with_appcontext
def remove_note(note_id: uuid.UUID) -> None:
    """Delete a note."""
    with db.engine.begin() as connection:
        notes.delete_note(connection, note_id, ACTOR)
    click.echo(f"removed {note_id}")


COMMANDS: tuple[click.Command, ...] = (add_note, list_notes, remove_note)

"""`flask segment …`: list, set and remove the segments of a site. analytics/cli.py loads it when one is called."""

import click
from flask.cli import with_appcontext

from analytics.cli import ACTOR, print_table
from analytics.errors import NotFound
from analytics.extensions import db
from analytics.reports.filtering.filters import segment_term
from analytics.reports.segments import segments
from analytics.reports.segments.schemas import SegmentUpdateBody
from analytics.sites.sites import find_site
from analytics.web.validation import load_object


@click.command("list")
@click.argument("key")
@with_appcontext
def list_segments(key: str) -> None:
    """List the segments of the site KEY."""
    site = find_site(db.engine, key)
    with db.engine.connect() as connection:
        found = segments.list_segments(connection, site.id)
    if found:
        print_table(("NAME", "FILTER", "OWNER"), [(one.name, one.filter, one.owner) for one in found])
    else:
        click.echo(f"no segments; create one: flask segment set {key} NAME FILTER", err=True)


@click.command("set")
@click.argument("key")
@click.argument("name")
@click.argument("filter_text", metavar="FILTER")
@with_appcontext
def set_segment(key: str, name: str, filter_text: str) -> None:
    """Create the segment NAME of the site KEY, or change its filter, for example 'country==DE;device==mobile'."""
    body = load_object(SegmentUpdateBody(), {"name": name, "filter": filter_text})
    site = find_site(db.engine, key)
    with db.engine.begin() as connection:
        found = segments.find_segment(connection, site.id, name)
        if found is None:
            stored = segments.create_segment(connection, site.id, body["name"], body["filter"], ACTOR)
        else:
            stored = segments.update_segment(connection, found.id, body, ACTOR)
    verb = "created" if found is None else "changed"
    click.echo(f"{verb} {stored.name}; filters name it {segment_term(stored.name)}")


@click.command("remove")
@click.argument("key")
@click.argument("name")
@with_appcontext
def remove_segment(key: str, name: str) -> None:
    """Delete the segment NAME of the site KEY. It is refused while a goal, a funnel or a schedule names it."""
    site = find_site(db.engine, key)
    with db.engine.begin() as connection:
        found = segments.find_segment(connection, site.id, name)
        if found is None:
            raise NotFound(f"the site {site.key!r} has no segment {name!r}; flask segment list {site.key} shows them")
        segments.delete_segment(connection, found.id, ACTOR)
    click.echo(f"removed {found.name}")


COMMANDS: tuple[click.Command, ...] = (list_segments, set_segment, remove_segment)

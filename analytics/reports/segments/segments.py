"""Stored segments: read, list, create, change and delete; each change is an entry in the audit log.

views.py and cli.py call it. What names a segment keeps working: while a goal, a funnel or a schedule does, the segment
keeps its name and is not deleted, and a change of its filter must suit them.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from analytics.errors import BadInput, Conflict, NotFound, Problem
from analytics.reports.filtering.condition_limit import MAX_TOTAL_CONDITIONS, check_total
from analytics.reports.filtering.filters import EXAMPLE, MAX_CONDITIONS, segment_term
from analytics.reports.request import format_utc
from analytics.reports.segments.expansion import expand, fold_name
from analytics.reports.segments.uses import SegmentUse, list_uses
from analytics.sites.sites import write_audit_entry
from analytics.store.models import segments, sites

MAX_SEGMENTS = 200
# Held while a site's segments are counted and one is added, so that two callers cannot both add the last one.
LOCK_SITE_SEGMENTS = text("SELECT pg_advisory_xact_lock(7205338, :site_id)")
# Of the definitions that keep a segment, so many are named.
MAX_LISTED_USES = 10


class Segment(NamedTuple):
    """A row of segments, and the key of its site."""

    id: uuid.UUID
    site_id: int
    site_key: str
    name: str
    filter: str
    owner: str
    created_at: datetime
    updated_at: datetime

    @property
    def definition(self) -> dict[str, str]:
        return {"name": self.name, "filter": self.filter}

    def as_json(self) -> dict[str, Any]:
        """`term`: as filters name it."""
        times = {"created_at": format_utc(self.created_at), "updated_at": format_utc(self.updated_at)}
        named = {"id": str(self.id), "site": self.site_key, **self.definition, "term": segment_term(self.name)}
        return {**named, "owner": self.owner, **times}


def _select() -> Select[Any]:
    columns = [sites.c.key.label("site_key") if name == "site_key" else segments.c[name] for name in Segment._fields]
    return select(*columns).join_from(segments, sites)


# Served by pk_segments.
def read_segment(connection: Connection, segment_id: uuid.UUID, is_locked: bool = False) -> Segment:
    """Raises NotFound. `is_locked`: until the transaction ends, nothing begins to name it."""
    query = _select().where(segments.c.id == segment_id)
    row = connection.execute(query.with_for_update(of=segments) if is_locked else query).first()
    if row is None:
        raise NotFound(f"no segment has the id {segment_id}; GET /api/analytics/segments lists a site's segments")
    return Segment(*row)


# Served by uq_segments_site_id_folded_name.
def list_segments(connection: Connection, site_id: int) -> list[Segment]:
    """The site's segments, ordered by name without regard to case."""
    query = _select().where(segments.c.site_id == site_id).order_by(segments.c.folded_name.collate("C"))
    return [Segment(*row) for row in connection.execute(query)]


# Served by uq_segments_site_id_folded_name.
def find_segment(connection: Connection, site_id: int, name: str) -> Segment | None:
    """The site's segment of that name, without regard to case."""
    query = _select().where(segments.c.site_id == site_id, segments.c.folded_name == fold_name(name))
    row = connection.execute(query).first()
    return None if row is None else Segment(*row)


def create_segment(connection: Connection, site_id: int, name: str, filter_text: str, actor: str) -> Segment:
    """`filter_text` has been checked. Raises Conflict when the site has a segment of that name, or MAX_SEGMENTS."""
    connection.execute(LOCK_SITE_SEGMENTS, {"site_id": site_id})
    count = select(func.count()).where(segments.c.site_id == site_id)
    if connection.execute(count).scalar_one() >= MAX_SEGMENTS:
        raise Conflict(f"the site has {MAX_SEGMENTS} segments, the maximum; delete one first")
    segment_id = uuid.uuid4()
    row = {"id": segment_id, "site_id": site_id, "filter": filter_text, "owner": actor, **_names(name)}
    _write(connection, insert(segments).values(row), name)
    created = read_segment(connection, segment_id)
    _audit(connection, actor, "segment.create", created, created.definition)
    return created


def update_segment(connection: Connection, segment_id: uuid.UUID, changes: Mapping[str, str], actor: str) -> Segment:
    """The segment with these fields changed.

    Raises NotFound; Conflict for a name that is taken, a new name while a definition has the old one, and a filter with
    which a definition would have too many conditions.
    """
    before = read_segment(connection, segment_id, is_locked=True)
    uses = list_uses(connection, before.site_id, before.name)
    name = changes.get("name", before.name)
    if uses and fold_name(name) != fold_name(before.name):
        raise _in_use(before, "renamed", uses)
    values = {**_names(name), "filter": changes.get("filter", before.filter), "updated_at": func.now()}
    _write(connection, update(segments).where(segments.c.id == segment_id).values(values), name)
    for use in uses:
        _check_use(connection, before.site_id, use)
    after = read_segment(connection, segment_id)
    changed = {field: [old, after.definition[field]] for field, old in before.definition.items()}
    _audit(connection, actor, "segment.update", after, changed)
    return after


def delete_segment(connection: Connection, segment_id: uuid.UUID, actor: str) -> None:
    """Raises NotFound, and Conflict while a goal, a funnel or a schedule names it."""
    segment = read_segment(connection, segment_id, is_locked=True)
    if uses := list_uses(connection, segment.site_id, segment.name):
        raise _in_use(segment, "deleted", uses)
    connection.execute(delete(segments).where(segments.c.id == segment_id))
    _audit(connection, actor, "segment.delete", segment, segment.definition)


def _names(name: str) -> dict[str, str]:
    return {"name": name, "folded_name": fold_name(name)}


def _write(connection: Connection, statement: Any, name: str) -> None:
    """Raises Conflict for a name that another segment has."""
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError as error:
        detail = f"name: the site has a segment named {name!r} already, in capitals or not; choose another name"
        raise Conflict(detail) from error


def _check_use(connection: Connection, site_id: int, use: SegmentUse) -> None:
    try:
        expanded = [expand(connection, site_id, filter_text).text for filter_text in use.filters]
        check_total("its filters", expanded, "filter", EXAMPLE)
    except BadInput as error:
        detail = f"filter: {use.describe()} names the segment, and would have too many conditions; accepted: fewer "
        limits = f"conditions ({MAX_CONDITIONS} a filter, {MAX_TOTAL_CONDITIONS} in all), or change it first"
        raise Conflict(detail + limits) from error


def _in_use(segment: Segment, what: str, uses: list[SegmentUse]) -> Conflict:
    listed = [use.describe() for use in uses[:MAX_LISTED_USES]]
    more = f" and {len(uses) - MAX_LISTED_USES} more" if len(uses) > MAX_LISTED_USES else ""
    detail = f"the segment {segment.name!r} cannot be {what} while {', '.join(listed)}{more} name it; change them first"
    return Conflict(detail, [Problem(None, use.kind, "in_use", use.describe()) for use in uses[:MAX_LISTED_USES]])


def _audit(connection: Connection, actor: str, action: str, segment: Segment, detail: Mapping[str, Any]) -> None:
    write_audit_entry(connection, actor, action, segment.site_id, {"id": str(segment.id), **detail})

"""Samples by UTC hour: what a drained chunk adds to the rows of its hours, in the transaction that stores it.

A row for all samples of a name in the hour, and one for each set of tags. The site's row is locked, so that one drain
at a time reads an hour's rows, adds to them and writes them back; there are no deltas. An hour lists at most
MAX_TAG_SETS sets: further ones share a row without tags, and reports by tags count such an hour from raw samples.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.dialects.postgresql import insert

from analytics.rollups.sample_sketch import pack, unpack
from analytics.rollups.sample_tally import Point, Tally, tally, unite
from analytics.store.models import sample_names, sample_rollups
from analytics.store.samples import SampleRow

MAX_TAG_SETS = 1000
# Instead of a digest: of the row for all tags, and of those that found no room.
ALL, OTHER = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"


class Hour(NamedTuple):
    """An hour of one name."""

    site_id: int
    name: str
    hour: datetime


class Place(NamedTuple):
    """A row's key."""

    hour: Hour
    tags_id: str


class _Row(NamedTuple):
    tally: Tally
    tags: str | None
    tag_sets: int


def add_samples(connection: Connection, rows: Sequence[SampleRow]) -> None:
    """Adds stored samples to the hours they lie in. Their sites must be locked. Two queries and one write a chunk."""
    if not rows:
        return
    fresh = _by_hour(rows)
    asked = [Place(hour, tags_id) for hour, sets in fresh.items() for tags_id in (ALL, OTHER, *sets)]
    stored = _read(connection, asked)
    changed: dict[Place, _Row] = {}
    for hour, sets in fresh.items():
        changed |= _add(hour, sets, stored)
    _write(connection, changed)
    _count_names(connection, rows)


def _by_hour(rows: Iterable[SampleRow]) -> dict[Hour, dict[str, _Row]]:
    """Hour → set of tags → what the chunk adds."""
    points: defaultdict[tuple[Hour, str], list[Point]] = defaultdict(list)
    for row in rows:
        hour = Hour(row.site_id, row.name, row.ts.replace(minute=0, second=0, microsecond=0))
        points[hour, row.tags].append(Point(row.ts, row.value, row.kind))
    found: defaultdict[Hour, dict[str, _Row]] = defaultdict(dict)
    for (hour, tags), some in points.items():
        found[hour][tags_digest(tags)] = _Row(tally(some), tags, 0)
    return found


def _add(hour: Hour, sets: Mapping[str, _Row], stored: Mapping[Place, _Row]) -> dict[Place, _Row]:
    """The hour's changed rows: stored and fresh together."""
    whole = stored.get(Place(hour, ALL))
    listed = whole.tag_sets if whole else 0
    parts: defaultdict[Place, list[Tally]] = defaultdict(list)
    tags: dict[Place, str | None] = {}
    for tags_id, row in sets.items():
        place = Place(hour, tags_id)
        if place not in stored:
            if listed < MAX_TAG_SETS:
                listed += 1
            else:
                place = Place(hour, OTHER)
        parts[place].append(row.tally)
        tags[place] = None if place.tags_id == OTHER else row.tags
    parts[Place(hour, ALL)] = [row.tally for row in sets.values()]
    united = {
        place: unite([*some, *([stored[place].tally] if place in stored else ())]) for place, some in parts.items()
    }
    return {place: _Row(one, tags.get(place), listed) for place, one in united.items() if one}


@lru_cache(maxsize=16_384)
def tags_digest(tags: str) -> str:
    """What stands for the tags, as JSON with their names in order, in a key: half of a SHA-256."""
    found = hashlib.sha256(tags.encode()).hexdigest()
    return f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:32]}"


# By pk_sample_rollups, row by row, whatever the planner thinks of a young table.
READ = text("""
SELECT r.*
FROM unnest(CAST(:sites AS int[]), CAST(:names AS text[]), CAST(:hours AS timestamptz[]), CAST(:tags_ids AS uuid[]),
    CAST(:tagged AS boolean[])) AS given(site_id, name, hour, tags_id, tagged)
CROSS JOIN LATERAL (
    SELECT *
    FROM sample_rollups s
    WHERE s.site_id = given.site_id AND s.name = given.name AND s.tagged = given.tagged AND s.hour = given.hour
        AND s.tags_id = given.tags_id
    OFFSET 0
) AS r
""")


def _read(connection: Connection, asked: Sequence[Place]) -> dict[Place, _Row]:
    given = {
        "sites": [place.hour.site_id for place in asked],
        "names": [place.hour.name for place in asked],
        "hours": [place.hour.hour for place in asked],
        "tags_ids": [place.tags_id for place in asked],
        "tagged": [place.tags_id != ALL for place in asked],
    }
    return {
        Place(Hour(row["site_id"], row["name"], row["hour"].astimezone(UTC)), str(row["tags_id"])): _Row(
            read_tally(row), row["tags"], row["tag_sets"]
        )
        for row in connection.execute(READ, given).mappings()
    }


def read_tally(row: RowMapping | Mapping[str, Any]) -> Tally:
    """A row of the table as a tally."""
    sketch = unpack(row["sketch"])
    last = Point(row["last_at"].astimezone(UTC), row["last"], row["kind"] or "")
    return Tally(row["count"], row["sum"], row["min"], row["max"], row["first_at"].astimezone(UTC), last, sketch)


_adding = insert(sample_rollups)
# What it replaces was read under the site's lock, and is part of it.
WRITE = _adding.on_conflict_do_update(
    index_elements=[column.name for column in sample_rollups.primary_key],
    set_={column.name: _adding.excluded[column.name] for column in sample_rollups.c if not column.primary_key},
)


def _write(connection: Connection, changed: Mapping[Place, _Row]) -> None:
    connection.execute(WRITE, [_columns(place, row) for place, row in changed.items()])


def _columns(place: Place, row: _Row) -> dict[str, Any]:
    found, tagged = row.tally, place.tags_id != ALL
    return {
        **place.hour._asdict(),
        "tagged": tagged,
        "tags_id": place.tags_id,
        "tags": None if row.tags is None else msgspec.json.decode(row.tags),
        "first_at": found.first_at,
        "last_at": found.last.ts,
        "count": found.count,
        "tag_sets": 0 if tagged else row.tag_sets,
        "sum": found.sum,
        "min": found.min,
        "max": found.max,
        "last": found.last.value,
        "kind": found.last.kind or None,
        "sketch": pack(found.sketch),
    }


_naming = insert(sample_names)
NAME = _naming.on_conflict_do_update(
    index_elements=["site_id", "name"], set_={"count": sample_names.c.count + _naming.excluded.count}
)


def _count_names(connection: Connection, rows: Iterable[SampleRow]) -> None:
    counts = Counter((row.site_id, row.name) for row in rows)
    connection.execute(NAME, [{"site_id": site, "name": name, "count": n} for (site, name), n in counts.items()])


DELETE_ROLLUPS = text("DELETE FROM sample_rollups WHERE site_id = :site_id AND name = :name")
DELETE_NAME = text("DELETE FROM sample_names WHERE site_id = :site_id AND name = :name RETURNING count")


def delete_name(connection: Connection, site_id: int, name: str) -> int:
    """Forgets the name; how many samples it counted. The site must be locked."""
    given = {"site_id": site_id, "name": name}
    connection.execute(DELETE_ROLLUPS, given)
    return connection.execute(DELETE_NAME, given).scalar_one_or_none() or 0

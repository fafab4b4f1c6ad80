"""The only writer of `sample_rollups` and `sample_names`: adds a drained chunk's samples to the rows of their hours.

A row for all samples of a name in a UTC hour, and one for each set of tags. The drain calls it in the transaction that
stores the samples, with the site's row locked: one drain at a time reads an hour's rows and replaces them; there are no
deltas. An hour lists at most MAX_TAG_SETS sets: further ones share a row without tags, and reports by tags count such
an hour from raw samples.
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

from analytics.rollups.samples.sketch import decode_sketch, encode_sketch
from analytics.rollups.samples.summary import Point, SampleSummary, merge_summaries, summarize_points
from analytics.store.models import sample_names, sample_rollups
from analytics.store.samples import SampleRow

MAX_TAG_SETS = 1000
# In place of a digest: the row for all tags, and the row for sets beyond MAX_TAG_SETS.
ALL_TAGS_ID, OTHER_TAGS_ID = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"


class HourKey(NamedTuple):
    """An hour of one name."""

    site_id: int
    name: str
    hour: datetime


class SampleRollupKey(NamedTuple):
    """The key of a row."""

    hour: HourKey
    tags_id: str


class _Row(NamedTuple):
    summary: SampleSummary
    tags: str | None
    tag_sets: int


def add_samples(connection: Connection, rows: Sequence[SampleRow]) -> None:
    """Adds stored samples to the hours they lie in. Their sites must be locked. Two queries and one write a chunk."""
    if not rows:
        return
    added = _by_hour(rows)
    keys = [
        SampleRollupKey(hour, tags_id)
        for hour, sets in added.items()
        for tags_id in (ALL_TAGS_ID, OTHER_TAGS_ID, *sets)
    ]
    stored = _read(connection, keys)
    changed: dict[SampleRollupKey, _Row] = {}
    for hour, sets in added.items():
        changed |= _add(hour, sets, stored)
    _write(connection, changed)
    _count_names(connection, rows)


def _by_hour(rows: Iterable[SampleRow]) -> dict[HourKey, dict[str, _Row]]:
    """Hour → digest of tags → what the chunk adds."""
    points: defaultdict[tuple[HourKey, str], list[Point]] = defaultdict(list)
    for row in rows:
        hour = HourKey(row.site_id, row.name, row.ts.replace(minute=0, second=0, microsecond=0))
        points[hour, row.tags].append(Point(row.ts, row.value, row.kind))
    hours: defaultdict[HourKey, dict[str, _Row]] = defaultdict(dict)
    for (hour, tags), points_of_tags in points.items():
        hours[hour][tags_digest(tags)] = _Row(summarize_points(points_of_tags), tags, 0)
    return hours


def _add(
    hour: HourKey, sets: Mapping[str, _Row], stored: Mapping[SampleRollupKey, _Row]
) -> dict[SampleRollupKey, _Row]:
    """The hour's changed rows: stored and added samples together."""
    all_tags = stored.get(SampleRollupKey(hour, ALL_TAGS_ID))
    listed = all_tags.tag_sets if all_tags else 0
    parts: defaultdict[SampleRollupKey, list[SampleSummary]] = defaultdict(list)
    tags: dict[SampleRollupKey, str | None] = {}
    for tags_id, row in sets.items():
        key = SampleRollupKey(hour, tags_id)
        if key not in stored:
            if listed < MAX_TAG_SETS:
                listed += 1
            else:
                key = SampleRollupKey(hour, OTHER_TAGS_ID)
        parts[key].append(row.summary)
        tags[key] = None if key.tags_id == OTHER_TAGS_ID else row.tags
    parts[SampleRollupKey(hour, ALL_TAGS_ID)] = [row.summary for row in sets.values()]
    merged = {
        key: merge_summaries([*summaries, *([stored[key].summary] if key in stored else ())])
        for key, summaries in parts.items()
    }
    return {key: _Row(summary, tags.get(key), listed) for key, summary in merged.items() if summary}


@lru_cache(maxsize=16_384)
def tags_digest(tags: str) -> str:
    """The tags, as JSON with sorted names, as a key: half of a SHA-256, as a UUID."""
    digest = hashlib.sha256(tags.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


# By pk_sample_rollups, row by row, also on a new table without statistics.
READ = text("""
SELECT r.*
FROM unnest(CAST(:sites AS int[]), CAST(:names AS text[]), CAST(:hours AS timestamptz[]), CAST(:tags_ids AS uuid[]),
    CAST(:tagged AS boolean[])) AS k(site_id, name, hour, tags_id, tagged)
CROSS JOIN LATERAL (
    SELECT *
    FROM sample_rollups s
    WHERE s.site_id = k.site_id AND s.name = k.name AND s.tagged = k.tagged AND s.hour = k.hour
        AND s.tags_id = k.tags_id
    OFFSET 0
) AS r
""")


def _read(connection: Connection, keys: Sequence[SampleRollupKey]) -> dict[SampleRollupKey, _Row]:
    columns = {
        "sites": [key.hour.site_id for key in keys],
        "names": [key.hour.name for key in keys],
        "hours": [key.hour.hour for key in keys],
        "tags_ids": [key.tags_id for key in keys],
        "tagged": [key.tags_id != ALL_TAGS_ID for key in keys],
    }
    return {
        SampleRollupKey(HourKey(row["site_id"], row["name"], row["hour"].astimezone(UTC)), str(row["tags_id"])): _Row(
            summary_from_row(row), row["tags"], row["tag_sets"]
        )
        for row in connection.execute(READ, columns).mappings()
    }


def summary_from_row(row: RowMapping | Mapping[str, Any]) -> SampleSummary:
    """A row of `sample_rollups` as a SampleSummary."""
    sketch = decode_sketch(row["sketch"])
    last = Point(row["last_at"].astimezone(UTC), row["last"], row["kind"] or "")
    return SampleSummary(
        row["count"], row["sum"], row["min"], row["max"], row["first_at"].astimezone(UTC), last, sketch
    )


_adding = insert(sample_rollups)
# The replaced row was read under the site's lock, and is included in the new one.
WRITE = _adding.on_conflict_do_update(
    index_elements=[column.name for column in sample_rollups.primary_key],
    set_={column.name: _adding.excluded[column.name] for column in sample_rollups.c if not column.primary_key},
)


def _write(connection: Connection, changed: Mapping[SampleRollupKey, _Row]) -> None:
    connection.execute(WRITE, [_columns(key, row) for key, row in changed.items()])


def _columns(key: SampleRollupKey, row: _Row) -> dict[str, Any]:
    summary, tagged = row.summary, key.tags_id != ALL_TAGS_ID
    return {
        **key.hour._asdict(),
        "tagged": tagged,
        "tags_id": key.tags_id,
        "tags": None if row.tags is None else msgspec.json.decode(row.tags),
        "first_at": summary.first_at,
        "last_at": summary.last.ts,
        "count": summary.count,
        "tag_sets": 0 if tagged else row.tag_sets,
        "sum": summary.sum,
        "min": summary.min,
        "max": summary.max,
        "last": summary.last.value,
        "kind": summary.last.kind or None,
        "sketch": encode_sketch(summary.sketch),
    }


_naming = insert(sample_names)
COUNT_NAMES = _naming.on_conflict_do_update(
    index_elements=["site_id", "name"], set_={"count": sample_names.c.count + _naming.excluded.count}
)


def _count_names(connection: Connection, rows: Iterable[SampleRow]) -> None:
    counts = Counter((row.site_id, row.name) for row in rows)
    connection.execute(COUNT_NAMES, [{"site_id": site, "name": name, "count": n} for (site, name), n in counts.items()])


DELETE_ROLLUPS = text("DELETE FROM sample_rollups WHERE site_id = :site_id AND name = :name")
DELETE_NAME = text("DELETE FROM sample_names WHERE site_id = :site_id AND name = :name RETURNING count")


def delete_name(connection: Connection, site_id: int, name: str) -> int:
    """Deletes the name's rollups; how many samples it counted. The site must be locked."""
    key = {"site_id": site_id, "name": name}
    connection.execute(DELETE_ROLLUPS, key)
    return connection.execute(DELETE_NAME, key).scalar_one_or_none() or 0

"""Statistics of the samples of one metric in any period, also by bucket and by a tag. SELECT only.

The routes in views.py call it. Whole hours come from rollups. Raw samples are counted for an hour that the period cuts,
unless all its samples are inside, and in a report on tags for an hour with more sets of tags than rollups list. Where
raw samples are past retention, a cut moves to the start of its hour, and the response has the changed period.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, text

from analytics.rollups.samples.rollups import summary_from_row
from analytics.rollups.samples.sketch import BIN_SQL, BINS_PER_LOG, build_sketch_from_bins, percentiles
from analytics.rollups.samples.summary import Point, SampleSummary, merge_summaries
from analytics.store.planner import prefer_index_scans

Key = TypeVar("Key")
HOUR = timedelta(hours=1)
# 75: the percentile by which web vitals are judged.
PERCENTILES = (50, 75, 90, 95, 99)
# Floats hold all whole numbers up to here.
MAX_EXACT_INTEGER = 2**53

# Served by pk_sample_names, in its order.
SAMPLE_NAMES = text("SELECT name, count FROM sample_names WHERE site_id = :site_id ORDER BY name")


def read_sample_names(connection: Connection, site_id: int) -> tuple[int, list[str]]:
    """The number of samples the site ever stored, and their names in order. One query, O(names)."""
    rows = connection.execute(SAMPLE_NAMES, {"site_id": site_id}).all()
    return sum(count for _, count in rows), [name for name, _ in rows]


@dataclass(frozen=True, slots=True)
class SampleSelection:
    """The samples of a name with these tags; `group_by`: the tag whose values are groups (None: no groups)."""

    site_id: int
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    group_by: str | None = None

    @property
    def needs_tags(self) -> bool:
        return bool(self.tags) or self.group_by is not None

    def bind_parameters(self) -> dict[str, Any]:
        """The parameters of the queries, without the period."""
        tags = msgspec.json.encode(self.tags).decode()
        return {"site_id": self.site_id, "name": self.name, "tags": tags, "group": self.group_by}


class TallyKey(NamedTuple):
    """The number of the bucket, and the value of the tag; None for samples without it, or without group_by."""

    bucket: int
    tag: str | None


# Served by a range of pk_sample_rollups.
TAG_NAMES = text("""
SELECT DISTINCT jsonb_object_keys(tags) AS name
FROM sample_rollups
WHERE site_id = :site_id AND name = :name AND tagged AND hour > :start - interval '1 hour' AND hour < :end
    AND last_at >= :start AND first_at < :end AND tags @> CAST(:tags AS jsonb)
ORDER BY name
""")


def read_tag_names(connection: Connection, selection: SampleSelection, start: datetime, end: datetime) -> list[str]:
    """The names of the tags of the selected samples, in order. One query, O(hours * sets of tags).

    Of the sets of an hour beyond MAX_TAG_SETS it knows none.
    """
    bounds = {"start": start, "end": end}
    return list(connection.execute(TAG_NAMES, selection.bind_parameters() | bounds).scalars())


@dataclass(slots=True)
class SampleTallies:
    """The samples between the edges, by bucket and tag. `unknown_tags`: samples that are not counted because their
    tags are past retention."""

    edges: list[datetime]
    tallies: dict[TallyKey, SampleSummary]
    has_rollups: bool = False
    raw_hours: int = 0
    unknown_tags: int = 0

    def total(self) -> SampleSummary | None:
        return merge_summaries(self.tallies.values())

    def buckets(self) -> Iterator[tuple[datetime, datetime, SampleSummary | None]]:
        """Each bucket between two edges, also those without samples."""
        by_bucket: defaultdict[int, list[SampleSummary]] = defaultdict(list)
        for key, summary in self.tallies.items():
            by_bucket[key.bucket].append(summary)
        for number, (start, end) in enumerate(pairwise(self.edges)):
            yield start, end, merge_summaries(by_bucket[number])

    def groups(self) -> list[tuple[str | None, SampleSummary]]:
        """Value of the tag and its samples, the most samples first."""
        by_tag: defaultdict[str | None, list[SampleSummary]] = defaultdict(list)
        for key, summary in self.tallies.items():
            by_tag[key.tag].append(summary)
        return sorted(_merge_each(by_tag).items(), key=lambda group: (-group[1].count, group[0] or ""))


def tally_samples(
    connection: Connection, selection: SampleSelection, edges: Sequence[datetime], raw_since: datetime | None
) -> SampleTallies:
    """The samples from the first edge to the last, by the buckets between them. `raw_since`: as in Calendar.

    One query on rollups, O(hours * sets of tags); two on raw samples, O(samples of the hours that edges cut).
    """
    prefer_index_scans(connection)
    tallies = SampleTallies([_snap_edge(edge, raw_since) for edge in edges], {})
    summaries: defaultdict[TallyKey, list[SampleSummary]] = defaultdict(list)
    rows, raw_hours = _read_rollups(connection, selection, tallies, raw_since)
    for hour, row in rows:
        if hour not in raw_hours:
            key = TallyKey(_find_bucket(row.first_at, tallies.edges), row.tag)
            summaries[key].append(summary_from_row(row._mapping))
            tallies.has_rollups = True
    for key, summary in _tally_raw(connection, selection, _cut_hours(raw_hours, tallies.edges), tallies.edges):
        summaries[key].append(summary)
    tallies.raw_hours = len(raw_hours)
    tallies.tallies = _merge_each(summaries)
    return tallies


def _read_rollups(
    connection: Connection, selection: SampleSelection, tallies: SampleTallies, raw_since: datetime | None
) -> tuple[list[tuple[datetime, Any]], set[datetime]]:
    """Rows with their hour, and the hours that must be counted from raw samples; counts `unknown_tags`."""
    edges, rows, raw_hours = tallies.edges, list[tuple[datetime, Any]](), set[datetime]()
    bounds = {"start": edges[0], "end": edges[-1], "by_tags": selection.needs_tags}
    for row in connection.execute(SAMPLE_ROLLUPS, selection.bind_parameters() | bounds):
        hour, has_raw = row.hour.astimezone(UTC), raw_since is None or row.hour >= raw_since
        if row.last_at < edges[0] or row.first_at >= edges[-1]:
            continue
        if row.unlisted and not has_raw:
            tallies.unknown_tags += row._mapping["count"]
        elif row.unlisted or not _is_in_one_bucket(row, edges):
            raw_hours.add(hour)
        else:
            rows.append((hour, row))
    return rows, raw_hours


def _merge_each(summaries: Mapping[Key, Sequence[SampleSummary]]) -> dict[Key, SampleSummary]:
    merged = {key: merge_summaries(parts) for key, parts in summaries.items()}
    return {key: summary for key, summary in merged.items() if summary}


def build_statistics(summary: SampleSummary | None) -> dict[str, Any]:
    """The fields of schemas.SampleStatistics; without samples zeros, and null where no number would be true."""
    if summary is None:
        nulls = ("average", "min", "max", "last", "kind", *(f"p{p}" for p in PERCENTILES))
        return {"count": 0, "sum": 0, **dict.fromkeys(nulls)}
    low, high = float(summary.min), float(summary.max)
    quantiles = percentiles(summary.sketch, PERCENTILES, low, high)
    return {
        "count": summary.count,
        "sum": to_json_number(summary.sum),
        "average": to_json_number(summary.sum / summary.count),
        "min": to_json_number(summary.min),
        "max": to_json_number(summary.max),
        "last": to_json_number(summary.last.value),
        "kind": summary.last.kind or None,
        **{f"p{p}": value for p, value in zip(PERCENTILES, quantiles, strict=True)},
    }


def to_json_number(value: Decimal) -> int | float:
    """A whole number where the value is one that a float can hold, else the nearest float."""
    return int(value) if abs(value) <= MAX_EXACT_INTEGER and value == value.to_integral_value() else float(value)


# Served by a range of pk_sample_rollups.
SAMPLE_ROLLUPS = text("""
SELECT hour, tags ->> CAST(:group AS text) AS tag, tagged AND tags IS NULL AS unlisted, first_at, last_at,
    count, sum, min, max, last, kind, sketch
FROM sample_rollups
WHERE site_id = :site_id AND name = :name AND tagged = :by_tags AND hour > :start - interval '1 hour' AND hour < :end
    AND (tags IS NULL OR tags @> CAST(:tags AS jsonb))
""")


def _snap_edge(edge: datetime, raw_since: datetime | None) -> datetime:
    """The edge; the start of its hour where raw samples are past retention."""
    hour = edge.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return edge if raw_since is None or hour >= raw_since else hour


def _find_bucket(instant: datetime, edges: Sequence[datetime]) -> int:
    """The number of the bucket that holds the instant; -1 before all buckets, their number after all."""
    return bisect_right(edges, instant) - 1


def _is_in_one_bucket(row: Any, edges: Sequence[datetime]) -> bool:
    """All samples of the row lie in the same bucket."""
    number = _find_bucket(row.first_at, edges)
    return 0 <= number < len(edges) - 1 and row.last_at < edges[number + 1]


def _cut_hours(hours: set[datetime], edges: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """The hours as pieces that each lie in one bucket."""
    pieces: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        first, last = max(hour, edges[0]), min(hour + HOUR, edges[-1])
        inside = [edge for edge in edges[1:-1] if first < edge < last]
        pieces += [piece for piece in pairwise([first, *inside, last]) if piece[0] < piece[1]]
    return pieces


# Served by ix_samples_site_id_name_ts, a range for each piece. Rows are bins: some hundred for any number of samples.
RAW_TALLIES = f"""
SELECT piece.n, s.tags ->> CAST(:group AS text) AS tag, {BIN_SQL} AS bin,
    count(*), sum(s.value), min(s.value), max(s.value), min(s.ts), max(s.ts)
FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) WITH ORDINALITY AS piece(start, "end", n)
CROSS JOIN LATERAL (
    SELECT ts, value, CAST(value AS double precision) AS number, tags
    FROM samples
    WHERE site_id = :site_id AND name = :name AND ts >= piece.start AND ts < piece."end"
        AND {{tags_clause}}
    OFFSET 0
) AS s
GROUP BY 1, 2, 3
"""  # noqa: S608  # of constants
# The containment costs a quarter of the query, so samples of any tags are read without it.
RAW_TALLIES_OF_TAGS = text(RAW_TALLIES.format(tags_clause="tags @> CAST(:tags AS jsonb)"))
RAW_TALLIES_OF_ALL = text(RAW_TALLIES.format(tags_clause="true"))
# Served by the same index: of the samples at the last instant of each key, the greatest.
LAST_VALUES = text("""
SELECT s.value, coalesce(s.kind, '')
FROM unnest(CAST(:instants AS timestamptz[]), CAST(:tag_values AS text[])) WITH ORDINALITY AS point(ts, tag, n)
CROSS JOIN LATERAL (
    SELECT value, kind
    FROM samples
    WHERE site_id = :site_id AND name = :name AND ts = point.ts AND tags @> CAST(:tags AS jsonb)
        AND tags ->> CAST(:group AS text) IS NOT DISTINCT FROM point.tag
    ORDER BY value DESC, coalesce(kind, '') DESC
    LIMIT 1
) AS s
ORDER BY point.n
""")


def _tally_raw(
    connection: Connection,
    selection: SampleSelection,
    pieces: Sequence[tuple[datetime, datetime]],
    edges: Sequence[datetime],
) -> Iterator[tuple[TallyKey, SampleSummary]]:
    if not pieces:
        return
    merged = _merge_each(_read_raw_bins(connection, selection, pieces))
    ends = {"instants": [summary.last.ts for summary in merged.values()], "tag_values": [tag for _, tag in merged]}
    values = connection.execute(LAST_VALUES, selection.bind_parameters() | ends).all()
    for ((piece, tag), summary), (value, kind) in zip(merged.items(), values, strict=True):
        summary.last = Point(summary.last.ts, value, kind)
        yield TallyKey(_find_bucket(pieces[piece][0], edges), tag), summary


def _read_raw_bins(
    connection: Connection, selection: SampleSelection, pieces: Sequence[tuple[datetime, datetime]]
) -> Mapping[tuple[int, str | None], list[SampleSummary]]:
    """(number of the piece, tag) → a summary of each bin, without its last value."""
    bounds = {"starts": [start for start, _ in pieces], "ends": [end for _, end in pieces], "per_log": BINS_PER_LOG}
    summaries: defaultdict[tuple[int, str | None], list[SampleSummary]] = defaultdict(list)
    query = RAW_TALLIES_OF_TAGS if selection.tags else RAW_TALLIES_OF_ALL
    for n, tag, bin_number, count, total, low, high, first_at, last_at in connection.execute(
        query, selection.bind_parameters() | bounds
    ):
        last, sketch = Point(last_at.astimezone(UTC), low, ""), build_sketch_from_bins({bin_number: count})
        summaries[n - 1, tag].append(SampleSummary(count, total, low, high, first_at.astimezone(UTC), last, sketch))
    return summaries

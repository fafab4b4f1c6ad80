"""Samples of one name: figures of any stretch of time, also in parts and by a tag. SELECT only.

Whole hours come from their rollups. An hour that the stretch cuts is counted from raw samples, unless all that is in it
lies inside; so is an hour that had more sets of tags than rollups list, where tags are asked for. Where raw samples are
past retention, a cut moves to the beginning of its hour, and the answer's period says so.
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

from analytics.rollups.sample_rollups import read_tally
from analytics.rollups.sample_sketch import BIN, PER_LOG, percentiles, sketch_of_bins
from analytics.rollups.sample_tally import Point, Tally, unite

Key = TypeVar("Key")
HOUR = timedelta(hours=1)
PERCENTILES = (50, 90, 95, 99)
# Floats hold whole numbers up to here.
WHOLE = 2**53

# pk_sample_names, whose order this is.
NAMES = text("SELECT name, count FROM sample_names WHERE site_id = :site_id ORDER BY name")


def sample_totals(connection: Connection, site_id: int) -> tuple[int, list[str]]:
    """How many samples the site ever stored, and the names they have, in order."""
    rows = connection.execute(NAMES, {"site_id": site_id}).all()
    return sum(count for _, count in rows), [name for name, _ in rows]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which samples: of the name, with these tags; and the tag whose values are told apart (None: none is)."""

    site_id: int
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    group_by: str | None = None

    @property
    def by_tags(self) -> bool:
        return bool(self.tags) or self.group_by is not None

    def bound(self) -> dict[str, Any]:
        """What the queries ask for, but for the time."""
        tags = msgspec.json.encode(self.tags).decode()
        return {"site_id": self.site_id, "name": self.name, "tags": tags, "group": self.group_by}


class Part(NamedTuple):
    """Which stretch between two edges, and the value of the tag; None where samples have none, or none is asked for."""

    stretch: int
    tag: str | None


@dataclass(slots=True)
class Counted:
    """What lies between the edges, by part. `unknown`: samples whose tags are not known any more, and not counted."""

    edges: list[datetime]
    parts: dict[Part, Tally]
    rolled_up: bool = False
    raw_hours: int = 0
    unknown: int = 0

    def total(self) -> Tally | None:
        return unite(self.parts.values())

    def stretches(self) -> Iterator[tuple[datetime, datetime, Tally | None]]:
        """Each stretch between two edges, those without samples too."""
        found: defaultdict[int, list[Tally]] = defaultdict(list)
        for part, one in self.parts.items():
            found[part.stretch].append(one)
        for number, (start, end) in enumerate(pairwise(self.edges)):
            yield start, end, unite(found[number])

    def groups(self) -> list[tuple[str | None, Tally]]:
        """Values of the tag with what they have, the most samples first."""
        found: defaultdict[str | None, list[Tally]] = defaultdict(list)
        for part, one in self.parts.items():
            found[part.tag].append(one)
        united = _united(found).items()
        return sorted(united, key=lambda group: (-group[1].count, group[0] or ""))


def count_samples(
    connection: Connection, wanted: Wanted, edges: Sequence[datetime], raw_since: datetime | None
) -> Counted:
    """Samples from the first edge to the last, in the stretches between them. `raw_since`: as the site says."""
    connection.execute(BY_INDEX)
    counted = Counted([_snapped(edge, raw_since) for edge in edges], {})
    found: defaultdict[Part, list[Tally]] = defaultdict(list)
    cut = set[datetime]()
    rows = []
    for row in connection.execute(ROLLED_UP, {**wanted.bound(), **_ends(counted.edges), "by_tags": wanted.by_tags}):
        hour, kept = row.hour.astimezone(UTC), raw_since is None or row.hour >= raw_since
        if row.last_at < counted.edges[0] or row.first_at >= counted.edges[-1]:
            continue
        if row.unlisted and not kept:
            counted.unknown += row._mapping["count"]
        elif row.unlisted or not _lies_within(row, counted.edges):
            cut.add(hour)
        else:
            rows.append((hour, row))
    for hour, row in rows:
        if hour not in cut:
            found[Part(_stretch(row.first_at, counted.edges), row.tag)].append(read_tally(row._mapping))
            counted.rolled_up = True
    for part, one in _count_raw(connection, wanted, _cuts(cut, counted.edges), counted.edges):
        found[part].append(one)
    counted.raw_hours = len(cut)
    counted.parts = _united(found)
    return counted


def _united(found: Mapping[Key, Sequence[Tally]]) -> dict[Key, Tally]:
    united = {key: unite(some) for key, some in found.items()}
    return {key: one for key, one in united.items() if one}


def figures(found: Tally | None) -> dict[str, Any]:
    """What an answer shows of them; of none, zeros, and null where no number would be true."""
    shown: dict[str, Any] = dict.fromkeys(("count", "sum"), 0)
    if found is None:
        nothing = ("average", "min", "max", "last", "kind", *(f"p{p}" for p in PERCENTILES))
        return shown | dict.fromkeys(nothing)
    low, high = float(found.min), float(found.max)
    middles = [min(max(value, low), high) for value in percentiles(found.sketch, PERCENTILES)]
    return {
        "count": found.count,
        "sum": number(found.sum),
        "average": number(found.sum / found.count),
        "min": number(found.min),
        "max": number(found.max),
        "last": number(found.last.value),
        "kind": found.last.kind or None,
        **{f"p{p}": value for p, value in zip(PERCENTILES, middles, strict=True)},
    }


def number(value: Decimal) -> int | float:
    """As JSON has it: a whole number where it is one and a float could hold it, else the nearest float."""
    return int(value) if abs(value) <= WHOLE and value == value.to_integral_value() else float(value)


# The statistics of young tables would have the planner read all of them; compiling takes longer than running.
BY_INDEX = text("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
# A range of pk_sample_rollups.
ROLLED_UP = text("""
SELECT hour, tags ->> CAST(:group AS text) AS tag, tagged AND tags IS NULL AS unlisted, first_at, last_at,
    count, sum, min, max, last, kind, sketch
FROM sample_rollups
WHERE site_id = :site_id AND name = :name AND tagged = :by_tags AND hour > :start - interval '1 hour' AND hour < :end
    AND (tags IS NULL OR tags @> CAST(:tags AS jsonb))
""")


def _ends(edges: Sequence[datetime]) -> dict[str, datetime]:
    return {"start": edges[0], "end": edges[-1]}


def _snapped(edge: datetime, raw_since: datetime | None) -> datetime:
    hour = _hour(edge)
    return edge if raw_since is None or hour >= raw_since else hour


def _hour(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _stretch(instant: datetime, edges: Sequence[datetime]) -> int:
    """The number of the stretch that holds it; -1, or the number of all, outside."""
    return bisect_right(edges, instant) - 1


def _lies_within(row: Any, edges: Sequence[datetime]) -> bool:
    """Whether all samples of the row lie in one stretch."""
    number = _stretch(row.first_at, edges)
    return 0 <= number < len(edges) - 1 and row.last_at < edges[number + 1]


def _cuts(hours: set[datetime], edges: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Those hours, in pieces that each lie in one stretch."""
    found: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        first, last = max(hour, edges[0]), min(hour + HOUR, edges[-1])
        inside = [edge for edge in edges[1:-1] if first < edge < last]
        found += [piece for piece in pairwise([first, *inside, last]) if piece[0] < piece[1]]
    return found


# ix_samples_site_id_name_ts, a range for each piece. A bin a row: some hundred for any number of samples.
RAW = text(f"""
SELECT given.n, s.tags ->> CAST(:group AS text) AS tag, {BIN} AS bin,
    count(*), sum(s.value), min(s.value), max(s.value), min(s.ts), max(s.ts)
FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) WITH ORDINALITY AS given(start, "end", n)
CROSS JOIN LATERAL (
    SELECT ts, value, tags
    FROM samples
    WHERE site_id = :site_id AND name = :name AND ts >= given.start AND ts < given."end"
        AND tags @> CAST(:tags AS jsonb)
    OFFSET 0
) AS s
GROUP BY 1, 2, 3
""")  # noqa: S608 - BIN is a constant of ours.
# The same index: of the samples at the last instant of each part, the greatest.
LAST = text("""
SELECT s.value, coalesce(s.kind, '')
FROM unnest(CAST(:instants AS timestamptz[]), CAST(:asked AS text[])) WITH ORDINALITY AS given(ts, tag, n)
CROSS JOIN LATERAL (
    SELECT value, kind
    FROM samples
    WHERE site_id = :site_id AND name = :name AND ts = given.ts AND tags @> CAST(:tags AS jsonb)
        AND tags ->> CAST(:group AS text) IS NOT DISTINCT FROM given.tag
    ORDER BY value DESC, coalesce(kind, '') DESC
    LIMIT 1
) AS s
ORDER BY given.n
""")


def _count_raw(
    connection: Connection, wanted: Wanted, pieces: Sequence[tuple[datetime, datetime]], edges: Sequence[datetime]
) -> Iterator[tuple[Part, Tally]]:
    if not pieces:
        return
    given = {"starts": [start for start, _ in pieces], "ends": [end for _, end in pieces], "per_log": PER_LOG}
    found: defaultdict[tuple[int, str | None], list[Tally]] = defaultdict(list)
    for n, tag, number, count, total, least, most, first_at, last_at in connection.execute(RAW, wanted.bound() | given):
        last = Point(last_at.astimezone(UTC), least, "")
        one = Tally(count, total, least, most, first_at.astimezone(UTC), last, sketch_of_bins({number: count}))
        found[n - 1, tag].append(one)
    united = _united(found)
    asked = {"instants": [one.last.ts for one in united.values()], "asked": [tag for _, tag in united]}
    lasts = connection.execute(LAST, wanted.bound() | asked).all()
    for (place, tag), (value, kind) in zip(united, lasts, strict=True):
        one = united[place, tag]
        one.last = Point(one.last.ts, value, kind)
        yield Part(_stretch(pieces[place][0], edges), tag), one

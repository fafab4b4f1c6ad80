"""The counts of values that a report names: what a page of a long list shows. Only their bitmaps are read."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from analytics.rollups import users
from analytics.rollups.delta import Count
from analytics.rollups.reading import ROWS, Asked, Snapshot
from analytics.rollups.spans import DAY, whole
from analytics.rollups.users import as_date, as_int, as_text

# As reading.COUNTS, by pk_rollups.
NAMED = "SELECT value, events, users" + ROWS + "WHERE value = ANY(%(values)s::text[])"


def counts_of(
    found: Snapshot, dimension: str, values: Sequence[str], first: date, after: date, **asked: Any
) -> dict[str, Count]:
    """Value → its Count; no entry for one that was not there. One query, O(rows of the dimension), as Snapshot.top."""
    wanted = Asked(first, after, **asked)
    counts: dict[str, Count] = defaultdict(Count)
    for value, events, stored in found.read(NAMED, [dimension], wanted, found.cover(wanted), values=list(values)):
        counts[as_text(value or b"")].add(Count(as_int(events or b""), users.unpack(stored or b"")))
    for key, count in found.fresh([dimension], wanted).items():
        if key.value in values:
            counts[key.value].add(count)
    return dict(counts)


# As reading.COUNTS, by pk_rollups.
DAYS = "SELECT day, events, users" + ROWS + "WHERE value = %(value)s"


def days_of(
    found: Snapshot, dimension: str, value: str, first: date, after: date, **asked: Any
) -> dict[date, Count]:  # fmt: skip
    """Day → the Count of the value; no entry for a day without it. One query, O(rows of the dimension)."""
    wanted = Asked(first, after, **asked)
    days = list(whole(DAY, first, after))
    counts: dict[date, Count] = defaultdict(Count)
    for day, events, stored in found.read(DAYS, [dimension], wanted, days, value=value):
        counts[as_date(day or b"")].add(Count(as_int(events or b""), users.unpack(stored or b"")))
    for key, count in found.fresh([dimension], wanted).items():
        if key.value == value:
            counts[key.day].add(count)
    return dict(counts)

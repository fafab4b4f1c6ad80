"""Buckets of a time series (buckets.py) in SQL of DuckDB: the number of the bucket that holds an instant.

The column sources of query/ and insights/ call it. It compares instants alone, so it asks for no zone.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import gcd

import pyarrow as pa

from analytics.columnar.read import ColumnReader, to_microseconds
from analytics.period import Period
from analytics.reports.buckets import split_period

# Buckets are looked up by a part of the time that divides all their edges, where it does not have more parts: some
# zones of the past began their days at odd seconds.
MOST_PARTS = 1_000_000


def bucket_starts(period: Period, unit: str) -> list[int]:
    """Where the buckets of `split_period(period, unit)` begin, in microseconds since 1970."""
    return [to_microseconds(bucket.start) for bucket in split_period(period, unit)]


def find_bucket(reader: ColumnReader, time: str, period: Period, starts: Sequence[int]) -> tuple[str, str]:
    """The expression of a row's bucket, from 0, and the join that it needs."""
    if len(starts) == 1:
        return "0", ""
    # A day that the zone skipped has a bucket of no length, and the one that begins with it takes its place.
    edges = list(pairwise([*starts, to_microseconds(period.end)]))
    part = gcd(*starts[1:])
    if edges[-1][1] // part - starts[0] // part > MOST_PARTS:
        begins, ends = (pa.array(column, pa.int64()) for column in zip(*edges, strict=True))
        table = pa.table({"bucket": range(len(edges)), "begins": begins, "ends": ends})
        return "bucket", f"JOIN {reader.add_table(table)} ON {time} >= begins AND {time} < ends"
    numbers: dict[int, int] = {}
    for number, (start, after) in enumerate(edges):
        numbers |= dict.fromkeys(range(start // part, -(-after // part)), number)
    table = pa.table({"part": pa.array(numbers, pa.int64()), "bucket": pa.array(numbers.values(), pa.int32())})
    return "bucket", f"JOIN {reader.add_table(table)} ON part = {time} // {part}"

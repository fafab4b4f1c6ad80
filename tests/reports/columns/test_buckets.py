"""Buckets in columns: each instant is in the bucket of `split_period` that holds it."""

import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest

from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader, to_microseconds
from analytics.period import Period
from analytics.reports.buckets import split_period
from analytics.reports.columns.buckets import bucket_starts, find_bucket


@pytest.mark.parametrize("unit", ["all", "hour", "day", "week", "month"])
@pytest.mark.parametrize(
    ("zone", "start", "days"),
    [
        # Clocks move, days are skipped, and days begin 44 minutes and 30 seconds before those of UTC, but for a second.
        ("Europe/Berlin", "2026-03-27T12:34:56.789+00:00", 5),
        ("Asia/Kathmandu", "2026-03-01T00:00:01+00:00", 31),
        ("Pacific/Apia", "2011-12-28T10:00:00+00:00", 4),
        ("Africa/Monrovia", "1970-06-01T00:00:00+00:00", 366),
        ("Africa/Monrovia", "1919-02-01T00:00:00+00:00", 60),
    ],
)
def test_an_instant_is_in_the_bucket_that_holds_it(tmp_path: Any, unit: str, zone: str, start: str, days: int) -> None:
    first = datetime.fromisoformat(start).astimezone(UTC)
    period = Period(first, first + timedelta(days=days), ZoneInfo(zone))
    starts = [to_microseconds(bucket.start) for bucket in split_period(period, unit)]
    end, chance = to_microseconds(period.end), random.Random(1)
    edges = [instant for edge in starts for instant in (edge - 1, edge, edge + 1) if starts[0] <= instant < end]
    instants = [*edges, end - 1, *(chance.randrange(starts[0], end) for _ in range(100))]
    with duckdb.connect() as database:
        connection: Any = None
        reader = ColumnReader(connection, database, LocalFiles(tmp_path, 1 << 20), 1, ZoneInfo("UTC"))
        rows = reader.add_table(pa.table({"ts": pa.array(instants, pa.int64())}))
        bucket, join = find_bucket(reader, "ts", period, bucket_starts(period, unit))
        found = dict(reader.execute(f"SELECT ts, {bucket} FROM {rows} {join}"))
    assert found == {instant: bisect_right(starts, instant) - 1 for instant in instants}

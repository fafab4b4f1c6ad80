"""Partitions of the raw tables: created ahead and on demand, listed, dropped. Names end in p20261123 (days) or m201505.

A day long past gets one partition for its whole month, so that imported history, or a caller who spreads events over
ten years, makes a hundred tables and not thousands. Drains and maintenance create, retention drops. Reads no row.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics.clock import utc_midnight
from analytics.store.models import PARTITION_COLUMNS

PARTITION_LOCK_ID = 7_205_320
# Older days share a partition with their month.
MONTHLY_AFTER_DAYS = 62
DAYS_AHEAD = 3

# Catalogue only: one row a partition.
LIST_PARTITIONS = text("""
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST(:parent AS regclass)
""")


class PartitionRange(NamedTuple):
    """`[start, end)` in UTC days."""

    start: date
    end: date

    def contains(self, day: date) -> bool:
        return self.start <= day < self.end

    def overlaps(self, other: "PartitionRange") -> bool:
        return self.start < other.end and other.start < self.end


def list_partitions(connection: Connection, table: str) -> dict[str, PartitionRange]:
    """Name → range of each partition of `table`."""
    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    ranges = {}
    for name, bound in connection.execute(LIST_PARTITIONS, {"parent": table}):
        # A partition that another transaction is dropping has no bound any more.
        if days := re.findall(r"'(\d{4}-\d\d-\d\d)[^']*'", bound or ""):
            ranges[name] = PartitionRange(*(date.fromisoformat(day) for day in days[:2]))
    return ranges


class StoredPartition(NamedTuple):
    """A partition that holds rows: its `[start, end)`, and its bytes without indexes."""

    start: datetime
    end: datetime
    bytes: int


# File sizes, no rows. A partition that was dropped a moment ago has none.
READ_PARTITION_SIZES = text("""
SELECT name, coalesce(pg_relation_size(to_regclass(name)), 0)
FROM unnest(CAST(:names AS text[])) AS name
""")


def list_stored_partitions(connection: Connection, table: str) -> list[StoredPartition]:
    """The partitions of `table` that hold rows, in order of time. Two catalogue queries."""
    ranges = list_partitions(connection, table)
    sizes = connection.execute(READ_PARTITION_SIZES, {"names": list(ranges)}).all()
    return sorted(
        StoredPartition(utc_midnight(ranges[name].start), utc_midnight(ranges[name].end), size)
        for name, size in sizes
        if size
    )


def ensure(
    engine: Engine, table: str, days: Iterable[date], today: date, partition_days: int = 1
) -> list[PartitionRange]:
    """Creates the missing partitions of `days`, in a transaction of its own; returns all ranges. Idempotent.

    The new table is attached rather than created in place: attaching does not block readers and writers of the others.
    """
    with engine.begin() as connection:
        ranges = list(list_partitions(connection, table).values())
        missing = [day for day in sorted(set(days)) if not any(existing.contains(day) for existing in ranges)]
        if missing:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PARTITION_LOCK_ID})
            ranges = list(list_partitions(connection, table).values())
        for day in missing:
            if not any(existing.contains(day) for existing in ranges):
                ranges.append(_create(connection, table, day, today, partition_days, ranges))
    return ranges


def create_ahead(engine: Engine, now: datetime, partition_days: int = 1) -> int:
    """Creates the partitions of yesterday, today and the next days in every partitioned table; how many days."""
    today = now.astimezone(UTC).date()
    days = [today + timedelta(days=n) for n in range(-1, DAYS_AHEAD + 1)]
    for table in PARTITION_COLUMNS:
        ensure(engine, table, days, today, partition_days)
    return len(days)


# A drop that waits for its lock blocks every reader and writer of the table, so it waits briefly. Shorter than
# PostgreSQL's deadlock_timeout (1 s): in a deadlock we give up first, and the others continue.
SET_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '800ms'")
PARTITION_NAME = re.compile(r"[a-z_]+_[pm]\d{6,8}")


def set_lock_timeout(connection: Connection) -> None:
    """For the rest of the transaction: a lock that is not granted soon raises OperationalError."""
    connection.execute(SET_LOCK_TIMEOUT)


def exists(connection: Connection, name: str) -> bool:
    """Whether the table exists."""
    return connection.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name}) is True


def block_writes(connection: Connection, name: str) -> None:
    """Until the transaction ends nobody else writes to the partition; readers are not blocked."""
    connection.execute(text(f"LOCK TABLE {_checked(name)} IN SHARE MODE"))


def drop(connection: Connection, name: str) -> None:
    """Drops the partition, if it exists: files are unlinked, no row is read."""
    connection.execute(text(f"DROP TABLE IF EXISTS {_checked(name)}"))


def _checked(name: str) -> str:
    if not PARTITION_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a partition, such as events_p20261123")
    return name


def _create(
    connection: Connection, table: str, day: date, today: date, partition_days: int, existing: list[PartitionRange]
) -> PartitionRange:
    days = _range_for(day, today, partition_days, existing)
    is_month = days.start.day == 1 and (days.end - days.start).days > partition_days
    name = f"{table}_m{days.start:%Y%m}" if is_month else f"{table}_p{days.start:%Y%m%d}"
    # DDL takes no parameters: `table` is a constant of ours, the rest comes from date objects.
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
    connection.execute(
        text(
            f"ALTER TABLE {table} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{days.start} 00:00:00+00') TO ('{days.end} 00:00:00+00')"
        )
    )
    return days


def _range_for(day: date, today: date, partition_days: int, existing: list[PartitionRange]) -> PartitionRange:
    """The widest range allowed for `day` that overlaps no existing one; at the least the day itself."""
    if day < today - timedelta(days=MONTHLY_AFTER_DAYS):
        first = day.replace(day=1)
        widest = PartitionRange(first, (first + timedelta(days=32)).replace(day=1))
    else:
        start = day - timedelta(days=day.toordinal() % partition_days)
        widest = PartitionRange(start, start + timedelta(days=partition_days))
    if any(widest.overlaps(other) for other in existing):
        return PartitionRange(day, day + timedelta(days=1))
    return widest

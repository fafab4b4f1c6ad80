"""Partitions of the raw tables: made ahead of time and on demand. Names end in p20261123 (days) or m201505 (a month).

A day long past gets its whole month in one partition, so that imported history, or a caller who spreads events over
ten years, makes a hundred tables and not thousands.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics.store.models import PARTITIONED

PARTITION_LOCK = 7_205_320
# A month older than this is one partition.
MONTHLY_AFTER_DAYS = 62
DAYS_AHEAD = 3

# Reads the catalogue only: one row a partition.
LIST_PARTITIONS = text("""
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST(:parent AS regclass)
""")


class Range(NamedTuple):
    """`[start, end)` in UTC days."""

    start: date
    end: date

    def covers(self, day: date) -> bool:
        return self.start <= day < self.end

    def overlaps(self, other: "Range") -> bool:
        return self.start < other.end and other.start < self.end


def list_partitions(connection: Connection, table: str) -> dict[str, Range]:
    """Name → range of each partition of `table`."""
    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    found = {}
    for name, bound in connection.execute(LIST_PARTITIONS, {"parent": table}):
        # A partition that is dropped just now has no bound any more.
        if days := re.findall(r"'(\d{4}-\d\d-\d\d)[^']*'", bound or ""):
            found[name] = Range(*(date.fromisoformat(day) for day in days[:2]))
    return found


def ensure(engine: Engine, table: str, days: Iterable[date], today: date, partition_days: int = 1) -> list[Range]:
    """Makes what is missing for `days`, in a transaction of its own; returns the ranges that cover them. Idempotent.

    The new table is attached rather than created in place: attaching does not stop readers and writers of the others.
    """
    with engine.begin() as connection:
        known = list(list_partitions(connection, table).values())
        missing = [day for day in sorted(set(days)) if not any(has.covers(day) for has in known)]
        if missing:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PARTITION_LOCK})
            known = list(list_partitions(connection, table).values())
        for day in missing:
            if not any(has.covers(day) for has in known):
                known.append(_make(connection, table, day, today, partition_days, known))
    return known


def make_ahead(engine: Engine, now: datetime, partition_days: int = 1) -> int:
    """Today's and the next days' partitions of every partitioned table; how many days are covered now."""
    today = now.astimezone(UTC).date()
    days = [today + timedelta(days=n) for n in range(-1, DAYS_AHEAD + 1)]
    for table in PARTITIONED:
        ensure(engine, table, days, today, partition_days)
    return len(days)


# A drop stops every reader and writer of the table while it waits; so it waits this long and no longer. Shorter than
# PostgreSQL's deadlock_timeout: whoever else waits for what we hold goes on, and we are the one to give up.
LIMIT_WAITING = text("SET LOCAL lock_timeout = '800ms'")
NAME = re.compile(r"[a-z_]+_[pm]\d{6,8}")


def limit_waiting(connection: Connection) -> None:
    """For the rest of the transaction: a lock that is not to be had soon raises OperationalError."""
    connection.execute(LIMIT_WAITING)


def exists(connection: Connection, name: str) -> bool:
    """Whether there is a table of that name."""
    return connection.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name}) is True


def hold_writers(connection: Connection, name: str) -> None:
    """Until the end of the transaction the partition is read and not written."""
    connection.execute(text(f"LOCK TABLE {_checked(name)} IN SHARE MODE"))


def drop(connection: Connection, name: str) -> None:
    """Drops the partition: files are unlinked, no row is read. None of that name: nothing happens."""
    connection.execute(text(f"DROP TABLE IF EXISTS {_checked(name)}"))


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no partition of ours")
    return name


def _make(connection: Connection, table: str, day: date, today: date, partition_days: int, known: list[Range]) -> Range:
    span = _range_for(day, today, partition_days, known)
    monthly = span.start.day == 1 and (span.end - span.start).days > partition_days
    name = f"{table}_m{span.start:%Y%m}" if monthly else f"{table}_p{span.start:%Y%m%d}"
    # Names and dates come from `table` (a constant of ours) and from date objects; DDL takes no parameters.
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
    connection.execute(
        text(
            f"ALTER TABLE {table} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{span.start} 00:00:00+00') TO ('{span.end} 00:00:00+00')"
        )
    )
    return span


def _range_for(day: date, today: date, partition_days: int, known: list[Range]) -> Range:
    """The widest range allowed for `day` that collides with none that exists; at the least the day itself."""
    one = Range(day, day + timedelta(days=1))
    if day < today - timedelta(days=MONTHLY_AFTER_DAYS):
        first = day.replace(day=1)
        wanted = Range(first, (first + timedelta(days=32)).replace(day=1))
    else:
        start = day - timedelta(days=day.toordinal() % partition_days)
        wanted = Range(start, start + timedelta(days=partition_days))
    return one if any(wanted.overlaps(has) for has in known) else wanted

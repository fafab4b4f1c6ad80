"""Addresses older than ANONYMIZE_IPS_AFTER_DAYS lose their last part: IPv4 keeps 24 bits, IPv6 48.

A partition's comment says up to which ts it has been masked and how many rows had been inserted into it by then. While
both still hold nothing is read; an event that comes in late makes the counts differ, and the partition is looked at
again. The comment lies with the table, so it goes with it, and a restored dump or a crash at worst costs a second look.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    case,
    func,
    literal_column,
    not_,
    select,
    text,
    update,
)
from sqlalchemy.schema import SetTableComment

from analytics.privacy.rules import instant
from analytics.privacy.steps import Job, Kind, Step, going, in_chunks, measure_partition, partition
from analytics.store import partitions


class Mark(NamedTuple):
    """Rows with ts before `through` are masked (None: nothing is known); `inserts` were counted so far."""

    through: datetime | None
    inserts: int


MARK = re.compile(r"IPs are masked before (\S+), after (\d+) inserts")
# The catalogue, and counters in memory. They are written after a transaction's end, so that a row which is counted can
# also be seen; a crash sets them to zero.
MARKS = text("""
SELECT name, coalesce(obj_description(to_regclass(name), 'pg_class'), ''),
       coalesce(pg_stat_get_tuples_inserted(to_regclass(name)), 0)
FROM unnest(CAST(:names AS text[])) AS name
""")


def masked(ip: ColumnElement[str]) -> ColumnElement[str]:
    """The address of its network, as an address. One that is masked stays as it is."""
    bits = case((func.family(ip) == 4, literal_column("24")), else_=literal_column("48"))
    return ip.op("&")(func.netmask(func.set_masklen(ip, bits)))


def find(job: Job, planned: Sequence[Step]) -> list[Step]:
    """Partitions of events that began before the cutoff and are not known to be masked up to it."""
    days = job.settings.anonymize_ips_after_days
    cutoff, gone = job.now - timedelta(days=days), going(planned)
    with job.engine.connect() as connection:
        spans = partitions.list_partitions(connection, "events")
        begun = sorted(name for name, span in spans.items() if instant(span.start) < cutoff and name not in gone)
        marks = _marks(connection, begun)
    steps = []
    for name in begun:
        upto, since = min(cutoff, instant(spans[name].end)), marks[name].through
        if since is None or since < upto:
            what = f"IPs of {spans[name].start} to {spans[name].end}"
            steps.append(Step("mask", name, what, f"ANONYMIZE_IPS_AFTER_DAYS={days}", upto, since=since))
    return steps


def measure(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    events = partition("events", step.table)
    deleted = [
        not_(and_(events.c.site_id == one.site_id, events.c.ts < one.before))
        for one in planned
        if step.table in one.partitions
    ]
    rows = connection.scalar(select(text("count(*)")).select_from(events).where(*_due(events, step), *deleted))
    return replace(step, rows=rows or 0)


def mask(job: Job, step: Step) -> int:
    """Masks in the order of uq_events, then marks the partition; each row is looked at once."""
    events = partition("events", step.table)
    with job.engine.connect() as connection:
        # Read first: what is inserted from here on makes the next run look again.
        inserts = _marks(connection, [step.table])[step.table].inserts
        size = measure_partition(connection, step).rows
    vacuum = _Vacuum(job.engine, events, max(MIN_BETWEEN_VACUUMS, size // 10))
    change = update(events).values(ip=masked(events.c.ip))
    rows = in_chunks(job, [events.c.site_id, events.c.event_id], _due(events, step), change, vacuum.look)
    events.comment = f"IPs are masked before {step.before.isoformat()}, after {inserts} inserts"
    with job.engine.begin() as connection:
        connection.execute(SetTableComment(events))
    return rows


def _due(events: Table, step: Step) -> list[ColumnElement[bool]]:
    due = [events.c.ts < step.before, events.c.ip != masked(events.c.ip)]
    return due if step.since is None else [*due, events.c.ts >= step.since]


def _marks(connection: Connection, names: list[str]) -> dict[str, Mark]:
    marks = {}
    for name, comment, inserts in connection.execute(MARKS, {"names": names}):
        found = MARK.fullmatch(comment)
        holds = found is not None and int(found[2]) == inserts
        marks[name] = Mark(datetime.fromisoformat(found[1]) if found and holds else None, inserts)
    return marks


MIN_BETWEEN_VACUUMS = 50_000


class _Vacuum:
    """Frees the rows' old versions as the work goes on: new ones take their place, and the table hardly grows."""

    def __init__(self, engine: Engine, events: Table, every: int) -> None:
        self._engine, self._events, self._every, self._at = engine, events, every, every

    def look(self, rows: int) -> None:
        if rows < self._at:
            return
        self._at = rows + self._every
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM (TRUNCATE false) {self._events.name}"))


IP_MASKS = Kind(find, measure, mask)

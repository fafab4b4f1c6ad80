"""Rows that go in chunks: of sites that keep less than the partitions do, of visits, and of small tables."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    TableValuedAlias,
    bindparam,
    delete,
    exists,
    func,
    select,
    text,
)

from analytics.privacy.rules import Kept, freeze, instant, longest_kept, read_kept
from analytics.privacy.steps import Job, Kind, Step, Unfinished, in_chunks, partition, plan_by_index
from analytics.store import partitions
from analytics.store.models import Instant, dead_letters, metrics, revoked_tokens, visits


def _with_cutoffs(kept: Sequence[Kept], now: datetime) -> TableValuedAlias:
    """(site_id, cutoff) of each as a table."""
    ids = bindparam("ids", [one.site_id for one in kept], ARRAY(Integer))
    cutoffs = bindparam("cutoffs", [one.cutoff(now) for one in kept], ARRAY(Instant))
    return func.unnest(ids, cutoffs).table_valued("site_id", "cutoff", name="given").render_derived()


def find_site_events(job: Job, going: frozenset[str]) -> list[Step]:
    """For each site that keeps less than the partitions do: in which of them it has older rows."""
    due: dict[int, list[str]] = {}
    with job.engine.begin() as connection:
        plan_by_index(connection)
        kept = read_kept(connection, job.settings)
        longest = longest_kept(kept, job.settings)
        shorter = {one.site_id: one for one in kept if one.days < longest.days}
        ranges = partitions.list_partitions(connection, "events") if shorter else {}
        for name, span in sorted(ranges.items(), key=lambda item: item[1]):
            begun = [one for one in shorter.values() if one.cutoff(job.now) > instant(span.start)]
            if name in going or not begun:
                continue
            for site_id in connection.execute(_due_in(partition("events", name), begun, job.now)).scalars():
                due.setdefault(site_id, []).append(name)
    return [
        Step("delete", "events", f"events of site {one.key}", one.setting, one.cutoff(job.now), site_id, tuple(names))
        for site_id, names in sorted(due.items())
        for one in [shorter[site_id]]
    ]


# Served by uq_events, which leads with the site and holds ts.
def _due_in(events: Table, kept: Sequence[Kept], now: datetime) -> Select[Any]:
    given = _with_cutoffs(kept, now)
    old = exists().where(events.c.site_id == given.c.site_id, events.c.ts < given.c.cutoff)
    return select(given.c.site_id).where(old)


def _old_events(events: Table, step: Step) -> list[ColumnElement[bool]]:
    return [events.c.site_id == step.site_id, events.c.ts < step.before]


def measure_site_events(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    found = [partition("events", name) for name in step.partitions]
    return replace(step, rows=sum(_count(connection, events, _old_events(events, step)) for events in found))


def delete_site_events(job: Job, step: Step) -> int:
    """Deletes by uq_events, whose leading columns are the site and the event: no other site's row is looked at."""
    with job.engine.begin() as connection:
        partitions.limit_waiting(connection)
        freeze(connection, step.before, step.site_id)
    rows = 0
    for name in step.partitions:
        events = partition("events", name)
        try:
            rows += in_chunks(job, [events.c.event_id], _old_events(events, step), delete(events))
        except Unfinished as reason:
            raise Unfinished(str(reason), rows + reason.rows) from reason
    return rows


# Served by ix_visits_site_id_started_at.
def find_visits(job: Job, going: frozenset[str]) -> list[Step]:
    """Visits that ended before their site's retention."""
    with job.engine.begin() as connection:
        plan_by_index(connection)
        kept = {one.site_id: one for one in read_kept(connection, job.settings)}
        given = _with_cutoffs(list(kept.values()), job.now)
        begun, ended = visits.c.started_at < given.c.cutoff, visits.c.ended_at < given.c.cutoff
        old = exists().where(visits.c.site_id == given.c.site_id, begun, ended)
        due = connection.execute(select(given.c.site_id).where(old)).scalars().all()
    return [
        Step("delete", "visits", f"visits of site {one.key}", one.setting, one.cutoff(job.now), one.site_id)
        for one in (kept[site_id] for site_id in sorted(due))
    ]


def _old_visits(step: Step) -> list[ColumnElement[bool]]:
    return [visits.c.site_id == step.site_id, visits.c.started_at < step.before, visits.c.ended_at < step.before]


def measure_visits(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    return replace(step, rows=_count(connection, visits, _old_visits(step)))


def delete_visits(job: Job, step: Step) -> int:
    return in_chunks(job, [visits.c.started_at], _old_visits(step), delete(visits))


# A table of few rows: what makes its rows old, and the key it is walked by.
SMALL = {
    "metrics": (metrics, metrics.c.date, metrics.c.id),
    "dead_letters": (dead_letters, dead_letters.c.died_at, dead_letters.c.id),
    "revoked_tokens": (revoked_tokens, revoked_tokens.c.expires_at, revoked_tokens.c.jti),
}


def find_small(job: Job, going: frozenset[str]) -> list[Step]:
    """Daily figures, dead letters, and revocations of tokens that have expired by themselves."""
    figures, letters = job.settings.metrics_retention_days, job.settings.dead_letter_retention_days
    first_kept, died = job.now.date() - timedelta(days=figures), job.now - timedelta(days=letters)
    return [
        Step("delete", "metrics", "daily figures", f"METRICS_RETENTION_DAYS={figures}", first_kept),
        Step("delete", "dead_letters", "dead letters", f"DEAD_LETTER_RETENTION_DAYS={letters}", died),
        Step("delete", "revoked_tokens", "revocations of expired tokens", "the tokens' exp", job.now),
    ]


def measure_small(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    table, old, _ = SMALL[step.table]
    return replace(step, rows=_count(connection, table, [old < step.before]))


def delete_small(job: Job, step: Step) -> int:
    table, old, key = SMALL[step.table]
    return in_chunks(job, [key], [old < step.before], delete(table))


def _count(connection: Connection, table: Table, due: list[ColumnElement[bool]]) -> int:
    return connection.scalar(select(text("count(*)")).select_from(table).where(*due)) or 0


SITE_EVENTS = Kind(find_site_events, measure_site_events, delete_site_events)
VISITS = Kind(find_visits, measure_visits, delete_visits)
SMALL_TABLES = Kind(find_small, measure_small, delete_small)

"""Rows that go in chunks: of sites that keep less than the partitions do, of visits, and of small tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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

# A late page view continues a visit that ended half an hour before it; and it may take a while until it is merged.
VISIT_REACH = timedelta(hours=1)


def _with_cutoffs(cutoffs: Mapping[int, datetime]) -> TableValuedAlias:
    """(site_id, cutoff) of each as a table."""
    ids = bindparam("ids", list(cutoffs), ARRAY(Integer))
    times = bindparam("cutoffs", list(cutoffs.values()), ARRAY(Instant))
    return func.unnest(ids, times).table_valued("site_id", "cutoff", name="given").render_derived()


def find_site_events(job: Job, planned: Sequence[Step]) -> list[Step]:
    """For each site that has events past its retention: in which of the partitions that do not go as a whole yet. These
    are sites that keep less than the partitions do, and any with events in a month that came late.
    """
    return _find_site_rows(job, planned, "events")


def find_site_samples(job: Job, planned: Sequence[Step]) -> list[Step]:
    """The same of samples."""
    return _find_site_rows(job, planned, "samples")


def _find_site_rows(job: Job, planned: Sequence[Step], table: str) -> list[Step]:
    due: dict[int, list[str]] = {}
    with job.engine.begin() as connection:
        plan_by_index(connection)
        kept = read_kept(connection, job.settings)
        longest = longest_kept(kept, job.settings)
        cutoffs = {one.site_id: _cutoff(one, longest, job.now) for one in kept}
        for name, span in sorted(partitions.list_partitions(connection, table).items(), key=lambda item: item[1]):
            if instant(span.end) <= longest.cutoff(job.now):
                # It goes as a whole, now or when nobody is in the way.
                continue
            # What is archived waits until its partition goes as a whole.
            is_wide = (span.end - span.start).days > job.settings.partition_days and not job.settings.archive_url
            mine = [one.site_id for one in kept if is_wide or one.days < longest.days]
            begun = {site_id: cutoffs[site_id] for site_id in mine if cutoffs[site_id] > instant(span.start)}
            if begun:
                for site_id in connection.execute(_due_in(partition(table, name), begun)).scalars():
                    due.setdefault(site_id, []).append(name)
    return [
        Step("delete", table, f"{table} of site {one.key}", one.setting, cutoffs[number], number, tuple(due[number]))
        for one in kept
        if (number := one.site_id) in due
    ]


def _cutoff(one: Kept, longest: Kept, now: datetime) -> datetime:
    """A site that keeps as much as the partitions do loses whole UTC days, as it does where each has a partition."""
    cutoff = one.cutoff(now)
    return cutoff if one.days < longest.days else instant(cutoff.astimezone(UTC).date())


# Served by uq_events and uq_samples, which lead with the site and hold ts.
def _due_in(raw: Table, cutoffs: Mapping[int, datetime]) -> Select[Any]:
    given = _with_cutoffs(cutoffs)
    old = exists().where(raw.c.site_id == given.c.site_id, raw.c.ts < given.c.cutoff)
    return select(given.c.site_id).where(old)


def _old_rows(raw: Table, step: Step) -> list[ColumnElement[bool]]:
    return [raw.c.site_id == step.site_id, raw.c.ts < step.before]


def measure_site_rows(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    found = [partition(step.table, name) for name in step.partitions]
    return replace(step, rows=sum(_count(connection, raw, _old_rows(raw, step)) for raw in found))


def delete_site_rows(job: Job, step: Step) -> int:
    """Deletes by uq_events or uq_samples, which lead with the site and the row's id, the table's first column: no
    other site's row is looked at."""
    with job.engine.begin() as connection:
        partitions.limit_waiting(connection)
        freeze(connection, step.before, step.site_id)
    rows = 0
    for name in step.partitions:
        raw = partition(step.table, name)
        try:
            rows += in_chunks(job, [raw.c[0]], _old_rows(raw, step), delete(raw))
        except Unfinished as reason:
            raise Unfinished(str(reason), rows + reason.rows) from reason
    return rows


# Served by ix_visits_site_id_started_at.
def find_visits(job: Job, planned: Sequence[Step]) -> list[Step]:
    """Visits that go with their raw events: nothing that can still be counted anew continues them."""
    with job.engine.begin() as connection:
        plan_by_index(connection)
        kept = {one.site_id: one for one in read_kept(connection, job.settings)}
        found = {site_id: _visits_before(one, job.now, planned) for site_id, one in kept.items()}
        cutoffs = {site_id: cutoff for site_id, cutoff in found.items() if cutoff is not None}
        given = _with_cutoffs(cutoffs)
        begun, ended = visits.c.started_at < given.c.cutoff, visits.c.ended_at < given.c.cutoff
        old = exists().where(visits.c.site_id == given.c.site_id, begun, ended)
        due = connection.execute(select(given.c.site_id).where(old)).scalars().all()
    return [
        Step("delete", "visits", f"visits of site {one.key}", one.setting, cutoffs[one.site_id], one.site_id)
        for one in (kept[site_id] for site_id in sorted(due))
    ]


def _visits_before(one: Kept, now: datetime, planned: Sequence[Step]) -> datetime | None:
    """A rebuild of the first day that is all there must find the visits that reach into it. None: every day is."""
    drops = [step.before for step in planned if step.action == "drop" and step.table.startswith("events_")]
    deletes = [step.before for step in planned if step.table == "events" and step.site_id == one.site_id]
    since = [at for at in (one.raw_since, *drops, *deletes) if isinstance(at, datetime)]
    return min(one.cutoff(now), max(since)) - VISIT_REACH if since else None


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


def find_small(job: Job, planned: Sequence[Step]) -> list[Step]:
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


SITE_EVENTS = Kind(find_site_events, measure_site_rows, delete_site_rows)
SITE_SAMPLES = Kind(find_site_samples, measure_site_rows, delete_site_rows)
VISITS = Kind(find_visits, measure_visits, delete_visits)
SMALL_TABLES = Kind(find_small, measure_small, delete_small)

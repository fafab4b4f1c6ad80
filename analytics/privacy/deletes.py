"""Deletes rows past retention in chunks: of sites that keep less than the partitions do, of visits, of small tables.

Steps of retention.py. Raw rows are deleted site by site, through indexes that lead with the site.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
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
    true,
)

from analytics.clock import utc_midnight
from analytics.privacy.retention_periods import (
    SiteRetention,
    advance_raw_since,
    longest_retention,
    read_site_retentions,
)
from analytics.privacy.steps import (
    RetentionJob,
    Step,
    StepKind,
    StepUnfinished,
    change_in_chunks,
    count_rows,
    partition_table,
)
from analytics.store import partitions
from analytics.store.columns import event_files, visit_files
from analytics.store.models import (
    REFUSED_SIGN_IN,
    Instant,
    audit_log,
    dead_letters,
    issued_tokens,
    metrics,
    revoked_tokens,
    sessions,
    visits,
)
from analytics.store.planner import force_index_scans

# A late page view continues a visit that ended half an hour before it, and may take a while to be merged.
VISIT_MARGIN = timedelta(hours=1)


def _cutoff_table(cutoffs: Mapping[int, datetime]) -> TableValuedAlias:
    """The cutoffs as a table (site_id, cutoff)."""
    ids = bindparam("ids", list(cutoffs), ARRAY(Integer))
    times = bindparam("cutoffs", list(cutoffs.values()), ARRAY(Instant))
    return func.unnest(ids, times).table_valued("site_id", "cutoff", name="cutoffs").render_derived()


def _find_site_rows(job: RetentionJob, planned: Sequence[Step], table: str) -> list[Step]:
    """One step for each site with raw rows past its retention, in partitions that are not dropped as a whole yet.

    These are sites that keep less than the partitions do, and sites with rows in the partition of a month.
    """
    with job.engine.begin() as connection:
        force_index_scans(connection)
        retentions = read_site_retentions(connection, job.settings)
        longest = longest_retention(retentions, job.settings)
        cutoffs = {site.site_id: _site_cutoff(site, longest, job.now) for site in retentions}
        due: dict[int, list[str]] = {}
        ranges = partitions.list_partitions(connection, table)
        for name, days in sorted(ranges.items(), key=lambda item: item[1]):
            candidates = _candidate_cutoffs(job, days, retentions, longest, cutoffs)
            if candidates:
                raw = partition_table(table, name)
                for site_id in connection.execute(_select_due_sites(raw, candidates)).scalars():
                    due.setdefault(site_id, []).append(name)
    return [
        Step(
            "delete", table, f"{table} of site {site.key}", site.setting,
            before=cutoffs[site.site_id], site_id=site.site_id, partitions=tuple(due[site.site_id]),
        )
        for site in retentions
        if site.site_id in due
    ]  # fmt: skip


def _candidate_cutoffs(
    job: RetentionJob,
    days: partitions.PartitionRange,
    retentions: Sequence[SiteRetention],
    longest: SiteRetention,
    cutoffs: Mapping[int, datetime],
) -> dict[int, datetime]:
    """Cutoffs of the sites whose rows may be deleted from the partition."""
    if utc_midnight(days.end) <= longest.cutoff(job.now):
        # The partition is dropped as a whole, now or at a later run.
        return {}
    # With an archive, rows stay until their partition is archived and dropped.
    is_wide = (days.end - days.start).days > job.settings.partition_days and not job.settings.archive_url
    sites = [site.site_id for site in retentions if is_wide or site.days < longest.days]
    return {site_id: cutoffs[site_id] for site_id in sites if cutoffs[site_id] > utc_midnight(days.start)}


def _site_cutoff(site: SiteRetention, longest: SiteRetention, now: datetime) -> datetime:
    """A site that keeps as much as the partitions do loses whole UTC days, as if each day had a partition."""
    cutoff = site.cutoff(now)
    return cutoff if site.days < longest.days else utc_midnight(cutoff.astimezone(UTC).date())


# Served by uq_events and uq_samples, which lead with the site and hold ts.
def _select_due_sites(raw: Table, site_cutoffs: Mapping[int, datetime]) -> Select[Any]:
    cutoffs = _cutoff_table(site_cutoffs)
    has_old_rows = exists().where(raw.c.site_id == cutoffs.c.site_id, raw.c.ts < cutoffs.c.cutoff)
    return select(cutoffs.c.site_id).where(has_old_rows)


def old_site_rows(raw: Table, step: Step) -> list[ColumnElement[bool]]:
    """The conditions of the step's rows."""
    return [raw.c.site_id == step.site_id, raw.c.ts < step.before]


def measure_site_rows(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    tables = [partition_table(step.table, name) for name in step.partitions]
    return replace(step, rows=sum(count_rows(connection, raw, *old_site_rows(raw, step)) for raw in tables))


def delete_site_rows(job: RetentionJob, step: Step) -> int:
    """Deletes by uq_events or uq_samples, which lead with the site and the row's id (the table's first column), and so
    reads no row of another site."""
    with job.engine.begin() as connection:
        partitions.set_lock_timeout(connection)
        advance_raw_since(connection, step.before, step.site_id)
    try:
        return _delete_from_partitions(job, step)
    finally:
        # Column files that were written meanwhile hold rows that are gone.
        with job.engine.begin() as connection:
            event_files.drop_before(connection, step.before, step.site_id)


def _delete_from_partitions(job: RetentionJob, step: Step) -> int:
    rows = 0
    for name in step.partitions:
        raw = partition_table(step.table, name)
        try:
            rows += change_in_chunks(job, [raw.c[0]], old_site_rows(raw, step), delete(raw))
        except StepUnfinished as error:
            raise StepUnfinished(str(error), rows + error.rows) from error
    return rows


# Served by ix_visits_site_id_started_at.
def find_visits(job: RetentionJob, planned: Sequence[Step]) -> list[Step]:
    """Visits whose raw events are deleted, and which no late page view and no rebuild can continue."""
    with job.engine.begin() as connection:
        force_index_scans(connection)
        retentions = {site.site_id: site for site in read_site_retentions(connection, job.settings)}
        bounds = {site_id: _visit_cutoff(site, job.now, planned) for site_id, site in retentions.items()}
        site_cutoffs = {site_id: cutoff for site_id, cutoff in bounds.items() if cutoff is not None}
        cutoffs = _cutoff_table(site_cutoffs)
        is_old = (visits.c.started_at < cutoffs.c.cutoff) & (visits.c.ended_at < cutoffs.c.cutoff)
        has_old_visits = exists().where(visits.c.site_id == cutoffs.c.site_id, is_old)
        due = connection.execute(select(cutoffs.c.site_id).where(has_old_visits)).scalars().all()
    sites = [retentions[site_id] for site_id in sorted(due)]
    return [
        Step(
            "delete", "visits", f"visits of site {site.key}", site.setting,
            before=site_cutoffs[site.site_id], site_id=site.site_id,
        )
        for site in sites
    ]  # fmt: skip


def _visit_cutoff(site: SiteRetention, now: datetime, planned: Sequence[Step]) -> datetime | None:
    """A rebuild of the first complete day needs the visits that reach into it. None: no raw event was deleted."""
    drops = [step.before for step in planned if step.action == "drop" and step.table.startswith("events_")]
    deletes = [step.before for step in planned if step.table == "events" and step.site_id == site.site_id]
    deleted_before = [at for at in (site.raw_since, *drops, *deletes) if isinstance(at, datetime)]
    return min(site.cutoff(now), max(deleted_before)) - VISIT_MARGIN if deleted_before else None


def _old_visits(step: Step) -> list[ColumnElement[bool]]:
    return [visits.c.site_id == step.site_id, visits.c.started_at < step.before, visits.c.ended_at < step.before]


def measure_visits(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    return replace(step, rows=count_rows(connection, visits, *_old_visits(step)))


def delete_visits(job: RetentionJob, step: Step) -> int:
    """Readers count from rows the visits of the day that the cutoff cuts, until its file is written anew."""
    try:
        return change_in_chunks(job, [visits.c.started_at], _old_visits(step), delete(visits))
    finally:
        with job.engine.begin() as connection:
            visit_files.outdate_before(connection, step.site_id, step.before)


# Small tables: the column that dates a row, the key by which rows are deleted, and which rows are meant.
SMALL_TABLE_COLUMNS = {
    "metrics": (metrics, metrics.c.date, metrics.c.id, true()),
    "dead_letters": (dead_letters, dead_letters.c.dead_lettered_at, dead_letters.c.id, true()),
    "issued_tokens": (issued_tokens, issued_tokens.c.expires_at, issued_tokens.c.jti, true()),
    "sessions": (sessions, sessions.c.expires_at, sessions.c.id, true()),
    "revoked_tokens": (revoked_tokens, revoked_tokens.c.expires_at, revoked_tokens.c.jti, true()),
    "audit_log": (audit_log, audit_log.c.occurred_at, audit_log.c.id, audit_log.c.action == REFUSED_SIGN_IN),
}


def find_small_tables(job: RetentionJob, planned: Sequence[Step]) -> list[Step]:
    """Daily figures, dead letters, sessions, refused sign-ins, and records and revocations of expired tokens."""
    metric_days, letter_days = job.settings.metrics_retention_days, job.settings.dead_letter_retention_days
    ledger_days = job.settings.ledger_retention_days
    ledger_before = job.now - timedelta(ledger_days)
    first_metric_day, letters_before = job.now.date() - timedelta(metric_days), job.now - timedelta(letter_days)
    return [
        Step("delete", "metrics", "daily figures", f"METRICS_RETENTION_DAYS={metric_days}", first_metric_day),
        Step("delete", "dead_letters", "dead letters", f"DEAD_LETTER_RETENTION_DAYS={letter_days}", letters_before),
        Step("delete", "issued_tokens", "records of expired tokens", "the tokens' exp", job.now),
        Step("delete", "sessions", "sessions that have ended", "SESSION_DAYS", job.now),
        Step("delete", "audit_log", "refused sign-ins", f"LEDGER_RETENTION_DAYS={ledger_days}", ledger_before),
        Step("delete", "revoked_tokens", "revocations of expired tokens", "the tokens' exp", job.now),
    ]


def measure_small_table(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    table, dated, _, are_meant = SMALL_TABLE_COLUMNS[step.table]
    return replace(step, rows=count_rows(connection, table, dated < step.before, are_meant))


def delete_small_table_rows(job: RetentionJob, step: Step) -> int:
    table, dated, key, are_meant = SMALL_TABLE_COLUMNS[step.table]
    return change_in_chunks(job, [key], [dated < step.before, are_meant], delete(table))


SITE_EVENT_DELETES = StepKind(partial(_find_site_rows, table="events"), measure_site_rows, delete_site_rows)
SITE_SAMPLE_DELETES = StepKind(partial(_find_site_rows, table="samples"), measure_site_rows, delete_site_rows)
VISIT_DELETES = StepKind(find_visits, measure_visits, delete_visits)
SMALL_TABLE_DELETES = StepKind(find_small_tables, measure_small_table, delete_small_table_rows)

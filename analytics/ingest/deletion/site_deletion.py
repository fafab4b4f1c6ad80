"""Deletes the sites that sites/deletion.py has marked, with all they hold, in short transactions that can be repeated.

A task runs it until nothing is left. Drains store nothing of a marked site, so what is deleted stays deleted. The
ledger and the audit log stay: each chunk of raw rows is noted there by its hours of receipt, so the audit balances at
any time.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import ColumnElement, Connection, Delete, Table, Update, delete, insert, text

from analytics.clock import format_rfc3339
from analytics.errors import Unavailable
from analytics.privacy.steps import (
    RetentionJob,
    StepUnfinished,
    catch_lock_errors,
    change_in_chunks,
    partition_table,
)
from analytics.rollups.locks import lock_build_and_rollups
from analytics.sites import deletion
from analytics.sites.access.revocation import revoke_site_credentials
from analytics.sites.sites import Site, read_site_by_id, write_audit_entry
from analytics.store import partitions
from analytics.store.models import (
    audit_log,
    column_days,
    column_files,
    day_versions,
    dead_letters,
    event_days,
    funnels,
    goals,
    imports,
    metrics,
    notes,
    open_days,
    rollup_deltas,
    rollups,
    sample_names,
    sample_rollups,
    segments,
    share_links,
    users,
    visit_files,
    visit_rollups,
    visit_unions,
    visits,
)
from analytics.store.planner import force_index_scans

log = logging.getLogger(__name__)

ACTOR = "system"
# Longer than any process trusts what it has cached of a site, a key or a link: nothing is written for it afterwards.
FREE_AFTER = timedelta(minutes=3)
RAW_TABLES = ("events", "samples")
# Without raw rows; the columns after site_id of an index. Deltas first, since merges write rollups of them.
KEYS: dict[Table, tuple[str, ...]] = {
    rollup_deltas: ("id",),
    open_days: ("day",),
    day_versions: ("day",),
    event_days: ("day",),
    column_days: ("day",),
    column_files: ("day",),
    visit_files: ("day",),
    rollups: ("span", "dimension", "day", "type", "subject", "is_bot", "value"),
    visits: ("user_no", "session_id", "is_bot", "started_at"),
    visit_rollups: ("dimension", "day", "is_bot", "value"),
    visit_unions: ("span", "dimension", "day", "is_bot", "value"),
    metrics: ("date", "metric_name"),
    sample_rollups: ("name", "tagged", "hour", "tags_id"),
    sample_names: ("name",),
    users: ("user_id",),
    dead_letters: ("id",),
    funnels: ("created_at",),
    goals: ("name",),
    segments: ("folded_name",),
    notes: ("day",),
    share_links: ("created_at",),
    imports: ("fingerprint",),
}
# How many export jobs and schedules of the site were deleted. Raises Unavailable.
DeleteExports = Callable[[int], int]


class DeletionResult(NamedTuple):
    """Sites that are gone, and sites with something left for the next run."""

    gone: int = 0
    unfinished: int = 0


def run_deletions(job: RetentionJob, redis: Redis, delete_exports: DeleteExports) -> DeletionResult:
    """Goes on with every deletion until the job's deadline. Safe to repeat, and to run concurrently."""
    with job.engine.connect() as connection:
        site_ids = deletion.list_deletions(connection)
    gone = 0
    for site_id in site_ids:
        try:
            gone += _delete_site(job, redis, site_id, delete_exports)
        except StepUnfinished as error:
            log.info("site deletion goes on later", extra={"site_id": site_id, "reason": str(error)})
        if job.is_past_deadline():
            break
    return DeletionResult(gone, len(site_ids) - gone)


def _delete_site(job: RetentionJob, redis: Redis, site_id: int, delete_exports: DeleteExports) -> bool:
    """True when the site is gone. Raises StepUnfinished."""
    with job.engine.begin() as connection:
        site = read_site_by_id(connection, site_id)
        if site is None or site.deleting_at is None:
            return False
        if (site.deletion or {}).get("found") is None:
            deletion.record_found(connection, site_id, deletion.count_contents(connection, site))
    revoke_site_credentials(job.engine, redis, site, ACTOR)
    has_no_exports = _delete_exports(job, site_id, delete_exports)
    for name in RAW_TABLES:
        _delete_raw(job, site_id, name)
    for table, keys in KEYS.items():
        rows = partial(_delete_counted, site_id, table.name)
        change_in_chunks(job, [table.c[key] for key in keys], _of_site(table, site_id), delete(table), apply=rows)
    return has_no_exports and job.now >= site.deleting_at + FREE_AFTER and _finish(job, site)


def _delete_exports(job: RetentionJob, site_id: int, delete_exports: DeleteExports) -> bool:
    """False while their storage is unavailable: the rows go all the same."""
    try:
        exports = delete_exports(site_id)
    except Unavailable as error:
        log.warning("exports of a deleted site not deleted yet", extra={"site_id": site_id, "reason": error.detail})
        return False
    with job.engine.begin() as connection:
        deletion.add_deleted(connection, site_id, "exports", exports)
    return True


def _of_site(table: Table, site_id: int) -> list[ColumnElement[bool]]:
    return [table.c.site_id == site_id]


# Served by uq_events and uq_samples, as in privacy/deletes.py.
def _delete_raw(job: RetentionJob, site_id: int, name: str) -> None:
    with job.engine.begin() as connection:
        names = sorted(partitions.list_partitions(connection, name))
    for partition in names:
        raw = partition_table(name, partition)
        statement = delete(raw).returning(raw.c.received_at)
        apply = partial(_delete_received, site_id, name)
        change_in_chunks(job, [raw.c[0]], _of_site(raw, site_id), statement, apply=apply)


def _delete_counted(site_id: int, name: str, connection: Connection, statement: Delete | Update) -> int:
    rows = connection.execute(statement).rowcount
    deletion.add_deleted(connection, site_id, name, rows)
    return rows


def _delete_received(site_id: int, name: str, connection: Connection, statement: Delete | Update) -> int:
    """Notes the deleted raw rows by their hours of receipt, for the audit."""
    times: Sequence[datetime] = connection.execute(statement).scalars().all()
    if times:
        by_hour = Counter(_format_hour(at) for at in times)
        detail = {name: len(times), "received": by_hour, "of": "site.delete"}
        connection.execute(
            insert(audit_log).values(actor=ACTOR, action=f"{name}.delete", site_id=site_id, detail=detail)
        )
        deletion.add_deleted(connection, site_id, name, len(times))
    return len(times)


def _format_hour(at: datetime) -> str:
    return format_rfc3339(at.astimezone(UTC).replace(minute=0, second=0, microsecond=0), "seconds")


# Waits for drains, which hold the row FOR KEY SHARE, and for changes of the calendar.
LOCK_SITE = text("SELECT raw_since FROM sites WHERE id = :site_id FOR UPDATE")
HAS_ROWS = text("""
SELECT EXISTS (SELECT FROM events WHERE site_id = :site_id) OR EXISTS (SELECT FROM samples WHERE site_id = :site_id)
    OR EXISTS (SELECT FROM export_jobs WHERE site_id = :site_id)
    OR EXISTS (SELECT FROM export_schedules WHERE site_id = :site_id)
""")
DELETE_OWN_KEYS = text("""
DELETE FROM api_keys
WHERE id IN (
    SELECT key_id FROM api_key_sites GROUP BY key_id HAVING array_agg(site_id) = ARRAY[CAST(:site_id AS integer)]
)
""")
# Its aliases, user numbers and what else refers to it go with it.
DELETE_SITE = text("DELETE FROM sites WHERE id = :site_id")


def _finish(job: RetentionJob, site: Site) -> bool:
    """Deletes the site's row, and the few rows that a process wrote before it knew. False when raw rows are left."""
    with catch_lock_errors(), job.engine.begin() as connection:
        partitions.set_lock_timeout(connection)
        lock_build_and_rollups(connection, site.id)
        force_index_scans(connection)
        row = connection.execute(LOCK_SITE, {"site_id": site.id}).first()
        if row is None or connection.execute(HAS_ROWS, {"site_id": site.id}).scalar():
            return False
        for table in KEYS:
            connection.execute(delete(table).where(*_of_site(table, site.id)))
        connection.execute(DELETE_OWN_KEYS, {"site_id": site.id})
        write_audit_entry(connection, ACTOR, "site.delete", site.id, _describe(connection, site, row.raw_since))
        connection.execute(DELETE_SITE, {"site_id": site.id})
    log.info("site deleted", extra={"site_id": site.id})
    return True


def _describe(connection: Connection, site: Site, raw_since: datetime | None) -> dict[str, Any]:
    """The audit names a deleted site by its `key`, and knows by `raw_since` that retention had deleted rows."""
    now = read_site_by_id(connection, site.id) or site
    since = raw_since and raw_since.isoformat()
    return {"key": site.key, "aliases": list(site.aliases), "raw_since": since, **(now.deletion or {})}

"""What is wrong although the service works: codes for people and alarms, the most severe first. Pure.

ops/views.py shows them to everybody, so they name no site, no host and no number.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from analytics.ops.health import Health
from config import Settings

AUDIT_TASK = "maintenance.audit"
# Beat sends tasks every two seconds: if none has ended for so long, the workers hang although their heart beats.
NO_TASK_AFTER = timedelta(seconds=30)
# A dead letter is news for a day; `flask audit` and the table have it for as long as it is kept.
DEAD_LETTER_NEWS = timedelta(days=1)
# Of MAX_BACKLOG_EVENTS and MAX_BACKLOG_BYTES, and how long an event may wait to be stored.
BACKLOG_SHARE, MAX_WAIT = 0.5, timedelta(seconds=60)
# Less free space than both: exports, and what else is on that disk, soon fail.
MIN_FREE_BYTES, MIN_FREE_SHARE = 10_000_000_000, 0.05


def find_degradations(health: Health, settings: Settings) -> list[str]:
    """The codes, ordered by severity. What is unknown is not counted."""
    return [code for code, applies in DEGRADATIONS.items() if applies(health, settings)]


def _is_worker_silent(health: Health, settings: Settings) -> bool:
    heartbeats = health.redis.heartbeats
    if heartbeats is None:
        return False
    return heartbeats.is_worker_silent or (not heartbeats.is_beat_silent and _no_task_ends(health))


def _no_task_ends(health: Health) -> bool:
    ends = [run.ended_at for run in (health.redis.task_runs or {}).values() if run.ended_at]
    return bool(ends) and health.at - datetime.fromisoformat(max(ends)) > NO_TASK_AFTER


def _is_beat_silent(health: Health, settings: Settings) -> bool:
    return health.redis.heartbeats is not None and health.redis.heartbeats.is_beat_silent


def _has_audit_gap(health: Health, settings: Settings) -> bool:
    audit = (health.redis.task_runs or {}).get(AUDIT_TASK)
    return bool(audit and audit.result and audit.result.get("gap"))


def _has_dead_letters(health: Health, settings: Settings) -> bool:
    newest_at = health.postgres.dead_letter_at
    return newest_at is not None and health.at - newest_at < DEAD_LETTER_NEWS


def _is_behind(health: Health, settings: Settings) -> bool:
    backlog = health.redis.backlog
    return backlog is not None and (
        backlog.events > BACKLOG_SHARE * settings.max_backlog_events
        or backlog.bytes > BACKLOG_SHARE * settings.max_backlog_bytes
        or (backlog.oldest_at is not None and health.at - backlog.oldest_at > MAX_WAIT)
    )


def _is_disk_full(health: Health, settings: Settings) -> bool:
    free, total = health.side.disk or (MIN_FREE_BYTES, MIN_FREE_BYTES)
    return not health.redis.can_write or free < min(MIN_FREE_BYTES, MIN_FREE_SHARE * total)


def _is_migration_pending(health: Health, settings: Settings) -> bool:
    return "schema" in health.unmet_requirements


DEGRADATIONS: dict[str, Callable[[Health, Settings], bool]] = {
    "worker_silent": _is_worker_silent,
    "beat_silent": _is_beat_silent,
    "audit_gap": _has_audit_gap,
    "dead_letters": _has_dead_letters,
    "backlog": _is_behind,
    "disk": _is_disk_full,
    "migration_pending": _is_migration_pending,
}

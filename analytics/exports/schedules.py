"""Exports by the calendar: what is to be made when, and the jobs of those whose time has come.

A file holds what was *received* since the file before, so an event that comes late is in the next one. The views change
schedules, beat calls `plan`. A job that failed or was cancelled leaves its rows to the next. No Flask.
"""

import logging
import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from redis import Redis
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, text, true, update
from sqlalchemy.exc import DBAPIError

from analytics import clock
from analytics.errors import AnalyticsError, Conflict, NotFound, TooMany
from analytics.exports import increments, jobs, sources
from analytics.exports.jobs import Job, Limits, Order, Viewer
from analytics.store.backlog import complete_through
from analytics.store.models import export_schedules, sites

log = logging.getLogger(__name__)

EVERY = ("day", "week", "month")
MOST_SCHEDULES = 100
# An event has its time of receipt before it is in the stream: longer than any request takes, and clocks differ.
MARGIN = timedelta(seconds=60)
# How many rows came in since the last file is not known beforehand; the worker counts.
ANY_ROWS = 10**15
OF_JOB = ("start", "end", "received_from", "site_id")


class Schedule(NamedTuple):
    """A row of export_schedules, and the key of its site. `request` has a callback_url beside the canonical request."""

    id: str
    site_id: int
    site_key: str
    owner: str
    request: dict[str, Any]
    every: str
    at: time
    zone: str
    next_run_at: datetime
    last_cutoff: datetime | None
    enabled: bool
    created_at: datetime


COLUMNS = [
    sites.c.key.label("site_key") if name == "site_key" else export_schedules.c[name] for name in Schedule._fields
]
SCHEDULES = select(*COLUMNS).join_from(export_schedules, sites, sites.c.id == export_schedules.c.site_id)
OLDEST_FIRST = (export_schedules.c.created_at, export_schedules.c.id)


def next_run(every: str, at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """The first run later than `after`: each day, each Monday, or each first of a month, at that local time."""
    day = clock.day_of(after, zone) - timedelta(days=1)
    while not (_is_day(every, day) and (found := instant_of(day, at, zone)) > after):
        day += timedelta(days=1)
    return found


def _is_day(every: str, day: date) -> bool:
    return every == "day" or (day.weekday() == 0 if every == "week" else day.day == 1)


def instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When the zone's clocks show that time: the first time, where they do twice (PEP 495); where they never do, the
    first instant after."""
    local = datetime.combine(day, at)
    high = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _local(high, zone) == local:
        return high
    # Skipped: the offset of before puts it behind the jump, the offset of after before it.
    low = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if _local(middle, zone) >= local else (middle, high)
    return high


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def create(engine: Engine, order: Order, every: str, at: time, zone: str) -> Schedule:
    """The schedule, of the order's request (its period aside). Raises BadInput and TooMany."""
    sources.check(order.request)
    now = clock.now()
    row = {
        "id": str(uuid.uuid4()),
        "site_id": order.request.site_id,
        "owner": order.owner,
        "request": stored_request(order),
        "every": every,
        "at": at,
        "zone": zone,
        "next_run_at": next_run(every, at, clock.zone(zone), now),
        "created_at": now,
    }
    with engine.begin() as connection:
        connection.execute(jobs.LOCK_OWNER, {"owner": order.owner})
        _check_number(connection, order.owner)
        connection.execute(insert(export_schedules).values(row))
        return _schedule(connection.execute(SCHEDULES.where(export_schedules.c.id == row["id"])).one())


def _check_number(connection: Connection, owner: str) -> None:
    of_owner = select(func.count()).where(export_schedules.c.owner == owner)
    if connection.execute(of_owner).scalar_one() >= MOST_SCHEDULES:
        raise TooMany(f"you have {MOST_SCHEDULES} schedules of exports, which is the most; remove one")


def stored_request(order: Order) -> dict[str, Any]:
    """What a schedule keeps of an order."""
    return {**order.request.as_json(), "callback_url": order.callback_url}


def list_schedules(engine: Engine, viewer: Viewer) -> list[Schedule]:
    """All that the viewer sees, the oldest first."""
    with engine.connect() as connection:
        return [_schedule(row) for row in connection.execute(_seen(viewer).order_by(*OLDEST_FIRST))]


def read_schedule(engine: Engine, viewer: Viewer, schedule_id: str) -> Schedule | None:
    """None: there is none that the viewer sees."""
    with engine.connect() as connection:
        row = connection.execute(_seen(viewer).where(export_schedules.c.id == schedule_id)).first()
    return None if row is None else _schedule(row)


def _seen(viewer: Viewer) -> Any:
    return SCHEDULES.where(
        true() if viewer.owner is None else export_schedules.c.owner == viewer.owner,
        true() if viewer.sites is None else sites.c.key.in_(sorted(viewer.sites)),
    )


def change(engine: Engine, schedule_id: str, changes: dict[str, Any]) -> None:
    """Sets request, every, at, zone, enabled. The next run is the first of the new times that is still to come."""
    mine = export_schedules.c.id == schedule_id
    with engine.begin() as connection:
        row = connection.execute(SCHEDULES.where(mine).with_for_update(of=export_schedules)).first()
        if row is None:
            return
        new = _schedule(row)._replace(**changes)
        if changes.keys() & {"every", "at", "zone", "enabled"}:
            changes = changes | {"next_run_at": next_run(new.every, new.at, clock.zone(new.zone), clock.now())}
        connection.execute(update(export_schedules).where(mine).values(changes))


def remove(engine: Engine, schedule_id: str) -> None:
    """Its jobs stay."""
    with engine.begin() as connection:
        connection.execute(delete(export_schedules).where(export_schedules.c.id == schedule_id))


# Served by ix_export_jobs_state.
UNFINISHED = text("""
SELECT id FROM export_jobs WHERE schedule_id = CAST(:id AS uuid) AND state IN ('queued', 'running') LIMIT 1
""")


def run_now(engine: Engine, redis: Redis, limits: Limits, schedule_id: str, now: datetime) -> str:
    """The id of a job made out of turn, of what came in since the last one. Raises NotFound, and Conflict while the
    last one has not ended."""
    cutoff = complete_through(redis, now) - MARGIN
    with engine.begin() as connection:
        mine = SCHEDULES.where(export_schedules.c.id == schedule_id).with_for_update(of=export_schedules)
        row = connection.execute(mine).first()
        if row is None:
            raise NotFound(f"there is no schedule {schedule_id}")
        if job_id := connection.execute(UNFINISHED, {"id": schedule_id}).scalar():
            raise Conflict(f"its last export ({job_id}) has not ended")
        return _make(connection, _schedule(row), limits, cutoff, now).id


def plan(engine: Engine, redis: Redis, limits: Limits, now: datetime) -> list[str]:
    """The ids of the jobs made for the schedules whose time has come. Safe to run twice, and at once."""
    cutoff, seen, made = complete_through(redis, now) - MARGIN, set[str](), list[str]()
    while (due := _plan_next(engine, limits, cutoff, now, seen)) is not None:
        seen.add(due.schedule_id)
        made += [due.job_id] if due.job_id else []
    return made


class _Due(NamedTuple):
    """A schedule that was looked at, and its job; None: it could not be made now."""

    schedule_id: str
    job_id: str | None


# Served by ix_export_schedules_next_run_at and ix_export_jobs_state. A schedule waits for its last job to end, since a
# job that fails leaves its rows to the next.
DUE = text("""
SELECT s.id
FROM export_schedules AS s
WHERE s.enabled AND s.next_run_at <= :now AND s.id <> ALL(CAST(:seen AS uuid[]))
  AND NOT EXISTS (SELECT FROM export_jobs AS j WHERE j.schedule_id = s.id AND j.state IN ('queued', 'running'))
ORDER BY s.next_run_at, s.id
LIMIT 1
FOR UPDATE OF s SKIP LOCKED
""")


def _plan_next(engine: Engine, limits: Limits, cutoff: datetime, now: datetime, seen: Collection[str]) -> _Due | None:
    schedule_id = None
    try:
        with engine.begin() as connection:
            found = connection.execute(DUE, {"now": now, "seen": list(seen)}).scalar()
            if found is None:
                return None
            schedule_id = str(found)
            row = connection.execute(SCHEDULES.where(export_schedules.c.id == schedule_id)).one()
            return _Due(schedule_id, _make(connection, _schedule(row), limits, cutoff, now).id)
    except (AnalyticsError, DBAPIError, ValueError) as error:
        if schedule_id is None or getattr(error, "connection_invalidated", False):
            raise
        # It stays due, so the next minute tries again; the others are not held up by it.
        reason = error.detail if isinstance(error, AnalyticsError) else type(error).__name__
        log.warning("scheduled export not made", extra={"schedule": schedule_id, "reason": reason})
        return _Due(schedule_id, None)


def _make(connection: Connection, schedule: Schedule, limits: Limits, cutoff: datetime, now: datetime) -> Job:
    """One job, however many runs were missed. Where its rows are too many, it has the first of them, and the schedule
    stays due; but a part that was left is made again at its next time, since whatever was wrong may still be."""
    # A backlog may have brought it before what the last file ended with.
    cutoff = max(cutoff, schedule.last_cutoff or cutoff)
    stored = sources.Request.of_json(schedule.request)
    period = sources.default_period(connection, stored.what, stored.site_id, clock.zone(stored.zone), now)
    left = increments.left_by(connection, schedule.id)
    since = left.since if left else schedule.last_cutoff
    wanted = replace(stored, start=period.start, end=period.end, received_from=since)
    until = increments.fitting(connection, wanted, cutoff, limits.rows, is_sure=left is not None)
    order = Order(
        wanted,
        schedule.owner,
        callback_url=schedule.request.get("callback_url"),
        schedule_id=schedule.id,
        cutoff=until,
    )
    job = jobs.add(connection, order, limits._replace(jobs=None, rows=ANY_ROWS)).job
    is_to_go_on = until < cutoff and (left is None or left.until != until)
    zone = clock.zone(schedule.zone)
    changes = {"last_cutoff": until} | (
        {} if is_to_go_on else {"next_run_at": next_run(schedule.every, schedule.at, zone, now)}
    )
    connection.execute(update(export_schedules).where(export_schedules.c.id == schedule.id).values(changes))
    return job


def waits_for(engine: Engine, schedule: Schedule, limits: Limits, now: datetime) -> str | None:
    """What keeps a schedule whose time has come from its next file; None: nothing, or its time has not come."""
    if not schedule.enabled or schedule.next_run_at > now:
        return None
    with engine.connect() as connection:
        if job_id := connection.execute(UNFINISHED, {"id": schedule.id}).scalar():
            return f"its last export ({job_id}) has not ended"
        full = jobs.no_room(connection, limits)
    return full and f"{full}; it goes on by itself when there is room, and holds all since the last file"


def as_json(schedule: Schedule, waiting: str | None = None) -> dict[str, Any]:
    """What the API says of it; `waiting`: what it waits for."""
    shown = schedule._asdict()
    found = {"id": shown.pop("id"), "site": shown.pop("site_key"), "owner": shown.pop("owner")}
    found["request"] = {name: value for name, value in shown.pop("request").items() if name not in OF_JOB}
    found |= {"every": schedule.every, "at": f"{schedule.at:%H:%M}", "zone": schedule.zone, "enabled": schedule.enabled}
    found |= {name: _utc(shown[name]) for name in ("next_run_at", "created_at")}
    return found | {"complete_through": _utc(schedule.last_cutoff), "waits_for": waiting}


def _utc(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _schedule(row: Row[Any]) -> Schedule:
    values: dict[str, Any] = dict(row._mapping)
    return Schedule(**values | {"id": str(values["id"])})

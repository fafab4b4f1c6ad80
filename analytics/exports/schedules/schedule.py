"""Schedules as their owners see them: creating, reading, changing and deleting one. No Flask.

Views and the CLI call it. due_jobs.py creates the jobs of a schedule.
"""

import uuid
from dataclasses import replace
from datetime import datetime, time
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from analytics import clock
from analytics.errors import TooMany
from analytics.exports.jobs.creation import LOCK_OWNER, NewJob
from analytics.exports.jobs.job import Viewer
from analytics.exports.jobs.serialization import utc_text
from analytics.exports.schedules.calendar import next_run
from analytics.reports.segments.expansion import expand
from analytics.store.models import export_schedules, sites

MAX_SCHEDULES = 100
# Fields of the stored request that its owner did not send.
JOB_ONLY_FIELDS = ("start", "end", "received_from", "site_id", "token_id")


class Schedule(NamedTuple):
    """A row of export_schedules, and the key of its site. `request` is a canonical request with a `callback_url`."""

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

    @property
    def token_id(self) -> str | None:
        """Of the owner's token that created it or last changed its request; None as of jobs."""
        return self.request.get("token_id")


SCHEDULE_COLUMNS = [
    sites.c.key.label("site_key") if name == "site_key" else export_schedules.c[name] for name in Schedule._fields
]
SELECT_SCHEDULES = select(*SCHEDULE_COLUMNS).join_from(
    export_schedules, sites, sites.c.id == export_schedules.c.site_id
)
OLDEST_FIRST = (export_schedules.c.created_at, export_schedules.c.id)


def create(engine: Engine, new_job: NewJob, every: str, at: time, zone: str) -> Schedule:
    """A schedule of the job's request without its period. Raises TooMany."""
    now = clock.now()
    row: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "site_id": new_job.export.request.site_id,
        "owner": new_job.owner,
        "request": stored_request(new_job),
        "every": every,
        "at": at,
        "zone": zone,
        "next_run_at": next_run(every, at, clock.zone(zone), now),
        "created_at": now,
    }
    with engine.begin() as connection:
        connection.execute(LOCK_OWNER, {"owner": new_job.owner})
        _check_number(connection, new_job.owner)
        _keep_segments(connection, row["site_id"], row["request"])
        connection.execute(insert(export_schedules).values(row))
        return schedule_of_row(connection.execute(SELECT_SCHEDULES.where(export_schedules.c.id == row["id"])).one())


def _check_number(connection: Connection, owner: str) -> None:
    query = select(func.count()).where(export_schedules.c.owner == owner)
    if connection.execute(query).scalar_one() >= MAX_SCHEDULES:
        raise TooMany(f"you have {MAX_SCHEDULES} schedules, the maximum; delete one first")


def _keep_segments(connection: Connection, site_id: int, request: dict[str, Any]) -> None:
    """The segments of the stored request stay until the transaction ends. Raises BadInput when one is gone."""
    if where := request.get("where"):
        expand(connection, site_id, where, "filter.where", keeps=True)


def stored_request(new_job: NewJob) -> dict[str, Any]:
    """What a schedule stores of the job that it repeats: segments by their names, whose conditions each job has."""
    request = new_job.export.request
    return {
        **replace(request, filter=request.filter.as_sent()).as_json(),
        "callback_url": new_job.callback_url,
        "token_id": new_job.token_id,
    }


def list_schedules(engine: Engine, viewer: Viewer) -> list[Schedule]:
    """All that the viewer may see, the oldest first."""
    query = SELECT_SCHEDULES.where(*viewer.clauses(export_schedules.c.owner)).order_by(*OLDEST_FIRST)
    with engine.connect() as connection:
        return [schedule_of_row(row) for row in connection.execute(query)]


def read_schedule(engine: Engine, viewer: Viewer, schedule_id: str) -> Schedule | None:
    """None: the viewer may see no such schedule."""
    query = SELECT_SCHEDULES.where(*viewer.clauses(export_schedules.c.owner), export_schedules.c.id == schedule_id)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return None if row is None else schedule_of_row(row)


def lock_schedule(connection: Connection, schedule_id: str) -> Schedule | None:
    """The schedule, locked until the transaction ends; None: there is none."""
    query = SELECT_SCHEDULES.where(export_schedules.c.id == schedule_id).with_for_update(of=export_schedules)
    row = connection.execute(query).first()
    return None if row is None else schedule_of_row(row)


def update_schedule(engine: Engine, schedule_id: str, changes: dict[str, Any]) -> None:
    """Sets request, every, at, zone or enabled. A change of time sets the next run to the next one from now."""
    with engine.begin() as connection:
        schedule = lock_schedule(connection, schedule_id)
        if schedule is None:
            return
        new = schedule._replace(**changes)
        _keep_segments(connection, new.site_id, new.request)
        if changes.keys() & {"every", "at", "zone", "enabled"}:
            changes = changes | {"next_run_at": next_run(new.every, new.at, clock.zone(new.zone), clock.now())}
        write_changes(connection, schedule_id, changes)


def write_changes(connection: Connection, schedule_id: str, changes: dict[str, Any]) -> None:
    connection.execute(update(export_schedules).where(export_schedules.c.id == schedule_id).values(changes))


def delete_schedule(engine: Engine, schedule_id: str) -> None:
    """Deletes the schedule and keeps its jobs."""
    with engine.begin() as connection:
        connection.execute(delete(export_schedules).where(export_schedules.c.id == schedule_id))


def as_json(schedule: Schedule, blocker: str | None = None) -> dict[str, Any]:
    """The schedule as ScheduleResponse describes it; `blocker` is its `waits_for`."""
    return {
        "id": schedule.id,
        "site": schedule.site_key,
        "owner": schedule.owner,
        "request": {name: value for name, value in schedule.request.items() if name not in JOB_ONLY_FIELDS},
        "every": schedule.every,
        "at": f"{schedule.at:%H:%M}",
        "zone": schedule.zone,
        "enabled": schedule.enabled,
        "next_run_at": utc_text(schedule.next_run_at),
        "created_at": utc_text(schedule.created_at),
        "complete_through": utc_text(schedule.last_cutoff),
        "waits_for": blocker,
    }


def schedule_of_row(row: Row[Any]) -> Schedule:
    """The schedule of a row of SELECT_SCHEDULES."""
    values: dict[str, Any] = dict(row._mapping)
    return Schedule(**values | {"id": str(values["id"])})

"""Export jobs as their callers see them: reading, listing, cancelling and deleting one. No Flask.

Views, schedules and the CLI call it. creation.py creates jobs, serialization.py describes them as JSON, and states.py
has what a worker does to a job.
"""

import uuid
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from sqlalchemy import Column, ColumnElement, Engine, Row, and_, case, delete, select, true, tuple_, update

from analytics import clock
from analytics.auth.principal import Principal
from analytics.exports.sources.request import ExportRequest
from analytics.store.models import export_jobs, sites
from analytics.web.cursor import decode_cursor, encode_cursor

JOB_STATES = ("queued", "running", "done", "failed", "cancelled", "expired")
UNFINISHED_STATES = ("queued", "running")
AwareInstant = Annotated[datetime, msgspec.Meta(tz=True)]


class Job(NamedTuple):
    """A row of export_jobs, and the key of its site."""

    id: str
    site_id: int
    site_key: str
    owner: str
    state: str
    request: dict[str, Any]
    idempotency_key: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    retry_at: datetime | None
    expires_at: datetime | None
    attempt: int
    cutoff: datetime | None
    parts: list[dict[str, Any]]
    rows_done: int
    rows_estimate: int | None
    bytes: int | None
    sha256: str | None
    error: str | None
    file: str | None
    callback_url: str | None
    notify_attempt: int
    notify_at: datetime | None
    notified_at: datetime | None
    notify_status: int | None
    notify_error: str | None
    schedule_id: str | None

    @property
    def parsed_request(self) -> ExportRequest:
        return ExportRequest.from_json(self.request)

    @property
    def token_id(self) -> str | None:
        """Of the token that asked for it; None for a key, the shell and jobs of a release before."""
        return self.request.get("token_id")

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED_STATES

    def state_at(self, now: datetime) -> str:
        """`expired` as soon as the file's time is over, even before the file is deleted."""
        is_over = self.state == "done" and self.expires_at is not None and self.expires_at <= now
        return "expired" if is_over else self.state


class Viewer(NamedTuple):
    """Whose jobs are visible: those of `owner` (None: of all owners) and of the sites with these keys (None: all)."""

    owner: str | None = None
    sites: frozenset[str] | None = None

    @classmethod
    def from_principal(cls, principal: Principal) -> "Viewer":
        """An admin sees all owners."""
        return cls(None if principal.has_scope("admin") else principal.subject, principal.sites)

    def sees(self, owner: str, site_key: str) -> bool:
        return self.owner in (None, owner) and (self.sites is None or site_key in self.sites)

    def clauses(self, owner: Column[str]) -> tuple[ColumnElement[bool], ...]:
        """The same as SQL, for a query that joins `sites`."""
        return (
            true() if self.owner is None else owner == self.owner,
            true() if self.sites is None else sites.c.key.in_(sorted(self.sites)),
        )


class JobFilter(NamedTuple):
    """Which jobs a list shows. None: any."""

    state: str | None = None
    site_key: str | None = None
    schedule_id: uuid.UUID | None = None

    def clauses(self, now: datetime) -> tuple[ColumnElement[bool], ...]:
        """As SQL, for a query that joins `sites`. `now` decides which files have expired (`Job.state_at`)."""
        return (
            true() if self.state is None else _state_at(now) == self.state,
            true() if self.site_key is None else sites.c.key == self.site_key,
            true() if self.schedule_id is None else export_jobs.c.schedule_id == self.schedule_id,
        )


def _state_at(now: datetime) -> ColumnElement[str]:
    is_over = and_(export_jobs.c.state == "done", export_jobs.c.expires_at <= now)
    return case((is_over, "expired"), else_=export_jobs.c.state)


class JobPage(NamedTuple):
    """`next_cursor` is None on the last page."""

    jobs: list[Job]
    next_cursor: str | None


JOB_COLUMNS = [sites.c.key.label("site_key") if name == "site_key" else export_jobs.c[name] for name in Job._fields]
SELECT_JOBS = select(*JOB_COLUMNS).join_from(export_jobs, sites, sites.c.id == export_jobs.c.site_id)


def read_job(engine: Engine, job_id: str) -> Job | None:
    """The job as it is now."""
    with engine.connect() as connection:
        row = connection.execute(SELECT_JOBS.where(export_jobs.c.id == job_id)).first()
    return None if row is None else job_of_row(row)


def job_of_row(row: Row[Any]) -> Job:
    """The job of a row of SELECT_JOBS."""
    values: dict[str, Any] = dict(row._mapping)
    schedule_id = values["schedule_id"]
    return Job(**values | {"id": str(values["id"]), "schedule_id": schedule_id and str(schedule_id)})


def read_job_page(engine: Engine, viewer: Viewer, job_filter: JobFilter, cursor: str | None, limit: int) -> JobPage:
    """The newest first. Served by ix_export_jobs_owner_created_at; scans the whole table for an admin.

    Raises BadInput for a cursor that this function did not return.
    """
    position = tuple_(export_jobs.c.created_at, export_jobs.c.id)
    query = SELECT_JOBS.where(
        *viewer.clauses(export_jobs.c.owner),
        *job_filter.clauses(clock.now()),
        true() if cursor is None else position < tuple_(*decode_cursor(cursor, tuple[AwareInstant, uuid.UUID])),
    )
    query = query.order_by(export_jobs.c.created_at.desc(), export_jobs.c.id.desc()).limit(limit + 1)
    with engine.connect() as connection:
        jobs = [job_of_row(row) for row in connection.execute(query)]
    last = jobs[limit - 1] if len(jobs) > limit else None
    return JobPage(jobs[:limit], last and encode_cursor((last.created_at, last.id)))


def cancel(engine: Engine, job_id: str) -> bool:
    """Whether the job was unfinished; a worker that runs it notices within two seconds."""
    changes = {"state": "cancelled", "finished_at": clock.now()}
    statement = update(export_jobs).where(export_jobs.c.id == job_id, export_jobs.c.state.in_(UNFINISHED_STATES))
    with engine.begin() as connection:
        return connection.execute(statement.values(changes).returning(export_jobs.c.id)).first() is not None


def delete_job(engine: Engine, job_id: str) -> str | None:
    """Deletes a finished job; returns the name of its file for the caller to delete. The sweep deletes it otherwise."""
    statement = delete(export_jobs).where(export_jobs.c.id == job_id, export_jobs.c.state.not_in(UNFINISHED_STATES))
    with engine.begin() as connection:
        return connection.execute(statement.returning(export_jobs.c.file)).scalar()

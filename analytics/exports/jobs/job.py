"""Export jobs as their callers see them: reading, listing, cancelling and deleting one. No Flask.

Views, schedules and the CLI call it. creation.py creates jobs, serialization.py describes them as JSON, and states.py
has what a worker does to a job.
"""

import base64
import binascii
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Engine, Row, delete, select, true, tuple_, update

from analytics import clock
from analytics.auth.principal import Principal
from analytics.errors import BadInput
from analytics.exports.sources.request import ExportRequest
from analytics.store.models import export_jobs, sites

JOB_STATES = ("queued", "running", "done", "failed", "cancelled", "expired")
UNFINISHED_STATES = ("queued", "running")


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


def read_job_page(engine: Engine, viewer: Viewer, cursor: str | None, limit: int) -> JobPage:
    """The newest first. Served by ix_export_jobs_owner_created_at; scans the whole table for an admin.

    Raises BadInput for a cursor that this function did not return.
    """
    position = tuple_(export_jobs.c.created_at, export_jobs.c.id)
    query = SELECT_JOBS.where(
        *viewer.clauses(export_jobs.c.owner),
        true() if cursor is None else position < tuple_(*_decode_cursor(cursor)),
    )
    query = query.order_by(export_jobs.c.created_at.desc(), export_jobs.c.id.desc()).limit(limit + 1)
    with engine.connect() as connection:
        jobs = [job_of_row(row) for row in connection.execute(query)]
    return JobPage(jobs[:limit], _encode_cursor(jobs[limit - 1]) if len(jobs) > limit else None)


def _encode_cursor(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.created_at.isoformat()} {job.id}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, job_id = base64.urlsafe_b64decode(cursor + "==").decode().partition(" ")
        # astimezone reads a time without an offset as local time.
        return datetime.fromisoformat(at).astimezone(UTC), str(uuid.UUID(job_id))
    except (ValueError, OverflowError, binascii.Error) as error:
        detail = "cursor: it is not a cursor of this list; accepted: next_cursor of the previous page, unchanged"
        raise BadInput(detail) from error


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

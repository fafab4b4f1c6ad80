"""Export jobs as their callers see them: ordering one, finding it, taking it back, and what the API says of it.

The views, the schedules and the shell call it. What a worker does to a job is in states.py. No Flask.
"""

import base64
import binascii
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, text, true, tuple_, update

from analytics import clock
from analytics.errors import BadInput, Conflict, TooLarge, TooMany
from analytics.exports import formats, sources
from analytics.store.models import export_jobs, sites
from config import Settings

UNFINISHED = ("queued", "running")
# What a poll is told to wait, in seconds.
POLL_S = (1, 30)
# Fields of the API that are the column of the same name.
SHOWN = ("state", "created_at", "started_at", "finished_at", "attempt", "error", "bytes", "sha256", "expires_at")


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
    schedule_id: str | None

    @property
    def wanted(self) -> sources.Request:
        """What it is to hold."""
        return sources.Request.of_json(self.request)

    def state_at(self, now: datetime) -> str:
        """A file past its date is not served, whether or not it was deleted yet."""
        over = self.state == "done" and self.expires_at is not None and self.expires_at <= now
        return "expired" if over else self.state


class Limits(NamedTuple):
    """Jobs of a caller that wait or run (None: any number), rows of a job, bytes of all files that are kept."""

    jobs: int | None
    rows: int
    bytes: int


class Order(NamedTuple):
    """A job to be made. `asked`: a fingerprint of what was sent, which a repetition with the same `key` must have."""

    request: sources.Request
    owner: str
    key: str | None = None
    asked: str = ""
    callback_url: str | None = None
    schedule_id: str | None = None
    # It holds what was received before this; None: what is complete when it starts.
    cutoff: datetime | None = None


class Created(NamedTuple):
    """`is_new` False: the same order was given before, and this is its job."""

    job: Job
    is_new: bool


class Viewer(NamedTuple):
    """Whose jobs are seen: `owner`'s own (None: anybody's), of the sites with these keys (None: of all)."""

    owner: str | None
    sites: frozenset[str] | None


class Page(NamedTuple):
    """`cursor` is where the next page begins; None: there is none."""

    jobs: list[Job]
    cursor: str | None


COLUMNS = [sites.c.key.label("site_key") if name == "site_key" else export_jobs.c[name] for name in Job._fields]
JOBS = select(*COLUMNS).join_from(export_jobs, sites, sites.c.id == export_jobs.c.site_id)
LOCK_OWNER = text("SELECT pg_advisory_xact_lock(hashtextextended('exports of ' || :owner, 0))")


def limits_of(settings: Settings) -> Limits:
    return Limits(settings.export_running_a_caller, settings.export_max_rows, settings.export_quota_bytes)


def create(engine: Engine, order: Order, limits: Limits) -> Created:
    """The job, queued and committed; the caller rings for a worker. Raises BadInput, Conflict, TooMany and TooLarge."""
    with engine.begin() as connection:
        return add(connection, order, limits)


def add(connection: Connection, order: Order, limits: Limits) -> Created:
    """The same in the caller's transaction."""
    sources.check(order.request)
    # Orders of one caller take turns, so that two at once are counted, and the same one is made once.
    connection.execute(LOCK_OWNER, {"owner": order.owner})
    if order.key is not None and (known := _ordered_before(connection, order)):
        return Created(known, False)
    _check_limits(connection, order, limits)
    estimate = _check_rows(connection, order.request, limits)
    return Created(_insert(connection, order, estimate), True)


def _ordered_before(connection: Connection, order: Order) -> Job | None:
    wanted = JOBS.where(export_jobs.c.owner == order.owner, export_jobs.c.idempotency_key == order.key)
    row = connection.execute(wanted).first()
    if row is None:
        return None
    job = _job(row)
    if job.request.get("asked") != order.asked:
        raise Conflict(
            f"the Idempotency-Key {order.key!r} was used for another export ({job.id}); use a new one for this"
        )
    return job


def _check_limits(connection: Connection, order: Order, limits: Limits) -> None:
    of_owner = select(func.count()).where(export_jobs.c.owner == order.owner, export_jobs.c.state.in_(UNFINISHED))
    jobs = connection.execute(of_owner).scalar_one()
    if limits.jobs is not None and jobs >= limits.jobs:
        detail = f"{jobs} of your exports wait or run, which is the most (EXPORT_RUNNING_A_CALLER)"
        raise TooMany(f"{detail}; wait for one to finish, or cancel one", retry_after_s=POLL_S[1])
    if full := no_room(connection, limits):
        raise TooMany(f"{full}; remove exports that are done with, or wait until they expire", retry_after_s=3600)


def no_room(connection: Connection, limits: Limits) -> str | None:
    """In words that the kept files leave no room for another; None: they do. Served by ix_export_jobs_state."""
    kept = select(func.coalesce(func.sum(export_jobs.c.bytes), 0)).where(export_jobs.c.state == "done")
    if connection.execute(kept).scalar_one() < limits.bytes:
        return None
    return f"the space for exports is used up ({limits.bytes:,} bytes, EXPORT_QUOTA_BYTES)"


def _check_rows(connection: Connection, request: sources.Request, limits: Limits) -> int | None:
    """The estimate of its rows; without one the worker finds out whether they are too many."""
    estimate = sources.estimate_rows(connection, request)
    if estimate is not None and estimate > limits.rows:
        raise TooLarge(too_many_rows(f"about {estimate:,}", limits))
    return estimate


def too_many_rows(found: str, limits: Limits) -> str:
    return (
        f"the export has {found} rows and may have {limits.rows:,} (EXPORT_MAX_ROWS); export a shorter period at a time"
    )


def _insert(connection: Connection, order: Order, estimate: int | None) -> Job:
    row = {
        "id": str(uuid.uuid4()),
        "site_id": order.request.site_id,
        "owner": order.owner,
        "state": "queued",
        "request": {**order.request.as_json(), "asked": order.asked},
        "idempotency_key": order.key,
        "created_at": clock.now(),
        "rows_estimate": estimate,
        "callback_url": order.callback_url,
        "schedule_id": order.schedule_id,
        "cutoff": order.cutoff,
    }
    connection.execute(insert(export_jobs).values(row))
    return _job(connection.execute(JOBS.where(export_jobs.c.id == row["id"])).one())


def read_job(engine: Engine, job_id: str) -> Job | None:
    """The job as it is now."""
    with engine.connect() as connection:
        row = connection.execute(JOBS.where(export_jobs.c.id == job_id)).first()
    return None if row is None else _job(row)


def list_jobs(engine: Engine, viewer: Viewer, cursor: str | None, limit: int) -> Page:
    """The latest first. Served by ix_export_jobs_owner_created_at, or by the whole table for an admin.

    Raises BadInput for a cursor of somebody's own making.
    """
    order = tuple_(export_jobs.c.created_at, export_jobs.c.id)
    wanted = JOBS.where(
        true() if viewer.owner is None else export_jobs.c.owner == viewer.owner,
        true() if viewer.sites is None else sites.c.key.in_(sorted(viewer.sites)),
        true() if cursor is None else order < tuple_(*_place_of(cursor)),
    )
    wanted = wanted.order_by(export_jobs.c.created_at.desc(), export_jobs.c.id.desc()).limit(limit + 1)
    with engine.connect() as connection:
        found = [_job(row) for row in connection.execute(wanted)]
    return Page(found[:limit], _cursor_of(found[limit - 1]) if len(found) > limit else None)


def _cursor_of(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.created_at.isoformat()} {job.id}".encode()).decode().rstrip("=")


def _place_of(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, job_id = base64.urlsafe_b64decode(cursor + "==").decode().partition(" ")
        created_at = datetime.fromisoformat(at)
        # A place without an offset would be in the server's zone.
        return created_at.astimezone(UTC), str(uuid.UUID(job_id))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise BadInput("cursor: take it from next_cursor of the page before") from error


def cancel(engine: Engine, job_id: str) -> bool:
    """Whether it waited or ran; a worker that is at it notices within a second or two."""
    changes = {"state": "cancelled", "finished_at": clock.now()}
    wanted = update(export_jobs).where(export_jobs.c.id == job_id, export_jobs.c.state.in_(UNFINISHED))
    with engine.begin() as connection:
        return connection.execute(wanted.values(changes).returning(export_jobs.c.id)).first() is not None


def remove(engine: Engine, job_id: str) -> str | None:
    """The name of the file that is nobody's now. The row goes first: a file that stays is swept later."""
    wanted = delete(export_jobs).where(export_jobs.c.id == job_id, export_jobs.c.state.not_in(UNFINISHED))
    with engine.begin() as connection:
        return connection.execute(wanted.returning(export_jobs.c.file)).scalar()


def as_json(job: Job, now: datetime, download_url: str | None = None) -> dict[str, Any]:
    """What the API and the webhook say of it."""
    state = job.state_at(now)
    found: dict[str, Any] = {"id": job.id, "site": job.site_key, "owner": job.owner}
    found |= {name: _plain(getattr(job, name)) for name in SHOWN} | {"state": state}
    found["request"] = {name: value for name, value in job.request.items() if name not in ("asked", "site_id")}
    found["rows"] = job.rows_done if job.state == "done" else None
    found["progress"] = _progress(job)
    found["complete_through"] = _plain(job.cutoff)
    found["file_name"] = file_name(job)
    found["callback_url"], found["schedule_id"] = job.callback_url, job.schedule_id
    return found | {"download_url": download_url if state == "done" else None}


def _progress(job: Job) -> dict[str, Any]:
    estimate, until = job.rows_estimate, job.finished_at or job.heartbeat_at
    took_s = (until - job.started_at).total_seconds() if job.started_at and until else 0.0
    rate = job.rows_done / took_s if took_s > 0 else None
    # An estimate is one: only what is done is at its end.
    percent = 100.0 if job.state == "done" else min(99.0, round(100 * _share(job), 1))
    has_eta = rate and estimate is not None and job.state == "running"
    return {
        "rows_done": job.rows_done,
        "rows_estimate": job.rows_done if job.state == "done" else estimate,
        "percent": percent,
        "rate_rows_s": round(rate) if rate is not None else None,
        "eta_s": round(max(0, (estimate or 0) - job.rows_done) / (rate or 1)) if has_eta else None,
    }


def _share(job: Job) -> float:
    """How much is there: of the rows, or of the parts where nobody knows how many rows there will be."""
    if job.rows_estimate is not None:
        return job.rows_done / max(1, job.rows_estimate)
    return sum("sha256" in part for part in job.parts) / max(1, len(job.parts))


def retry_after_s(job: Job) -> int | None:
    """When to look again; None: it has ended."""
    if job.state not in UNFINISHED:
        return None
    eta_s = _progress(job)["eta_s"]
    return min(max((eta_s if eta_s is not None else 2) // 2, POLL_S[0]), POLL_S[1])


def file_name(job: Job) -> str:
    """`events-shop-2026-11-01-2026-11-23.csv.gz`, `breakdown-path-shop-…`: what the browser saves it as."""
    request = job.wanted
    zone, start, end = clock.zone(request.zone), request.start, request.end
    if job.schedule_id and job.cutoff and request.what != "report":
        # Its period is everything: what tells its files apart is when their rows came in.
        start, end = request.received_from or start, job.cutoff
    last = max(start, end - datetime.resolution)
    days = f"{clock.day_of(start, zone)}-{clock.day_of(last, zone)}"
    what = f"{request.report.name}-{request.report.dimension}".rstrip("-") if request.what == "report" else request.what
    return f"{what}-{job.site_key}-{days}{formats.file_suffix(request.format, request.compression)}"


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _job(row: Row[Any]) -> Job:
    values: dict[str, Any] = dict(row._mapping)
    schedule_id = values["schedule_id"]
    return Job(**values | {"id": str(values["id"]), "schedule_id": schedule_id and str(schedule_id)})

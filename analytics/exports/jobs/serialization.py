"""An export job as JSON: what the API and webhooks show, with its progress and the name of its file. Pure."""

from datetime import UTC, datetime
from typing import Any

from analytics import clock
from analytics.exports.delivery.callback_state import describe_callback
from analytics.exports.formats.file_types import file_suffix
from analytics.exports.jobs.job import Job

# The range of Retry-After of an unfinished job.
MIN_POLL_S, MAX_POLL_S = 1, 30
UNKNOWN_ETA_S = 2
# Fields of the API with the name of their column.
RESPONSE_COLUMNS = (
    *("created_at", "started_at", "finished_at", "attempt", "error", "bytes", "sha256", "expires_at"),
    *("callback_url", "schedule_id"),
)
# Fields of the stored request that are not shown.
PRIVATE_REQUEST_FIELDS = ("asked", "request_id", "token_id", "site_id")


def as_json(job: Job, now: datetime, download_url: str | None = None) -> dict[str, Any]:
    """The job as ExportResponse describes it; `download_url` is dropped unless the job is done."""
    state = job.state_at(now)
    return {
        "id": job.id,
        "site": job.site_key,
        "owner": job.owner,
        "state": state,
        **{name: _plain(getattr(job, name)) for name in RESPONSE_COLUMNS},
        "request": {name: value for name, value in job.request.items() if name not in PRIVATE_REQUEST_FIELDS},
        "rows": job.rows_done if job.state == "done" else None,
        "progress": _progress(job),
        "complete_through": utc_text(job.cutoff),
        "file_name": file_name(job),
        "download_url": download_url if state == "done" else None,
        "callback": _callback(job),
    }


def _callback(job: Job) -> dict[str, Any] | None:
    shown = describe_callback(job)
    return None if shown is None else {name: _plain(value) for name, value in shown.items()}


def _progress(job: Job) -> dict[str, Any]:
    estimate, rate = job.rows_estimate, _rows_per_second(job)
    return {
        "rows_done": job.rows_done,
        "rows_estimate": job.rows_done if job.state == "done" else estimate,
        # The number of rows is an estimate, so only a finished job shows 100.
        "percent": 100.0 if job.state == "done" else min(99.0, round(100 * _fraction_done(job), 1)),
        "rate_rows_s": round(rate) if rate is not None else None,
        "eta_s": _eta_s(job, rate),
    }


def _rows_per_second(job: Job) -> float | None:
    until = job.finished_at or job.heartbeat_at
    elapsed_s = (until - job.started_at).total_seconds() if job.started_at and until else 0.0
    return job.rows_done / elapsed_s if elapsed_s > 0 else None


def _eta_s(job: Job, rate: float | None) -> int | None:
    if not rate or job.rows_estimate is None or job.state != "running":
        return None
    return round(max(0, job.rows_estimate - job.rows_done) / rate)


def _fraction_done(job: Job) -> float:
    """Of the rows, or of the parts where there is no estimate of the rows."""
    if job.rows_estimate is not None:
        return job.rows_done / max(1, job.rows_estimate)
    return sum("sha256" in part for part in job.parts) / max(1, len(job.parts))


def retry_after_s(job: Job) -> int | None:
    """When to poll again; None: the job has ended."""
    if not job.is_unfinished:
        return None
    eta_s = _eta_s(job, _rows_per_second(job))
    return min(max((UNKNOWN_ETA_S if eta_s is None else eta_s) // 2, MIN_POLL_S), MAX_POLL_S)


def file_name(job: Job) -> str:
    """The name for the browser: `events-shop-2026-11-01-2026-11-23.csv.gz`, `breakdown-path-shop-…`."""
    request = job.parsed_request
    zone, start, end = clock.zone(request.zone), request.start, request.end
    if job.schedule_id and job.cutoff and request.what not in ("report", "users"):
        # The period of a scheduled export is everything; its files differ in when their rows were received.
        start, end = request.received_from or start, job.cutoff
    last = max(start, end - datetime.resolution)
    days = f"{clock.day_of(start, zone)}-{clock.day_of(last, zone)}"
    what = f"{request.report.name}-{request.report.dimension}".rstrip("-") if request.what == "report" else request.what
    return f"{what}-{job.site_key}-{days}{file_suffix(request.format, request.compression)}"


def _plain(value: Any) -> Any:
    return utc_text(value) if isinstance(value, datetime) else value


def utc_text(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with a Z."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""What became of a job's callback, as the job's JSON shows it; and how often it is tried. Pure.

webhooks.py makes the calls and records them; jobs/serialization.py shows the state. Nothing of a response is kept but
its status.
"""

from datetime import datetime
from typing import Any

from analytics.exports.jobs.job import Job

# The delay after the first, second … failed call; the last call is 21 hours after the first.
RETRY_DELAYS_S = (60, 300, 1800, 7200, 21_600, 43_200)
MAX_ATTEMPTS = len(RETRY_DELAYS_S) + 1
# waiting: for the end of the job or for the first call. cancelled: a cancelled job calls nobody.
CALLBACK_STATES = ("waiting", "retrying", "delivered", "failed", "cancelled")


def describe_callback(job: Job) -> dict[str, Any] | None:
    """CallbackResponse of exports/schemas.py, with instants as datetimes; None without a `callback_url`."""
    if job.callback_url is None:
        return None
    state = _state(job)
    return {
        "state": state,
        "attempts": job.notify_attempt,
        "last_status": job.notify_status,
        "last_error": job.notify_error,
        "next_attempt_at": _next_attempt_at(job, state),
        "delivered_at": job.notified_at,
    }


def _state(job: Job) -> str:
    if job.notified_at is not None:
        return "delivered"
    if job.state == "cancelled":
        return "cancelled"
    if not job.notify_attempt:
        return "waiting"
    return "failed" if job.notify_attempt >= MAX_ATTEMPTS else "retrying"


def _next_attempt_at(job: Job, state: str) -> datetime | None:
    return job.notify_at if state == "retrying" else None

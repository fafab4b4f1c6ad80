"""Webhooks: a signed POST to a job's `callback_url` when the job has ended, retried with growing delays.

tasks/exports.py calls `notify_due` when a job ends and when beat finds one that is due. The attempts are counted in the
job's row, so they survive workers and Redis. callback_url.py decides which addresses are called.
"""

import hashlib
import hmac
import http.client
import logging
import os
import socket
import ssl
import time
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Engine, insert, text

from analytics import clock, telemetry
from analytics.exports.delivery import signed_links
from analytics.exports.delivery.callback_state import MAX_ATTEMPTS, RETRY_DELAYS_S
from analytics.exports.delivery.callback_url import UrlRefused, post
from analytics.exports.jobs import serialization
from analytics.exports.jobs.job import Job, read_job
from analytics.store.models import audit_log
from config import Settings

log = logging.getLogger(__name__)

SIGNATURE_HEADER = "X-Analytics-Signature"
BODY_FIELDS = ("id", "state", "sha256", "bytes", "rows", "download_url", "error")


class DeliveryResult(NamedTuple):
    """Whether the response was a 2xx, and its status or the reason why there was none."""

    delivered: bool
    outcome: str

    @property
    def status(self) -> int | None:
        return int(self.outcome) if self.outcome.isdigit() else None

    @property
    def error(self) -> str | None:
        """Why the call counts as failed; None: it was delivered."""
        if self.delivered:
            return None
        return self.outcome if self.status is None else f"the receiver answered {self.outcome}; accepted: 200 to 299"


def derive_signing_key(settings: Settings) -> str:
    """The key with which receivers verify signatures; `flask export webhook-key` prints it.

    JWT_SECRET_KEY cannot be derived from it. With JWT_PUBLIC_KEY there is no JWT secret, and IDENTITY_SALT is the only
    one.
    """
    secret = f"{settings.jwt_secret_key}:{settings.identity_salt}".encode()
    return hmac.new(secret, b"export webhooks", hashlib.sha256).hexdigest()


def sign_body(key: str, body: bytes, now: datetime) -> str:
    """`t=<unix time>,v1=<hex>`: HMAC-SHA256 of the time, a full stop and the body."""
    seconds = int(now.timestamp())
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


# Served by ix_export_jobs_state.
SELECT_DUE = text("""
SELECT id
FROM export_jobs
WHERE state IN ('done', 'failed', 'expired') AND callback_url IS NOT NULL AND notified_at IS NULL
  AND notify_attempt < :max_attempts AND (notify_at IS NULL OR notify_at <= :now)
ORDER BY coalesce(notify_at, finished_at), id
LIMIT 1
""")


def find_due_job(engine: Engine, now: datetime) -> str | None:
    """The id of a job whose address is to be called now, for the first time or again."""
    with engine.connect() as connection:
        job_id = connection.execute(SELECT_DUE, {"max_attempts": MAX_ATTEMPTS, "now": now}).scalar()
    return None if job_id is None else str(job_id)


def notify_due(engine: Engine, settings: Settings, budget_s: float) -> int:
    """Makes the calls that are due, one after the other, for about `budget_s`; returns their number."""
    deadline, calls = time.monotonic() + budget_s, 0
    while time.monotonic() < deadline and (job_id := find_due_job(engine, clock.now())) is not None:
        calls += notify(engine, settings, job_id, clock.now()) is not None
    return calls


CLAIM = text("""
UPDATE export_jobs
SET notify_attempt = notify_attempt + 1,
    notify_at = CAST(:now AS timestamptz)
        + make_interval(secs => (CAST(:delays_s AS integer[]))[least(notify_attempt + 1, :max_attempts - 1)])
WHERE id = :id AND state IN ('done', 'failed', 'expired') AND callback_url IS NOT NULL AND notified_at IS NULL
  AND notify_attempt < :max_attempts AND (notify_at IS NULL OR notify_at <= :now)
RETURNING notify_attempt
""")


def notify(engine: Engine, settings: Settings, job_id: str, now: datetime) -> DeliveryResult | None:
    """Calls the job's address once and records the result; None: no call is due.

    Two concurrent calls make one POST; after a kill in the middle the receiver may get the POST again.
    """
    parameters = {"id": job_id, "now": now, "delays_s": list(RETRY_DELAYS_S), "max_attempts": MAX_ATTEMPTS}
    with engine.begin() as connection:
        attempt = connection.execute(CLAIM, parameters).scalar()
    job = None if attempt is None else read_job(engine, job_id)
    if job is None or job.callback_url is None:
        return None
    result = _call(job.callback_url, encode_body(settings, job, now), settings, now)
    _record(engine, job, attempt, result, now)
    with telemetry.work_for(job.request.get("request_id") or telemetry.NO_REQUEST):
        log.info("export webhook", extra={"job": job.id, "attempt": attempt, **result._asdict()})
    return result


def encode_body(settings: Settings, job: Job, now: datetime) -> bytes:
    """The JSON body: fields of ExportResponse. `download_url` is a signed link, a path without PUBLIC_URL."""
    path = signed_links.sign_download_path(signed_links.derive_signing_key(settings), job.id, now, job.expires_at)
    values = serialization.as_json(job, now, settings.public_url + path)
    return msgspec.json.encode({name: values[name] for name in BODY_FIELDS})


STORE_RESULT = text("""
UPDATE export_jobs
SET notify_status = :status, notify_error = :error,
    notified_at = CASE WHEN :delivered THEN CAST(:now AS timestamptz) END
WHERE id = :id
""")


def _record(engine: Engine, job: Job, attempt: int | None, result: DeliveryResult, now: datetime) -> None:
    # Only the host: the path of the URL may be a secret of the receiver.
    host = urlsplit(job.callback_url or "").hostname
    is_last = result.delivered or attempt == MAX_ATTEMPTS
    detail = {"job": job.id, "attempt": attempt, "host": host, "is_last": is_last, **result._asdict()}
    row = {"actor": "system", "action": "export.webhook", "site_id": job.site_id, "detail": detail}
    with engine.begin() as connection:
        outcome = {"status": result.status, "error": result.error, "delivered": result.delivered, "now": now}
        connection.execute(STORE_RESULT, {"id": job.id, **outcome})
        connection.execute(insert(audit_log).values(row))


def _call(url: str, body: bytes, settings: Settings, now: datetime) -> DeliveryResult:
    headers = {"Content-Type": "application/json", "User-Agent": "analytics-exports", "Connection": "close"}
    headers[SIGNATURE_HEADER] = sign_body(derive_signing_key(settings), body, now)
    try:
        status = post(url, body, headers, settings.environment)
    except UrlRefused as error:
        return DeliveryResult(False, f"the address {error}")
    except (OSError, http.client.HTTPException) as error:
        return DeliveryResult(False, _describe(error))
    # A redirect counts as a failure: its target was not checked.
    return DeliveryResult(200 <= status < 300, str(status))


def _describe(error: Exception) -> str:
    """The system's text of an error number, else the name of the error (TLS and DNS have other texts)."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno)
    return type(error).__name__

"""JSON responses and the current viewer, for the views of exports and of schedules."""

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response

from analytics import clock
from analytics.auth.guard import require_scope
from analytics.exports.delivery import signed_links
from analytics.exports.jobs import serialization
from analytics.exports.jobs.job import Job, Viewer
from analytics.extensions import public_address, settings


def json_response(body: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response that no cache stores."""
    response = Response(msgspec.json.encode(body), status, mimetype="application/json")
    response.headers.update({"Cache-Control": "no-store", **(headers or {})})
    return response


def current_viewer() -> Viewer:
    """The jobs and schedules that the caller may see. Raises Forbidden without the scope `export`."""
    return Viewer.from_principal(require_scope("export"))


def job_as_json(job: Job) -> dict[str, Any]:
    """The job as ExportResponse describes it, with a signed link to its file."""
    now, key = clock.now(), signed_links.derive_signing_key(settings())
    path = signed_links.sign_download_path(key, job.id, now, job.expires_at)
    return serialization.as_json(job, now, public_address(path))


def job_response(job: Job, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The job. `Retry-After` says when to poll again."""
    delay_s = serialization.retry_after_s(job)
    retry_after = {} if delay_s is None else {"Retry-After": str(delay_s)}
    return json_response(job_as_json(job), status, {**(headers or {}), **retry_after})

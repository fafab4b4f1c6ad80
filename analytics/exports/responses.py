"""JSON responses and the current viewer, for the views of exports and of schedules."""

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response

from analytics.auth.guard import require_scope
from analytics.exports.jobs.job import Viewer


def json_response(body: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response that no cache stores."""
    response = Response(msgspec.json.encode(body), status, mimetype="application/json")
    response.headers.update({"Cache-Control": "no-store", **(headers or {})})
    return response


def current_viewer() -> Viewer:
    """The jobs and schedules that the caller may see. Raises Forbidden without the scope `export`."""
    return Viewer.from_principal(require_scope("export"))

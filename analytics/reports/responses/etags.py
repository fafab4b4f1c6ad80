"""ETags of reports on periods that are over: a client that has the figures gets 304.

`get_or_compute` (cache.py) marks the request; the hook `add_etag` reads the response. The ETag is of the figures,
without the instants in `meta` that change with each response, and therefore weak.
"""

from hashlib import blake2b

import msgspec
from flask import Response

from analytics.web.app import current_request
from analytics.web.conditional import make_conditional

CLOSED_PERIOD_KEY = "analytics.closed_period"
CHANGING_META = ("computed_at", "complete_through", "cached")


def mark_closed_period() -> None:
    """The current request is for a report of a period that is over."""
    current_request().environ[CLOSED_PERIOD_KEY] = True


def add_etag(response: Response) -> Response:
    """For `after_app_request`. Browsers may keep the response, and ask each time whether it still holds."""
    request = current_request()
    is_report = CLOSED_PERIOD_KEY in request.environ and response.status_code == 200 and response.is_json
    if not is_report or request.method not in ("GET", "HEAD"):
        return response
    report = msgspec.json.decode(response.get_data())
    meta = {name: value for name, value in report.get("meta", {}).items() if name not in CHANGING_META}
    figures = msgspec.json.encode({**report, "meta": meta}, order="sorted")
    response.set_etag(blake2b(figures, digest_size=16).hexdigest(), weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    return make_conditional(response)

"""One line of the log for a request: who asked for what, how it was answered, and how long it took.

`create_app` installs it. ACCESS_LOG says which requests have a line; one slower than SLOW_REQUEST always has one, as a
warning. A line never holds a raw path, a query, an address, a payload or a credential.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from flask import Flask, Request, Response

from analytics import telemetry
from analytics.auth.principal import Kind, Principal
from analytics.errors import PROBLEM_KEY, Problem
from analytics.ingest.accept import REJECTED_ENVIRON_KEY
from analytics.privacy.pseudonym import identity_salt, make_pseudonym
from analytics.web.app import current_request
from analytics.web.server.connections import NO_ROUTE, refusal_log
from analytics.web.server.disconnects import current_cancellation_token
from config import Settings

log = logging.getLogger("analytics.access")

# A method that HTTP does not know: the client chose the text.
OTHER_METHOD = "(other)"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
BEGAN_ENVIRON_KEY = "analytics.began"


class Line(NamedTuple):
    """What is known of a request when its response begins. `slow_s`: how long that took, if over SLOW_REQUEST."""

    fields: dict[str, Any]
    began: float
    slow_s: float | None
    request_id: str

    def write(self, size: int, ended: str | None = None) -> None:
        """Logs the request; its body of `size` bytes is sent."""
        fields = {**self.fields, "ms": round((time.perf_counter() - self.began) * 1000, 1), "bytes": size}
        if ended is not None:
            fields["ended"] = ended
        is_bad = self.slow_s is not None or fields["status"] >= 500 or ended == "failed"
        message = "request"
        if self.slow_s is not None:
            message = f"Slow analytics request: {fields['route']} took {self.slow_s:.3f}s"
        with telemetry.work_for(self.request_id):
            log.log(logging.WARNING if is_bad else logging.INFO, message, extra=fields)


class LoggedStream:
    """A streamed body that logs its request when the server closes it, or only if it failed (`is_wanted` False).

    Log lines of the code that makes the body carry the request's id, in whatever thread it runs. Other attributes are
    the body's own: the server waits for one that has `when_ready` (web/server/asgi.py).
    """

    def __init__(self, body: Any, line: Line, size: int | None, is_wanted: bool) -> None:
        self._body, self._chunks, self._line, self._size = body, iter(body), line, size
        self._is_wanted, self._sent, self._ended = is_wanted, 0, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            with telemetry.work_for(self._line.request_id):
                chunk: bytes = next(self._chunks)
        except StopIteration:
            self._ended = "complete"
            raise
        except BaseException:
            token = current_cancellation_token()
            self._ended = "client_left" if token is not None and token.is_cancelled else "failed"
            raise
        self._sent += len(chunk)
        return chunk

    def close(self) -> None:
        try:
            if close := getattr(self._body, "close", None):
                close()
        finally:
            ended, self._ended = self._describe_end(), "complete"
            if self._is_wanted or ended == "failed":
                self._is_wanted = False
                self._line.write(self._sent, ended)

    def _describe_end(self) -> str:
        """complete, failed, or why the server has closed it before its end: client_left or server_stopped."""
        if self._sent == self._size:
            return "complete"
        token = current_cancellation_token()
        is_stopped = token is not None and token.has_server_stopped
        return self._ended or ("server_stopped" if is_stopped else "client_left")


def init_app(app: Flask, settings: Settings) -> None:
    """Installs the hooks. Call it first: the hook after a request then sees the response as it is sent."""
    # ACCESS_LOG decides, whatever LOG_LEVEL is.
    log.setLevel(logging.INFO)
    describe = _subject_names(settings)
    least_status = {"off": 1000, "errors": 400, "all": 0}[settings.access_log]
    logs_rejections = settings.access_log != "off"
    refusal_log.setLevel(logging.INFO if logs_rejections else logging.CRITICAL)
    slow_request_s = settings.slow_request

    @app.before_request
    def start_timer() -> None:
        current_request().environ[BEGAN_ENVIRON_KEY] = time.perf_counter()

    @app.after_request
    def log_request(response: Response) -> Response:
        request, now = current_request(), time.perf_counter()
        environ, status = request.environ, response.status_code
        took_s = now - environ.get(BEGAN_ENVIRON_KEY, now)
        is_slow = took_s > slow_request_s
        is_wanted = status >= least_status or is_slow or (logs_rejections and REJECTED_ENVIRON_KEY in environ)
        is_streamed = response.is_streamed and not _is_bodiless(request, status)
        if not is_wanted and not (is_streamed and logs_rejections):
            return response
        line = Line(
            _fields(request, response, describe), now - took_s, took_s if is_slow else None, telemetry.request_id.get()
        )
        if is_streamed:
            response.response = LoggedStream(response.response, line, response.content_length, is_wanted)
        else:
            line.write(0 if _is_bodiless(request, status) else response.calculate_content_length() or 0)
        return response


def _is_bodiless(request: Request, status: int) -> bool:
    return request.method == "HEAD" or status in (204, 304)


def _fields(request: Request, response: Response, describe: Callable[[Principal], str]) -> dict[str, Any]:
    environ, rule = request.environ, request.url_rule
    principal: Principal | None = environ.get("analytics.principal")
    fields: dict[str, Any] = {
        "method": request.method if request.method in METHODS else OTHER_METHOD,
        "route": rule.rule if rule else NO_ROUTE,
        "status": response.status_code,
        "subject": describe(principal) if principal else None,
        "client": str(principal.kind) if principal else None,
        "site": telemetry.recorded_site(),
    }
    if response.status_code >= 400 and (error := environ.get(PROBLEM_KEY)):
        fields["code"] = error.code
    rejected: list[Problem] | None = environ.get(REJECTED_ENVIRON_KEY)
    if rejected:
        fields["rejected"] = Counter(problem.code for problem in rejected)
    return fields


def _subject_names(settings: Settings) -> Callable[[Principal], str]:
    """How a caller is named: by its subject, or where user ids are stored as pseudonyms by that of a token's subject,
    which may be a user's."""
    if not settings.anonymize_user_ids:
        return lambda principal: principal.subject
    salt = identity_salt(settings)

    def describe(principal: Principal) -> str:
        if principal.kind != Kind.TOKEN:
            return principal.subject
        return make_pseudonym(salt, telemetry.recorded_identity_key(), principal.subject)

    return describe

"""The errors that reach a caller, and the handlers that turn them into RFC 9457 problem+json.

Every slice raises from this tree; `create_app` calls `register`. Nothing here knows a route, and no text of a library
reaches a detail.
"""

import http
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from flask import Flask, Response
    from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)
# The error that a request is answered with, for the access log and for pages: the body may be compressed.
PROBLEM_KEY = "analytics.problem"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one event or field. `index` counts from 0 in the request as sent; None: the request."""

    index: int | None
    field: str
    code: str
    detail: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class AnalyticsError(Exception):
    """Base: `status` is the HTTP status, `code` the problem's short name."""

    status = 500
    code = "internal_error"

    def __init__(
        self, detail: str, errors: list[Problem] | None = None, retry_after_s: int | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.detail, self.errors, self.retry_after_s, self.extra = detail, errors or [], retry_after_s, extra


class BadInput(AnalyticsError):
    status, code = 400, "bad_input"


class Unauthorised(AnalyticsError):
    status, code = 401, "unauthorised"


class Forbidden(AnalyticsError):
    status, code = 403, "forbidden"


class NotFound(AnalyticsError):
    status, code = 404, "not_found"


class RequestTimeout(AnalyticsError):
    status, code = 408, "request_timeout"


class Conflict(AnalyticsError):
    status, code = 409, "conflict"


class Gone(AnalyticsError):
    status, code = 410, "gone"


class TooLarge(AnalyticsError):
    status, code = 413, "too_large"


class UnsupportedMedia(AnalyticsError):
    status, code = 415, "unsupported_media_type"


class Invalid(AnalyticsError):
    """Well-formed, but not acceptable; `errors` lists the reasons."""

    status, code = 422, "invalid"


class TooMany(AnalyticsError):
    status, code = 429, "too_many_requests"


class Unavailable(AnalyticsError):
    """A server that this request needs is unavailable; the caller may retry after `retry_after_s`.

    `code` of a batch that was to be accepted: NOT_TAKEN or UNKNOWN (docs/decisions/0004).
    """

    status = 503

    def __init__(self, detail: str, retry_after_s: int = 5, *, code: str = "unavailable", **extra: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **extra)
        self.code = code


# Nothing of the batch was stored or will be; and: Redis did not say whether it was appended.
NOT_TAKEN, UNKNOWN = "not_taken", "unknown"


def bad_parameter(name: str, detail: str, example: str, **extra: Any) -> BadInput:
    """400 for one parameter: `days: 0 is out of range; for example days=30`. `extra`: more fields of the problem."""
    whole = f"{name}: {detail}; for example {example}"
    return BadInput(whole, [Problem(None, name, "bad_parameter", whole)], **extra)


def problem_response(error: AnalyticsError) -> "Response":
    """The error as RFC 9457 problem: type, title, status, code, detail, and `errors` of single events or fields."""
    # Here, as at the two imports below: storing and counting import this module without the web framework.
    from flask import Response, has_request_context, request

    body: dict[str, Any] = {
        "type": f"about:blank#{error.code}",
        "title": http.HTTPStatus(error.status).phrase,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        **error.extra,
    }
    if has_request_context():
        request.environ[PROBLEM_KEY] = error
    if error.errors:
        body["errors"] = [problem.as_json() for problem in error.errors]
    response = Response(msgspec.json.encode(body), error.status, mimetype="application/problem+json")
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="analytics"'
    return response


def _describe_http_error(error: "HTTPException") -> str:
    """What the framework refused, and what is accepted; none of the framework's own text."""
    # See problem_response.
    from flask import request

    path = repr(request.path[:80])
    if error.code == 404:
        return f"{path} is no path of this service; accepted: the paths of /api/analytics/openapi.json"
    if methods := getattr(error, "valid_methods", None):
        allowed = sorted(methods, key=lambda method: (method in ("HEAD", "OPTIONS"), method))
        return f"{request.method} is not accepted at {path}; accepted: {', '.join(allowed)}, for example {allowed[0]}"
    return f"the request to {path} cannot be read; accepted: requests as in /api/analytics/openapi.json"


def register(app: "Flask") -> None:
    """Installs the handlers of our errors, the framework's, and an unavailable database or Redis."""
    # See problem_response.
    from redis.exceptions import RedisError
    from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError
    from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

    @app.errorhandler(AnalyticsError)
    def handle_own(error: AnalyticsError) -> "Response":
        return problem_response(error)

    @app.errorhandler(HTTPException)
    def handle_http(error: HTTPException) -> "Response":
        if isinstance(error, RequestEntityTooLarge):
            limit = app.config["MAX_CONTENT_LENGTH"]
            return problem_response(TooLarge(f"the request body is over {limit} bytes (MAX_BODY_BYTES)", limit=limit))
        wrapped = AnalyticsError(_describe_http_error(error))
        wrapped.status, wrapped.code = error.code or 500, error.name.lower().replace(" ", "_")
        response = problem_response(wrapped)
        if allowed := getattr(error, "valid_methods", None):
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    @app.errorhandler(TimeoutError)
    def handle_pool_timeout(error: TimeoutError) -> "Response":
        log.warning("no connection to the database is free")
        return problem_response(Unavailable("every connection to the database is in use; try again shortly", 1))

    @app.errorhandler(OperationalError)
    def handle_database_down(error: Exception) -> "Response":
        log.warning("database unavailable", extra={"error": type(error).__name__})
        code = getattr(getattr(error, "orig", None), "pgcode", None)
        if code == "57014":
            return problem_response(
                Unavailable("the query took too long; narrow the dates or the filter, for example days=7", 1)
            )
        if code == "55P03":
            return problem_response(Unavailable("the rows to change are locked; try again shortly", 1))
        return problem_response(Unavailable("the database is unavailable; try again shortly"))

    @app.errorhandler(DBAPIError)
    def handle_database_error(error: DBAPIError) -> "Response":
        if error.connection_invalidated:
            return handle_database_down(error)
        log.exception("database error")
        return problem_response(AnalyticsError("an unexpected error; the log has the details"))

    @app.errorhandler(RedisError)
    def handle_redis_down(error: RedisError) -> "Response":
        log.warning("redis unavailable", extra={"error": type(error).__name__})
        return problem_response(Unavailable("Redis is unavailable; try again shortly"))

    @app.errorhandler(Exception)
    def handle_unexpected(error: Exception) -> "Response":
        log.exception("unexpected error")
        return problem_response(AnalyticsError("an unexpected error; the log has the details"))

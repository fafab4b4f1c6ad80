"""The errors a caller can cause or must hear of, and the one handler that turns them into RFC 9457 problem+json.

Every slice raises from this tree; `register` is called by `create_app`. Nothing here knows a route.
"""

import http
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from flask import Flask, Response

log = logging.getLogger(__name__)


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


class Conflict(AnalyticsError):
    status, code = 409, "conflict"


class Gone(AnalyticsError):
    status, code = 410, "gone"


class TooLarge(AnalyticsError):
    status, code = 413, "too_large"


class UnsupportedMedia(AnalyticsError):
    status, code = 415, "unsupported_media_type"


class Invalid(AnalyticsError):
    """Well-formed, but no part of it can be accepted; `errors` says why, one by one."""

    status, code = 422, "invalid"


class TooMany(AnalyticsError):
    status, code = 429, "too_many_requests"


class Unavailable(AnalyticsError):
    """Something this request needs is away; the caller may try again after `retry_after_s`."""

    status, code = 503, "unavailable"

    def __init__(self, detail: str, retry_after_s: int = 5, **extra: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **extra)


def problem_response(error: AnalyticsError) -> "Response":
    """RFC 9457: type, title, status, detail, and `errors` where single events or fields are named."""
    from flask import Response

    body: dict[str, Any] = {
        "type": f"about:blank#{error.code}",
        "title": http.HTTPStatus(error.status).phrase,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        **error.extra,
    }
    if error.errors:
        body["errors"] = [problem.as_json() for problem in error.errors]
    response = Response(msgspec.json.encode(body), error.status, mimetype="application/problem+json")
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="analytics"'
    return response


def register(app: "Flask") -> None:
    """Installs the handler for our errors, the framework's, and an unreachable database or Redis."""
    from redis.exceptions import RedisError
    from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError
    from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

    @app.errorhandler(AnalyticsError)
    def ours(error: AnalyticsError) -> "Response":
        return problem_response(error)

    @app.errorhandler(HTTPException)
    def framework(error: HTTPException) -> "Response":
        if isinstance(error, RequestEntityTooLarge):
            return problem_response(TooLarge("the request body is over the limit"))
        wrapped = AnalyticsError(error.description or error.name)
        wrapped.status, wrapped.code = error.code or 500, error.name.lower().replace(" ", "_")
        response = problem_response(wrapped)
        if allowed := getattr(error, "valid_methods", None):
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    @app.errorhandler(TimeoutError)
    def all_in_use(error: TimeoutError) -> "Response":
        log.warning("no connection to the database is free")
        return problem_response(Unavailable("every connection to the database is in use; try again shortly", 1))

    @app.errorhandler(OperationalError)
    def no_database(error: Exception) -> "Response":
        log.warning("database unavailable", extra={"error": type(error).__name__})
        code = getattr(getattr(error, "orig", None), "pgcode", None)
        if code == "57014":
            return problem_response(Unavailable("the query ran too long; narrow the dates or the filter", 1))
        if code == "55P03":
            return problem_response(Unavailable("what is to be changed is in use; try again shortly", 1))
        return problem_response(Unavailable("the database is away; try again shortly"))

    @app.errorhandler(DBAPIError)
    def database_refused(error: DBAPIError) -> "Response":
        if error.connection_invalidated:
            return no_database(error)
        log.exception("database error")
        return problem_response(AnalyticsError("an unexpected error; the log has its details"))

    @app.errorhandler(RedisError)
    def no_redis(error: RedisError) -> "Response":
        log.warning("redis unavailable", extra={"error": type(error).__name__})
        return problem_response(Unavailable("Redis is away; try again shortly"))

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> "Response":
        log.exception("unexpected error")
        return problem_response(AnalyticsError("an unexpected error; the log has its details"))

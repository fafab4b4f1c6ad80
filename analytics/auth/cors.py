"""What browsers of other origins may do: the preflight's answer, and the headers of every other one.

`auth/views.py` installs both. Origins come from CORS_ORIGINS; with none set, a development server allows all of them.
No cookies are involved, so an origin that is allowed can do nothing without a token.
"""

from flask import Response

from analytics.application import current_request
from analytics.extensions import settings

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
# A `*` would not cover Authorization.
HEADERS = "Authorization, Content-Type, Content-Encoding, Prefer, X-Request-ID, X-Site-ID, If-None-Match"
LIMITS = "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy"
EXPOSED = f"X-Request-ID, Retry-After, Location, ETag, Content-Disposition, {LIMITS}"
REMEMBERED_S = "7200"


def answer_preflight() -> Response | None:
    """The answer to a browser's OPTIONS, before any guard: it never carries a token."""
    environ = current_request().environ
    if environ["REQUEST_METHOD"] != "OPTIONS" or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
        return None
    response = Response(status=204)
    if allowed_origin():
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = HEADERS
        response.headers["Access-Control-Max-Age"] = REMEMBERED_S
    return response


def add_headers(response: Response) -> Response:
    """Lets an allowed origin read the response."""
    if "HTTP_ORIGIN" not in current_request().environ:
        return response
    response.vary.add("Origin")
    if origin := allowed_origin():
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
    return response


def allowed_origin() -> str | None:
    """What to say to the request's origin: itself, `*`, or nothing."""
    chosen = settings()
    origins = chosen.cors_origins or (("*",) if chosen.environment == "development" else ())
    if "*" in origins:
        return "*"
    origin = current_request().headers.get("Origin")
    return origin if origin in origins else None

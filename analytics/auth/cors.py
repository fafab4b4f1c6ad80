"""CORS: the preflight response, and the headers of every other response, errors included.

A preflight names neither key nor site, so it allows any origin that CORS_ORIGINS, some site or some publishable key
allows. The response to the request itself may be read by the origins of its own key or site, where it is about no one
site by those of its caller's sites, and by those of CORS_ORIGINS.
Without CORS_ORIGINS a development server also allows the pages of its own machine. No cookie is used, so an allowed
origin can do nothing without a credential, and `Access-Control-Allow-Credentials` is never sent.

flask-cors is not used: its origins are those of a path and fixed at the start; ours depend on the caller, change
while the process runs, and must be known while PostgreSQL is unavailable. `sites/views.py` installs this module, with
the function that reads the origins.
"""

import http
import logging
import math
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Response, has_request_context
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from analytics import clock
from analytics.auth.origins import is_listed, normalize_origin
from analytics.auth.principal import Kind, Principal
from analytics.extensions import settings
from analytics.web.app import current_application, current_request
from analytics.web.server.greenlets import offload

log = logging.getLogger(__name__)

ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
# A `*` would not cover Authorization.
ALLOWED_HEADERS = (
    "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, Prefer, "
    "Range, X-Request-ID, X-Site-ID"
)
RATE_LIMIT_HEADERS = "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy"
EXPOSED_HEADERS = (
    "X-Request-ID, Retry-After, Location, ETag, Content-Disposition, Content-Range, Accept-Ranges, Repr-Digest, "
    f"{RATE_LIMIT_HEADERS}"
)
PREFLIGHT_MAX_AGE_S = "7200"
LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
# The key of the site that a request is about.
SITE_ENVIRON_KEY = "analytics.site_key"
REFRESH_INTERVAL_S = 5.0
# An origin that is not known may just have been added: it is looked for this often, and its request waits so long,
# unless PostgreSQL did not answer the last time.
RETRY_INTERVAL_S = 0.5
UNKNOWN_WAIT_S = 0.25
FIRST_WAIT_S = 2.0
# Probes answer at once, whatever PostgreSQL does.
PROBES = ("/livez", "/readyz", "/health", "/health-check", "/healthz", "/api/analytics/healthz")


class KnownOrigins(NamedTuple):
    """Each origin that a site or publishable key allows, with the keys of the sites that do.

    `has_unbound_key`: a publishable key without origins may be used by any.
    """

    site_keys: Mapping[str, frozenset[str]]
    has_unbound_key: bool = False


NONE_KNOWN = KnownOrigins({})


class OriginCache:
    """The known origins, read in the background by one thread at a time. One per app; thread-safe.

    The last ones are served while PostgreSQL is unavailable or hangs.
    """

    def __init__(self, engine: Callable[[], Engine], load: Callable[[Engine], KnownOrigins]) -> None:
        self._engine, self._load = engine, load
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Empties the cache, as in a new process."""
        self._known, self._is_answering = NONE_KNOWN, True
        # Set while no thread reads.
        self._finished = threading.Event()
        self._finished.set()
        self.expire()

    def expire(self) -> None:
        """Reads again at the next request: called after a change in this process."""
        self._read_at = self._started_at = -math.inf

    def find(self, origin: str, may_wait: bool = True) -> KnownOrigins:
        """The known origins. Waits before the first were read, and shortly for an origin that is not known."""
        now = clock.now().timestamp()
        is_served = origin in self._known.site_keys or not self._is_answering
        if not 0 <= now - self._read_at < (REFRESH_INTERVAL_S if is_served else RETRY_INTERVAL_S):
            wait_s = FIRST_WAIT_S if self._known is NONE_KNOWN else UNKNOWN_WAIT_S
            finished = self._start(now)
            if may_wait and not is_served and not finished.is_set() and not offload(finished.wait, wait_s):
                self._is_answering = False
        return self._known

    def _start(self, now: float) -> threading.Event:
        """Reads in the background unless a thread does, or did a moment ago; set when it has finished."""
        with self._lock:
            if self._finished.is_set() and not 0 <= now - self._started_at < RETRY_INTERVAL_S:
                self._started_at, self._finished = now, threading.Event()
                threading.Thread(target=self._read, args=(self._engine(), now, self._finished), daemon=True).start()
            return self._finished

    def _read(self, engine: Engine, now: float, finished: threading.Event) -> None:
        try:
            self._known, self._read_at, self._is_answering = self._load(engine), now, True
        except SQLAlchemyError as error:
            self._is_answering = False
            log.warning("origins not read", extra={"error": type(error).__name__})
        finally:
            finished.set()


def origin_cache() -> OriginCache:
    """The running app's known origins."""
    cache: OriginCache = current_application().extensions["origin_cache"]
    return cache


def record_site(site_key: str) -> None:
    """Says which site the request is about; its origins may then read the response. guard.py calls it."""
    if has_request_context():
        current_request().environ[SITE_ENVIRON_KEY] = site_key


def respond_to_preflight() -> Response | None:
    """The response to a preflight OPTIONS request, which carries no credential and passes no guard."""
    environ = current_request().environ
    if environ["REQUEST_METHOD"] != "OPTIONS" or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
        return None
    response = Response(status=204)
    if allowed_origin(status=None):
        response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = PREFLIGHT_MAX_AGE_S
    return response


def add_headers(response: Response) -> Response:
    """Lets an allowed origin read the response, unless all may. Runs after errors too."""
    if response.headers.get("Access-Control-Allow-Origin") == "*":
        return response
    # Also without an Origin, or a cache would serve this response to a browser.
    if "Vary" in response.headers:
        response.vary.add("Origin")
    else:
        response.headers["Vary"] = "Origin"
    if "HTTP_ORIGIN" in current_request().environ and (origin := allowed_origin(response.status_code)):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    return response


def allowed_origin(status: int | None) -> str | None:
    """The value of Access-Control-Allow-Origin: the request's origin, `*`, or None. `status`: None of a preflight."""
    config, environ = settings(), current_request().environ
    listed = config.cors_origins
    if "*" in listed:
        return "*"
    origin: str = environ.get("HTTP_ORIGIN", "")
    if not (normalized := normalize_origin(origin)):
        return None
    # Not all: a local run lets anonymous callers read, and would show its events to every website that is visited.
    is_local = not listed and config.environment == "development" and LOOPBACK_ORIGIN.fullmatch(normalized) is not None
    return origin if is_local or is_listed(origin, listed) or _is_allowed(normalized, environ, status) else None


def _is_allowed(origin: str, environ: Mapping[str, Any], status: int | None) -> bool:
    """True when the caller's key or site allows it; any key or site, where the request has not told which."""
    # Who is not known has no site of its own.
    has_caller = status not in (None, 401)
    principal: Principal | None = environ.get("analytics.principal") if has_caller else None
    if principal is not None and principal.kind is Kind.PUBLISHABLE_KEY:
        return not principal.origins or is_listed(origin, principal.origins)
    known = origin_cache().find(origin, environ["PATH_INFO"] not in PROBES)
    site_key = environ.get(SITE_ENVIRON_KEY)
    site_keys = known.site_keys.get(origin)
    if has_caller and site_key is not None:
        return site_keys is not None and site_key in site_keys
    # An error that is about no site shows nothing of one, and a page has to learn why it was refused.
    if principal is None or (status or 0) >= http.HTTPStatus.BAD_REQUEST:
        return known.has_unbound_key or site_keys is not None
    return site_keys is not None and (principal.sites is None or not principal.sites.isdisjoint(site_keys))

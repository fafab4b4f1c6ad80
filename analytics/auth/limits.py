"""Rate limits per caller: requests and events a minute (spec C31).

RATE_LIMIT_* hold for every caller, PUBLIC_RATE_LIMIT_* also for those whose credential is public (a publishable key, a
share link) or missing: the smaller counts. The tokens of one subject for the same sites have one budget, and so has a
secret key. All public callers of an address share one, whatever they send, so that many publishable keys multiply
nothing.

`guard` spends a request when it knows the caller, before the body is read; accepting a batch spends its events. Both
are GCRA buckets ("virtual scheduling" of ITU-T I.371): after a silent minute the whole budget is available. A batch is
accepted while one event is left and paid for afterwards, so that no batch is ever too large. A bucket's key expires
when the bucket is full again. Cost: about 50 us each.

While Redis is unavailable nothing is limited (the append itself then fails), and what was let through is counted;
only attempts to sign in are counted then, too (sign_in_limits.py).
"""

import logging
import threading
from hashlib import blake2b, sha1
from ipaddress import ip_address
from math import ceil, inf
from typing import NamedTuple

from flask import Response
from redis.exceptions import NoScriptError, RedisError

from analytics import clock
from analytics.auth.client_address import address_network, client_address
from analytics.auth.principal import Kind, Principal
from analytics.errors import TooMany
from analytics.extensions import append_redis, settings
from analytics.web.app import current_application, current_request

log = logging.getLogger(__name__)

MINUTE_US = 60_000_000
BUDGET_ENVIRON_KEY = "analytics.spent"
PUBLIC_KINDS = frozenset({Kind.PUBLISHABLE_KEY, Kind.SHARE, Kind.ANONYMOUS})
# While Redis does not answer, one request in this time tries it; the others do not wait.
RETRY_S = 1.0
LOG_INTERVAL_S = 10.0
# A key holds the microsecond at which its bucket is full again. Refused when less than one unit is left, apart from
# rounding. Lua's numbers are floats, exact for these until the year 2255; only their text must not be shortened.
SPEND_SCRIPT = """
local now, unit, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if full - now + 0.999 * unit > tonumber(ARGV[4]) then return {0, full - now} end
full = full + count * unit
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return {1, full - now}
"""
READ_SCRIPT = "return redis.call('GET', KEYS[1])"
SPEND_SCRIPT_SHA1 = sha1(SPEND_SCRIPT.encode(), usedforsecurity=False).hexdigest()


class Budget(NamedTuple):
    """A caller's budget after a request. `resets_in_us`: until the budget is full again."""

    name: str
    limit: int
    is_allowed: bool
    resets_in_us: int

    @property
    def remaining(self) -> int:
        return max(0, int((MINUTE_US - self.resets_in_us) * self.limit / MINUTE_US + 0.001))

    @property
    def retry_after_s(self) -> int:
        """Seconds until one more is allowed."""
        return wait_s(self.resets_in_us, MINUTE_US / self.limit, MINUTE_US)


class Outage:
    """Counts what is let through while Redis does not answer. One per app; thread-safe."""

    def __init__(self) -> None:
        self.uncounted = 0
        self._retry_at = self._logged_at = -inf
        self._lock = threading.Lock()

    @property
    def is_known(self) -> bool:
        """True while Redis did not answer the last time it was tried."""
        return self._retry_at != -inf

    def is_waiting(self, now: float) -> bool:
        """True for a request that must not try Redis, which is thereby let through."""
        if self._retry_at == -inf:
            return False
        with self._lock:
            # The lower bound: a clock that was set back must not stop counting for ever.
            if self._retry_at - RETRY_S <= now < self._retry_at:
                self.uncounted += 1
                return True
            self._retry_at = now + RETRY_S
        return False

    def record(self, now: float, error: Exception) -> None:
        """A request was not counted because of `error`."""
        with self._lock:
            self.uncounted, self._retry_at = self.uncounted + 1, now + RETRY_S
            if 0 <= now - self._logged_at < LOG_INTERVAL_S:
                return
            self._logged_at = now
        log.warning("rate limits not counted", extra={"error": type(error).__name__, "uncounted": self.uncounted})

    def end(self) -> None:
        """Redis has answered."""
        self._retry_at = -inf


class Limit(NamedTuple):
    """Units a minute, and the setting that says so. 0: any number."""

    per_minute: int
    setting: str


def enforce_request_limit(principal: Principal) -> None:
    """Counts this request, once. Raises TooMany."""
    environ = current_request().environ
    if BUDGET_ENVIRON_KEY not in environ:
        environ[BUDGET_ENVIRON_KEY] = None
        _spend(principal, "requests", _request_limit(principal), 1)


def check_address_budget() -> None:
    """Raises TooMany when the caller's address has no request left; counts nothing. Called before a credential is
    looked up, so that guesses beyond the budget cost no query."""
    environ, now = current_request().environ, clock.now().timestamp()
    principal = Principal("anonymous", frozenset(), None, kind=Kind.ANONYMOUS)
    limit = _request_limit(principal)
    if BUDGET_ENVIRON_KEY in environ or not limit.per_minute or outage().is_known:
        return
    try:
        full_at_us = int(append_redis().eval(READ_SCRIPT, 1, _bucket("requests", principal)) or 0)
    except RedisError as error:
        outage().record(clock.now().timestamp(), error)
        return
    left_us = max(0, full_at_us - int(now * 1_000_000))
    if left_us + 0.999 * MINUTE_US / limit.per_minute > MINUTE_US:
        _apply(Budget("requests", limit.per_minute, False, left_us), limit)


def enforce_event_limit(principal: Principal, count: int) -> None:
    """Counts events or samples that are about to be accepted. Raises TooMany."""
    config = settings()
    own = Limit(config.rate_limit_events_per_minute, "RATE_LIMIT_EVENTS_PER_MINUTE")
    public = Limit(config.public_rate_limit_events_per_minute, "PUBLIC_RATE_LIMIT_EVENTS_PER_MINUTE")
    _spend(principal, "events", _smaller(principal, own, public), count)


def add_headers(response: Response) -> Response:
    """Adds the RateLimit-* headers of the budget that was spent last, if there is a limit."""
    spent: Budget | None = current_request().environ.get(BUDGET_ENVIRON_KEY)
    if spent is not None:
        response.headers["RateLimit-Limit"] = str(spent.limit)
        response.headers["RateLimit-Remaining"] = str(spent.remaining)
        response.headers["RateLimit-Reset"] = str(ceil(spent.resets_in_us / 1_000_000))
        response.headers["RateLimit-Policy"] = f'{spent.limit};w=60;comment="{spent.name}"'
    return response


def outage() -> Outage:
    """The running app's count of what was not limited, for its health."""
    found: Outage = current_application().extensions["limit_outage"]
    return found


def _request_limit(principal: Principal) -> Limit:
    config = settings()
    own = Limit(config.rate_limit_per_minute, "RATE_LIMIT_PER_MINUTE")
    public = Limit(config.public_rate_limit_per_minute, "PUBLIC_RATE_LIMIT_PER_MINUTE")
    return _smaller(principal, own, public)


def _smaller(principal: Principal, own: Limit, public: Limit) -> Limit:
    """The limit that counts for this caller. 0 sets none."""
    if principal.kind not in PUBLIC_KINDS or not public.per_minute or _is_exempt():
        return own
    return min(own, public) if own.per_minute else public


def _is_exempt() -> bool:
    """True for callers on this machine, outside production: `make run`, benchmarks and tests send without a token."""
    address = "" if settings().is_production else _address()
    return bool(address) and ip_address(address).is_loopback


def spend(key: str, unit_us: float, count: int, window_us: int = MINUTE_US) -> tuple[bool, int] | None:
    """Whether the bucket of `window_us` had a unit left, and the microseconds until it is full again; None while Redis
    does not answer."""
    now = clock.now().timestamp()
    if outage().is_waiting(now):
        return None
    try:
        allowed, full_us = _run(key, int(now * 1_000_000), unit_us, count, window_us)
    except RedisError as error:
        # Not `now`: one that hangs has taken longer than RETRY_S, and the next spend of this request would wait again.
        outage().record(clock.now().timestamp(), error)
        return None
    outage().end()
    return bool(allowed), full_us


def wait_s(full_us: float, unit_us: float, window_us: float) -> int:
    """Seconds until a bucket that is full again in `full_us` has a unit."""
    return max(1, ceil((full_us + unit_us - window_us) / 1_000_000))


def _spend(principal: Principal, name: str, limit: Limit, count: int) -> None:
    if not limit.per_minute:
        return
    if spent := spend(_bucket(name, principal), MINUTE_US / limit.per_minute, count):
        _apply(Budget(name, limit.per_minute, *spent), limit)


def _bucket(name: str, principal: Principal) -> str:
    return f"analytics:limit:{name}:{caller_key(principal)}"


def _apply(budget: Budget, limit: Limit) -> None:
    """Keeps the budget for the response's headers. Raises TooMany."""
    current_request().environ[BUDGET_ENVIRON_KEY] = budget
    if not budget.is_allowed:
        detail = f"a caller may send {limit.per_minute} {budget.name} a minute ({limit.setting})"
        wait = budget.retry_after_s
        raise TooMany(f"{detail}; try again in {wait} s", retry_after_s=wait, limit=limit.per_minute)


def _run(key: str, now_us: int, unit_us: float, count: int, window_us: int = MINUTE_US) -> list[int]:
    redis, arguments = append_redis(), (1, key, now_us, repr(unit_us), count, window_us)
    try:
        reply: list[int] = redis.evalsha(SPEND_SCRIPT_SHA1, *arguments)
    except NoScriptError:
        # Redis was restarted; the script has not run yet.
        reply = redis.eval(SPEND_SCRIPT, *arguments)
    return reply


def caller_key(principal: Principal) -> str:
    """A hash of whose budget it is: subject and sites of a token or secret key; else the address, of IPv6 its /64
    network."""
    if principal.kind in PUBLIC_KINDS:
        return _digest(f"address {address_network(_address())}")
    return _digest(principal.caller)


def _address() -> str:
    return client_address(current_request().environ, settings())


def _digest(text: str) -> str:
    # A site of a token may be any text, half a character too.
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()

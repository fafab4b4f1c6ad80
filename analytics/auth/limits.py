"""How much one caller may ask for and send: requests, and events, a minute (spec C31). Off unless a limit is set.

`guard` spends a request once it knows the caller, before a body is looked at; accepting spends the events. Both are
buckets that fill evenly (GCRA, the "virtual scheduling" of ITU-T I.371): who was silent for a minute may use a minute's
budget at once. A batch is taken while an event is left and paid for afterwards, so that none is too large for ever.
Each takes a web process some 50 us. Redis away: nobody is held up here, and an append says so itself.
"""

import logging
from functools import lru_cache
from hashlib import blake2b, sha1
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import NamedTuple

from flask import Response
from redis.exceptions import NoScriptError, RedisError

from analytics import clock
from analytics.application import current_request
from analytics.auth.client import client_address
from analytics.auth.tokens import Principal
from analytics.errors import TooMany
from analytics.extensions import append_redis, settings

log = logging.getLogger(__name__)

MINUTE_US = 60_000_000
SPENT = "analytics.spent"
# A key holds the microsecond at which its bucket is full again. Less than one unit left: refused, save for
# rounding. Lua's numbers are floats, exact for these until the year 2255; only their text must not be shortened.
SPEND = """
local now, unit, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if full - now + 0.999 * unit > 60000000 then return {0, full - now} end
full = full + count * unit
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return {1, full - now}
"""
SHA = sha1(SPEND.encode(), usedforsecurity=False).hexdigest()


class Spent(NamedTuple):
    """A budget after a caller spent of it, or could not. `full_us`: until all of it is there again."""

    name: str
    limit: int
    is_allowed: bool
    full_us: int

    @property
    def remaining(self) -> int:
        return max(0, int((MINUTE_US - self.full_us) * self.limit / MINUTE_US + 0.001))

    @property
    def retry_after_s(self) -> int:
        """Until one more is allowed."""
        return max(1, ceil((self.full_us + MINUTE_US / self.limit - MINUTE_US) / 1_000_000))


def spend_request(principal: Principal) -> None:
    """Counts this request, once. Raises TooMany."""
    limit = settings().rate_limit_per_minute
    if limit and SPENT not in current_request().environ:
        current_request().environ[SPENT] = None
        _spend(principal, "requests", limit, 1, "RATE_LIMIT_PER_MINUTE")


def spend_events(principal: Principal, count: int) -> None:
    """Counts events or samples that are about to be accepted. Raises TooMany."""
    limit = settings().rate_limit_events_per_minute
    if limit:
        _spend(principal, "events", limit, count, "RATE_LIMIT_EVENTS_PER_MINUTE")


def add_headers(response: Response) -> Response:
    """Tells a caller who has a limit how much is left: RateLimit-*, of the budget that was spent last."""
    spent: Spent | None = current_request().environ.get(SPENT)
    if spent is not None:
        response.headers["RateLimit-Limit"] = str(spent.limit)
        response.headers["RateLimit-Remaining"] = str(spent.remaining)
        response.headers["RateLimit-Reset"] = str(ceil(spent.full_us / 1_000_000))
        response.headers["RateLimit-Policy"] = f'{spent.limit};w=60;comment="{spent.name}"'
    return response


def _spend(principal: Principal, name: str, limit: int, count: int, setting: str) -> None:
    now_us = int(clock.now().timestamp() * 1_000_000)
    try:
        allowed, full_us = _run(f"analytics:limit:{name}:{_caller(principal)}", now_us, MINUTE_US / limit, count)
    except RedisError as error:
        log.warning("rate limit not counted", extra={"error": type(error).__name__})
        return
    spent = current_request().environ[SPENT] = Spent(name, limit, bool(allowed), full_us)
    if not spent.is_allowed:
        detail = f"a caller may send {limit} {name} a minute ({setting}); try again in {spent.retry_after_s} s"
        raise TooMany(detail, retry_after_s=spent.retry_after_s, limit=limit)


def _run(key: str, now_us: int, unit_us: float, count: int) -> list[int]:
    redis, arguments = append_redis(), (1, key, now_us, repr(unit_us), count)
    try:
        found: list[int] = redis.evalsha(SHA, *arguments)
    except NoScriptError:
        # Redis was restarted; nothing has run yet.
        found = redis.eval(SPEND, *arguments)
    return found


def _caller(principal: Principal) -> str:
    """Who pays: the token's subject, whatever token it is; without one, the address. Short, and tells neither."""
    if not principal.anonymous:
        return _digest("subject " + principal.subject)
    return _digest("address " + _network(client_address(current_request().environ, settings().trusted_proxies)))


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """An IPv6 caller has 2^64 addresses of one network, which is what counts."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)

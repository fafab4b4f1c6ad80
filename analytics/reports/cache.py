"""Answers kept for CACHE_TTL: reports of periods that are over. Read through; without Redis they are computed.

Keys are `analytics:<report>:<site>:<digest of what was asked>`, so that one can be deleted by hand; each has its TTL. A
day that is not over is never kept. Late events show once the TTL is over: `meta.computed_at` says when it was made.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from analytics import clock
from analytics.extensions import cache_redis, settings
from analytics.period import Period
from analytics.reports.question import Question, bounds

log = logging.getLogger(__name__)
COUNTS = "analytics:cache"


class CacheCounts(NamedTuple):
    """Answers found, and computed though they may be kept, since the counters were last deleted."""

    hits: int
    misses: int


def cached(question: Question, report: str, period: Period, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """`compute()`, or what it said within the last CACHE_TTL seconds; its `meta.cached` says which."""
    ttl_s = settings().cache_ttl
    if not ttl_s or period.end > clock.day_start(clock.day_of(question.now, period.zone), period.zone):
        return compute()
    key = _key(question, report, period)
    found: dict[str, Any] | None = kept(key)
    if found is not None:
        return found
    answer = compute()
    keep(key, _marked(answer), ttl_s)
    return answer


def kept(key: str) -> Any:
    """What is kept under the key; None: nothing, or Redis is away. Counts a hit or a miss."""
    try:
        body = cache_redis().get(key)
        cache_redis().hincrby(COUNTS, "misses" if body is None else "hits", 1)
    except RedisError as error:
        log.warning("cache unavailable", extra={"error": type(error).__name__})
        return None
    return None if body is None else msgspec.json.decode(body)


def keep(key: str, value: Any, ttl_s: float) -> None:
    """Keeps a JSON value; without Redis it does not."""
    try:
        cache_redis().set(key, msgspec.json.encode(value), px=max(1, int(1000 * ttl_s)))
    except RedisError as error:
        log.warning("cache unavailable", extra={"error": type(error).__name__})


def read_counts(redis: Redis) -> CacheCounts:
    """Of that cache. Raises RedisError."""
    hits, misses = redis.hmget(COUNTS, "hits", "misses")
    return CacheCounts(int(hits or 0), int(misses or 0))


def _marked(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "meta": {**answer["meta"], "cached": True}} if "meta" in answer else answer


def _key(question: Question, report: str, period: Period) -> str:
    # The zone of the rollups may change; the bounds are then others.
    asked = {**question.query, **bounds(period), "zone": period.zone.key, "limit": _limit(question)}
    digest = hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()[:24]
    return f"analytics:{report}:{question.site.key}:{digest}"


def _limit(question: Question) -> int:
    return int(question.query.get("limit") or settings().top_results_limit)

"""The cache of reports: responses of periods that are over, kept in Redis for CACHE_TTL seconds.

Reports call `get_or_compute`. Keys are `analytics:<report>:<site>:<digest of the request>`, so one can be deleted by
hand. A period that includes today is never cached, nor what lacks a part that may be there in a moment. An entry
answers until an event of its period, or of a day before, arrives late; `meta.computed_at` tells when a response was
computed. Without Redis every report is computed.

The cache may share its Redis with the buffer of events, so its bytes are bounded, those of callers without a token
apart: what they ask for leaves room for the others. Large responses are not stored, nor are those whose request has a
free text or number that a caller without a token chose: any number of keys could be made of them.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection

from analytics import clock
from analytics.extensions import cache_redis, db, settings
from analytics.period import Period
from analytics.reports.request import ReportRequest, period_bounds
from analytics.reports.responses.etags import mark_closed_period
from analytics.reports.responses.shared_reads import DIMENSION_PARAMETERS
from analytics.rollups.calendar import read_rollups_zone
from analytics.rollups.versions import read_version
from analytics.store.reading import read_transaction
from analytics.web.app import current_request

log = logging.getLogger(__name__)
INCOMPLETE_KEY = "analytics.incomplete"
COUNTS_KEY = "analytics:cache"
# Bytes that are stored within CACHE_TTL; at most twice as many are there at a time. What has no room is computed again.
MAX_BYTES, MAX_SHARED_BYTES = 32 * 1024 * 1024, 8 * 1024 * 1024
# Of Redis, for each key.
KEY_BYTES = 200
STORE_SCRIPT = """
local bytes = tonumber(redis.call('GET', KEYS[2]) or '0') + #ARGV[1] + #KEYS[1] + tonumber(ARGV[4])
if bytes > tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], string.format('%.0f', bytes), 'PX', 2 * ARGV[2])
return 1
"""
# Fits the overview of a year: 366 days of about 80 bytes, and eight lists of ten rows.
MAX_STORED_BYTES = 64 * 1024
# The parameters of shared reads with a few values, and the period and site.
STORED_SHARED_PARAMETERS = frozenset(
    (
        *("site", "site_id", "website_id", "zone", "timezone", "date", "days", "hours", "from", "from_", "to"),
        *("compare", "include_bots", "granularity", "unit", "window", "align", "scope", *DIMENSION_PARAMETERS),
    )
)


class CacheCounts(NamedTuple):
    """Cacheable responses that were found and that were computed, since the counters were last deleted."""

    hits: int
    misses: int


class _Entry(msgspec.Struct):
    """A cached value, and the version of the site's days that it was computed from (rollups/versions.py)."""

    version: str
    value: Any


def mark_incomplete() -> None:
    """The current request's response lacks a part that the next one may have."""
    current_request().environ[INCOMPLETE_KEY] = True


def get_or_compute(
    request: ReportRequest,
    report_name: str,
    period: Period,
    compute: Callable[[], dict[str, Any]],
    connection: Connection | None = None,
) -> dict[str, Any]:
    """`compute()`, or its result from the last CACHE_TTL seconds, then with `meta.cached`. Nothing that `compute` reads
    may be later than the period.

    `connection`: the snapshot that `compute` reads, if it is open already.
    """
    ttl_s = settings().cache_ttl
    if period.end > clock.day_start(clock.day_of(request.now, period.zone), period.zone):
        return compute()
    mark_closed_period()
    if not ttl_s:
        return compute()
    key, version = _key(request, report_name, period), _read_version(request, period, connection)
    cached: dict[str, Any] | None = get_cached(key, version)
    if cached is not None:
        return cached
    response = compute()
    if INCOMPLETE_KEY in current_request().environ:
        return response
    if not request.is_shared or request.query.keys() <= STORED_SHARED_PARAMETERS:
        body = msgspec.json.encode(_mark_cached(response))
        if len(body) <= MAX_STORED_BYTES:
            set_cached(key, version, body, ttl_s, request.is_shared)
    return response


def _read_version(request: ReportRequest, period: Period, connection: Connection | None) -> str:
    with nullcontext(connection) if connection else read_transaction(db.engine, settings().statement_timeout) as reader:
        zone = clock.zone(read_rollups_zone(reader, request.site.id) or request.site.zone)
        end_day = clock.day_of(period.end - timedelta(microseconds=1), zone) + timedelta(days=1)
        return read_version(reader, request.site.id, end_day)


def get_cached(key: str, version: str) -> Any:
    """The value of the key; None: none of this version, or Redis is unavailable. Counts a hit or a miss."""
    try:
        body = cache_redis().get(key)
        entry = _decode(body) if body is not None else None
        is_hit = entry is not None and entry.version == version
        cache_redis().hincrby(COUNTS_KEY, "hits" if is_hit else "misses", 1)
    except RedisError as error:
        log.warning("cache unavailable", extra={"error": type(error).__name__})
        return None
    return entry.value if entry is not None and is_hit else None


def _decode(body: bytes | str) -> _Entry | None:
    """None for an entry of another release."""
    try:
        return msgspec.json.decode(body, type=_Entry)
    except msgspec.ValidationError:
        return None


def set_cached(key: str, version: str, value: bytes, ttl_s: float, is_shared: bool) -> None:
    """Stores JSON where there is room for it; does nothing when Redis is unavailable. `is_shared`: of the request."""
    body = msgspec.json.encode(_Entry(version, msgspec.Raw(value)))
    window = int(clock.now().timestamp() / ttl_s)
    counter = f"{COUNTS_KEY}:{'shared_bytes' if is_shared else 'bytes'}:{window}"
    limit, ttl_ms = MAX_SHARED_BYTES if is_shared else MAX_BYTES, max(1, int(1000 * ttl_s))
    try:
        cache_redis().eval(STORE_SCRIPT, 2, key, counter, body, ttl_ms, limit, KEY_BYTES)
    except RedisError as error:
        log.warning("cache unavailable", extra={"error": type(error).__name__})


def read_cache_counts(redis: Redis) -> CacheCounts:
    """The counters of the cache in that Redis. Raises RedisError."""
    hits, misses = redis.hmget(COUNTS_KEY, "hits", "misses")
    return CacheCounts(int(hits or 0), int(misses or 0))


def _mark_cached(response: dict[str, Any]) -> dict[str, Any]:
    return {**response, "meta": {**response["meta"], "cached": True}} if "meta" in response else response


def _key(request: ReportRequest, report_name: str, period: Period) -> str:
    # The bounds and the zone are in the digest because the rollups' zone may change.
    content = {**request.query, **period_bounds(period), "zone": period.zone.key, "limit": request.limit}
    # The filter of the query holds the conditions of its segments, so a changed segment is another key. The response
    # shows the filter as it was sent.
    content["filter_meta"] = request.filter_meta
    digest = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:24]
    return f"analytics:{report_name}:{request.site.key}:{digest}"

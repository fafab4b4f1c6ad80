"""The cache of the days before today, for all-time reports on links; the reports add the figures of today.

Keys are `analytics:stats:<short code>` and `analytics:global`; for a site other than `links`, its key precedes the
code. So an operator can delete one (spec 0.C). A late event of a past day outdates the entry.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import msgspec

from analytics.extensions import settings
from analytics.period import Period
from analytics.reports.request import ReportRequest
from analytics.reports.responses.cache import get_cached, set_cached
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.rollups.versions import read_version
from analytics.sites.sites import LINKS_SITE_KEY

T = TypeVar("T")


class PastDays(msgspec.Struct, Generic[T]):
    """A value of all days before `before`, of one site in one zone; `complete_through` as in ReportRequest."""

    site_id: int
    zone: str
    before: date
    complete_through: datetime | None
    value: T
    is_cached: bool = False

    def meta(self, request: ReportRequest, period: Period) -> dict[str, Any]:
        """The request's `meta`, with `complete_through` of the cached value."""
        cached = {"cached": True} if self.is_cached else {}
        return replace(request, complete_through=self.complete_through).meta(period, "rollup", **cached)


def read_past_days(
    request: ReportRequest, name: str, snapshot: Snapshot, before: date, value_type: type[T], compute: Callable[[], T]
) -> PastDays[T]:
    """`compute()`, which reads the snapshot, or its value within the last CACHE_TTL seconds.

    The cache holds no events of bots: with include_bots the value is computed each time. A false value (no events)
    is not cached.
    """
    site, ttl_s, zone = request.site, settings().cache_ttl, snapshot.zone
    if not ttl_s or request.include_bots:
        return PastDays(site.id, zone, before, request.complete_through, compute())
    key, version = build_cache_key(site.key, name), read_version(snapshot.connection, site.id, before)
    cached = _decode(get_cached(key, version), value_type)
    if cached is not None and (cached.site_id, cached.zone, cached.before) == (site.id, zone, before):
        return cached
    past = PastDays(site.id, zone, before, request.complete_through, compute())
    # Requests may name unknown codes; only codes with clicks are cached.
    if past.value:
        body = msgspec.json.encode(msgspec.structs.replace(past, is_cached=True))
        set_cached(key, version, body, ttl_s, request.is_shared)
    return past


def build_cache_key(site_key: str, name: str) -> str:
    """The Redis key of `stats:<short code>` or `global`."""
    report, *code = name.split(":", 1)
    site = [] if site_key == LINKS_SITE_KEY else [site_key]
    return ":".join(["analytics", report, *site, *code])


def _decode(body: object, value_type: type[T]) -> PastDays[T] | None:
    """None for a value of another release."""
    try:
        return None if body is None else msgspec.convert(body, PastDays[value_type], str_keys=True)  # type: ignore[valid-type]
    except msgspec.ValidationError:
        return None

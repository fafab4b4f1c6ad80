"""What is over of a report that reaches back to the first day, kept for CACHE_TTL; today is added to it, fresh.

Keys are `analytics:stats:<short code>` and `analytics:global`, of another site than `links` with its key in front of
the code, so that one can be deleted by hand (spec 0.C). What is late for a day that is over shows once the TTL is over.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import msgspec

from analytics.extensions import settings
from analytics.period import Period
from analytics.reports.cache import keep, kept
from analytics.reports.question import Question

T = TypeVar("T")
LINKS = "links"


class Past(msgspec.Struct, Generic[T]):
    """Everything before the day `before`, of one site in one calendar; `complete` as Question's."""

    site_id: int
    zone: str
    before: date
    complete: datetime | None
    found: T
    is_kept: bool = False

    def meta(self, question: Question, period: Period) -> dict[str, Any]:
        """Question's, no more complete than what was kept."""
        cached = {"cached": True} if self.is_kept else {}
        return replace(question, complete=self.complete).meta(period, "rollup", **cached)


def read_past(
    question: Question, name: str, zone: str, before: date, kind: type[T], compute: Callable[[], T]
) -> Past[T]:
    """What `compute` says of the days before `before`, or said within the last CACHE_TTL seconds.

    It holds no programs: with include_bots it is computed each time. What is false, for nothing was found, is not kept.
    """
    site, ttl_s = question.site, settings().cache_ttl
    if not ttl_s or question.query.get("include_bots"):
        return Past(site.id, zone, before, question.complete, compute())
    key = name_key(site.key, name)
    found = _read(kept(key), kind)
    if found is not None and (found.site_id, found.zone, found.before) == (site.id, zone, before):
        return found
    past = Past(site.id, zone, before, question.complete, compute())
    # Anybody can make up codes; only those that were clicked take room.
    if past.found:
        keep(key, msgspec.structs.replace(past, is_kept=True), ttl_s)
    return past


def name_key(site_key: str, name: str) -> str:
    """The key of `stats:<short code>` or `global` in the cache's Redis."""
    report, *code = name.split(":", 1)
    site = [] if site_key == LINKS else [site_key]
    return ":".join(["analytics", report, *site, *code])


def _read(body: object, kind: type[T]) -> Past[T] | None:
    """None for what another release kept."""
    try:
        return None if body is None else msgspec.convert(body, Past[kind], str_keys=True)  # type: ignore[valid-type]
    except msgspec.ValidationError:
        return None

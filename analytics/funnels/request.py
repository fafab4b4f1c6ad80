"""Funnels asked for over HTTP: the period, whether raw events can tell of it, the cache. The views call it.

Funnels are counted from raw events or their postings, within STATEMENT_TIMEOUT and while these are kept. What is
counted of a period that is over may be kept, as other reports are.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.errors import Invalid, Problem
from analytics.extensions import settings
from analytics.funnels.definitions import TRACKED, Definition, Funnel
from analytics.period import EXAMPLES, Period, read_period, read_zone
from analytics.reports.cache import cached
from analytics.reports.days import MOST_DAYS, PERIOD, refuse
from analytics.reports.filters import parse_filter
from analytics.reports.question import Question, utc
from analytics.rollups.guard import OTHER

if TYPE_CHECKING:
    from analytics.funnels.conversion import Counted

DEFAULT_DAYS = 7
# Days that change their length.
SLACK = timedelta(hours=2)
QUERY_CANCELED = "57014"


class Order(NamedTuple):
    """What to count; `funnel_id` of a stored funnel, for which clients may have tracked steps."""

    definition: Definition
    funnel_id: str | None = None


def order_of(funnel: Funnel) -> Order:
    return Order(funnel.definition, funnel.id)


def keep(
    question: Question, name: str, orders: Sequence[Order], period: Period, compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """What `compute` says of the orders and the period, with `meta`; of a period that is over, what it has said."""
    asked = [[order.funnel_id, order.definition.as_json()] for order in orders]
    keyed = replace(question, query={**question.query, "orders": asked})
    meta = question.meta(period, "raw")
    return cached(keyed, f"funnel:{name}", period, lambda: compute() | {"meta": meta})


def count_funnel(question: Question, order: Order, period: Period) -> "Counted":
    """Raises BadInput where raw events may be gone, Invalid where they take too long or are too many."""
    # Numpy takes 17 MB and a tenth of a second, which only those processes pay that are asked for a funnel.
    from analytics.funnels.conversion import Asked, count
    from analytics.funnels.posted import Seen

    query = question.query
    conditions = parse_filter(query["filter"]) if "filter" in query else ()
    tracked = order.funnel_id if order.funnel_id and _has_tracked(question, period) else None
    try:
        with question.rows() as (connection, calendar):
            _refuse_gone(question, period, calendar.raw_since)
            seen = Seen(question.site.id, period, calendar, query.get("include_bots", False), conditions)
            return count(connection, Asked(seen, order.definition, tracked, query.get("breakdown")))
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == QUERY_CANCELED:
            raise _too_slow(question, period) from error
        raise


def _has_tracked(question: Question, period: Period) -> bool:
    """Whether rollups know of any tracked step in these days, which saves a look at all raw events where there are
    none. One query."""
    with question.rollups() as found:
        zone = clock.zone(found.zone)
        days = clock.day_of(period.start, zone), clock.day_of(period.end, zone) + timedelta(days=1)
        # A site with too many types keeps the rare ones as '(other)'.
        return bool(found.days(*days, types=(TRACKED, OTHER), bots=True))


def read_days(question: Question) -> Period:
    """The period asked for; without any, DEFAULT_DAYS through today. Raises BadInput."""
    zone = read_zone(question.query, question.site.zone)
    tomorrow = clock.day_of(question.now, zone) + timedelta(days=1)
    first = tomorrow - timedelta(days=DEFAULT_DAYS)
    default = Period(clock.day_start(first, zone), clock.day_start(tomorrow, zone), zone)
    period = read_period(question.query, zone, question.now, default)
    if period.end - period.start > timedelta(days=MOST_DAYS) + SLACK:
        raise refuse(_named(question), f"at most {MOST_DAYS} days at once", EXAMPLES["days"])
    return period


def previous(period: Period) -> Period:
    """As many days, or as much time, right before the period."""
    zone = period.zone
    first, after = clock.day_of(period.start, zone), clock.day_of(period.end, zone)
    if (clock.day_start(first, zone), clock.day_start(after, zone)) == (period.start, period.end):
        return Period(clock.day_start(first - (after - first), zone), period.start, zone)
    return Period(period.start - (period.end - period.start), period.start, zone)


def _refuse_gone(question: Question, period: Period, raw_since: datetime | None) -> None:
    if raw_since is not None and period.start < raw_since:
        detail = f"funnels are counted from raw events, and those before {utc(raw_since)} may be gone"
        raise refuse(_named(question), detail, EXAMPLES["from"])


def _too_slow(question: Question, period: Period) -> Invalid:
    """The same question again would take as long, so that 503 and Retry-After would mislead."""
    name, days = _named(question), max(1, (period.end - period.start).days // 4)
    detail = f"{name}: reading the raw events of {period.first_date} to {period.last_date} took longer than "
    detail += f"{settings().statement_timeout:g} s, so it was stopped; ask for fewer days, for example days={days}"
    return Invalid(detail, [Problem(None, name, "too_slow", detail)])


def _named(question: Question) -> str:
    return next((name for name in PERIOD if name in question.query), "days")

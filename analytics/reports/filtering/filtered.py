"""Raw events and visits counted for canonical reports, where rollups cannot tell: filters, other zones, hours.

Events are served by partition pruning on ts and, inside a partition that the period cuts, by ix_events_ts (BRIN); in it
every row is looked at, by parallel workers where PostgreSQL has them to spare. Visits: by ix_visits_site_id_started_at.

Which visits meet a filter: of their own fields (VISIT_DIMENSIONS) the first view decides, as in their rollups; the
rest of the filter must hold for one and the same page view of the visit in the period. A visit counts when it began.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    cast,
    exists,
    extract,
    func,
    null,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from analytics.period import Period
from analytics.reports.buckets import split_period
from analytics.reports.filtering.filters import build_filter_clause, field_expression
from analytics.reports.query.measures import (
    ENTRY_EXIT_DIMENSIONS,
    MAX_RANKED_VALUES,
    NO_VISITS,
    VISIT_DIMENSIONS,
    BucketCounts,
    EventSelection,
    Ranking,
    ValueCounts,
    event_counts,
    lists_visits,
    visit_counts,
)
from analytics.rollups.visits.sums import VisitSums
from analytics.store import event_queries
from analytics.store.event_types import PAGE_VIEW
from analytics.store.models import Instant, events, visits

# A million people are hashed in memory. Workers read, though the planner thinks their rows too dear to hand over, and
# hashes rather than sorts them; compiling the plans of thirty partitions would take longer than running them.
PLAN = text("""
SET LOCAL work_mem = '64MB';
SET LOCAL parallel_tuple_cost = 0.001;
SET LOCAL enable_gathermerge = off;
SET LOCAL jit = off
""")


# Whose people a ranking counts along with it: those of a page, as pages are when nobody says how long.
FIRST_LINES = 10


class Rows:
    """A MeasureSource (query/measures.py). Plans the rest of the transaction for scans of millions of rows."""

    def __init__(self, connection: Connection, wanted: EventSelection) -> None:
        self._connection, self._wanted = connection, wanted
        self._ranked: dict[tuple[Period, str], dict[str, ValueCounts]] = {}
        connection.execute(PLAN)

    @property
    def connection(self) -> Connection:
        """The connection that it was made with."""
        return self._connection

    def count(self, period: Period, unit: str) -> list[BucketCounts]:
        """Two queries: O(events of the period), O(visits of the period)."""
        starts = [bucket.start for bucket in split_period(period, unit)]
        if not starts:
            return []
        people = _by_person(self._wanted, period, starts)
        counts = {number: BucketCounts(*found) for number, *found in self._connection.execute(_sums(people))}
        began = dict(self._visits(period, _bucket(visits.c.started_at, starts)))
        numbers = range(1, len(starts) + 1)
        return [counts.get(n, BucketCounts())._replace(visits=began.get(n, NO_VISITS)) for n in numbers]

    def rank_values(self, period: Period, dimension: str) -> Ranking:
        """One query, O(visits of the period) for a list of visits; else O(events of the period), and it also counts the
        first lines."""
        if lists_visits(dimension, self._wanted):
            value = _visit_value(dimension).label("value")
            query = select(value, null(), null(), func.count()).where(*_began(self._wanted, period)).group_by("value")
            return self._first(query, func.count(), value)
        rows = self._connection.execute(self._with_people(period, dimension)).all()
        lines = [ValueCounts(value, count) for value, count, _, _ in rows]
        self._ranked[period, dimension] = {
            value: event_counts(self._wanted, value, count, people)
            for value, count, people, _ in rows
            if people is not None
        }
        return Ranking(lines, rows[0].total if rows else 0, len(lines))

    def count_values(self, period: Period, dimension: str, values: Sequence[str]) -> dict[str, ValueCounts]:
        """For what `rank` did not see one more query, O(events of the period), whose memory is people times values.

        Another one for visits, where they have the dimension and all that the filter asks for; else None are told.
        """
        if not values:
            return {}
        if lists_visits(dimension, self._wanted):
            return {
                value: visit_counts(value, sums, people)
                for value, sums, people in self._visitors(period, dimension, values)
            }
        ranked = self._ranked.get((period, dimension), {})
        lines = {value: ranked[value] for value in values if value in ranked}
        if rest := [value for value in values if value not in ranked]:
            counted = self._connection.execute(self._named(period, dimension, rest))
            lines |= {value: event_counts(self._wanted, value, *counts) for value, *counts in counted}
        if dimension not in VISIT_DIMENSIONS or not {one.field for one in self._wanted.filter} <= VISIT_DIMENSIONS:
            return lines
        began = dict(self._visits(period, _visit_value(dimension), values))
        return {value: line.with_visits(began.get(value, NO_VISITS)) for value, line in lines.items()}

    def _with_people(self, period: Period, dimension: str) -> Select[Any]:
        """Value, events, people (of the first lines; else null), events in all. Rows are read once and kept apart."""
        query = select(_value(dimension).label("value"), events.c.user_no)
        found = query.where(*self._of_types(period, dimension)).cte("found")
        order = func.count().desc(), found.c.value.collate("C")
        counts = select(found.c.value, func.count().label("events")).group_by(found.c.value).order_by(*order)
        first = select(counts.limit(FIRST_LINES).subquery().c.value)
        each = select(found.c.value, found.c.user_no).where(found.c.value.in_(first)).distinct().subquery()
        people = select(each.c.value, func.count().label("people")).group_by(each.c.value).subquery()
        total = select(func.count()).select_from(found).scalar_subquery()
        ranked = counts.limit(MAX_RANKED_VALUES).subquery()
        lines = ranked.outerjoin(people, people.c.value == ranked.c.value)
        columns = ranked.c.value, ranked.c.events, people.c.people, total.label("total")
        return select(*columns).select_from(lines).order_by(ranked.c.events.desc(), ranked.c.value.collate("C"))

    def _named(self, period: Period, dimension: str, values: Sequence[str]) -> Select[Any]:
        """Value, events, people."""
        value = _value(dimension)
        query = select(value.label("value"), events.c.user_no, func.count().label("events"))
        query = query.where(*self._of_types(period, dimension), value.in_(values)).group_by("value", "user_no")
        people = query.subquery()
        count = cast(func.sum(people.c.events), BigInteger)
        return select(people.c.value, count, func.count()).group_by(people.c.value)

    def _of_types(self, period: Period, dimension: str) -> list[ColumnElement[bool]]:
        met = [_is_counted(self._wanted, period)]
        if self._wanted.types:
            met.append(events.c.type.in_(self._wanted.types))
        return [*met, _value(dimension) != ""] if dimension == "subject" else met

    def _first(self, query: Any, count: ColumnElement[int], value: ColumnElement[str]) -> Ranking:
        total = cast(func.sum(count).over(), BigInteger)
        ordered = query.add_columns(total).order_by(count.desc(), value.collate("C")).limit(MAX_RANKED_VALUES)
        rows = self._connection.execute(ordered).all()
        return Ranking([ValueCounts(*row[:-1]) for row in rows], rows[0][-1] if rows else 0, len(rows))

    def _visits(
        self, period: Period, key: ColumnElement[Any], among: Sequence[Any] | None = None
    ) -> Iterator[tuple[Any, VisitSums]]:
        """Key → the visits of it that began."""
        query = select(key.label("key"), *_visit_sums()).where(*_began(self._wanted, period)).group_by("key")
        if among is not None:
            query = query.where(key.in_(among))
        return ((value, VisitSums(*sums)) for value, *sums in self._connection.execute(query))

    def _visitors(self, period: Period, dimension: str, among: Sequence[str]) -> Iterator[tuple[str, VisitSums, int]]:
        """Value, the visits of it that began, and the people who began them."""
        value, people = _visit_value(dimension), func.count(visits.c.user_no.distinct())
        query = select(value.label("value"), people, *_visit_sums()).where(*_began(self._wanted, period))
        rows = self._connection.execute(query.where(value.in_(among)).group_by("value"))
        return ((value, VisitSums(*sums), people) for value, people, *sums in rows)


def _visit_sums() -> list[ColumnElement[int]]:
    """The columns of VisitSums."""
    length = extract("epoch", visits.c.ended_at - visits.c.started_at) * 1_000_000
    return [
        func.count(),
        func.count().filter(visits.c.views == 1),
        cast(func.sum(visits.c.views), BigInteger),
        cast(func.sum(cast(length, BigInteger)), BigInteger),
    ]


def _visit_value(dimension: str) -> ColumnElement[str]:
    if dimension in ENTRY_EXIT_DIMENSIONS:
        return visits.c[dimension]
    return func.coalesce(field_expression(visits.c, dimension), "")


def _by_person(wanted: EventSelection, period: Period, starts: Sequence[datetime]) -> Subquery:
    """Each bucket's people. Counting them with DISTINCT would sort all rows, in one process."""
    is_view = events.c.type == PAGE_VIEW
    is_asked = events.c.type.in_(wanted.types) if wanted.types else is_view
    query = select(
        _bucket(events.c.ts, starts).label("bucket"),
        events.c.user_no,
        (func.count().filter(is_asked) if wanted.types else func.count()).label("events"),
        func.count().filter(is_view).label("page_views"),
        func.bool_or(is_asked).label("is_visitor"),
    ).where(_is_counted(wanted, period))
    return (query.where(is_view | is_asked) if wanted.types else query).group_by("bucket", "user_no").subquery()


def _sums(people: Subquery) -> Select[Any]:
    sums = [cast(func.sum(column), BigInteger) for column in (people.c.events, people.c.page_views)]
    return select(people.c.bucket, *sums, func.count().filter(people.c.is_visitor)).group_by(people.c.bucket)


def _value(dimension: str) -> ColumnElement[str]:
    return func.coalesce(field_expression(events.c, dimension), "")


def _bucket(instant: ColumnElement[datetime], starts: Sequence[datetime]) -> ColumnElement[int]:
    """The number, from 1, of the last start that is not later: a binary search among instants, which asks no zone."""
    return func.width_bucket(instant, cast(list(starts), ARRAY(Instant)))


def _is_counted(wanted: EventSelection, period: Period) -> ColumnElement[bool]:
    return event_queries.is_counted(wanted.site_id, period, wanted.bots) & build_filter_clause(wanted.filter, events.c)


def _began(wanted: EventSelection, period: Period) -> list[ColumnElement[bool]]:
    """Which visits are counted."""
    own = [one for one in wanted.filter if one.field in VISIT_DIMENSIONS]
    of_a_view = tuple(one for one in wanted.filter if one.field not in VISIT_DIMENSIONS)
    at = visits.c.started_at
    met = [visits.c.site_id == wanted.site_id, at >= period.start, at < period.end, build_filter_clause(own, visits.c)]
    if not wanted.bots:
        met.append(~visits.c.is_bot)
    return [*met, _has_view(wanted._replace(filter=of_a_view), period)] if of_a_view else met


def _has_view(wanted: EventSelection, period: Period) -> ColumnElement[bool]:
    """Whether a page view of the visit meets the filter. Hashed: the views that meet it are read once."""
    same = (events.c.user_no == visits.c.user_no) & (func.coalesce(events.c.session_id, "") == visits.c.session_id)
    within = events.c.ts.between(visits.c.started_at, visits.c.ended_at) & (events.c.is_bot == visits.c.is_bot)
    return exists().where(same, within, _is_counted(wanted, period), events.c.type == PAGE_VIEW)

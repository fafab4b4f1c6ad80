"""ColumnSource: the counts of query reports from columns, where rollups cannot tell: filters, other zones, cut days.

query.py creates it. Which events and visits count: columns/selection.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from analytics.columnar.read import ColumnReader
from analytics.period import Period
from analytics.reports.columns.buckets import bucket_starts, find_bucket
from analytics.reports.columns.clauses import Parameters, dimension_expression
from analytics.reports.columns.selection import VISIT_SUMS, RowSelection, select_events, select_visits
from analytics.reports.query.measures import (
    ENTRY_EXIT_DIMENSIONS,
    MAX_RANKED_VALUES,
    NO_VISITS,
    PAGE_VIEW_TYPES,
    VISIT_DIMENSIONS,
    BucketCounts,
    EventSelection,
    NarrowedVisits,
    Ranking,
    ValueCounts,
    event_counts,
    lists_only_values,
    lists_visits,
    visit_counts,
)
from analytics.rollups.visits.sums import VisitSums
from analytics.store.event_types import PAGE_VIEW

MOST_LISTED_VALUES = 100


class ColumnSource:
    """A MeasureSource (measures.py). Its methods raise NotInColumns.

    `dimensions`: of the lists that will be asked for, as breakdowns list them without `type`. What a filter selects is
    kept in tables for them, once a period.
    """

    def __init__(self, reader: ColumnReader, wanted: EventSelection, dimensions: Sequence[str] = ()) -> None:
        self._reader, self._wanted = reader, wanted
        # Without a filter, tables would be copies of everything.
        self._kept = tuple(dimensions) if wanted.filter else ()
        self._sums = VisitSums if wanted.selects_only_visits else NarrowedVisits
        self._selection = RowSelection(wanted.site_id, wanted.bots, wanted.filter, wanted.scope)

    @property
    def connection(self) -> Connection:
        """The connection of the reader's snapshot."""
        return self._reader.connection

    def open_columns(self) -> AbstractContextManager[ColumnReader]:
        return nullcontext(self._reader)

    def count(self, period: Period, unit: str) -> list[BucketCounts]:
        """Two scans: the events of the period, and its visits."""
        starts = bucket_starts(period, unit)
        if not starts:
            return []
        counts = {number: BucketCounts(*found) for number, *found in self._count_events(period, starts)}
        began = dict(self._visits(period, *find_bucket(self._reader, "started_at", period, starts)))
        numbers = range(len(starts))
        return [counts.get(n, BucketCounts())._replace(visits=began.get(n, NO_VISITS)) for n in numbers]

    def rank_values(self, period: Period, dimension: str) -> Ranking:
        """One scan."""
        parameters, is_visits = Parameters(), lists_visits(dimension, self._wanted)
        rows = self._began(period, parameters) if is_visits else self._listed(period, dimension, parameters)
        # Grouped as it is stored: the engine then counts by the numbers of a dictionary.
        query = f"""
            SELECT coalesce(value, '') AS value, amount, (sum(amount) OVER ())::BIGINT
            FROM (SELECT {self._value(dimension, parameters)} AS value, count(*) AS amount FROM {rows} GROUP BY 1)
            ORDER BY amount DESC, value LIMIT {MAX_RANKED_VALUES}
        """
        found = self._reader.execute(query, parameters)
        lines = [ValueCounts(value, visits=n) if is_visits else ValueCounts(value, n) for value, n, _ in found]
        return Ranking(lines, found[0][2] if found else 0, len(found))

    def count_values(self, period: Period, dimension: str, values: Sequence[str]) -> dict[str, ValueCounts]:
        """A scan; a second one where events are listed by a dimension of visits."""
        if not values:
            return {}
        if lists_visits(dimension, self._wanted):
            return {
                value: visit_counts(value, self._sums(*sums), people)
                for value, people, *sums in self._visitors(period, dimension, values)
            }
        parameters = Parameters()
        rows, value = self._listed(period, dimension, parameters), self._value(dimension, parameters)
        query = f"""
            SELECT coalesce(value, ''), count(*), count(DISTINCT user_no)
            FROM (SELECT {value} AS value, user_no FROM {rows} WHERE {self._among(value, values, parameters)})
            GROUP BY 1
        """
        found = self._reader.execute(query, parameters)
        lines = {value: event_counts(self._wanted, value, *counts) for value, *counts in found}
        if dimension not in VISIT_DIMENSIONS or not self._wanted.selects_only_visits:
            return lines
        began = dict(self._visits(period, f"coalesce({dimension}, '')", "", (dimension, values)))
        return {value: line.with_visits(began.get(value, NO_VISITS)) for value, line in lines.items()}

    def _count_events(self, period: Period, starts: Sequence[int]) -> list[tuple[Any, ...]]:
        parameters = Parameters()
        is_view = f"type = {parameters.add(PAGE_VIEW)}"
        types = self._wanted.types
        is_asked = f"type IN ({', '.join(map(parameters.add, types))})" if types else is_view
        events = "count(*) FILTER (WHERE is_asked)" if types else "count(*)"
        bucket, join = find_bucket(self._reader, "ts", period, starts)
        query = f"""
            SELECT bucket, {events}, count(*) FILTER (WHERE is_view), count(DISTINCT user_no) FILTER (WHERE is_asked)
            FROM (
                SELECT {bucket} AS bucket, user_no, {is_view} AS is_view, {is_asked} AS is_asked
                FROM {self._selected(period, parameters)} {join}
            )
            GROUP BY bucket
        """
        return self._reader.execute(query, parameters)

    def _selected(self, period: Period, parameters: Parameters) -> str:
        """The relation of the events of the period that meet the filter."""
        views = self._wanted._replace(types=PAGE_VIEW_TYPES)
        of_events = [one for one in self._kept if not lists_visits(one, views)]
        columns = ("user_no", "ts", "type", *(one for one in of_events if one != "type"))
        return self._select(select_events, period, columns, parameters)

    def _select(self, select: Any, period: Period, columns: Sequence[str], parameters: Parameters) -> str:
        """The rows of `select_events` or `select_visits`, from a table where they are kept."""
        arguments = self._reader, self._selection, period.start, period.end
        if not self._kept:
            return str(select(*arguments, parameters))

        def make() -> tuple[str, Parameters]:
            own = Parameters()
            values = (f"{dimension_expression(self._reader, one, own)} AS {self._kept_name(one)}" for one in columns)
            return f"SELECT {', '.join(values)} FROM {select(*arguments, own)}", own

        return self._reader.keep((self._selection, period, tuple(columns)), make)

    def _listed(self, period: Period, dimension: str, parameters: Parameters) -> str:
        """The events that a list of events counts."""
        rows, met = self._selected(period, parameters), ["true"]
        if self._wanted.types:
            met.append(f"type IN ({', '.join(map(parameters.add, self._wanted.types))})")
        if lists_only_values(dimension):
            met.append(f"{self._value(dimension, parameters)} IS NOT NULL")
        return f"(SELECT * FROM {rows} WHERE {' AND '.join(met)})"

    def _began(self, period: Period, parameters: Parameters) -> str:
        """The visits that are counted."""
        of_visits = [one for one in self._kept if one in VISIT_DIMENSIONS or one in ENTRY_EXIT_DIMENSIONS]
        columns = ("user_no", "started_at", "ended_at", "views", *of_visits)
        return self._select(select_visits, period, columns, parameters)

    def _visits(
        self, period: Period, key: str, join: str, among: tuple[str, Sequence[str]] | None = None
    ) -> Iterator[tuple[Any, VisitSums]]:
        """Key → the visits of it that began. `among`: a dimension, and the only values of it that count."""
        parameters = Parameters()
        rows, is_among = self._began(period, parameters), self._among(*among, parameters) if among else "true"
        query = f"SELECT {key} AS key, {VISIT_SUMS} FROM {rows} {join} WHERE {is_among} GROUP BY 1"
        return ((value, self._sums(*sums)) for value, *sums in self._reader.execute(query, parameters))

    def _visitors(self, period: Period, dimension: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        """Value, the people who began visits of it, and VisitSums."""
        parameters = Parameters()
        rows = self._began(period, parameters)
        query = f"""
            SELECT coalesce({dimension}, ''), count(DISTINCT user_no), {VISIT_SUMS}
            FROM {rows} WHERE {self._among(dimension, values, parameters)} GROUP BY 1
        """
        return self._reader.execute(query, parameters)

    def _among(self, expression: str, values: Sequence[str], parameters: Parameters) -> str:
        """Whether it is one of the values, of which '' is NULL. Few of them are a filter of files."""
        if len(values) > MOST_LISTED_VALUES:
            table = self._reader.add_table(pa.table({"value": pa.array(values, pa.string())}))
            return f"coalesce({expression}, '') IN (FROM {table})"
        listed = ", ".join(parameters.add(value) for value in values if value)
        clauses = [f"{expression} IN ({listed})"] if listed else []
        return f"({' OR '.join([*clauses, *([f'{expression} IS NULL'] if '' in values else [])])})"

    def _value(self, dimension: str, parameters: Parameters) -> str:
        """The dimension's text, NULL for none."""
        known = dimension_expression(self._reader, dimension, parameters) if not self._kept else None
        text = known or self._kept_name(dimension)
        return f"nullif({text}, '')" if "." in dimension else text

    def _kept_name(self, dimension: str) -> str:
        """Its column in kept tables. Names of columns are one in any case of their letters, and properties are not."""
        return f"property_{self._kept.index(dimension)}" if "." in dimension else dimension

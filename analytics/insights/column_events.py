"""The events of an insights report in columns: SQL of DuckDB over them, with its parameters.

goals/, journeys.py and experiments.py write their queries with a ColumnQuery, one object for each. request.py opens the
columns.
"""

from typing import Any

import pyarrow as pa

from analytics.columnar.read import ColumnReader
from analytics.insights.goals.goals import Goal
from analytics.insights.request import EventSelection
from analytics.reports.columns.buckets import bucket_starts, find_bucket
from analytics.reports.columns.clauses import (
    Parameters,
    Property,
    build_column_clause,
    dimension_expression,
    path_clause,
    read_property,
)
from analytics.reports.columns.selection import RowSelection, select_events


class ColumnEvents:
    """The selection, and the columns that it is read from."""

    def __init__(self, reader: ColumnReader, selection: EventSelection) -> None:
        self.reader, self.selection = reader, selection

    def new_query(self) -> "ColumnQuery":
        return ColumnQuery(self.reader, self.selection)


class ColumnQuery:
    """The parts of one query. Its methods add the values that they need to its parameters."""

    def __init__(self, reader: ColumnReader, selection: EventSelection) -> None:
        self._reader, self._selection, self._parameters = reader, selection, Parameters()

    def selected(self) -> str:
        """The relation of the selected events, with EVENTS' columns. Raises NotInColumns."""
        one = self._selection
        return self._select(RowSelection(one.site_id, one.bots, one.filter, one.scope))

    def all_of_period(self) -> str:
        """As `selected`, whatever the filter."""
        return self._select(RowSelection(self._selection.site_id, self._selection.bots))

    def _select(self, rows: RowSelection) -> str:
        period = self._selection.period
        return select_events(self._reader, rows, period.start, period.end, self._parameters)

    def is_met(self, goal: Goal) -> str:
        """Whether a row is a conversion."""
        clauses = [f"type = {self.add(goal.type)}"]
        if goal.path:
            clauses.append(path_clause(goal.path, self._parameters))
        conditions = goal.event_conditions
        clauses.append(build_column_clause(self._reader, self._selection.site_id, conditions, self._parameters))
        return f"({' AND '.join(clauses)})"

    def dimension(self, name: str) -> str:
        """The text of the dimension; '': no value."""
        return f"coalesce({dimension_expression(self._reader, name, self._parameters)}, '')"

    def property(self, names: tuple[str, ...]) -> Property:
        return read_property(self._reader, names, self._parameters)

    def bucket(self, unit: str) -> tuple[str, str]:
        """The number of the bucket that holds a row, and the join that it needs."""
        period = self._selection.period
        return find_bucket(self._reader, "ts", period, bucket_starts(period, unit))

    def add(self, value: Any) -> str:
        """The placeholder of a value."""
        return self._parameters.add(value)

    def run(self, query: str) -> list[tuple[Any, ...]]:
        return self._reader.execute(query, self._parameters)

    def keep(self, query: str) -> str:
        """The rows as a table under a name for queries."""
        return self._reader.keep(object(), lambda: (query, self._parameters))

    def read(self, query: str) -> pa.Table:
        """As `run`, in columns."""
        return self._reader.read_table(query, self._parameters)

"""A funnel's events in columns (columnar/read.py) as arrays: its points, and what funnels need beside them. Only reads.

Points are ordered by user and in the order of docs/decisions/0026. The engine returns them in no order, which takes a
quarter of the time and a third of the memory: numpy sorts them by user and instant, and a second query places those
events of one instant whose order can make a difference.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics.columnar.read import ColumnReader
from analytics.errors import Invalid, Problem
from analytics.funnels.attempts import BoolArray, EventArrays, IntArray, constant_array, is_run_start
from analytics.funnels.definitions import FUNNEL_STEP_TYPE, FunnelDefinition
from analytics.funnels.steps import Step, list_event_types, path_patterns, required_event_types, step_filter
from analytics.funnels.visits import SessionInstants
from analytics.period import Period
from analytics.reports.columns.clauses import Parameters, build_column_clause, path_clause, read_property
from analytics.reports.columns.ordering import order_by_time
from analytics.reports.columns.selection import RowSelection, select_events
from analytics.reports.filtering.payload_properties import parse_property
from analytics.rollups.visits.sessionization import GAP_US
from analytics.store.event_types import PAGE_VIEW

MOST_POINTS, MOST_TRACKED = 4_000_000, 200_000
# Of all queries, where they find nothing.
NAMES = ("user_no", "ts", "mask", "session", "first", "last")
# Differs where the session does, and between a person and a program that use the same one.
SESSION = "hash(session_id, is_bot)"
IN_ORDER = "ORDER BY user_no, ts, received_at, position, tie, type, path, subject"


class TrackedRow(NamedTuple):
    """An event that a client sent of its own count. `value`: of the funnel's value property."""

    user: int
    session: int
    ts_us: int
    payload: dict[str, Any]
    dim: str
    value: float | None


class FunnelReader:
    """Reads the events of one funnel in the period. `dimension`: of the first step's event."""

    def __init__(
        self,
        columns: ColumnReader,
        selection: RowSelection,
        period: Period,
        definition: FunnelDefinition,
        dimension: str | None = None,
    ) -> None:
        self._columns, self._selection, self._period = columns, selection, period
        self._definition, self._dimension = definition, dimension
        self._codes: dict[str, int] = {}

    @property
    def dimension_values(self) -> list[str]:
        """The values of the dimension, which codes are indexes of."""
        return list(self._codes)

    def read_points(self) -> EventArrays:
        """The events that are a step, in strict order also others of the funnel's types. Two queries at most.

        Raises Invalid when there are more than MOST_POINTS.
        """
        parameters = Parameters()
        columns = self._read(f"{self._select_points(parameters)} LIMIT {MOST_POINTS + 1}", parameters)
        order = order_by_time(columns["user_no"], columns["ts"])
        for name in columns:
            # One by one: the array that is replaced is free again.
            columns[name] = columns[name][order]
        points = _as_points(columns)
        if (is_tied := points.is_ambiguous()).any():
            self._place(points, is_tied)
        return points

    def read_views(self, users: IntArray) -> SessionInstants:
        """What keeps these users' visits open, whatever the filter: their page views, of those in each half an hour the
        first and the last. One query."""
        parameters = Parameters()
        among = self._columns.add_table(pa.table({"user_no": users}))
        query = f"""
            SELECT user_no, {SESSION} AS session, min(ts) AS first, max(ts) AS last
            FROM {self._select(self._selection._replace(filter=()), parameters)}
            WHERE type = {parameters.add(PAGE_VIEW)} AND user_no IN (SELECT user_no FROM {among})
            GROUP BY user_no, session, ts // {GAP_US}
        """
        columns = self._read(query, parameters)
        times = np.concatenate([columns["first"], columns["last"]])
        return SessionInstants(np.tile(columns["user_no"], 2), np.tile(_sessions(columns), 2), times)

    def read_tracked(self, funnel_id: str) -> list[TrackedRow]:
        """What clients tracked of the funnel, in order. Raises Invalid when it is too much. One query."""
        parameters = Parameters()
        query = f"""
            SELECT user_no, {SESSION} AS session, ts, payload, {self._dim()}, {self._value(parameters)}
            FROM {self._select(self._selection, parameters)}
            WHERE type = {parameters.add(FUNNEL_STEP_TYPE)} AND contains(payload, {parameters.add(funnel_id)})
            {IN_ORDER.replace("user_no, ", "", 1)}, user_no LIMIT {MOST_TRACKED + 1}
        """
        rows = self._columns.execute(query, parameters)
        if len(rows) > MOST_TRACKED:
            raise too_many("tracked steps", MOST_TRACKED)
        tracked = (TrackedRow(*row)._replace(payload=json.loads(row[3])) for row in rows)
        of_funnel = (row for row in tracked if row.payload.get("funnel_id") == funnel_id)
        return [row._replace(session=_signed(row.session)) for row in of_funnel]

    def _select(self, selection: RowSelection, parameters: Parameters) -> str:
        return select_events(self._columns, selection, self._period.start, self._period.end, parameters)

    def _select_points(self, parameters: Parameters, join: str = "") -> str:
        """The query of points, without an order."""
        definition = self._definition
        steps = [self._is_step(step, parameters) for step in definition.steps]
        mask = " | ".join(f"CASE WHEN {step} THEN {1 << n} ELSE 0 END" for n, step in enumerate(steps))
        columns = ["user_no", "ts", f"CAST({mask} AS INTEGER) AS mask"]
        if definition.scope == "visit":
            columns.append(f"{SESSION} AS session")
        if self._dimension:
            columns.append(f"CASE WHEN {steps[0]} THEN {self._dim()} ELSE '' END AS dim")
        if definition.value:
            columns.append(f"CASE WHEN {steps[-1]} THEN {self._value(parameters)} END AS value")
        wanted = self._of_types(parameters) if definition.ordering == "strict" else " OR ".join(steps)
        return f"SELECT {', '.join(columns)} FROM {self._select(self._selection, parameters)} {join} WHERE {wanted}"

    def _is_step(self, step: Step, parameters: Parameters) -> str:
        clauses = [f"type = {parameters.add(name)}" for name in required_event_types(step)]
        clauses += [f"({path_clause(pattern, parameters)})" for pattern in path_patterns(step)]
        if conditions := step_filter(step):
            clauses.append(build_column_clause(self._columns, self._selection.site_id, conditions, parameters))
        return f"({' AND '.join(clauses)})"

    def _of_types(self, parameters: Parameters) -> str:
        types = list_event_types(self._definition.steps)
        return "true" if types is None else f"type IN ({', '.join(map(parameters.add, sorted(types)))})"

    def _dim(self) -> str:
        return f"coalesce({self._dimension}, '')" if self._dimension else "''"

    def _value(self, parameters: Parameters) -> str:
        """The funnel's value property where it is a number; NULL without one."""
        if not self._definition.value:
            return "CAST(NULL AS DOUBLE)"
        found = read_property(self._columns, parse_property(self._definition.value), parameters)
        return f"TRY_CAST({found.amount} AS DOUBLE)"

    def _read(self, query: str, parameters: Parameters) -> dict[str, NDArray[Any]]:
        """The columns of the query, which has one of texts at most: `dim`, as codes. Raises Invalid when there are more
        than MOST_POINTS rows."""
        columns, count = dict[str, NDArray[Any]](), 0
        for batch in self._columns.read_batches(query, parameters):
            if count + len(batch) > MOST_POINTS:
                raise too_many("events are steps", MOST_POINTS)
            for name in batch.schema.names:
                values = self._encode(batch[name]) if name == "dim" else batch[name].to_numpy(zero_copy_only=False)
                # Pages that are not written to take no memory.
                column = columns.setdefault(name, np.empty(MOST_POINTS, values.dtype))
                column[count : count + len(batch)] = values
            count += len(batch)
        return {name: column[:count] for name, column in columns.items()} or dict.fromkeys(NAMES, np.zeros(0, np.int64))

    def _encode(self, column: pa.Array) -> IntArray:
        """The texts as codes, of which those that are new follow the known ones."""
        texts = column.dictionary_encode()
        codes = [self._codes.setdefault(text, len(self._codes)) for text in texts.dictionary.to_pylist()]
        numbers: IntArray = np.array(codes, np.int64)[texts.indices.to_numpy()]
        return numbers

    def _place(self, points: EventArrays, is_tied: BoolArray) -> None:
        """Puts all events of these instants of their users in order."""
        tied = pa.table({"user_no": points.users[is_tied], "ts": points.times[is_tied]})
        join = f"SEMI JOIN {self._columns.add_table(tied)} USING (user_no, ts)"
        parameters = Parameters()
        placed = _as_points(self._read(f"{self._select_points(parameters, join)} {IN_ORDER}", parameters))
        # The same events, which are at these indexes in some order.
        instants = np.cumsum(is_run_start(points.users, points.times), dtype=np.int32)
        is_placed = np.zeros(instants[-1] + 1, np.bool_)
        is_placed[instants[is_tied]] = True
        points.put(np.flatnonzero(is_placed[instants]), placed)


def _as_points(columns: Mapping[str, NDArray[Any]]) -> EventArrays:
    count = len(columns["ts"])
    sessions = _sessions(columns) if "session" in columns else constant_array(0, count)
    codes = columns.get("dim", constant_array(0, count))
    values = columns.get("value", constant_array(np.nan, count, np.float64))
    return EventArrays(columns["user_no"], sessions, columns["ts"], columns["mask"], codes, values)


def _sessions(columns: Mapping[str, NDArray[Any]]) -> IntArray:
    sessions: IntArray = columns["session"].view(np.int64)
    return sessions


def _signed(number: int) -> int:
    """A hash as `_sessions` has it."""
    return number - (1 << 64) if number >> 63 else number


def too_many(what: str, most: int) -> Invalid:
    detail = f"more than {most:,} {what} in this period; ask for fewer days, or give the steps a filter"
    return Invalid(detail, [Problem(None, "steps", "too_many", detail)])

"""Reads the steps of journeys from columns, counts their paths and names them. views.py calls `find_journeys`.

The period is read in parts of hours, so that memory is bounded. In the engine a session is a hash of 63 bits of the
user's number, the session and the kind of client, and a step is one of its type and path: that two of ten million
differ and have one hash has a probability of 5e-6.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from analytics.columnar.read import to_microseconds
from analytics.insights.column_events import ColumnEvents, ColumnQuery
from analytics.insights.journey_paths import IntArray, Steps, find_paths, is_open
from analytics.insights.journeys import EVENT, PAGE, Anchor, Column, Journey, Journeys, StepCount
from analytics.reports.columns.ordering import order_by_session
from analytics.store.event_types import PAGE_VIEW

# Of one part: about 100 bytes each.
PART_STEPS = 600_000
HOUR_US = 3_600_000_000
SESSION = "CAST(hash(user_no, session_id, is_bot) >> 1 AS BIGINT)"
CODE = f"CAST(hash(type, CASE WHEN type = '{PAGE_VIEW}' THEN coalesce(path, '') END) >> 1 AS BIGINT)"
NAME = f"CASE WHEN type = '{PAGE_VIEW}' THEN '{PAGE}' || coalesce(path, '') ELSE '{EVENT}' || type END"
COLUMNS = f"user_no, ts, {SESSION} AS session, {CODE} AS code"
IN_ORDER = "session, ts, received_at, position, tie, type, path, subject"
NO_STEPS = Steps(*(np.zeros(0, np.int64) for _ in range(4)))


def find_journeys(
    events: ColumnEvents,
    anchor: Anchor,
    steps: int,
    limit: int,
    types: Sequence[str] = (),
    then: Sequence[str] = (),
) -> Journeys:
    """The `limit` most common ones, ties in the order of their steps; `types`: what are steps besides page views.
    Columns have `limit` steps each, of the paths that have the steps `then` beside the anchor, as far as these stand
    before the column.

    The period's events are read four times; only steps of users who have the anchor are sorted.
    """
    reader = StepReader(events, anchor, types)
    places = range(1 - steps, 1) if anchor.is_end else range(steps)
    found, waiting = [_as_table(NO_STEPS, reader.anchor_code, places)], NO_STEPS
    for start, end in (parts := reader.list_parts()):
        part = reader.read_part(start, end).after(waiting)
        waits = is_open(part, end) if end != parts[-1][1] else np.zeros(len(part.times), np.bool_)
        waiting = part.where(waits)
        found.append(_as_table(part.where(~waits), reader.anchor_code, places))
    return reader.count_paths(pa.concat_tables(found), limit, then)


def _as_table(steps: Steps, anchor: int, places: Sequence[int]) -> pa.Table:
    """A row for each path: `user_no`, and the codes of its steps."""
    users, columns = find_paths(steps, anchor, places)
    arrays = [pa.array(column.data, mask=np.ma.getmaskarray(column)) for column in columns]
    return pa.table([pa.array(users), *arrays], ["user_no", *(f"step_{number}" for number in range(len(arrays)))])


def _are_equal(*columns: IntArray) -> bool:
    """Whether two neighbours have the same values."""
    return bool(np.logical_and.reduce([column[1:] == column[:-1] for column in columns]).any())


class StepReader:
    """The steps of users who have the anchor."""

    def __init__(self, events: ColumnEvents, anchor: Anchor, types: Sequence[str]) -> None:
        self._events, self._types = events, (*anchor.types, *types)
        kind, path = (PAGE_VIEW, anchor.name) if anchor.kind == PAGE else (anchor.name, None)
        self._is_end = anchor.is_end
        self.anchor_code = self._find_code(anchor.step)
        self._selected = self._keep_selected() if events.selection.filter else None
        query = events.new_query()
        is_anchor = f"type = {query.add(kind)}"
        if path is not None:
            is_anchor += f" AND coalesce(path, '') = {query.add(path)}"
        self._reached = query.keep(f"SELECT DISTINCT user_no FROM {self._steps(query)} WHERE {is_anchor}")

    def _find_code(self, step: str) -> int:
        query, name = self._events.new_query(), step[1:]
        kind, path = (PAGE_VIEW, name) if step[0] == PAGE else (name, None)
        of_step = f"(SELECT {query.add(kind)} AS type, CAST({query.add(path)} AS VARCHAR) AS path)"
        [(code,)] = query.run(f"SELECT {CODE} FROM {of_step}")
        return int(code)

    def _keep_selected(self) -> str:
        """A table of the selected steps: a filter is judged once, and about the whole period."""
        query = self._events.new_query()
        columns = "user_no, ts, received_at, position, tie, is_bot, session_id, type, path, subject"
        return query.keep(f"SELECT {columns} FROM {self._of_types(query, query.selected())}")

    def _steps(self, query: ColumnQuery) -> str:
        return self._selected or self._of_types(query, query.selected())

    def _of_types(self, query: ColumnQuery, relation: str) -> str:
        return f"(SELECT * FROM {relation} WHERE type IN ({', '.join(map(query.add, self._types))}))"

    def _of_reached(self, query: ColumnQuery) -> str:
        return f"(SELECT * FROM {self._steps(query)} WHERE user_no IN (SELECT user_no FROM {self._reached}))"

    def list_parts(self) -> list[tuple[int, int]]:
        """`[start, end)` of parts with half of PART_STEPS or more of all users, in microseconds since 1970; none has
        no steps."""
        query, period = self._events.new_query(), self._events.selection.period
        hours = query.run(
            f"SELECT ts // {HOUR_US} AS hour, count(*) FROM {self._steps(query)} GROUP BY hour ORDER BY hour"
        )
        edges, count = [to_microseconds(period.start)], 0
        for hour, steps in hours:
            # A file holds a day: it is read once where parts end with days.
            if count >= PART_STEPS or (hour % 24 == 0 and 2 * count >= PART_STEPS):
                edges, count = [*edges, hour * HOUR_US], 0
            count += steps
        return list(pairwise([*edges, to_microseconds(period.end)])) if hours else []

    def read_part(self, start: int, end: int) -> Steps:
        """The steps of `[start, end)`. One query; a second one where receipt does not order the steps of an instant."""
        query = self._events.new_query()
        inside = f"ts >= {query.add(start)} AND ts < {query.add(end)}"
        rows = query.read(f"SELECT {COLUMNS}, received_at, position FROM {self._of_reached(query)} WHERE {inside}")
        users, times, sessions = (rows[name].to_numpy() for name in ("user_no", "ts", "session"))
        order = order_by_session(users, times, sessions)
        codes, received, positions = (rows[name].to_numpy()[order] for name in ("code", "received_at", "position"))
        steps = Steps(sessions[order], times[order], codes, users[order])
        at = np.flatnonzero(steps.tied())
        if len(at):
            receipt = received[at], positions[at]
            by_receipt = np.lexsort((receipt[1], receipt[0], steps.times[at], steps.sessions[at]))
            codes[at] = codes[at][by_receipt]
            if _are_equal(steps.sessions[at], *(column[by_receipt] for column in receipt)) or positions[at].min() < 0:
                codes[at] = self._read_in_order(steps, at)
        return steps

    def _read_in_order(self, steps: Steps, at: IntArray) -> IntArray:
        """The codes of these steps in the order of events, whatever they are ordered by."""
        query = self._events.new_query()
        tied = pa.table({"user_no": steps.users[at], "ts": steps.times[at], "session": steps.sessions[at]})
        rows = query.read(f"""
            SELECT code
            FROM (SELECT {COLUMNS}, received_at, position, tie, type, path, subject FROM {self._steps(query)})
            SEMI JOIN {self._events.reader.add_table(tied)} USING (user_no, ts, session) ORDER BY {IN_ORDER}
        """)
        codes: IntArray = rows["code"].to_numpy()
        return codes

    def count_paths(self, paths: pa.Table, limit: int, then: Sequence[str]) -> Journeys:
        """Of a table of `_as_table`."""
        query = self._events.new_query()
        kinds = f"(SELECT DISTINCT type, path FROM {self._steps(query)})"
        names = query.keep(f"SELECT DISTINCT {CODE} AS code, {NAME} AS name FROM {kinds}")
        query = self._events.new_query()
        columns, rows = paths.column_names[1:], self._events.reader.add_table(paths)
        joins = " ".join(f"LEFT JOIN {names} AS of_{column} ON of_{column}.code = {column}" for column in columns)
        path = f"list_filter([{', '.join(f'of_{column}.name' for column in columns)}], lambda name: name IS NOT NULL)"
        found = query.run(f"""
            WITH grouped AS (
                SELECT {", ".join(columns)}, count(*) AS visits, count(DISTINCT user_no) AS users
                FROM {rows} GROUP BY ALL
            )
            SELECT {path} AS path, visits, users FROM grouped {joins}
            WHERE visits >= (SELECT min(visits) FROM (SELECT visits FROM grouped ORDER BY visits DESC LIMIT {limit}))
            ORDER BY visits DESC, path LIMIT {limit}
        """)
        [(visits, users)] = query.run(f"SELECT count(*), count(DISTINCT user_no) FROM {rows}")
        places = self._count_columns(rows, columns[::-1] if self._is_end else columns, names, then, limit)
        return Journeys([Journey(*row) for row in found], places, visits, users)

    def _count_columns(
        self, rows: str, places: Sequence[str], names: str, then: Sequence[str], limit: int
    ) -> list[Column]:
        """`places`: the columns of `rows` from the anchor on. Two queries a column."""
        codes, columns = [self._find_code(step) for step in then], []
        for at, place in enumerate(places[1:]):
            chosen = [f"{one} = {code}" for one, code in zip(places[1:], codes[:at], strict=False)]
            of_chosen = " AND ".join([f"{places[at]} IS NOT NULL", *chosen])
            query = self._events.new_query()
            [(before, there)] = query.run(f"SELECT count(*), count({place}) FROM {rows} WHERE {of_chosen}")
            query = self._events.new_query()
            steps = query.run(f"""
                WITH grouped AS (
                    SELECT {place} AS code, count(*) AS visits, count(DISTINCT user_no) AS users
                    FROM {rows} WHERE {place} IS NOT NULL AND {of_chosen} GROUP BY code
                )
                SELECT name, visits, users FROM grouped JOIN {names} USING (code)
                ORDER BY visits DESC, name LIMIT {limit}
            """)
            columns.append(Column(there, before - there, [StepCount(*row) for row in steps]))
        return columns

"""The events and visits that a request's filter selects, as relations over the columns of a site.

Every reader of columns takes them from here, so that all parts of a response speak of the same visits
(docs/decisions/0043). Conditions on fields of visits select visits by the visit's own values, and with them all of
their events; an event in no visit is judged by its own fields. scope.py says which conditions those are.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from analytics.columnar.columns import EVENTS, VISITS
from analytics.columnar.read import ColumnReader
from analytics.reports.columns.clauses import Parameters, build_column_clause
from analytics.reports.filtering.filters import Condition
from analytics.reports.filtering.scope import EVENT, MIXED, VISIT, VISIT_FIELDS
from analytics.store.event_types import PAGE_VIEW

EVENT_COLUMNS, VISIT_COLUMNS = (", ".join(kind.schema.names) for kind in (EVENTS, VISITS))
# VisitSums of a relation of visits.
VISIT_SUMS = "count(*), count(*) FILTER (WHERE views = 1), sum(views)::BIGINT, sum(ended_at - started_at)::BIGINT"
# In front of the columns of EVENTS_IN_VISITS that are the visit's.
OF_VISIT = "visit_"
# What tells visits apart.
_KEY = "user_no, coalesce(session_id, ''), is_bot"


class RowSelection(NamedTuple):
    """The site's rows that meet the filter; `bots`: of bots too. `scope`: as scope.py resolves it."""

    site_id: int
    bots: bool
    filter: tuple[Condition, ...] = ()
    scope: str = MIXED

    @property
    def of_visits(self) -> tuple[Condition, ...]:
        """The conditions on the own values of visits."""
        return () if self.scope == EVENT else tuple(one for one in self.filter if one.field in VISIT_FIELDS)

    @property
    def of_events(self) -> tuple[Condition, ...]:
        """The others."""
        return tuple(one for one in self.filter if one not in self.of_visits)

    @property
    def selects_visits(self) -> bool:
        """Whether events count by the visit that they are in."""
        return bool(self.filter) and (self.scope == VISIT or bool(self.of_visits))


def select_events(
    reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime, parameters: Parameters
) -> str:
    """The events of `[start, end)`, with EVENTS' columns. Raises NotInColumns."""
    read = _Reading(reader, selection, start, end, parameters)
    own = read.clause(selection.of_events)
    if not selection.selects_visits:
        return f"(SELECT {EVENT_COLUMNS} FROM {reader.events(start, end)} WHERE {read.is_read} AND {own})"
    events, is_met = reader.events_in_visits(start, end), f"{read.clause(selection.of_visits, OF_VISIT)} AND {own}"
    if read.needs_events:
        in_visit = f"({_KEY}, visit_started_at) IN (FROM {read.keep_met_visits()})"
        is_met = f"(visit_started_at IS NULL AND {is_met} OR visit_started_at IS NOT NULL AND {in_visit})"
    return f"(SELECT {EVENT_COLUMNS} FROM {events} WHERE {read.is_read} AND {is_met})"


def select_visits(
    reader: ColumnReader, selection: RowSelection, start: datetime, end: datetime, parameters: Parameters
) -> str:
    """The visits that began in `[start, end)`, with VISITS' columns. Conditions on events must hold for one page view
    of the visit in the period; `scope=visit`: for one of its events. Raises NotInColumns."""
    read = _Reading(reader, selection, start, end, parameters)
    is_met = read.clause(selection.of_visits)
    if selection.of_events:
        is_met += f" AND ({_KEY}, started_at) IN (FROM {read.keep_met_visits()})"
    return f"(SELECT {VISIT_COLUMNS} FROM {reader.visits(start, end)} WHERE {read.is_read} AND {is_met})"


class _Reading(NamedTuple):
    """What of a site is read, by a query with these parameters."""

    reader: ColumnReader
    selection: RowSelection
    start: datetime
    end: datetime
    parameters: Parameters

    @property
    def is_read(self) -> str:
        return "true" if self.selection.bots else "NOT is_bot"

    @property
    def needs_events(self) -> bool:
        """Whether events decide which visits are met."""
        return self.selection.scope == VISIT and bool(self.selection.of_events)

    def clause(self, conditions: Sequence[Condition], prefix: str = "") -> str:
        return f"({build_column_clause(self.reader, self.selection.site_id, conditions, self.parameters, prefix)})"

    def keep_met_visits(self) -> str:
        """A table of the visits, as _KEY and beginning, whose events in the period meet the conditions on events."""

        def make() -> tuple[str, Parameters]:
            own = self._replace(parameters=Parameters())
            is_found, is_lost = own.marks()
            of_visits = own.clause(self.selection.of_visits if self.selection.scope == VISIT else (), OF_VISIT)
            query = f"""
                SELECT {_KEY}, visit_started_at
                FROM (
                    SELECT *, coalesce({is_found}, false) AS is_found, coalesce({is_lost}, false) AS is_lost
                    FROM {self.reader.events_in_visits(self.start, self.end)}
                    WHERE {self.is_read} AND visit_started_at IS NOT NULL AND {of_visits}
                )
                WHERE is_found OR is_lost
                GROUP BY ALL HAVING bool_or(is_found) AND NOT bool_or(is_lost)
            """
            return query, own.parameters

        return self.reader.keep(("met visits", self.selection, self.start, self.end), make)

    def marks(self) -> tuple[str, str]:
        """Whether an event is one that the visit needs, and one that it must not have."""
        conditions = self.selection.of_events
        if self.selection.scope != VISIT:
            return f"(type = {self.parameters.add(PAGE_VIEW)} AND {self.clause(conditions)})", "false"
        wanted = [one for one in conditions if not one.is_negated]
        unwanted = [one._replace(is_negated=False) for one in conditions if one.is_negated]
        return self.clause(wanted), " OR ".join(self.clause([one]) for one in unwanted) or "false"

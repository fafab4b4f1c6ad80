"""The scope of a filter: which of its conditions select visits, and which select events (docs/decisions/0043). Pure.

request.py resolves the parameter `scope` for every report; columns/selection.py builds the SQL. Filters of goals,
funnel steps, event lists and exports judge each event by itself, and have no scope.
"""

from collections.abc import Iterable

from analytics.errors import BadInput, Problem
from analytics.reports.filtering.filters import Condition, check_users, parse_filter, parse_terms
from analytics.rollups.visits.sessionization import ENTRY_COLUMNS

# What the parameter accepts; a filter with both kinds of conditions is MIXED without it.
VISIT, EVENT, MIXED = "visit", "event", "mixed"
SCOPES = (VISIT, EVENT)
# Fields that no event has.
ENTRY_EXIT_FIELDS = ("entry_path", "exit_path")
VISIT_FIELDS = frozenset(ENTRY_COLUMNS) | {"exit_path"}


def resolve_scope(conditions: Iterable[Condition], scope: str | None) -> str:
    """VISIT: all conditions select visits; EVENT: none does; MIXED: those on VISIT_FIELDS do. Raises BadInput for
    `scope=event` with a condition on a field that no event has."""
    if scope == EVENT:
        check_event_fields(conditions, "scope")
    are_of_visits = {one.field in VISIT_FIELDS for one in conditions}
    return scope or (MIXED if len(are_of_visits) > 1 else VISIT if are_of_visits == {True} else EVENT)


def check_event_filter(filter_text: str) -> None:
    """As `filters.check_filter`, for a filter that judges each event by its own fields. Raises BadInput."""
    conditions = [term for term in parse_terms(filter_text) if isinstance(term, Condition)]
    check_users(conditions)
    check_event_fields(conditions)


def parse_event_filter(filter_text: str) -> tuple[Condition, ...]:
    """The conditions of a text without segments, which may have come from one. Raises BadInput."""
    conditions = parse_filter(filter_text)
    check_event_fields(conditions)
    return conditions


def check_event_fields(conditions: Iterable[Condition], parameter: str = "filter") -> None:
    """Raises BadInput, which names the parameter, for a condition on a field that only visits have."""
    for condition in conditions:
        if condition.field in ENTRY_EXIT_FIELDS:
            detail = f"{parameter}: {condition.field} is a field of visits, and here each event is judged by its own "
            detail += "fields; accepted: path, which events have; for example filter=path==/pricing"
            raise BadInput(detail, [Problem(None, parameter, "bad_scope", detail)])

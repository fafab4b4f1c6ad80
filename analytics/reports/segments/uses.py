"""Which stored definitions of a site name a segment: its goals, funnels and schedules of exports. SELECT only.

segments.py asks before it deletes, renames or changes one. Export jobs do not count: they hold the conditions.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from analytics.errors import BadInput
from analytics.reports.segments.expansion import fold_name, list_references

# Served by uq_goals_site_id_name and ix_funnels_site_id_created_at; schedules are a small table.
SELECT_CANDIDATES = text("""
SELECT 'goal' AS kind, CAST(id AS text) AS id, name, ARRAY[filter] AS filters
FROM goals
WHERE site_id = :site_id AND strpos(filter, 'segment:') > 0
UNION ALL
SELECT 'funnel', CAST(funnels.id AS text), funnels.name, of_steps.filters
FROM funnels
CROSS JOIN LATERAL (
    SELECT array_agg(step #>> '{condition,filter}') FILTER (WHERE step #>> '{condition,filter}' <> '') AS filters
    FROM jsonb_array_elements(steps) AS step
) AS of_steps
WHERE site_id = :site_id AND strpos(array_to_string(of_steps.filters, ';'), 'segment:') > 0
UNION ALL
SELECT 'schedule', CAST(id AS text), owner, ARRAY[request ->> 'where']
FROM export_schedules
WHERE site_id = :site_id AND strpos(request ->> 'where', 'segment:') > 0
ORDER BY kind, name, id
""")


class SegmentUse(NamedTuple):
    """A definition with a filter that names the segment; `name` of a schedule is its owner. `filters`: all of its
    filters."""

    kind: str
    id: str
    name: str
    filters: list[str]

    def describe(self) -> str:
        """For people: the goal 'Order' (5f0c1d2e-…)."""
        return f"the {self.kind} of {self.name} ({self.id})" if self.kind == "schedule" else self._named()

    def _named(self) -> str:
        return f"the {self.kind} {self.name!r} ({self.id})"


def list_uses(connection: Connection, site_id: int, name: str) -> list[SegmentUse]:
    """The definitions that name the segment, each once."""
    return list(_iterate(connection, site_id, fold_name(name)))


def _iterate(connection: Connection, site_id: int, folded_name: str) -> Iterator[SegmentUse]:
    for row in connection.execute(SELECT_CANDIDATES, {"site_id": site_id}):
        use = SegmentUse(*row)
        if any(folded_name in _folded_names(filter_text) for filter_text in use.filters):
            yield use


def _folded_names(filter_text: Any) -> set[str]:
    try:
        return {fold_name(reference.name) for reference in list_references(filter_text)}
    except BadInput:
        # What another release stored; a report on it says what is wrong.
        return set()

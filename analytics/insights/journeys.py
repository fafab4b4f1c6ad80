"""Journeys: which ways people go from a page or an event on, or come to it, within a visit. From columns.

A step is a page view, by its path, or an event of a type that the question names, by its type. Steps of one person,
session and kind of client are a visit as long as no two neighbours are more than 30 minutes apart: with page views
alone, a visit of rollups/visits/sessionization.py; a named event extends it too. A step that says the same as the
one before it (a page that is loaded again) is left out. Steps at the same microsecond are in the order of receipt
(docs/decisions/0026). journey_steps.py reads the steps, journey_paths.py walks through them.

A visit that has the anchor counts once, by the first time that it is there: the path is the anchor and the steps after
it (`from_…`) or before it (`to_…`), `steps` in all, or fewer where the visit ends or begins. Only events of the period
that meet the filter are steps, so a visit is cut where the period cuts it.

A column is one place of all paths: what stands there, however rare, and how many paths end before it. A reader chooses
a step of it with `then`, and further columns are of the paths that have it there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from analytics.errors import BadInput, Problem
from analytics.reports.query.measures import ratio
from analytics.store.event_types import PAGE_VIEW

# What a step is told by, in front of its path or type.
PAGE, EVENT = "p", "e"
ANCHORS = ("from_page", "to_page", "from_event", "to_event")


class Anchor(NamedTuple):
    """Where journeys begin, or end."""

    kind: str
    name: str
    is_end: bool

    @property
    def step(self) -> str:
        return self.kind + self.name

    @property
    def types(self) -> tuple[str, ...]:
        return (PAGE_VIEW,) if self.kind == PAGE else (PAGE_VIEW, self.name)


class Journey(NamedTuple):
    """A path, in the order of time, and who went it."""

    steps: Sequence[str]
    visits: int
    users: int


class StepCount(NamedTuple):
    """Who has the step at a place of their path."""

    step: str
    visits: int
    users: int


class Column(NamedTuple):
    """A place of paths: `visits` have a step there, the paths of `ended` are one step shorter. `steps`: the most
    common."""

    visits: int
    ended: int
    steps: list[StepCount]


class Journeys(NamedTuple):
    """The most common ones; `visits` and `users` are of everybody who reached the anchor. `columns`: from the step
    beside the anchor on."""

    journeys: list[Journey]
    columns: list[Column]
    visits: int
    users: int


def read_anchor(query: Mapping[str, Any]) -> Anchor:
    """Raises BadInput unless the question names exactly one."""
    named = [name for name in ANCHORS if name in query]
    if len(named) != 1:
        detail = f"give one of {', '.join(ANCHORS)}; for example from_page=/pricing"
        raise BadInput(detail, [Problem(None, named[1] if named else ANCHORS[0], "bad_parameter", detail)])
    [name] = named
    if name.endswith("event") and query[name] == PAGE_VIEW:
        detail = f"{name}: page views are told by their page; give {name.replace('event', 'page')}=/pricing"
        raise BadInput(detail, [Problem(None, name, "bad_parameter", detail)])
    return Anchor(EVENT if name.endswith("event") else PAGE, query[name], name.startswith("to"))


def read_then(query: Mapping[str, Any]) -> tuple[str, ...]:
    """The steps that `then` names, as they are told. Raises BadInput for more than columns have."""
    then: Sequence[str] = query.get("then", ())
    if len(then) >= query["steps"]:
        detail = f"then: {len(then)} steps beside the anchor; accepted: up to {query['steps'] - 1} with steps="
        detail += f"{query['steps']}, for example then=page:/pricing"
        raise BadInput(detail, [Problem(None, "then", "bad_parameter", detail)])
    return tuple(text[0] + text.partition(":")[2] for text in then)


def describe(anchor: Anchor, found: Journeys) -> dict[str, Any]:
    """As answers show them."""
    lines = [
        {"steps": [_step(step) for step in one.steps], "visits": one.visits, "users": one.users}
        | {"share": ratio(one.visits, found.visits)}
        for one in found.journeys
    ]
    columns = [_describe_column(column, found.visits) for column in found.columns]
    others = found.visits - sum(one.visits for one in found.journeys)
    ends = {"anchor": _step(anchor.step), "direction": "to" if anchor.is_end else "from"}
    totals = {"visits": found.visits, "users": found.users, "other_visits": others}
    return {**ends, "journeys": lines, "columns": columns, **totals}


def _describe_column(column: Column, visits: int) -> dict[str, Any]:
    rows = [
        {"step": _step(one.step), "visits": one.visits, "users": one.users, "share": ratio(one.visits, visits)}
        for one in column.steps
    ]
    counts = {"visits": column.visits, "ended": column.ended, "ended_share": ratio(column.ended, visits)}
    return {**counts, "rows": rows, "other_visits": column.visits - sum(one.visits for one in column.steps)}


def _step(step: str) -> dict[str, str]:
    return {"page" if step[0] == PAGE else "event": step[1:]}

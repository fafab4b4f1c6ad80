"""What a step of a funnel is, and which events are one: a condition of SQL, made of what the caller said. Pure.

A step has a type and a condition, whose parts must all hold. `page` (or `path`) is a path pattern
(reports/patterns.py). `event`, `custom` and `type` are a type of events. `filter` is the language of reports
(reports/filters.py), payload properties included. A step of the type `page` is a page view unless it says another
type. Nobody can send a regular expression.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, literal

from analytics.errors import BadInput, Invalid, Problem
from analytics.reports.filters import Columns, Condition, conditions, parse_filter
from analytics.reports.patterns import matches as path_matches
from analytics.reports.patterns import read_pattern
from analytics.rollups.packed import VIEW

TYPES = ("page", "event", "custom")
PATHS, NAMES = ("page", "path"), ("event", "custom", "type")
PARTS = (*PATHS, *NAMES, "filter")
LEAST, MOST = 2, 20
# Seeds call a page view so.
SAME_TYPE = {"pageview": VIEW}


class Step(NamedTuple):
    """`condition`: part → text; none of them is empty."""

    id: str
    name: str
    type: str
    condition: Mapping[str, str]
    order: int

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "condition": dict(self.condition)}


def read_steps(given: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The steps in their order. Raises Invalid, which names every step and field that cannot be taken.

    Without an `order` a step has its place in the list, without an `id` its order.
    """
    problems = _count_problems(given)
    found = []
    for place, one in enumerate(given[:MOST]):
        step = _read_step(place, one)
        problems += _problems(place, step)
        found.append(step)
    for field in ("id", "order"):
        problems += _repeated(field, [getattr(step, field) for step in found])
    if problems:
        raise Invalid("; ".join(f"{one.field}: {one.detail}" for one in problems), problems)
    return tuple(sorted(found, key=lambda step: step.order))


def _read_step(place: int, given: Mapping[str, Any]) -> Step:
    condition = {part: text for part, text in (given.get("condition") or {}).items() if text}
    order = given.get("order")
    order = place + 1 if order is None else order
    return Step(str(given.get("id") or order), given.get("name") or "", given.get("type", "event"), condition, order)


def _count_problems(given: Sequence[Any]) -> list[Problem]:
    if LEAST <= len(given) <= MOST:
        return []
    return [Problem(None, "steps", "wrong_length", f"a funnel has {LEAST} to {MOST} steps, not {len(given)}")]


def _problems(place: int, step: Step) -> list[Problem]:
    field, found = f"steps[{place}][condition]", []
    if not step.condition:
        found.append(Problem(None, field, "missing", f"say what the step is: one of {', '.join(PARTS)}"))
    for part in PATHS:
        try:
            read_pattern(step.condition.get(part, "*"))
        except ValueError as error:
            found.append(Problem(None, f"{field}[{part}]", "invalid", str(error)))
    try:
        step_filter(step)
    except BadInput as error:
        found.append(Problem(None, f"{field}[filter]", "bad_filter", error.detail.removeprefix("filter: ")))
    return found


def _repeated(field: str, values: Sequence[Any]) -> list[Problem]:
    return [
        Problem(None, f"steps[{place}][{field}]", "repeated", f"another step has the {field} {value!r}")
        for place, value in enumerate(values)
        if value in values[:place]
    ]


def step_filter(step: Step) -> tuple[Condition, ...]:
    """The step's own filter. Raises BadInput."""
    return parse_filter(step.condition["filter"]) if "filter" in step.condition else ()


def types_of(steps: Sequence[Step]) -> frozenset[str] | None:
    """The types of events that the steps name; None: one of them may be of any type."""
    named = [kinds_of(step) for step in steps]
    return None if not all(named) else frozenset(kind for kinds in named for kind in kinds)


def kinds_of(step: Step) -> list[str]:
    """The types that an event of the step must be of, all of them; none: any."""
    named = [SAME_TYPE.get(step.condition[part], step.condition[part]) for part in NAMES if part in step.condition]
    return named or ([VIEW] if step.type == "page" else [])


def matches(step: Step, columns: Columns) -> ColumnElement[bool]:
    """Whether a row of `columns` is the step; every value is bound."""
    met = [columns["type"] == kind for kind in kinds_of(step)]
    met += [path_matches(columns["path"], pattern) for pattern in patterns_of(step)]
    return and_(*met, conditions(step_filter(step), columns))


def patterns_of(step: Step) -> list[tuple[str, ...]]:
    """The patterns (reports/patterns.py) that the path of an event must meet, all of them; none: any path, or none."""
    return [read_pattern(step.condition[part]) for part in PATHS if part in step.condition]


def mask(steps: Sequence[ColumnElement[bool]]) -> ColumnElement[int]:
    """Bit n: the row is the step n, from 0. `steps`: what `matches` says of each."""
    bits: ColumnElement[int] = literal(0)
    for place, met in enumerate(steps):
        bits = bits + case((met, 1 << place), else_=0)
    return bits

"""Steps of a funnel: how they are read from a body, and what an event must meet to be one (reading.py). Pure.

A step has a type and a condition, all parts of which must hold. `page` (or `path`) is a path pattern
(reports/filtering/path_patterns.py); `event`, `custom` and `type` are an event type; `filter` is the filter language of
reports (reports/filtering/filters.py), payload properties and segments included; request.py replaces segments by their
conditions before a funnel is counted. A step of the type `page` matches page views unless its condition names another
event type. Regular expressions are not accepted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from analytics.errors import BadInput, Invalid, Problem
from analytics.reports.filtering.condition_limit import check_total
from analytics.reports.filtering.filters import Condition
from analytics.reports.filtering.path_patterns import parse_pattern
from analytics.reports.filtering.scope import check_event_filter, parse_event_filter
from analytics.store.event_types import PAGE_VIEW, stored_type

STEP_TYPES = ("page", "event", "custom")
PATH_PARTS, TYPE_PARTS = ("page", "path"), ("event", "custom", "type")
CONDITION_PARTS = (*PATH_PARTS, *TYPE_PARTS, "filter")
MIN_STEPS, MAX_STEPS = 2, 20


class Step(NamedTuple):
    """`condition`: part → text; no text is empty."""

    id: str
    name: str
    type: str
    condition: Mapping[str, str]
    order: int

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "condition": dict(self.condition)}


def read_steps(bodies: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The steps in their order. Raises Invalid, which names every invalid step and field.

    Without an `order` a step has its position in the list, from 1; without an `id`, its order.
    """
    steps = [_read_step(index, body) for index, body in enumerate(bodies)]
    problems = [problem for index, step in enumerate(steps) for problem in _condition_problems(index, step)]
    for field in ("id", "order"):
        problems += _repeated(field, [getattr(step, field) for step in steps])
    if problems:
        raise Invalid("; ".join(f"{problem.field}: {problem.detail}" for problem in problems), problems)
    return tuple(sorted(steps, key=lambda step: step.order))


def _read_step(index: int, body: Mapping[str, Any]) -> Step:
    condition = {part: text for part, text in (body.get("condition") or {}).items() if text}
    order = body.get("order")
    order = index + 1 if order is None else order
    return Step(str(body.get("id") or order), body.get("name") or "", body.get("type", "event"), condition, order)


def _condition_problems(index: int, step: Step) -> list[Problem]:
    field, problems = f"steps[{index}][condition]", []
    if not step.condition:
        detail = f'empty; give at least one of {", ".join(CONDITION_PARTS)}, for example {{"page": "/pricing"}}'
        problems.append(Problem(None, field, "missing", detail))
    for part in PATH_PARTS:
        try:
            parse_pattern(step.condition.get(part, "*"))
        except ValueError as error:
            problems.append(Problem(None, f"{field}[{part}]", "invalid", str(error)))
    try:
        if "filter" in step.condition:
            check_event_filter(step.condition["filter"])
    except BadInput as error:
        problems.append(Problem(None, filter_field_name(index), "bad_filter", error.detail.removeprefix("filter: ")))
    return problems


def _repeated(field: str, values: Sequence[Any]) -> list[Problem]:
    return [
        Problem(
            None, f"steps[{index}][{field}]", "repeated", f"an earlier step has {value!r}; give each its own {field}"
        )
        for index, value in enumerate(values)
        if value in values[:index]
    ]


def step_filter(step: Step) -> tuple[Condition, ...]:
    """The step's own filter, without segments. Raises BadInput."""
    return parse_event_filter(step.condition["filter"]) if "filter" in step.condition else ()


def replace_filters(steps: Sequence[Step], change: Callable[[int, str], str]) -> tuple[Step, ...]:
    """The steps with another filter where they have one: `change` of the step's index and filter."""
    return tuple(
        step._replace(condition={**step.condition, "filter": change(index, step.condition["filter"])})
        if "filter" in step.condition
        else step
        for index, step in enumerate(steps)
    )


def check_conditions(steps: Sequence[Step], request_filter: str | None = None) -> None:
    """Raises BadInput where the filters of the steps and of the request, all without segments, have too many conditions
    together."""
    filters = [step.condition["filter"] for step in steps if "filter" in step.condition]
    example = 'steps=[{"condition": {"page": "/cart", "filter": "country==DE"}}, …]'
    if request_filter is None:
        check_total("the filters of the steps", filters, "steps", example)
    else:
        what = "the filter and the filters of the funnel's steps"
        check_total(what, [request_filter, *filters], "filter", "filter=country==DE")


def filter_field_name(index: int) -> str:
    """How problems name the filter of the step."""
    return f"steps[{index}][condition][filter]"


def list_event_types(steps: Sequence[Step]) -> frozenset[str] | None:
    """The event types that the steps name; None: at least one step matches events of any type."""
    types = [required_event_types(step) for step in steps]
    return frozenset[str]().union(*types) if all(types) else None


def required_event_types(step: Step) -> list[str]:
    """The types that an event of the step must have, all of them; empty: any type."""
    types = [stored_type(step.condition[part]) for part in TYPE_PARTS if part in step.condition]
    return types or ([PAGE_VIEW] if step.type == "page" else [])


def path_patterns(step: Step) -> list[str]:
    """The patterns that the path of an event must match, all of them; empty: any path, or none."""
    return [step.condition[part] for part in PATH_PARTS if part in step.condition]

"""Experiments: which users saw which variant, and how many of them reached a goal afterwards. Exact, from columns.

An exposure is an event of the exposure type in the period whose payload names a variant. A user belongs to the variant
of the first exposure; a user who later saw another variant counts as `mixed` and in no variant, as either may have had
the effect. A conversion counts when it follows the user's first exposure in the period, at the same microsecond in the
order of receipt (docs/decisions/0026). The exposure itself never counts. A filter narrows exposures, not conversions.
views.py calls this module; proportions.py has the statistics, docs/experiments.md what they allow one to conclude.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pyroaring import BitMap64

from analytics.errors import BadInput
from analytics.insights import proportions
from analytics.insights.goals.goals import Goal
from analytics.insights.goals.report import with_goal
from analytics.insights.proportions import Proportion
from analytics.insights.request import EventSelection, open_events, read_selection
from analytics.insights.schemas import read_variant_property
from analytics.period import Period
from analytics.reports.day_range import bad_parameter
from analytics.reports.request import ReportRequest
from analytics.reports.responses.cache import get_or_compute

if TYPE_CHECKING:
    from analytics.insights.column_events import ColumnEvents, ColumnQuery

MAX_VARIANTS = 20
RATE_DIGITS = 6
# Where an event is in the order of a user's events.
PLACE = "struct_pack(ts, received_at, position, tie := coalesce(tie, ''))"


class Variant(NamedTuple):
    """`users`: those who saw it and no other; `conversions`: all conversions of theirs."""

    name: str
    users: int
    converted_users: int
    conversions: int


class ExperimentResult(NamedTuple):
    """Variants ordered by name; `mixed_users` saw several."""

    variants: list[Variant]
    mixed_users: int


def build_report(request: ReportRequest, goal: Goal) -> dict[str, Any]:
    """The variants compared, with the goal. Raises BadInput; Invalid when the count exceeds STATEMENT_TIMEOUT."""
    request, goal = with_goal(request, goal)
    with request.open_snapshot() as snapshot:
        selection = read_selection(request, snapshot.zone)
    return get_or_compute(request, "experiment", selection.period, lambda: _compute(request, selection, goal))


def _compute(request: ReportRequest, selection: EventSelection, goal: Goal) -> dict[str, Any]:
    query = request.query
    property_path, weights = read_variant_property(query["variant"]), read_weights(query.get("weight", ()))
    with open_events(request, selection, selection.period_parameter) as events:
        result = count_variants(events, query["exposure_type"], property_path, goal)
    report = compare(result, query.get("control"), weights)
    return report | {"goal": goal.as_json(), "meta": request.meta(selection.period, "raw")}


def count_variants(
    events: "ColumnEvents", exposure_type: str, property_path: Sequence[str], goal: Goal
) -> ExperimentResult:
    """`property_path`: names of the payload property that holds the variant, the outermost first.

    One query; the period is read twice. Raises BadInput when there are more than MAX_VARIANTS.
    """
    query = events.new_query()
    users = select_users(query, exposure_type, property_path, goal)
    rows = query.run(f"""
        SELECT variant, count(*), count(*) FILTER (WHERE conversions > 0), CAST(sum(conversions) AS BIGINT)
        FROM {users} GROUP BY variant ORDER BY variant LIMIT {MAX_VARIANTS + 2}
    """)
    variants = [Variant(*row) for row in rows if row[0] is not None]
    if len(variants) > MAX_VARIANTS:
        detail = (
            f"the property has more than {MAX_VARIANTS} values; accepted: a property with one value for each variant"
        )
        raise bad_parameter("variant", detail, "variant=payload.variant")
    return ExperimentResult(variants, sum(row[1] for row in rows if row[0] is None))


def find_users(request: ReportRequest, goal: Goal) -> tuple[Period, str, BitMap64]:
    """The users behind a number of the report: who saw `variant` of `variant_property` and, where the request says so,
    `converted` or did not. With the period, and the parameter that sets it. Raises as `build_report`."""
    request, goal = with_goal(request, goal)
    with request.open_snapshot() as snapshot:
        selection = read_selection(request, snapshot.zone)
    asked, property_path = request.query, read_variant_property(request.query["variant_property"])
    with open_events(request, selection, selection.period_parameter) as events:
        query = events.new_query()
        users = select_users(query, asked["exposure_type"], property_path, goal)
        is_wanted = {None: "true", True: "conversions > 0", False: "conversions = 0"}[asked.get("converted")]
        rows = query.run(f"SELECT user_no FROM {users} WHERE variant = {query.add(asked['variant'])} AND {is_wanted}")
    return selection.period, selection.period_parameter, BitMap64(number for (number,) in rows)


def select_users(query: "ColumnQuery", exposure_type: str, property_path: Sequence[str], goal: Goal) -> str:
    """The relation of the users who saw a variant: `user_no`, `variant` (NULL: several), and their `conversions`."""
    variant = query.property(tuple(property_path)).text
    exposures = f"(SELECT *, {variant} AS variant FROM {query.selected()} WHERE type = {query.add(exposure_type)})"
    return f"""(
        WITH exposed AS (
            SELECT user_no, min({PLACE}) AS place,
                CASE WHEN min(variant) = max(variant) THEN min(variant) END AS variant
            FROM {exposures} WHERE variant <> '' GROUP BY user_no
        )
        SELECT exposed.user_no, variant, count(met.user_no) AS conversions
        FROM exposed LEFT JOIN (
            SELECT user_no, {PLACE} AS place FROM {query.all_of_period()} WHERE {query.is_met(goal)}
        ) AS met ON met.user_no = exposed.user_no AND met.place > exposed.place
        GROUP BY exposed.user_no, variant
    )"""


def read_weights(texts: Sequence[str]) -> dict[str, float]:
    """Variant → weight, of texts as control:0.5. Raises BadInput for a weight of 0 and a repeated variant."""
    weights = {name: float(weight) for name, _, weight in (text.rpartition(":") for text in texts)}
    if not all(weights.values()) or len(weights) < len(texts):
        raise bad_parameter("weight", "accepted: one weight greater than 0 for each variant", "weight=control:0.5")
    return weights


def compare(result: ExperimentResult, control: str | None, weights: Mapping[str, float]) -> dict[str, Any]:
    """The variants beside the control: the variant `control`, else the one named "control", else the first by name.

    `weights`: the intended ratio of users; empty: equal parts. Raises BadInput for an unknown control and for a
    variant without a weight.
    """
    variants = {variant.name: variant for variant in result.variants}
    if not variants:
        return {"control": control, "variants": [], "mixed_users": result.mixed_users, "sample_ratio": None}
    if control is not None and control not in variants:
        detail = f"no user saw {control[:80]!r} in the period"
        raise _bad_variant("control", detail, list(variants), f"control={result.variants[0].name}")
    base = variants.get(control or "control", result.variants[0])
    return {
        "control": base.name,
        "variants": [_describe(variant, base) for variant in result.variants],
        "mixed_users": result.mixed_users,
        "sample_ratio": _sample_ratio(result.variants, weights),
    }


def _describe(variant: Variant, base: Variant) -> dict[str, Any]:
    row: dict[str, Any] = {"variant": variant.name, "users": variant.users, "converted_users": variant.converted_users}
    row |= {"conversions": variant.conversions, "rate": round(variant.converted_users / variant.users, RATE_DIGITS)}
    if variant is base:
        return row | {"difference": None}
    difference = proportions.compare(
        Proportion(variant.converted_users, variant.users), Proportion(base.converted_users, base.users)
    )
    interval = {name: round(getattr(difference, name), RATE_DIGITS) for name in ("absolute", "low", "high")}
    return row | {"difference": {**interval, "p_value": _significant(difference.p_value)}}


def _sample_ratio(variants: Sequence[Variant], weights: Mapping[str, float]) -> dict[str, Any]:
    """A variant with a weight that no user saw is part of the ratio, with 0 users."""
    users = dict.fromkeys(weights, 0) | {variant.name: variant.users for variant in variants}
    if weights and (missing := users.keys() - weights.keys()):
        detail = f"no weight is given for {min(missing)[:80]!r}"
        raise _bad_variant("weight", detail, list(users), f"weight={min(missing)[:80]}:0.5")
    expected = [weights.get(name, 1.0) for name in users]
    p_value = proportions.sample_ratio_p_value(list(users.values()), expected)
    shares = {name: round(weight / sum(expected), RATE_DIGITS) for name, weight in zip(users, expected, strict=True)}
    is_mismatch = p_value is not None and p_value < proportions.SRM_P_VALUE_THRESHOLD
    return {"expected": shares, "p_value": _significant(p_value), "is_mismatch": is_mismatch}


def _significant(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")


def _bad_variant(parameter: str, detail: str, names: Sequence[str], example: str) -> BadInput:
    return bad_parameter(parameter, f"{detail}; the variants are {', '.join(names)}", example)

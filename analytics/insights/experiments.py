"""Experiments: who saw which variant, and how many of them reached a goal afterwards. Exact, from raw events.

An exposure is an event of the exposure's type in the period whose payload names a variant. A person belongs to the
variant of the first exposure; whoever saw another one later is told as `mixed` and in no variant, for nobody knows
which of them worked. A conversion counts when it comes after the person's first exposure, in the period; of the same
microsecond, when its event id is the larger. The exposure itself is none. A filter says whose exposures count, not
which conversions. Statistics are proportions.py's; what they allow one to say: docs/experiments.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, Uuid, case, cast, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from analytics.errors import BadInput, Problem
from analytics.insights import proportions
from analytics.insights.asking import Asked
from analytics.insights.goals import Goal
from analytics.insights.proportions import Share
from analytics.reports.days import refuse
from analytics.store import measures
from analytics.store.models import events

MOST_VARIANTS = 20
DIGITS = 6
# Exposures and conversions are read once each and hashed: no index knows people.
HASHED = text("SET LOCAL enable_nestloop = off")


class Variant(NamedTuple):
    """People who saw it and no other; those of them who converted, and how often."""

    name: str
    users: int
    converted: int
    conversions: int


class Experiment(NamedTuple):
    """In the order of the names; `mixed`: people who saw several."""

    variants: list[Variant]
    mixed: int


def count_variants(connection: Connection, asked: Asked, exposure: str, names: Sequence[str], goal: Goal) -> Experiment:
    """`names`: those of the payload's property that tells the variant, the outermost first.

    One query on a connection of `asking.raw_events`: the period's events are read twice (partition pruning on ts,
    ix_events_ts where it cuts a partition). Raises BadInput when there are more than MOST_VARIANTS.
    """
    connection.execute(HASHED)
    rows = connection.execute(_query(asked, exposure, names, goal)).all()
    variants = [Variant(*row) for row in rows if row[0] is not None]
    if len(variants) > MOST_VARIANTS:
        detail = f"more than {MOST_VARIANTS} values; name a property that tells a few variants apart"
        raise refuse("variant", detail, "variant=payload.variant")
    return Experiment(variants, sum(row[1] for row in rows if row[0] is None))


def _query(asked: Asked, exposure: str, names: Sequence[str], goal: Goal) -> Any:
    """Variant (NULL: several), users, converted, conversions; one line more than may be."""
    exposed = _exposed(asked, exposure, names).cte("exposed")
    is_after = or_(
        events.c.ts > exposed.c.at, (events.c.ts == exposed.c.at) & (events.c.event_id > exposed.c.exposure_id)
    )
    in_period = measures.is_counted(asked.site_id, asked.period, asked.bots)
    query = select(exposed.c.user_no, func.count().label("conversions"))
    query = query.join_from(exposed, events, exposed.c.user_no == events.c.user_no)
    converted = query.where(in_period, goal.is_met(), is_after).group_by(exposed.c.user_no).cte("converted")
    total = cast(func.coalesce(func.sum(converted.c.conversions), 0), BigInteger)
    found = select(exposed.c.variant, func.count(), func.count(converted.c.user_no), total)
    found = found.join_from(exposed, converted, exposed.c.user_no == converted.c.user_no, isouter=True)
    return found.group_by(exposed.c.variant).order_by(exposed.c.variant.collate("C")).limit(MOST_VARIANTS + 2)


def _exposed(asked: Asked, exposure: str, names: Sequence[str]) -> Any:
    """Each person's variant, and the first exposure to it."""
    variant: ColumnElement[str] = func.jsonb_extract_path_text(events.c.payload, *names, type_=Text)
    seen = select(events.c.user_no, events.c.ts, events.c.event_id, variant.label("variant"))
    seen = seen.where(asked.is_counted(), events.c.type == exposure, variant != "")
    one = seen.subquery()
    first = func.array_agg(aggregate_order_by(one.c.event_id, one.c.ts, one.c.event_id), type_=ARRAY(Uuid))
    is_one = func.min(one.c.variant.collate("C")) == func.max(one.c.variant.collate("C"))
    return select(
        one.c.user_no,
        case((is_one, func.min(one.c.variant.collate("C")))).label("variant"),
        func.min(one.c.ts).label("at"),
        first[1].label("exposure_id"),
    ).group_by(one.c.user_no)


def read_weights(given: Sequence[str]) -> dict[str, float]:
    """Variant → weight, of texts as control:0.5. Raises BadInput for one of nothing."""
    weights = {name: float(weight) for name, _, weight in (one.rpartition(":") for one in given)}
    if not all(weights.values()) or len(weights) < len(given):
        raise refuse("weight", "one for each variant, more than 0", "weight=control:0.5")
    return weights


def compare(found: Experiment, control: str | None, weights: Mapping[str, float]) -> dict[str, Any]:
    """The variants beside the control: `control`, else the one of that name, else the first by name.

    `weights`: how the people should be divided; without any, evenly. Raises BadInput for a control or a weight of
    a variant that nobody saw, and for a variant without a weight.
    """
    names = [one.name for one in found.variants]
    if not names:
        return {"control": control, "variants": [], "mixed_users": found.mixed, "sample_ratio": None}
    if control is not None and control not in names:
        raise _unfit("control", f"nobody saw {control[:80]!r} in the period", names)
    base = next(
        one for one in found.variants if one.name == (control or ("control" if "control" in names else names[0]))
    )
    return {
        "control": base.name,
        "variants": [_describe(one, base) for one in found.variants],
        "mixed_users": found.mixed,
        "sample_ratio": _sample_ratio(found.variants, weights),
    }


def _describe(one: Variant, base: Variant) -> dict[str, Any]:
    line: dict[str, Any] = {"variant": one.name, "users": one.users, "converted_users": one.converted}
    line |= {"conversions": one.conversions, "rate": round(one.converted / one.users, DIGITS)}
    if one is base:
        return line | {"difference": None}
    found = proportions.compare(Share(one.converted, one.users), Share(base.converted, base.users))
    interval = {name: round(figure, DIGITS) for name, figure in zip(found._fields, found[:3], strict=False)}
    return line | {"difference": {**interval, "p_value": _significant(found.p_value)}}


def _sample_ratio(variants: Sequence[Variant], weights: Mapping[str, float]) -> dict[str, Any]:
    """A variant that has a weight and that nobody saw is the worst of mismatches."""
    users = dict.fromkeys(weights, 0) | {one.name: one.users for one in variants}
    if weights and (without := users.keys() - weights.keys()):
        raise _unfit("weight", f"none is given for {sorted(without)[0][:80]!r}", list(users))
    expected = [weights.get(name, 1.0) for name in users]
    p_value = proportions.sample_ratio(list(users.values()), expected)
    shares = {name: round(weight / sum(expected), DIGITS) for name, weight in zip(users, expected, strict=True)}
    is_mismatch = p_value is not None and p_value < proportions.MISMATCH_BELOW
    return {"expected": shares, "p_value": _significant(p_value), "is_mismatch": is_mismatch}


def _significant(figure: float | None) -> float | None:
    return None if figure is None else float(f"{figure:.4g}")


def _unfit(parameter: str, detail: str, names: Sequence[str]) -> BadInput:
    whole = f"{parameter}: {detail}; the variants are {', '.join(names)}"
    return BadInput(whole, [Problem(None, parameter, "bad_parameter", whole)])

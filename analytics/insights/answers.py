"""What the reports of this slice answer, and an example of each. What figures mean: beside what counts them."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics.insights.schemas import GOAL_DIMENSIONS, WorthBody
from analytics.reports.buckets import UNITS
from analytics.reports.canonical_schemas import MetaAnswer


class GoalAnswer(Schema):
    """A stored goal."""

    id = fields.UUID(required=True)
    site = fields.String(required=True)
    name = fields.String(required=True)
    type = fields.String(required=True)
    path = fields.String(required=True, allow_none=True)
    filter = fields.String(required=True, allow_none=True)
    value = fields.Nested(WorthBody, required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class GoalsAnswer(Schema):
    """The site's goals, by name."""

    goals = fields.List(fields.Nested(GoalAnswer), required=True)


class GoalDefinition(Schema):
    """Which events are conversions."""

    type = fields.String(required=True)
    path = fields.String(required=True, allow_none=True)
    filter = fields.String(required=True, allow_none=True)
    value = fields.Nested(WorthBody, required=True, allow_none=True)


class AmountAnswer(Schema):
    """The sum of a currency, as text; null: the events name none."""

    currency = fields.String(required=True, allow_none=True)
    amount = fields.String(required=True)
    conversions = fields.Integer(required=True)


class ReachedAnswer(Schema):
    """`rate`: users as a part of active_users, null when there are none. Amounts only of a goal with a value."""

    conversions = fields.Integer(required=True)
    users = fields.Integer(required=True)
    active_users = fields.Integer(required=True)
    rate = fields.Float(required=True, allow_none=True)
    amounts = fields.List(fields.Nested(AmountAnswer))
    without_amount = fields.Integer()


class ReachedPoint(ReachedAnswer):
    """`[ts, to)` in the zone's clocks; `date`: the day it begins on."""

    date = fields.Date(required=True)
    ts = fields.AwareDateTime(required=True)
    to = fields.AwareDateTime(required=True)


class ReachedRow(ReachedAnswer):
    """A value of the dimension, null for none."""

    value = fields.String(required=True, allow_none=True)


class GoalReportAnswer(ReachedAnswer):
    """The period in one line; `series` with `granularity`, `rows` with `dimension`."""

    goal = fields.Nested(GoalDefinition, required=True)
    granularity = fields.String(validate=OneOf(UNITS))
    series = fields.List(fields.Nested(ReachedPoint))
    dimension = fields.String(validate=OneOf(GOAL_DIMENSIONS))
    rows = fields.List(fields.Nested(ReachedRow))
    other_conversions = fields.Integer()
    meta = fields.Nested(MetaAnswer, required=True)


class GroupAnswer(Schema):
    """People of the period, and how many of them were active in each unit after it."""

    size = fields.Integer(required=True)
    retained = fields.List(fields.Integer(), required=True)
    rates = fields.List(fields.Float(allow_none=True), required=True)


class GoalRetentionAnswer(Schema):
    """`starts`: the units' first days; `last_is_over`: nobody can be added to the last of them but late."""

    goal = fields.Nested(GoalDefinition, required=True)
    unit = fields.String(required=True, validate=OneOf(["day", "week", "month"]))
    starts = fields.List(fields.Date(), required=True)
    converters = fields.Nested(GroupAnswer, required=True)
    others = fields.Nested(GroupAnswer, required=True)
    last_is_over = fields.Boolean(required=True)
    meta = fields.Nested(MetaAnswer, required=True)


class LifecyclePoint(Schema):
    """People of the unit that begins on `date`."""

    date = fields.Date(required=True)
    active = fields.Integer(required=True)
    new = fields.Integer(required=True)
    returning = fields.Integer(required=True)
    resurrected = fields.Integer(required=True)
    dormant = fields.Integer(required=True)


class LifecycleAnswer(Schema):
    """A line a unit; `last_is_over`: the dormant of the last one will not come any more, but late."""

    granularity = fields.String(required=True, validate=OneOf(["day", "week", "month"]))
    series = fields.List(fields.Nested(LifecyclePoint), required=True)
    last_is_over = fields.Boolean(required=True)
    meta = fields.Nested(MetaAnswer, required=True)


class JourneyStep(Schema):
    """A page view by its path, or an event by its type."""

    page = fields.String()
    event = fields.String()


class JourneyAnswer(Schema):
    """A path, and who went it; `share` of the visits with the anchor."""

    steps = fields.List(fields.Nested(JourneyStep), required=True)
    visits = fields.Integer(required=True)
    users = fields.Integer(required=True)
    share = fields.Float(required=True)


class JourneysAnswer(Schema):
    """The most common paths, and everybody who reached the anchor."""

    anchor = fields.Nested(JourneyStep, required=True)
    direction = fields.String(required=True, validate=OneOf(["from", "to"]))
    journeys = fields.List(fields.Nested(JourneyAnswer), required=True)
    visits = fields.Integer(required=True)
    users = fields.Integer(required=True)
    other_visits = fields.Integer(required=True)
    meta = fields.Nested(MetaAnswer, required=True)


class DifferenceAnswer(Schema):
    """The rate less that of the control, its 95 % interval, and the two-sided p-value."""

    absolute = fields.Float(required=True)
    low = fields.Float(required=True)
    high = fields.Float(required=True)
    p_value = fields.Float(required=True, allow_none=True)


class VariantAnswer(Schema):
    """People who saw the variant and no other; `difference` is null of the control."""

    variant = fields.String(required=True)
    users = fields.Integer(required=True)
    converted_users = fields.Integer(required=True)
    conversions = fields.Integer(required=True)
    rate = fields.Float(required=True)
    difference = fields.Nested(DifferenceAnswer, required=True, allow_none=True)


class SampleRatioAnswer(Schema):
    """Whether people were divided as they should have been; a mismatch means that the experiment cannot be believed."""

    expected = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    p_value = fields.Float(required=True, allow_none=True)
    is_mismatch = fields.Boolean(required=True)


class ExperimentAnswer(Schema):
    """`mixed_users` saw several variants and are in none; `sample_ratio` is null when nobody saw any."""

    goal = fields.Nested(GoalDefinition, required=True)
    control = fields.String(required=True, allow_none=True)
    variants = fields.List(fields.Nested(VariantAnswer), required=True)
    mixed_users = fields.Integer(required=True)
    sample_ratio = fields.Nested(SampleRatioAnswer, required=True, allow_none=True)
    meta = fields.Nested(MetaAnswer, required=True)


def _meta(source: str) -> dict[str, Any]:
    return {
        "site": "shop",
        "zone": "Europe/Berlin",
        "from": "2026-03-01T23:00:00Z",
        "to": "2026-03-03T23:00:00Z",
        "source": source,
        "identity": ["user_id", "visitor_id", "keyed hash of address and user agent, a day"],
        "complete_through": "2026-03-10T09:30:00Z",
        "computed_at": "2026-03-10T09:30:00Z",
    }


VALUE = {"property": "total", "currency_property": "currency"}
NEW_GOAL_EXAMPLE = {"site": "shop", "name": "Order", "type": "order", "value": VALUE}
DEFINITION = {"type": "order", "path": None, "filter": None, "value": VALUE}
GOAL_EXAMPLE = {
    "id": "0b9a4c26-6f0e-4a3a-9a51-2d1c3e1f7a10",
    "site": "shop",
    "name": "Order",
    **DEFINITION,
    "created_at": "2026-03-01T09:00:00Z",
    "updated_at": "2026-03-01T09:00:00Z",
}
REACHED = {
    "conversions": 5,
    "users": 4,
    "active_users": 80,
    "rate": 0.05,
    "amounts": [{"currency": "EUR", "amount": "119.80", "conversions": 4}],
    "without_amount": 1,
}
REPORT_EXAMPLE = {
    **REACHED,
    "dimension": "country",
    "rows": [{"value": "DE", **REACHED, "active_users": 50, "rate": 0.08}],
    "other_conversions": 0,
    "goal": DEFINITION,
    "meta": _meta("raw"),
}
GOAL_RETENTION_EXAMPLE = {
    "unit": "week",
    "starts": ["2026-03-04"],
    "converters": {"size": 4, "retained": [3], "rates": [0.75]},
    "others": {"size": 76, "retained": [19], "rates": [0.25]},
    "last_is_over": False,
    "goal": DEFINITION,
    "meta": _meta("raw"),
}
LIFECYCLE_EXAMPLE = {
    "granularity": "day",
    "series": [
        {"date": "2026-03-02", "active": 50, "new": 20, "returning": 25, "resurrected": 5, "dormant": 15},
        {"date": "2026-03-03", "active": 45, "new": 10, "returning": 30, "resurrected": 5, "dormant": 20},
    ],
    "last_is_over": True,
    "meta": _meta("rollup"),
}
JOURNEYS_EXAMPLE = {
    "anchor": {"page": "/pricing"},
    "direction": "from",
    "journeys": [
        {"steps": [{"page": "/pricing"}, {"event": "signup"}], "visits": 6, "users": 5, "share": 0.6},
        {"steps": [{"page": "/pricing"}], "visits": 3, "users": 3, "share": 0.3},
    ],
    "visits": 10,
    "users": 8,
    "other_visits": 1,
    "meta": _meta("raw"),
}
EXPERIMENT_EXAMPLE = {
    "control": "control",
    "variants": [
        {
            "variant": "control", "users": 80, "converted_users": 48, "conversions": 50, "rate": 0.6,
            "difference": None,
        },
        {
            "variant": "short", "users": 70, "converted_users": 56, "conversions": 60, "rate": 0.8,
            "difference": {"absolute": 0.2, "low": 0.052431, "high": 0.333873, "p_value": 0.008045},
        },
    ],
    "mixed_users": 2,
    "sample_ratio": {"expected": {"control": 0.5, "short": 0.5}, "p_value": 0.4142, "is_mismatch": False},
    "goal": DEFINITION,
    "meta": _meta("raw"),
}  # fmt: skip

"""What the routes of funnels answer. Rates are percentages, times seconds; null: there was nobody (figures.py)."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics.funnels.schemas import ORDERINGS, SCOPES
from analytics.funnels.steps import TYPES


def _count() -> fields.Integer:
    return fields.Integer(required=True)


def _figure() -> fields.Float:
    return fields.Float(required=True, allow_none=True)


def _text() -> fields.String:
    return fields.String(required=True)


class FunnelStepAnswer(Schema):
    """A step, with those parts of its condition that were given."""

    id = _text()
    name = _text()
    type = fields.String(required=True, validate=OneOf(TYPES))
    condition = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    order = _count()


class FunnelDefinitionAnswer(Schema):
    """What is counted."""

    steps = fields.List(fields.Nested(FunnelStepAnswer), required=True)
    ordering = fields.String(required=True, validate=OneOf(ORDERINGS))
    scope = fields.String(required=True, validate=OneOf(SCOPES))
    window_s = _count()
    value = fields.String(required=True, allow_none=True)


class Funnel(FunnelDefinitionAnswer):
    """A stored funnel."""

    id = fields.UUID(required=True)
    website_id = _text()
    user_id = _text()
    name = _text()
    description = _text()
    is_active = fields.Boolean(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class FunnelMade(Schema):
    success = fields.Boolean(required=True)
    data = fields.Nested(Funnel, required=True)


class Funnels(Schema):
    success = fields.Boolean(required=True)
    data = fields.List(fields.Nested(Funnel), required=True)


class FunnelAnswer(Schema):
    funnel = fields.Nested(Funnel, required=True)


class FunnelRemoved(Schema):
    success = fields.Boolean(required=True)
    message = _text()


class FunnelSummary(Schema):
    """The funnel in one line."""

    total_starts = _count()
    total_conversions = _count()
    conversion_rate = _figure()
    drop_off_rate = _figure()
    abandonment_rate = _figure()
    avg_value = _figure()
    total_value = _figure()
    avg_time_to_convert = _figure()
    avg_time_to_abandon = _figure()


class FunnelAnalyticsAnswer(FunnelSummary):
    """`date`: the last day of the period."""

    funnel_id = fields.UUID(required=True)
    website_id = _text()
    date = fields.Date(required=True)
    date_range = _text()
    meta = fields.Dict(keys=fields.String(), required=True)


class FunnelStepLine(Schema):
    step_id = _text()
    step_name = _text()
    step_order = _count()
    visitors_reached = _count()
    conversion_rate = _figure()
    drop_off_rate = _figure()
    avg_time_on_step = _figure()
    median_time_s = _figure()
    p90_time_s = _figure()


class FunnelDayLine(Schema):
    date = fields.Date(required=True)
    total_starts = _count()
    conversions = _count()
    conversion_rate = _figure()


class FunnelCohortLine(Schema):
    cohort_date = fields.Date(required=True)
    cohort_size = _count()
    conversions = _count()
    conversion_rate = _figure()
    avg_time_to_convert = _figure()


class FunnelValueLine(Schema):
    """null: the first step says nothing."""

    value = fields.String(required=True, allow_none=True)
    total_starts = _count()
    total_conversions = _count()
    conversion_rate = _figure()


class FunnelBreakdown(Schema):
    dimension = _text()
    rows = fields.List(fields.Nested(FunnelValueLine), required=True)


class PreviousFunnel(FunnelSummary):
    """Of `[from, to)`."""

    from_ = fields.AwareDateTime(required=True, data_key="from")
    to = fields.AwareDateTime(required=True)
    step_analytics = fields.List(fields.Nested(FunnelStepLine), required=True)


class FunnelReport(FunnelSummary):
    """Everything about a funnel; `breakdown` and `previous` where they are asked for."""

    step_analytics = fields.List(fields.Nested(FunnelStepLine), required=True)
    daily_performance = fields.List(fields.Nested(FunnelDayLine), required=True)
    cohort_data = fields.List(fields.Nested(FunnelCohortLine), required=True)
    date_range = _text()
    breakdown = fields.Nested(FunnelBreakdown)
    previous = fields.Nested(PreviousFunnel)
    meta = fields.Dict(keys=fields.String(), required=True)


class DetailedFunnelAnswer(FunnelReport):
    funnel_id = fields.UUID(required=True)
    website_id = _text()


class AdHocFunnelAnswer(FunnelReport):
    """`definition`: as it was understood."""

    definition = fields.Nested(FunnelDefinitionAnswer, required=True)


# Those figures that were asked for; a list, and so no schema of marshmallow's.
_INTEGER, _NUMBER, _NUMBER_OR_NULL = {"type": "integer"}, {"type": "number"}, {"type": ["number", "null"]}
COMPARED: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["funnel_id", "funnel_name"],
        "properties": {
            "funnel_id": {"type": "string", "format": "uuid"},
            "funnel_name": {"type": "string"},
            "total_starts": _INTEGER,
            "total_conversions": _INTEGER,
            "conversion_rate": _NUMBER_OR_NULL,
            "drop_off_rate": _NUMBER_OR_NULL,
            "avg_time_to_convert": _NUMBER_OR_NULL,
            "performance_score": _NUMBER,
        },
    },
}
ID = "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11"
STEPS = [
    {"id": "1", "name": "Pricing", "type": "page", "condition": {"page": "/pricing"}, "order": 1},
    {"id": "2", "name": "Sign up", "type": "event", "condition": {"event": "signup"}, "order": 2},
]
DEFINITION = {"steps": STEPS, "ordering": "ordered", "scope": "user", "window_s": 604800, "value": None}
FUNNEL = {
    "id": ID,
    "name": "Sign-ups",
    "description": "",
    "user_id": "ann",
    "is_active": True,
    "website_id": "shop",
    **DEFINITION,
    "created_at": "2025-11-20T09:00:00Z",
    "updated_at": "2025-11-20T09:00:00Z",
}
SENT = {"name": "Sign-ups", "website_id": "shop", "user_id": "ann", "steps": STEPS}
SUMMARY = {
    "total_starts": 4,
    "total_conversions": 1,
    "conversion_rate": 25.0,
    "drop_off_rate": 75.0,
    "abandonment_rate": 0.0,
    "avg_value": None,
    "total_value": None,
    "avg_time_to_convert": 95.0,
    "avg_time_to_abandon": 0.0,
}
META = {
    "site": "shop",
    "zone": "UTC",
    "from": "2025-11-22T00:00:00Z",
    "to": "2025-11-24T00:00:00Z",
    "source": "raw",
    "identity": ["user_id", "visitor_id", "keyed hash of address and user agent, a day"],
    "complete_through": "2025-11-23T12:00:00Z",
    "computed_at": "2025-11-23T12:00:00Z",
}
_LINE = {"avg_time_on_step": None, "median_time_s": None, "p90_time_s": None}
STEP_LINES = [
    _LINE
    | {"step_id": "1", "step_name": "Pricing", "step_order": 1, "visitors_reached": 4, "conversion_rate": 100.0}
    | {"drop_off_rate": 75.0, "avg_time_on_step": 95.0},
    _LINE
    | {"step_id": "2", "step_name": "Sign up", "step_order": 2, "visitors_reached": 1, "conversion_rate": 25.0}
    | {"drop_off_rate": 0.0, "median_time_s": 95.0, "p90_time_s": 95.0},
]
REPORT = {
    **SUMMARY,
    "step_analytics": STEP_LINES,
    "daily_performance": [
        {"date": "2025-11-22", "total_starts": 3, "conversions": 1, "conversion_rate": 33.33},
        {"date": "2025-11-23", "total_starts": 2, "conversions": 0, "conversion_rate": 0.0},
    ],
    "cohort_data": [
        {"cohort_date": "2025-11-22", "cohort_size": 3, "conversions": 1, "conversion_rate": 33.33}
        | {"avg_time_to_convert": 95.0},
        {"cohort_date": "2025-11-23", "cohort_size": 1, "conversions": 0, "conversion_rate": 0.0}
        | {"avg_time_to_convert": None},
    ],
    "date_range": "2 days",
    "meta": META,
}
ANALYTICS = {
    **SUMMARY,
    "funnel_id": ID,
    "website_id": "shop",
    "date": "2025-11-23",
    "date_range": "2 days",
    "meta": META,
}
DETAILED = {"funnel_id": ID, "website_id": "shop", **REPORT}
AD_HOC = {"definition": DEFINITION, **REPORT}
COMPARED_EXAMPLE = [
    {"funnel_id": ID, "funnel_name": "Sign-ups", "total_starts": 4, "total_conversions": 1, "conversion_rate": 25.0}
    | {"drop_off_rate": 75.0, "avg_time_to_convert": 95.0, "performance_score": 25.0}
]

"""Shapes of funnels in and out: bodies, queries and responses of views.py. An unknown field is rejected by name.

In responses rates are percentages and times are seconds; null where there are no entities (figures.py).
"""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load
from marshmallow.fields import UUID, AwareDateTime, Boolean, Date, Float, Integer, String
from marshmallow.validate import Length, OneOf, Range

from analytics.apidocs.response_fields import nullable, required
from analytics.funnels.steps import CONDITION_PARTS, MAX_STEPS, MIN_STEPS, STEP_TYPES
from analytics.reports.filtering.condition_limit import MAX_TOTAL_CONDITIONS
from analytics.reports.filtering.path_patterns import MAX_PATTERN_CHARS
from analytics.reports.query import schemas as query
from analytics.reports.query.measures import ENTRY_EXIT_DIMENSIONS
from analytics.reports.responses.formats import FormatFields
from analytics.reports.schemas import (
    UNKNOWN_CHOICE,
    CompareQuery,
    FilterFields,
    PeriodQuery,
    ReportMeta,
    property_field,
)
from analytics.web.site_parameters import SiteFields

ORDERINGS, SCOPES = ("ordered", "strict"), ("user", "visit")
MAX_WINDOW_S = 366 * 86_400
MAX_COMPARED = 20
# Dimensions of the first step's event.
BREAKDOWN_DIMENSIONS = tuple(name for name in query.BREAKDOWN_DIMENSIONS if name not in ENTRY_EXIT_DIMENSIONS)
COMPARE_METRICS = (
    *("total_starts", "total_conversions", "conversion_rate", "drop_off_rate"),
    *("avg_time_to_convert", "performance_score"),
)


STEPS_DESCRIPTION = (
    f"The filters of all steps have up to {MAX_TOTAL_CONDITIONS} conditions in all, those of segments included; a "
    "report counts those of its own `filter` as well."
)


def _check_characters(text: str) -> None:
    # PostgreSQL text cannot hold it.
    if "\0" in text:
        raise ValidationError("has a NUL character; remove it")


def _text(most: int, least: int = 0, **options: Any) -> fields.String:
    return fields.String(validate=[Length(least, most), _check_characters], **options)


def _choice(choices: tuple[str, ...]) -> fields.String:
    return fields.String(validate=OneOf(choices, error=UNKNOWN_CHOICE))


def _steps(**options: Any) -> "fields.List[Any]":
    length = Length(MIN_STEPS, MAX_STEPS, error="a funnel has {min} to {max} steps")
    described = {"description": STEPS_DESCRIPTION}
    return fields.List(fields.Nested(FunnelStepBody), validate=length, metadata=described, **options)


FunnelConditionBody = Schema.from_dict(
    {part: _text(MAX_PATTERN_CHARS, allow_none=True) for part in CONDITION_PARTS}, name="FunnelConditionBody"
)


class FunnelStepBody(Schema):
    """`condition`: at least one part; all parts must hold (steps.py)."""

    class Meta:
        unknown = RAISE

    id = _text(64)
    name = _text(200)
    type = _choice(STEP_TYPES)
    condition = fields.Nested(FunnelConditionBody, required=True)
    order = fields.Integer(strict=True, allow_none=True, validate=Range(0, 10_000))


class FunnelDefinitionBody(Schema):
    """`window_s`: from the first step to the last, 7 days by default. `value`: a payload property of the last step."""

    class Meta:
        unknown = RAISE

    steps = _steps(required=True)
    ordering = _choice(ORDERINGS)
    scope = _choice(SCOPES)
    window_s = fields.Integer(strict=True, validate=Range(1, MAX_WINDOW_S))
    value = property_field(200, allow_none=True)


class FunnelUpdateBody(FunnelDefinitionBody):
    """Fields that are left out do not change; `steps` replaces all steps."""

    name = _text(200, 1)
    description = _text(2000)
    is_active = fields.Boolean(truthy={True}, falsy={False})
    steps = _steps()


class FunnelBody(SiteFields, FunnelUpdateBody):
    """A new funnel, of the site in `site`, `site_id`, `website_id` or `siteId`. `user_id`: its author, by default the
    caller. `id`: a new one by default; that of a deleted funnel brings it back, with its tracked steps."""

    id = fields.UUID()
    name = _text(200, 1, required=True)
    steps = _steps(required=True)
    user_id = _text(255)


class FunnelListQuery(SiteFields):
    """The site of the funnels."""


class FunnelQuery(PeriodQuery, FilterFields):
    """The last 7 days by default. `filter`: other events are ignored."""


class FunnelReportQuery(FunnelQuery, CompareQuery, FormatFields):
    """`breakdown`: a dimension of the first step's event; `limit`: its rows. `compare`: also another period."""

    breakdown = _choice(BREAKDOWN_DIMENSIONS)
    limit = fields.Integer(validate=Range(1, 1000))


class FunnelPeriodBody(Schema):
    """The period, in the parameters of a query."""

    class Meta:
        unknown = RAISE

    date = fields.String()
    days = fields.Integer(strict=True)
    hours = fields.Integer(strict=True)
    from_ = fields.String(data_key="from", attribute="from")
    to = fields.String()


class FunnelCompareBody(Schema):
    """`funnel_ids`: the site's first 20 by default. `date_range`: an object, or text as `7 days`. `metrics`: all by
    default."""

    class Meta:
        unknown = RAISE

    funnel_ids = fields.List(fields.UUID(), validate=Length(1, MAX_COMPARED))
    date_range = fields.Nested(FunnelPeriodBody)
    metrics = fields.List(_choice(COMPARE_METRICS), validate=Length(1))

    @pre_load
    def parse_date_range(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """`7 days`, as responses write it."""
        body = dict(data)
        if isinstance(text := body.get("date_range"), str) and (match := re.fullmatch(r"(\d{1,4}) days?", text)):
            body["date_range"] = {"days": int(match[1])}
        return body


class FunnelStepResponse(Schema):
    """A step, with the parts of its condition that are set."""

    class Meta:
        include = required(String, "id", "name") | required(Integer, "order")

    type = fields.String(required=True, validate=OneOf(STEP_TYPES))
    condition = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class FunnelDefinitionResponse(Schema):
    """What is counted."""

    class Meta:
        include = required(Integer, "window_s") | nullable(String, "value")

    steps = fields.List(fields.Nested(FunnelStepResponse), required=True)
    ordering = fields.String(required=True, validate=OneOf(ORDERINGS))
    scope = fields.String(required=True, validate=OneOf(SCOPES))


class StoredFunnelResponse(FunnelDefinitionResponse):
    """A stored funnel."""

    class Meta:
        include = (
            required(UUID, "id")
            | required(String, "website_id", "user_id", "name", "description")
            | required(Boolean, "is_active")
            | required(AwareDateTime, "created_at", "updated_at")
        )


class FunnelCreatedResponse(Schema):
    success = fields.Boolean(required=True)
    data = fields.Nested(StoredFunnelResponse, required=True)


class FunnelListResponse(Schema):
    success = fields.Boolean(required=True)
    data = fields.List(fields.Nested(StoredFunnelResponse), required=True)


class FunnelResponse(Schema):
    funnel = fields.Nested(StoredFunnelResponse, required=True)


class FunnelDeletedResponse(Schema):
    success = fields.Boolean(required=True)
    message = fields.String(required=True)


class ConversionRateResponse(Schema):
    conversion_rate = fields.Float(required=True, allow_none=True)


_RATES_AND_MEANS = (
    *("drop_off_rate", "abandonment_rate", "avg_value", "total_value"),
    *("avg_time_to_convert", "avg_time_to_abandon"),
)


class FunnelSummaryResponse(ConversionRateResponse):
    """Totals of the funnel."""

    class Meta:
        include = required(Integer, "total_starts", "total_conversions") | nullable(Float, *_RATES_AND_MEANS)


class FunnelAnalyticsResponse(FunnelSummaryResponse):
    """`date`: the last day of the period."""

    class Meta:
        include = required(UUID, "funnel_id") | required(String, "website_id", "date_range") | required(Date, "date")

    meta = fields.Nested(ReportMeta, required=True)


class FunnelStepRowResponse(ConversionRateResponse):
    class Meta:
        include = (
            required(String, "step_id", "step_name")
            | required(Integer, "step_order", "visitors_reached")
            | nullable(Float, "drop_off_rate", "avg_time_on_step", "median_time_s", "p90_time_s")
        )


class FunnelDayRowResponse(ConversionRateResponse):
    class Meta:
        include = required(Date, "date") | required(Integer, "total_starts", "conversions")


class FunnelCohortRowResponse(ConversionRateResponse):
    class Meta:
        include = required(Date, "cohort_date") | required(Integer, "cohort_size", "conversions")

    avg_time_to_convert = fields.Float(required=True, allow_none=True)


class FunnelValueRowResponse(ConversionRateResponse):
    """value null: the first step's event has none."""

    class Meta:
        include = nullable(String, "value") | required(Integer, "total_starts", "total_conversions")


class FunnelBreakdownResponse(Schema):
    dimension = fields.String(required=True)
    rows = fields.List(fields.Nested(FunnelValueRowResponse), required=True)


class FunnelPreviousPeriodResponse(FunnelSummaryResponse):
    """The figures of `[from, to)`."""

    from_ = fields.AwareDateTime(required=True, data_key="from")
    to = fields.AwareDateTime(required=True)
    step_analytics = fields.List(fields.Nested(FunnelStepRowResponse), required=True)


class FunnelChangeResponse(ConversionRateResponse):
    """The growth of each figure as a part of its previous value: 0.5 is half as much again. Null: it was 0 or null."""

    class Meta:
        include = nullable(Float, "total_starts", "total_conversions", *_RATES_AND_MEANS)


class FunnelReportResponse(FunnelSummaryResponse):
    """`breakdown` only with the parameter `breakdown`; `previous` and `change` only with `compare`."""

    step_analytics = fields.List(fields.Nested(FunnelStepRowResponse), required=True)
    daily_performance = fields.List(fields.Nested(FunnelDayRowResponse), required=True)
    cohort_data = fields.List(fields.Nested(FunnelCohortRowResponse), required=True)
    date_range = fields.String(required=True)
    breakdown = fields.Nested(FunnelBreakdownResponse)
    previous = fields.Nested(FunnelPreviousPeriodResponse)
    change = fields.Nested(FunnelChangeResponse)
    meta = fields.Nested(ReportMeta, required=True)


class DetailedFunnelResponse(FunnelReportResponse):
    """The report on a stored funnel."""

    class Meta:
        include = required(UUID, "funnel_id") | required(String, "website_id")


class AdHocFunnelResponse(FunnelReportResponse):
    """`definition`: the funnel that was counted, defaults included."""

    definition = fields.Nested(FunnelDefinitionResponse, required=True)


# The requested metrics of each funnel. A JSON Schema, as marshmallow has none for a list.
_INTEGER, _NUMBER, _NUMBER_OR_NULL = {"type": "integer"}, {"type": "number"}, {"type": ["number", "null"]}
COMPARE_RESPONSE: dict[str, Any] = {
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

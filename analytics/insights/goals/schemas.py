"""Shapes of goals in and out: queries, bodies and responses of goals/views.py. An unknown field is rejected by name."""

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema
from marshmallow.fields import AwareDateTime, Boolean, Date, Float, Integer, String
from marshmallow.validate import OneOf, Range, Regexp

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.audience.schemas import COHORT_UNITS, UnitFields
from analytics.reports.buckets import BUCKET_UNITS
from analytics.reports.fields import (
    choice_field,
    event_filter_field,
    filter_field,
    pattern_field,
    property_field,
    text_field,
    type_field,
)
from analytics.reports.query.measures import ENTRY_EXIT_DIMENSIONS
from analytics.reports.query.schemas import BREAKDOWN_DIMENSIONS
from analytics.reports.responses.formats import FormatFields
from analytics.reports.schemas import CompareQuery, PeriodQuery, ReportMeta, scope_field
from analytics.web.site_parameters import SiteFields

GOAL_DIMENSIONS = tuple(name for name in BREAKDOWN_DIMENSIONS if name not in ENTRY_EXIT_DIMENSIONS)
CURRENCY = Regexp(r"\A[A-Za-z]{3}\Z", error="not a currency; accepted: three letters, for example EUR")
AMOUNT = Regexp(
    r"\A[0-9]{1,12}(\.[0-9]{1,6})?\Z",
    error="not an amount; accepted: a text of 1 to 12 digits and up to 6 decimals, for example 9.90",
)
MAX_UNITS = 60


class ConversionValueFields(Schema):
    property = property_field()
    amount = fields.String(validate=AMOUNT)
    currency = fields.String(validate=CURRENCY)
    currency_property = property_field()


class ConversionValueBody(ConversionValueFields):
    """`property` (of the payload) or `amount`; in `currency`, or in the one that `currency_property` holds."""

    @validates_schema
    def check_value(self, body: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError."""
        check_conversion_value(body)


def pick_conversion_value(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a ConversionValueBody among those of `body`."""
    names = ("property", "amount", "currency", "currency_property")
    return {name: body[name] for name in names if name in body}


def check_conversion_value(body: Mapping[str, Any]) -> None:
    """Raises ValidationError unless exactly one field gives the amount, and at most one the currency."""
    if ("property" in body) == ("amount" in body):
        raise ValidationError("give either property or amount, for example property=order.total", "property")
    if "currency" in body and "currency_property" in body:
        raise ValidationError("give currency or currency_property, not both", "currency_property")
    if "amount" in body and "currency_property" in body:
        raise ValidationError("not accepted with amount; give currency, for example EUR", "currency_property")


class GoalUpdateBody(Schema):
    """What can change; null removes a part."""

    class Meta:
        unknown = RAISE

    name = text_field(200)
    type = type_field(allow_none=True)
    path = pattern_field(allow_none=True)
    filter = event_filter_field(allow_none=True)
    value = fields.Nested(ConversionValueBody, allow_none=True)


class GoalBody(SiteFields, GoalUpdateBody):
    """A name, and a type or a path. `id`: of a deleted goal, which comes back under it."""

    class Meta:
        unknown = RAISE

    id = fields.UUID()
    name = text_field(200, required=True)


class GoalListQuery(SiteFields):
    """The site of the goals."""


class GoalReportQuery(PeriodQuery, CompareQuery, FormatFields):
    """`granularity` adds a time series; `dimension` adds conversions by value, `limit` rows of them; `compare` adds the
    totals and series of another period."""

    filter = filter_field()
    scope = scope_field()
    granularity = choice_field(BUCKET_UNITS)
    dimension = choice_field(GOAL_DIMENSIONS)
    limit = fields.Integer(validate=Range(1, 1000))


class AdHocGoalQuery(GoalReportQuery, ConversionValueFields):
    """A goal that is not stored: `type`, `path`, `goal_filter`, and the fields of a conversion value."""

    type = type_field()
    path = pattern_field()
    goal_filter = event_filter_field()

    @validates_schema
    def check_goal(self, query: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError."""
        if "type" not in query and "path" not in query:
            raise ValidationError("give a type or a path, for example type=signup or path=/thanks", "type")
        if value := pick_conversion_value(query):
            check_conversion_value(value)


class GoalRetentionQuery(PeriodQuery, UnitFields):
    """`units`: how many after the period, 8 by default; a unit is a day, 7 days or 30 days. Without a period: the 30
    days before those units, of which as many have begun as 60 days hold."""

    units = fields.Integer(validate=Range(1, MAX_UNITS))


class GoalDefinitionResponse(Schema):
    """Which events are conversions."""

    class Meta:
        include = required(String, "type") | nullable(String, "path", "filter")

    value = fields.Nested(ConversionValueBody, required=True, allow_none=True)


class GoalResponse(GoalDefinitionResponse):
    """A stored goal."""

    class Meta:
        include = required(String, "site", "name") | required(AwareDateTime, "created_at", "updated_at")

    id = fields.UUID(required=True)


class GoalListResponse(Schema):
    """The site's goals, by name."""

    goals = fields.List(fields.Nested(GoalResponse), required=True)


class AmountResponse(Schema):
    """The sum in one currency, as text; currency null: the events name none."""

    class Meta:
        include = nullable(String, "currency") | required(String, "amount") | required(Integer, "conversions")


class ConversionsResponse(Schema):
    """`rate`: users divided by active_users, null without active users. Amounts only for a goal with a value."""

    class Meta:
        include = required(Integer, "conversions", "users", "active_users") | nullable(Float, "rate")

    amounts = fields.List(fields.Nested(AmountResponse))
    without_amount = fields.Integer()


class ConversionsPointResponse(ConversionsResponse):
    """`[ts, to)` in the report's zone; `date`: the day of `ts`."""

    class Meta:
        include = required(Date, "date") | required(AwareDateTime, "ts", "to")


class ConversionsRowResponse(ConversionsResponse):
    """A value of the dimension; null: the events have none."""

    value = String(required=True, allow_none=True)


class ComparedConversions(ConversionsResponse):
    """The totals of `[from, to)`; `series` with `granularity`."""

    class Meta:
        include = required(AwareDateTime, "from", "to")

    series = fields.List(fields.Nested(ConversionsPointResponse))


class ConversionsChange(Schema):
    """The growth of each figure as a part of its previous value; null: it was 0 or null."""

    class Meta:
        include = nullable(Float, "conversions", "users", "active_users", "rate")


class GoalReportResponse(ConversionsResponse):
    """Totals of the period; `series` with `granularity`, `rows` with `dimension`; `previous`, `change` and `current`
    only with `compare`, as in a summary."""

    goal = fields.Nested(GoalDefinitionResponse, required=True)
    granularity = fields.String(validate=OneOf(BUCKET_UNITS))
    series = fields.List(fields.Nested(ConversionsPointResponse))
    dimension = fields.String(validate=OneOf(GOAL_DIMENSIONS))
    rows = fields.List(fields.Nested(ConversionsRowResponse))
    other_conversions = fields.Integer()
    current = fields.Nested(ComparedConversions)
    previous = fields.Nested(ComparedConversions)
    change = fields.Nested(ConversionsChange)
    meta = fields.Nested(ReportMeta, required=True)


class RetentionGroupResponse(Schema):
    """Users of the period, and how many of them were active in each unit after it."""

    class Meta:
        include = required(Integer, "size")

    retained = fields.List(fields.Integer(), required=True)
    rates = fields.List(fields.Float(allow_none=True), required=True)


class GoalRetentionResponse(Schema):
    """`starts`: first day of each unit; `last_is_over`: only late events can still change the last unit."""

    class Meta:
        include = required(Boolean, "last_is_over")

    goal = fields.Nested(GoalDefinitionResponse, required=True)
    unit = fields.String(required=True, validate=OneOf(COHORT_UNITS))
    starts = fields.List(fields.Date(), required=True)
    converters = fields.Nested(RetentionGroupResponse, required=True)
    others = fields.Nested(RetentionGroupResponse, required=True)
    meta = fields.Nested(ReportMeta, required=True)

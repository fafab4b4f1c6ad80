"""Query parameters and responses of the reports on active users, retention and daily metrics."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.responses.formats import FormatFields
from analytics.reports.schemas import (
    UNKNOWN_CHOICE,
    EventTypesQuery,
    FilterFields,
    PeriodBounds,
    PeriodQuery,
    ReportMeta,
)

WINDOW_KINDS = ("trailing", "calendar")
COHORT_UNITS = ("day", "week", "month")
RETENTION_FILTER = (
    "Conditions on dimensions and payload, as of other reports. A user is active in a unit, its own included, with an "
    "event there that meets them; who is new, the first event of all tells."
)
# The metrics that close_day writes for each day (spec 1.T2); `events` also by type, in `dimensions`.
METRIC_NAMES = (
    "dau",
    "wau",
    "mau",
    "new_users",
    "events",
    "page_views",
    "visits",
    "bounce_rate",
    "avg_visit_duration_s",
)


class WindowQuery(EventTypesQuery):
    """`window`: the days that end with the date, or the calendar week or month that holds it."""

    window = fields.String(validate=OneOf(WINDOW_KINDS, error=UNKNOWN_CHOICE))


class UnitFields(Schema):
    """`unit`: the length of a cohort or bucket, a day by default; `granularity` is another name of it."""

    unit = fields.String(validate=OneOf(COHORT_UNITS, error=UNKNOWN_CHOICE))
    granularity = fields.String(validate=OneOf(COHORT_UNITS, error=UNKNOWN_CHOICE))

    @validates_schema
    def check_unit(self, query: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError."""
        if query.get("unit", query.get("granularity")) != query.get("granularity", query.get("unit")):
            raise ValidationError("contradicts unit; accepted: one of them, for example unit=week", "granularity")

    @post_load
    def merge_names(self, query: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The value as `unit`."""
        unit = query.pop("granularity", None) or query.get("unit", "day")
        return query | {"unit": unit}


class RetentionQuery(EventTypesQuery, UnitFields, FormatFields, FilterFields):
    """Whose events count; by cohorts of a day, ISO week or calendar month. `filter`: only users with an event that
    meets it count as active; who is new, all events of `type` tell."""

    filter = fields.String(metadata={"description": RETENTION_FILTER})


class MetricsQuery(PeriodQuery):
    """`name` may be repeated; without it, every metric. Closed days do not count bots."""

    class Meta:
        exclude = ("include_bots",)

    name = fields.List(fields.String(validate=OneOf(METRIC_NAMES, error=UNKNOWN_CHOICE)))


class ActiveUsersResponse(PeriodBounds):
    """`new`: users never active before; null when not known. `from` and `to`: the days counted."""

    class Meta:
        include = nullable(fields.Integer, "new", "returning")

    date = fields.Date(required=True)
    period = fields.String(required=True)
    meta = fields.Nested(ReportMeta, required=True)


class DauResponse(ActiveUsersResponse):
    """Distinct users of one day."""

    dau = fields.Integer(required=True)


class WindowResponse(ActiveUsersResponse):
    """Distinct users of several days."""

    window = fields.String(required=True, validate=OneOf(WINDOW_KINDS))


class WauResponse(WindowResponse):
    """Distinct users of 7 days, or of the calendar week."""

    wau = fields.Integer(required=True)


class MauResponse(WindowResponse):
    """Distinct users of 30 days, or of the calendar month."""

    mau = fields.Integer(required=True)


class StickinessPoint(Schema):
    """Users of a day, and of the 7 and 30 days that end with it; `stickiness`: dau / mau, null when mau is 0."""

    class Meta:
        include = required(fields.Integer, "dau", "wau", "mau")

    date = fields.Date(required=True)
    stickiness = fields.Float(required=True, allow_none=True)


class StickinessResponse(Schema):
    """A point a day."""

    series = fields.List(fields.Nested(StickinessPoint), required=True)
    meta = fields.Nested(ReportMeta, required=True)


class CohortRow(Schema):
    """Users first active in the unit that begins at `start`; how many were active in it and in each later unit."""

    start = fields.Date(required=True)
    size = fields.Integer(required=True)
    retained = fields.List(fields.Integer(), required=True)
    rates = fields.List(fields.Float(allow_none=True), required=True)


class RetentionResponse(Schema):
    """A row a cohort. `units_over`: how many of the units, from the first cohort's on, are over: the number n of
    cohort m is final where m + n < units_over, both from 0. `average_rates`: for each n the users active then, as a
    part of the users of all cohorts that have got so far; null where none has."""

    class Meta:
        include = required(fields.Integer, "units_over")

    unit = fields.String(required=True, validate=OneOf(COHORT_UNITS))
    cohorts = fields.List(fields.Nested(CohortRow), required=True)
    average_rates = fields.List(fields.Float(allow_none=True), required=True)
    meta = fields.Nested(ReportMeta, required=True)


class MetricRow(Schema):
    """A metric of a closed day; `dimensions`: of which part of the site, {} of all."""

    date = fields.Date(required=True)
    name = fields.String(required=True, validate=OneOf(METRIC_NAMES))
    value = fields.Float(required=True)
    dimensions = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class MetricsMeta(ReportMeta):
    """`closed_through`: the last day through which metrics are final; null: no day is closed."""

    source = fields.String(required=True, validate=OneOf(["metrics"]))
    closed_through = fields.Date(required=True, allow_none=True)


class MetricsResponse(Schema):
    """The metrics of closed days, by day and name."""

    metrics = fields.List(fields.Nested(MetricRow), required=True)
    meta = fields.Nested(MetricsMeta, required=True)

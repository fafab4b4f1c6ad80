"""Query parameters and responses of the query reports. measures.py defines the figures, filters.py the filter."""

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.buckets import BUCKET_UNITS
from analytics.reports.fields import valid_for
from analytics.reports.filtering.filters import FIELDS, PAYLOAD
from analytics.reports.filtering.payload_properties import parse_property
from analytics.reports.query.engagement import METRICS
from analytics.reports.query.measures import LIST_MEASURES, MEASURES, VISIT_MEASURES
from analytics.reports.responses.formats import FormatFields
from analytics.reports.schemas import (
    UNKNOWN_CHOICE,
    CompareQuery,
    EventTypesQuery,
    FilterFields,
    Names,
    PeriodBounds,
    ReportMeta,
    limit_field,
    no_nul,
)

# Without the fields that identify a user or session: their values make no report.
BREAKDOWN_DIMENSIONS = tuple(name for name in FIELDS if name not in ("src", "user_id", "session_id"))

DIMENSION_DESCRIPTION = (
    f"{', '.join(BREAKDOWN_DIMENSIONS)}, or `{PAYLOAD}.` and a property: `payload.plan`, nested `payload.order.total`, "
    "`payload.order\\.total` one key. Subjects and properties are listed of the events that have them; objects and "
    "lists as JSON. entry_path and exit_path list visits that have a page view which meets the filter, so there are "
    "none with `filter=type==order`: `scope=visit` lists the visits with an order."
)

ENGAGED_S = "Mean visible seconds of the page's views that were reported on. Only with `metrics=engagement`."
SCROLL_DEPTH = "Mean of the deepest part of the page that these views saw, 0 to 100. Only with `metrics=engagement`."


MEASURES_DESCRIPTION = (
    f"The figures of each row, with commas between them: {', '.join(MEASURES)}. "
    f"Default: {', '.join(LIST_MEASURES)}. Null where the list does not count visits."
)


def check_dimension(text: str) -> None:
    """Raises ValidationError."""
    no_nul(text)
    field, _, name = text.partition(".")
    if field == PAYLOAD and name:
        valid_for(parse_property)(name)
    elif text not in BREAKDOWN_DIMENSIONS:
        accepted = f"{', '.join(BREAKDOWN_DIMENSIONS)}, or {PAYLOAD}. and a property, for example payload.plan"
        raise ValidationError(f"{text[:80]!r} is unknown; accepted: {accepted}")


def measures_field() -> Names:
    """The parameter `measures` of a breakdown."""
    return Names(MEASURES, len(MEASURES), metadata={"description": MEASURES_DESCRIPTION})


def _optional(kind: type[fields.Field[Any]], names: Sequence[str]) -> dict[str, fields.Field[Any]]:
    return {name: kind(allow_none=True) for name in names}


class SummaryQuery(EventTypesQuery, CompareQuery, FormatFields, FilterFields):
    """`compare` also gives the figures of another period."""


class TimeseriesQuery(SummaryQuery):
    """A series by hour covers at most 31 days, by day at most 366."""

    granularity = fields.String(load_default="day", validate=OneOf(BUCKET_UNITS, error=UNKNOWN_CHOICE))


class BreakdownQuery(SummaryQuery):
    """`limit`: rows of a page, TOP_RESULTS_LIMIT without it; `cursor`: `next_cursor` of the previous page."""

    dimension = fields.String(required=True, validate=check_dimension, metadata={"description": DIMENSION_DESCRIPTION})
    limit = limit_field()
    cursor = fields.String()
    measures = measures_field()
    metrics = fields.String(validate=OneOf(METRICS, error=UNKNOWN_CHOICE))


class VisitFigures(Schema):
    """Page views, visitors and visits; a rate or mean of no visits is null. With a filter that selects events within
    visits (`meta.scope` is `event` or `mixed`), `page_views` are those that meet it, while `visits`, `bounce_rate` and
    `avg_visit_duration_s` are of the whole visits that have one; `views_per_visit` is null then."""

    class Meta:
        include = required(fields.Integer, "page_views", "visitors", "visits") | nullable(
            fields.Float, "bounce_rate", "avg_visit_duration_s", "views_per_visit"
        )


class SummaryFigures(VisitFigures):
    """The figures of a period."""

    events = fields.Integer(required=True)


class PreviousSummary(SummaryFigures):
    """The figures of `[from, to)`."""

    class Meta:
        include = required(fields.AwareDateTime, "from", "to")


class BreakdownRowChange(Schema):
    """The growth of each figure as a part of its previous value; null: it was 0 or null."""

    class Meta:
        include = _optional(fields.Float, MEASURES)

    engaged_s = fields.Float(allow_none=True)
    scroll_depth = fields.Float(allow_none=True)


class SummaryChange(Schema):
    """The growth of each figure as a part of its previous value; null: it was 0 or null."""

    class Meta:
        include = nullable(fields.Float, *MEASURES)


class SummaryResponse(SummaryFigures):
    """`previous` and `change` only with `compare`. `current`: the figures that `previous` is compared with, only where
    they are not those of the report: where both end with the last full hour (`meta.compare`)."""

    current = fields.Nested(PreviousSummary)
    previous = fields.Nested(PreviousSummary)
    change = fields.Nested(SummaryChange)
    meta = fields.Nested(ReportMeta, required=True)


class TimeseriesPoint(SummaryFigures):
    """One bucket, `[ts, to)` in the zone's local time; `date`: the day on which it begins."""

    class Meta:
        include = required(fields.AwareDateTime, "ts", "to")

    date = fields.Date(required=True)


class PreviousSeries(PeriodBounds):
    """The series of the previous period, `[from, to)`."""

    series = fields.List(fields.Nested(TimeseriesPoint), required=True)


class TimeseriesResponse(Schema):
    """A point for each hour, day, ISO week or calendar month, clipped to the period; `previous` only with `compare`."""

    granularity = fields.String(required=True, validate=OneOf(BUCKET_UNITS))
    series = fields.List(fields.Nested(TimeseriesPoint), required=True)
    previous = fields.Nested(PreviousSeries)
    meta = fields.Nested(ReportMeta, required=True)


class BreakdownFigures(Schema):
    """What `measures` names, else `events`, `visitors`, `visits`, `page_views`. Ranked by visits: `visits` that began
    with the value (exit_path: ended with it), `visitors` who began one, and `page_views` of these visits. Ranked by
    events: `events` and their `visitors`; `visits` that began with the value, where visits have it; `page_views` where
    these alone are listed. Rates and means are of these visits. Null: not counted, or not known (`visitors` of days
    that an earlier release counted); `views_per_visit` where a filter selects events within visits, as in a summary."""

    class Meta:
        include = _optional(fields.Integer, LIST_MEASURES) | _optional(fields.Float, VISIT_MEASURES)

    engaged_s = fields.Float(allow_none=True, metadata={"description": ENGAGED_S})
    scroll_depth = fields.Float(allow_none=True, metadata={"description": SCROLL_DEPTH})


class BreakdownRow(BreakdownFigures):
    """A value, null for none; `share` of the total. `previous` and `change` only with `compare`."""

    value = fields.String(required=True, allow_none=True)
    share = fields.Float(required=True)
    previous = fields.Nested(BreakdownFigures)
    change = fields.Nested(BreakdownRowChange)


class BreakdownOther(Schema):
    """The values that neither this page nor an earlier one shows."""

    amount = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)


class BreakdownPart(Schema):
    """A page of rows, most frequent first. `value_count`: how many values there are, at most 10,000. `total`, `share`
    and `other.amount` count what `ranked_by` names: visits for page views by a dimension of visits (source,
    referrer, utm_source, utm_medium, utm_campaign, utm_term, utm_content, country, region, city, browser, os, device,
    entry_path, exit_path) with no filter, or one whose `meta.scope` is `visit`; else events."""

    dimension = fields.String(required=True)
    ranked_by = fields.String(required=True, validate=OneOf(["events", "visits"]))
    total = fields.Integer(required=True)
    value_count = fields.Integer(required=True)
    rows = fields.List(fields.Nested(BreakdownRow), required=True)
    other = fields.Nested(BreakdownOther, required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class BreakdownResponse(BreakdownPart):
    """A page of rows, most frequent first, as in an overview's `breakdowns`."""

    meta = fields.Nested(ReportMeta, required=True)

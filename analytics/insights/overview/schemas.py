"""Query parameters and responses of the overviews. The parts are those of summary, timeseries and breakdown."""

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.insights.goals.schemas import AmountResponse, ConversionsChange, GoalDefinitionResponse
from analytics.insights.overview.overview import BUSIEST_HOURS, GOALS
from analytics.reports.buckets import BUCKET_UNITS
from analytics.reports.query.measures import is_property
from analytics.reports.query.schemas import (
    BREAKDOWN_DIMENSIONS,
    BreakdownPart,
    PreviousSummary,
    SummaryChange,
    SummaryFigures,
    TimeseriesPoint,
    check_dimension,
    measures_field,
)
from analytics.reports.schemas import (
    UNKNOWN_CHOICE,
    CompareQuery,
    FilterFields,
    Names,
    PeriodQuery,
    ReportMeta,
    TopListQuery,
    limit_field,
)

LISTS = (*BREAKDOWN_DIMENSIONS, GOALS, BUSIEST_HOURS)
# Fifteen dimensions, goals and busiest hours.
MAX_LISTS = 17
LISTS_DESCRIPTION = (
    f"The parts to add, up to {MAX_LISTS}, with commas between them, for example `path,source,goals`: dimensions, each "
    f"as in a breakdown, `goals` and `busiest_hours`. One of {', '.join(LISTS)}, or a property "
    "as `payload.plan`."
)
MAX_SITES = 100


def check_list(name: str) -> None:
    """For properties of the payload. Raises ValidationError."""
    if not is_property(name):
        raise ValidationError(f"{name[:80]!r} is unknown; accepted: {', '.join(LISTS)}, payload.<property>")
    check_dimension(name)


class OverviewQuery(TopListQuery, CompareQuery, FilterFields):
    """`lists`: what `breakdowns`, `goals` and `busiest_hours` have; without it, `lists` has twelve short lists.
    `measures` and `limit`: of the rows of `breakdowns`."""

    granularity = fields.String(load_default="day", validate=OneOf(BUCKET_UNITS, error=UNKNOWN_CHOICE))
    lists = Names(LISTS, MAX_LISTS, check_list, metadata={"description": LISTS_DESCRIPTION})
    measures = measures_field()


class OverviewRow(Schema):
    """A value; null for none: direct, or not known. Of pages: page views and who viewed them; `visits` is null. Of the
    other lists: visits that began with the value, who began them (null: not known, of days that an earlier release
    counted), and their page views."""

    value = fields.String(required=True, allow_none=True)
    page_views = fields.Integer(required=True)
    visitors = fields.Integer(required=True, allow_none=True)
    visits = fields.Integer(required=True, allow_none=True)


class PreviousOverview(PreviousSummary):
    """The figures of `[from, to)`, and its series."""

    series = fields.List(fields.Nested(TimeseriesPoint), required=True)


class OverviewGoal(Schema):
    """A stored goal, with the figures of its own report. `rate`: users divided by active_users, null without active
    users. All null: the goal needs raw events, of which some may be purged, or which column files cannot count now."""

    class Meta:
        include = required(fields.String, "name") | nullable(fields.Integer, "conversions", "users", "active_users")

    id = fields.UUID(required=True)
    rate = fields.Float(required=True, allow_none=True)


class GoalsQuery(PeriodQuery, CompareQuery, FilterFields):
    """Site, period, filter, and what to compare with."""


class GoalFigures(Schema):
    """As in the goal's own report. All null: not known, as in an overview."""

    class Meta:
        include = nullable(fields.Integer, "conversions", "users", "active_users") | nullable(fields.Float, "rate")

    amounts = fields.List(fields.Nested(AmountResponse))
    without_amount = fields.Integer()


class GoalRow(GoalFigures, GoalDefinitionResponse):
    """A stored goal with its figures. `previous` and `change` only with `compare`."""

    class Meta:
        include = required(fields.String, "name")

    id = fields.UUID(required=True)
    previous = fields.Nested(GoalFigures)
    change = fields.Nested(ConversionsChange)


class GoalsReportResponse(Schema):
    """The first 100 goals of the site, by name."""

    goals = fields.List(fields.Nested(GoalRow), required=True)
    meta = fields.Nested(ReportMeta, required=True)


class BusiestHours(Schema):
    """Seven rows, Monday first, of 24 hours of the zone's local time: page views, and visits that began."""

    page_views = fields.List(fields.List(fields.Integer()), required=True)
    visits = fields.List(fields.List(fields.Integer()), required=True)


class SiteOverviewResponse(SummaryFigures):
    """The figures of a summary and the series of a time series. `previous`, `change` and `current` only with `compare`,
    as in a summary.

    With the parameter `lists`: `breakdowns` has the first page of each dimension's breakdown, `goals` the first 100
    goals by name. Rows have no `previous` and `change` where the compared period cuts a day whose raw events may be
    purged, or a busy day that column files cannot count now; with `align=whole`, a period of whole days cuts none.
    Without it: `lists`, for each of twelve dimensions the values with the most visits; for `path`, `hostname`,
    `language` and `screen`, with the most page views. Share links and public sites have no `referrer`.
    """

    granularity = fields.String(required=True, validate=OneOf(BUCKET_UNITS))
    series = fields.List(fields.Nested(TimeseriesPoint), required=True)
    current = fields.Nested(PreviousSummary)
    previous = fields.Nested(PreviousOverview)
    change = fields.Nested(SummaryChange)
    lists = fields.Dict(keys=fields.String(), values=fields.List(fields.Nested(OverviewRow)))
    breakdowns = fields.Dict(keys=fields.String(), values=fields.Nested(BreakdownPart))
    goals = fields.List(fields.Nested(OverviewGoal))
    busiest_hours = fields.Nested(BusiestHours)
    meta = fields.Nested(ReportMeta, required=True)


class SiteOverviewsQuery(PeriodQuery, CompareQuery):
    """`limit`: sites of a page, 100 at most and without it. A site: only this one."""

    class Meta:
        exclude = ("zone", "timezone")

    limit = limit_field(MAX_SITES)
    cursor = fields.String()


class SiteFigures(Schema):
    """Page views, visitors and visits."""

    class Meta:
        include = required(fields.Integer, "page_views", "visitors", "visits")


class PreviousSiteFigures(SiteFigures):
    """The figures of `[from, to)`."""

    class Meta:
        include = required(fields.AwareDateTime, "from", "to")


class SiteChange(Schema):
    """The growth of each figure as a part of its previous value; null: it was 0 or null."""

    class Meta:
        include = nullable(fields.Float, "page_views", "visitors", "visits")


class SiteOverviewRow(SiteFigures):
    """A site. `spark`: visitors of each bucket of `granularity`. `online`: users with a page view in the last
    five minutes. `previous`, `change` and `current`: as in a summary. `first_event_at`, `last_event_at`: as in
    `GET /api/analytics/me`."""

    class Meta:
        include = required(fields.String, "key", "name", "zone") | nullable(
            fields.AwareDateTime, "first_event_at", "last_event_at"
        )

    granularity = fields.String(required=True, validate=OneOf(BUCKET_UNITS))
    spark = fields.List(fields.Integer(), required=True)
    online = fields.Integer(required=True)
    current = fields.Nested(PreviousSiteFigures)
    previous = fields.Nested(PreviousSiteFigures)
    change = fields.Nested(SiteChange)
    meta = fields.Nested(ReportMeta, required=True)


class SiteOverviewsResponse(Schema):
    """The sites that the caller may read, by key; `next_cursor` null: there are no more."""

    sites = fields.List(fields.Nested(SiteOverviewRow), required=True)
    next_cursor = fields.String(required=True, allow_none=True)

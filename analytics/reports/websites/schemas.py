"""Query strings and responses of the reports of seeds 002 and 004. Used by the routes of this folder.

Rates are percentages; null where there is nothing to take a share of.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, validates_schema
from marshmallow.fields import Date, Dict, Float, Integer, List, Nested, String

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.schemas import CompareFields, TopListQuery, UniqueViews, property_field, type_field

MAX_NAME_CHARS = 256


class CustomEventsQuery(TopListQuery):
    """`event`: only this type; `property`: break its events down by this property of the payload."""

    event = type_field(MAX_NAME_CHARS)
    property = property_field(MAX_NAME_CHARS)

    @validates_schema
    def check_property(self, query: dict[str, Any], **_: Any) -> None:
        if "property" in query and "event" not in query:
            raise ValidationError("needs an event type as well, for example event=signup&property=plan", "property")


class ComparedQuery(TopListQuery, CompareFields):
    """Without `compare`, the report compares with the period before."""


class PathViews(Schema):
    """A path and its page views."""

    class Meta:
        include = required(String, "path") | required(Integer, "views")


class SiteStatsResponse(Schema):
    """`date`: the requested day; null where the request names another period, or none."""

    class Meta:
        include = required(String, "site_id") | nullable(String, "date")
        include |= required(Integer, "total_views", "unique_users")

    top_paths = List(Nested(PathViews), required=True)
    meta = Dict(keys=String(), required=True)


class WebsiteResponse(Schema):
    """What all responses about a website have; `date_range`: "7 days"."""

    class Meta:
        include = required(String, "website_id", "date_range")

    meta = Dict(keys=String(), required=True)


class PageRow(UniqueViews):
    """A page; top_lists.list_pages explains its rates."""

    class Meta:
        include = required(String, "page") | nullable(Integer, "avg_time")
        include |= nullable(Float, "bounce_rate", "entry_rate", "exit_rate")


class VisitListRow(Schema):
    """A row of a list of visits: those that began with the value, who began them (`unique`; null: not known, of days
    that an earlier release counted), their page views, and the percentage of them that have one (`bounce_rate`)."""

    class Meta:
        include = required(Integer, "views", "visits") | nullable(Integer, "unique") | nullable(Float, "bounce_rate")


class ReferrerRow(VisitListRow):
    """A referring page, or "Direct"; share links and public sites show its source, by name or host."""

    referrer = String(required=True)


class SourceRow(Schema):
    """A source by name, else its host, or "Direct"; as VisitListRow."""

    class Meta:
        include = required(String, "source") | required(Integer, "views", "visits")
        include |= nullable(Integer, "unique_visitors") | nullable(Float, "bounce_rate")


class VisitorsRow(VisitListRow):
    """`visitors` equals `unique`; clients of seed 004 read either name."""

    visitors = Integer(required=True, allow_none=True)


CountryRow, BrowserRow, DeviceRow, OsRow = (
    VisitorsRow.from_dict({label: String(required=True)}, name=f"{label.title()}Row")
    for label in ("country", "browser", "device", "os")
)


# Top list → the seed's number of its route, and its rows.
TOP_LIST_ROWS: Mapping[str, tuple[str, type[Schema]]] = {
    "pages": ("4.E6", PageRow),
    "referrers": ("4.E7", ReferrerRow),
    "countries": ("4.E8", CountryRow),
    "browsers": ("4.E9", BrowserRow),
    "devices": ("4.E10", DeviceRow),
    "os": ("4.E11", OsRow),
}


def _top_list_response(name: str, number: str, row: type[Schema]) -> type[Schema]:
    rows = List(Nested(row), required=True)
    response = WebsiteResponse.from_dict({f"top_{name}": rows}, name=f"Top{name.title()}Response")
    response.__doc__ = number
    return response


TOP_LIST_RESPONSES = {name: _top_list_response(name, *row) for name, row in TOP_LIST_ROWS.items()}


class VisitRates(Schema):
    """Figures of visits that several responses have; times in seconds."""

    class Meta:
        include = required(Float, "bounce_rate", "avg_session_time", "pages_per_session")


class TrafficMetrics(VisitRates):
    """total_visitors: visits; unique_visitors: users."""

    class Meta:
        include = required(Integer, "page_views", "total_visitors", "unique_visitors", "sessions")


class Comparison(Schema):
    """With the same number of days right before, or what `compare` names; changes in percent, null where the previous
    figure was 0. A period that is still running is compared with the same part of the other one (`meta.compare`)."""

    class Meta:
        include = nullable(
            Float,
            *("total_visitor_change", "visitor_change", "pageview_change", "session_change"),
            *("bounce_change", "duration_change"),
        )

    current_period = Nested(TrafficMetrics, required=True)
    previous_period = Nested(TrafficMetrics, required=True)


class PlaceRow(Schema):
    """A place, the users seen there, and their share of all users."""

    class Meta:
        include = required(String, "name") | required(Integer, "count") | nullable(Float, "percentage")


class Geolocation(Schema):
    """Users by place; `cities` not for share links and public sites."""

    countries = List(Nested(PlaceRow), required=True)
    continents = List(Nested(PlaceRow), required=True)
    regions = List(Nested(PlaceRow), required=True)
    cities = List(Nested(PlaceRow))


class DashboardResponse(WebsiteResponse):
    """4.E4. live_visitors: users with an event in the last 5 minutes."""

    class Meta:
        include = required(Integer, "total_visitors", "unique_visitors", "live_visitors", "page_views")
        include |= required(Float, "session_duration", "bounce_rate")

    comparison = Nested(Comparison, required=True)
    metrics = Nested(TrafficMetrics, required=True)
    top_pages = List(Nested(PageRow), required=True)
    top_sources = List(Nested(SourceRow), required=True)
    top_countries = List(Nested(CountryRow), required=True)
    geolocation = Nested(Geolocation, required=True)


class TrafficSummaryResponse(WebsiteResponse, VisitRates):
    """4.E12; website.summarise_traffic has the formulas."""

    class Meta:
        include = required(
            Integer,
            *("total_page_views", "total_visitors", "unique_visitors", "total_sessions"),
            *("new_visitors", "returning_visitors"),
        )
        include |= required(Float, "engagement_score")
        include |= nullable(Float, "growth_rate", "visitors_growth_rate", "sessions_growth_rate", "retention_rate")


class DayRow(UniqueViews):
    """A day; zeros where there were no page views."""

    date = Date(required=True)


class DailyStatsResponse(WebsiteResponse):
    """4.E13"""

    daily_stats = List(Nested(DayRow), required=True)


class HourRow(UniqueViews):
    """An hour; `hour` and `hour_label` are local times of the requested zone."""

    class Meta:
        include = required(Integer, "hour") | required(String, "timestamp", "hour_label")


class HourlyStatsResponse(WebsiteResponse):
    """4.E14; `date_range`: "24 hours"."""

    class Meta:
        include = required(String, "timezone")

    hourly_stats = List(Nested(HourRow), required=True)


class EventTypeRow(Schema):
    """An event type. sample_properties: a payload; {} where no event has one, or you may not read it."""

    class Meta:
        include = required(String, "event_type") | required(Integer, "count", "unique")
        include |= required(Date, "last_day") | required(Dict, "sample_properties")


# Custom events of a day.
DayCount = Schema.from_dict(required(Date, "date") | required(Integer, "count"), name="DayCount")


class CampaignRow(VisitListRow):
    """A value of a utm parameter, with the visits that began with it."""

    name = String(required=True)


class UtmPerformance(Schema):
    """By utm_source, utm_medium, utm_campaign."""

    sources = List(Nested(CampaignRow), required=True)
    mediums = List(Nested(CampaignRow), required=True)
    campaigns = List(Nested(CampaignRow), required=True)


# A value of a property, as text; null: events without it.
PropertyValue = Schema.from_dict(nullable(String, "value") | required(Integer, "count", "unique"), name="PropertyValue")


class PropertyBreakdown(Schema):
    """Events of the type by a property, from raw events."""

    class Meta:
        include = required(String, "event", "property")

    values = List(Nested(PropertyValue), required=True)


class CustomEventsResponse(WebsiteResponse):
    """4.E15; `properties` where the request has `property`."""

    class Meta:
        include = required(Integer, "total_events", "unique_events")

    top_events = List(Nested(EventTypeRow), required=True)
    timeseries = List(Nested(DayCount), required=True)
    utm_performance = Nested(UtmPerformance, required=True)
    properties = Nested(PropertyBreakdown)

"""What seed 002's and seed 004's reports take and answer. Rates are percentages; null: nothing to take a share of."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length

from analytics.reports.link_schemas import ListQuery


def _rate() -> fields.Float:
    return fields.Float(required=True, allow_none=True)


def _count() -> fields.Integer:
    return fields.Integer(required=True)


def _meta() -> fields.Dict:
    return fields.Dict(keys=fields.String(), required=True)


def _no_nul(text: str) -> None:
    # PostgreSQL has no such character, so no stored value could match.
    if "\0" in text:
        raise ValidationError("must not hold a NUL character")


def _word() -> fields.String:
    return fields.String(validate=[Length(min=1, max=256), _no_nul])


class CustomEventsQuery(ListQuery):
    """`event`: this type only; `property` of its payload: its events by that."""

    event = _word()
    property = _word()

    @validates_schema
    def check_property(self, given: dict[str, Any], **_: Any) -> None:
        if "property" in given and "event" not in given:
            raise ValidationError("needs an event, whose payloads have it", "property")


class PathViews(Schema):
    """A path and its page views."""

    path = fields.String(required=True)
    views = _count()


class SiteStatsAnswer(Schema):
    """`date`: the one asked for; null where another period, or none, was."""

    site_id = fields.String(required=True)
    date = fields.String(required=True, allow_none=True)
    total_views = _count()
    unique_users = _count()
    top_paths = fields.List(fields.Nested(PathViews), required=True)
    meta = _meta()


class WebsiteAnswer(Schema):
    """What the answers about a website have in common; `date_range`: "7 days"."""

    website_id = fields.String(required=True)
    date_range = fields.String(required=True)
    meta = _meta()


class PageLine(Schema):
    """A page; its rates are explained at website_lists.top_pages."""

    page = fields.String(required=True)
    views = _count()
    unique = _count()
    bounce_rate = _rate()
    avg_time = fields.Integer(required=True, allow_none=True)
    entry_rate = _rate()
    exit_rate = _rate()


class ReferrerLine(Schema):
    """A referring page, or "Direct"."""

    referrer = fields.String(required=True)
    views = _count()
    unique = _count()
    bounce_rate = _rate()


class SourceLine(Schema):
    """A source by name, else its host, or "Direct"."""

    source = fields.String(required=True)
    views = _count()
    unique_visitors = _count()
    bounce_rate = _rate()


class _ValueLine(Schema):
    views = _count()
    unique = _count()
    visitors = _count()
    bounce_rate = _rate()


class CountryLine(_ValueLine):
    """A country's code."""

    country = fields.String(required=True)


class BrowserLine(_ValueLine):
    """A browser."""

    browser = fields.String(required=True)


class DeviceLine(_ValueLine):
    """A kind of device."""

    device = fields.String(required=True)


class OsLine(_ValueLine):
    """An operating system."""

    os = fields.String(required=True)


class TopPagesAnswer(WebsiteAnswer):
    """4.E6"""

    top_pages = fields.List(fields.Nested(PageLine), required=True)


class TopReferrersAnswer(WebsiteAnswer):
    """4.E7"""

    top_referrers = fields.List(fields.Nested(ReferrerLine), required=True)


class TopCountriesAnswer(WebsiteAnswer):
    """4.E8"""

    top_countries = fields.List(fields.Nested(CountryLine), required=True)


class TopBrowsersAnswer(WebsiteAnswer):
    """4.E9"""

    top_browsers = fields.List(fields.Nested(BrowserLine), required=True)


class TopDevicesAnswer(WebsiteAnswer):
    """4.E10"""

    top_devices = fields.List(fields.Nested(DeviceLine), required=True)


class TopOsAnswer(WebsiteAnswer):
    """4.E11"""

    top_os = fields.List(fields.Nested(OsLine), required=True)


class TrafficMetrics(Schema):
    """total_visitors: visits; unique_visitors: people."""

    page_views = _count()
    total_visitors = _count()
    unique_visitors = _count()
    sessions = _count()
    bounce_rate = fields.Float(required=True)
    avg_session_time = fields.Float(required=True)
    pages_per_session = fields.Float(required=True)


class Comparison(Schema):
    """With as many days right before; changes in percent, null where there was nothing."""

    current_period = fields.Nested(TrafficMetrics, required=True)
    previous_period = fields.Nested(TrafficMetrics, required=True)
    total_visitor_change = _rate()
    visitor_change = _rate()
    pageview_change = _rate()
    session_change = _rate()
    bounce_change = _rate()
    duration_change = _rate()


class Place(Schema):
    """A place, the people who were there, and their share of all."""

    name = fields.String(required=True)
    count = _count()
    percentage = _rate()


class Geolocation(Schema):
    """People by place."""

    countries = fields.List(fields.Nested(Place), required=True)
    continents = fields.List(fields.Nested(Place), required=True)
    regions = fields.List(fields.Nested(Place), required=True)
    cities = fields.List(fields.Nested(Place), required=True)


class DashboardAnswer(WebsiteAnswer):
    """4.E4. live_visitors: different people with an event in the last 5 minutes."""

    total_visitors = _count()
    unique_visitors = _count()
    live_visitors = _count()
    page_views = _count()
    session_duration = fields.Float(required=True)
    bounce_rate = fields.Float(required=True)
    comparison = fields.Nested(Comparison, required=True)
    metrics = fields.Nested(TrafficMetrics, required=True)
    top_pages = fields.List(fields.Nested(PageLine), required=True)
    top_sources = fields.List(fields.Nested(SourceLine), required=True)
    top_countries = fields.List(fields.Nested(CountryLine), required=True)
    geolocation = fields.Nested(Geolocation, required=True)


class TrafficSummaryAnswer(WebsiteAnswer):
    """4.E12; the formulas are at website.summarise."""

    total_page_views = _count()
    total_visitors = _count()
    unique_visitors = _count()
    total_sessions = _count()
    bounce_rate = fields.Float(required=True)
    avg_session_time = fields.Float(required=True)
    pages_per_session = fields.Float(required=True)
    growth_rate = _rate()
    visitors_growth_rate = _rate()
    sessions_growth_rate = _rate()
    new_visitors = _count()
    returning_visitors = _count()
    engagement_score = fields.Float(required=True)
    retention_rate = _rate()


class DayLine(Schema):
    """A day; zeros where nobody came."""

    date = fields.Date(required=True)
    views = _count()
    unique = _count()


class DailyStatsAnswer(WebsiteAnswer):
    """4.E13"""

    daily_stats = fields.List(fields.Nested(DayLine), required=True)


class HourLine(Schema):
    """An hour; `hour` and `hour_label` as a clock in the zone asked for shows it."""

    hour = _count()
    views = _count()
    unique = _count()
    timestamp = fields.String(required=True)
    hour_label = fields.String(required=True)


class HourlyStatsAnswer(WebsiteAnswer):
    """4.E14; `date_range`: "24 hours"."""

    timezone = fields.String(required=True)
    hourly_stats = fields.List(fields.Nested(HourLine), required=True)


class EventLine(Schema):
    """A type of events. sample_properties: a payload; {} where none has any, or you may not read it."""

    event_type = fields.String(required=True)
    count = _count()
    unique = _count()
    last_day = fields.Date(required=True)
    sample_properties = fields.Dict(required=True)


class DayCount(Schema):
    """Custom events of a day."""

    date = fields.Date(required=True)
    count = _count()


class CampaignLine(Schema):
    """A value of a utm parameter: page views that came with it, and visits that began with it."""

    name = fields.String(required=True)
    views = _count()
    unique = _count()
    visits = _count()
    bounce_rate = _rate()


class UtmPerformance(Schema):
    """By utm_source, utm_medium, utm_campaign."""

    sources = fields.List(fields.Nested(CampaignLine), required=True)
    mediums = fields.List(fields.Nested(CampaignLine), required=True)
    campaigns = fields.List(fields.Nested(CampaignLine), required=True)


class PropertyValue(Schema):
    """A value of a property, as text; null: events without it."""

    value = fields.String(required=True, allow_none=True)
    count = _count()
    unique = _count()


class PropertyBreakdown(Schema):
    """Events of the type by a property, from raw events."""

    event = fields.String(required=True)
    property = fields.String(required=True)
    values = fields.List(fields.Nested(PropertyValue), required=True)


class CustomEventsAnswer(WebsiteAnswer):
    """4.E15; `properties` where a property was asked for."""

    top_events = fields.List(fields.Nested(EventLine), required=True)
    timeseries = fields.List(fields.Nested(DayCount), required=True)
    total_events = _count()
    unique_events = _count()
    utm_performance = fields.Nested(UtmPerformance, required=True)
    properties = fields.Nested(PropertyBreakdown)

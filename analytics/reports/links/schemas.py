"""Responses of the reports on short links, with an example of each. Used by the routes in views.py."""

from marshmallow import Schema
from marshmallow.fields import Date, Dict, Float, Integer, List, Nested, String

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.links.link_stats import PRIVATE_LIST, TOP_LIST_DIMENSIONS
from analytics.reports.schemas import META_EXAMPLE

# A row of a list.
NamedCount = Schema.from_dict(required(String, "name") | required(Integer, "count"), name="NamedCount")
# A day of the timeline.
DayClicks = Schema.from_dict(required(Date, "date") | required(Integer, "clicks"), name="DayClicks")
# An hour of the site's zone, 0 to 23.
HourClicks = Schema.from_dict(required(Integer, "hour", "clicks"), name="HourClicks")
# Clicks without a referring site, and with one.
DirectAndReferred = Schema.from_dict(required(Integer, "direct", "referred"), name="DirectAndReferred")


class LinkStatsResponse(Schema):
    """One short code. clicks_today, _this_week and _this_month count up to now, for any requested period.
    `top_cities` not for share links and public sites."""

    class Meta:
        include = required(String, "short_code") | required(
            Integer,
            *("total_clicks", "unique_clicks", "clicks_today", "clicks_this_week", "clicks_this_month", "impressions"),
        )
        include |= {name: List(Nested(NamedCount), required=name != PRIVATE_LIST) for name in TOP_LIST_DIMENSIONS}
        include |= nullable(Float, "click_through_rate")

    click_timeline = List(Nested(DayClicks), required=True)
    peak_hours = List(Nested(HourClicks), required=True)
    direct_vs_referred = Nested(DirectAndReferred, required=True)
    meta = Dict(keys=String(), required=True)


class LinkClicks(Schema):
    """A link of the most clicked."""

    class Meta:
        include = required(String, "short_code") | required(Integer, "clicks")


class TrendingLink(LinkClicks):
    """A link that grew: clicks of the last 7 days, of the 7 days before, and the difference."""

    class Meta:
        include = required(Integer, "previous", "change")


class GlobalStatsResponse(Schema):
    """All short codes together."""

    class Meta:
        include = required(Integer, "total_clicks", "unique_visitors", "clicks_today", "clicks_this_week")

    top_urls = List(Nested(LinkClicks), required=True)
    trending = List(Nested(TrendingLink), required=True)
    meta = Dict(keys=String(), required=True)


LINK_STATS_EXAMPLE = {
    "short_code": "abc123",
    "total_clicks": 46,
    "unique_clicks": 31,
    "clicks_today": 23,
    "clicks_this_week": 38,
    "clicks_this_month": 46,
    "top_countries": [{"name": "US", "count": 40}, {"name": "CA", "count": 6}],
    "top_regions": [{"name": "California, US", "count": 40}, {"name": "Ontario, CA", "count": 6}],
    "top_cities": [
        {"name": "San Francisco, California, US", "count": 40},
        {"name": "Toronto, CA", "count": 6},
    ],
    "top_referers": [{"name": "google.com", "count": 26}, {"name": "Direct", "count": 20}],
    "top_browsers": [{"name": "Chrome", "count": 46}],
    "top_devices": [{"name": "desktop", "count": 46}],
    "top_os": [{"name": "Windows", "count": 46}],
    "click_timeline": [
        {"date": "2025-08-10", "clicks": 8},
        {"date": "2025-08-11", "clicks": 15},
        {"date": "2025-08-12", "clicks": 23},
    ],
    "peak_hours": [{"hour": hour, "clicks": {8: 23, 9: 23}.get(hour, 0)} for hour in range(24)],
    "direct_vs_referred": {"direct": 20, "referred": 26},
    "impressions": 460,
    "click_through_rate": 0.1,
    "meta": META_EXAMPLE,
}
GLOBAL_STATS_EXAMPLE = {
    "total_clicks": 61,
    "unique_visitors": 40,
    "clicks_today": 30,
    "clicks_this_week": 53,
    "top_urls": [{"short_code": "abc123", "clicks": 46}, {"short_code": "xyz789", "clicks": 15}],
    "trending": [{"short_code": "abc123", "clicks": 46, "previous": 0, "change": 46}],
    "meta": META_EXAMPLE,
}

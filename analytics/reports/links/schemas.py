"""What the reports on short links take and answer."""

from marshmallow import Schema, fields
from marshmallow.validate import Range

from analytics.reports.schemas import PeriodQuery


class ListQuery(PeriodQuery):
    """`limit`: lines of each list; TOP_RESULTS_LIMIT without it."""

    limit = fields.Integer(validate=Range(1, 1000))


class Named(Schema):
    """A line of a list."""

    name = fields.String(required=True)
    count = fields.Integer(required=True)


class DayClicks(Schema):
    """A day of the timeline."""

    date = fields.Date(required=True)
    clicks = fields.Integer(required=True)


class HourClicks(Schema):
    """An hour of the site's clocks, 0 to 23."""

    hour = fields.Integer(required=True)
    clicks = fields.Integer(required=True)


class DirectAndReferred(Schema):
    """Clicks without and with a site that they came from."""

    direct = fields.Integer(required=True)
    referred = fields.Integer(required=True)


class LinkAnswer(Schema):
    """One short code. clicks_today, _this_week and _this_month are as of now, whatever days are asked for."""

    short_code = fields.String(required=True)
    total_clicks = fields.Integer(required=True)
    unique_clicks = fields.Integer(required=True)
    clicks_today = fields.Integer(required=True)
    clicks_this_week = fields.Integer(required=True)
    clicks_this_month = fields.Integer(required=True)
    top_countries = fields.List(fields.Nested(Named), required=True)
    top_regions = fields.List(fields.Nested(Named), required=True)
    top_cities = fields.List(fields.Nested(Named), required=True)
    top_referers = fields.List(fields.Nested(Named), required=True)
    top_browsers = fields.List(fields.Nested(Named), required=True)
    top_devices = fields.List(fields.Nested(Named), required=True)
    top_os = fields.List(fields.Nested(Named), required=True)
    click_timeline = fields.List(fields.Nested(DayClicks), required=True)
    peak_hours = fields.List(fields.Nested(HourClicks), required=True)
    direct_vs_referred = fields.Nested(DirectAndReferred, required=True)
    impressions = fields.Integer(required=True)
    click_through_rate = fields.Float(required=True, allow_none=True)
    meta = fields.Dict(keys=fields.String(), required=True)


class LinkClicks(Schema):
    """A link of the most clicked."""

    short_code = fields.String(required=True)
    clicks = fields.Integer(required=True)


class TrendingLink(LinkClicks):
    """A link that grew: clicks of the last 7 days, of the 7 days before, and the difference."""

    previous = fields.Integer(required=True)
    change = fields.Integer(required=True)


class GlobalAnswer(Schema):
    """All short codes together."""

    total_clicks = fields.Integer(required=True)
    unique_visitors = fields.Integer(required=True)
    clicks_today = fields.Integer(required=True)
    clicks_this_week = fields.Integer(required=True)
    top_urls = fields.List(fields.Nested(LinkClicks), required=True)
    trending = fields.List(fields.Nested(TrendingLink), required=True)
    meta = fields.Dict(keys=fields.String(), required=True)


META_EXAMPLE = {
    "site": "links",
    "zone": "UTC",
    "from": "2025-08-10T00:00:00Z",
    "to": "2025-08-13T00:00:00Z",
    "source": "rollup",
    "identity": ["user_id", "visitor_id", "keyed hash of address and user agent, a day"],
    "complete_through": "2025-08-12T09:30:00Z",
    "computed_at": "2025-08-12T09:30:00Z",
}
LINK_EXAMPLE = {
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
GLOBAL_EXAMPLE = {
    "total_clicks": 61,
    "unique_visitors": 40,
    "clicks_today": 30,
    "clicks_this_week": 53,
    "top_urls": [{"short_code": "abc123", "clicks": 46}, {"short_code": "xyz789", "clicks": 15}],
    "trending": [{"short_code": "abc123", "clicks": 46, "previous": 0, "change": 46}],
    "meta": META_EXAMPLE,
}

"""What the reports on this very moment take and answer."""

from marshmallow import Schema, fields
from marshmallow.validate import Length, Range

from analytics.reports.canonical_schemas import MetaAnswer
from analytics.reports.link_schemas import META_EXAMPLE
from analytics.reports.sample_schemas import NO_NUL
from analytics.reports.schemas import TEXT_LIMIT, PeriodQuery


class RealtimeQuery(PeriodQuery):
    """`limit`: lines of each list. The period is always now."""

    class Meta:
        fields = ("site", "site_id", "website_id", "include_bots", "limit")

    limit = fields.Integer(validate=Range(1, 1000))


class LiveQuery(PeriodQuery):
    """`type` may be repeated; without it events of every type."""

    class Meta:
        fields = ("site", "site_id", "website_id", "include_bots", "type")

    type = fields.List(fields.String(validate=[Length(1, TEXT_LIMIT), NO_NUL]), validate=Length(max=100))


class MinuteAnswer(Schema):
    """A minute's page views, and the people behind them."""

    start = fields.AwareDateTime(required=True)
    views = fields.Integer(required=True)
    unique = fields.Integer(required=True)


class PageNow(Schema):
    """A page that was viewed within the last five minutes."""

    page = fields.String(required=True)
    views = fields.Integer(required=True)
    unique = fields.Integer(required=True)


class ReferrerNow(Schema):
    """Where viewers came from; `Direct`: from nowhere."""

    referrer = fields.String(required=True)
    views = fields.Integer(required=True)
    unique = fields.Integer(required=True)


class CountryNow(Schema):
    """Where viewers are, as far as their addresses tell."""

    country = fields.String(required=True)
    views = fields.Integer(required=True)
    unique = fields.Integer(required=True)


class _Now(Schema):
    """What both say. Page views and the series of 30 minutes end now; they are null where the last hour has more events
    than can be counted in two seconds."""

    active_users = fields.Integer(required=True)
    current_visitors = fields.Integer(required=True)
    page_views_last_5m = fields.Integer(required=True)
    page_views_last_30m = fields.Integer(required=True, allow_none=True)
    series = fields.List(fields.Nested(MinuteAnswer), required=True, allow_none=True)
    top_referrers = fields.List(fields.Nested(ReferrerNow), required=True)
    top_countries = fields.List(fields.Nested(CountryNow), required=True)
    meta = fields.Nested(MetaAnswer, required=True)


class RealtimeAnswer(_Now):
    """Of the last five minutes: `active_users` had an event of any type, `current_visitors` a page view."""

    site = fields.String(required=True)
    page_views_last_60m = fields.Integer(required=True, allow_none=True)
    top_pages = fields.List(fields.Nested(PageNow), required=True)


class WebsiteNowAnswer(_Now):
    """Of the last five minutes: `active_users` had an event of any type, `current_visitors` a page view."""

    website_id = fields.String(required=True)
    page_views_last_1h = fields.Integer(required=True, allow_none=True)
    top_pages_realtime = fields.List(fields.Nested(PageNow), required=True)


_QUIET = {"views": 0, "unique": 0}
_LINES = [{"page": "/pricing", "views": 6, "unique": 4}]
_EXAMPLE = {
    "active_users": 7,
    "current_visitors": 6,
    "page_views_last_5m": 9,
    "page_views_last_30m": 9,
    "series": [
        {
            "start": f"2025-11-14T09:{minute:02}:00Z",
            "views": 9 if minute == 58 else 0,
            "unique": 6 if minute == 58 else 0,
        }
        for minute in range(30, 60)
    ],
    "top_referrers": [{"referrer": "Direct", "views": 7, "unique": 5}],
    "top_countries": [{"country": "DE", "views": 9, "unique": 6}],
    "meta": META_EXAMPLE
    | {"site": "w1", "from": "2025-11-14T09:00:00Z", "to": "2025-11-14T10:00:00Z", "source": "raw"}
    | {"complete_through": "2025-11-14T10:00:00Z", "computed_at": "2025-11-14T10:00:00Z"},
}
REALTIME_EXAMPLE = {"site": "w1", **_EXAMPLE, "page_views_last_60m": 41, "top_pages": _LINES}
WEBSITE_NOW_EXAMPLE = {"website_id": "w1", **_EXAMPLE, "page_views_last_1h": 41, "top_pages_realtime": _LINES}

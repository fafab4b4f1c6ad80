"""Query strings and responses of the realtime reports and the live stream. Used by the routes in views.py."""

from marshmallow import Schema
from marshmallow.fields import AwareDateTime, Integer, List, Nested, String

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.schemas import META_EXAMPLE, EventTypes, PeriodQuery, ReportMeta, UniqueViews, limit_field
from analytics.web.site_parameters import SITE_NAMES


class RealtimeQuery(PeriodQuery):
    """`limit`: rows of each list. The period always ends now."""

    class Meta:
        fields = (*SITE_NAMES, "include_bots", "limit")

    limit = limit_field()


class LiveQuery(PeriodQuery):
    """`type` may be repeated; without it, events of every type."""

    class Meta:
        fields = (*SITE_NAMES, "include_bots", "type")

    type = EventTypes()


class MinuteRow(UniqueViews):
    """A minute that begins at `start`."""

    start = AwareDateTime(required=True)


# A page that was viewed within the last five minutes, a referring page (`Direct`: none; its source for share links and
# public sites), and a country, as far as IP addresses show it.
RealtimePageRow, RealtimeReferrerRow, RealtimeCountryRow = (
    UniqueViews.from_dict({label: String(required=True)}, name=f"Realtime{label.title()}Row")
    for label in ("page", "referrer", "country")
)


class RecentActivityResponse(Schema):
    """The fields of both reports. Page views and the series of 30 minutes end now; they are null where the last hour
    has more events than can be counted in two seconds."""

    class Meta:
        include = required(Integer, "active_users", "current_visitors", "page_views_last_5m")
        include |= nullable(Integer, "page_views_last_30m")

    series = List(Nested(MinuteRow), required=True, allow_none=True)
    top_referrers = List(Nested(RealtimeReferrerRow), required=True)
    top_countries = List(Nested(RealtimeCountryRow), required=True)
    meta = Nested(ReportMeta, required=True)


class RealtimeResponse(RecentActivityResponse):
    """In the last five minutes, `active_users` had an event of any type and `current_visitors` a page view."""

    class Meta:
        include = required(String, "site") | nullable(Integer, "page_views_last_60m")

    top_pages = List(Nested(RealtimePageRow), required=True)


class WebsiteRealtimeResponse(RecentActivityResponse):
    """In the last five minutes, `active_users` had an event of any type and `current_visitors` a page view."""

    class Meta:
        include = required(String, "website_id") | nullable(Integer, "page_views_last_1h")

    top_pages_realtime = List(Nested(RealtimePageRow), required=True)


_PAGES = [{"page": "/pricing", "views": 6, "unique": 4}]
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
REALTIME_EXAMPLE = {"site": "w1", **_EXAMPLE, "page_views_last_60m": 41, "top_pages": _PAGES}
WEBSITE_REALTIME_EXAMPLE = {"website_id": "w1", **_EXAMPLE, "page_views_last_1h": 41, "top_pages_realtime": _PAGES}

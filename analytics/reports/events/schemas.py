"""Query strings and responses of seed 003's list of events and totals. Used by the routes in views.py."""

from marshmallow import Schema, fields
from marshmallow.fields import AwareDateTime, Integer, List, Nested, Raw, String
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.schemas import (
    META_EXAMPLE,
    UNKNOWN_CHOICE,
    EventTypesQuery,
    PeriodQuery,
    ReportMeta,
    limit_field,
    text_field,
    type_field,
)
from analytics.web.site_parameters import SITE_NAMES

MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE = 1000, 100


class EventListQuery(PeriodQuery):
    """`event_name`: only this type; `limit`: events of a page; `cursor`: `next_cursor` of the previous page. Without a
    period: all events."""

    event_name = type_field()
    limit = limit_field(MAX_PAGE_SIZE)
    cursor = fields.String()


class EventsQuery(EventTypesQuery):
    """Which raw events the file holds, and its format."""

    format = fields.String(validate=OneOf(["csv", "xlsx"], error=UNKNOWN_CHOICE))
    user_id = text_field()


class SiteTotalsQuery(PeriodQuery):
    """The site. The figures are of all time."""

    class Meta:
        fields = (*SITE_NAMES, "include_bots")


class EventRow(Schema):
    """An event of the list."""

    class Meta:
        include = required(String, "id", "event_name", "user_id") | required(Raw, "properties")
        include |= required(AwareDateTime, "timestamp")


class EventListResponse(Schema):
    """`count`: events of this page; `total`: of all pages, with events whose raw rows are past retention."""

    class Meta:
        include = required(Integer, "count", "total") | nullable(String, "next_cursor")

    events = List(Nested(EventRow), required=True)
    meta = Nested(ReportMeta, required=True)


class SiteTotalsResponse(Schema):
    """Number of all samples ever stored, their names, and the number of events of every type."""

    class Meta:
        include = required(Integer, "total_metrics_tracked", "unique_metric_types", "total_events_tracked")
        include |= required(AwareDateTime, "timestamp")

    metric_names = List(String(), required=True)
    meta = Nested(ReportMeta, required=True)


_META = META_EXAMPLE | {"site": "default", "from": "2025-10-29T00:00:00Z", "to": "2025-11-01T00:00:00Z"}
EVENT_LIST_EXAMPLE = {
    "events": [
        {
            "id": "event_0193a2f0-7c1e-7000-8000-000000000000",
            "event_name": "user_login",
            "user_id": "user123",
            "properties": {"method": "google"},
            "timestamp": "2025-10-30T11:59:58Z",
        }
    ],
    "count": 1,
    "total": 25,
    "next_cursor": "WyIyMDI1LTEwLTMwVDExOjU5OjU4WiIsIjAxOTNhMmYwLTdjMWUtNzAwMC04MDAwLTAwMDAwMDAwMDAwMCJd",
    "meta": _META | {"source": "raw"},
}
SITE_TOTALS_EXAMPLE = {
    "total_metrics_tracked": 150,
    "unique_metric_types": 3,
    "total_events_tracked": 75,
    "metric_names": ["api_calls", "page_views", "response_time"],
    "timestamp": "2025-10-30T12:00:00Z",
    "meta": _META,
}

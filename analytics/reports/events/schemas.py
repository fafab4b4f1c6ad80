"""What seed 003's list of events and its overview take and answer."""

from marshmallow import Schema, fields
from marshmallow.validate import Length, Range

from analytics.reports.canonical_schemas import MetaAnswer
from analytics.reports.link_schemas import META_EXAMPLE
from analytics.reports.sample_schemas import NO_NUL
from analytics.reports.schemas import TEXT_LIMIT, PeriodQuery

MOST_EVENTS, EVENTS_A_PAGE = 1000, 100


class EventListQuery(PeriodQuery):
    """`event_name`: of one type only; `limit`: events of a page; `cursor`: `next_cursor` of the page before. Without a
    period: everything."""

    event_name = fields.String(validate=[Length(1, TEXT_LIMIT), NO_NUL])
    limit = fields.Integer(validate=Range(1, MOST_EVENTS))
    cursor = fields.String()


class OverviewQuery(PeriodQuery):
    """The site. The figures are of all time."""

    class Meta:
        fields = ("site", "site_id", "website_id", "include_bots")


class ListedEvent(Schema):
    """A line of the list."""

    id = fields.String(required=True)
    event_name = fields.String(required=True)
    user_id = fields.String(required=True)
    properties = fields.Raw(required=True)
    timestamp = fields.AwareDateTime(required=True)


class EventListAnswer(Schema):
    """`count`: events of this page; `total`: of all pages, those whose raw rows are past retention among them."""

    events = fields.List(fields.Nested(ListedEvent), required=True)
    count = fields.Integer(required=True)
    total = fields.Integer(required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    meta = fields.Nested(MetaAnswer, required=True)


class OverviewAnswer(Schema):
    """Samples that were ever stored, the names they have, events of every type."""

    total_metrics_tracked = fields.Integer(required=True)
    unique_metric_types = fields.Integer(required=True)
    total_events_tracked = fields.Integer(required=True)
    metric_names = fields.List(fields.String(), required=True)
    timestamp = fields.AwareDateTime(required=True)
    meta = fields.Nested(MetaAnswer, required=True)


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
    "next_cursor": "1761825598000000-0193a2f07c1e70008000000000000000",
    "meta": _META | {"source": "raw"},
}
OVERVIEW_EXAMPLE = {
    "total_metrics_tracked": 150,
    "unique_metric_types": 3,
    "total_events_tracked": 75,
    "metric_names": ["api_calls", "page_views", "response_time"],
    "timestamp": "2025-10-30T12:00:00Z",
    "meta": _META,
}

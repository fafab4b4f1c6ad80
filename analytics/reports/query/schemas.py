"""What the canonical reports take and answer. What figures mean: counted.py; the language of `filter`: filters.py."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf, Range

from analytics.reports.buckets import UNITS
from analytics.reports.counted import PAGES
from analytics.reports.filters import FIELDS
from analytics.reports.schemas import ActiveQuery

UNKNOWN = "{input!r} is not known; known: {choices}"
# Not the fields that tell people and sessions apart: a list of those is no report.
DIMENSIONS = (*(name for name in FIELDS if name not in ("src", "user_id", "session_id")), *PAGES)


class SummaryQuery(ActiveQuery):
    """`compare=previous`: beside as many days, or as much time, right before."""

    filter = fields.String()
    compare = fields.String(validate=OneOf(["previous"], error=UNKNOWN))


class TimeseriesQuery(SummaryQuery):
    """A series by the hour is of 31 days at most, by the day of 366."""

    granularity = fields.String(load_default="day", validate=OneOf(UNITS, error=UNKNOWN))


class BreakdownQuery(SummaryQuery):
    """`limit`: lines of a page, TOP_RESULTS_LIMIT without it; `cursor`: `next_cursor` of the page before."""

    dimension = fields.String(required=True, validate=OneOf(DIMENSIONS, error=UNKNOWN))
    limit = fields.Integer(validate=Range(1, 1000))
    cursor = fields.String()


class MetaAnswer(Schema):
    """How fresh the answer is, and where it comes from."""

    site = fields.String(required=True)
    zone = fields.String(required=True)
    from_ = fields.AwareDateTime(required=True, data_key="from")
    to = fields.AwareDateTime(required=True)
    source = fields.String(required=True, validate=OneOf(["rollup", "raw"]))
    identity = fields.List(fields.String(), required=True)
    complete_through = fields.AwareDateTime(required=True, allow_none=True)
    computed_at = fields.AwareDateTime(required=True)
    cached = fields.Boolean()


class Figures(Schema):
    """A period in one line; a rate or a mean of no visits is null."""

    page_views = fields.Integer(required=True)
    visitors = fields.Integer(required=True)
    visits = fields.Integer(required=True)
    bounce_rate = fields.Float(required=True, allow_none=True)
    avg_visit_duration_s = fields.Float(required=True, allow_none=True)
    views_per_visit = fields.Float(required=True, allow_none=True)
    events = fields.Integer(required=True)


class PreviousFigures(Figures):
    """Those of `[from, to)`."""

    from_ = fields.AwareDateTime(required=True, data_key="from")
    to = fields.AwareDateTime(required=True)


class FiguresChange(Schema):
    """By which part of what it was each figure has grown; null: it was nothing."""

    page_views = fields.Float(required=True, allow_none=True)
    visitors = fields.Float(required=True, allow_none=True)
    visits = fields.Float(required=True, allow_none=True)
    bounce_rate = fields.Float(required=True, allow_none=True)
    avg_visit_duration_s = fields.Float(required=True, allow_none=True)
    views_per_visit = fields.Float(required=True, allow_none=True)
    events = fields.Float(required=True, allow_none=True)


class SummaryAnswer(Figures):
    """`previous` and `change` only with `compare`."""

    previous = fields.Nested(PreviousFigures)
    change = fields.Nested(FiguresChange)
    meta = fields.Nested(MetaAnswer, required=True)


class Point(Schema):
    """`[ts, to)` in the zone's clocks; `date`: the day it begins on."""

    date = fields.Date(required=True)
    ts = fields.AwareDateTime(required=True)
    to = fields.AwareDateTime(required=True)
    events = fields.Integer(required=True)
    page_views = fields.Integer(required=True)
    visitors = fields.Integer(required=True)
    visits = fields.Integer(required=True)


class PreviousSeries(Schema):
    """That of `[from, to)`."""

    from_ = fields.AwareDateTime(required=True, data_key="from")
    to = fields.AwareDateTime(required=True)
    series = fields.List(fields.Nested(Point), required=True)


class TimeseriesAnswer(Schema):
    """A line for each hour, day, ISO week or calendar month, clipped to the period; `previous` only with `compare`."""

    granularity = fields.String(required=True, validate=OneOf(UNITS))
    series = fields.List(fields.Nested(Point), required=True)
    previous = fields.Nested(PreviousSeries)
    meta = fields.Nested(MetaAnswer, required=True)


class LineFigures(Schema):
    """null: it cannot be told. Of entry and exit pages only visits are; of others, where the dimension is a visit's."""

    events = fields.Integer(required=True, allow_none=True)
    visitors = fields.Integer(required=True, allow_none=True)
    visits = fields.Integer(required=True, allow_none=True)


class LineChange(Schema):
    """As in a summary."""

    events = fields.Float(required=True, allow_none=True)
    visitors = fields.Float(required=True, allow_none=True)
    visits = fields.Float(required=True, allow_none=True)


class Row(LineFigures):
    """A value, null for none; `share` of the total. `previous` and `change` only with `compare`."""

    value = fields.String(required=True, allow_none=True)
    share = fields.Float(required=True)
    previous = fields.Nested(LineFigures)
    change = fields.Nested(LineChange)


class Others(Schema):
    """Everything that is not on this page or one before it."""

    amount = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)


class BreakdownAnswer(Schema):
    """The lines of a page, most first. `total` and `other.amount` count what `ranked_by` says."""

    dimension = fields.String(required=True, validate=OneOf(DIMENSIONS))
    ranked_by = fields.String(required=True, validate=OneOf(["events", "visits"]))
    total = fields.Integer(required=True)
    rows = fields.List(fields.Nested(Row), required=True)
    other = fields.Nested(Others, required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    meta = fields.Nested(MetaAnswer, required=True)


def _meta(source: str) -> dict[str, Any]:
    return {
        "site": "shop",
        "zone": "Europe/Berlin",
        "from": "2026-03-01T23:00:00Z",
        "to": "2026-03-03T23:00:00Z",
        "source": source,
        "identity": ["user_id", "visitor_id", "keyed hash of address and user agent, a day"],
        "complete_through": "2026-03-10T09:30:00Z",
        "computed_at": "2026-03-10T09:30:00Z",
    }


FIGURES = {
    "page_views": 30,
    "visitors": 8,
    "visits": 10,
    "bounce_rate": 0.4,
    "avg_visit_duration_s": 95.5,
    "views_per_visit": 3.0,
    "events": 36,
}
BEFORE = {
    "page_views": 24,
    "visitors": 8,
    "visits": 8,
    "bounce_rate": 0.5,
    "avg_visit_duration_s": 76.4,
    "views_per_visit": 3.0,
    "events": 24,
}
CHANGE = {
    "page_views": 0.25,
    "visitors": 0.0,
    "visits": 0.25,
    "bounce_rate": -0.2,
    "avg_visit_duration_s": 0.25,
    "views_per_visit": 0.0,
    "events": 0.5,
}
SUMMARY_EXAMPLE = {
    **FIGURES,
    "previous": {"from": "2026-02-27T23:00:00Z", "to": "2026-03-01T23:00:00Z", **BEFORE},
    "change": CHANGE,
    "meta": _meta("rollup"),
}
TIMESERIES_EXAMPLE = {
    "granularity": "day",
    "series": [
        {
            "date": "2026-03-02",
            "ts": "2026-03-02T00:00:00+01:00",
            "to": "2026-03-03T00:00:00+01:00",
            "events": 20,
            "page_views": 16,
            "visitors": 5,
            "visits": 6,
        },
        {
            "date": "2026-03-03",
            "ts": "2026-03-03T00:00:00+01:00",
            "to": "2026-03-04T00:00:00+01:00",
            "events": 16,
            "page_views": 14,
            "visitors": 6,
            "visits": 4,
        },
    ],
    "meta": _meta("rollup"),
}
BREAKDOWN_EXAMPLE = {
    "dimension": "source",
    "ranked_by": "events",
    "total": 30,
    "rows": [
        {"value": None, "events": 18, "visitors": 5, "visits": 6, "share": 0.6},
        {"value": "google.com", "events": 9, "visitors": 2, "visits": 3, "share": 0.3},
    ],
    "other": {"amount": 3, "share": 0.1},
    "next_cursor": "WzksImdvb2dsZS5jb20iXQ",
    "meta": _meta("raw"),
}

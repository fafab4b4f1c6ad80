"""What the reports on active people, retention and daily figures answer, for the API's description."""

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics.reports.link_schemas import META_EXAMPLE
from analytics.reports.schemas import METRICS, UNITS, WINDOWS


def _meta() -> fields.Dict:
    return fields.Dict(keys=fields.String(), required=True)


class ActivePeople(Schema):
    """`new`: of them, those never seen before; null where nobody can tell. `from` and `to`: what was counted."""

    new = fields.Integer(required=True, allow_none=True)
    returning = fields.Integer(required=True, allow_none=True)
    date = fields.Date(required=True)
    period = fields.String(required=True)
    from_ = fields.AwareDateTime(required=True, data_key="from")
    to = fields.AwareDateTime(required=True)
    meta = _meta()


class DauAnswer(ActivePeople):
    """Different people of one day."""

    dau = fields.Integer(required=True)


class WauAnswer(ActivePeople):
    """Different people of 7 days, or of the calendar's week."""

    wau = fields.Integer(required=True)
    window = fields.String(required=True, validate=OneOf(WINDOWS))


class MauAnswer(ActivePeople):
    """Different people of 30 days, or of the calendar's month."""

    mau = fields.Integer(required=True)
    window = fields.String(required=True, validate=OneOf(WINDOWS))


class StickyDay(Schema):
    """A day's people, those of the 7 and 30 days that end with it, and dau / mau; null: nobody came all month."""

    date = fields.Date(required=True)
    dau = fields.Integer(required=True)
    wau = fields.Integer(required=True)
    mau = fields.Integer(required=True)
    stickiness = fields.Float(required=True, allow_none=True)


class StickinessAnswer(Schema):
    """A line a day."""

    series = fields.List(fields.Nested(StickyDay), required=True)
    meta = _meta()


class CohortLine(Schema):
    """People first seen in the unit that begins at `start`; how many of them came back in it and in each one after."""

    start = fields.Date(required=True)
    size = fields.Integer(required=True)
    retained = fields.List(fields.Integer(), required=True)
    rates = fields.List(fields.Float(allow_none=True), required=True)


class RetentionAnswer(Schema):
    """A line a cohort."""

    unit = fields.String(required=True, validate=OneOf(UNITS))
    cohorts = fields.List(fields.Nested(CohortLine), required=True)
    meta = _meta()


class MetricLine(Schema):
    """A closed day's figure; `dimensions`: of what part of the site, {}: all of it."""

    date = fields.Date(required=True)
    name = fields.String(required=True, validate=OneOf(METRICS))
    value = fields.Float(required=True)
    dimensions = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class MetricsAnswer(Schema):
    """meta.closed_through: the last day that has its figures."""

    metrics = fields.List(fields.Nested(MetricLine), required=True)
    meta = _meta()


META = META_EXAMPLE | {"site": "default", "from": "2025-11-14T00:00:00Z", "to": "2025-11-15T00:00:00Z"}
DAU_EXAMPLE = {
    "dau": 1247,
    "new": 210,
    "returning": 1037,
    "date": "2025-11-14",
    "period": "24h",
    "from": "2025-11-14T00:00:00Z",
    "to": "2025-11-15T00:00:00Z",
    "meta": META,
}
_OTHERS = {"new": 900, "returning": 2100, "date": "2025-11-14", "to": "2025-11-15T00:00:00Z", "window": "trailing"}
WEEK, MONTH = {"from": "2025-11-08T00:00:00Z"}, {"from": "2025-10-16T00:00:00Z"}
WAU_EXAMPLE = {"wau": 3000, **_OTHERS, "period": "7d", **WEEK, "meta": META | WEEK}
MAU_EXAMPLE = {"mau": 3000, **_OTHERS, "period": "30d", **MONTH, "meta": META | MONTH}
STICKINESS_EXAMPLE = {
    "series": [{"date": "2025-11-14", "dau": 1247, "wau": 3000, "mau": 5000, "stickiness": 0.2494}],
    "meta": META,
}
RETENTION_EXAMPLE = {
    "unit": "day",
    "cohorts": [
        {"start": "2025-11-13", "size": 200, "retained": [200, 80], "rates": [1.0, 0.4]},
        {"start": "2025-11-14", "size": 210, "retained": [210], "rates": [1.0]},
    ],
    "meta": META | {"from": "2025-11-13T00:00:00Z"},
}
METRICS_EXAMPLE = {
    "metrics": [
        {"date": "2025-11-14", "name": "dau", "value": 1247, "dimensions": {}},
        {"date": "2025-11-14", "name": "events", "value": 5000, "dimensions": {"type": "page_view"}},
    ],
    "meta": META | {"source": "metrics", "closed_through": "2025-11-14"},
}

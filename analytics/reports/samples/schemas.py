"""What the reports on samples take and answer."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, pre_load
from marshmallow.validate import Length, OneOf, Range, Regexp

from analytics.reports.schemas import PeriodQuery

MOST_NAMES = 10_000
GRANULARITIES = ("hour", "day")
# PostgreSQL has no such character.
NO_NUL = Regexp(r"[^\x00]*\Z", error="must not hold a NUL character")


class SampleQuery(PeriodQuery):
    """`tag.<name>=<value>`: only samples with that tag; may be given for several names. Without a period: 24 hours."""

    class Meta:
        exclude = ("include_bots",)

    tag = fields.Dict(
        keys=fields.String(validate=[Length(1, 64), NO_NUL]), values=fields.String(validate=[Length(max=256), NO_NUL])
    )
    group_by = fields.String(validate=[Length(1, 64), NO_NUL])
    granularity = fields.String(validate=OneOf(GRANULARITIES, error="{input!r} is not known; known: {choices}"))
    limit = fields.Integer(validate=Range(1, 1000))

    @pre_load
    def gather_tags(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """The parameters tag.<name> as one."""
        given = dict(data)
        tags = {name.removeprefix("tag."): given.pop(name) for name in data if name.startswith("tag.")}
        return {**given, "tag": tags} if tags else given


class NamesQuery(PeriodQuery):
    """The site, and how many names."""

    class Meta:
        fields = ("site", "site_id", "website_id", "limit")

    limit = fields.Integer(validate=Range(1, MOST_NAMES))


class Figures(Schema):
    """Of some samples; where there are none: zeros, and null for what no number would be true of.

    count, sum, min and max are exact (sums are made in decimal), average is sum / count, last the value with the latest
    timestamp (of equal ones the greatest). pNN is the value of rank NN * (count - 1) / 100, rounded down, in the order
    of size, within `percentile_error` of it.
    """

    count = fields.Integer(required=True)
    sum = fields.Float(required=True)
    average = fields.Float(required=True, allow_none=True)
    min = fields.Float(required=True, allow_none=True)
    max = fields.Float(required=True, allow_none=True)
    last = fields.Float(required=True, allow_none=True)
    kind = fields.String(required=True, allow_none=True, validate=OneOf(("gauge", "counter", "timing")))
    p50 = fields.Float(required=True, allow_none=True)
    p90 = fields.Float(required=True, allow_none=True)
    p95 = fields.Float(required=True, allow_none=True)
    p99 = fields.Float(required=True, allow_none=True)


class Stretch(Figures):
    """An hour or a day of the series; the first and the last may be cut by the period."""

    start = fields.AwareDateTime(required=True)
    end = fields.AwareDateTime(required=True)


class Group(Figures):
    """A value of the tag; null: the samples without it."""

    value = fields.String(required=True, allow_none=True)


class SampleMeta(Schema):
    """How fresh and how complete the answer is."""

    site = fields.String(required=True)
    zone = fields.String(required=True)
    from_ = fields.AwareDateTime(required=True, data_key="from")
    to = fields.AwareDateTime(required=True)
    source = fields.String(required=True, validate=OneOf(("rollup", "raw")))
    identity = fields.List(fields.String(), required=True)
    complete_through = fields.AwareDateTime(required=True, allow_none=True)
    computed_at = fields.AwareDateTime(required=True)
    # Hours that were counted from raw samples.
    raw_hours = fields.Integer(required=True)
    # Samples of the period whose tags are past retention; where tags are asked for, they are not counted.
    unknown_tags = fields.Integer(required=True)


class SampleAnswer(Figures):
    """`series` where a granularity is asked for, `groups` where group_by is."""

    metric_name = fields.String(required=True)
    period_start = fields.AwareDateTime(required=True)
    period_end = fields.AwareDateTime(required=True)
    # The percentiles' largest relative error.
    percentile_error = fields.Float(required=True)
    series = fields.List(fields.Nested(Stretch))
    groups = fields.List(fields.Nested(Group))
    meta = fields.Nested(SampleMeta, required=True)


class NamesAnswer(Schema):
    """`count`: of all names, also where `limit` shows fewer."""

    metrics = fields.List(fields.String(), required=True)
    count = fields.Integer(required=True)
    meta = fields.Dict(required=True)


_META = {
    "site": "default",
    "zone": "UTC",
    "from": "2025-10-29T12:00:00Z",
    "to": "2025-10-30T12:00:00Z",
    "source": "rollup",
    "identity": ["user_id", "visitor_id", "keyed hash of address and user agent, a day"],
    "complete_through": "2025-10-30T12:00:00Z",
    "computed_at": "2025-10-30T12:00:00Z",
}
SAMPLE_EXAMPLE = {
    "metric_name": "page_views",
    "count": 4,
    "sum": 600,
    "average": 150,
    "min": 50,
    "max": 300,
    "period_start": "2025-10-29T12:00:00Z",
    "period_end": "2025-10-30T12:00:00Z",
    "last": 150,
    "kind": None,
    "p50": 99.48,
    "p90": 151.25,
    "p95": 151.25,
    "p99": 151.25,
    "percentile_error": 0.01,
    "meta": _META | {"raw_hours": 0, "unknown_tags": 0},
}
NAMES_EXAMPLE = {"metrics": ["api_calls", "page_views", "response_time"], "count": 3, "meta": _META}

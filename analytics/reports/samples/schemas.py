"""Query strings and responses of the reports on samples, with an example of each. Used by the routes in views.py."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, pre_load
from marshmallow.fields import AwareDateTime, Float, Integer, List, Nested, String
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.schemas import META_EXAMPLE, PeriodQuery, ReportMeta, limit_field, text_field
from analytics.web.site_parameters import SITE_NAMES

MAX_NAMES = 10_000
MAX_TAG_NAME_CHARS, MAX_TAG_VALUE_CHARS = 64, 256
GRANULARITIES = ("hour", "day")


class SampleQuery(PeriodQuery):
    """`tag.<name>=<value>`: only samples with that tag; may be given for several names. Without a period: 24 hours."""

    class Meta:
        exclude = ("include_bots",)

    tag = fields.Dict(keys=text_field(MAX_TAG_NAME_CHARS), values=text_field(MAX_TAG_VALUE_CHARS, min_chars=None))
    group_by = text_field(MAX_TAG_NAME_CHARS)
    list_tags = fields.Boolean(metadata={"description": "Whether `tags` names the tags of the samples."})
    granularity = fields.String(validate=OneOf(GRANULARITIES, error="{input!r} is unknown; accepted: {choices}"))
    limit = limit_field()

    @pre_load
    def gather_tags(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """The parameters `tag.<name>` as one dictionary."""
        query = dict(data)
        tags = {name.removeprefix("tag."): query.pop(name) for name in data if name.startswith("tag.")}
        return {**query, "tag": tags} if tags else query


class SampleNamesQuery(PeriodQuery):
    """The site, and the number of names."""

    class Meta:
        fields = (*SITE_NAMES, "limit")

    limit = limit_field(MAX_NAMES)


class SampleStatistics(Schema):
    """Without samples: zeros, and null where no number would be true.

    count, sum, min and max are exact (sums are decimal), average is sum / count, last the value with the latest
    timestamp (of equal timestamps the greatest value). pNN is the value at position NN * (count - 1) / 100 in the order
    of size, interpolated between its two neighbours, each of which is known within `percentile_error`.
    """

    class Meta:
        include = required(Integer, "count") | required(Float, "sum")
        include |= nullable(Float, "average", "min", "max", "last", "p50", "p75", "p90", "p95", "p99")

    kind = String(required=True, allow_none=True, validate=OneOf(("gauge", "counter", "timing")))


class SampleBucket(SampleStatistics):
    """An hour or a day of the series; the period may cut the first and the last."""

    class Meta:
        include = required(AwareDateTime, "start", "end")


class SampleGroup(SampleStatistics):
    """A value of the tag; null: the samples without it."""

    value = String(required=True, allow_none=True)


class SampleMeta(ReportMeta):
    """How fresh and how complete the response is.

    raw_hours: hours that were counted from raw samples. unknown_tags: samples of the period whose tags are past
    retention; a report on tags does not count them.
    """

    class Meta:
        exclude = ("cached",)
        include = required(Integer, "raw_hours", "unknown_tags")


class SampleResponse(SampleStatistics):
    """`series` where the request has `granularity`, `groups` where it has `group_by`, `tags` (names of tags, of an hour
    with more than 1,000 sets of them those of 1,000) where it has `list_tags`. percentile_error: the largest relative
    error of a value of which a percentile is made."""

    class Meta:
        include = required(String, "metric_name") | required(AwareDateTime, "period_start", "period_end")
        include |= required(Float, "percentile_error")

    series = List(Nested(SampleBucket))
    groups = List(Nested(SampleGroup))
    tags = List(String())
    meta = Nested(SampleMeta, required=True)


class SampleNamesResponse(Schema):
    """`count`: of all names, also where `limit` shows fewer."""

    class Meta:
        include = required(Integer, "count") | required(fields.Dict, "meta")

    metrics = List(String(), required=True)


_META = META_EXAMPLE | {
    "site": "default",
    "from": "2025-10-29T12:00:00Z",
    "to": "2025-10-30T12:00:00Z",
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
    "p50": 125.21,
    "p75": 187.82,
    "p90": 254.98,
    "p95": 277.49,
    "p99": 295.5,
    "percentile_error": 0.01,
    "meta": _META | {"raw_hours": 0, "unknown_tags": 0},
}
SAMPLE_NAMES_EXAMPLE = {"metrics": ["api_calls", "page_views", "response_time"], "count": 3, "meta": _META}

"""Shapes of segments in and out. An unknown field is rejected by name."""

from marshmallow import RAISE, Schema, fields
from marshmallow.fields import AwareDateTime, String

from analytics.apidocs.response_fields import required
from analytics.reports.fields import MAX_FILTER_CHARS, line_field, text_field, valid_for
from analytics.reports.filtering.filters import read_filter
from analytics.web.site_parameters import SiteFields

MAX_NAME_CHARS = 100


def segment_filter_field(**options: bool) -> fields.String:
    """A filter of conditions only: a segment names no other segment."""
    return text_field(MAX_FILTER_CHARS, valid_for(read_filter), **options)


class SegmentUpdateBody(Schema):
    """What can change."""

    class Meta:
        unknown = RAISE

    name = line_field(MAX_NAME_CHARS)
    filter = segment_filter_field()


class SegmentBody(SiteFields, SegmentUpdateBody):
    """A name, unique within the site without regard to case, and a filter in the language of reports."""

    class Meta:
        unknown = RAISE

    name = line_field(MAX_NAME_CHARS, required=True)
    filter = segment_filter_field(required=True)


class SegmentListQuery(SiteFields):
    """The site of the segments."""


class SegmentResponse(Schema):
    """A stored segment. `term`: what a `filter` names it by."""

    class Meta:
        include = required(String, "site", "name", "filter", "term", "owner")
        include |= required(AwareDateTime, "created_at", "updated_at")

    id = fields.UUID(required=True)


class SegmentListResponse(Schema):
    """The site's segments, by name."""

    segments = fields.List(fields.Nested(SegmentResponse), required=True)

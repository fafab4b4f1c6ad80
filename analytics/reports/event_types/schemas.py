"""Query strings and responses of the reports on event types and their properties."""

from marshmallow import Schema, fields
from marshmallow.fields import Date, Integer, String
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.reports.event_types.event_types import UNITS
from analytics.reports.schemas import (
    META_EXAMPLE,
    UNKNOWN_CHOICE,
    CompareQuery,
    EventTypesQuery,
    FilterFields,
    ReportMeta,
    limit_field,
)


class EventTypesReportQuery(EventTypesQuery, CompareQuery, FilterFields):
    """`type`: only these; `granularity`: of the series; `limit`: how many types."""

    granularity = fields.String(
        load_default="day",
        validate=OneOf(UNITS, error=UNKNOWN_CHOICE),
        metadata={"description": f"Of the series: {', '.join(UNITS)}. Default: day."},
    )
    limit = limit_field()


class TypeTotals(Schema):
    """Events of the type, and the users who sent them."""

    class Meta:
        include = required(Integer, "events", "users")


class TypeChange(Schema):
    """The growth of each figure as a part of its previous value; null: it was 0."""

    class Meta:
        include = nullable(fields.Float, "events", "users")


class ListedType(TypeTotals):
    """A type. `first_day`, `last_day`: of the period, the days with its first and last event. `series`: its events in
    each bucket. `previous` and `change` only with `compare`."""

    class Meta:
        include = required(String, "type") | required(Date, "first_day", "last_day")

    series = fields.List(Integer(), required=True)
    previous = fields.Nested(TypeTotals)
    change = fields.Nested(TypeChange)


class EventTypesResponse(Schema):
    """The types with the most events, most frequent first; `type_count`: how many there are."""

    class Meta:
        include = required(Integer, "type_count")

    granularity = fields.String(required=True, validate=OneOf(UNITS))
    types = fields.List(fields.Nested(ListedType), required=True)
    meta = fields.Nested(ReportMeta, required=True)


class PropertiesQuery(EventTypesQuery, FilterFields):
    """`limit`: how many properties."""

    limit = limit_field()


class ListedProperty(TypeTotals):
    """A name that payloads have, and how many events and users have it. `property`: as filters, dimensions (behind
    `payload.`) and goals write it."""

    class Meta:
        include = required(String, "name", "property")


class PropertiesResponse(Schema):
    """The names with the most events, most frequent first; `property_count`: how many there are. Names within objects
    are not listed."""

    class Meta:
        include = required(Integer, "property_count")

    properties = fields.List(fields.Nested(ListedProperty), required=True)
    meta = fields.Nested(ReportMeta, required=True)


EVENT_TYPES_EXAMPLE = {
    "granularity": "day",
    "type_count": 1,
    "types": [
        {
            "type": "signup",
            "events": 12,
            "users": 11,
            "first_day": "2025-08-10",
            "last_day": "2025-08-12",
            "series": [5, 0, 7],
            "previous": {"events": 8, "users": 8},
            "change": {"events": 0.5, "users": 0.375},
        }
    ],
    "meta": META_EXAMPLE,
}
PROPERTIES_EXAMPLE = {
    "property_count": 2,
    "properties": [
        {"name": "plan", "property": "plan", "events": 12, "users": 11},
        {"name": "order.total", "property": "order\\.total", "events": 2, "users": 2},
    ],
    "meta": META_EXAMPLE | {"source": "raw"},
}

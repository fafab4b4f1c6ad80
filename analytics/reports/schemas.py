"""Query parameters and response fields that reports of several folders share.

An unknown parameter is refused by name, never ignored. Schemas of one folder stand in its own schemas.py.
"""

from collections.abc import Callable, Collection
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf, Range

from analytics.apidocs.response_fields import nullable, required
from analytics.errors import BadInput, Problem
from analytics.privacy.visitor_keys import ADDRESS, FOREVER, describe_visitor_key
from analytics.reports.filtering.payload_properties import parse_property
from analytics.reports.filtering.scope import MIXED, SCOPES
from analytics.store.event_types import stored_type
from analytics.web.site_parameters import SiteFields

TEXT_LIMIT = 1024
NUL_DETAIL = "contains a NUL character; accepted: text without one, for example page_view"
UNKNOWN_CHOICE = "{input!r} is unknown; accepted: {choices}"


def describe_identity(visitor_window: str, visitor_by: str) -> list[str]:
    """What identifies a user of a site with these settings: the first of these that an event has (spec C6)."""
    return ["user_id", "visitor_id", describe_visitor_key(visitor_window, visitor_by)]


def no_nul(text: str) -> None:
    """PostgreSQL stores no NUL character, so no stored value could match."""
    if "\0" in text:
        raise ValidationError(NUL_DETAIL)


def refuse_nul(name: str, text: str) -> None:
    """`no_nul` for a text of the path. Raises BadInput."""
    if "\0" in text:
        detail = f"{name}: {NUL_DETAIL}"
        raise BadInput(detail, [Problem(None, name, "bad_parameter", detail)])


def text_field(max_chars: int = TEXT_LIMIT, min_chars: int | None = 1) -> fields.String:
    return fields.String(validate=[Length(min=min_chars, max=max_chars), no_nul])


class EventType(fields.String):
    """An event type by any of its names; the value is the name under which it is stored."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return stored_type(super()._deserialize(value, attr, data, **kwargs))


def type_field(max_chars: int = TEXT_LIMIT) -> EventType:
    return EventType(validate=[Length(min=1, max=max_chars), no_nul])


class EventTypes(fields.List[str]):
    """Event types, each once, whichever of its names were given."""

    def __init__(self, max_types: int = 100) -> None:
        super().__init__(type_field(), validate=Length(max=max_types))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any | None]:
        return list(dict.fromkeys(super()._deserialize(value, attr, data, **kwargs)))


def property_field(max_chars: int, **options: Any) -> fields.String:
    """A payload property, without `payload.` before it."""
    return fields.String(validate=[Length(min=1, max=max_chars), no_nul, _check_property], **options)


def _check_property(text: str) -> None:
    try:
        parse_property(text)
    except BadInput as error:
        raise ValidationError(error.detail) from error


def limit_field(max_rows: int = 1000) -> fields.Integer:
    return fields.Integer(validate=Range(1, max_rows))


class PeriodFields(SiteFields):
    """The site and the period; `analytics.period` reads the period."""

    zone = text_field()
    timezone = text_field()
    date = text_field()
    days = text_field()
    hours = text_field()
    from_ = fields.String(data_key="from", attribute="from")
    to = fields.String()


class PeriodQuery(PeriodFields):
    """The site, the period, and whether events of bots count too."""

    include_bots = fields.Boolean()


class EventTypesQuery(PeriodQuery):
    """`type`: count only events of this type; may be repeated."""

    type = EventTypes()


class TopListQuery(PeriodQuery):
    """`limit`: rows of each list; TOP_RESULTS_LIMIT without it."""

    limit = limit_field()


class Names(fields.String):
    """Names of a set, with commas between them; the value is a list with each once, in their order."""

    def __init__(
        self, choices: Collection[str], max_names: int, more: Callable[[str], None] | None = None, **options: Any
    ) -> None:
        """`more`: accepts other names, or raises ValidationError."""
        super().__init__(validate=self._check, **options)
        self._more = more
        self._choices, self._max_names = tuple(choices), max_names
        self._example = ",".join(self._choices[:2])

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return list(dict.fromkeys(super()._deserialize(value, attr, data, **kwargs).split(",")))

    def _check(self, names: list[str]) -> None:
        for name in names:
            if name not in self._choices and self._more:
                self._more(name)
            elif name not in self._choices:
                problem = UNKNOWN_CHOICE.format(input=name[:80], choices=", ".join(self._choices))
                raise ValidationError(f"{problem}; for example {self._example}")
        if len(names) > self._max_names:
            problem = f"{len(names)} names are too many; accepted: up to {self._max_names}"
            raise ValidationError(f"{problem}, for example {self._example}")


def _check_compare(text: str) -> None:
    if text not in ("previous", "year") and ".." not in text:
        detail = f"{text[:80]!r} is unknown; accepted: previous, year, or two dates or times with .. between them, "
        raise ValidationError(f"{detail}for example compare=2026-10-01..2026-10-31")


class CompareFields(Schema):
    """`compare`: also the figures of another period; `align`: of all of it, or of as much as has elapsed of this one
    (comparison.py)."""

    compare = fields.String(validate=[Length(max=TEXT_LIMIT), _check_compare])
    align = fields.String(validate=OneOf(["elapsed", "whole"], error=UNKNOWN_CHOICE))


class CompareQuery(CompareFields):
    """A comparison where the query names one."""

    @validates_schema
    def check_align(self, query: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError."""
        if "align" in query and "compare" not in query:
            raise ValidationError("needs compare as well, for example compare=previous&align=whole", "align")


def scope_field() -> fields.String:
    """Whether all conditions of the filter select visits, or events; without it, each as filtering/scope.py says."""
    return fields.String(validate=OneOf(SCOPES, error=UNKNOWN_CHOICE))


class FilterFields(Schema):
    """A filter, and whether its conditions select visits or events (filtering/scope.py)."""

    filter = fields.String()
    scope = scope_field()


class PeriodBounds(Schema):
    """The period `[from, to)`."""

    class Meta:
        include = required(fields.AwareDateTime, "from", "to")


class UniqueViews(Schema):
    """Page views, and the users behind them."""

    class Meta:
        include = required(fields.Integer, "views", "unique")


class ComparisonMeta(Schema):
    """The two periods whose figures are compared, exactly. `current` is the report's period, or what has elapsed of it.

    `mode`: the period before, the same dates a year before, or a range. `align`: `elapsed` where
    `previous` ends at the same local time as `current`; else both are whole.
    """

    mode = fields.String(required=True, validate=OneOf(["previous", "year", "range"]))
    align = fields.String(required=True, validate=OneOf(["elapsed", "whole"]))
    current = fields.Nested(PeriodBounds, required=True)
    previous = fields.Nested(PeriodBounds, required=True)


class ReportMeta(PeriodBounds):
    """The source of the figures and how fresh they are. `complete_through`: every event received before is counted.
    `compare`: of a report that compares. `filter`: as it was sent; `scope`: what its conditions select, visits,
    events, or `mixed`: both; `segments`: the filter of each segment in it."""

    class Meta:
        include = required(fields.AwareDateTime, "computed_at") | nullable(fields.AwareDateTime, "complete_through")

    site = fields.String(required=True)
    zone = fields.String(required=True)
    source = fields.String(required=True, validate=OneOf(["rollup", "raw"]))
    identity = fields.List(fields.String(), required=True)
    cached = fields.Boolean()
    compare = fields.Nested(ComparisonMeta)
    filter = fields.String()
    scope = fields.String(validate=OneOf([*SCOPES, MIXED]))
    segments = fields.Dict(keys=fields.String(), values=fields.String())


META_EXAMPLE = {
    "site": "links",
    "zone": "UTC",
    "from": "2025-08-10T00:00:00Z",
    "to": "2025-08-13T00:00:00Z",
    "source": "rollup",
    "identity": describe_identity(FOREVER, ADDRESS),
    "complete_through": "2025-08-12T09:30:00Z",
    "computed_at": "2025-08-12T09:30:00Z",
}

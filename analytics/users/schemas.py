"""Query strings and responses of the lists of users. views.py reads with them; export bodies have GroupFields, too."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema
from marshmallow.fields import AwareDateTime, Integer, List, Nested, String
from marshmallow.validate import OneOf, Range

from analytics.apidocs.response_fields import nullable, required
from analytics.insights.schemas import check_goal, read_variant_property
from analytics.period import FIRST_YEAR, LAST_YEAR
from analytics.reports.audience.retention import MAX_COHORTS
from analytics.reports.audience.schemas import COHORT_UNITS
from analytics.reports.events.schemas import EventRow
from analytics.reports.fields import MAX_TEXT_CHARS, text_field, type_field, valid_for
from analytics.reports.schemas import (
    META_EXAMPLE,
    UNKNOWN_CHOICE,
    EventTypesQuery,
    FilterFields,
    PeriodQuery,
    ReportMeta,
    limit_field,
    scope_field,
)

MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE = 1000, 100
REACHED, DROPPED = "true", "dropped"
# The parameter that says which number it is → the others that it has: those it needs, and those it may have.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "funnel": (("step",), ("reached",)),
    "cohort": ((), ("unit", "offset")),
    "goal": (("exposure_type", "variant_property", "variant"), ("converted",)),
}
EXAMPLES = {
    "funnel": "funnel=5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34&step=2&reached=dropped",
    "cohort": "cohort=2026-11-02&unit=week&offset=1",
    "goal": "goal=order&exposure_type=seen&variant_property=payload.variant&variant=b&converted=true",
}
PERIOD_NAMES = ("date", "days", "hours", "from", "to", "zone", "timezone")


def _check_year(day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValidationError(f"accepted: years {FIRST_YEAR} to {LAST_YEAR}, for example 2026-11-02")


class GroupFields(Schema):
    """Which users: of a step of a funnel, of a number of the retention grid, or of a variant of an experiment; with
    none of them, those with an event that meets `filter` and `type`."""

    funnel = fields.UUID(
        metadata={"description": "Id of a funnel: who reached a step of it; of a funnel by visit, whose visits did."}
    )
    step = fields.Integer(
        validate=Range(1), metadata={"description": "With `funnel`: which step, from 1 on.", "example": 2}
    )
    reached = fields.String(
        validate=OneOf([REACHED, DROPPED], error=UNKNOWN_CHOICE),
        metadata={"description": "`true`, the default: who reached the step; `dropped`: and not the next one."},
    )
    cohort = fields.Date(
        validate=_check_year,
        metadata={"description": "First day of a cohort of the retention report: who is in it."},
    )
    unit = fields.String(
        validate=OneOf(COHORT_UNITS, error=UNKNOWN_CHOICE),
        metadata={"description": "With `cohort`: its length. Default: day."},
    )
    offset = fields.Integer(
        validate=Range(0, MAX_COHORTS),
        metadata={"description": "With `cohort`: who of it was active so many units later. Default: 0, all of it."},
    )
    goal = text_field(
        MAX_TEXT_CHARS,
        valid_for(check_goal),
        metadata={"description": "Goal of an experiment, as in its report: who saw a variant of it."},
    )
    exposure_type = type_field(metadata={"description": "With `goal`: the event type that shows a variant."})
    variant_property = text_field(
        MAX_TEXT_CHARS,
        valid_for(read_variant_property),
        metadata={"description": "With `goal`: the payload property that holds the variant, as `payload.variant`."},
    )
    variant = text_field(metadata={"description": "With `goal`: the variant that the users saw, and no other."})
    converted = fields.Boolean(
        metadata={"description": "With `goal`: only who reached it, or only who did not. Default: both."}
    )

    @validates_schema
    def check_group(self, query: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError for two groups, and for a parameter that the group lacks or does not have."""
        chosen = [name for name in KINDS if name in query]
        if len(chosen) > 1:
            problem = f"contradicts {chosen[0]}; accepted: one of {', '.join(KINDS)}, for example {EXAMPLES[chosen[0]]}"
            raise ValidationError(problem, chosen[1])
        for kind, (needed, optional) in KINDS.items():
            for name in (*needed, *optional):
                if name in query and kind not in query:
                    raise ValidationError(f"needs {kind} as well, for example {EXAMPLES[kind]}", name)
                if kind in query and name in needed and name not in query:
                    raise ValidationError(f"missing with {kind}; for example {EXAMPLES[kind]}", name)


def check_cohort_period(group: Mapping[str, Any], query: Mapping[str, Any]) -> None:
    """Raises ValidationError for a period beside a cohort."""
    for name in PERIOD_NAMES:
        if "cohort" in group and name in query:
            raise ValidationError(f"contradicts cohort, whose unit is the period; omit {name}", name)


class GroupBody(GroupFields):
    """The group of an export of users: as the query of the list names it. `scope`: of `filter.where`."""

    class Meta:
        unknown = RAISE

    scope = scope_field()


class UsersQuery(EventTypesQuery, GroupFields, FilterFields):
    """Which users, and which page of them. `cohort` has a period of its own: that of the unit."""

    limit = limit_field(MAX_PAGE_SIZE)
    cursor = fields.String()

    @validates_schema
    def check_types_and_period(self, query: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError for what the report of that number does not have."""
        if "type" in query and ("funnel" in query or "goal" in query):
            raise ValidationError("is not a parameter of funnels and experiments; accepted: filter", "type")
        check_cohort_period(query, query)


class TimelineQuery(PeriodQuery):
    """`user_id`: as it was sent, or as the list of users shows it; any characters, percent-encoded."""

    user_id = text_field(
        required=True,
        metadata={
            "description": "The user: the id that was sent, or that the list of users shows. Percent-encoded, it may "
            "have any characters, `/` and `#` as well.",
            "example": "ann",
        },
    )
    limit = limit_field(MAX_PAGE_SIZE)
    cursor = fields.String()


class UserResponse(Schema):
    """A user. `events`, `page_views` and `visits`: of the period, visits that began in it. `user_id`: as it is stored,
    a pseudonym (`#…`) with ANONYMIZE_USER_IDS, a visitor key (`~…`) where none was sent."""

    class Meta:
        include = required(String, "user_id") | required(AwareDateTime, "first_seen_at", "last_seen_at")
        include |= required(Integer, "events", "page_views", "visits")


class UserListResponse(Schema):
    """Who was seen last in the period comes first. `total`: of all pages."""

    class Meta:
        include = required(Integer, "count", "total") | nullable(String, "next_cursor")

    users = List(Nested(UserResponse), required=True)
    meta = Nested(ReportMeta, required=True)


class TimelineEvent(EventRow):
    """An event, as in the list of events. `visit_started_at`: the visit it belongs to; null: none, or not merged."""

    class Meta:
        include = nullable(String, "path") | nullable(AwareDateTime, "visit_started_at")


class TimelineResponse(Schema):
    """The oldest event first. `total`: of all pages."""

    class Meta:
        include = required(Integer, "count", "total") | nullable(String, "next_cursor")

    events = List(Nested(TimelineEvent), required=True)
    meta = Nested(ReportMeta, required=True)


_META = META_EXAMPLE | {"site": "shop", "from": "2025-10-29T00:00:00Z", "to": "2025-11-01T00:00:00Z", "source": "raw"}
USERS_EXAMPLE = {
    "users": [
        {
            "user_id": "ann",
            "first_seen_at": "2025-10-02T08:15:00Z",
            "last_seen_at": "2025-10-30T11:59:58Z",
            "events": 12,
            "page_views": 9,
            "visits": 2,
        }
    ],
    "count": 1,
    "total": 25,
    "next_cursor": "WzE3NjE4MjU1OTgwMDAwMDAsN10",
    "meta": _META,
}
TIMELINE_EXAMPLE = {
    "events": [
        {
            "id": "event_0193a2f0-7c1e-7000-8000-000000000000",
            "event_name": "page_view",
            "user_id": "ann",
            "properties": {"title": "Prices"},
            "timestamp": "2025-10-30T11:59:58Z",
            "path": "/pricing",
            "visit_started_at": "2025-10-30T11:40:02Z",
        }
    ],
    "count": 1,
    "total": 12,
    "next_cursor": None,
    "meta": _META,
}

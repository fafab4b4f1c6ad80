"""What the reports of this slice take. Whatever one does not know is refused by name, never ignored."""

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf, Range, Regexp

from analytics.errors import BadInput
from analytics.reports.buckets import UNITS
from analytics.reports.canonical_schemas import DIMENSIONS
from analytics.reports.counted import PAGES
from analytics.reports.filters import MOST_NAMES, parse_filter
from analytics.reports.patterns import read_pattern
from analytics.reports.schemas import ActiveQuery, PeriodQuery

UNKNOWN = "{input!r} is not known; known: {choices}"
GOAL_DIMENSIONS = tuple(name for name in DIMENSIONS if name not in PAGES)
CURRENCY = Regexp(r"\A[A-Za-z]{3}\Z", error="the three letters of a currency, as EUR")
AMOUNT = Regexp(r"\A[0-9]{1,12}(\.[0-9]{1,6})?\Z", error="a number as 9.90, sent as text so that no digit is lost")
WORTH = ("property", "amount", "currency", "currency_property")
MOST_STEPS, MOST_TYPES, MOST_UNITS = 10, 20, 60


def _text(limit: int = 1024, **options: Any) -> fields.String:
    """1 to `limit` characters that PostgreSQL can store."""
    return fields.String(validate=[Length(min=1, max=limit), _no_nul], **options)


def _no_nul(given: str) -> None:
    if "\0" in given or any("\ud800" <= letter <= "\udfff" for letter in given):
        raise ValidationError("must hold neither NUL nor lone surrogates")


def _rule(read: Callable[[str], Any]) -> Callable[[str], None]:
    """A check of what `read` can read."""

    def check(given: str) -> None:
        try:
            read(given)
        except (ValueError, BadInput) as error:
            raise ValidationError(str(error)) from error

    return check


def _check_property(given: str) -> None:
    names = given.split(".")
    if len(names) > MOST_NAMES or not all(names):
        raise ValidationError("the name of a property of the payload; nested ones with dots, as order.total")


def _check_goal(given: str) -> None:
    if given.startswith("/"):
        read_pattern(given)


def _pattern(**options: Any) -> fields.String:
    """A pattern of paths."""
    return fields.String(validate=[_no_nul, _rule(read_pattern)], **options)


def _filter(**options: Any) -> fields.String:
    """In the language of reports."""
    return fields.String(validate=[Length(max=10_000), _no_nul, _rule(parse_filter)], **options)


def _property(**options: Any) -> fields.String:
    """Of a payload, without `payload.` before it."""
    return fields.String(validate=[Length(min=1, max=1024), _no_nul, _check_property], **options)


class GoalsQuery(PeriodQuery):
    """Of a site."""

    class Meta:
        fields = ("site", "site_id", "website_id")


class GoalReportQuery(PeriodQuery):
    """`granularity`: also by time; `dimension`: also by what events say, `limit` lines of it."""

    filter = _filter()
    granularity = fields.String(validate=OneOf(UNITS, error=UNKNOWN))
    dimension = fields.String(validate=OneOf(GOAL_DIMENSIONS, error=UNKNOWN))
    limit = fields.Integer(validate=Range(1, 1000))


class AdHocGoalQuery(GoalReportQuery):
    """A goal that is not stored: `type`, `path`, and what a goal's `value` says."""

    type = _text()
    path = _pattern()
    goal_filter = _filter()
    property = _property()
    amount = fields.String(validate=AMOUNT)
    currency = fields.String(validate=CURRENCY)
    currency_property = _property()

    @validates_schema
    def is_a_goal(self, given: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError."""
        if "type" not in given and "path" not in given:
            raise ValidationError("give a type or a path, for example type=signup or path=/thanks", "type")
        if worth := worth_of(given):
            check_worth(worth)


class GoalRetentionQuery(PeriodQuery):
    """So many units after the period, of a day, 7 days or 30 days."""

    unit = fields.String(load_default="day", validate=OneOf(["day", "week", "month"], error=UNKNOWN))
    units = fields.Integer(validate=Range(1, MOST_UNITS))


class LifecycleQuery(ActiveQuery):
    """Whose events count, by day, ISO week or calendar month."""

    granularity = fields.String(load_default="day", validate=OneOf(["day", "week", "month"], error=UNKNOWN))


class JourneysQuery(PeriodQuery):
    """One of the four anchors; `type` may be repeated: events that are steps besides page views."""

    from_page = _text()
    to_page = _text()
    from_event = _text()
    to_event = _text()
    steps = fields.Integer(load_default=3, validate=Range(2, MOST_STEPS))
    type = fields.List(_text(), validate=Length(max=MOST_TYPES))
    filter = _filter()
    limit = fields.Integer(validate=Range(1, 1000))


class ExperimentQuery(PeriodQuery):
    """`goal`: a stored goal's id, a path that begins with /, or a type; `weight` is repeated, as control:0.5."""

    exposure_type = _text(required=True)
    variant = fields.String(
        required=True,
        validate=[Length(max=1024), _no_nul, Regexp(r"\Apayload\.[^.]+(\.[^.]+)*\Z", error="as payload.variant")],
    )
    goal = fields.String(required=True, validate=[Length(min=1, max=1024), _no_nul, _rule(_check_goal)])
    control = _text()
    weight = fields.List(
        fields.String(validate=Regexp(r"\A[^\0]{1,1024}:[0-9]{1,9}(\.[0-9]{1,9})?\Z", error="as control:0.5")),
        validate=Length(max=MOST_TYPES),
    )
    filter = _filter()


class WorthBody(Schema):
    """`property` (of the payload) or `amount`; in `currency` or the one that `currency_property` names."""

    property = _property()
    amount = fields.String(validate=AMOUNT)
    currency = fields.String(validate=CURRENCY)
    currency_property = _property()

    @validates_schema
    def is_told_once(self, given: dict[str, Any], **_: Any) -> None:
        """Raises ValidationError."""
        check_worth(given)


def worth_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a conversion's worth."""
    return {name: given[name] for name in WORTH if name in given}


def check_worth(given: dict[str, Any]) -> None:
    """Raises ValidationError unless one thing says how much, and at most one the currency."""
    if ("property" in given) == ("amount" in given):
        raise ValidationError("give property or amount, one of them", "property")
    if "currency" in given and "currency_property" in given:
        raise ValidationError("give currency or currency_property, not both", "currency_property")
    if "amount" in given and "currency_property" in given:
        raise ValidationError("a fixed amount has a fixed currency", "currency_property")


class GoalChange(Schema):
    """What can be changed of a goal; null takes it away."""

    class Meta:
        unknown = RAISE

    name = _text(200)
    type = _text(allow_none=True)
    path = _pattern(allow_none=True)
    filter = _filter(allow_none=True)
    value = fields.Nested(WorthBody, allow_none=True)


class NewGoal(GoalChange):
    """A name, and a type or a path."""

    class Meta:
        unknown = RAISE

    site = _text(64)
    name = _text(200, required=True)

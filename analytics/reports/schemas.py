"""The query parameters of each report. Whatever a report does not know is refused by name, never ignored."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf
from werkzeug.datastructures import MultiDict

from analytics.errors import BadInput, Problem

TEXT_LIMIT = 1024
WINDOWS = ("trailing", "calendar")
UNITS = ("day", "week", "month")
# What close_day writes for each day (spec 1.T2); `events` also by type, in its dimensions.
METRICS = ("dau", "wau", "mau", "new_users", "events", "page_views", "visits", "bounce_rate", "avg_visit_duration_s")


def _no_nul(text: str) -> None:
    # PostgreSQL has no such character, so no stored value could match.
    if "\0" in text:
        raise ValidationError("must not hold a NUL character")


def _text() -> fields.String:
    return fields.String(validate=[Length(min=1, max=TEXT_LIMIT), _no_nul])


def _one_of(words: Sequence[str]) -> fields.String:
    return fields.String(validate=OneOf(words, error="{input!r} is not known; known: {choices}"))


class PeriodQuery(Schema):
    """What every report takes: the site, and the period in its own words (read by `analytics.period`)."""

    site = _text()
    site_id = _text()
    website_id = _text()
    zone = _text()
    timezone = _text()
    date = _text()
    days = _text()
    hours = _text()
    from_ = fields.String(data_key="from", attribute="from")
    to = fields.String()
    include_bots = fields.Boolean()


class ActiveQuery(PeriodQuery):
    """Whose events count; `type` may be repeated."""

    type = fields.List(_text(), validate=Length(max=100))


class WindowQuery(ActiveQuery):
    """The days that end with the date, or the calendar's week or month around it."""

    window = _one_of(WINDOWS)


class RetentionQuery(ActiveQuery):
    """The length of a cohort's unit."""

    unit = _one_of(UNITS)


class MetricsQuery(PeriodQuery):
    """`name` may be repeated; none: every figure. They were counted without programs."""

    class Meta:
        exclude = ("include_bots",)

    name = fields.List(_one_of(METRICS))


class EventsQuery(PeriodQuery):
    """The raw export's filters; `type` may be repeated."""

    format = fields.String(validate=OneOf(["csv", "xlsx"], error="{input!r} is not supported; supported: {choices}"))
    type = fields.List(_text(), validate=Length(max=100))
    user_id = _text()


def read_query(schema: Schema, args: "MultiDict[str, str]") -> dict[str, Any]:
    """The parameters as values. Raises BadInput with every parameter that is unknown, repeated or wrong."""
    lists = {name for name, field in schema.fields.items() if isinstance(field, fields.List)}
    problems = [
        Problem(None, name, "repeated", f"{name}: given {len(values)} times; give it once")
        for name, values in args.lists()
        if len(values) > 1 and name not in lists
    ]
    given = {name: values if name in lists else values[0] for name, values in args.lists()}
    found: dict[str, Any] = {}
    try:
        found = schema.load(given)
    except ValidationError as error:
        problems += _problems(dict(error.messages_dict), _names(schema))
    if problems:
        raise BadInput("; ".join(problem.detail for problem in problems), problems)
    return found


def _problems(messages: Mapping[str, Any], names: list[str]) -> list[Problem]:
    known = set(names)
    hint = "this takes " + ", ".join(names)
    return [
        Problem(None, name, "bad_parameter", f"{name}: {_flat(found)}")
        if name in known
        else Problem(None, name[:80], "unknown_parameter", f"{name[:80]}: unknown parameter; {hint}")
        for name, found in messages.items()
    ]


def _names(schema: Schema) -> list[str]:
    return [field.data_key or name for name, field in schema.fields.items()]


def _flat(found: Any) -> str:
    if isinstance(found, Mapping):
        return "; ".join(_flat(value) for value in found.values())
    return "; ".join(str(message) for message in found) if isinstance(found, list) else str(found)

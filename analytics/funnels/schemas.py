"""What the routes of funnels take. Whatever they do not know is refused by name."""

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load
from marshmallow.validate import Length, OneOf, Range

from analytics.funnels.steps import LEAST, MOST, PARTS, TYPES
from analytics.reports.canonical_schemas import DIMENSIONS, UNKNOWN
from analytics.reports.counted import PAGES
from analytics.reports.patterns import MOST_CHARS
from analytics.reports.schemas import PeriodQuery

ORDERINGS, SCOPES = ("ordered", "strict"), ("user", "visit")
MOST_WINDOW_S = 366 * 86_400
MOST_COMPARED = 20
# Where the first step's event says it.
BREAKDOWNS = tuple(name for name in DIMENSIONS if name not in PAGES)
FIGURES = (
    *("total_starts", "total_conversions", "conversion_rate", "drop_off_rate"),
    *("avg_time_to_convert", "performance_score"),
)


def _no_nul(text: str) -> None:
    # PostgreSQL has no such character.
    if "\0" in text:
        raise ValidationError("must not hold a NUL character")


def _text(most: int, least: int = 0, **options: Any) -> fields.String:
    return fields.String(validate=[Length(least, most), _no_nul], **options)


def _word(words: tuple[str, ...]) -> fields.String:
    return fields.String(validate=OneOf(words, error=UNKNOWN))


ConditionBody = Schema.from_dict(
    {part: _text(MOST_CHARS, allow_none=True) for part in PARTS}, name="FunnelConditionBody"
)


class FunnelStepBody(Schema):
    """`condition`: one or more of its parts, all of which must hold; how they are read: funnels/steps.py."""

    class Meta:
        unknown = RAISE

    id = _text(64)
    name = _text(200)
    type = _word(TYPES)
    condition = fields.Nested(ConditionBody, required=True)
    order = fields.Integer(strict=True, allow_none=True, validate=Range(0, 10_000))


class FunnelDefinitionBody(Schema):
    """`window_s`: from the first step to the last; a week. `value`: a property of the last step's payload."""

    class Meta:
        unknown = RAISE

    steps = fields.List(
        fields.Nested(FunnelStepBody), required=True, validate=Length(LEAST, MOST, error="{min} to {max} steps")
    )
    ordering = _word(ORDERINGS)
    scope = _word(SCOPES)
    window_s = fields.Integer(strict=True, validate=Range(1, MOST_WINDOW_S))
    value = _text(200, 1, allow_none=True)


class FunnelBody(FunnelDefinitionBody):
    """A new funnel. `website_id`, `site_id` and `site` are one; `user_id`: whom to name as its maker."""

    name = _text(200, 1, required=True)
    description = _text(2000)
    website_id = _text(64, 1)
    site_id = _text(64, 1)
    site = _text(64, 1)
    user_id = _text(255)
    is_active = fields.Boolean(truthy={True}, falsy={False})


class FunnelChange(FunnelDefinitionBody):
    """What is not given stays. `steps` are given whole."""

    name = _text(200, 1)
    description = _text(2000)
    is_active = fields.Boolean(truthy={True}, falsy={False})
    steps = fields.List(fields.Nested(FunnelStepBody), validate=Length(LEAST, MOST, error="{min} to {max} steps"))


class FunnelsQuery(Schema):
    """The site whose funnels they are."""

    site = _text(64, 1)
    site_id = _text(64, 1)
    website_id = _text(64, 1)


class FunnelQuery(PeriodQuery):
    """7 days through today, unless a period is given. `filter`: events that do not meet it are not seen."""

    filter = fields.String()


class DetailedQuery(FunnelQuery):
    """`breakdown`: by what the first step's event says; `limit`: lines of it. `compare=previous`: the time before."""

    breakdown = _word(BREAKDOWNS)
    limit = fields.Integer(validate=Range(1, 1000))
    compare = fields.String(validate=OneOf(["previous"], error=UNKNOWN))


class FunnelDates(Schema):
    """The period, in the words of a query."""

    class Meta:
        unknown = RAISE

    date = fields.String()
    days = fields.Integer(strict=True)
    hours = fields.Integer(strict=True)
    from_ = fields.String(data_key="from", attribute="from")
    to = fields.String()


class FunnelCompareBody(Schema):
    """`funnel_ids`: without any, the site's first 20. `date_range`: also as text, `7 days`. `metrics`: which figures to
    tell; all of them if not given."""

    class Meta:
        unknown = RAISE

    funnel_ids = fields.List(fields.UUID(), validate=Length(1, MOST_COMPARED))
    date_range = fields.Nested(FunnelDates)
    metrics = fields.List(_word(FIGURES), validate=Length(1))

    @pre_load
    def read_range(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """`7 days`, as the seed's answers have it."""
        given = dict(data)
        if isinstance(text := given.get("date_range"), str) and (found := re.fullmatch(r"(\d{1,4}) days?", text)):
            given["date_range"] = {"days": int(found[1])}
        return given

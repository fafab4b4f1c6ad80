"""Shapes of lifecycle, journeys and experiments in and out. An unknown parameter is rejected by name."""

from marshmallow import Schema, fields
from marshmallow.fields import Boolean, Date, Float, Integer, String
from marshmallow.validate import Length, OneOf, Range, Regexp

from analytics.apidocs.response_fields import nullable, required
from analytics.errors import BadInput
from analytics.insights.goals.schemas import GoalDefinitionResponse
from analytics.reports.audience.schemas import COHORT_UNITS, UnitFields
from analytics.reports.fields import MAX_TEXT_CHARS, filter_field, text_field, type_field, valid_for
from analytics.reports.filtering.path_patterns import parse_pattern
from analytics.reports.filtering.payload_properties import parse_property
from analytics.reports.schemas import EventTypes, EventTypesQuery, PeriodQuery, ReportMeta, scope_field

MAX_STEPS, MAX_TYPES = 10, 20
WEIGHT = Regexp(
    r"\A[^\0]{1,1024}:[0-9]{1,9}(\.[0-9]{1,9})?\Z",
    error="not a weight; accepted: a variant and a number, for example control:0.5",
)


def read_variant_property(text: str) -> tuple[str, ...]:
    """The property that holds the variant, as `parse_property`; the text has `payload.` before it. Raises BadInput."""
    if not text.startswith("payload."):
        raise BadInput("not a payload property; accepted: for example payload.variant")
    return parse_property(text.removeprefix("payload."))


def check_goal(text: str) -> None:
    if text.startswith("/"):
        parse_pattern(text)


THEN = (
    "`page:<path>` or `event:<type>`; may be repeated. Steps beside the anchor, outwards from it: further `columns` "
    "are of the visits that have them."
)
STEP = Regexp(
    r"\A(page:[^\0]{0,1024}|event:[^\0]{1,1024})\Z",
    error="not a step; accepted: page:<path> or event:<type>, for example page:/pricing",
)


class LifecycleQuery(EventTypesQuery, UnitFields):
    """Whose events count; by day, ISO week or calendar month."""


class JourneysQuery(PeriodQuery):
    """Exactly one of the four anchors; `type`, repeatable: event types that are steps besides page views; `then`,
    repeatable: the steps beside the anchor, outwards, that paths of further columns have."""

    from_page = text_field()
    to_page = text_field()
    from_event = type_field()
    to_event = type_field()
    steps = fields.Integer(load_default=3, validate=Range(2, MAX_STEPS))
    then = fields.List(fields.String(validate=STEP), metadata={"description": THEN})
    type = EventTypes(MAX_TYPES)
    filter = filter_field()
    scope = scope_field()
    limit = fields.Integer(validate=Range(1, 1000))


class ExperimentQuery(PeriodQuery):
    """`goal`: a stored goal's id, a path pattern that begins with /, or an event type; `weight` is repeatable."""

    exposure_type = type_field(required=True)
    variant = text_field(MAX_TEXT_CHARS, valid_for(read_variant_property), required=True)
    goal = text_field(MAX_TEXT_CHARS, valid_for(check_goal), required=True)
    control = text_field()
    weight = fields.List(fields.String(validate=WEIGHT), validate=Length(max=MAX_TYPES))
    filter = filter_field()
    scope = scope_field()


class LifecyclePointResponse(Schema):
    """Users of the unit that begins on `date`."""

    class Meta:
        include = required(Date, "date") | required(Integer, "active", "new", "returning", "resurrected", "dormant")


class LifecycleResponse(Schema):
    """One point a unit; `last_is_over`: only late events can still make a dormant user of the last unit active."""

    class Meta:
        include = required(Boolean, "last_is_over")

    granularity = fields.String(required=True, validate=OneOf(COHORT_UNITS))
    series = fields.List(fields.Nested(LifecyclePointResponse), required=True)
    meta = fields.Nested(ReportMeta, required=True)


class JourneyStepResponse(Schema):
    """A page view by its path, or an event by its type."""

    page = fields.String()
    event = fields.String()


class JourneyResponse(Schema):
    """A sequence of steps and its counts; `share`: of the visits with the anchor."""

    class Meta:
        include = required(Integer, "visits", "users") | required(Float, "share")

    steps = fields.List(fields.Nested(JourneyStepResponse), required=True)


class JourneyPlaceResponse(Schema):
    """What stands at a place of the visits' paths."""

    class Meta:
        include = required(Integer, "visits", "users") | required(Float, "share")

    step = fields.Nested(JourneyStepResponse, required=True)


class JourneyColumnResponse(Schema):
    """A place of the paths: `visits` have a step there, `ended` have none, but one before it, nearer to the anchor.
    Shares are of the visits with the anchor."""

    class Meta:
        include = required(Integer, "visits", "ended", "other_visits") | nullable(Float, "ended_share")

    rows = fields.List(fields.Nested(JourneyPlaceResponse), required=True)


class JourneyListResponse(Schema):
    """The most common journeys; `visits` and `users` are all that reached the anchor. `columns`: the most common steps
    at each place, from the one beside the anchor on."""

    class Meta:
        include = required(Integer, "visits", "users", "other_visits")

    anchor = fields.Nested(JourneyStepResponse, required=True)
    direction = fields.String(required=True, validate=OneOf(["from", "to"]))
    journeys = fields.List(fields.Nested(JourneyResponse), required=True)
    columns = fields.List(fields.Nested(JourneyColumnResponse), required=True)
    meta = fields.Nested(ReportMeta, required=True)


class DifferenceResponse(Schema):
    """The rate minus the control's rate, its 95 % interval, and the two-sided p-value."""

    class Meta:
        include = required(Float, "absolute", "low", "high") | nullable(Float, "p_value")


class VariantResponse(Schema):
    """Users who saw this variant and no other; `difference` is null for the control."""

    class Meta:
        include = required(String, "variant") | required(Integer, "users", "converted_users", "conversions")

    rate = fields.Float(required=True)
    difference = fields.Nested(DifferenceResponse, required=True, allow_none=True)


class SampleRatioResponse(Schema):
    """Whether users were divided as intended; after a mismatch, do not trust the experiment."""

    class Meta:
        include = nullable(Float, "p_value") | required(Boolean, "is_mismatch")

    expected = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)


class ExperimentResponse(Schema):
    """`mixed_users` saw several variants and count in none; `sample_ratio` is null when no user saw one."""

    class Meta:
        include = nullable(String, "control") | required(Integer, "mixed_users")

    goal = fields.Nested(GoalDefinitionResponse, required=True)
    variants = fields.List(fields.Nested(VariantResponse), required=True)
    sample_ratio = fields.Nested(SampleRatioResponse, required=True, allow_none=True)
    meta = fields.Nested(ReportMeta, required=True)

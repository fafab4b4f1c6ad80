"""A step of a funnel that a client tracked (spec 4.E21): its fields beside those of an event. Pure.

The accept view checks them here. The step is stored as an event of type `funnel_step` with these fields in its payload,
where reports on the funnel read them (funnels/conversion.py).
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from analytics.errors import Invalid, Problem
from analytics.ingest.decoding.events import NonEmptyName
from analytics.ingest.decoding.json_decoding import decode_json
from analytics.ingest.decoding.rejections import describe_validation_error

# A step's id, or its position in the funnel.
StepReference = int | Annotated[str, Meta(max_length=128)]
Timestamp = Annotated[datetime, Meta(tz=True)]
# Reports look for one type only, so a caller may not choose another.
TYPE_FIELDS = ("type", "event_type", "event_name")


class TrackedStep(msgspec.Struct):
    """The fields of a funnel step in its payload."""

    funnel_id: NonEmptyName
    current_step: StepReference | None = None
    completed_steps: Annotated[list[StepReference], Meta(max_length=100)] | None = None
    started_at: Timestamp | None = None
    last_activity: Timestamp | None = None
    converted: bool | None = None


# Of a body that is one object, nothing else can be of the wrong type.
_NUMBER_OUT_OF_RANGE = "a number is out of range; accepted: numbers of 64 bits, for example 1.5"
_decode_fields = msgspec.json.Decoder(dict[str, Any]).decode


def read_tracked_step(body: bytes) -> TrackedStep:
    """The step in a body that is one JSON object. Raises Invalid, which names the field, and BadInput."""
    fields = decode_json(_decode_fields, body, _NUMBER_OUT_OF_RANGE)
    for name in TYPE_FIELDS:
        if name in fields:
            raise _refuse(name, "unknown_field", "a tracked step always has the type funnel_step; leave it out")
    properties = fields.get("properties", fields.get("payload"))
    for name in TrackedStep.__struct_fields__:
        if isinstance(properties, dict) and name in properties:
            raise _refuse(
                f"properties.{name}", "repeated", f"{name} is a field beside properties, not in them; send it there"
            )
    try:
        return msgspec.convert(fields, TrackedStep)
    except msgspec.ValidationError as error:
        raise _refuse(*describe_validation_error(error, TrackedStep, {})) from error


def _refuse(field: str, code: str, detail: str) -> Invalid:
    return Invalid(f"{field}: {detail}", [Problem(None, field, code, detail)])

"""A step of a funnel that a client tracked (spec 4.E21): what it must say beyond an event's own fields.

It is stored as any event is, of the type `funnel_step`, with these fields in its payload; reports on the funnel read
them there (funnels/conversion.py).
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from analytics.errors import Invalid, Problem
from analytics.ingest.events import Word, explain

# A step's own id, or its order.
StepName = int | Annotated[str, Meta(max_length=128)]
Instant = Annotated[datetime, Meta(tz=True)]
# An event of another type would not be found again.
TYPES = ("type", "event_type", "event_name")


class TrackedStep(msgspec.Struct):
    """What a payload may say of a funnel."""

    funnel_id: Word
    current_step: StepName | None = None
    completed_steps: Annotated[list[StepName], Meta(max_length=100)] | None = None
    started_at: Instant | None = None
    last_activity: Instant | None = None
    converted: bool | None = None


def read_tracked(body: bytes) -> TrackedStep:
    """The step in one JSON object, an event's body. Raises Invalid, which names the field."""
    fields = msgspec.json.decode(body, type=dict[str, Any])
    for name in TYPES:
        if name in fields:
            raise _refuse(name, "unknown_field", "a tracked step has no type of its own; leave it out")
    properties = fields.get("properties", fields.get("payload"))
    for name in TrackedStep.__struct_fields__:
        if isinstance(properties, dict) and name in properties:
            raise _refuse(f"properties.{name}", "repeated", f"{name} is a field of its own, beside properties")
    try:
        return msgspec.convert(fields, TrackedStep)
    except msgspec.ValidationError as error:
        raise _refuse(*explain(error, {})) from error


def _refuse(field: str, code: str, detail: str) -> Invalid:
    return Invalid(f"{field}: {detail}", [Problem(None, field, code, detail)])

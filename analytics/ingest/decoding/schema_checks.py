"""Payloads against the JSON Schemas of their types (sites/event_schemas/): a whole batch, or one event. Pure.

events.py calls it, on its fast path and for each event alone. What is described to the caller is a place in the event
as it was sent.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from analytics.ingest.decoding.json_decoding import split_items
from analytics.ingest.decoding.rejections import ProblemParts
from analytics.sites.event_schemas.pointers import join_pointer
from analytics.store.event_types import stored_type
from analytics.web.server.greenlets import offload

if TYPE_CHECKING:
    from analytics.ingest.decoding.events import Event
    from analytics.sites.event_schemas.problems import SchemaProblem
    from analytics.sites.event_schemas.validators import EventValidator

    Validators = Mapping[str, EventValidator]

# A body whose check could take longer is checked in a thread.
MAX_CHECK_ON_LOOP_NS = 5e6


def satisfy_schemas(events: Sequence["Event"], body: bytes, validators: "Validators") -> bool:
    """True when every payload satisfies the schema of its type. About 1 us for an event whose type has one."""
    if not validators:
        return True
    get = validators.get
    found = [(validator, event) for event in events if (validator := get(stored_type(event.type))) is not None]
    if not found:
        return True
    used = {validator.type_name: validator for validator, _ in found}.values()
    # Only a body of that size needs the sizes of its events.
    if len(body) > min(validator.max_event_bytes for validator in used) and _has_too_large(events, body, validators):
        return False

    def are_valid() -> bool:
        return all(validator.is_valid(event.payload) for validator, event in found)

    return offload(are_valid) if takes_long(used, body) else are_valid()


def _has_too_large(events: Sequence["Event"], body: bytes, validators: "Validators") -> bool:
    sizes = zip(events, map(len, split_items(body)), strict=True)
    return any(
        (found := validators.get(stored_type(event.type))) and size > found.max_event_bytes for event, size in sizes
    )


def takes_long(validators: "Collection[EventValidator]", body: bytes) -> bool:
    """Whether the check of the events in the body may take so long that it would hold the event loop."""
    return bool(validators) and _estimate_ns(validators, body) > MAX_CHECK_ON_LOOP_NS


def _estimate_ns(validators: "Iterable[EventValidator]", body: bytes) -> float:
    events = body.count(b"{")
    return max(validator.cost.estimate_ns(events, len(body)) for validator in validators)


def find_mismatches(
    event: "Event",
    raw: msgspec.Raw | bytes,
    source: Mapping[str, Any],
    is_described: bool,
    validators: "Validators",
) -> list[ProblemParts]:
    """What the payload, as it is stored, does not satisfy of the schema of its type; fields are pointers into `source`,
    the event as it was sent in `raw`."""
    validator = validators.get(stored_type(event.type))
    if validator is None:
        return []
    problems = validator.find_problems(event.payload, len(raw), is_described)
    return [_place_in_source(problem, source) for problem in problems]


def _place_in_source(problem: "SchemaProblem", source: Mapping[str, Any]) -> ProblemParts:
    """The problem where the caller sent the member: a field of the event may have become one of the payload."""
    payload_name = "properties" if source.get("payload") is None and "properties" in source else "payload"
    own, path = source.get(payload_name), problem.path
    is_moved = bool(path) and path[0] in source and not (isinstance(own, dict) and path[0] in own)
    field = join_pointer(str(path[0]), path[1:]) if is_moved else join_pointer(payload_name, path)
    return field, "schema_mismatch", problem.detail

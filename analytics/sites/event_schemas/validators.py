"""The compiled check of the payloads of one event type by its JSON Schema. Pure; safe from several threads.

The accept path calls `is_valid`, about 1 us for six properties; what is wrong is described for payloads that it
refuses. Numbers are compared as 64-bit floating-point numbers, integers with all their digits.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec

from analytics.errors import Invalid, Problem
from analytics.sites.event_schemas.bounds import (
    EXAMPLE,
    PATTERN_SIZES,
    Cost,
    SchemaFault,
    check_bounds,
    read_draft,
)
from analytics.sites.event_schemas.keywords import DRAFT_7
from analytics.sites.event_schemas.pointers import join_pointer
from analytics.sites.event_schemas.problems import SchemaProblem, describe_error
from analytics.web.json_errors import not_json

MAX_SCHEMA_BYTES = 65_536
MAX_PROBLEMS = 10
# An error costs 300 times as much as a check that finds none: of a payload with more checks it is only said that it is
# wrong.
MAX_DESCRIBED_CHECKS = 4000
# Memory of a pattern that is being matched.
DFA_BYTES = 1 << 16
_decode = msgspec.json.Decoder().decode
_NO_PAYLOAD: Mapping[str, Any] = {}


class EventValidator(NamedTuple):
    """The check of a type. `max_event_bytes`: of a larger event the check could take too long."""

    type_name: str
    cost: Cost
    max_event_bytes: int
    checker: Any

    def is_valid(self, payload: Mapping[str, Any] | None) -> bool:
        """Whether the payload of an event of at most `max_event_bytes` satisfies the schema; no payload is an empty
        one."""
        valid: bool = self.checker.is_valid(payload or _NO_PAYLOAD)
        return valid

    def find_problems(
        self, payload: Mapping[str, Any] | None, event_bytes: int, is_described: bool = True
    ) -> list[SchemaProblem]:
        """What is wrong, at most MAX_PROBLEMS, or only that something is; empty for a valid payload. `event_bytes`: the
        size of the event."""
        if event_bytes > self.max_event_bytes:
            detail = f"an event of {event_bytes:,} bytes is too large for the schema of {self.type_name!r}"
            accepted = f"accepted: at most {self.max_event_bytes:,} bytes, so that its check takes no long time"
            return [SchemaProblem((), "max_event_bytes", f"{detail}; {accepted}")]
        if self.is_valid(payload):
            return []
        if not is_described or self.cost.count_checks(event_bytes) > MAX_DESCRIBED_CHECKS:
            detail = f"the payload does not satisfy the schema of {self.type_name!r}; it is too large to say where"
            return [SchemaProblem((), "schema", f"{detail}; try a smaller one, for example with fewer items")]
        errors = self.checker.iter_errors(payload or _NO_PAYLOAD)
        found = (problem for error in errors for problem in describe_error(error, self.type_name))
        return list(islice(found, MAX_PROBLEMS))


def read_schema(text: bytes) -> Any:
    """The schema in the text. Raises BadInput (not JSON) and Invalid."""
    if len(text) > MAX_SCHEMA_BYTES:
        raise _invalid("too_long", f"{len(text):,} bytes; accepted: at most {MAX_SCHEMA_BYTES:,}")
    try:
        schema = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise not_json(error, text) from error
    if not isinstance(schema, (dict, bool)):
        raise _invalid("wrong_type", "this is no JSON Schema; accepted: an object (or true or false)")
    return schema


def compile_schema(type_name: str, text: bytes) -> EventValidator:
    """The compiled schema. Raises BadInput (not JSON), and Invalid for one that is not accepted, with its place as the
    field."""
    schema = read_schema(text)
    try:
        # The bounds come first, so that nothing costs much afterwards.
        cost = check_bounds(schema)
        _check_meaning(schema)
        checker = _compile(schema)
    except SchemaFault as fault:
        raise fault.as_invalid() from fault
    return EventValidator(type_name, cost, cost.max_event_bytes, checker)


def _check_meaning(schema: Any) -> None:
    """Raises SchemaFault for what the draft's own schema does not accept."""
    try:
        jsonschema_rs.meta.validate(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        place = tuple(map(str, getattr(error, "instance_path", ())))
        raise SchemaFault(place, "invalid", _describe_meaning(read_draft(schema))) from error


def _describe_meaning(draft: str) -> str:
    return f"the value is not what {draft} says of this keyword; accepted for example: {EXAMPLE}"


def _compile(schema: Any) -> Any:
    kind = jsonschema_rs.Draft7Validator if read_draft(schema) == DRAFT_7 else jsonschema_rs.Draft202012Validator
    options = jsonschema_rs.RegexOptions(size_limit=PATTERN_SIZES[-1], dfa_size_limit=DFA_BYTES)
    try:
        return kind(schema, pattern_options=options, validate_formats=True, offline=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        detail = f"the schema cannot be compiled; accepted for example: {EXAMPLE}"
        raise SchemaFault((), "invalid", detail) from error


def _invalid(code: str, detail: str) -> Invalid:
    text = f"{detail}, for example {EXAMPLE}"
    return Invalid(f"schema: {text}", [Problem(None, join_pointer("schema", ()), code, text)])

"""What is wrong with JSON that msgspec refused, in our own words; no text of msgspec is passed on.

web/validation.py and `ingest` call it. Pure: it knows no request.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from analytics.errors import BadInput

NOUNS: Mapping[str, str] = {
    "str": "text",
    "string": "text",
    "int": "a whole number",
    "integer": "a whole number",
    "float": "a number",
    "number": "a number",
    "bool": "true or false",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
SURROGATE_HINT = ", or an escape such as \\ud800 has no second half"
TIME = "an RFC 3339 time with a zone, for example 2026-01-31T12:00:00Z"
# The words of msgspec's message → the problem's code, and what to say.
KINDS = (
    ("missing required field", "missing", "missing"),
    ("of length <=", "wrong_length", "too long"),
    ("of length >=", "wrong_length", "too short"),
    ("RFC3339", "not_a_time", "not a time"),
    ("timezone", "no_zone", "a time without a zone"),
    ("out of range", "out_of_range", "out of range"),
    ("Expected", "wrong_type", "out of range"),
)


class StructError(NamedTuple):
    """The field's path, as completed_steps[...], in the struct's names."""

    field: str
    code: str
    detail: str


def not_json(error: Exception, body: bytes) -> BadInput:
    """400 for a body that is not JSON, with the byte at which it stops being that."""
    if isinstance(error, UnicodeDecodeError):
        return BadInput(f"the body is not UTF-8 (byte {error.start}); send UTF-8", position=error.start)
    if isinstance(error, RecursionError):
        return BadInput("the body is nested too deeply; send fewer levels of objects and arrays")
    position = _position(error, len(body))
    return BadInput(f"the body is {describe_malformed(error, body)}", position=position)


def describe_malformed(error: Exception, text: bytes) -> str:
    """Of one value in a body: what keeps it from being read."""
    if "out of range" in str(error):
        return "JSON with a number that is out of range; accepted: numbers of 64 bits, for example 1.5"
    return f'not JSON: {_found(text, _position(error, len(text)))}; accepted: JSON, for example {{"type": "signup"}}'


def _position(error: Exception, end: int) -> int:
    found = re.search(r"byte (\d+)", str(error))
    return min(int(found[1]), end) if found else end


def _found(body: bytes, position: int) -> str:
    if position >= len(body):
        return f"it ends too early, at byte {position}" + (SURROGATE_HINT if b"\\ud" in body.lower() else "")
    return f"{body[position : position + 10].decode(errors='replace')!r} at byte {position} cannot stand there"


def describe_struct_error(error: msgspec.ValidationError, struct: type[msgspec.Struct]) -> StructError:
    """The field that `struct` refused, and what it accepts."""
    text = str(error)
    place = re.search(r" - at (`key` in )?`\$\.?([^`]*)`", text)
    path = place[2] if place else ""
    named = re.search(r"(missing required|unknown) field `(.*?)`(?: - at|$)", text, re.DOTALL)
    if named and named[1] == "unknown":
        accepted = ", ".join(struct.__struct_fields__)
        return StructError(path, "unknown_field", f"no field {named[2][:80]!r}; accepted: {accepted}")
    path = named[2] if named else path
    code, problem = next(((code, words) for known, code, words in KINDS if known in text), ("invalid", "not accepted"))
    if got := re.search(r"got `(\w+)", text):
        problem = f"{NOUNS.get(got[1], 'this value')} is not accepted"
    if place and place[1]:
        problem = f"a name in it is {problem}"
    return StructError(path, code, f"{problem}; accepted: {_accepted(struct, re.split(r'[.[]', path)[0])}")


@lru_cache(maxsize=256)
def _accepted(struct: type[msgspec.Struct], name: str) -> str:
    kind = next((field.type for field in msgspec.structs.fields(struct) if field.encode_name == name), None)
    return "an object" if kind is None else describe_shape(msgspec.json.schema(kind))


def describe_shape(shape: Mapping[str, Any]) -> str:
    """A JSON Schema as a phrase: `text of 1 to 128 characters or a whole number`. That null is accepted is left out."""
    choices = [one for one in shape.get("anyOf", [shape]) if one.get("type") != "null"]
    return " or ".join(dict.fromkeys(_describe_choice(one) for one in choices))


def _describe_choice(shape: Mapping[str, Any]) -> str:
    if shape.get("format") == "date-time":
        return TIME
    noun = NOUNS.get(shape.get("type", ""), "a value")
    if "enum" in shape:
        return ", ".join(str(word) for word in shape["enum"])
    if "maxLength" in shape:
        least = shape.get("minLength", 0)
        return f"{noun} of {f'{least} to' if least else 'at most'} {shape['maxLength']} characters"
    most = shape.get("maxItems", shape.get("maxProperties"))
    size = "" if most is None else f" of at most {most} entries"
    entry = shape.get("items", shape.get("additionalProperties"))
    return f"{noun}{size}" + (f", each {describe_shape(entry)}" if isinstance(entry, Mapping) and entry else "")

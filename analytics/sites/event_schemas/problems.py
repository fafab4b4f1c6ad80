"""What a payload does not satisfy of its type's schema: where, by which keyword, and what is accepted. Pure.

validators.py calls it. No text of the library that checks reaches a detail.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec

from analytics.sites.event_schemas.pointers import join_pointer

MAX_VALUE_CHARACTERS = 60
MAX_LISTED_OPTIONS = 20
# Of a value that is not in the payload, or of a name: what is wrong is the member, not the object that holds it.
_LIMITS = {
    "minimum": "at least {limit}",
    "maximum": "at most {limit}",
    "exclusiveMinimum": "more than {limit}",
    "exclusiveMaximum": "less than {limit}",
    "multipleOf": "a multiple of {multiple_of}",
    "minLength": "at least {limit} characters",
    "maxLength": "at most {limit} characters",
    "minItems": "at least {limit} items",
    "maxItems": "at most {limit} items",
    "minProperties": "at least {limit} properties",
    "maxProperties": "at most {limit} properties",
    "pattern": "a text that matches {pattern}",
    "format": "a text of the format {format}",
    "uniqueItems": "items that all differ",
    "contains": "an array with an item that the schema's contains describes",
    "anyOf": "what one of the schemas of anyOf describes",
    "oneOf": "what exactly one of the schemas of oneOf describes",
    "not": "what the schema of not does not describe",
    "additionalItems": "at most {limit} items",
}


class SchemaProblem(NamedTuple):
    """`path`: of the member of the payload; `keyword`: of the schema, at `schema_path`."""

    path: tuple[str | int, ...]
    keyword: str
    detail: str

    def field(self, payload_name: str = "payload") -> str:
        """The member as a pointer, for example payload/total."""
        return join_pointer(payload_name, self.path)


def describe_error(error: jsonschema_rs.ValidationError, type_name: str) -> Iterator[SchemaProblem]:
    """The problems of one error of the validator: one for each property that is not accepted."""
    keyword, path, parts = error.kind.name, tuple(error.instance_path), error.kind.as_dict()
    rule = f"the schema of {type_name!r}, {join_pointer('#', error.schema_path)}"
    if keyword == "required":
        name = str(parts["property"])
        yield SchemaProblem((*path, name), keyword, f"{_show(name)} is missing; accepted: an event with it, by {rule}")
    elif keyword == "additionalProperties":
        for name in parts["unexpected"]:
            detail = f"{_show(name)} is not accepted; accepted: the properties that are listed in {rule}"
            yield SchemaProblem((*path, str(name)), keyword, detail)
    elif keyword == "falseSchema":
        yield SchemaProblem(path, keyword, f"no value is accepted here by {rule}; leave it out")
    elif keyword == "propertyNames":
        detail = f"the name of a property is not accepted; accepted: what {rule} describes"
        yield SchemaProblem(path, keyword, detail)
    else:
        accepted = _describe_accepted(keyword, parts)
        yield SchemaProblem(path, keyword, f"{_show(error.instance)} is not accepted; accepted: {accepted}, by {rule}")


def _describe_accepted(keyword: str, parts: dict[str, Any]) -> str:
    if keyword == "type":
        return " or ".join(parts["types"])
    if keyword == "enum":
        options = parts["options"]
        more = f" and {len(options) - MAX_LISTED_OPTIONS} more" if len(options) > MAX_LISTED_OPTIONS else ""
        return ", ".join(map(_show, options[:MAX_LISTED_OPTIONS])) + more
    if keyword == "const":
        return _show(parts["expected_value"])
    if keyword in _LIMITS:
        return _LIMITS[keyword].format(**{name: _shorten(str(value)) for name, value in parts.items()})
    return f"what the keyword {keyword} describes"


def _show(value: Any) -> str:
    """The value as JSON, cut."""
    try:
        return _shorten(msgspec.json.encode(value).decode())
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):
        # An integer of more than 64 bits.
        return _shorten(str(value))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[:MAX_VALUE_CHARACTERS] + "…"

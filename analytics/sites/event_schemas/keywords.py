"""The keywords of JSON Schema that a schema of events may have, by draft, and where their subschemas are. Pure.

Every other keyword is refused, because a misspelt one would check nothing. So is what has no bounded cost
(`unevaluatedProperties` of a chain takes twice as long with each link) or no fixed meaning (`contentMediaType`).
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

DRAFT_2020_12 = "https://json-schema.org/draft/2020-12/schema"
DRAFT_7 = "http://json-schema.org/draft-07/schema"


class Applies(Enum):
    """How often the subschema of a keyword is applied to an event, and to which part of it."""

    # Once, to the same value.
    HERE = "here"
    # Once, to a member of its own.
    MEMBER = "member"
    # To each of any number of members.
    MEMBERS = "members"


# Keywords with one subschema, with a list of them, and with an object of them.
ONE: Mapping[str, Applies] = {
    **dict.fromkeys(("not", "if", "then", "else"), Applies.HERE),
    **dict.fromkeys(("items", "additionalItems", "contains", "additionalProperties", "propertyNames"), Applies.MEMBERS),
}
LISTED: Mapping[str, Applies] = {
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), Applies.HERE),
    **dict.fromkeys(("prefixItems", "items"), Applies.MEMBER),
}
NAMED: Mapping[str, Applies] = {
    "properties": Applies.MEMBER,
    "patternProperties": Applies.MEMBERS,
    **dict.fromkeys(("dependentSchemas", "dependencies"), Applies.HERE),
}
DEFINITIONS = ("$defs", "definitions")
ANNOTATIONS = ("title", "description", "default", "examples", "$comment", "readOnly", "writeOnly", "deprecated")
_IN_BOTH = frozenset(
    (
        *("$schema", "$id", "$ref", *DEFINITIONS, *ANNOTATIONS),
        *("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        *("maxLength", "minLength", "pattern", "format", "maxItems", "minItems", "uniqueItems", "contains", "items"),
        *("maxProperties", "minProperties", "required", "properties", "patternProperties", "additionalProperties"),
        *("propertyNames", "if", "then", "else", "allOf", "anyOf", "oneOf", "not"),
    )
)
KEYWORDS: Mapping[str, frozenset[str]] = {
    DRAFT_2020_12: _IN_BOTH | {"prefixItems", "minContains", "maxContains", "dependentRequired", "dependentSchemas"},
    DRAFT_7: _IN_BOTH | {"additionalItems", "dependencies"},
}
# Those that are checked, in time that grows with the length of the text.
FORMATS = (
    *("date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6"),
    *("uri", "uri-reference", "uuid", "json-pointer"),
)


def iterate_subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[Applies | None, tuple[str, ...], Any]]:
    """How each direct subschema is applied, its path from `schema`, and itself. None: by a $ref alone."""
    for keyword, value in schema.items():
        if keyword in DEFINITIONS and isinstance(value, dict):
            yield from ((None, (keyword, name), inner) for name, inner in value.items())
        elif keyword in NAMED and isinstance(value, dict):
            # The other form of `dependencies` is a list of names.
            named = ((name, inner) for name, inner in value.items() if not isinstance(inner, list))
            yield from ((NAMED[keyword], (keyword, name), inner) for name, inner in named)
        elif keyword in LISTED and isinstance(value, list):
            yield from ((LISTED[keyword], (keyword, str(index)), inner) for index, inner in enumerate(value))
        elif keyword in ONE:
            yield ONE[keyword], (keyword,), value

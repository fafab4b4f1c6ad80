"""What a JSON Schema of events may be, and what checking an event by it costs at most. Pure.

Events come from strangers: the cost of an event is bounded by its size and the schema alone, whatever it holds. A
schema that costs more is refused when it is set (docs/decisions/0030).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jsonschema_rs

from analytics.errors import Invalid, Problem
from analytics.sites.event_schemas.keywords import (
    DRAFT_7,
    DRAFT_2020_12,
    FORMATS,
    KEYWORDS,
    Applies,
    iterate_subschemas,
)
from analytics.sites.event_schemas.pointers import join_pointer

MAX_DEPTH = 32
# Subschemas inside each other, also through $ref.
MAX_NESTED_SCHEMAS = 64
MAX_PATTERNS = 50
MAX_PATTERN_CHARACTERS = 1000
# Bytes of the automaton that a pattern becomes: a text costs their number a character at worst.
PATTERN_SIZES = (1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15)
# One check of one value: measured 15 to 25 ns.
CHECK_NS = 25.0
# Measured worst case of a character, for each byte of the automaton of a pattern; of a format; of a length.
PATTERN_NS, FORMAT_NS, LENGTH_NS = 0.16, 100.0, 1.0
# Checks of comparing with an object or array of an enum, and of comparing a member of an array with all others.
CONTAINER_CHECKS, UNIQUE_CHECKS = 40.0, 10.0
# `[1,1,…`: no JSON has more values a byte.
VALUES_A_BYTE = 0.5
# As of every event (ingest/decoding/rejections.py).
MAX_EVENT_BYTES = 65_536
# How long the check of one event may hold the process at worst.
EVENT_BUDGET_NS = 50e6
MAX_FIXED_CHECKS = 40_000.0
# An event of this size is checked whatever its type's schema.
LEAST_EVENT_BYTES = 4096
EXAMPLE = '{"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}'


LOCAL_REFERENCE = "accepted: a pointer into this schema, for example #/$defs/money"


class Cost(NamedTuple):
    """What checking costs at most: checks for an event, checks and nanoseconds of reading texts for each byte of it."""

    checks: float = 0.0
    checks_a_byte: float = 0.0
    text_ns_a_byte: float = 0.0

    def plus(self, other: "Cost") -> "Cost":
        """Both checks of the same value."""
        return Cost(*(own + others for own, others in zip(self, other, strict=True)))

    def beside(self, other: "Cost") -> "Cost":
        """Checks of two members: no byte is in both."""
        return Cost(
            self.checks + other.checks,
            max(self.checks_a_byte, other.checks_a_byte),
            max(self.text_ns_a_byte, other.text_ns_a_byte),
        )

    def for_each(self) -> "Cost":
        """The same check of any number of members."""
        return Cost(0.0, self.checks_a_byte + VALUES_A_BYTE * self.checks, self.text_ns_a_byte)

    def count_checks(self, event_bytes: int) -> float:
        """Checks of values of an event of that size."""
        return self.checks + self.checks_a_byte * event_bytes

    def estimate_ns(self, events: int, event_bytes: int) -> float:
        """Nanoseconds of so many events with so many bytes together."""
        return events * self.checks * CHECK_NS + event_bytes * self._ns_a_byte

    @property
    def max_event_bytes(self) -> int:
        """The size of the largest event that is checked within the budget."""
        left_ns = EVENT_BUDGET_NS - self.checks * CHECK_NS
        return min(MAX_EVENT_BYTES, int(left_ns / max(self._ns_a_byte, 1.0)))

    @property
    def _ns_a_byte(self) -> float:
        return self.checks_a_byte * CHECK_NS + self.text_ns_a_byte


class SchemaFault(Exception):
    """`place`: a pointer into the schema."""

    def __init__(self, place: tuple[str, ...], code: str, detail: str) -> None:
        super().__init__(detail)
        self.place, self.code, self.detail = place, code, detail

    def as_invalid(self) -> Invalid:
        """The error that a caller gets, with the place as its field."""
        field = join_pointer("schema", self.place)
        return Invalid(f"{field}: {self.detail}", [Problem(None, field, self.code, self.detail)])


def check_bounds(schema: Any) -> Cost:
    """The cost of a schema. Raises SchemaFault for one that is not accepted; what it means is not checked here."""
    _check_depth(schema)
    cost = _Walk(schema, read_draft(schema)).measure((), schema, ())
    if cost.checks > MAX_FIXED_CHECKS:
        raise SchemaFault((), "too_large", _too_costly(f"it has more than {MAX_FIXED_CHECKS:,.0f} checks an event"))
    if cost.max_event_bytes < LEAST_EVENT_BYTES:
        raise SchemaFault((), "too_costly", _too_costly("a long event could be checked for too long"))
    return cost


def read_draft(schema: Any) -> str:
    """The draft that `$schema` names, 2020-12 by default. Raises SchemaFault."""
    named = schema.get("$schema", DRAFT_2020_12) if isinstance(schema, dict) else DRAFT_2020_12
    draft = str(named).removesuffix("#")
    if draft == DRAFT_2020_12:
        return DRAFT_2020_12
    if draft == DRAFT_7.removesuffix("#"):
        return DRAFT_7
    accepted = f"accepted: {DRAFT_2020_12} (the default) or {DRAFT_7}, for example {DRAFT_2020_12}"
    raise SchemaFault(("$schema",), "unknown_draft", f"{str(named)[:80]!r} is not supported; {accepted}")


def _too_costly(why: str) -> str:
    return (
        f"the schema costs too much: {why}; accepted: fewer and shorter patterns and enums, above all in items and "
        "additionalProperties. A long text is limited by maxLength, for example "
        '{"maxLength": 200, "pattern": "^[a-z]+$"}'
    )


def _check_depth(schema: Any) -> None:
    level = [schema]
    for _ in range(MAX_DEPTH):
        inner = (members for value in level if isinstance(value, (dict, list)) for members in _members(value))
        level = [value for value in inner if isinstance(value, (dict, list))]
        if not level:
            return
    detail = f"nested too deeply; accepted: at most {MAX_DEPTH} levels of objects and arrays, for example {EXAMPLE}"
    raise SchemaFault((), "too_deep", detail)


def _members(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


class _Walk:
    """One pass over a schema: a subschema that several $refs name is measured once, and counted for each."""

    def __init__(self, root: Any, draft: str) -> None:
        self._root, self._draft, self._patterns = root, draft, 0
        self._measured: dict[str, Cost] = {}

    def measure(self, place: tuple[str, ...], schema: Any, references: tuple[str, ...], level: int = 0) -> Cost:
        """`references`: the $refs that lead here."""
        if level > MAX_NESTED_SCHEMAS:
            detail = f"more than {MAX_NESTED_SCHEMAS} schemas inside each other; accepted: fewer, for example {EXAMPLE}"
            raise SchemaFault(place, "too_deep", detail)
        if not isinstance(schema, dict):
            # Anything but a boolean is refused by the draft's own schema.
            return Cost(checks=1.0)
        self._check_keywords(place, schema)
        cost, members = self._own_cost(place, schema), Cost()
        for applies, path, inner in iterate_subschemas(schema):
            inner_cost = self.measure(place + path, inner, references, level + 1)
            if applies is Applies.HERE:
                cost = cost.plus(inner_cost)
            elif applies is Applies.MEMBER:
                members = members.beside(inner_cost)
            elif applies is Applies.MEMBERS:
                cost = cost.plus(inner_cost.for_each())
        if "$ref" in schema:
            cost = cost.plus(self._measure_reference((*place, "$ref"), schema["$ref"], references, level))
        return cost.plus(members)

    def _measure_reference(self, place: tuple[str, ...], pointer: Any, references: tuple[str, ...], level: int) -> Cost:
        # An escaped character could name another member than the one that is measured.
        if not isinstance(pointer, str) or not pointer.startswith("#/") or "%" in pointer:
            circle = " (the schema itself, a circle)" if pointer == "#" else ""
            raise SchemaFault(place, "not_local", f"{str(pointer)[:80]!r} is not accepted{circle}; {LOCAL_REFERENCE}")
        if pointer in references:
            detail = (
                f"{pointer[:80]!r} refers to itself, and would have no bounded cost; accepted: schemas without a circle"
            )
            raise SchemaFault(place, "recursive", f"{detail}, for example {EXAMPLE}")
        if pointer not in self._measured:
            target = self._resolve(place, pointer)
            self._measured[pointer] = self.measure(
                tuple(pointer[2:].split("/")), target, (*references, pointer), level + 1
            )
        return self._measured[pointer]

    def _resolve(self, place: tuple[str, ...], pointer: str) -> Any:
        """The subschema that a `$ref` names: only the schema itself is ever read."""
        target = self._root
        for name in pointer[2:].split("/"):
            step = name.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and step.isascii() and step.isdigit() and int(step) < len(target):
                target = target[int(step)]
            elif isinstance(target, dict) and step in target:
                target = target[step]
            else:
                raise SchemaFault(place, "not_found", f"there is no {pointer[:80]!r} in the schema; {LOCAL_REFERENCE}")
        return target

    def _check_keywords(self, place: tuple[str, ...], schema: Mapping[str, Any]) -> None:
        for keyword in schema:
            is_inner = bool(place) and keyword in ("$schema", "$id")
            if is_inner or not (keyword in KEYWORDS[self._draft] or keyword.startswith("x-")):
                accepted = ", ".join(sorted(KEYWORDS[self._draft]))
                where = " below the top of the schema" if is_inner else f" in {self._draft}"
                detail = f"the keyword {keyword[:80]!r} is not accepted{where}; accepted: {accepted}"
                detail += ", and your own annotations as x-…, for example x-owner"
                raise SchemaFault((*place, keyword), "unknown_keyword", detail)
        text_format = schema.get("format")
        if text_format is not None and text_format not in FORMATS:
            detail = f"{str(text_format)[:80]!r} is not checked; accepted: {', '.join(FORMATS)}, for example date-time"
            raise SchemaFault((*place, "format"), "unknown_format", detail)

    def _own_cost(self, place: tuple[str, ...], schema: Mapping[str, Any]) -> Cost:
        """Of the schema without its subschemas."""
        checks = 1.0 + len(schema) + _count_options(schema)
        lengths = sum(keyword in schema for keyword in ("minLength", "maxLength"))
        text_ns = LENGTH_NS * lengths + FORMAT_NS * ("format" in schema)
        if isinstance(schema.get("pattern"), str):
            text_ns += self._measure_pattern((*place, "pattern"), schema["pattern"])
        named = schema.get("patternProperties")
        for pattern in named if isinstance(named, dict) else ():
            text_ns += self._measure_pattern((*place, "patternProperties", pattern), pattern)
        return Cost(checks, UNIQUE_CHECKS * (schema.get("uniqueItems") is True), text_ns)

    def _measure_pattern(self, place: tuple[str, ...], pattern: str) -> float:
        """Nanoseconds a character at worst. Raises SchemaFault."""
        self._patterns += 1
        if self._patterns > MAX_PATTERNS:
            detail = f"more than {MAX_PATTERNS} patterns; accepted: fewer, for example an enum in place of a pattern"
            raise SchemaFault(place, "too_many_patterns", detail)
        size = _pattern_size(pattern) if len(pattern) <= MAX_PATTERN_CHARACTERS else None
        if size is None:
            raise SchemaFault(place, "pattern", _describe_pattern(pattern))
        return PATTERN_NS * size


def _count_options(schema: Mapping[str, Any]) -> float:
    """Comparisons of `enum`, `const` and the lists of names."""
    options = schema.get("enum")
    compared = [*(options if isinstance(options, list) else ()), schema.get("const")]
    checks = sum(CONTAINER_CHECKS if isinstance(option, (dict, list)) else 1.0 for option in compared)
    required = schema.get("required")
    checks += len(required) if isinstance(required, list) else 0
    for keyword in ("dependentRequired", "dependencies"):
        named = schema.get(keyword)
        checks += (
            sum(len(names) for names in named.values() if isinstance(names, list)) if isinstance(named, dict) else 0
        )
    return checks


def _pattern_size(pattern: str) -> int | None:
    """The least of PATTERN_SIZES that is enough for the pattern; None when it is not accepted."""
    for size in PATTERN_SIZES:
        options = jsonschema_rs.RegexOptions(size_limit=size)
        try:
            jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options, offline=True)
        except (jsonschema_rs.ValidationError, ValueError):
            continue
        return size
    return None


def _describe_pattern(pattern: str) -> str:
    return (
        f"the pattern {pattern[:80]!r} is not accepted: it is no regular expression, is too large (counted repetitions "
        "multiply), or looks around or back, which has no bounded cost; accepted: regular expressions of ECMA 262 "
        r"without (?=…), (?!…) and \1, of at most 1,000 characters; a length is limited by maxLength, for example "
        r'{"maxLength": 200, "pattern": "^[^<>]+$"}'
    )

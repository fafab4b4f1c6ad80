"""The parameter `filter`: parses its text into conditions, and builds their SQL. Readers of raw events call it.

    country==DE;path=^/blog;payload.plan!=free;browser==Chrome|Firefox

`;` joins conditions that must all hold, `|` alternative values. `==` equals, `=~` contains, `=^` begins with; `!=`,
`!~` and `!^` hold exactly where those do not, so also for events without a value. An empty value means no value:
`referrer==` is direct. A backslash makes `;`, `|`, `\\` or another sign of the grammar a literal. Case matters, but for
`source` and the utm_ fields: `source==google` finds Google, `utm_source==News` what was sent as news. A field
is a dimension, with the values that breakdowns show (region `DE/Bavaria`, city `DE/Bavaria/Munich`), or `payload.` and
a property, nested ones with dots: the text of a string, number or boolean; of an object or list, its JSON as PostgreSQL
writes it. Numbers are compared as numbers (`payload.step==1` finds 1.0), strings as text. A type may have any of its
names (store/event_types.py). There are no regular expressions, so no filter takes unbounded time.

Whether a condition selects events or visits: scope.py. `entry_path` and `exit_path` are fields of visits alone.

In place of a condition, `segment:` and a name stand for the conditions of a stored segment.
reports/segments/expansion.py replaces them before a filter is parsed into conditions.

Pure, but for ANONYMIZE_USER_IDS: user ids that are stored as pseudonyms are not looked for by what they stand for, and
no definition or job stores them.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Text, and_, case, cast, false, func, literal, or_, true
from sqlalchemy.dialects.postgresql import JSONB

from analytics.errors import BadInput, Problem
from analytics.extensions import settings
from analytics.reports.filtering.payload_properties import (
    ESCAPED_SIGNS,
    MAX_PROPERTY_DEPTH,
    property_as_sent,
    property_json,
    property_text,
)
from analytics.store.event_types import stored_subject, stored_type
from analytics.store.folding import CASELESS_FIELDS, FOLDED_FIELDS, fold, fold_column

MAX_CONDITIONS, MAX_CONDITION_VALUES, MAX_VALUE_CHARS = 20, 50, 1_000
PAYLOAD = "payload"
SEGMENT_MARK = "segment:"
FIELDS = (
    *("path", "hostname", "referrer", "source", "channel", "country", "region", "city"),
    *("browser", "os", "device", "language", "screen", "entry_path", "exit_path"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("type", "subject", "src", "user_id", "session_id"),
)
# How stored ids begin that are pseudonyms (privacy/pseudonym.py) or visitor keys.
DERIVED_ID_MARKS = ("#", "~")
# Operator as written → comparison, is negated.
OPERATORS = {
    "==": ("is", False),
    "!=": ("is", True),
    "=~": ("contains", False),
    "!~": ("contains", True),
    "=^": ("begins", False),
    "!^": ("begins", True),
}
# A region's value begins with its country, a city's with both.
PLACE_FIELDS = ("country", "region", "city")
# As JSON writes one, of a length that PostgreSQL's numeric holds.
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,400})?([eE][-+]?[0-9]{1,3})?")


class Columns(Protocol):
    """A table's columns, or expressions under their names."""

    def __getitem__(self, name: str, /) -> ColumnElement[Any]: ...


class Condition(NamedTuple):
    """`property_path`: of a payload property, outermost name first; empty: `field` is a column."""

    field: str
    property_path: tuple[str, ...]
    operator: str
    is_negated: bool
    values: tuple[str, ...]


class SegmentReference(NamedTuple):
    """`segment:` and a name, which is `text[start:end]` of the filter."""

    name: str
    start: int
    end: int


def parse_filter(filter_text: str) -> tuple[Condition, ...]:
    """The conditions of a text without segments. Raises BadInput as `parse_terms`, also for a segment."""
    conditions: list[Condition] = []
    for term in parse_terms(filter_text):
        if isinstance(term, SegmentReference):
            raise _refuse(filter_text, term.start, "conditions only: a segment names no other segment")
        conditions.append(term)
    return tuple(conditions)


def parse_terms(filter_text: str) -> list[Condition | SegmentReference]:
    """The conditions and segments. Raises BadInput with the `position` of the error, from 0, and what was expected."""
    terms: list[Condition | SegmentReference] = []
    position = 0
    while not terms or position < len(filter_text):
        if len(terms) == MAX_CONDITIONS:
            raise _refuse(filter_text, position, f"at most {MAX_CONDITIONS} conditions")
        # Skips the semicolon before every term but the first.
        term, position = _parse_term(filter_text, position + bool(terms))
        terms.append(term)
    return terms


def check_filter(filter_text: str) -> None:
    """Raises BadInput as `parse_terms` and `check_users`. It does not ask whether the segments exist."""
    check_users([term for term in parse_terms(filter_text) if isinstance(term, Condition)])


def segment_term(name: str) -> str:
    """The segment as a filter names it."""
    return SEGMENT_MARK + re.sub(r"([;|\\])", r"\\\1", name)


def read_filter(filter_text: str) -> tuple[Condition, ...]:
    """The conditions of what a caller sent. Raises BadInput as `parse_filter` and `check_users` do."""
    conditions = parse_filter(filter_text)
    check_users(conditions)
    return conditions


def check_users(conditions: Sequence[Condition], parameter: str = "filter") -> None:
    """Raises BadInput for a user id that is not stored under ANONYMIZE_USER_IDS."""
    values = [value for one in conditions if one.field == "user_id" for value in one.values if value]
    if not values or not settings().anonymize_user_ids or all(map(_is_derived_id, values)):
        return
    detail = (
        f"{parameter}: user_id: ids are stored as pseudonyms (ANONYMIZE_USER_IDS); accepted: a pseudonym or visitor "
        "key, for example user_id==#Uu3lEkXCpxTq0xDCAdnl. The pseudonym of ann is in the rows of "
        "GET /api/analytics/reports/events?user_id=ann; exports of one user take user_id in their filter"
    )
    raise BadInput(detail, [Problem(None, parameter, "pseudonyms", detail)])


def _is_derived_id(user_id: str) -> bool:
    return user_id.startswith(DERIVED_ID_MARKS)


def _parse_term(text: str, start: int) -> tuple[Condition | SegmentReference, int]:
    """The term at `start`, and the position where it ends: a semicolon or the end of the text."""
    if not text.startswith(SEGMENT_MARK, start):
        return _parse_condition(text, start)
    name, end = _parse_literal(text, start + len(SEGMENT_MARK), ";|")
    if not name.strip():
        raise _refuse(text, start + len(SEGMENT_MARK), "the name of a segment")
    if text[end : end + 1] == "|":
        raise _refuse(text, end, r"one segment, a | in its name written as \|")
    return SegmentReference(name, start, end), end


def _parse_condition(text: str, start: int) -> tuple[Condition, int]:
    """The condition at `start`, and the position where it ends: a semicolon or the end of the text."""
    field, property_path, position = _parse_field(text, start)
    if text[position : position + 2] not in OPERATORS:
        raise _refuse(text, position, "one of " + " ".join(OPERATORS))
    operator, is_negated = OPERATORS[text[position : position + 2]]
    values, position = _parse_values(text, position + 1, operator)
    if field == "type" and operator == "is":
        values = tuple(map(stored_type, values))
    if field == "subject" and operator == "is":
        values = tuple(map(stored_subject, values))
    if field in CASELESS_FIELDS:
        values = tuple(map(fold, values))
    return Condition(field, property_path, operator, is_negated, values), position


def _parse_values(text: str, position: int, operator: str) -> tuple[tuple[str, ...], int]:
    """The values, each after the character at `position`: the operator's last one, then `|`."""
    values: list[str] = []
    while not values or text[position : position + 1] == "|":
        if len(values) == MAX_CONDITION_VALUES:
            raise _refuse(text, position, f"at most {MAX_CONDITION_VALUES} values of one field")
        value, end = _parse_literal(text, position + 1, ";|")
        if operator != "is" and not value:
            raise _refuse(text, position + 1, "the text to look for")
        values.append(value)
        position = end
    return tuple(values), position


def _parse_field(text: str, start: int) -> tuple[str, tuple[str, ...], int]:
    field, position = _parse_literal(text, start, ".=!;|")
    if field == PAYLOAD:
        return field, *_parse_property_path(text, position)
    if field not in FIELDS:
        more = f"{PAYLOAD}. and the name of a property, or {SEGMENT_MARK} and the name of a segment"
        raise _refuse(text, start, f"one of {', '.join(FIELDS)}, or {more}")
    return field, (), position


def _parse_property_path(text: str, position: int) -> tuple[tuple[str, ...], int]:
    names: list[str] = []
    while text[position : position + 1] == ".":
        if len(names) == MAX_PROPERTY_DEPTH:
            raise _refuse(text, position, f"at most {MAX_PROPERTY_DEPTH} names within each other")
        name, end = _parse_literal(text, position + 1, ".=!;|")
        if not name:
            raise _refuse(text, position + 1, "the name of a property")
        names.append(name)
        position = end
    if not names:
        raise _refuse(text, position, "a dot and the name of a property")
    return tuple(names), position


def _parse_literal(text: str, start: int, stops: str) -> tuple[str, int]:
    """The unescaped text up to one of `stops` or the end, and the position where it ends."""
    characters: list[str] = []
    position = start
    while position < len(text) and text[position] not in stops:
        if text[position] == "\\":
            position += 1
            if text[position : position + 1] not in tuple(ESCAPED_SIGNS):
                raise _refuse(text, position, "after a backslash one of " + " ".join(sorted(ESCAPED_SIGNS)))
        # PostgreSQL has no NUL character, so no stored value could match.
        if text[position] == "\0" or len(characters) == MAX_VALUE_CHARS:
            raise _refuse(text, position, f"at most {MAX_VALUE_CHARS:,} characters, none of them NUL")
        characters.append(text[position])
        position += 1
    return "".join(characters), position


def _refuse(text: str, position: int, expected: str) -> BadInput:
    excerpt = repr(text[position : position + 20]) if position < len(text) else "the end"
    detail = f"filter: at position {position}, {excerpt} is not accepted; accepted: {expected}; for example {EXAMPLE}"
    return BadInput(detail, [Problem(None, "filter", "bad_filter", detail)], position=position, expected=expected)


EXAMPLE = "filter=country==DE;path=^/blog;payload.plan!=free"


def build_filter_clause(conditions: Sequence[Condition], columns: Columns) -> ColumnElement[bool]:
    """Whether a row meets all conditions. `columns`: of `events`, or others of these names. Every value is bound."""
    return and_(true(), *(_condition_clause(condition, columns) for condition in conditions))


def _condition_clause(condition: Condition, columns: Columns) -> ColumnElement[bool]:
    text = field_expression(columns, condition.field)
    if condition.field in CASELESS_FIELDS - FOLDED_FIELDS:
        text = fold_column(text)
    if names := condition.property_path:
        text = (property_as_sent if condition.operator == "is" else property_text)(columns[PAYLOAD], names)
    # An empty value and a negated condition also match rows without a value.
    if condition.is_negated or "" in condition.values:
        text = func.coalesce(text, "")
    clause = _comparison(text, condition)
    if condition.operator == "is" and condition.property_path:
        clause = or_(clause, _is_number(columns[PAYLOAD], condition))
    return ~clause if condition.is_negated else clause


def _is_number(payload: ColumnElement[Any], condition: Condition) -> ColumnElement[bool]:
    """Whether the property is a number that a value is, however either is written: JSON compares them as numbers."""
    numbers = [cast(literal(value, Text), JSONB) for value in condition.values if JSON_NUMBER.fullmatch(value)]
    return func.coalesce(property_json(payload, condition.property_path).in_(numbers), false()) if numbers else false()


def _comparison(text: ColumnElement[str], condition: Condition) -> ColumnElement[bool]:
    if condition.operator == "is":
        return text.in_(condition.values)
    if condition.operator == "begins":
        return or_(*(func.starts_with(text, value) for value in condition.values))
    return or_(*(func.strpos(text, value) > 0 for value in condition.values))


def field_expression(columns: Columns, field: str) -> ColumnElement[str]:
    """The field's value as rollups and breakdowns show it; NULL or '': no value."""
    column = columns[field]
    if field in FOLDED_FIELDS:
        return fold_column(column)
    if field not in PLACE_FIELDS[1:]:
        return column
    names = PLACE_FIELDS[: PLACE_FIELDS.index(field) + 1]
    return case((func.coalesce(column, "") != "", func.concat_ws("/", *(_or_empty(columns[name]) for name in names))))


def _or_empty(column: ColumnElement[Any]) -> ColumnElement[str]:
    return func.coalesce(column, "")

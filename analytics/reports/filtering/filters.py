"""`filter=`: which events a caller wants, as text and as a condition of SQL. Pure; for whoever reads raw events.

    country==DE;path=^/blog;payload.plan!=free;browser==Chrome|Firefox

`;` joins conditions that must all hold, `|` values of which any will do. `==` is, `=~` contains, `=^` begins with;
`!=`, `!~` and `!^` hold exactly where those do not, so also where an event says nothing. An empty value means that it
says nothing: `referrer==` is direct. A backslash takes `;`, `|`, `\\` or another sign of the grammar as a letter. Upper
and lower case differ. A field is a dimension, with the values that breakdowns show (a region is `DE/Bavaria`, a city
`DE/Bavaria/Munich`), or `payload.` and the name of a property, nested ones with dots: the text of a string, number or
boolean; of an object or a list, its JSON as PostgreSQL writes it. Nobody can send a pattern, so none takes for ever.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Text, and_, case, func, or_, true

from analytics.errors import BadInput, Problem

MOST_CONDITIONS, MOST_VALUES, MOST_CHARS, MOST_NAMES = 20, 50, 1_000, 16
PAYLOAD = "payload"
FIELDS = (
    *("path", "referrer", "source", "country", "region", "city", "browser", "os", "device"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("type", "subject", "src", "user_id", "session_id"),
)
# How they are written → what is looked for, and whether it must not be there.
TESTS = {
    "==": ("is", False),
    "!=": ("is", True),
    "=~": ("contains", False),
    "!~": ("contains", True),
    "=^": ("begins", False),
    "!^": ("begins", True),
}
ESCAPED = frozenset(";|\\.=!~^")


class Columns(Protocol):
    """A table's columns, or expressions under their names."""

    def __getitem__(self, name: str, /) -> ColumnElement[Any]: ...


class Condition(NamedTuple):
    """`names`: those of a payload's property, the outermost first; none: `field` is a column."""

    field: str
    names: tuple[str, ...]
    test: str
    is_negated: bool
    values: tuple[str, ...]


def parse_filter(given: str) -> tuple[Condition, ...]:
    """The conditions. Raises BadInput with the `position` in the text, from 0, and what was expected there."""
    found: list[Condition] = []
    at = 0
    while not found or at < len(given):
        if len(found) == MOST_CONDITIONS:
            raise _refuse(given, at, f"at most {MOST_CONDITIONS} conditions")
        # Past the semicolon, unless this is the first.
        condition, at = _read_condition(given, at + bool(found))
        found.append(condition)
    return tuple(found)


def _read_condition(given: str, start: int) -> tuple[Condition, int]:
    """The condition that begins at `start`, and where it ends: at a semicolon or at the end of the text."""
    field, names, at = _read_field(given, start)
    if given[at : at + 2] not in TESTS:
        raise _refuse(given, at, "one of " + " ".join(TESTS))
    test, is_negated = TESTS[given[at : at + 2]]
    values: list[str] = []
    at += 1
    while not values or given[at : at + 1] == "|":
        if len(values) == MOST_VALUES:
            raise _refuse(given, at, f"at most {MOST_VALUES} values of one field")
        value, end = _read_text(given, at + 1, ";|")
        if test != "is" and not value:
            raise _refuse(given, at + 1, "the text to look for")
        values.append(value)
        at = end
    return Condition(field, names, test, is_negated, tuple(values)), at


def _read_field(given: str, start: int) -> tuple[str, tuple[str, ...], int]:
    field, at = _read_text(given, start, ".=!;|")
    if field != PAYLOAD:
        if field not in FIELDS:
            raise _refuse(given, start, f"one of {', '.join(FIELDS)}, or {PAYLOAD}. and the name of a property")
        return field, (), at
    names: list[str] = []
    while given[at : at + 1] == ".":
        if len(names) == MOST_NAMES:
            raise _refuse(given, at, f"at most {MOST_NAMES} names within each other")
        name, end = _read_text(given, at + 1, ".=!;|")
        if not name:
            raise _refuse(given, at + 1, "the name of a property")
        names.append(name)
        at = end
    if not names:
        raise _refuse(given, at, "a dot and the name of a property")
    return field, tuple(names), at


def _read_text(given: str, start: int, stops: str) -> tuple[str, int]:
    """What is said up to one of `stops` or the end of the text, and where that is."""
    said: list[str] = []
    at = start
    while at < len(given) and given[at] not in stops:
        if given[at] == "\\":
            at += 1
            if given[at : at + 1] not in ESCAPED:
                raise _refuse(given, at, "after a backslash one of " + " ".join(sorted(ESCAPED)))
        # PostgreSQL has no such character, so no stored value could match.
        if given[at] == "\0" or len(said) == MOST_CHARS:
            raise _refuse(given, at, f"at most {MOST_CHARS:,} characters, none of them NUL")
        said.append(given[at])
        at += 1
    return "".join(said), at


def _refuse(given: str, at: int, expected: str) -> BadInput:
    found = repr(given[at : at + 20]) if at < len(given) else "the end"
    detail = f"filter: at position {at}, {found} was found and {expected} expected; for example {EXAMPLE}"
    return BadInput(detail, [Problem(None, "filter", "bad_filter", detail)], position=at, expected=expected)


EXAMPLE = "filter=country==DE;path=^/blog;payload.plan!=free"


def conditions(found: Sequence[Condition], columns: Columns) -> ColumnElement[bool]:
    """Whether a row of `columns` (those of `events`, or others under these names) meets all; every value is bound."""
    return and_(true(), *(_condition(one, columns) for one in found))


def _condition(one: Condition, columns: Columns) -> ColumnElement[bool]:
    text = field_text(columns, one.field)
    if one.names:
        # Not the operator: its path is one text, in which a name's comma or brace would be read as grammar.
        text = func.jsonb_extract_path_text(columns[PAYLOAD], *one.names, type_=Text)
    # Whoever looks for nothing, or for everything else, looks at rows without a value too.
    if one.is_negated or "" in one.values:
        text = func.coalesce(text, "")
    met = _is_met(text, one)
    return ~met if one.is_negated else met


def _is_met(text: ColumnElement[str], one: Condition) -> ColumnElement[bool]:
    if one.test == "is":
        return text.in_(one.values)
    if one.test == "begins":
        return or_(*(func.starts_with(text, value) for value in one.values))
    return or_(*(func.strpos(text, value) > 0 for value in one.values))


def field_text(columns: Columns, field: str) -> ColumnElement[str]:
    """What a row says of the field, as rollups and breakdowns say it; NULL or '': nothing."""
    column = columns[field]
    if field not in ("region", "city"):
        return column
    within = ["country", "region", "city"][: ["country", "region", "city"].index(field) + 1]
    return case((func.coalesce(column, "") != "", func.concat_ws("/", *(_or_empty(columns[name]) for name in within))))


def _or_empty(column: ColumnElement[Any]) -> ColumnElement[str]:
    return func.coalesce(column, "")

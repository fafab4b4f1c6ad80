r"""Properties of payloads: how callers name one, and its JSON or text in SQL of PostgreSQL. Pure.

columns/clauses.py has the same in SQL of DuckDB, and finds in Python what DuckDB does not read digit by digit. Filters,
goals, funnels, experiments and breakdowns by a property use it, so that one property has one value. A name is that of a
key, nested ones are joined by dots; a backslash makes the next sign part of a name: `order.total` is `total` in
`order`, `order\.total` is one key.
"""

import re
from collections.abc import Iterator, Sequence
from json import JSONDecoder
from typing import Any

from sqlalchemy import ColumnElement, Numeric, Text, case, cast, func
from sqlalchemy.dialects.postgresql import JSONB

from analytics.errors import BadInput

MAX_PROPERTY_DEPTH = 16
# What a backslash escapes, here and in filters.
ESCAPED_SIGNS = ";|\\.=!~^"
NAME = re.compile(rf"(?:[^.\\]|\\[{re.escape(ESCAPED_SIGNS)}])+")
PROPERTY = re.compile(rf"{NAME.pattern}(?:\.{NAME.pattern})*")
ESCAPE = re.compile(r"\\(.)")
# A number, or text that is one. What has more digits is no amount, and would make a sum of any length.
NUMBER = r"^[-+]?[0-9]{1,18}(\.[0-9]{1,40})?$"
# A name that is an element's of a list, too; negative ones count from its end.
LIST_INDEX = re.compile(r"[ \t\n\v\f\r]*[-+]?[0-9]+")
_decode = JSONDecoder(parse_int=str, parse_float=str).raw_decode


def parse_property(text: str) -> tuple[str, ...]:
    """The names of the property, the outermost first. Raises BadInput."""
    names = tuple(ESCAPE.sub(r"\1", name) for name in NAME.findall(text))
    if len(names) > MAX_PROPERTY_DEPTH or not PROPERTY.fullmatch(text):
        accepted = f"1 to {MAX_PROPERTY_DEPTH} names separated by dots, for example order.total; a dot within a name "
        raise BadInput(f"{text[:80]!r} is not a payload property; accepted: {accepted}is written as \\.")
    return names


def property_json(payload: ColumnElement[Any], names: Sequence[str]) -> ColumnElement[Any]:
    """The property as JSON; NULL where the payload has none."""
    # Not the operator #>: its path is one text, in which a comma or brace of a name would be syntax.
    return func.jsonb_extract_path(payload, *names, type_=JSONB)


def property_as_sent(payload: ColumnElement[Any], names: Sequence[str]) -> ColumnElement[str]:
    """The text of a string, number or boolean, and the JSON of anything else; NULL where the payload has none."""
    return func.jsonb_extract_path_text(payload, *names, type_=Text)


def property_text(payload: ColumnElement[Any], names: Sequence[str]) -> ColumnElement[str]:
    """As `property_as_sent`, but equal numbers have equal texts: 1.50 is 1.5, and 1.0 is 1."""
    as_sent = property_as_sent(payload, names)
    is_number = func.jsonb_typeof(property_json(payload, names)) == "number"
    return case((is_number, cast(func.trim_scale(cast(as_sent, Numeric)), Text)), else_=as_sent)


def find_property_json(payload: str, names: Sequence[str]) -> str | None:
    """The JSON of the property in a payload as PostgreSQL writes it: what `property_json` gives, as text."""
    at: int | None = 0
    for name in names:
        at = None if at is None else _find_member(payload, at, name)
    return None if at is None else payload[at : _decode(payload, at)[1]]


def _find_member(text: str, at: int, name: str) -> int | None:
    """Where the value of that name begins, of the object or list that begins at `at`."""
    if text[at] == "{":
        return dict(_members(text, at)).get(name)
    if text[at] != "[" or not LIST_INDEX.fullmatch(name):
        return None
    starts, index = [start for _, start in _members(text, at)], int(name)
    return starts[index] if -len(starts) <= index < len(starts) else None


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """Key ("" in a list) and start of each value of the object or list that begins at `at`."""
    is_object, at, key = text[at] == "{", at + 1, ""
    while text[at] not in "}]":
        if is_object:
            key, at = _decode(text, at)
            at += len(": ")
        yield key, at
        at = _decode(text, at)[1]
        at += len(", ") if text[at] == "," else 0

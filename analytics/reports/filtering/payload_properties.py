r"""Properties of payloads: how callers name one, and its JSON, text or number in SQL. Pure.

Filters, goals, funnels, experiments and breakdowns by a property use it, so that one property has one value.
A name is that of a key, nested ones are joined by dots; a backslash makes the next sign part of a name:
`order.total` is `total` in `order`, `order\.total` is one key.
"""

import re
from collections.abc import Sequence
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


def property_number(payload: ColumnElement[Any], names: Sequence[str]) -> ColumnElement[Any]:
    """The number, also where a string holds one ("19.99"); NULL for anything else."""
    as_sent = property_as_sent(payload, names)
    return case((as_sent.regexp_match(NUMBER), cast(as_sent, Numeric)))

"""Path patterns and numbers of payloads in SQL of PostgreSQL, with which tests compare those of columns."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Numeric, case, cast, func

from analytics.reports.filtering.path_patterns import parse_pattern
from analytics.reports.filtering.payload_properties import NUMBER, property_as_sent


def match_path(path: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """Whether the path matches the pattern; every value is bound. Raises ValueError."""
    literals = parse_pattern(pattern)
    if len(literals) == 1:
        return path == literals[0]
    if len(literals) == 2 and not literals[1]:
        return func.starts_with(path, literals[0])
    return path.like("%".join(re.sub(r"([\\%_])", r"\\\1", literal) for literal in literals), escape="\\")


def property_number(payload: ColumnElement[Any], names: Sequence[str]) -> ColumnElement[Any]:
    """The number, also where a string holds one ("19.99"); NULL for anything else."""
    as_sent = property_as_sent(payload, names)
    return case((as_sent.regexp_match(NUMBER), cast(as_sent, Numeric)))

"""Patterns of paths: what a goal says of the pages that it means. Pure.

`*` stands for any characters, slashes among them, or for none; everything else is itself, upper and lower case differ,
and the whole path is compared: `/blog/*` is whatever begins with `/blog/`. Nobody can send a regular expression, so
none takes for ever.
"""

import re

from sqlalchemy import ColumnElement, func

MOST_CHARS, MOST_STARS = 1_024, 10


def read_pattern(pattern: str) -> tuple[str, ...]:
    """The texts between the stars; one alone is the path itself. Raises ValueError."""
    if not 1 <= len(pattern) <= MOST_CHARS or "\0" in pattern:
        raise ValueError(f"1 to {MOST_CHARS:,} characters, none of them NUL")
    pieces = tuple(re.split(r"\*+", pattern))
    if len(pieces) > MOST_STARS + 1:
        raise ValueError(f"at most {MOST_STARS} stars")
    return pieces


def matches(path: ColumnElement[str], pieces: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether the path is one that `read_pattern` told the pieces of."""
    if len(pieces) == 1:
        return path == pieces[0]
    if len(pieces) == 2 and not pieces[1]:
        return func.starts_with(path, pieces[0])
    return path.like("%".join(re.sub(r"([\\%_])", r"\\\1", piece) for piece in pieces), escape="\\")

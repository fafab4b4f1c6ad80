"""Patterns of paths mean what a slow reading of them means, in PostgreSQL."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Text, literal, select

from analytics.reports.patterns import matches, read_pattern

LETTERS = st.text(st.sampled_from("ab/%_\\.é"), max_size=6)


def slow(pattern: str, path: str) -> bool:
    """Letter by letter; a star takes nothing, or one more."""
    if not pattern:
        return not path
    if pattern[0] == "*":
        return slow(pattern[1:], path) or bool(path and slow(pattern, path[1:]))
    return bool(path) and path[0] == pattern[0] and slow(pattern[1:], path[1:])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(LETTERS, min_size=1, max_size=4), between=st.lists(LETTERS, min_size=4, max_size=4), path=LETTERS
)
def test_a_pattern_is_read_letter_by_letter(engine: Engine, pieces: list[str], between: list[str], path: str) -> None:
    pattern = "*".join(pieces)
    likely = "".join(piece + gap for piece, gap in zip(pieces, between, strict=False))
    with engine.connect() as connection:
        for one in (path, likely) if pattern else ():
            found = connection.execute(select(matches(literal(one, Text), read_pattern(pattern)))).scalar_one()
            assert found is slow(pattern, one)


@pytest.mark.parametrize("pattern", ["", "x" * 1025, "a\0", "*a" * 11])
def test_what_is_no_pattern(pattern: Any) -> None:
    with pytest.raises(ValueError, match=r"1 to|at most"):
        read_pattern(pattern)

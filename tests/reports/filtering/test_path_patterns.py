"""Path patterns match in PostgreSQL what a character-by-character matcher matches."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Text, literal, select

from analytics.reports.filtering.path_patterns import exact_path, parse_pattern
from tests.examples import examples
from tests.reports.filtering.in_postgresql import match_path

LITERALS = st.text(st.sampled_from("ab/%_\\.é"), max_size=6)


def matches(pattern: str, path: str) -> bool:
    """Character by character; a wildcard matches nothing, or one more character."""
    if not pattern:
        return not path
    if pattern[0] == "*":
        return matches(pattern[1:], path) or bool(path and matches(pattern, path[1:]))
    return bool(path) and path[0] == pattern[0] and matches(pattern[1:], path[1:])


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    literals=st.lists(LITERALS, min_size=1, max_size=4), between=st.lists(LITERALS, min_size=4, max_size=4), path=LITERALS
)  # fmt: skip
def test_a_pattern_matches_character_by_character(
    engine: Engine, literals: list[str], between: list[str], path: str
) -> None:
    pattern = "*".join(literals)
    likely = "".join(text + gap for text, gap in zip(literals, between, strict=False))
    with engine.connect() as connection:
        for candidate in (path, likely) if pattern else ():
            query = select(match_path(literal(candidate, Text), pattern))
            assert connection.execute(query).scalar_one() is matches(pattern, candidate)


@pytest.mark.parametrize(("pattern", "path"), [("/a%b", "/a%b"), ("/a*", None), ("*", None)])
def test_a_pattern_without_wildcards_is_one_path(pattern: str, path: str | None) -> None:
    assert exact_path(pattern) == path


@pytest.mark.parametrize("pattern", ["", "x" * 1025, "a\0", "*a" * 11])
def test_an_invalid_pattern_is_rejected(pattern: Any) -> None:
    with pytest.raises(ValueError, match=r"1 to|at most"):
        parse_pattern(pattern)

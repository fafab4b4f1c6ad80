"""Path patterns: which pages a goal or a step of a funnel means. Pure; columns/clauses.py matches them.

`*` matches any characters, slashes included, or none. Every other character matches itself, case-sensitively, and the
whole path is compared: `/blog/*` matches each path that begins with `/blog/`. Regular expressions are not accepted, so
no pattern backtracks without end.
"""

import re

MAX_PATTERN_CHARS, MAX_WILDCARDS = 1_024, 10


def parse_pattern(pattern: str) -> tuple[str, ...]:
    """The literals between the wildcards; a single one is the path itself. Raises ValueError."""
    if not 1 <= len(pattern) <= MAX_PATTERN_CHARS or "\0" in pattern:
        raise ValueError(f"a path pattern has 1 to {MAX_PATTERN_CHARS:,} characters and no NUL, for example /blog/*")
    literals = tuple(re.split(r"\*+", pattern))
    if len(literals) > MAX_WILDCARDS + 1:
        raise ValueError(f"a path pattern has at most {MAX_WILDCARDS} wildcards (*), for example /blog/*")
    return literals


def exact_path(pattern: str) -> str | None:
    """The one path that the pattern matches; None: it has a wildcard. Raises ValueError."""
    literals = parse_pattern(pattern)
    return literals[0] if len(literals) == 1 else None

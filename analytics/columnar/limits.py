"""What a query of columns may use, and how it ends where it may not go on. Loads no engine: reports import it."""

from dataclasses import dataclass


class NotInColumns(Exception):
    """Columns cannot answer: the filter is one for PostgreSQL, or too many of the rows are in no file yet."""


class QueryTimeout(Exception):
    """The query ran longer than it may."""


@dataclass(frozen=True)
class QueryLimits:
    """`wait_s`: how long a query waits for the one before it."""

    memory_mb: int
    spill_mb: int
    timeout_s: float
    wait_s: float = 10.0

"""What a query of columns may use, and how it ends where it may not go on. Loads no engine: reports import it."""

from dataclasses import dataclass

from analytics.errors import Unavailable
from config import Settings

WRITTEN_SOON_S = 60


class NotInColumns(Unavailable):
    """Columns cannot answer now: too many of the rows are in no file yet, or a file cannot be read."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, WRITTEN_SOON_S, code="not_in_columns")


class EngineBusy(Unavailable):
    """Queries of others run in this process."""

    def __init__(self) -> None:
        super().__init__("other reports with filters are running in this process; try again in a few seconds")


class QueryTimeout(Exception):
    """The query ran longer than it may."""


class QueryTooLarge(Exception):
    """The query needs more memory, and more room for what does not fit there, than it may have."""


# Where columns do not answer, and the transaction that they were opened in can go on.
NO_ANSWER = (NotInColumns, EngineBusy, QueryTimeout, QueryTooLarge)


@dataclass(frozen=True)
class QueryLimits:
    """`wait_s`: how long a query waits for those before it; `most_waiting`: how many of the process do."""

    memory_mb: int
    spill_mb: int
    timeout_s: float
    wait_s: float = 10.0
    most_waiting: int = 4


def configured_limits(current: Settings, timeout_s: float) -> QueryLimits:
    """Of a process with these settings."""
    return QueryLimits(current.query_memory_mb, current.columns_folder_mb, timeout_s)

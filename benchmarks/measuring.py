"""Timings, table rows and progress output that several benchmarks share. Starts no process and creates no data."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask_jwt_extended import create_access_token
from sqlalchemy import Engine, TextClause, text

RUNS = 20
# A slow call is timed fewer times.
MAX_MEASURING_S = 20.0

Result = TypeVar("Result")


def print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def format_row(name: str, cells: Sequence[str], name_width: int, cell_width: int = 11) -> str:
    """A row of a Markdown table: the name left-aligned, the cells right-aligned."""
    return f"| {name:<{name_width}} | " + " | ".join(f"{cell:>{cell_width}}" for cell in cells) + " |"


def read_header(site: str) -> dict[str, str]:
    """The headers of a client that may read the site. Needs an application context."""
    token = create_access_token("bench", additional_claims={"scope": "read"})
    return {"Authorization": f"Bearer {token}", "X-Site-ID": site}


def get_json(client: Any, path: str, header: Mapping[str, str]) -> Any:
    """The JSON of the answer. Raises RuntimeError unless the status is 200."""
    answer = client.get(path, headers=header)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")
    return answer.json


def time_call(call: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds and the result of one call."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def time_calls(call: Callable[[], object], runs: int = RUNS) -> list[float]:
    """Milliseconds of up to `runs` calls, after one that is not timed; stops after MAX_MEASURING_S."""
    call()
    times: list[float] = []
    while len(times) < runs and sum(times) <= 1e3 * MAX_MEASURING_S:
        times.append(1e3 * time_call(call)[0])
    return times


def p95_ms(call: Callable[[], object], runs: int = RUNS) -> float:
    times = sorted(time_calls(call, runs))
    return times[max(0, int(len(times) * 0.95) - 1)]


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * percent / 100))] if sorted_values else 0.0


def time_plain_sql(
    engine: Engine, statements: Sequence[str | TextClause], parameters: Mapping[str, Any]
) -> tuple[float, Sequence[Any]]:
    """Milliseconds of the statements in one transaction in UTC, each run once; and the rows of the last one."""

    def run_statements() -> Sequence[Any]:
        rows: Sequence[Any] = ()
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
            for statement in statements:
                query = text(statement) if isinstance(statement, str) else statement
                rows = connection.execute(query, parameters).all()
        return rows

    seconds, rows = time_call(run_statements)
    return 1e3 * seconds, rows


def thirty_days(site_id: int, now: datetime) -> dict[str, Any]:
    """Parameters of plain SQL: the site, and the midnights at which today, seven days and thirty days begin."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "site": site_id,
        "today": midnight,
        "week": midnight - timedelta(days=6),
        "start": midnight - timedelta(days=29),
    }


def vacuum(engine: Engine, tables: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM (ANALYZE) {tables}")

"""Queries of columns have bounded time and memory, one at a time, and end when the client has left."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from analytics import clock
from analytics.columnar.limits import NotInColumns, QueryLimits, QueryTimeout
from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader, find_gaps, open_columns
from analytics.errors import Unavailable
from analytics.sites.sites import Site
from analytics.web.server.disconnects import CancellationToken
from tests.factories import make_site

# Minutes of work, in little memory.
ENDLESS = "SELECT count(*) FROM range(10000000) AS a, range(1000000) AS b WHERE a.range + b.range = 7"
T0 = datetime(2026, 3, 5, tzinfo=UTC)


@pytest.fixture
def site(engine: Engine) -> Site:
    return make_site(engine, "UTC")


@contextmanager
def opened(engine: Engine, site: Site, folder: Path, **changes: Any) -> Iterator[ColumnReader]:
    limits = QueryLimits(**{"memory_mb": 64, "spill_mb": 64, "timeout_s": 30.0, **changes})
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        open_columns(connection, LocalFiles(folder, 1 << 20), site.id, clock.zone("UTC"), limits) as reader,
    ):
        yield reader


def test_a_query_ends_after_its_time(engine: Engine, site: Site, tmp_path: Path) -> None:
    with pytest.raises(QueryTimeout), opened(engine, site, tmp_path, timeout_s=0.3) as reader:
        reader.execute(ENDLESS)


def test_a_query_that_begins_when_the_time_is_over_ends(engine: Engine, site: Site, tmp_path: Path) -> None:
    """As after rows that PostgreSQL took its time to read."""

    def run_late() -> None:
        with opened(engine, site, tmp_path, timeout_s=0.2) as reader:
            threading.Event().wait(0.4)
            reader.execute(ENDLESS)

    with pytest.raises(QueryTimeout):
        run_late()


def test_a_query_ends_when_the_client_has_left(engine: Engine, site: Site, tmp_path: Path) -> None:
    token, started = CancellationToken(), threading.Event()

    def run() -> None:
        with opened(engine, site, tmp_path) as reader:
            started.set()
            reader.execute(ENDLESS)

    canceller = threading.Thread(target=lambda: started.wait(10) and token.cancel())
    canceller.start()
    with pytest.raises(Unavailable):
        token.run(run)
    canceller.join()


def test_one_query_runs_at_a_time_and_others_wait_for_a_while(engine: Engine, site: Site, tmp_path: Path) -> None:
    with (
        opened(engine, site, tmp_path),
        pytest.raises(Unavailable, match="try again"),
        opened(engine, site, tmp_path, wait_s=0.1),
    ):
        pass
    with opened(engine, site, tmp_path, wait_s=0.1) as reader:
        assert reader.execute("SELECT 1") == [(1,)]


def test_a_site_without_events_has_none(engine: Engine, site: Site, tmp_path: Path) -> None:
    with opened(engine, site, tmp_path) as reader:
        end = T0 + timedelta(days=30)
        assert reader.execute(f"SELECT count(*) FROM {reader.events(T0, end)}") == [(0,)]
        assert reader.execute(f"SELECT count(*) FROM {reader.visits(T0, end)}") == [(0,)]


@pytest.mark.parametrize(
    ("spans", "gaps"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(-5, 20)], []),
        ([(2, 4), (4, 6)], [(0, 2), (6, 10)]),
        ([(-1, 1), (9, 12)], [(1, 9)]),
    ],
)
def test_what_no_span_holds_is_a_gap(spans: list[tuple[int, int]], gaps: list[tuple[int, int]]) -> None:
    def at(hour: int) -> datetime:
        return T0 + timedelta(hours=hour)

    found = find_gaps(at(0), at(10), [(at(start), at(end)) for start, end in spans])
    assert list(found) == [(at(start), at(end)) for start, end in gaps]


def test_days_that_were_never_written_are_left_to_postgresql(
    engine: Engine, site: Site, tmp_path: Path, sql: Any
) -> None:
    """As those of before an upgrade, which its migration counts."""
    sql(
        "INSERT INTO event_days (site_id, day, last_drain_no, stored) VALUES (:site, '2026-03-05', 0, 300000) RETURNING 1",
        site=site.id,
    )
    with opened(engine, site, tmp_path) as reader, pytest.raises(NotInColumns):
        reader.events(T0, T0 + timedelta(days=2))

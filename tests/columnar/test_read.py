"""Queries of columns have bounded time and memory, one at a time, and end when the client has left."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.columnar.limits import NotInColumns, QueryLimits, QueryTimeout, QueryTooLarge
from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader, find_gaps, open_columns
from analytics.columnar.write import write_day
from analytics.errors import Unavailable
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from analytics.web.server.disconnects import CancellationToken
from tests.factories import append_events, make_drain, make_site

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


def test_a_query_that_is_read_in_batches_ends_after_its_time(engine: Engine, site: Site, tmp_path: Path) -> None:
    with pytest.raises(QueryTimeout), opened(engine, site, tmp_path, timeout_s=0.3) as reader:
        list(reader.read_batches(f"SELECT range FROM range(2000000) UNION ALL {ENDLESS}"))


def test_a_query_that_is_read_in_batches_and_needs_too_much_memory_ends(
    engine: Engine, site: Site, tmp_path: Path
) -> None:
    with pytest.raises(QueryTooLarge), opened(engine, site, tmp_path, memory_mb=32, spill_mb=1) as reader:
        list(reader.read_batches("SELECT range, count(*) FROM range(20000000) GROUP BY 1 ORDER BY 2"))


def test_a_query_that_needs_too_much_memory_ends(engine: Engine, site: Site, tmp_path: Path) -> None:
    with pytest.raises(QueryTooLarge), opened(engine, site, tmp_path, memory_mb=32, spill_mb=1) as reader:
        reader.execute("SELECT range, count(*) FROM range(20000000) GROUP BY 1 ORDER BY 2")


def damage(path: Path, how: str) -> None:
    body = path.read_bytes()
    path.unlink()
    if how != "gone":
        middle = len(body) // 2
        kept = {"empty": b"", "half": body[:middle], "flipped": body[:middle] + b"!" * 64 + body[middle + 64 :]}
        path.write_bytes(kept[how])


@pytest.mark.parametrize("how", ["gone", "empty", "half", "flipped"])
def test_a_damaged_copy_is_fetched_again(engine: Engine, redis: Redis, site: Site, tmp_path: Path, how: str) -> None:
    views = [{"type": "page_view", "user_id": f"u{n}", "ts": T0.isoformat()} for n in range(100)]
    append_events(redis, site, views, received_us=int(T0.timestamp() * 1e6) + 10**10)
    make_drain(engine, redis).run()
    write_day(engine, site.id, T0.date(), T0 + timedelta(days=1))

    def count() -> Any:
        with opened(engine, site, tmp_path) as reader:
            events = reader.events(T0, T0 + timedelta(days=1))
            return reader.execute(f"SELECT count(*), max(ts), count(payload), max(user_no) FROM {events}")

    counted = count()
    [copy] = tmp_path.glob("*.parquet")
    damage(copy, how)
    if how != "gone":
        with pytest.raises(NotInColumns, match="damaged"):
            count()
    assert count() == counted


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


def test_no_more_than_a_few_wait(engine: Engine, site: Site, tmp_path: Path) -> None:
    with (
        opened(engine, site, tmp_path),
        pytest.raises(Unavailable, match="try again"),
        opened(engine, site, tmp_path, wait_s=60.0, most_waiting=0),
    ):
        pass


def test_a_client_that_leaves_waits_no_longer(engine: Engine, site: Site, tmp_path: Path) -> None:
    token = CancellationToken()

    def ask() -> None:
        with opened(engine, site, tmp_path, wait_s=60.0):
            pass

    canceller = threading.Timer(0.1, token.cancel)
    canceller.start()
    with opened(engine, site, tmp_path), pytest.raises(Unavailable, match="disconnected"):
        token.run(ask)
    canceller.join()


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


def test_too_many_rows_without_a_file_are_refused_with_what_to_do(
    engine: Engine, site: Site, tmp_path: Path, sql: Any
) -> None:
    """As those of before an upgrade, which its migration counts."""
    sql(
        "INSERT INTO event_days (site_id, day, last_drain_no, stored) VALUES (:site, '2026-03-05', 0, 300000) RETURNING 1",
        site=site.id,
    )
    with opened(engine, site, tmp_path) as reader, pytest.raises(NotInColumns, match="200,000 events") as refused:
        reader.events(T0, T0 + timedelta(days=2))
    assert (refused.value.status, refused.value.retry_after_s) == (503, 60)


def test_too_many_visits_without_a_file_are_refused(
    engine: Engine, redis: Redis, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.columnar.read.MOST_LOOSE_VISITS", 2)
    times = [(T0 + timedelta(hours=hour)).isoformat() for hour in range(3)]
    views = [{"type": "page_view", "user_id": "u", "ts": at} for at in times]
    append_events(redis, site, views, received_us=int(T0.timestamp() * 1e6) + 10**11)
    make_drain(engine, redis).run()
    merge_site(engine, site.id)
    with opened(engine, site, tmp_path) as reader:
        two = reader.visits(T0, T0 + timedelta(hours=2))
        assert reader.execute(f"SELECT count(*) FROM {two}") == [(2,)]
        with pytest.raises(NotInColumns, match="over 2 visits"):
            reader.visits(T0, T0 + timedelta(days=1))

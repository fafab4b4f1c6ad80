"""Files that name the visits of their events say what the visits are, whatever changed since they were written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.columnar import write_event_visits
from analytics.columnar.limits import QueryLimits
from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader, open_columns, to_microseconds
from analytics.columnar.write import write_due
from analytics.columnar.write_event_visits import VisitNamer
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site
from analytics.store.columns import event_files
from tests.factories import append_events, make_drain, make_site
from tests.reports.columns.slow_selection import SlowSelection, read_events, read_visits

DAY = date(2026, 3, 5)
MIDNIGHT = datetime(2026, 3, 5, tzinfo=UTC)
START, END = MIDNIGHT - timedelta(days=4), MIDNIGHT + timedelta(days=2)
NOW = MIDNIGHT + timedelta(days=4)
# DAY was over three days ago, so it is named again four hours later, days before it later.
LATER = timedelta(hours=10)
NO_REST = timedelta(days=-3650)


@pytest.fixture(params=["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def site(engine: Engine, request: Any) -> Site:
    return make_site(engine, request.param)


@pytest.fixture
def namer(engine: Engine, tmp_path: Path) -> VisitNamer:
    return VisitNamer(engine, LocalFiles(tmp_path, 1 << 30), QueryLimits(memory_mb=128, spill_mb=128, timeout_s=0))


@pytest.fixture
def name(engine: Engine, namer: VisitNamer) -> Callable[..., int]:
    """`name(later)`: writes all files, and names visits; of how many days."""

    def name_visits(later: timedelta = timedelta(0)) -> int:
        write_due(engine, NOW + later, 20)
        return namer.run(NOW + later, 20, NO_REST)

    return name_visits


@pytest.fixture
def store(engine: Engine, redis: Redis, site: Site) -> Callable[..., None]:
    """`store(minutes, …)`: merged page views so many minutes after MIDNIGHT."""

    def store_views(*minutes: float, **fields: Any) -> None:
        times = [MIDNIGHT + timedelta(minutes=one) for one in minutes]
        view = {"type": "page_view", "user_id": "ann", "path": "/", **fields}
        append_events(redis, site, [view | {"ts": at.isoformat()} for at in times])
        make_drain(engine, redis).run()
        while merge_all(engine, 10).has_more:
            pass

    return store_views


@contextmanager
def open_reader(engine: Engine, site: Site, folder: Path) -> Iterator[ColumnReader]:
    limits = QueryLimits(memory_mb=128, spill_mb=128, timeout_s=0)
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        open_columns(connection, LocalFiles(folder, 1 << 30), site.id, clock.zone(site.zone), limits) as reader,
    ):
        yield reader


@pytest.fixture
def are_right(engine: Engine, site: Site, tmp_path: Path) -> Callable[[], int]:
    """Compares the reader with a slow count; in how many files it believed the names."""

    def compare(start: datetime = START, end: datetime = END) -> int:
        with open_reader(engine, site, tmp_path) as reader:
            events, visits = read_events(reader.connection, site.id), read_visits(reader.connection, site.id)
            slow = SlowSelection(events, visits, "", None, bots=True)
            expected = []
            for event in (one for one in events if start <= one.at < end):
                visit = slow.visit_of(event)
                place = to_microseconds(event.at), to_microseconds(visit.at) if visit else None
                own = event.values["source"], "", event.values["type"]
                values = own if visit is None else (visit.values["source"], visit.values["exit_path"], own[2])
                expected.append((*place, *values))
            columns = "ts, visit_started_at, coalesce(visit_source, ''), coalesce(visit_exit_path, ''), type"
            relation = reader.events_in_visits(start, end)
            assert sorted(reader.execute(f"SELECT {columns} FROM {relation}"), key=str) == sorted(expected, key=str)
            days = event_files.read_coverage(reader.connection, site.id, START.date(), END.date())
            versions = {day.day: day.visits_version for day in days}
            files = event_files.read_files(reader.connection, site.id, START.date(), END.date())
            return sum(file.visits_version == versions[file.day] for file in files)

    return compare


def test_a_day_is_named_once(store: Any, name: Any, are_right: Any) -> None:
    store(-10, 5, 20, 200, referrer="https://www.google.com/")
    store(100, type="order")
    assert are_right() == 0
    assert name() == 2
    assert are_right() == 2
    assert name(LATER) == 0


def test_a_day_that_is_not_over_is_not_named(store: Any, namer: VisitNamer, engine: Engine) -> None:
    store(0)
    write_due(engine, NOW, 20)
    assert namer.run(MIDNIGHT + timedelta(hours=23), 20, NO_REST) == 0
    # Kiritimati is 14 hours ahead and begins another day at 10, Los Angeles ends this one at 8 on the next.
    assert namer.run(MIDNIGHT + timedelta(hours=58), 20, NO_REST) == 1


def test_a_late_view_outdates_names_for_hours(store: Any, name: Any, are_right: Any) -> None:
    store(0, 20, 100)
    name()
    store(10, 60)
    store(110, referrer="https://www.google.com/", user_id="bob")
    # The file with late events, and the one beside it.
    assert are_right() == 0
    assert name(timedelta(hours=4)) == 0
    assert name(LATER) == 1
    assert are_right() > 0


DAYS_LONG = [25 * n for n in range(-180, 0)]


def test_a_visit_of_days_grows_beside_names(store: Any, name: Any, are_right: Any) -> None:
    store(*DAYS_LONG[:-10], referrer="https://www.google.com/")
    store(-2000, 30, 40, user_id="bob")
    # In no visit yet.
    store(10, type="order")
    name()
    named = are_right()
    assert named == 5
    # The visit reaches into the day now, which no version of its days says.
    store(*DAYS_LONG[-10:])
    assert are_right() < named
    name(LATER)
    assert are_right() == named
    # It goes on, and so does what is right.
    store(*[25 * n for n in range(100)], path="/other")
    assert are_right() >= 1
    name(2 * LATER)
    assert are_right() > named


def test_names_are_not_written_beside_a_change_of_rows(
    engine: Engine, site: Site, store: Any, name: Any, are_right: Any, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(0, 20, 100)
    write_due(engine, NOW, 20)
    find = ColumnReader.file_in_visits

    def invalidate_first(reader: ColumnReader, file: event_files.ColumnFile) -> str:
        with engine.begin() as connection:
            event_files.invalidate(connection, site.id, DAY, DAY)
        return find(reader, file)

    with monkeypatch.context() as patch:
        patch.setattr(ColumnReader, "file_in_visits", invalidate_first)
        # The writer has locked the day before it reads, so this one waits or fails.
        patch.setattr(event_files, "name_visits", _after_reading(event_files.name_visits))
        assert name() == 0
    assert sql("SELECT count(*) FROM column_files") == [(0,)]
    assert are_right() == 0
    assert name(LATER) == 1
    assert are_right() == 1


def _after_reading(write: Callable[..., None]) -> Callable[..., None]:
    def read_first(connection: Any, known: Any, files: Any, now: datetime) -> None:
        write(connection, known, list(files), now)

    return read_first


def test_a_period_begins_after_one_of_two_visits_of_days(store: Any, name: Any, are_right: Any) -> None:
    store(*DAYS_LONG, *[25 * n for n in range(5)], user_id="ann", referrer="https://www.google.com/")
    store(*DAYS_LONG, *[25 * n for n in range(50)], user_id="bob", referrer="https://bing.com/")
    store(400, 410, user_id="ann", path="/later")
    name()
    # Of ann's session no event of the day is named, and at noon only bob's long visit goes on.
    assert are_right() > 0
    assert are_right(MIDNIGHT + timedelta(hours=6), END) > 0


def test_a_request_reads_long_visits_of_its_days_alone_and_adds_them_up(engine: Engine, site: Site, store: Any) -> None:
    for user in ("ann", "bob", "cid"):
        store(*DAYS_LONG, *[25 * n for n in range(5)], user_id=user)
    days = START.date(), END.date()
    assert _read_versions(engine, site, *days)[DAY] == _read_versions(engine, site, DAY, END.date())[DAY]
    # One visit's worth of days for all three, and none for those of a day before.
    assert _count_joined(engine, site, *days) == 1
    assert _count_joined(engine, site, START.date(), START.date() + timedelta(days=1)) == 0


def _read_versions(engine: Engine, site: Site, first: date, after: date) -> dict[date, str]:
    with engine.connect() as connection:
        return {day.day: day.visits_version for day in event_files.read_coverage(connection, site.id, first, after)}


def _count_joined(engine: Engine, site: Site, first: date, after: date) -> int:
    """How often days are made of long visits, which takes some us."""
    query = text(f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) {event_files.COVERAGE}")
    with engine.connect() as connection:
        [plan] = connection.execute(query, {"site_id": site.id, "first": first, "after": after}).scalar_one()
    return sum(node["Actual Loops"] for node in _walk(plan["Plan"]) if node["Node Type"] == "Function Scan")


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for below in node.get("Plans", ()):
        yield from _walk(below)


def test_a_day_that_cannot_be_named_holds_up_no_other(
    store: Any, name: Any, are_right: Any, sql: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(-1500, 5)
    write_due(engine, NOW, 20)
    monkeypatch.setattr(write_event_visits, "DAYS_AT_A_TIME", 1)
    bodies = dict(sql("SELECT id, body FROM column_files"))
    sql("UPDATE column_files SET body = 'x' WHERE day = :day RETURNING id", day=DAY)
    assert (name(), name(), name()) == (0, 1, 0)
    for file_id, body in bodies.items():
        sql("UPDATE column_files SET body = :body WHERE id = :id RETURNING id", id=file_id, body=body)
    # It is tried again as if it had been named.
    assert name(LATER) == 1
    assert are_right() == 2


def test_a_day_with_too_many_events_for_the_memory_holds_up_no_other(
    engine: Engine, store: Any, name: Any, tmp_path: Path
) -> None:
    store(-1500, 5)
    write_due(engine, NOW, 20)
    small = VisitNamer(engine, LocalFiles(tmp_path, 1 << 30), QueryLimits(memory_mb=1, spill_mb=1, timeout_s=0))
    assert small.run(NOW, 20, NO_REST) == 0
    assert name() == 0
    assert name(LATER) == 2

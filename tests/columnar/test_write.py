"""Column files hold each event once, whatever was stored, changed or written meanwhile."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from analytics.columnar import parquet, write
from analytics.columnar.columns import EVENTS
from analytics.ingest.drain.drain import Drain
from analytics.sites.sites import Site
from analytics.store.columns import event_files
from tests.factories import append_events, make_drain, make_site

DAY = date(2026, 3, 5)
NOW = datetime(2026, 3, 5, 18, tzinfo=UTC)


@pytest.fixture
def site(engine: Engine) -> Site:
    return make_site(engine, "UTC")


@pytest.fixture
def drain(engine: Engine, redis: Redis) -> Drain:
    return make_drain(engine, redis)


@pytest.fixture
def store(redis: Redis, site: Site, drain: Drain) -> Callable[..., None]:
    """`store(n, hour)`: a drain stores n events of that hour of DAY."""

    def store_events(count: int, hour: int = 12, **fields: Any) -> None:
        at = datetime(DAY.year, DAY.month, DAY.day, hour, tzinfo=UTC)
        events = [
            {"type": "page_view", "user_id": f"u{n % 7}", "ts": (at + timedelta(seconds=n)).isoformat(), **fields}
            for n in range(count)
        ]
        append_events(redis, site, events, received_us=int(NOW.timestamp() * 1e6))
        drain.run()

    return store_events


def test_texts_with_many_values_come_back(
    engine: Engine, site: Site, store: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which the writer does not share a dictionary of."""
    monkeypatch.setattr(parquet, "MOST_VALUES", 1)
    for session in ("s1", "s2", "s3"):
        store(2, session_id=session)
    assert write.write_day(engine, site.id, DAY, NOW) == 6
    with engine.connect() as connection:
        (file,) = event_files.read_files(connection, site.id, DAY, DAY + timedelta(days=1))
        table = parquet.decode(event_files.read_body(connection, file.id) or b"", EVENTS)
    assert sorted(table["session_id"].to_pylist()) == ["s1", "s1", "s2", "s2", "s3", "s3"]
    assert table["src"].to_pylist() == [None] * 6


def files_of(engine: Engine, site: Site) -> list[int]:
    """The rows of each file."""
    with engine.connect() as connection:
        return [file.rows for file in event_files.read_files(connection, site.id, DAY, DAY + timedelta(days=1))]


def read_ids(engine: Engine, site: Site) -> list[tuple[Any, ...]]:
    """What the files hold and the rows that none holds, in one snapshot."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        (known,) = event_files.read_coverage(connection, site.id, DAY, DAY + timedelta(days=1))
        found = []
        for file in event_files.read_files(connection, site.id, DAY, DAY + timedelta(days=1)):
            body = event_files.read_body(connection, file.id)
            assert body is not None
            rows = parquet.decode(body, EVENTS).to_pylist()
            found += [(row["user_no"], row["ts"], row["path"]) for row in rows]
        rest = connection.execute(
            text(
                "SELECT user_no, (extract(epoch FROM ts) * 1000000)::bigint, path FROM events"
                " WHERE site_id = :site AND drain_no > :through"
            ),
            {"site": site.id, "through": -1 if known.through is None else known.through},
        )
        return sorted([*found, *map(tuple, rest)], key=str)


def raw_ids(sql: Callable, site: Site) -> list[tuple[Any, ...]]:
    query = "SELECT user_no, (extract(epoch FROM ts) * 1000000)::bigint, path FROM events WHERE site_id = :site"
    return sorted(map(tuple, sql(query, site=site.id)), key=str)


def test_a_file_holds_what_a_day_holds(engine: Engine, site: Site, store: Callable, sql: Callable) -> None:
    store(30, path="/a", payload={"n": 1.50, "text": 'a "quoted",\nline'}, country="DE")
    assert write.write_day(engine, site.id, DAY, NOW) == 30
    with engine.connect() as connection:
        (file,) = event_files.read_files(connection, site.id, DAY, DAY + timedelta(days=1))
        rows = parquet.decode(event_files.read_body(connection, file.id) or b"", EVENTS).to_pylist()
    assert [row["user_no"] for row in rows] == sorted(row["user_no"] for row in rows)
    [payload] = sql("SELECT DISTINCT payload::text FROM events")
    assert {row["payload"] for row in rows} == {payload[0]}
    assert {(row["path"], row["referrer"], row["is_bot"], row["tie"]) for row in rows} == {("/a", None, False, None)}
    assert read_ids(engine, site) == raw_ids(sql, site)


def test_later_drains_are_rows_until_the_next_file_takes_them(
    engine: Engine, site: Site, store: Callable, sql: Callable
) -> None:
    store(10)
    write.write_day(engine, site.id, DAY, NOW)
    store(4, hour=3)
    assert read_ids(engine, site) == raw_ids(sql, site)
    assert files_of(engine, site) == [10]
    assert write.write_day(engine, site.id, DAY, NOW) == 4
    assert files_of(engine, site) == [10, 4]
    store(3)
    write.write_day(engine, site.id, DAY, NOW)
    assert files_of(engine, site) == [17]
    assert write.write_day(engine, site.id, DAY, NOW) == 0
    assert read_ids(engine, site) == raw_ids(sql, site)


def test_a_day_that_is_over_keeps_few_late_events_apart_from_many(engine: Engine, site: Site, store: Callable) -> None:
    store(100)
    tomorrow = NOW + timedelta(days=1)
    write.write_day(engine, site.id, DAY, tomorrow)
    store(1)
    write.write_day(engine, site.id, DAY, tomorrow)
    assert files_of(engine, site) == [100, 1]
    store(1, hour=2)
    write.write_day(engine, site.id, DAY, tomorrow)
    assert files_of(engine, site) == [102]


def test_an_invalidated_day_is_rows_and_then_one_new_file(
    engine: Engine, site: Site, store: Callable, sql: Callable
) -> None:
    store(10, path="/a")
    write.write_day(engine, site.id, DAY, NOW)
    with engine.begin() as connection:
        connection.execute(text("UPDATE events SET path = '/b'"))
        event_files.invalidate(connection, site.id, DAY, DAY)
    assert files_of(engine, site) == []
    assert read_ids(engine, site) == raw_ids(sql, site)
    assert write.write_due(engine, NOW, 10) == (1, 10)
    assert read_ids(engine, site) == raw_ids(sql, site)


@pytest.mark.parametrize("has_file", [True, False])
def test_a_change_that_commits_while_a_file_is_written_leaves_no_file(
    engine: Engine, site: Site, store: Callable, sql: Callable, monkeypatch: pytest.MonkeyPatch, has_file: bool
) -> None:
    store(10, path="/a")
    if has_file:
        write.write_day(engine, site.id, DAY, NOW)
        store(2, path="/a")
    read_rows = write.read_rows

    def read_and_change(*arguments: Any) -> Any:
        tables = list(read_rows(*arguments))
        with engine.begin() as connection:
            connection.execute(text("UPDATE events SET path = '/b'"))
            event_files.invalidate(connection, site.id, DAY, DAY)
        return iter(tables)

    monkeypatch.setattr(write, "read_rows", read_and_change)
    assert write.write_day(engine, site.id, DAY, NOW) == 0
    assert files_of(engine, site) == []
    monkeypatch.undo()
    write.write_day(engine, site.id, DAY, NOW)
    assert read_ids(engine, site) == raw_ids(sql, site)
    assert {path for _, _, path in read_ids(engine, site)} == {"/b"}


def test_a_change_that_began_before_a_file_was_published_fails(
    engine: Engine, site: Site, store: Callable, sql: Callable
) -> None:
    """As a reclassification, whose snapshot is older than the file."""
    store(10)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        connection.execute(text("SELECT count(*) FROM events"))
        write.write_day(engine, site.id, DAY, NOW)
        with pytest.raises(Exception, match="could not serialize access"):
            event_files.invalidate(connection, site.id, DAY, DAY)


def test_any_order_of_drains_and_files_holds_each_event_once(
    engine: Engine, site: Site, store: Callable, sql: Callable
) -> None:
    chance = random.Random(7)
    for _ in range(25):
        action = chance.choice(["store", "store", "write", "due", "invalidate"])
        if action == "store":
            store(chance.randint(1, 40), hour=chance.randint(0, 23), path=f"/{chance.randint(0, 3)}")
        elif action == "write":
            write.write_day(engine, site.id, DAY, NOW)
        elif action == "due":
            write.write_due(engine, NOW + timedelta(hours=chance.choice([0, 12])), 5)
        else:
            with engine.begin() as connection:
                event_files.invalidate(connection, site.id, DAY, DAY)
        if raw := raw_ids(sql, site):
            assert read_ids(engine, site) == raw
    assert raw_ids(sql, site)

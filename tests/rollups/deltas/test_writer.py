"""Deltas written by the real drain: equal to a slow count over the table, once, in the transaction of their events."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from analytics.ingest import buffer
from analytics.ingest.drain.drain import Drain, DrainResult
from analytics.rollups.deltas import counts
from analytics.rollups.deltas.counts import Delta
from analytics.rollups.deltas.writer import MissingZoneData
from analytics.sites.sites import Site, find_site, update_site
from analytics.store import events as store
from tests.factories import make_drain
from tests.ingest.drain.test_drain import iso, send
from tests.rollups.deltas.test_counts import ATTRIBUTES, Event, plain, slow_counts, slow_visit_parts

NOW = datetime.now(UTC).replace(microsecond=123_000)
Sql = Callable[..., list[tuple[Any, ...]]]
BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    None,
)


@pytest.fixture
def drain(engine: Engine, redis: Redis) -> Drain:
    return make_drain(engine, redis)


def sum_deltas(sql: Sql, site: Site) -> Delta:
    """The sum of the site's deltas; checks their `events` too."""
    deltas = sql("SELECT zone, events, body FROM rollup_deltas WHERE site_id = :id ORDER BY id", id=site.id)
    [zone] = {zone for zone, _, _ in deltas} or {"UTC"}
    for _, events, body in deltas:
        totals = counts.sum_bodies([bytes(body)], zone, ("total",), visit_parts=False).counts
        assert events == sum(count.events for key, count in totals.items() if not key.subject)
    return counts.sum_bodies([bytes(body) for _, _, body in deltas], zone)


def stored(sql: Sql, site: Site) -> list[Event]:
    received_us = "(extract(epoch FROM received_at) * 1000000)::bigint, position"
    columns = f"ts, user_no, type, subject, session_id, is_bot, {received_us}, {', '.join(ATTRIBUTES)}"
    rows = sql(f"SELECT {columns} FROM events WHERE site_id = :id", id=site.id)
    return [Event(*row[:6], row[6:8], row[8:]) for row in rows]


def set_zone(engine: Engine, key: str, zone: str) -> None:
    with engine.begin() as connection:
        update_site(connection, key, zone=zone)


def random_event(chance: random.Random) -> dict[str, Any]:
    event: dict[str, Any] = {
        "type": chance.choice(("page_view", "click", 'odd\\ "type"\t')),
        "ts": iso(NOW - timedelta(minutes=chance.randrange(3000), microseconds=chance.randrange(10**6))),
        "user_id": f"u{chance.randrange(5)}",
        "path": chance.choice(("/a?utm_source=mail&utm_campaign=c%5C", "/b\n", "/c", "")),
        "referrer": chance.choice(("https://www.google.com/x", "https://a.example/", None)),
        "subject": chance.choice(("abc", "d\\", None)),
        "session_id": chance.choice(("s", None)),
        "user_agent": chance.choice(BROWSERS),
        "country": chance.choice(("de", None)),
        "region": chance.choice(("BE", None)),
        "city": chance.choice(("Berlin", None)),
        "event_id": chance.choice((f"id-{chance.randrange(60)}", None)),
    }
    if chance.random() < 0.02:
        event["payload"] = {"text": "PostgreSQL refuses \x00"}
    return {name: value for name, value in event.items() if value is not None}


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns", "UTC"])
def test_deltas_equal_a_slow_count_of_the_stored_events(
    engine: Engine, redis: Redis, sql: Sql, site: Site, drain: Drain, zone: str
) -> None:
    other, chance = find_site(engine, "other", auto_create=True), random.Random(zone)
    set_zone(engine, other.key, zone)
    for _ in range(12):
        send(redis, chance.choice((site, other)), [random_event(chance) for _ in range(chance.randrange(1, 40))])
        if chance.random() < 0.4:
            drain.run()
    drain.run()
    [(duplicates, dead)] = sql("SELECT sum(duplicate), sum(dead_lettered) FROM ingest_ledger")
    assert duplicates
    assert dead
    for drained_site, site_zone in ((site, "UTC"), (other, zone)):
        events, delta = stored(sql, drained_site), sum_deltas(sql, drained_site)
        assert delta.zone == site_zone
        assert plain(delta) == slow_counts(site_zone, events)
        assert sorted(delta.visit_parts) == sorted(slow_visit_parts(events))


def test_an_entry_stored_twice_is_counted_once(
    engine: Engine, redis: Redis, sql: Sql, site: Site, drain: Drain
) -> None:
    send(redis, site, [{"type": "a"}, {"type": "b"}])
    deliveries = buffer.read_new(redis, drain.consumer, 10)
    drain.store(deliveries, DrainResult())
    make_drain(engine, redis).store(deliveries, DrainResult())
    assert sql("SELECT events FROM rollup_deltas") == [(2,)]


def test_concurrent_drains_of_one_entry_count_it_once(engine: Engine, redis: Redis, sql: Sql, site: Site) -> None:
    drains = [make_drain(engine, redis) for _ in range(4)]
    for _ in range(4):
        send(redis, site, [{"type": "a", "user_id": "u"}] * 300)
        deliveries = buffer.read_new(redis, "first", 10)
        with ThreadPoolExecutor(len(drains)) as pool:
            list(pool.map(lambda drain: drain.store(deliveries, DrainResult()), drains))  # noqa: B023
    assert sql("SELECT sum(events) FROM rollup_deltas") == sql("SELECT count(*) FROM events") == [(1200,)]


def blocked(connection: Connection) -> list[int]:
    """Backends of this database that wait for a lock."""
    statement = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    # Statistics are cached in a transaction: without this, later backends do not show.
    connection.execute(text("SELECT pg_stat_clear_snapshot()"))
    return list(connection.execute(text(statement)).scalars())


def await_blocked(connection: Connection, count: int = 1) -> list[int]:
    end = datetime.now(UTC) + timedelta(seconds=20)
    while len(found := blocked(connection)) < count:
        assert datetime.now(UTC) < end, "nobody waits for a lock"
    return found


def test_a_drain_killed_before_it_commits_leaves_no_delta(
    engine: Engine, redis: Redis, sql: Sql, site: Site, drain: Drain
) -> None:
    send(redis, site, [{"type": "a"}])
    drain.run()
    send(redis, site, [{"type": "a"}, {"type": "b"}])
    with engine.connect() as other, ThreadPoolExecutor(1) as pool:
        # The ledger comes last: events and deltas are written by then.
        other.execute(text("LOCK TABLE ingest_ledger IN EXCLUSIVE MODE"))
        running = pool.submit(drain.run)
        [pid] = await_blocked(other)
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(DBAPIError):
            running.result()
    assert sql("SELECT events FROM rollup_deltas") == [(1,)]
    drain.run()
    assert sql("SELECT events FROM rollup_deltas ORDER BY id") == [(1,), (2,)]


def test_a_change_of_zone_waits_for_drains_but_drains_do_not_wait_for_it(engine: Engine, site: Site) -> None:
    with engine.connect() as first, engine.connect() as second, ThreadPoolExecutor(2) as pool:
        assert store.lock_site_zones(first, [site.id]) == store.lock_site_zones(second, [site.id]) == {site.id: "UTC"}
        store.lock_user_numbers(first, [site.id])
        change = pool.submit(set_zone, engine, site.key, "Europe/Berlin")
        with engine.connect() as watcher:
            await_blocked(watcher)
            # The second drain needs the lock of the first, and must not queue behind the change that waits for both.
            numbers = pool.submit(store.lock_user_numbers, second, [site.id])
            await_blocked(watcher, 2)
        first.commit()
        assert numbers.result()[site.id].next_user_no == 1
        assert not change.done()
        second.commit()
        change.result()
    with engine.connect() as third:
        assert store.lock_site_zones(third, [site.id]) == {site.id: "Europe/Berlin"}


def test_missing_zone_data_makes_no_dead_letters(redis: Redis, sql: Sql, site: Site, drain: Drain) -> None:
    send(redis, site, [{"type": "a"}])
    sql("UPDATE sites SET zone = 'Mars/Olympus' RETURNING id")
    with pytest.raises(MissingZoneData):
        drain.run()
    assert sql("SELECT count(*) FROM dead_letters") == [(0,)]
    sql("UPDATE sites SET zone = 'UTC' RETURNING id")
    assert drain.run().stored == 1


def test_drains_of_a_site_take_turns(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    """Whoever sees an event of a drain sees those of all drains of the site before it (store/columns/event_days.py)."""
    send(redis, site, [{"type": "a", "user_id": "ann"}])
    drain.run()
    # The lock is released before the pool ends, so that a waiting drain fails the test and does not hang it.
    with ThreadPoolExecutor(1) as pool, engine.connect() as other, engine.connect() as watcher:
        store.lock_user_numbers(other, [site.id])
        send(redis, site, [{"type": "a", "user_id": "ann"}])
        waiting = pool.submit(drain.run)
        await_blocked(watcher)
        other.commit()
        assert waiting.result(10).stored == 1

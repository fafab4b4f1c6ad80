"""Deltas through the real drain: the same as a slow count over the table, once, and gone with their events."""

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
from analytics.ingest.pipeline import Drain, Outcome
from analytics.rollups import delta
from analytics.rollups.append import UnknownZone
from analytics.rollups.delta import Delta
from analytics.sites import Site, find_site, update_site
from analytics.store import events as store
from tests.ingest.test_pipeline import another_drain, iso, send
from tests.rollups.test_delta import ATTRIBUTES, Event, plain, slow_counts, slow_touches

NOW = datetime.now(UTC).replace(microsecond=123_000)
Sql = Callable[..., list[tuple[Any, ...]]]
BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    None,
)


@pytest.fixture
def drain(engine: Engine, redis: Redis) -> Drain:
    return another_drain(engine, redis)


def waiting(sql: Sql, site: Site) -> Delta:
    """All deltas of the site, united; and their `events` say what they hold."""
    found = sql("SELECT zone, events, body FROM rollup_deltas WHERE site_id = :id ORDER BY id", id=site.id)
    [zone] = {zone for zone, _, _ in found} or {"UTC"}
    for _, events, body in found:
        totals = delta.unite([bytes(body)], zone, ("total",), touches=False).counts
        assert events == sum(count.events for key, count in totals.items() if not key.subject)
    return delta.unite([bytes(body) for _, _, body in found], zone)


def stored(sql: Sql, site: Site) -> list[Event]:
    columns = f"ts, user_no, type, subject, session_id, is_bot, {', '.join(ATTRIBUTES)}"
    rows = sql(f"SELECT {columns} FROM events WHERE site_id = :id", id=site.id)
    return [Event(*row[:6], row[6:]) for row in rows]


def set_zone(engine: Engine, key: str, zone: str) -> None:
    with engine.begin() as connection:
        update_site(connection, key, zone=zone)


def an_event(chance: random.Random) -> dict[str, Any]:
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
def test_the_deltas_are_what_the_table_holds(
    engine: Engine, redis: Redis, sql: Sql, site: Site, drain: Drain, zone: str
) -> None:
    other, chance = find_site(engine, "other", auto_create=True), random.Random(zone)
    set_zone(engine, other.key, zone)
    for _ in range(12):
        send(redis, chance.choice((site, other)), [an_event(chance) for _ in range(chance.randrange(1, 40))])
        if chance.random() < 0.4:
            drain.run()
    drain.run()
    [(duplicates, dead)] = sql("SELECT sum(duplicate), sum(dead) FROM ingest_ledger")
    assert duplicates
    assert dead
    for one, its_zone in ((site, "UTC"), (other, zone)):
        events, found = stored(sql, one), waiting(sql, one)
        assert found.zone == its_zone
        assert plain(found) == slow_counts(its_zone, events)
        assert sorted(found.touches) == sorted(slow_touches(events))


def test_an_entry_stored_twice_is_counted_once(
    engine: Engine, redis: Redis, sql: Sql, site: Site, drain: Drain
) -> None:
    send(redis, site, [{"type": "a"}, {"type": "b"}])
    deliveries = buffer.read_new(redis, drain.consumer, 10)
    drain.store(deliveries, Outcome())
    another_drain(engine, redis).store(deliveries, Outcome())
    assert sql("SELECT events FROM rollup_deltas") == [(2,)]


def test_two_drains_of_one_entry_at_once_count_it_once(engine: Engine, redis: Redis, sql: Sql, site: Site) -> None:
    drains = [another_drain(engine, redis) for _ in range(4)]
    for _ in range(4):
        send(redis, site, [{"type": "a", "user_id": "u"}] * 300)
        deliveries = buffer.read_new(redis, "first", 10)
        with ThreadPoolExecutor(len(drains)) as pool:
            list(pool.map(lambda one: one.store(deliveries, Outcome()), drains))  # noqa: B023
    assert sql("SELECT sum(events) FROM rollup_deltas") == sql("SELECT count(*) FROM events") == [(1200,)]


def blocked(connection: Connection) -> list[int]:
    """Backends of this database that wait for a lock."""
    statement = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    # A transaction that has looked knows of no backend that came later.
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


def test_a_change_of_zone_waits_for_drains_and_they_not_for_it(engine: Engine, site: Site) -> None:
    with engine.connect() as first, engine.connect() as second, ThreadPoolExecutor(2) as pool:
        assert store.hold_sites(first, [site.id]) == store.hold_sites(second, [site.id]) == {site.id: "UTC"}
        store.lock_sites(first, [site.id])
        change = pool.submit(set_zone, engine, site.key, "Europe/Berlin")
        with engine.connect() as watcher:
            await_blocked(watcher)
            # The second drain wants what the first holds, and must not queue behind the change that waits for both.
            numbers = pool.submit(store.lock_sites, second, [site.id])
            await_blocked(watcher, 2)
        first.commit()
        assert numbers.result() == {site.id: 1}
        assert not change.done()
        second.commit()
        change.result()
    with engine.connect() as third:
        assert store.hold_sites(third, [site.id]) == {site.id: "Europe/Berlin"}


def test_a_zone_that_is_unknown_here_buries_nothing(redis: Redis, sql: Sql, site: Site, drain: Drain) -> None:
    send(redis, site, [{"type": "a"}])
    sql("UPDATE sites SET zone = 'Mars/Olympus' RETURNING id")
    with pytest.raises(UnknownZone):
        drain.run()
    assert sql("SELECT count(*) FROM dead_letters") == [(0,)]
    sql("UPDATE sites SET zone = 'UTC' RETURNING id")
    assert drain.run().stored == 1


def test_a_drain_of_known_users_takes_no_turn(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    """Whoever numbers users of the site holds up those who have new ones, and nobody else."""
    send(redis, site, [{"type": "a", "user_id": "ann"}])
    drain.run()
    # The lock goes first, so that a drain that waits for it fails the test and does not hang it.
    with ThreadPoolExecutor(1) as pool, engine.connect() as other:
        store.lock_sites(other, [site.id])
        send(redis, site, [{"type": "a", "user_id": "ann"}])
        assert pool.submit(drain.run).result(10).stored == 1
        another = another_drain(engine, redis)
        send(redis, site, [{"type": "a", "user_id": "ann"}])
        assert pool.submit(another.run).result(10).stored == 1

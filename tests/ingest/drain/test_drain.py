"""The drain with a real stream and a real table: each event is stored once, also after repeats, kills and refusals."""

import os
import random
import socket
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import groupby, repeat
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, text

from analytics.errors import Unavailable
from analytics.ingest import buffer
from analytics.ingest.buffer import BacklogLimits, Entry
from analytics.ingest.drain import chunk_reader
from analytics.ingest.drain.drain import Drain, DrainResult
from analytics.sites.sites import Site, find_site
from tasks.ingest import MergePace
from tests.empty_tables import delete_all
from tests.examples import examples
from tests.factories import NO_LIMITS, make_drain, make_entry

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def site(engine: Engine) -> Site:
    return find_site(engine, "default", auto_create=True)


@pytest.fixture
def drain(engine: Engine, redis: Redis) -> Drain:
    return make_drain(engine, redis)


def entry(site: Site, events: list[dict[str, Any]], **changes: Any) -> Entry:
    return make_entry(site, events, **{"received_us": int(NOW.timestamp() * 1e6), **changes})


def send(redis: Redis, site: Site, events: list[dict[str, Any]], **changes: Any) -> str:
    return buffer.append(redis, entry(site, events, **changes), NO_LIMITS)[0]


def table(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT * FROM events ORDER BY ts, event_id")).mappings())


def ledger(engine: Engine) -> tuple[int, ...]:
    with engine.connect() as connection:
        sums = "SELECT coalesce(sum(received),0), coalesce(sum(stored),0), coalesce(sum(duplicate),0), coalesce(sum(dead_lettered),0)"
        return tuple(connection.execute(text(sums + " FROM ingest_ledger")).one())


def iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def test_a_batch_becomes_rows_users_and_a_ledger_row(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    payload = {"page": "/dashboard?utm_source=mail", "referrer": "https://www.google.com/x", "session_id": "s1"}
    send(
        redis,
        site,
        [
            {"type": "page_view", "user_id": "ann", "ts": iso(NOW), "payload": payload},
            {"type": "pageview", "user_id": 7},
        ],
    )
    drain.run()
    first, second = sorted(table(engine), key=lambda row: row["user_no"])
    assert (first["user_id"], first["path"], first["utm_source"], first["source"]) == (
        "ann",
        "/dashboard",
        "mail",
        "mail",
    )
    assert (first["session_id"], first["ts"], first["payload"]) == ("s1", NOW, payload)
    assert (second["user_id"], second["type"], second["ts"], second["user_no"]) == ("7", "page_view", NOW, 2)
    assert ledger(engine) == (2, 2, 0, 0)
    assert buffer.count_entries(redis) == 0
    assert redis.hgetall(buffer.BACKLOG) == {b"events": b"0", b"bytes": b"0"}


def test_an_entry_delivered_twice_is_stored_once(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    send(redis, site, [{"type": "a"}, {"type": "b"}])
    deliveries = buffer.read_new(redis, drain.consumer, 10)
    first, second = DrainResult(), DrainResult()
    drain.store(deliveries, first)
    make_drain(engine, redis).store(deliveries, second)
    assert (first.stored, second.stored, second.already_stored) == (2, 0, 1)
    assert (len(table(engine)), ledger(engine)) == (2, (2, 2, 0, 0))


def test_two_drains_of_one_entry_at_once_store_it_once(engine: Engine, redis: Redis, site: Site) -> None:
    drains, rounds = [make_drain(engine, redis) for _ in range(4)], 6
    for _ in range(rounds):
        send(redis, site, [{"type": "a", "user_id": "u"}] * 300)
        deliveries = buffer.read_new(redis, "first", 10)
        with ThreadPoolExecutor(len(drains)) as pool:
            list(pool.map(Drain.store, drains, repeat(deliveries), [DrainResult() for _ in drains]))
    assert (len(table(engine)), ledger(engine)) == (300 * rounds, (300 * rounds, 300 * rounds, 0, 0))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM dead_letters")).scalar() == 0


def test_a_resend_with_a_new_clock_and_a_new_network_is_a_duplicate(
    engine: Engine, redis: Redis, site: Site, drain: Drain
) -> None:
    event = {"type": "a", "event_id": "e-1", "ts": iso(NOW)}
    send(redis, site, [event])
    drain.run()
    send(redis, site, [event], skew_us=30_000_000, ip="198.51.100.7")
    send(
        redis, site, [{"type": "a", "event_id": "e-1"}], received_us=int((NOW + timedelta(minutes=9)).timestamp() * 1e6)
    )
    drain.run()
    assert (len(table(engine)), ledger(engine)) == (1, (3, 1, 2, 0))


def test_the_same_id_twice_in_one_batch_is_one_event(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    send(redis, site, [{"type": "a", "event_id": "x"}, {"type": "a", "event_id": "x"}, {"type": "a"}, {"type": "a"}])
    drain.run()
    assert ledger(engine) == (4, 3, 1, 0)


def test_sites_do_not_share_ids_or_user_numbers(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    other = find_site(engine, "other", auto_create=True)
    for each in (site, other):
        send(redis, each, [{"type": "a", "event_id": "x", "user_id": "ann"}])
    drain.run()
    assert [(row["site_id"], row["user_no"]) for row in table(engine)] == [(site.id, 1), (other.id, 1)]


def test_entries_of_a_dead_worker_are_claimed(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    send(redis, site, [{"type": "a"}])
    assert buffer.read_new(redis, "dead worker", 10)
    assert drain.run().stored == 0
    assert drain.run(claim_after_s=0).stored == 1
    assert buffer.count_entries(redis) == 0


def test_entries_of_a_dead_process_of_this_machine_are_claimed_at_once(redis: Redis, site: Site, drain: Drain) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    send(redis, site, [{"type": "a"}])
    assert buffer.read_new(redis, f"{socket.gethostname()}:{process.pid}", 10)
    send(redis, site, [{"type": "a"}])
    assert buffer.read_new(redis, f"{socket.gethostname()}:{os.getpid()}", 10)
    assert drain.run(claim_after_s=60).stored == 1
    assert buffer.count_entries(redis) == 1


def read_by_dead_process(redis: Redis) -> None:
    """A process reads the stream's entries, and ends."""
    process = subprocess.Popen(["true"])
    process.wait()
    buffer.read_new(redis, f"{socket.gethostname()}:{process.pid}", 10)


def test_an_entry_that_kills_every_worker_is_dead_lettered_and_its_neighbour_is_stored(
    engine: Engine, redis: Redis, site: Site, drain: Drain
) -> None:
    killer = send(redis, site, [{"type": "a"}, {"type": "b"}])
    redis.hset(buffer.TAKEOVERS, killer, 10)
    send(redis, site, [{"type": "c"}])
    read_by_dead_process(redis)
    result = drain.run(claim_after_s=60)
    assert (result.dead_lettered, result.stored) == (2, 1)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT entry_id, reason FROM dead_letters")).all() == [
            (killer, "kills workers")
        ]
    assert not redis.exists(buffer.TAKEOVERS)


def test_entries_with_few_takeovers_are_stored(redis: Redis, site: Site, drain: Drain) -> None:
    held = [send(redis, site, [{"type": "a"}]) for _ in range(3)]
    redis.hset(buffer.TAKEOVERS, held[1], 9)
    read_by_dead_process(redis)
    result = drain.run(claim_after_s=60)
    assert (result.dead_lettered, result.stored, buffer.count_entries(redis)) == (0, 3, 0)


def test_a_row_that_postgresql_refuses_is_dead_lettered_alone(
    engine: Engine, redis: Redis, site: Site, drain: Drain
) -> None:
    events = [{"type": "a", "ts": iso(NOW)} for _ in range(9)]
    events[4]["payload"] = {"text": "nul \x00"}
    entry_id = send(redis, site, events)
    drain.run()
    assert (len(table(engine)), ledger(engine)) == (8, (9, 8, 0, 1))
    with engine.connect() as connection:
        [letter] = connection.execute(text("SELECT entry_id, position, reason FROM dead_letters")).all()
    assert letter == (entry_id, 4, "refused")


@pytest.mark.parametrize(
    "raw", [b"", b"garbage", msgspec.msgpack.encode(["not", "an", "entry"])], ids=["empty", "bytes", "other"]
)
def test_an_unreadable_entry_does_not_block_the_stream(
    engine: Engine, redis: Redis, site: Site, drain: Drain, raw: bytes
) -> None:
    redis.xadd(buffer.STREAM, {"e": raw, "n": 3})
    send(redis, site, [{"type": "a"}])
    drain.run()
    assert (len(table(engine)), buffer.count_entries(redis)) == (1, 0)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM dead_letters WHERE reason = 'unreadable'")).scalar() == 1


def test_a_full_backlog_refuses_batches_until_it_is_drained(redis: Redis, site: Site, drain: Drain) -> None:
    limits = BacklogLimits(events=2, bytes=10**6)
    buffer.append(redis, entry(site, [{"type": "a"}, {"type": "b"}]), limits)
    with pytest.raises(Unavailable, match="2 events are waiting"):
        buffer.append(redis, entry(site, [{"type": "c"}]), limits)
    drain.run()
    buffer.append(redis, entry(site, [{"type": "c"}]), limits)


def test_text_with_copy_escapes_is_stored_as_sent(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    odd = 'tab\t newline\n return\r backslash\\ \\N "quote" ü \U0001f600 \x01'
    send(
        redis, site, [{"type": odd[:20], "user_id": odd, "src": odd, "session_id": odd, "payload": {"k": odd, odd: 1}}]
    )
    drain.run()
    [row] = table(engine)
    assert (row["type"], row["user_id"], row["src"], row["session_id"]) == (odd[:20], odd, odd, odd)
    assert row["payload"] == {"k": odd, odd: 1}


def test_events_of_any_day_have_a_partition(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    days = [NOW - timedelta(days=n) for n in (0, 1, 40, 70, 71, 400, 4000)]
    send(redis, site, [{"type": "a", "ts": iso(day)} for day in days])
    drain.run()
    assert [row["ts"] for row in table(engine)] == sorted(days)


def test_a_partition_dropped_since_its_creation_is_created_again(
    engine: Engine, redis: Redis, site: Site, drain: Drain
) -> None:
    event = {"type": "a", "ts": iso(NOW - timedelta(days=20))}
    send(redis, site, [event])
    drain.run()
    with engine.begin() as connection:
        dropped = connection.execute(text("SELECT tableoid::regclass::text FROM events")).scalar_one()
        connection.execute(text(f"DROP TABLE {dropped}"))
    send(redis, site, [event])
    assert (drain.run().stored, len(table(engine))) == (1, 1)


def test_pseudonyms_are_stored_in_place_of_user_ids(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    drain.anonymize_user_ids = True
    send(redis, site, [{"type": "a", "user_id": "ann"}, {"type": "a"}, {"type": "b", "user_id": "ann"}])
    drain.run()
    stored = [row.user_id for row in table(engine)]
    assert "ann" not in stored
    assert sorted(word[0] for word in stored) == ["#", "#", "~"]
    with engine.connect() as connection:
        assert len(connection.execute(text("SELECT user_id FROM users")).all()) == 2


def test_first_seen_is_the_earliest_of_the_chunk(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    send(redis, site, [{"type": "a", "user_id": "u", "ts": iso(NOW - timedelta(hours=n))} for n in (1, 5, 2)])
    drain.run()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT first_seen_at FROM users")).scalar() == NOW - timedelta(hours=5)


@hypothesis_settings(
    max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_any_mix_of_batches_resends_and_drains_stores_each_event_once(
    engine: Engine, redis: Redis, site: Site, seed: int
) -> None:
    rng = random.Random(seed)
    with engine.begin() as connection:
        connection.execute(delete_all("events, users, ingest_ledger, dead_letters"))
    redis.flushdb()
    drains = [make_drain(engine, redis) for _ in range(2)]
    batches = [
        [
            {"type": "a", "user_id": f"u{rng.randrange(5)}", "ts": iso(NOW - timedelta(hours=rng.randrange(20)))}
            | ({"event_id": f"id-{rng.randrange(40)}"} if rng.random() < 0.7 else {})
            for _ in range(rng.randrange(1, 12))
        ]
        for _ in range(rng.randrange(1, 8))
    ]
    sent = Counter()
    without_id = 0
    for batch in batches:
        for _ in range(rng.choice((1, 1, 2))):
            send(redis, site, batch)
            sent.update(event["event_id"] for event in batch if "event_id" in event)
            without_id += sum("event_id" not in event for event in batch)
        if rng.random() < 0.5:
            rng.choice(drains).run()
    for drain in drains:
        drain.run()
    received, stored, duplicate, dead = ledger(engine)
    # The slow count: distinct ids, and every event without one.
    assert received == sum(sent.values()) + without_id == stored + duplicate + dead
    assert len(table(engine)) == stored
    ids = Counter(str(row["event_id"]) for row in table(engine))
    assert max(ids.values()) == 1
    assert (stored, dead) == (len(sent) + without_id, 0)


def test_large_batches_of_a_backlog_are_stored_in_several_transactions(
    engine: Engine, redis: Redis, site: Site, sql: Any
) -> None:
    """Entries hold 40 events each on average, so four are read after the first two; that is too many."""
    for count in (10, 10, 60, 60, 60):
        send(redis, site, [{"type": "click"}] * count)
    Drain(engine, redis, b"s" * 32, batch_size=100, linger_s=0.0, consumer="new").run()
    assert sql("SELECT events FROM rollup_deltas ORDER BY id") == [(80,), (60,), (60,)]
    assert buffer.count_entries(redis) == 0


def test_concurrent_drains_read_neighbouring_entries_each(engine: Engine, redis: Redis, site: Site, sql: Any) -> None:
    drains = [Drain(engine, redis, b"s" * 32, linger_s=0.1, consumer=name) for name in ("first", "second")]
    with ThreadPoolExecutor(len(drains)) as pool:
        running = [pool.submit(drain.run, 2) for drain in drains]
        for _ in range(60):
            send(redis, site, [{"type": "click"}])
            time.sleep(0.01)
        assert sum(future.result().stored for future in running) == 60
    transactions = [xmin for xmin, _ in groupby(sql("SELECT xmin::text FROM ingest_ledger ORDER BY entry_id"))]
    assert len(transactions) == len(set(transactions)) > 1


def test_a_drain_waits_for_an_older_chunk(
    engine: Engine, redis: Redis, site: Site, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_reader, "ORDER_WAIT_S", 60.0)
    slow, fast = make_drain(engine, redis), make_drain(engine, redis)
    send(redis, site, [{"type": "older"}])
    older = buffer.read_new(redis, slow.consumer, 1)
    send(redis, site, [{"type": "newer"}])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fast.run)
        while buffer.read_backlog(redis).undelivered:
            time.sleep(0.01)
        slow.store(older, DrainResult())
        assert running.result().stored == 1
    assert sql("SELECT type FROM events ORDER BY xmin::text::bigint") == [("older",), ("newer",)]


def test_a_drain_waits_once_for_a_chunk_of_a_dead_drain(
    redis: Redis, site: Site, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(redis, site, [{"type": "a"}])
    assert buffer.read_new(redis, "dead", 1)
    for wait_s in (0.0, 3600.0):
        monkeypatch.setattr(chunk_reader, "ORDER_WAIT_S", wait_s)
        send(redis, site, [{"type": "a"}])
        assert drain.run().stored == 1


def test_a_drain_merges_the_earlier_the_longer_merging_takes() -> None:
    assert [MergePace(merge_s).max_delta_age_s() for merge_s in (0.1, 1.25, 9.0)] == [2.2, 1.75, 0.5]
    pace = MergePace(0.5)
    for took_s, expected in ((0.0, 0.5), (1.5, 1.0), (2.0, 1.5)):
        pace.record_merge(took_s)
        assert pace.merge_s == expected


@pytest.mark.parametrize("kind", ["outbound", "download", "share"])
def test_the_url_in_a_payload_is_the_page_of_page_views_only(
    engine: Engine, redis: Redis, site: Site, drain: Drain, kind: str
) -> None:
    payload = {"url": "https://partner.example/offer?utm_source=zz"}
    send(redis, site, [{"type": name, "payload": payload} for name in (kind, "page_view")])
    drain.run()
    found = {row["type"]: (row["path"], row["utm_source"], row["payload"]) for row in table(engine)}
    assert found == {kind: (None, None, payload), "page_view": ("/offer", "zz", payload)}


def test_a_payload_of_null_is_none(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    send(redis, site, [{"type": "a", "payload": None}, {"type": "b", "payload": {}}, {"type": "c"}])
    drain.run()
    with engine.connect() as connection:
        payloads = connection.execute(text("SELECT payload::text FROM events ORDER BY type")).scalars().all()
    assert payloads == [None, "{}", None]


def test_types_subjects_and_places_lose_outer_blanks_and_payloads_none(
    engine: Engine, redis: Redis, site: Site, drain: Drain
) -> None:
    payload = {" a ": " (other) "}
    events = [
        {"type": "\u00a0pageview ", "subject": "(other) ", "region": " Bern ", "city": "(other) ", "payload": payload},
        {"type": "page_view", "subject": " \t", "payload": payload},
        {"type": "(other) ", "payload": payload},
    ]
    send(redis, site, events)
    drain.run()
    found = [(row["type"], row["subject"], row["region"], row["city"]) for row in table(engine)]
    assert sorted(found, key=str) == [
        ("(other)", None, None, None),
        ("page_view", "(other)", "Bern", "(other)"),
        ("page_view", None, None, None),
    ]
    assert all(row["payload"] == payload for row in table(engine))


def test_an_id_does_not_depend_on_the_blanks_of_a_type(engine: Engine, redis: Redis, site: Site, drain: Drain) -> None:
    """A batch that is sent again with its key is recognised, also one from before types lost their blanks."""
    for kind in ("a", " a "):
        send(redis, site, [{"type": kind}], batch_key="k")
    drain.run()
    assert [row["type"] for row in table(engine)] == ["a"]


def test_campaigns_of_the_event_lose_outer_blanks_as_those_of_its_page_do(
    engine: Engine, redis: Redis, site: Site, drain: Drain
) -> None:
    """Rollups name the rest beyond a limit "(other) ", with a blank, so no event may say that."""
    page = "/a?utm_term=(other)%20&utm_content=page"
    send(redis, site, [{"type": "page_view", "path": page, "utm_source": "(other) ", "utm_content": " \t"}])
    drain.run()
    names = ("utm_source", "utm_term", "utm_content", "source")
    assert [table(engine)[0][name] for name in names] == ["(other)", "(other)", "page", "(other)"]

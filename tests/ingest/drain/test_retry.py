"""Retried dead letters: each event is stored once, whatever is killed, and the ledger follows at every instant."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine

from analytics.audit.run import run_audit
from analytics.ingest import buffer
from analytics.ingest.drain import retry
from analytics.ingest.drain.retry_writer import RetryResult
from analytics.ingest.ids import derive_event_id, keyed_ids
from analytics.ingest.samples.samples import StreamSample
from analytics.privacy import retention
from analytics.reports.realtime.new_events import read_page
from analytics.reports.realtime.position import StreamPosition, read_current_position
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site, create_site
from analytics.store import dead_letters
from analytics.store.dead_letters import LetterSize, Selection
from config import Settings
from tests.empty_tables import delete_all
from tests.examples import examples
from tests.factories import append_events, make_drain
from tests.ingest.drain.letters import STEPS, Killed, bury_batch, kill, make_retry, poisoned, retry_all, run

NOW = datetime.now(UTC).replace(microsecond=0)
IN_THE_HOUR = int(NOW.timestamp() * 1e6)
LEDGER = "SELECT sum(received), sum(stored), sum(duplicate), sum(dead_lettered) FROM ingest_ledger"
LETTERS = "SELECT position, reason, retries FROM dead_letters ORDER BY position"
GOOD, POISON = {"type": "page_view", "user_id": "ann", "path": "/"}, {"type": "page_view", "path": "/poison"}


@pytest.fixture(autouse=True)
def mend(engine: Engine) -> Iterator[Callable[[], None]]:
    """Events of the path "/poison" are refused until `mend()`."""
    with poisoned(engine) as mend:
        yield mend


def send(engine: Engine, redis: Redis, site: Site, events: list[dict[str, Any]], **changes: Any) -> str:
    entry_id = append_events(redis, site, events, received_us=IN_THE_HOUR, **changes)
    make_drain(engine, redis).run()
    return entry_id


def gaps(engine: Engine, redis: Redis) -> list[str]:
    return [str(gap) for gap in run_audit(engine, redis, full=True).gaps]


def test_a_refused_event_is_stored_once_its_cause_is_gone(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]
) -> None:
    ts = (NOW - timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    poison = {**POISON, "ts": ts, "payload": {"n": 1.50}, "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"}
    entry_id = send(engine, redis, site, [GOOD, poison, GOOD])
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(3, 2, 0, 1)], [])
    mend()
    assert retry_all(engine) == RetryResult(letters=1, stored=1)
    [row] = run(engine, "SELECT event_id::text, ts, received_at, os, payload::text FROM events WHERE path = '/poison'")
    assert row == (derive_event_id(entry_id, 1), NOW - timedelta(minutes=5), NOW, "Linux", '{"n": 1.5}')
    assert (run(engine, LEDGER), run(engine, LETTERS), gaps(engine, redis)) == ([(3, 3, 0, 0)], [], [])


def test_a_retried_event_is_what_a_drain_would_have_stored(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]
) -> None:
    """The same batch twice: once with a death and a retry, once without."""
    events = [{**GOOD, "path": path, "payload": {"a": "\t\\"}} for path in ("/a", "/poison", "/b")]
    events.append({"type": "click", "path": "/poison", "subject": "code", "ip": "198.51.100.7", "utm_source": "mail"})
    key = {"batch_key": "key 1", "indexes": [0, 2, 3, 5], "ip": "203.0.113.77", "user_agent": "curl/8"}
    send(engine, redis, site, events, **key)
    mend()
    assert retry_all(engine).stored == 2
    with engine.begin() as connection:
        other = create_site(connection, "other")
    send(engine, redis, other, events, **key, site_key=site.key)
    columns = "event_id, ts, type, user_id, subject, is_bot, browser, path, utm_source, ip, payload::text"
    of_site = f"SELECT {columns} FROM events WHERE site_id = :site ORDER BY event_id"
    assert run(engine, of_site, site=site.id) == run(engine, of_site, site=other.id)
    ids = keyed_ids(site.key, "key 1")
    assert {str(row[0]) for row in run(engine, of_site, site=site.id)} == {ids(0), ids(2), ids(3), ids(5)}


def test_a_whole_batch_is_stored_with_the_ids_of_its_202(engine: Engine, redis: Redis, site: Site) -> None:
    entry_id = bury_batch(engine, redis, site, [GOOD] * 3, received_us=IN_THE_HOUR)
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(3, 0, 0, 3)], [])
    assert retry_all(engine) == RetryResult(letters=1, stored=3)
    ids = [row[0] for row in run(engine, "SELECT event_id::text FROM events ORDER BY event_id")]
    assert ids == [derive_event_id(entry_id, position) for position in range(3)]
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(3, 3, 0, 0)], [])


def test_an_event_that_is_refused_again_stays_with_its_age(engine: Engine, redis: Redis, site: Site) -> None:
    send(engine, redis, site, [GOOD, POISON])
    [(died_at,)] = run(engine, "SELECT dead_lettered_at FROM dead_letters")
    assert retry_all(engine) == retry_all(engine) == RetryResult(letters=1, dead_lettered=1)
    assert run(engine, LETTERS) == [(1, "refused", 2)]
    assert run(engine, "SELECT dead_lettered_at, retried_at > dead_lettered_at FROM dead_letters") == [(died_at, True)]
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(2, 1, 0, 1)], [])


def test_of_a_batch_only_what_is_refused_stays(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]
) -> None:
    entry_id = bury_batch(engine, redis, site, [GOOD, POISON, GOOD, POISON], received_us=IN_THE_HOUR)
    run(engine, "UPDATE dead_letters SET dead_lettered_at = now() - interval '40 days'")
    assert retry_all(engine) == RetryResult(letters=1, stored=2, dead_lettered=2)
    assert run(engine, LETTERS) == [(1, "refused", 1), (3, "refused", 1)]
    # No retry keeps an address for longer.
    assert run(engine, "SELECT max(dead_lettered_at) < now() - interval '39 days' FROM dead_letters") == [(True,)]
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(4, 2, 0, 2)], [])
    mend()
    assert retry_all(engine) == RetryResult(letters=2, stored=2)
    poison_ids = "SELECT event_id::text FROM events WHERE path = '/poison' ORDER BY event_id"
    assert run(engine, poison_ids) == [(derive_event_id(entry_id, 1),), (derive_event_id(entry_id, 3),)]
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(4, 4, 0, 0)], [])


def test_an_event_that_was_resent_meanwhile_is_a_duplicate(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]
) -> None:
    send(engine, redis, site, [{**POISON, "event_id": "order 7"}])
    mend()
    send(engine, redis, site, [{**POISON, "event_id": "order 7"}])
    assert retry_all(engine) == RetryResult(letters=1, duplicate=1)
    assert (run(engine, LEDGER), run(engine, LETTERS), gaps(engine, redis)) == ([(2, 1, 1, 0)], [], [])


LINE = (
    "01234567-89ab-4def-8123-456789abcdef\t{ts}\t{received}\t{site}\tpage_view\tann \\\\ bob\ts1\t\\N\t\\N"
    "\tf\tFirefox\tLinux\tdesktop\t/old\tmail\t\\N\t\\N\t\\N\t\\N\thttps://example.org/\texample.org"
    '\t203.0.113.9\tDE\t\\N\tUlm\t{{"text": "a\\\\tb"}}'
)


def test_a_letter_with_the_line_of_the_release_before_is_stored(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]
) -> None:
    send(engine, redis, site, [GOOD, {**POISON, "ip": "203.0.113.9"}])
    mend()
    line = LINE.format(ts=NOW.isoformat().replace("+00:00", "Z"), received=NOW.isoformat(), site=site.id)
    run(engine, "UPDATE dead_letters SET body = :body", body=line.encode())
    assert retry_all(engine) == RetryResult(letters=1, stored=1)
    columns = "user_id, session_id, browser, path, utm_source, referrer, source, host(ip), country, city, payload, ts"
    [row] = run(engine, f"SELECT {columns} FROM events WHERE path = '/old'")
    assert row == (
        "ann \\ bob", "s1", "Firefox", "/old", "mail", "https://example.org/", "example.org", "203.0.113.9", "DE",
        "Ulm", {"text": "a\tb"}, NOW,
    )  # fmt: skip
    merge_all(engine, 10)
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(2, 2, 0, 0)], [])


def test_a_batch_of_samples_is_stored(engine: Engine, redis: Redis, site: Site) -> None:
    samples = [StreamSample("cpu", "1.5", "gauge", "{}", IN_THE_HOUR, "") for _ in range(2)]
    body = msgspec.json.encode(samples)
    bury_batch(
        engine, redis, site, [GOOD, GOOD], received_us=IN_THE_HOUR, body=body, compressed=False, holds_samples=True
    )
    assert retry_all(engine) == RetryResult(letters=1, stored=2)
    assert run(engine, "SELECT count(*), sum(value) FROM samples") == [(2, 3)]
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(2, 2, 0, 0)], [])


def test_a_batch_that_is_refused_as_a_whole_stays(engine: Engine, redis: Redis, site: Site) -> None:
    body = msgspec.json.encode([StreamSample("cpu", "1", "gauge", '{"nul": "\\u0000"}', IN_THE_HOUR, "")])
    changes = {"body": body, "compressed": False, "holds_samples": True, "received_us": IN_THE_HOUR}
    bury_batch(engine, redis, site, [GOOD], **changes)
    healthy = bury_batch(engine, redis, site, [GOOD], received_us=IN_THE_HOUR)
    run(engine, "UPDATE dead_letters SET reason = 'refused'")
    assert retry_all(engine) == RetryResult(letters=2, stored=1, dead_lettered=1)
    assert run(engine, LETTERS) == [(-1, "refused", 1)]
    assert run(engine, "SELECT stored FROM ingest_ledger WHERE entry_id = :id", id=healthy) == [(1,)]
    assert gaps(engine, redis) == []


def test_a_batch_without_its_events_stays(engine: Engine, redis: Redis, site: Site) -> None:
    bury_batch(engine, redis, site, [GOOD] * 3, received_us=IN_THE_HOUR, body=b'[{"type":"a"}]', compressed=False)
    assert retry_all(engine) == RetryResult(letters=1, dead_lettered=3)
    detail = "it holds 1 of the 3 events that were accepted"
    assert run(engine, "SELECT reason, detail FROM dead_letters") == [("unreadable", detail)]
    assert (run(engine, "SELECT count(*) FROM events"), gaps(engine, redis)) == ([(0,)], [])


def test_bytes_that_nobody_can_read_stay(engine: Engine, redis: Redis, site: Site) -> None:
    redis.xadd(buffer.STREAM, {"e": b"garbage", "n": 3})
    make_drain(engine, redis).run()
    assert retry_all(engine) == RetryResult(letters=1)
    assert run(engine, LETTERS) == [(-1, "unreadable", 1)]
    assert gaps(engine, redis) == []


def test_an_entry_that_can_be_decoded_now_is_counted_for_its_site(
    engine: Engine, redis: Redis, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(buffer, "decode_entry", lambda raw: None)
        send(engine, redis, site, [GOOD, POISON])
    assert run(engine, "SELECT site_id, received FROM ingest_ledger") == [(0, 0)]
    assert len(gaps(engine, redis)) == 1
    assert retry_all(engine) == RetryResult(letters=1, stored=1, dead_lettered=1)
    assert run(engine, "SELECT site_id, received, received_at FROM ingest_ledger") == [(site.id, 2, NOW)]
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(2, 1, 0, 1)], [])
    assert run(engine, "SELECT site_id, received_at FROM dead_letters") == [(site.id, NOW)]


def test_letters_of_a_deleted_site_stay(engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]) -> None:
    with engine.begin() as connection:
        other = create_site(connection, "other")
    send(engine, redis, other, [POISON])
    send(engine, redis, site, [POISON])
    run(engine, "DELETE FROM sites WHERE id = :id", id=other.id)
    mend()
    assert retry_all(engine) == RetryResult(letters=2, stored=1, dead_lettered=1)
    assert run(engine, "SELECT reason, detail FROM dead_letters") == [("no site", "its site was deleted")]


def test_the_sums_of_a_dropped_ledger_partition_follow(
    engine: Engine, redis: Redis, site: Site, settings: Settings, mend: Callable[[], None]
) -> None:
    long_ago = NOW - timedelta(days=95)
    changes = {"received_us": int(long_ago.timestamp() * 1e6)}
    append_events(redis, site, [{**GOOD, "ts": NOW.isoformat()}, {**POISON, "ts": NOW.isoformat()}], **changes)
    make_drain(engine, redis).run()
    retention.run(engine, settings, NOW)
    sums = "SELECT received, stored, duplicate, dead_lettered FROM ledger_hours"
    assert run(engine, sums) == [(2, 1, 0, 1)]
    mend()
    assert retry_all(engine).stored == 1
    assert (run(engine, sums), gaps(engine, redis)) == ([(2, 2, 0, 0)], [])


def test_an_event_of_a_frozen_day_is_counted_and_then_deleted_with_its_day(
    engine: Engine, redis: Redis, site: Site, settings: Settings, mend: Callable[[], None]
) -> None:
    ts = (NOW - timedelta(days=95)).isoformat()
    send(engine, redis, site, [{**GOOD, "ts": ts}, {**POISON, "ts": ts}])
    merge_all(engine, 10)
    retention.run(engine, settings, NOW)
    assert run(engine, "SELECT count(*) FROM events") == [(0,)]
    mend()
    assert retry_all(engine) == RetryResult(letters=1, stored=1)
    assert gaps(engine, redis) == []
    merge_all(engine, 10)
    retention.run(engine, settings, NOW)
    assert (run(engine, "SELECT count(*) FROM events"), gaps(engine, redis)) == ([(0,)], [])
    total = "SELECT sum(events) FROM rollups WHERE span = 'day' AND dimension = 'total' AND subject = ''"
    assert run(engine, total) == [(2,)]


def test_a_live_stream_shows_a_retried_event_once(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]
) -> None:
    def read(position: StreamPosition) -> tuple[list[str], StreamPosition]:
        with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
            page = read_page(connection, site.id, position, read_current_position(connection))
            return [event.data["path"] for event in page.events], page.position

    with engine.begin() as connection:
        start = read_current_position(connection)
    send(engine, redis, site, [GOOD, POISON])
    seen, position = read(start)
    mend()
    retry_all(engine)
    again, position = read(position)
    assert (seen, again, read(position)[0]) == (["/"], ["/poison"], [])


def test_a_masked_letter_is_stored_with_the_network(
    engine: Engine, redis: Redis, site: Site, settings: Settings, mend: Callable[[], None]
) -> None:
    send(engine, redis, site, [{**POISON, "user_id": "ann", "ip": "198.51.100.77"}])
    mend()
    retention.run(engine, replace(settings, anonymize_ips_after_days=0), NOW + timedelta(minutes=1))
    assert retry_all(engine).stored == 1
    assert run(engine, "SELECT host(ip), user_id FROM events") == [("198.51.100.0", "ann")]


def test_two_retries_at_once_store_each_event_once(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]
) -> None:
    for _ in range(5):
        send(engine, redis, site, [GOOD, POISON, POISON])
        bury_batch(engine, redis, site, [GOOD] * 4, received_us=IN_THE_HOUR)
    mend()
    with ThreadPoolExecutor(4) as pool:
        results = [future.result() for future in [pool.submit(retry_all, engine) for _ in range(4)]]
    assert sum(result.stored for result in results) == 5 * (2 + 4)
    assert sum(result.letters for result in results) == 5 * (2 + 1)
    assert (run(engine, LEDGER), run(engine, LETTERS), gaps(engine, redis)) == ([(35, 35, 0, 0)], [], [])


def test_retries_beside_a_drain_balance_at_every_instant(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]
) -> None:
    for n in range(6):
        send(engine, redis, site, [{**GOOD, "user_id": f"u{n}"}, *[POISON] * 5])
    for n in range(20):
        append_events(redis, site, [{**GOOD, "user_id": f"new {n}"}] * 20, received_us=IN_THE_HOUR)
    mend()
    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(retry_all, engine), pool.submit(make_drain(engine, redis).run)]
        seen = [gaps(engine, redis)]
        while not all(one.done() for one in working):
            seen.append(gaps(engine, redis))
        assert [one.exception() for one in working] == [None, None]
    assert [gap for found in seen for gap in found] == []
    assert run(engine, LEDGER) == [(36 + 400, 436, 0, 0)]


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[name for _, name in STEPS])
def test_a_retry_that_is_killed_between_its_steps_changes_nothing(
    engine: Engine, redis: Redis, site: Site, settings: Settings, mend: Callable[[], None], step: int
) -> None:
    """A process of its own, with SIGKILL."""
    send(engine, redis, site, [GOOD, POISON])
    bury_batch(engine, redis, site, [GOOD, GOOD, {**GOOD, "path": "/refused", "payload": {"nul": "\0"}}])
    mend()
    before = run(engine, "SELECT * FROM dead_letters ORDER BY id"), run(engine, LEDGER)
    process = subprocess.run([sys.executable, "-c", KILLED_RETRY, settings.database_url, str(step)], timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert (run(engine, "SELECT * FROM dead_letters ORDER BY id"), run(engine, LEDGER)) == before
    assert (run(engine, "SELECT count(*) FROM events"), gaps(engine, redis)) == ([(1,)], [])
    assert retry_all(engine) == RetryResult(letters=2, stored=3, dead_lettered=1)
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(5, 4, 0, 1)], [])


KILLED_RETRY = """
import os, signal, sys
from sqlalchemy import create_engine
from tests.ingest.drain.letters import STEPS, retry_all
module, name = STEPS[int(sys.argv[2])]
setattr(module, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
retry_all(create_engine(sys.argv[1]))
"""


def request(engine: Engine) -> int:
    with engine.begin() as connection:
        return dead_letters.request_retry(connection, Selection())


def run_requested(engine: Engine) -> RetryResult:
    result = RetryResult()
    assert not make_retry(engine).run_requested(10.0, result)
    return result


def test_a_requested_retry_is_done_once(engine: Engine, redis: Redis, site: Site, mend: Callable[[], None]) -> None:
    send(engine, redis, site, [POISON, POISON])
    assert run_requested(engine) == RetryResult()
    assert (request(engine), request(engine)) == (2, 2)
    mend()
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run_requested, [engine] * 3))
    assert Counter(result.stored for result in results) == {2: 1, 0: 2}
    assert run_requested(engine) == RetryResult()
    assert gaps(engine, redis) == []


def test_a_requested_letter_that_dies_again_is_not_tried_for_ever(engine: Engine, redis: Redis, site: Site) -> None:
    send(engine, redis, site, [POISON])
    request(engine)
    assert run_requested(engine) == RetryResult(letters=1, dead_lettered=1)
    assert run_requested(engine) == RetryResult()
    assert run(engine, "SELECT retries, retry_attempts_left FROM dead_letters") == [(1, None)]


def test_a_worker_that_is_killed_leaves_the_request_to_the_next(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(engine, redis, site, [POISON, POISON])
    mend()
    request(engine)
    with monkeypatch.context() as patch:
        patch.setattr("analytics.ingest.drain.retry_writer.store_rows", kill)
        with pytest.raises(Killed):
            run_requested(engine)
    assert run_requested(engine) == RetryResult(letters=2, stored=2)
    assert (run(engine, LETTERS), gaps(engine, redis)) == ([], [])


def test_a_letter_that_kills_every_worker_is_given_up_and_its_neighbour_is_stored(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(engine, redis, site, [POISON, {**POISON, "user_id": "killer"}])
    mend()
    request(engine)
    store_rows = retry.write_retry.__globals__["store_rows"]

    def die(connection: Any, chunk: Any, *rest: Any) -> Any:
        if any(row.user_id == "killer" for row in chunk.rows):
            raise Killed
        return store_rows(connection, chunk, *rest)

    monkeypatch.setattr("analytics.ingest.drain.retry_writer.store_rows", die)
    for _ in range(3):
        with pytest.raises(Killed):
            run_requested(engine)
    assert run_requested(engine) == RetryResult(letters=1)
    assert run(engine, LETTERS) == [(1, "kills workers", 1)]
    assert (run(engine, LEDGER), gaps(engine, redis)) == ([(2, 1, 0, 1)], [])


def test_portions_are_bounded_and_letters_that_kill_come_last_and_alone() -> None:
    letters = [LetterSize(1, 10, "kills workers"), *[LetterSize(n, 900_000, "refused") for n in range(2, 7)]]
    assert list(retry.split_portions(letters)) == [[2, 3], [4, 5], [6], [1]]
    small = [LetterSize(n, 1, "refused") for n in range(1001)]
    assert [len(ids) for ids in retry.split_portions(small)] == [500, 500, 1]


# What may happen, in any order. A kill is before one of the steps.
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(st.booleans(), min_size=1, max_size=4)),
        st.tuples(st.just("bury"), st.lists(st.booleans(), min_size=1, max_size=4)),
        st.tuples(st.just("retry"), st.none()),
        st.tuples(st.just("request"), st.none()),
        st.tuples(st.just("work"), st.none()),
        st.tuples(st.just("kill"), st.integers(0, len(STEPS) - 1)),
        st.tuples(st.just("merge"), st.none()),
    ),
    max_size=12,
)


@hypothesis_settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))
@given(operations=OPERATIONS)
def test_any_order_of_deaths_retries_and_kills_stores_each_event_once(
    engine: Engine, redis: Redis, site: Site, mend: Callable[[], None], operations: list[tuple[str, Any]]
) -> None:
    tables = "events, ingest_ledger, dead_letters, rollups, rollup_deltas, users, user_numbers, visits, visit_rollups"
    run(engine, str(delete_all(f"{tables}, open_days")))
    redis.flushdb()
    with poisoned(engine) as mend:
        numbers, sent = count(), set[str]()
        for name, argument in operations:
            events = []
            if name in ("send", "bury"):
                events = [{**(POISON if bad else GOOD), "user_id": str(next(numbers))} for bad in argument]
                sent |= {event["user_id"] for event in events}
            perform(engine, redis, site, name, argument, events)
            assert gaps(engine, redis) == []
            stored = {row[0] for row in run(engine, "SELECT user_id FROM events")}
            [(dead,)] = run(engine, "SELECT coalesce(sum(dead_lettered), 0) FROM ingest_ledger")
            assert len(sent) == len(stored) + dead
        mend()
        retry_all(engine)
    assert sorted(row[0] for row in run(engine, "SELECT user_id FROM events")) == sorted(sent)
    assert (run(engine, LETTERS), gaps(engine, redis)) == ([], [])


def perform(engine: Engine, redis: Redis, site: Site, name: str, argument: Any, events: list[dict[str, Any]]) -> None:
    if name == "send":
        send(engine, redis, site, events)
    elif name == "bury":
        bury_batch(engine, redis, site, events, received_us=IN_THE_HOUR)
    elif name == "retry":
        retry_all(engine)
    elif name == "request":
        request(engine)
    elif name == "work":
        run_requested(engine)
    elif name == "merge":
        merge_all(engine, 10)
    else:
        module, step = STEPS[argument]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, step, kill)
            with suppress(Killed):
                retry_all(engine)

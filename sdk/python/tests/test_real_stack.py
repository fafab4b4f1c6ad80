"""The real service: web, worker, PostgreSQL and Redis. Clients and the service are killed; the audit balances.

`make test-python-sdk` runs it, and `make faults`; `make test` does not (half a minute).
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics_client import Client, Rejection
from benchmarks.stack import Stack

pytestmark = pytest.mark.fault
HERE = Path(__file__).parent
EVENTS = int(os.environ.get("SDK_EVENTS", "10000"))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(beat=False) as running:
        yield running


@pytest.fixture(scope="module")
def key(stack) -> str:
    """A secret key that may live long, as a server's."""
    stack.run("site", "flask --app wsgi site create shop")
    output = stack.run("key", "flask --app wsgi key create --scope ingest --site shop --name sdk")
    return next(word for word in output.split() if word.startswith("sk_"))


def start(stack: Stack, key: str, *arguments: object) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "KEY": key}
    name, *others = map(str, arguments)
    command = [sys.executable, str(HERE / "programs.py"), name, stack.url, *others]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def read_stored(stack: Stack, where: str = "true") -> Counter[str]:
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT event_id::text FROM events WHERE {where}")
        return Counter(row[0] for row in cursor.fetchall())


def await_stored(stack: Stack, ids: set[str], timeout_s: float = 60) -> Counter[str]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        stored = read_stored(stack)
        if ids <= stored.keys():
            return stored
        time.sleep(0.2)
    raise AssertionError(f"{len(ids - read_stored(stack).keys())} of {len(ids)} events are not stored")


def test_client_and_service_are_killed_and_every_event_is_stored_once(stack, key, tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    program = start(stack, key, "stream", folder, EVENTS)
    assert program.stdout is not None
    ids = [program.stdout.readline().strip() for _ in range(EVENTS // 2)]
    stack.kill("web")
    ids += [program.stdout.readline().strip() for _ in range(EVENTS - len(ids))]
    program.kill()
    program.communicate()
    waiting = sum(path.stat().st_size for path in folder.iterdir())
    assert waiting > EVENTS // 4 * 100, "nothing was under way"
    stack.restart("web")
    stack.await_web()
    output, _ = start(stack, key, "deliver", folder, 60).communicate(timeout=90)
    assert output.split()[1] == "0", "a file was left"
    stored = await_stored(stack, set(ids))
    assert max(stored.values()) == 1
    assert set(stored) == set(ids)
    # Ends with 1, and raises, where a sum does not balance.
    stack.run("audit", "flask --app wsgi audit --full")


def test_the_service_says_what_it_refuses(stack, key, tmp_path):
    told: list[Rejection] = []
    with Client(stack.url, key, site="shop", spool_dir=str(tmp_path), on_reject=told.append, flush_s=60) as client:
        good = client.track("order", {"total": 9.5}, "ann")
        old = client.track("order", ts="2001-01-01T00:00:00Z")
        deep: Any = 1
        for _ in range(100):
            deep = [deep]
        nested = client.track("order", {"deep": deep})
        assert client.flush(20)
        # Alone, without a good one: the answer is 422.
        late = client.track("order", ts="2001-01-01T00:00:00Z")
        assert client.flush(20)
        stats = client.stats()
    assert [(rejection.event_id, rejection.code) for rejection in told] == [
        (old, "out_of_window"),
        (nested, "too_deep"),
        (late, "out_of_window"),
    ]
    assert (stats.sent, stats.rejected, stats.waiting) == (1, 3, 0)
    await_stored(stack, {good})


def test_a_wrong_key_and_another_site_keep_the_events(stack, key, tmp_path):
    client = Client(stack.url, "sk_wrong", site="shop", spool_dir=str(tmp_path), flush_s=0.05)
    event_id = client.track("order", user_id="ben")
    assert not client.flush(10)
    assert client.stats().state == "held"
    client.set_key(key)
    assert client.flush(20)
    client.close()
    await_stored(stack, {event_id})
    other = Client(stack.url, key, site="elsewhere", spool_dir=str(tmp_path), flush_s=0.05)
    other.track("order")
    assert not other.flush(10)
    assert (other.stats().state, other.stats().waiting) == ("held", 1)
    other.close(0)


def test_users_and_their_clients_are_those_of_the_event(stack, key, tmp_path):
    """The address and user agent of the sending server are not the visitor's."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    with Client(stack.url, key, site="shop", spool_dir=str(tmp_path)) as client:
        plain = client.track("page_view", user_id="cleo", path="/a")
        full = client.track("page_view", user_id="cleo", path="/a", user_agent=agent, ip="192.0.2.7")
    await_stored(stack, {plain, full})
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT event_id::text, browser, is_bot, path FROM events WHERE path = '/a'")
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    assert rows[full] == ("Firefox", False, "/a")
    assert rows[plain][1:] == (False, "/a")

"""What a forked child inherits: no lock that is held, no file, no name; and the failure of one client is its own."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics_client import forks
from fault_server import answering


def run_child(action: Callable[[], bool]) -> bool:
    """The answer of `action` in a forked child; False when it takes longer than ten seconds."""
    pid = os.fork()
    if pid == 0:
        import signal

        signal.alarm(10)
        try:
            os._exit(0 if action() else 1)
        finally:
            os._exit(2)
    return os.waitpid(pid, 0)[1] == 0


class Failing:
    """A client of which each hook fails, after it has locked something."""

    def __init__(self, fails_before: bool) -> None:
        self.lock, self._fails_before = threading.Lock(), fails_before

    def fork_locks(self) -> list[Any]:
        return [self.lock, None] if self._fails_before else [self.lock]

    def begin_anew(self) -> None:
        raise OSError(9, "Bad file descriptor")


@pytest.fixture(params=[True, False], ids=["before", "in the child"])
def failing(request) -> Iterator[Failing]:
    found = Failing(request.param)
    # Whichever order they are called in, one of the two clients of the test comes after it or before.
    forks.register(found)
    yield found
    forks._registered.discard(found)


def test_a_client_that_fails_at_a_fork_does_not_lock_the_others(failing, server, make_client, caplog):
    clients = [make_client() for _ in range(4)]
    for _ in range(2):
        assert run_child(lambda: all(client.track("order") and client.close(5) for client in clients))
        assert all(client.track("order") and client.flush(5) for client in clients)
        assert run_child(lambda: not failing.lock.locked())
        assert not failing.lock.locked()
    assert len(server.stored) == 16
    assert ("failed at a fork" in caplog.text) is failing._fails_before, "in the child, it is logged there"


def test_processes_of_one_fork_do_not_give_their_files_the_same_name(server, make_client):
    client = make_client()
    client.track("order")
    assert client.flush(5)
    folder = client._spool.folder
    # In the same millisecond; the random digits that are left of the first name are in both.
    now_ms = int(time.time() * 1000) + 60_000
    reading, writing = os.pipe()

    def create() -> bool:
        return os.write(writing, folder.create(now_ms).path.encode()) > 0

    assert run_child(create)
    file = folder.create(now_ms)
    assert file.path != os.read(reading, 1000).decode()
    file.remove()
    os.close(reading)
    os.close(writing)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the open files of a process are listed by Linux only")
def test_a_child_has_no_file_of_its_parent_open(server, make_client, tmp_path):
    """An open copy would keep the lock when the parent is killed: nobody could adopt the file while the child lives."""
    server.always = answering(503)
    for _ in range(60):
        old = make_client(max_backoff_s=60, adopt_s=600)
        old.track("order")
        old.close(0)
        old._delivery.thread.join()
    server.always = None
    client = make_client(adopt_s=600)
    client.track("order")
    while client.has_left():
        assert run_child(lambda: not open_spool_files())
    assert client.flush(5)


def open_spool_files() -> list[str]:
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return [link for link in links if ".spool" in link]


def test_a_hook_of_the_application_may_make_a_client(server, tmp_path):
    """It is older than ours, so that it is called before ours has released the locks."""
    program = f"""
import os, sys
made = []
os.register_at_fork(after_in_child=lambda: made.append(Client("{server.url}", "k", spool_dir="{tmp_path}", flush_s=60)))
from analytics_client import Client
first = Client("{server.url}", "k", spool_dir="{tmp_path}", flush_s=60)
pid = os.fork()
if pid == 0:
    assert made[0].track("order") and first.track("order")
    sys.exit(0)
sys.exit(os.waitpid(pid, 0)[1])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", program], env=environment, timeout=20).returncode == 0
    assert len(server.stored) == 2


def test_a_log_handler_that_tracks_is_no_deadlock_at_a_fork(server, make_client, tmp_path):
    """Handlers have a lock of their own; it and the client's are taken in both orders."""
    clients = [make_client(adopt_s=0.001) for _ in range(2)]

    class Tracking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            clients[0].track("log", {"message": record.getMessage()[:50]})

    handler, stop = Tracking(), threading.Event()
    logger = logging.getLogger("analytics_client")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    def leave() -> None:
        while not stop.is_set():
            other = make_client(url="http://127.0.0.1:9", max_backoff_s=60, adopt_s=600, max_spool_bytes=65_536)
            other.track("order")
            other.track("")
            other.close(0)

    leaving = threading.Thread(target=leave, daemon=True)
    leaving.start()
    try:
        for _ in range(100):
            assert run_child(lambda: bool(clients[0].track("order")))
    finally:
        stop.set()
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        leaving.join(10)
    assert not leaving.is_alive()


def test_delivery_imports_nothing(server, tmp_path):
    """A child that is forked while a thread imports a module waits for it for ever, when it needs the module too."""
    server.faults = [answering(503, Retry_After="0"), answering(429)]
    program = f"""
import sys, time
from analytics_client import Client
before = set(sys.modules)
client = Client("{server.url.replace("127.0.0.1", "localhost")}", "k", spool_dir="{tmp_path}", max_backoff_s=0.01)
for number in range(100):
    client.track("order", {{"n": number}})
while not client.flush(5):
    pass
client.close()
print(*set(sys.modules) - before)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, timeout=20, stdout=subprocess.PIPE)
    assert (ended.returncode, ended.stdout.strip()) == (0, b"")
    assert len(server.stored) == 100

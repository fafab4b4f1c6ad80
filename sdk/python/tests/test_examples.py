"""The examples of Flask and Celery, run as their first lines say. (Django is not among the project's packages.)"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery

from analytics.local.servers.redis import RedisServer
from benchmarks.stack import free_port
from fault_server import FaultServer

# They start web servers and a pool of workers, which is too slow for `make test`.
pytestmark = pytest.mark.fault
EXAMPLES = Path(__file__).parents[1] / "examples"


@contextmanager
def running(server: FaultServer, folder: Path, *command: str, **environment: str) -> Iterator[None]:
    variables = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLES.parent),
        "ANALYTICS_URL": server.url,
        "ANALYTICS_KEY": "sk_test",
        "ANALYTICS_SPOOL": str(folder),
        **environment,
    }
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=EXAMPLES, env=variables)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(25)
        finally:
            process.kill()
            process.wait()


def await_events(server: FaultServer, count: int) -> list[dict[str, object]]:
    deadline = time.monotonic() + 30
    while len(server.stored) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return list(server.stored.values())


def await_files(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(list(folder.iterdir())) < count:
        assert time.monotonic() < deadline, f"{count} workers are not ready"
        time.sleep(0.01)


def call(url: str, **headers: str) -> bytes:
    """The answer of a server that may still be starting."""
    deadline = time.monotonic() + 30
    while True:
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            request = urllib.request.Request(url, headers=sent, data=b"" if url.endswith("orders") else None)
            with urllib.request.urlopen(request, timeout=10) as response:
                return bytes(response.read())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["forked before", "forked after"])
def test_flask_under_gunicorn(server: FaultServer, tmp_path, options):
    port, spool, ready = free_port(), tmp_path / "spool", tmp_path / "ready"
    ready.mkdir()
    command = ("gunicorn", *options, "--no-control-socket", "--workers", "3", "--bind", f"127.0.0.1:{port}")
    config = ("--config", str(Path(__file__).with_name("gunicorn_ready.py")), "flask_shop:create_app()")
    with running(server, spool, *command, *config, READY=str(ready)):
        for number in range(20):
            call(f"http://127.0.0.1:{port}/?page={number}", X_User=f"user-{number}", User_Agent="Test/1")
        call(f"http://127.0.0.1:{port}/orders", X_User="ann")
        # A worker has the handlers of the master until it has its own: gunicorn would stop it in vain, and kill it
        # after 30 seconds. With --preload the others may have answered everything before it is ready.
        await_files(ready, 3)
    events = await_events(server, 21)
    assert sorted(event["type"] for event in events) == ["order"] + ["page_view"] * 20
    assert {event["path"] for event in events if event["type"] == "page_view"} == {f"/?page={n}" for n in range(20)}
    assert {event["ip"] for event in events} == {"127.0.0.1"}
    assert "Test/1" in {event["user_agent"] for event in events}
    assert not list(spool.iterdir()), "a worker left its spool at a normal end"


def test_celery_with_forked_workers(server: FaultServer, tmp_path):
    redis = RedisServer(tmp_path / "redis", ephemeral=True)
    redis.start()
    try:
        spool = tmp_path / "spool"
        command = ("celery", "-A", "celery_shop", "worker", "--concurrency", "2", "--loglevel", "WARNING")
        broker = redis.url(0).replace("unix://", "redis+socket://").replace("db=", "virtual_host=")
        with running(server, spool, *command, BROKER_URL=broker):
            app = Celery(broker=broker)
            ids = [app.send_task("shop.charge", (f"user-{number}", 9.5)).id for number in range(30)]
            # Delivered twice by the broker: one event.
            app.send_task("shop.charge", ("user-0", 9.5), task_id=ids[0])
            await_events(server, 30)
            app.close()
        assert set(server.stored) == {f"charge:{task_id}" for task_id in ids}
        assert not list(spool.iterdir())
    finally:
        redis.stop()

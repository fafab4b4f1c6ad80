"""A real Valkey through every way of starting, ending and being found again."""

import subprocess

import pytest
import redis

from analytics.local.binaries import StartError
from analytics.local.redis import Redis
from tests.local.ports import free_port


@pytest.fixture
def server(tmp_path):
    made = Redis(tmp_path / "redis", ephemeral=True, durable=True)
    yield made
    made.stop()


def connect(server, db=0):
    return redis.Redis.from_url(server.url(db))


def test_nothing_is_evicted_and_every_write_is_on_disk_when_acknowledged(server):
    server.start()
    names = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save")
    found = connect(server).config_get(*names)
    assert found == dict(zip(names, (str(512 * 2**20), "noeviction", "yes", "always", ""), strict=True))


def test_acknowledged_writes_survive_kill_and_restart(server):
    server.start()
    client = connect(server, db=1)
    for number in range(500):
        client.xadd("stream", {"n": number})
    server.kill()
    assert server.pid is None
    assert server.start() == "started"
    assert client.xlen("stream") == 500


def test_second_supervisor_adopts_the_running_server(server):
    assert server.start() == "started"
    other = Redis(server.folder)
    assert (other.start(), other.pid) == ("adopted", server.pid)


def test_stop_ends_a_server_that_somebody_else_started(server):
    server.start()
    Redis(server.folder).stop()
    assert server.pid is None


def test_hung_server_is_not_joined_by_a_second_one(server):
    server.start()
    server_pid = server.pid
    subprocess.run(["kill", "-STOP", str(server_pid)], check=True)
    try:
        with pytest.raises(StartError, match=f"pid {server_pid}"):
            Redis(server.folder).start(timeout=0.2)
    finally:
        subprocess.run(["kill", "-CONT", str(server_pid)], check=True)


def test_throw_away_server_keeps_nothing(tmp_path):
    made = Redis(tmp_path / "redis", ephemeral=True)
    made.start()
    connect(made).set("a", 1)
    made.stop()
    made.start()
    assert connect(made).get("a") is None
    made.stop()


def test_deep_folder_gets_a_short_socket(tmp_path):
    made = Redis(tmp_path / ("deep" * 30), ephemeral=True)
    made.start()
    assert connect(made).ping()
    made.stop()
    assert not made.socket.parent.exists()


def test_port_in_use_is_told_with_the_servers_reason(server, tmp_path):
    server.port = port = free_port()
    server.start()
    with pytest.raises(StartError, match="did not start"):
        Redis(tmp_path / "other", port=port, ephemeral=True).start()

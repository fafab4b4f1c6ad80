"""A real Valkey: starting, adopting, stopping and killing it."""

import subprocess

import pytest
import redis

from analytics.local.servers.binaries import StartError
from analytics.local.servers.redis import RedisServer
from tests.local.ports import free_port


@pytest.fixture
def server(tmp_path):
    server = RedisServer(tmp_path / "redis", ephemeral=True, durable=True)
    yield server
    server.stop()


def connect(server, db=0):
    return redis.Redis.from_url(server.url(db))


def test_no_key_is_evicted_and_every_acknowledged_write_is_on_disk(server):
    server.start()
    names = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save")
    config = connect(server).config_get(*names)
    assert config == dict(zip(names, (str(512 * 2**20), "noeviction", "yes", "always", ""), strict=True))


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
    other = RedisServer(server.folder)
    assert (other.start(), other.pid) == ("adopted", server.pid)


def test_stop_ends_a_server_of_another_supervisor(server):
    server.start()
    RedisServer(server.folder).stop()
    assert server.pid is None


def test_no_second_server_starts_beside_a_hung_one(server):
    server.start()
    server_pid = server.pid
    subprocess.run(["kill", "-STOP", str(server_pid)], check=True)
    try:
        with pytest.raises(StartError, match=f"pid {server_pid}"):
            RedisServer(server.folder).start(timeout=0.2)
    finally:
        subprocess.run(["kill", "-CONT", str(server_pid)], check=True)


def test_ephemeral_server_keeps_no_data(tmp_path):
    server = RedisServer(tmp_path / "redis", ephemeral=True)
    server.start()
    connect(server).set("a", 1)
    server.stop()
    server.start()
    assert connect(server).get("a") is None
    server.stop()


def test_deep_folder_gets_a_short_socket(tmp_path):
    server = RedisServer(tmp_path / ("deep" * 30), ephemeral=True)
    server.start()
    assert connect(server).ping()
    server.stop()
    assert not server.socket.parent.exists()


def test_port_in_use_is_reported_with_the_servers_reason(server, tmp_path):
    server.port = port = free_port()
    server.start()
    with pytest.raises(StartError, match="did not start"):
        RedisServer(tmp_path / "other", port=port, ephemeral=True).start()

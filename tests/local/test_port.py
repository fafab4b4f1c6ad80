"""The port of the web process: free, in use, or about to be released."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from analytics.local.port import PortInUse, await_port, check_port
from analytics.local.processes import is_running
from analytics.local.servers.binaries import StartError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def port_of(listener: socket.socket) -> str:
    return str(listener.getsockname()[1])


def test_port_in_use_is_reported_at_once_without_a_wait(listener: socket.socket) -> None:
    lines: list[str] = []
    with pytest.raises(PortInUse, match="PORT=8001"):
        await_port("127.0.0.1", port_of(listener), 0, lines.append)
    assert lines == []


def test_port_that_is_being_released_is_awaited_with_one_line(listener: socket.socket) -> None:
    lines: list[str] = []
    port = port_of(listener)
    threading.Timer(0.3, listener.close).start()
    await_port("127.0.0.1", port, 10, lines.append)
    assert lines == [f"waiting until processes of an earlier run release port {port}"]


def test_wait_for_a_port_is_bounded(listener: socket.socket) -> None:
    with pytest.raises(PortInUse):
        await_port("127.0.0.1", port_of(listener), 0.2, lambda line: None)


def test_host_of_another_machine_is_not_awaited() -> None:
    with pytest.raises(StartError, match=r"on 192\.0\.2\.1 cannot be used") as caught:
        await_port("192.0.2.1", "8000", 10, lambda line: None)
    assert not isinstance(caught.value, PortInUse)


# The first thread has ended, which makes the process a zombie, while another still holds the port.
ZOMBIE = """
import ctypes, socket, threading, time
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=time.sleep, args=(60,)).start()
print(listener.getsockname()[1], flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def test_process_runs_until_its_last_thread_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ZOMBIE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        with pytest.raises(PortInUse):
            check_port("127.0.0.1", port)
        assert is_running(process.pid)
        process.kill()
    assert not is_running(process.pid)
    check_port("127.0.0.1", port)

"""A real gunicorn with the options of the Procfile, for tests: bytes in, bytes out."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from honcho.environ import parse_procfile

from analytics.local.processes import die_with_parent
from config import Settings

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "tests.web.sample_app:asgi"


class WebServer:
    """`with WebServer(folder) as server:` one process that serves `target` of the checkout `root`."""

    def __init__(
        self, folder: Path, target: str = SAMPLE, env: Mapping[str, str] = {}, options: str = "", root: Path = ROOT
    ) -> None:
        self._root = root
        self.log = folder / "web.log"
        self.port = free_port()
        command: str = parse_procfile((ROOT / "Procfile").read_text()).processes["web"]
        self._command = command.replace("wsgi:asgi", target) + " " + options
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._env = os.environ | {"PATH": path, "HOST": "127.0.0.1", "PORT": str(self.port), "WEB_CONCURRENCY": "1"}
        self._env |= {"PYTHONPATH": str(root), **env}

    def __enter__(self) -> "WebServer":
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, shell=True, cwd=self._root, env=self._env, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=die_with_parent(signal.SIGTERM),
            )  # fmt: skip
        until(self._is_answering, 60)
        return self

    def __exit__(self, *_: object) -> None:
        # At once: connections are not drained.
        with suppress(ProcessLookupError):
            self.signal(signal.SIGQUIT)
        self.stop()

    def _is_answering(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        try:
            return self.say(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False

    @property
    def pid(self) -> int:
        return self._process.pid

    def worker_pids(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def memory_mb(self) -> float:
        [pid] = self.worker_pids()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def say(self, sent: bytes) -> bytes:
        """Everything that comes back for `sent`, until the server closes."""
        with self.connect() as connection:
            connection.sendall(sent)
            return read_all(connection)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def body_of(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


def reset(connection: socket.socket) -> None:
    """Leaves with a reset, not a close."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The variables of a service with the settings of the tests."""
    return {
        "ENVIRONMENT": "test",
        "DATABASE_URL": settings.database_url,
        "CELERY_BROKER_URL": settings.celery_broker_url,
        "REDIS_URL": settings.redis_url,
        "JWT_SECRET_KEY": settings.jwt_secret_key,
        "SIGN_IN_SECRET": settings.sign_in_secret,
        **more,
    }

"""An embedded Valkey (or Redis) server: starts, adopts, stops and kills it.

It holds the event buffer and the broker, so nothing may be evicted and no acknowledged write may be lost by a kill.
Reached over a Unix socket, and over 127.0.0.1 too when a port is given.
"""

import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from analytics.local.processes import die_with_parent, is_working_in, send_signal, socket_folder, wait_for_exit
from analytics.local.servers.binaries import StartError, find_redis

# With everysec a write can be acknowledged while it is still in memory (during a slow background fsync), and a SIGKILL
# then loses it. fdatasync takes 0.3 ms on a common SSD and serves all waiting clients.
DURABLE_SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    # A drained stream leaves almost no data: rewrite the file when it is worth it, not at every doubling.
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "128mb",
}


class RedisServer:
    """The server that keeps its files in `folder`.

    `ephemeral` ends with the process that started it and keeps nothing on disk unless `durable`.
    """

    # How the supervisor's log describes its end.
    ending = "died"

    def __init__(
        self,
        folder: Path | str,
        port: int = 0,
        ephemeral: bool = False,
        maxmemory: str = "512mb",
        durable: bool | None = None,
    ) -> None:
        self.folder = Path(folder).resolve()
        self.port = port
        self.ephemeral = ephemeral
        self.maxmemory = maxmemory
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket = socket_folder(self.folder) / "redis.sock"
        self.log = self.folder / "redis.log"
        self._durable = not ephemeral if durable is None else durable
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 120) -> Literal["started", "adopted"]:
        """Starts the server, or adopts the one that a killed supervisor left; returns when ready. Raises StartError."""
        end = time.monotonic() + timeout
        # A second server on the folder would take over the socket and write to the same files.
        if (pid := self.pid) is not None:
            self._await_pong(pid, end, 0)
            return "adopted"
        socket_folder(self.folder)
        with self.log.open("ab") as log:
            since = log.tell()
            self._child = subprocess.Popen(
                [find_redis(), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM) if self.ephemeral else None,
            )
        self._await_pong(self._child.pid, end, since)
        return "started"

    def stop(self, timeout: float = 30) -> None:
        """Shuts down cleanly: all writes are on disk when this returns."""
        pid = self.pid
        if pid is None:
            return
        send_signal(pid, signal.SIGTERM)
        if not wait_for_exit(pid, self.folder, self._child, timeout):
            self.kill()
        if self.socket.parent != self.folder:
            with suppress(OSError):
                self.socket.parent.rmdir()

    def kill(self) -> None:
        """Kills the server with SIGKILL, like a crash."""
        if (pid := self.pid) is not None:
            send_signal(pid, signal.SIGKILL)
            wait_for_exit(pid, self.folder, self._child, 10)

    @property
    def pid(self) -> int | None:
        """The pid of the running server, whichever process started it."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid = int((self.folder / "redis.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if is_working_in(pid, self.folder) else None

    def url(self, db: int = 0) -> str:
        """The database's URL as redis-py reads it."""
        return f"unix://{quote(str(self.socket))}?db={db}"

    def _arguments(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "pidfile": str(self.folder / "redis.pid"),
            "daemonize": "no",
            "save": "",
            "maxmemory": self.maxmemory,
            "maxmemory-policy": "noeviction",
            **(DURABLE_SETTINGS if self._durable else {"appendonly": "no"}),
        }
        return [argument for name, value in settings.items() for argument in (f"--{name}", value)]

    def _await_pong(self, pid: int, end: float, since: int) -> None:
        child = self._child if self._child is not None and self._child.pid == pid else None
        while time.monotonic() < end:
            if child is not None and child.poll() is not None:
                raise StartError(f"Redis did not start: {self._last_line(since)} (log: {self.log})")
            if self._ping():
                return
            time.sleep(0.02)
        raise StartError(f"Redis (pid {pid}) does not answer on {self.socket} (log: {self.log})")

    def _ping(self) -> bool:
        # A server that is still loading its file answers with an error instead of PONG.
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def _last_line(self, since: int) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"

"""An embedded PostgreSQL server: creates its folder, starts, adopts, stops and kills it.

Used by `make run` (data is kept) and by the tests (temporary, ends with the test run). Callers get a URL; they never
see the binaries, the account or the socket. One process at a time manages a data folder.
"""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from analytics.local.processes import (
    die_with_parent,
    is_working_in,
    pids_working_in,
    send_signal,
    socket_folder,
    wait_for_exit,
)
from analytics.local.servers.binaries import StartError, find_postgres, postgres_major_version, system_postgres_folders
from analytics.local.servers.run_as import find_account

ServerSettings = Mapping[str, str] | Iterable[tuple[str, str]]

NON_DURABLE_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
FIRST_MAJOR_WITH_BUILTIN_LOCALE = 17


class PostgresServer:
    """The server on the folder `data`, reached over a Unix socket, and over 127.0.0.1 too when `port` is given.

    `ephemeral` trades durability for speed and ends with the process that started it; with `durable` such a server
    keeps committed data through a SIGKILL as well.
    """

    # How the supervisor's log describes its end.
    ending = "died"

    def __init__(
        self,
        data: Path | str,
        port: int = 0,
        options: ServerSettings = (),
        ephemeral: bool = False,
        durable: bool | None = None,
    ) -> None:
        self.data = Path(data).resolve()
        self.port = port or 5432
        self.ephemeral = ephemeral
        self.log = self.data.with_name(self.data.name + ".log")
        self._listen = "127.0.0.1" if port else ""
        self._options = dict(options)
        self._durable = not ephemeral if durable is None else durable
        self._bin = find_postgres()
        self._child: subprocess.Popen[bytes] | None = None
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._account = find_account(self._bin / "postgres", self.data)

    def start(self, timeout: float = 300) -> Literal["started", "adopted"]:
        """Starts the server, or adopts the one that a killed supervisor left; returns when it is ready.

        Raises StartError. The timeout (seconds) allows for crash recovery of a full write-ahead log.
        """
        end = time.monotonic() + timeout
        if (pid := self.pid) is not None:
            self._await_ready(pid, end, 0)
            return "adopted"
        self._prepare()
        while True:
            try:
                self._spawn(end)
            except StartError as error:
                # After a SIGKILL of the server its backends run on for a moment and hold the shared memory.
                if "pre-existing shared memory" not in str(error) or time.monotonic() > end:
                    raise
                self._kill_orphans()
                time.sleep(0.1)
            else:
                return "started"

    def stop(self, timeout: float = 60) -> None:
        """Disconnects all clients and shuts down cleanly; after `timeout` seconds at once, with recovery at start."""
        pid = self.pid
        if pid is None:
            return
        send_signal(pid, signal.SIGINT)
        if not wait_for_exit(pid, self.data, self._child, timeout):
            send_signal(pid, signal.SIGQUIT)
            wait_for_exit(pid, self.data, self._child, timeout)
        with suppress(OSError):
            self._sockets().rmdir()

    def kill(self) -> None:
        """Kills the server with SIGKILL, like a crash."""
        if (pid := self.pid) is not None:
            send_signal(pid, signal.SIGKILL)
            wait_for_exit(pid, self.data, self._child, 10)

    @property
    def pid(self) -> int | None:
        """The pid of the running server, whichever process started it."""
        lines = self._pid_file()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return pid if is_working_in(pid, self.data) else None

    def url(self, db: str = "postgres") -> str:
        """The database's URL for libpq and SQLAlchemy."""
        lines = self._pid_file()
        known = len(lines) > 4 and bool(lines[4].strip())
        host, port = (lines[4].strip(), lines[3].strip()) if known else (str(self._sockets()), str(self.port))
        return f"postgresql://postgres@/{quote(db, safe='')}?host={quote(host, safe='')}&port={port}"

    def create_database(self, db: str) -> bool:
        """Creates the database `db` unless it exists; True if it was created."""
        # `make run` loads the driver only if it creates the database.
        import psycopg2
        from psycopg2 import sql

        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (db,))
                if cursor.fetchone():
                    return False
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(db)))
                return True
        finally:
            connection.close()

    def _prepare(self) -> None:
        if (self.data / "PG_VERSION").exists():
            self._check_major()
        else:
            self._init()
        # No server uses the folder (see `pid`), but another process with the old pid, or an unreaped zombie, would be
        # mistaken for it. Only this server uses the two folders.
        for lock in (self.data / "postmaster.pid", self._sockets() / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)

    def _check_major(self) -> None:
        made, have = (self.data / "PG_VERSION").read_text().strip(), postgres_major_version(self._bin)
        if made == str(have):
            return
        old = next(iter(system_postgres_folders(made)), Path(f"/usr/lib/postgresql/{made}/bin"))
        raise StartError(
            f"{self.data} holds data of PostgreSQL {made} but the server is PostgreSQL {have}: run with PG_BIN={old} "
            f"(and move over with pg_dump), or move the folder away to start empty"
        )

    def _init(self) -> None:
        # A killed initdb leaves PG_VERSION, so the folder is created under another name and renamed when complete.
        aside = self.data.with_name(self.data.name + ".init")
        shutil.rmtree(aside, ignore_errors=True)
        if self.data.exists() and any(self.data.iterdir()):
            raise StartError(f"{self.data} is neither empty nor a PostgreSQL data folder: move it away")
        aside.mkdir(mode=0o700)
        self._account.chown_path(aside)
        builtin = postgres_major_version(self._bin) >= FIRST_MAJOR_WITH_BUILTIN_LOCALE
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if builtin else ["--locale=C.UTF-8"]
        flags = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-instructions", *locale]
        flags += ["--no-sync"] * self.ephemeral
        command = self._command("initdb", "-D", str(aside), *flags)
        made = subprocess.run(command, capture_output=True, text=True, errors="replace", **self._account.popen_options)
        if made.returncode:
            raise StartError(f"initdb failed: {_reason(made.stderr + made.stdout)}")
        if self.data.exists():
            self.data.rmdir()
        aside.rename(self.data)

    def _spawn(self, end: float) -> None:
        sockets = self._sockets()
        self._account.chown_path(sockets)
        options = {"listen_addresses": self._listen, "port": str(self.port), "unix_socket_directories": str(sockets)}
        options |= ({} if self._durable else NON_DURABLE_SETTINGS) | self._options
        settings = [f"--{name}={value}" for name, value in options.items()]
        with self.log.open("ab") as log:
            since = log.tell()
            child: subprocess.Popen[bytes] = subprocess.Popen(
                self._command("postgres", "-D", str(self.data), *settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT) if self.ephemeral else None,
                **self._account.popen_options,
            )
        self._child = child
        self._await_ready(child.pid, end, since)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [*self._account.prefix, str(self._bin / program), *arguments]

    def _await_ready(self, pid: int, end: float, since: int) -> None:
        # The file still says "ready" after a SIGKILL: it counts only with the awaited pid.
        child = self._child if self._child is not None and self._child.pid == pid else None
        while time.monotonic() < end:
            lines = self._pid_file()
            if len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready":
                return
            if child is not None and child.poll() is not None:
                raise StartError(f"PostgreSQL did not start: {_reason(self._log_from(since))} (log: {self.log})")
            time.sleep(0.02)
        raise StartError(f"PostgreSQL (pid {pid}) does not become ready (log: {self.log})")

    def _log_from(self, since: int) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def _kill_orphans(self) -> None:
        for pid in pids_working_in(self.data):
            send_signal(pid, signal.SIGKILL)

    def _sockets(self) -> Path:
        return socket_folder(self.data.with_name(self.data.name + ".run"), self._account.uid)

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return []


def _reason(output: str) -> str:
    """The line of a server's output that names the error; not the exit message of an orphaned backend."""
    found = re.search(r"(?:FATAL|PANIC|error|ERROR):\s+((?!.*unexpected postmaster exit).*)", output)
    lines = output.strip().splitlines()
    return found.group(1) if found else (lines[-1] if lines else "no output")

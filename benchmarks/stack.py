"""A temporary copy of production: durable PostgreSQL and Redis, and the processes of the Procfile.

Used by the benchmarks and by tests/faults. All files are in one temporary folder; all processes end with the thread
that started them.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psycopg2
import redis as redis_client
from honcho.environ import parse_procfile
from psycopg2 import extensions as pg

from analytics.local.banner import is_responding
from analytics.local.processes import die_with_parent, pids_working_in, send_signal
from analytics.local.servers.postgres import PostgresServer
from analytics.local.servers.redis import RedisServer
from analytics.local.servers.servers import SMALL_MACHINE_SETTINGS

ROOT = Path(__file__).resolve().parents[1]
DATABASE_NAME = "analytics"
SITE = "bench"
START_TIMEOUT_S = 60


class StackProcess:
    """A shell command in its own session, with its output in a log."""

    def __init__(self, name: str, command: str, env: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts or restarts the command."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                shell=True,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """The process was started and has exited."""
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """Sends SIGKILL to the whole process group."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self, timeout: float = 10) -> None:
        """Sends SIGTERM, then SIGKILL to the rest of the group."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(timeout)
        self.kill()

    def group_pids(self) -> list[int]:
        """Pids of the group, the leader first."""
        pids = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getpgid(int(entry.name)) == self.pid:
                    pids.append(int(entry.name))
        return sorted(pids)


class Stack:
    """`with Stack() as stack:` both servers, migrated, with web and worker (and beat) running."""

    def __init__(self, beat: bool = True, **env: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="analytics-"))
        # PostgreSQL runs under another account when the caller is root.
        self.folder.chmod(0o755)
        self.postgres = PostgresServer(self.folder / "pg", options=SMALL_MACHINE_SETTINGS, ephemeral=True, durable=True)
        self.redis = RedisServer(self.folder / "redis", ephemeral=True, durable=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Without compiled modules a restart takes five seconds instead of one. CELERY_RESULT_BACKEND is set by this
        # process's own Celery application (queue.create_celery).
        excluded = ("PYTHONDONTWRITEBYTECODE", "CELERY_RESULT_BACKEND")
        self.env = {name: value for name, value in os.environ.items() if name not in excluded}
        self._extra = env
        self.processes: dict[str, StackProcess] = {}
        self._suspended: dict[str, list[int]] = {}
        self._names = ("web", "worker", "beat") if beat else ("web", "worker")
        self.token = ""

    def __enter__(self) -> "Stack":
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _start(self) -> None:
        self.postgres.start()
        self.postgres.create_database(DATABASE_NAME)
        self.redis.start()
        self.env |= {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "FLASK_SKIP_DOTENV": "1",
            "ENVIRONMENT": "production",
            "JWT_SECRET_KEY": secrets.token_hex(32),
            "AUTO_CREATE_SITES": "true",
            "DATABASE_URL": self.postgres.url(DATABASE_NAME),
            "CELERY_BROKER_URL": self.redis.url(0),
            "REDIS_URL": self.redis.url(1),
            "CELERY_SCHEDULE": str(self.folder / "schedule"),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            **self._extra,
        }
        commands = parse_procfile((ROOT / "Procfile").read_text()).processes
        self.run("release", commands["release"])
        for name in self._names:
            self.processes[name] = StackProcess(name, commands[name], self.env, self.folder)
            self.processes[name].start()
        create = "flask --app wsgi token create --sub bench --days 1 --scope"
        self.token = self.run("token", f"{create} 'ingest read'").split()[-1]
        self.await_web()

    def run(self, name: str, command: str) -> str:
        """The output of a command of the service. Raises RuntimeError with its error output."""
        process = subprocess.run(command, shell=True, cwd=ROOT, env=self.env, capture_output=True, text=True)
        if process.returncode:
            raise RuntimeError(f"{name} failed: {process.stderr[-2000:]}")
        return process.stdout

    def await_web(self, path: str = "/livez") -> None:
        """Returns when the web process answers. Raises TimeoutError with the end of its log."""
        end = time.monotonic() + START_TIMEOUT_S
        while not is_responding(self.url + path):
            if time.monotonic() > end:
                raise TimeoutError(f"the web process does not answer: {self.processes['web'].log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """Sends SIGKILL to one of web, worker, beat, redis and postgres."""
        self._unit(name).kill()

    def suspend(self, name: str) -> None:
        """Stops all processes of a unit with SIGSTOP: it keeps its connections and answers nothing."""
        unit = self._unit(name)
        if isinstance(unit, StackProcess):
            pids = unit.group_pids()
        else:
            pids = list(pids_working_in(unit.data if isinstance(unit, PostgresServer) else unit.folder))
        self._suspended[name] = pids
        for pid in pids:
            send_signal(pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Lets a suspended unit go on. Does nothing for another one."""
        for pid in self._suspended.pop(name, []):
            send_signal(pid, signal.SIGCONT)

    def restart(self, name: str) -> None:
        """Starts it again; servers answer when this returns."""
        self._unit(name).start()

    def restart_ended(self) -> list[str]:
        """Restarts the processes that have exited, as a supervisor does; returns their names."""
        ended = [name for name, process in self.processes.items() if process.has_ended]
        for name in ended:
            self.restart(name)
        return ended

    def _unit(self, name: str) -> PostgresServer | RedisServer | StackProcess:
        if name == "redis":
            return self.redis
        return self.postgres if name == "postgres" else self.processes[name]

    def connect(self) -> pg.connection:
        """A connection to the service's database, in autocommit."""
        connection = psycopg2.connect(self.postgres.url(DATABASE_NAME))
        connection.autocommit = True
        return connection

    def buffer_client(self) -> redis_client.Redis:
        """A client of the buffer's Redis."""
        return redis_client.Redis.from_url(self.redis.url(0))

    def close(self) -> None:
        """Ends everything and removes the folder."""
        for name in list(self._suspended):
            self.resume(name)
        for process in self.processes.values():
            process.stop()
        self.redis.stop()
        self.postgres.stop()
        if os.environ.get("KEEP_STACK"):
            print(f"kept {self.folder}")
            return
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """A port that no process listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port

"""A throw-away copy of production: PostgreSQL and Redis that keep what they confirm, and the Procfile's processes.

Used by the benchmarks and by tests/faults. Everything lives in one temporary folder and ends with the process (more
exactly: with the thread) that started it.
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

from analytics.local.postgres import Postgres
from analytics.local.processes import die_with_parent
from analytics.local.redis import Redis
from analytics.local.servers import SMALL_MACHINE
from analytics.local.welcome import answers

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "analytics"
SITE = "bench"
START_WITHIN_S = 60


class Process:
    """A shell command in a session of its own, with its output in a log."""

    def __init__(self, name: str, command: str, env: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, or starts it anew."""
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
        """It was started, and ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL for the whole group, as a machine that runs out of memory would."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self, timeout: float = 10) -> None:
        """SIGTERM, then SIGKILL for what is left of the group."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(timeout)
        self.kill()

    def members(self) -> list[int]:
        """Pids of the group, the leader first."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getpgid(int(entry.name)) == self.pid:
                    found.append(int(entry.name))
        return sorted(found)


class Stack:
    """`with Stack() as stack:` both servers, migrated, with web and worker (and beat) answering."""

    def __init__(self, beat: bool = True, **env: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="analytics-"))
        # PostgreSQL runs under an account of its own when we are root.
        self.folder.chmod(0o755)
        self.postgres = Postgres(self.folder / "pg", options=SMALL_MACHINE, ephemeral=True, durable=True)
        self.redis = Redis(self.folder / "redis", ephemeral=True, durable=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Without its compiled modules a killed process takes five seconds to come back instead of one.
        # Celery's own variables are those of this process's app (queue.make_celery).
        mine = ("PYTHONDONTWRITEBYTECODE", "CELERY_RESULT_BACKEND")
        self.env = {name: value for name, value in os.environ.items() if name not in mine}
        self._extra = env
        self.processes: dict[str, Process] = {}
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
        self.postgres.create_database(DATABASE)
        self.redis.start()
        self.env |= {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "ENVIRONMENT": "production",
            "JWT_SECRET_KEY": secrets.token_hex(32),
            "AUTO_CREATE_SITES": "true",
            "DATABASE_URL": self.postgres.url(DATABASE),
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
            self.processes[name] = Process(name, commands[name], self.env, self.folder)
            self.processes[name].start()
        create = "flask --app wsgi token create --sub bench --days 1 --scope"
        self.token = self.run("token", f"{create} 'ingest read'").split()[-1]
        self.await_web()

    def run(self, name: str, command: str) -> str:
        """What a command of the service prints. Raises RuntimeError with its errors."""
        made = subprocess.run(command, shell=True, cwd=ROOT, env=self.env, capture_output=True, text=True)
        if made.returncode:
            raise RuntimeError(f"{name} failed: {made.stderr[-2000:]}")
        return made.stdout

    def await_web(self, path: str = "/livez") -> None:
        """Returns when the web process answers. Raises TimeoutError with the end of its log."""
        end = time.monotonic() + START_WITHIN_S
        while not answers(self.url + path):
            if time.monotonic() > end:
                raise TimeoutError(f"the web process does not answer: {self.processes['web'].log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """SIGKILL for one of web, worker, beat, redis and postgres."""
        self._unit(name).kill()

    def restart(self, name: str) -> None:
        """Starts what was killed; servers answer when this returns."""
        self._unit(name).start()

    def revive(self) -> list[str]:
        """Starts what has ended by itself, as a supervisor would; its names."""
        ended = [name for name, process in self.processes.items() if process.has_ended]
        for name in ended:
            self.restart(name)
        return ended

    def _unit(self, name: str) -> Postgres | Redis | Process:
        if name == "redis":
            return self.redis
        return self.postgres if name == "postgres" else self.processes[name]

    def connect(self) -> pg.connection:
        """A connection to the service's database, in autocommit."""
        connection = psycopg2.connect(self.postgres.url(DATABASE))
        connection.autocommit = True
        return connection

    def buffer(self) -> redis_client.Redis:
        """A client of the buffer's Redis."""
        return redis_client.Redis.from_url(self.redis.url(0))

    def close(self) -> None:
        """Ends everything and removes the folder."""
        for process in self.processes.values():
            process.stop()
        self.redis.stop()
        self.postgres.stop()
        if os.environ.get("KEEP_STACK"):
            print(f"kept {self.folder}")
            return
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port

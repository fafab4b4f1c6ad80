"""`make run`: both servers, the migrations, then every process of the Procfile, restarted when they die, until Ctrl-C.

`make dev` is the same, and changed code is reloaded (reload.py). The application is used only through its Procfile,
`GET /readyz`, `flask token create` and `GET /api/analytics/tokens`.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from honcho.colour import get_colours
from honcho.environ import parse_procfile

from analytics.local.banner import format_banner, is_responding
from analytics.local.child_process import DATA_FOLDER_VARIABLE, ChildProcess, ProcessOutput, kill_leftover_processes
from analytics.local.port import await_port
from analytics.local.processes import die_with_parent
from analytics.local.reload import watch_code
from analytics.local.servers.binaries import StartError
from analytics.local.servers.data_folder import DataFolder
from analytics.local.servers.postgres import PostgresServer
from analytics.local.servers.redis import RedisServer
from analytics.local.servers.servers import Servers, start_servers
from analytics.local.settings import Mode, add_unset, local_environment, read_settings
from analytics.local.supervisor import Restartable, Supervisor
from analytics.local.tokens import are_usable, create_tokens

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 60
WORKER_READY_TIMEOUT_S = 10
PORT_RELEASE_TIMEOUT_S = 10
RESTARTS_BEFORE_FAILURE = 3
SUPERVISOR_NAME = "local"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Stop accepting work before stopping the processes that do it.
STOP_ORDER = ("web", "beat", "worker")
# gunicorn starts new processes before it ends the old ones, so that no request is refused.
RELOAD_SIGNALS = {"web": signal.SIGHUP}
# The new one takes tasks while the old one ends its own. Two of beat would send every message twice.
OVERLAPPING = ("worker",)
# Seconds after a change: at once they would take the processors from each other, and a developer waits for the first.
RELOAD_DELAYS_S = {"web": 0.0, "worker": 1.0, "beat": 2.5}


class Stack:
    """One run: its servers and processes, started in order and stopped in reverse."""

    def __init__(self, root: Path, user_env: Mapping[str, str], mode: Mode = "run") -> None:
        self.root = root
        self.data = DataFolder(root / ".data")
        self.env = local_environment(root, user_env, mode)
        host = self.env["HOST"]
        self.url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{self.env['PORT']}"
        self.commands: dict[str, str] = dict(parse_procfile((root / "Procfile").read_text()).processes)
        self.output = ProcessOutput(width=max(map(len, [*self.commands, SUPERVISOR_NAME])))
        self.servers: Servers | None = None
        self.children: dict[str, ChildProcess] = {}
        self.supervisors: dict[str, Supervisor] = {}
        self.tokens: dict[str, str] = {}
        self._writing = threading.Lock()
        # Whose reload was put off.
        self._held: set[str] = set()

    def up(self) -> None:
        """Starts everything; returns when the web server is ready. Raises StartError."""
        self.data.lock(self.url)
        if left := kill_leftover_processes(self.data.path):
            self.print_line(f"killed {len(left)} processes left behind by an earlier run")
        await_port(self.env["HOST"], self.env["PORT"], PORT_RELEASE_TIMEOUT_S if left else 0, self.print_line)
        self.env = add_unset(self.env, self.data.secrets())
        self.servers = start_servers(self.data.path, self.env)
        for name, server in self._own_servers().items():
            self._supervise(name, server)
        self.env |= self._settings(self.servers)
        self._start_children()
        kept = self.data.kept_tokens()
        # New ones while the web server starts: each takes its time to import the application.
        tokens = kept or create_tokens(self.root, self.env)
        self._await_ready()
        if kept and not are_usable(self.url, kept):
            tokens = create_tokens(self.root, self.env)
        self.data.keep_tokens(tokens)
        self.tokens = tokens
        self.write_run_info()

    def sign_in_url(self, page: str = "/") -> str:
        """The address that signs in and shows the page; in production that of the form."""
        settings = read_settings(self.env)
        query = "" if page == "/" else f"?next={page}"
        return f"{self.url}/login{query}" + ("" if settings.is_production else f"#{settings.sign_in_secret}")

    def start_demo(self) -> None:
        """Begins to fill the demo's site, in the background; what is stored already stays."""
        self.print_line(f"the demo is filled in a minute: {self.sign_in_url('/sites/demo')}")
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "demo"]
        # It ends with this process; `DEMO=1 make run` goes on with it.
        subprocess.Popen(command, cwd=self.root, env=self.env, preexec_fn=die_with_parent(signal.SIGTERM))

    def down(self) -> None:
        """Stops everything in order: web and beat, the worker, then the servers."""
        for supervisor in self.supervisors.values():
            supervisor.stop_restarting()
        rest = [name for name in self.children if name not in STOP_ORDER]
        stopped = []
        for name in [*STOP_ORDER, *rest]:
            if name in self.children:
                self.children[name].stop()
                stopped.append(name)
        for name, server in self._own_servers().items():
            server.stop()
            stopped.append(name)
        if self.servers is not None:
            self.data.delete_run_info()
            self.print_line(f"stopped {', '.join(stopped) or 'nothing'}; port {self.env['PORT']} is free")

    def kill_processes(self) -> None:
        """Kills the processes at once; the servers still shut down cleanly, which is fast without clients."""
        for child in self.children.values():
            child.kill_group()

    def hold_reloads(self) -> None:
        """Puts reloads off that have not begun, until the next one."""
        self._held |= {name for name, supervisor in list(self.supervisors.items()) if supervisor.cancel_reload()}

    def reload(self, changed: list[Path]) -> None:
        """Has every process run changed code, the worker alone that of tasks, which no other runs; returns at once."""
        is_of_worker = all(path.parts[0] == "tasks" for path in changed)
        held, self._held = self._held, set()
        for name, supervisor in list(self.supervisors.items()):
            if name in self.children and (name == "worker" or name in held or not is_of_worker):
                delay_s = 0.0 if is_of_worker else RELOAD_DELAYS_S.get(name, 0.0)
                supervisor.reload(self.children[name].reload, delay_s)

    def print_line(self, line: str) -> None:
        """Prints a line under the supervisor's name."""
        self.output.write(SUPERVISOR_NAME, line)

    def write_run_info(self) -> None:
        """Writes URLs, tokens and pids to local.json, once they are known."""
        if self.servers is None or not self.tokens:
            return
        with self._writing:
            pids: dict[str, int | None] = {"supervisor": os.getpid(), "postgres": None, "redis": None}
            pids |= {name: unit.pid for name, unit in [*self.children.items(), *self._own_servers().items()]}
            tokens = {f"{scope}_token": token for scope, token in self.tokens.items()}
            urls = {name: getattr(self.servers, name) for name in ("database_url", "redis_url", "broker_url")}
            found = {"url": self.url, "sign_in_url": self.sign_in_url(), **tokens, **urls, "pids": pids}
            self.data.write_run_info(found)

    def _own_servers(self) -> dict[str, PostgresServer | RedisServer]:
        found = {"redis": self.servers.redis, "postgres": self.servers.postgres} if self.servers else {}
        return {name: server for name, server in found.items() if server is not None}

    def _settings(self, servers: Servers) -> dict[str, str]:
        return {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "CELERY_BROKER_URL": servers.broker_url,
            "CELERY_SCHEDULE": str(self.data.path / "celerybeat-schedule"),
            DATA_FOLDER_VARIABLE: str(self.data.path),
        }

    def _start_children(self) -> None:
        for (name, command), colour in zip(self.commands.items(), get_colours(), strict=False):
            log = self.data.rotate_log(name)
            signal_number = RELOAD_SIGNALS.get(name)
            overlaps = name in OVERLAPPING
            child = ChildProcess(name, command, self.root, self.env, log, self.output, colour, signal_number, overlaps)
            child.start()
            if name != "release":
                self.children[name] = child
                self._supervise(name, child)
            elif code := child.wait():
                raise StartError(f"the migrations failed with exit code {code} (log: {log})")

    def _supervise(self, name: str, unit: Restartable) -> None:
        self.supervisors[name] = Supervisor(name, unit, self.print_line, self.write_run_info)
        self.supervisors[name].start()

    def _await_ready(self) -> None:
        end = time.monotonic() + READY_TIMEOUT_S
        while not is_responding(f"{self.url}/readyz"):
            self._check_startup("web" if time.monotonic() > end else None)
            time.sleep(0.1)
        # A worker that logs less than INFO never logs that it is ready: then wait for the whole timeout.
        end = time.monotonic() + WORKER_READY_TIMEOUT_S
        while "worker" in self.children and not self.children["worker"].has_logged_ready and time.monotonic() < end:
            self._check_startup()
            time.sleep(0.1)

    def _check_startup(self, late: str | None = None) -> None:
        failing = [name for name in self.children if self.supervisors[name].restarts >= RESTARTS_BEFORE_FAILURE]
        if name := next(iter(failing), late):
            raise StartError(f"{name} does not start (log: {self.data.logs / name}.log)")


def run(root: Path, user_env: Mapping[str, str], mode: Mode = "run") -> int:
    """Runs the stack until a stop signal; the exit code."""
    # Nobody else may read what the processes write: logs, exports, secrets.
    os.umask(0o077)
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        stack = Stack(root, user_env, mode)
    except StartError as error:
        print(f"make {mode}: {error}", file=sys.stderr)
        return 1
    problem = _serve(stack, mode)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stack.kill_processes())
    stack.down()
    if problem:
        # Printed last, after the output of the processes, where the user looks.
        print(f"make {mode}: {problem}", file=sys.stderr)
    return 1 if problem else 0


def _serve(stack: Stack, mode: Mode) -> str:
    """Starts the stack and waits for a stop signal; what prevented it from starting."""
    try:
        if mode == "dev":
            # First, so that no change is missed while the processes start.
            watch_code(stack)
        stack.up()
        banner = format_banner(stack.url, stack.sign_in_url(), stack.tokens, stack.data.path, read_settings(stack.env))
        print(banner, flush=True)
        if stack.env.get("DEMO", "0") not in ("", "0"):
            stack.start_demo()
        while True:
            signal.pause()
    except KeyboardInterrupt:
        stack.print_line("stopping; press Ctrl-C again to kill")
    except StartError as error:
        return str(error)
    return ""


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # The terminal's Ctrl-C and make's own signal can arrive together: handle only the first.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """`python -m analytics.local.stack run|dev`."""
    parser = argparse.ArgumentParser(prog="python -m analytics.local.stack", description=__doc__)
    parser.add_argument("mode", choices=["run", "dev"])
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder with the Procfile and .data/")
    parsed = parser.parse_args(arguments)
    return run(parsed.root.resolve(), os.environ, parsed.mode)


if __name__ == "__main__":
    sys.exit(main())

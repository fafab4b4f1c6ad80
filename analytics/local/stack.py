"""`make run`: both servers, the migrations, then every process of the Procfile, kept alive until Ctrl-C.

It knows the application by its Procfile, `GET /readyz` and `flask token create` only.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from honcho.colour import get_colours
from honcho.environ import parse_procfile

from analytics.local.binaries import StartError
from analytics.local.child import MARK, Child, Output, kill_left_behind
from analytics.local.data import DataFolder
from analytics.local.keeper import Keeper, Unit
from analytics.local.postgres import Postgres
from analytics.local.redis import Redis
from analytics.local.servers import Servers, start_servers
from analytics.local.settings import is_given, local_environment
from analytics.local.welcome import answers, check_port, make_tokens, welcome

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 60
WORKER_READY_WITHIN_S = 10
TOO_MANY_RESTARTS = 3
SYSTEM = "local"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Nobody accepts work while those who would do it are stopping.
STOP_ORDER = ("web", "beat", "worker")


class Stack:
    """One run: what was started, and in which order it stops."""

    def __init__(self, root: Path, user_env: Mapping[str, str]) -> None:
        self.root = root
        self.data = DataFolder(root / ".data")
        self.env = local_environment(user_env)
        host = self.env["HOST"]
        self.url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{self.env['PORT']}"
        self.commands: dict[str, str] = dict(parse_procfile((root / "Procfile").read_text()).processes)
        self.output = Output(width=max(map(len, [*self.commands, SYSTEM])))
        self.servers: Servers | None = None
        self.children: dict[str, Child] = {}
        self.keepers: dict[str, Keeper] = {}
        self.tokens: dict[str, str] = {}
        self._writing = threading.Lock()

    def up(self) -> None:
        """Start everything; returns when it answers."""
        self.data.lock(self.url)
        if left := kill_left_behind(self.data.path):
            self.say(f"ended {len(left)} processes that an earlier run left behind")
        check_port(self.env["HOST"], self.env["PORT"])
        secrets = self.data.secrets()
        self.env |= {name: value for name, value in secrets.items() if not is_given(self.env, name)}
        self.servers = start_servers(self.data.path, self.env)
        for name, server in self._own_servers().items():
            self._keep(name, server)
        self.env |= self._settings(self.servers)
        self._start_children()
        self.tokens = make_tokens(self.root, self.env)
        self._await_ready()
        self.write_facts()

    def down(self) -> None:
        """Stop everything in order: who takes work in, who does it, and last where it is kept."""
        for keeper in self.keepers.values():
            keeper.release()
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
            self.data.forget_facts()
            self.say(f"stopped {', '.join(stopped) or 'nothing'}; port {self.env['PORT']} is free")

    def force(self) -> None:
        """End the processes at once; the servers still shut down cleanly, which is quick without them."""
        for child in self.children.values():
            child.kill_group()

    def say(self, line: str) -> None:
        """Print one line of our own among those of the processes."""
        self.output.write(SYSTEM, line)

    def write_facts(self) -> None:
        """Put what a script needs to use this run into local.json, once it is known."""
        if self.servers is None or not self.tokens:
            return
        with self._writing:
            pids: dict[str, int | None] = {"supervisor": os.getpid(), "postgres": None, "redis": None}
            pids |= {name: unit.pid for name, unit in [*self.children.items(), *self._own_servers().items()]}
            tokens = {f"{scope}_token": token for scope, token in self.tokens.items()}
            urls = {name: getattr(self.servers, name) for name in ("database_url", "redis_url", "broker_url")}
            self.data.write_facts({"url": self.url, **tokens, **urls, "pids": pids})

    def _own_servers(self) -> dict[str, Postgres | Redis]:
        found = {"redis": self.servers.redis, "postgres": self.servers.postgres} if self.servers else {}
        return {name: server for name, server in found.items() if server is not None}

    def _settings(self, servers: Servers) -> dict[str, str]:
        return {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "CELERY_BROKER_URL": servers.broker_url,
            "CELERY_SCHEDULE": str(self.data.path / "celerybeat-schedule"),
            MARK: str(self.data.path),
        }

    def _start_children(self) -> None:
        for (name, command), colour in zip(self.commands.items(), get_colours(), strict=False):
            log = self.data.fresh_log(name)
            child = Child(name, command, self.root, self.env, log, self.output, colour)
            child.start()
            if name != "release":
                self.children[name] = child
                self._keep(name, child)
            elif code := child.wait():
                raise StartError(f"the migrations ended with exit code {code} (log: {log})")

    def _keep(self, name: str, unit: Unit) -> None:
        self.keepers[name] = Keeper(name, unit, self.say, self.write_facts)
        self.keepers[name].start()

    def _await_ready(self) -> None:
        end = time.monotonic() + READY_WITHIN_S
        while not answers(f"{self.url}/readyz"):
            self._check_coming_up("web" if time.monotonic() > end else None)
            time.sleep(0.1)
        # A worker that logs less than INFO never says it: then the wait is all there is.
        end = time.monotonic() + WORKER_READY_WITHIN_S
        while "worker" in self.children and not self.children["worker"].said_ready and time.monotonic() < end:
            self._check_coming_up()
            time.sleep(0.1)

    def _check_coming_up(self, late: str | None = None) -> None:
        failing = [name for name in self.children if self.keepers[name].restarts >= TOO_MANY_RESTARTS]
        if name := next(iter(failing), late):
            raise StartError(f"{name} does not come up (log: {self.data.logs / name}.log)")


def run(root: Path, user_env: Mapping[str, str]) -> int:
    """Run the stack until a signal asks it to stop; the exit code."""
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        stack = Stack(root, user_env)
    except StartError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    problem = ""
    try:
        stack.up()
        print(welcome(stack.url, stack.tokens, stack.data.path), flush=True)
        while True:
            signal.pause()
    except KeyboardInterrupt:
        stack.say("stopping; again to force")
    except StartError as error:
        problem = str(error)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stack.force())
    stack.down()
    if problem:
        # The last line is the one that counts: it comes after what the processes had to say.
        print(f"make run: {problem}", file=sys.stderr)
    return 1 if problem else 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A terminal's Ctrl-C and make's own signal may come together: one stop is one stop.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """`python -m analytics.local.stack run`."""
    parser = argparse.ArgumentParser(prog="python -m analytics.local.stack", description=__doc__)
    parser.add_argument("command", choices=["run"])
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder with the Procfile and .data/")
    return run(parser.parse_args(arguments).root.resolve(), os.environ)


if __name__ == "__main__":
    sys.exit(main())

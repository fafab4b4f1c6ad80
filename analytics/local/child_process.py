"""One line of the Procfile as a running process: its own session, its output through honcho's printer and into a log.

Every descendant has DATA_FOLDER_VARIABLE in its environment, so that a later run finds what a killed run left behind.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from honcho.printer import Message, Printer

from analytics.local.processes import is_running, send_signal

DATA_FOLDER_VARIABLE = "ANALYTICS_LOCAL_DATA"
# "celery@host ready.": a worker has no port that could be probed.
CELERY_READY_TEXT = b" ready."
# A task that takes longer runs again in the new worker, as after any end of a worker.
RELOAD_TIMEOUT_S = 10.0


class ProcessOutput:
    """Prints the lines of all processes, each with its name; thread-safe."""

    def __init__(self, width: int) -> None:
        self._printer = Printer(width=width)
        self._lock = threading.Lock()

    def write(self, name: str, text: str, colour: str | None = None) -> None:
        """Prints `text`. Ignores a closed terminal: the processes continue."""
        with self._lock, suppress(OSError, ValueError):
            self._printer.write(Message("line", text, datetime.now().astimezone(), name, colour))


class ChildProcess:
    """The process of the Procfile line `name: command`, run from `root`.

    How it reloads: by `reload_signal`, by a new process beside the old one where it `overlaps`, else by a stop, after
    which the supervisor restarts it.
    """

    def __init__(
        self,
        name: str,
        command: str,
        root: Path,
        env: Mapping[str, str],
        log: Path,
        output: ProcessOutput,
        colour: str | None,
        reload_signal: signal.Signals | None = None,
        overlaps: bool = False,
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._root = root
        self._env = dict(env)
        self._output = output
        self._colour = colour
        self._reload_signal, self._overlaps = reload_signal, overlaps
        # What was replaced and still ends its work.
        self._replaced: list[subprocess.Popen[bytes]] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.has_logged_ready = False

    @property
    def pid(self) -> int | None:
        """The pid of the running process, None when there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def ending(self) -> str:
        """How the process ended, for the log."""
        code = self._process.returncode if self._process is not None else None
        if code is None:
            return "is gone"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def start(self) -> None:
        """Starts the process, after killing what is left of its predecessor's group."""
        self.kill()
        self._launch()

    def _launch(self) -> None:
        process = subprocess.Popen(
            self._command,
            shell=True,
            cwd=self._root,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._process = process
        threading.Thread(target=self._copy_output, args=(process,), daemon=True).start()

    def wait(self) -> int:
        """Waits for the end of a one-off process; its exit code."""
        assert self._process is not None
        return self._process.wait()

    def stop(self, timeout: float = 30) -> None:
        """Sends SIGTERM, and kills the whole group after `timeout` seconds."""
        if (pid := self.pid) is not None:
            send_signal(pid, signal.SIGTERM)
            end = time.monotonic() + timeout
            while (self.pid is not None or self._replaced) and time.monotonic() < end:
                time.sleep(0.02)
        self.kill()

    def reload(self) -> None:
        """Makes it run changed code."""
        if self._overlaps:
            self._replace()
        elif self._reload_signal is None:
            self.stop(RELOAD_TIMEOUT_S)
        elif (pid := self.pid) is not None:
            send_signal(pid, self._reload_signal)

    def _replace(self) -> None:
        """Starts a new process; the old one ends its work meanwhile, which takes an idle worker three seconds."""
        old = self._process
        if old is not None and old.poll() is None:
            self._replaced.append(old)
            send_signal(old.pid, signal.SIGTERM)
            threading.Thread(target=self._await_replaced, args=(old,), daemon=True).start()
        self._launch()

    def _await_replaced(self, old: "subprocess.Popen[bytes]") -> None:
        with suppress(subprocess.TimeoutExpired):
            old.wait(RELOAD_TIMEOUT_S)
        _kill_group(old)
        old.wait()
        self._replaced.remove(old)

    def kill(self) -> None:
        """Kills the whole group, and waits until it has released its sockets."""
        if self._process is None:
            return
        self.kill_group()
        self._process.wait()
        end = time.monotonic() + 1
        while _is_group_running(self._process.pid) and time.monotonic() < end:
            time.sleep(0.01)

    def kill_group(self) -> None:
        """Kills the whole group, and those that were replaced, without waiting; safe in a signal handler."""
        for process in [self._process, *self._replaced]:
            if process is not None:
                _kill_group(process)

    def _copy_output(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with self.log.open("ab", buffering=0) as log:
            for line in process.stdout:
                log.write(line)
                self.has_logged_ready = self.has_logged_ready or CELERY_READY_TEXT in line
                self._output.write(self.name, line.decode(errors="replace"), self._colour)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def kill_leftover_processes(data: Path) -> list[int]:
    """Kills every process that an earlier run on the folder `data` started, and awaits their end; their pids."""
    found: list[int] = []
    end = time.monotonic() + 5
    # Again until none is left: one that was looked at could start another before it was killed.
    while (marked := _find_marked(data)) and time.monotonic() < end:
        found += marked
        for pid in marked:
            send_signal(pid, signal.SIGKILL)
        while any(is_running(pid) for pid in marked) and time.monotonic() < end:
            time.sleep(0.02)
    return sorted(set(found))


def _find_marked(data: Path) -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _is_marked(entry, data)]


def _is_marked(process: Path, data: Path) -> bool:
    # A zombie has no environment, and another user's cannot be read: neither is ours to kill.
    try:
        environment = (process / "environ").read_bytes()
    except OSError:
        return False
    return f"{DATA_FOLDER_VARIABLE}={data}".encode() in environment.split(b"\0")


def _is_group_running(group: int) -> bool:
    # In some containers the first process never reaps, so a group can keep dead members for ever.
    pids = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return any(is_running(pid) for pid in pids if _group_of(pid) == group)


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0

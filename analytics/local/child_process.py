"""One line of the Procfile as a running process: its own session, its output through honcho's printer and into a log.

Every process below it carries MARK in its environment, so that a later run finds what a killed run left behind.
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

from analytics.local.processes import lives, send_signal

MARK = "ANALYTICS_LOCAL_DATA"
# "celery@host ready.": a worker has no address to ask.
CELERY_READY = b" ready."


class Output:
    """Prints the lines of all processes, each with its name; safe to share between threads."""

    def __init__(self, width: int) -> None:
        self._printer = Printer(width=width)
        self._lock = threading.Lock()

    def write(self, name: str, text: str, colour: str | None = None) -> None:
        """Print `text`; a closed terminal is no reason to stop serving."""
        with self._lock, suppress(OSError, ValueError):
            self._printer.write(Message("line", text, datetime.now().astimezone(), name, colour))


class Child:
    """The process of the Procfile line `name: command`, run from `root`."""

    def __init__(
        self, name: str, command: str, root: Path, env: Mapping[str, str], log: Path, output: Output, colour: str | None
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._root = root
        self._env = dict(env)
        self._output = output
        self._colour = colour
        self._process: subprocess.Popen[bytes] | None = None
        self.said_ready = False

    @property
    def pid(self) -> int | None:
        """The pid of the running process, None when there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        code = self._process.returncode if self._process is not None else None
        if code is None:
            return "is gone"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def start(self) -> None:
        """Start the process, after whatever its predecessor left of its group is gone."""
        self.kill()
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
        """Wait for the end of a process that is meant to end; its exit code."""
        assert self._process is not None
        return self._process.wait()

    def stop(self, timeout: float = 30) -> None:
        """Ask the process to finish its work, and end its whole group after `timeout`."""
        if (pid := self.pid) is not None:
            send_signal(pid, signal.SIGTERM)
            end = time.monotonic() + timeout
            while self.pid is not None and time.monotonic() < end:
                time.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """SIGKILL the whole group, and wait until it has let go of its sockets."""
        if self._process is None:
            return
        self.kill_group()
        self._process.wait()
        end = time.monotonic() + 1
        while _group_lives(self._process.pid) and time.monotonic() < end:
            time.sleep(0.01)

    def kill_group(self) -> None:
        """SIGKILL the whole group without waiting; a signal handler may call it."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _copy_output(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with self.log.open("ab", buffering=0) as log:
            for line in process.stdout:
                log.write(line)
                self.said_ready = self.said_ready or CELERY_READY in line
                self._output.write(self.name, line.decode(errors="replace"), self._colour)


def kill_left_behind(data: Path) -> list[int]:
    """SIGKILL every process that an earlier run on the folder `data` started; the pids it found."""
    found = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _is_marked(entry, data)]
    for pid in found:
        send_signal(pid, signal.SIGKILL)
    end = time.monotonic() + 5
    while any(lives(pid) for pid in found) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def _is_marked(process: Path, data: Path) -> bool:
    # A zombie has no environment left, and a stranger's cannot be read: neither is ours to end.
    try:
        environment = (process / "environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={data}".encode() in environment.split(b"\0")


def _group_lives(group: int) -> bool:
    # Some containers' first process never reaps, so that a group may have dead members for ever.
    pids = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return any(lives(pid) for pid in pids if _group_of(pid) == group)


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0

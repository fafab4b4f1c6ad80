"""Processes and sockets: what PostgreSQL, Redis and the stack share.

A pid in a file proves nothing (pids are reused, especially in containers), so a server is identified by its working
folder.
"""

import ctypes
import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from analytics.local.servers.binaries import StartError

# A Unix socket's path may hold 107 bytes; "/.s.PGSQL.65535" and a margin come off.
MAX_SOCKET_FOLDER_BYTES = 88
PR_SET_PDEATHSIG = 1


def socket_folder(preferred: Path, owner: int | None = None) -> Path:
    """`preferred`, or a short folder under the temp dir when the path of a socket in it would be too long.

    `owner` is the uid that the server runs under, when it is not ours. Raises StartError.
    """
    if len(os.fsencode(preferred)) <= MAX_SOCKET_FOLDER_BYTES:
        preferred.mkdir(mode=0o700, parents=True, exist_ok=True)
        return preferred
    name = "analytics-" + hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
    temp = Path(tempfile.gettempdir())
    folder = (temp if len(os.fsencode(temp)) < MAX_SOCKET_FOLDER_BYTES - 24 else Path("/tmp")) / name
    folder.mkdir(mode=0o700, exist_ok=True)
    # Another user could create that folder in the temp dir first and read the traffic of the socket.
    if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), owner):
        raise StartError(f"{folder} belongs to another user: remove it or set TMPDIR")
    return folder


def die_with_parent(sig: signal.Signals) -> Callable[[], None]:
    """A preexec function after which the child gets `sig` when the thread that started it ends, even by SIGKILL."""
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def set_death_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal


def is_working_in(pid: int, folder: Path) -> bool:
    """True when `pid` is alive and its working folder is `folder`, as that of both servers is."""
    if not Path("/proc/self/cwd").exists():
        return _exists(pid)
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", folder)
    except OSError:
        return False


def pids_working_in(folder: Path) -> Iterator[int]:
    """Every process that works in `folder`."""
    for entry in Path("/proc").glob("[0-9]*"):
        if is_working_in(int(entry.name), folder):
            yield int(entry.name)


def is_running(pid: int) -> bool:
    """True while `pid` may hold files and sockets: a zombie holds none, unless one of its threads has yet to end."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    return any(_is_alive(f"/proc/{pid}/task/{thread}/stat") for thread in threads)


def wait_for_exit(pid: int, folder: Path, child: "subprocess.Popen[bytes] | None", timeout: float) -> bool:
    """Waits until the server `pid` has ended, reaping it if it is our child; False after `timeout` seconds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if child is not None and child.pid == pid:
            if child.poll() is not None:
                return True
        elif not is_working_in(pid, folder) and not is_running(pid):
            # A dying process loses its working folder some time before its end.
            return True
        time.sleep(0.02)
    return False


def send_signal(pid: int, sig: signal.Signals) -> None:
    """Signals `pid`; ignores one that has just ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, sig)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_alive(stat: str) -> bool:
    try:
        return Path(stat).read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

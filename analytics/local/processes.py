"""Facts about processes and sockets that PostgreSQL, Redis and the stack all need.

A pid in a file proves nothing (pids are reused, above all in containers), so a server is recognised by the folder it
works in.
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

from analytics.local.binaries import StartError

# A Unix socket's path may hold 107 bytes; "/.s.PGSQL.65535" and a margin come off.
SOCKET_FOLDER_BYTES = 88
PR_SET_PDEATHSIG = 1


def socket_folder(near: Path, owner: int | None = None) -> Path:
    """`near`, or a short folder under the temp dir when a socket in `near` would have too long a name.

    `owner` is the account that the server runs under, when it is not ours.
    """
    if len(os.fsencode(near)) <= SOCKET_FOLDER_BYTES:
        near.mkdir(mode=0o700, parents=True, exist_ok=True)
        return near
    name = "analytics-" + hashlib.sha256(os.fsencode(near)).hexdigest()[:12]
    temp = Path(tempfile.gettempdir())
    folder = (temp if len(os.fsencode(temp)) < SOCKET_FOLDER_BYTES - 24 else Path("/tmp")) / name
    folder.mkdir(mode=0o700, exist_ok=True)
    # Anybody may make that folder in the temp dir before us, and would then read what goes through the socket.
    if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), owner):
        raise StartError(f"{folder} belongs to somebody else: remove it or set TMPDIR")
    return folder


def die_with_parent(sig: signal.Signals) -> Callable[[], None]:
    """A preexec function after which the child gets `sig` when the thread that started it ends, even by SIGKILL."""
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def works_in(pid: int, folder: Path) -> bool:
    """True when `pid` is alive and its working folder is `folder`, as that of both servers is."""
    if not Path("/proc/self/cwd").exists():
        return _exists(pid)
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", folder)
    except OSError:
        return False


def pids_in(folder: Path) -> Iterator[int]:
    """Every process that works in `folder`."""
    for entry in Path("/proc").glob("[0-9]*"):
        if works_in(int(entry.name), folder):
            yield int(entry.name)


def lives(pid: int) -> bool:
    """True until `pid` has let go of everything: a dead process that nobody has reaped yet holds nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_gone(pid: int, folder: Path, child: "subprocess.Popen[bytes] | None", timeout: float) -> bool:
    """Wait until the server `pid` has ended, reaping it when it is our own child; False when time ran out."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if child is not None and child.pid == pid:
            if child.poll() is not None:
                return True
        elif not works_in(pid, folder) and not lives(pid):
            # A dying process has left its folder some time before its end.
            return True
        time.sleep(0.02)
    return False


def send_signal(pid: int, sig: signal.Signals) -> None:
    """Signal `pid`; one that has just ended is as good."""
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

"""A semaphore for the processes of one machine, made of file locks. Workers limit exports and exclusive tasks with it.

The operating system releases a lock on a file when its process ends, however it ends.
"""

import fcntl
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from analytics.files.disk import make_private_folder


def machine_name() -> str:
    """The host name with only characters that are safe in a file name."""
    return "".join(char if char.isalnum() or char in "-." else "_" for char in socket.gethostname()) or "localhost"


@contextmanager
def try_acquire_slot(folder: Path, name: str, slots: int) -> Iterator[bool]:
    """Yields whether one of the `slots` of that name was free; holds it until the block ends. Never waits.

    Yields True when the folder cannot be used: an export then reports the same error in its job, and an exclusive task
    should rather run at the same time as another one than not at all.
    """
    with ExitStack() as stack:
        yield _acquire(folder, name, slots, stack)


def _acquire(folder: Path, name: str, slots: int, stack: ExitStack) -> bool:
    try:
        make_private_folder(folder)
        for number in range(slots):
            # Workers of the previous release lock files of the same names.
            file = stack.enter_context((folder / f"turn-{name}-{number}").open("w"))
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
    except OSError:
        return True
    return False

"""Turns at a worker's machine: an export, or a chore (tasks/chores.py), may run for an hour, and drains need a process
all the while.

A turn is a lock on a file, which the system takes back when a process dies, however it dies.
"""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from analytics.exports.storage import make_folder
from config import Settings


def places_of(settings: Settings) -> int:
    """Exports that run at once on a worker's machine: of its processes one is for drains, one for a
    chore, one for calls of a callback_url."""
    return max(1, settings.worker_concurrency - 3)


@contextmanager
def turn(folder: Path, machine: str, places: int) -> Iterator[bool]:
    """Whether there is a place; it is taken until the block ends. Waits for nobody.

    Where the folder cannot be used there always is: an export meets the same and says so in its job, and a chore had
    better be done beside another than not at all.
    """
    with ExitStack() as held:
        yield _take(folder, machine, places, held)


def _take(folder: Path, machine: str, places: int, held: ExitStack) -> bool:
    try:
        make_folder(folder)
        for number in range(places):
            file = held.enter_context((folder / f"turn-{machine}-{number}").open("w"))
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
    except OSError:
        return True
    return False

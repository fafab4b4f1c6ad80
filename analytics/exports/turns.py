"""Turns at a worker's machine: an export may run for an hour, and drains need a process all the while.

A turn is a lock on a file, which the system takes back when a process dies, however it dies.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analytics.exports.storage import make_folder
from config import Settings


def places_of(settings: Settings) -> int:
    """Exports that run at once on a worker's machine: all its processes but one."""
    return max(1, settings.worker_concurrency - 1)


@contextmanager
def turn(folder: Path, machine: str, places: int) -> Iterator[bool]:
    """Whether there is a place; it is taken until the block ends. Waits for nobody."""
    try:
        make_folder(folder)
    except OSError:
        # Whoever takes the job meets the same, and says so in the job.
        yield True
        return
    for number in range(places):
        with (folder / f"turn-{machine}-{number}").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield True
            return
    yield False

"""Memory settings of long-lived processes: garbage collection and glibc's allocator.

wsgi.py and celery_app.py call `tune` once, after all imports; web processes call `trim` now and then.
"""

import ctypes
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# https://man7.org/linux/man-pages/man3/mallopt.3.html: parameter → bytes, of ARENA_MAX arenas.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, ARENA_MAX = -1, -2, -3, -8
MALLOPT_PARAMETERS = {MMAP_THRESHOLD: 65_536, TRIM_THRESHOLD: 131_072, TOP_PAD: 65_536, ARENA_MAX: 2}
# For arrays: 32 MiB is the most that glibc takes.
ARRAY_PARAMETERS = {MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 256 << 20}


def tune() -> None:
    """Freezes loaded objects, collects less often, and has glibc return freed bodies to the system.

    A batch makes thousands of objects that live until its response: the default interval costs 15 % of decoding. By
    default glibc raises its mmap threshold to the largest block freed so far, so that bodies end up on the heap between
    small objects: after batches of 1,000 a web process held 130 to 145 MB, with this 101. Each thread may also have an
    arena of its own, whose free parts no other uses.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    _set(MALLOPT_PARAMETERS)


@contextmanager
def reuse_arrays() -> Iterator[None]:
    """Within the block, memory of arrays that are freed stays for the next ones. Each new page costs a fault: counts of
    millions of rows take half as long again where the system gets all of them back. Not from two threads at a time."""
    _set(ARRAY_PARAMETERS)
    try:
        yield
    finally:
        _set({name: MALLOPT_PARAMETERS[name] for name in ARRAY_PARAMETERS})
        trim()


def trim() -> None:
    """Returns free pages between blocks in use to the system. Takes milliseconds, in which the GIL is free."""
    if malloc_trim := _find("malloc_trim"):
        malloc_trim(0)


def _set(parameters: Mapping[int, int]) -> None:
    if mallopt := _find("mallopt"):
        for parameter, size in parameters.items():
            mallopt(parameter, size)


def _find(name: str) -> Callable[..., Any] | None:
    """A function of the C library; other libraries have no such."""
    try:
        function: Callable[..., Any] | None = getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):
        return None
    return function

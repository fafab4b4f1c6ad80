"""What happens to clients when the process forks. client.py registers each one.

Hooks of the interpreter hold the locks of all clients over the fork, whichever thread forks. The failure of one client
is logged, and concerns no other.
"""

import logging
import os
import threading
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Callable, Protocol


class ForkLock(Protocol):
    """What Lock and RLock have in common."""

    def acquire(self) -> bool: ...
    def release(self) -> None: ...


class Forkable(Protocol):
    """What is told of a fork."""

    def fork_locks(self) -> Sequence[ForkLock]: ...
    def begin_anew(self) -> None: ...


log = logging.getLogger("analytics_client")
_registered: "weakref.WeakSet[Forkable]" = weakref.WeakSet()
# One fork at a time: the hooks of two threads would release each other's locks. Reentrant: another hook of the
# application may make a client.
_fork_lock = threading.RLock()
# Those of the fork under way: a client made meanwhile is not among them.
_clients: "list[Forkable]" = []
_held: "list[ForkLock]" = []
_errors: list[BaseException] = []


def register(client: Forkable) -> None:
    """Tells the client of each fork from now on."""
    # Not while a fork reads the set.
    with _fork_lock:
        _registered.add(client)


def _before() -> None:
    _fork_lock.acquire()
    _clients[:] = sorted(_registered, key=id)
    for client in _clients:
        _attempt(partial(_hold, client))


def _hold(client: Forkable) -> None:
    for lock in client.fork_locks():
        lock.acquire()
        _held.append(lock)


def _in_child() -> None:
    for client in _clients:
        _attempt(client.begin_anew)
    # Clients have new locks; but one that failed has the old ones.
    _release()


def _release() -> None:
    try:
        for lock in reversed(_held):
            _attempt(lock.release)
        errors = _errors[:]
    finally:
        _held.clear()
        _clients.clear()
        _errors.clear()
        _fork_lock.release()
    # Not under the locks: a handler of the application may track what it logs.
    for error in errors:
        log.error("the analytics client failed at a fork", exc_info=error)


def _attempt(action: Callable[[], object]) -> None:
    try:
        action()
    # Also what a signal handler raises here: the interpreter ignores the error of a hook, and so would lose the rest.
    except BaseException as error:  # noqa: BLE001
        _errors.append(error)


os.register_at_fork(before=_before, after_in_parent=_release, after_in_child=_in_child)

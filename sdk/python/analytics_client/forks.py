"""What happens to clients when the process forks. client.py registers each one.

Hooks of the interpreter call the clients that exist: all of them, whichever thread forks.
"""

import os
import threading
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What is told of a fork."""

    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...


_registered: "weakref.WeakSet[Forkable]" = weakref.WeakSet()
# One fork at a time: the hooks of two threads would release each other's locks.
_fork_lock = threading.Lock()
# Those whose locks the fork under way holds: a client made meanwhile is not among them.
_held: "list[Forkable]" = []


def register(client: Forkable) -> None:
    """Tells the client of each fork from now on."""
    _registered.add(client)


def _before() -> None:
    _fork_lock.acquire()
    _held[:] = sorted(_registered, key=id)
    for client in _held:
        client.before_fork()


def _in_parent() -> None:
    for client in _held:
        client.after_fork_in_parent()
    _held.clear()
    _fork_lock.release()


def _in_child() -> None:
    for client in _held:
        client.after_fork_in_child()
    _held.clear()
    _fork_lock.release()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)

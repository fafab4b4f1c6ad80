"""How connections to PostgreSQL are made, and how long one may wait for a server that hangs.

A stopped server still acknowledges what it is sent: its statement_timeout does not run, and TCP notices nothing. So the
client ends the wait itself: a watchdog shuts the socket down, and the statement fails with psycopg2's OperationalError,
as after a crash of the server. `create_app` and ops/health.py connect with these options; reading.py sets limits.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from psycopg2 import extensions
from sqlalchemy import Engine, event, text

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5
# How long the check of a pooled connection may take, and the first statements of a new one.
PING_TIMEOUT_S = 3.0
# The watchdog's resolution.
CHECK_INTERVAL_S = 0.1
IDLE_THREAD_S = 10.0
# For a server whose machine or network is gone; without effect on a Unix socket, whose other end is on this machine.
LIBPQ_OPTIONS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class Watchdog:
    """Shuts sockets down when their time is over. One thread a process, which ends when it has nothing to watch."""

    def __init__(self) -> None:
        self._reset()
        # A forked child has no thread, and the lock may have been held.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[socket.socket, float] = {}
        self._is_running = False

    @contextmanager
    def limit(self, driver: extensions.connection, seconds: float) -> Iterator[None]:
        """Within the block, the connection's socket is shut down after `seconds`."""
        with duplicate_socket(driver) as own:
            self._add(own, time.monotonic() + seconds)
            try:
                yield
            finally:
                with self._changed:
                    self._due.pop(own, None)

    def _add(self, own: socket.socket, due: float) -> None:
        with self._changed:
            self._due[own] = due
            if len(self._due) == 1:
                self._changed.notify()
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="database-watchdog", daemon=True).start()

    def _run(self) -> None:
        with self._changed:
            while self._due or self._changed.wait(IDLE_THREAD_S) or self._due:
                self._end_overdue(time.monotonic())
                self._changed.wait(CHECK_INTERVAL_S)
            self._is_running = False

    def _end_overdue(self, now: float) -> None:
        for own in [own for own, due in self._due.items() if due <= now]:
            del self._due[own]
            log.warning("a database connection was ended: the server does not answer")
            shut_down(own)


watchdog = Watchdog()


class WatchedConnection(extensions.connection):
    """A connection whose statements fail after `limit_s` without an answer; 0: they wait as long as it takes."""

    limit_s: float = PING_TIMEOUT_S

    def commit(self) -> None:
        with self.limited():
            super().commit()

    def rollback(self) -> None:
        with self.limited():
            super().rollback()

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Within the block, the watchdog ends the connection after `limit_s`."""
        if not self.limit_s or self.closed:
            yield
            return
        with watchdog.limit(self, self.limit_s):
            yield


class WatchedCursor(extensions.cursor):
    """A cursor of a WatchedConnection."""

    connection: WatchedConnection

    def execute(self, *arguments: Any) -> None:
        with self.connection.limited():
            super().execute(*arguments)

    def fetchmany(self, *arguments: Any) -> list[tuple[Any, ...]]:
        with self._limited_fetch():
            return super().fetchmany(*arguments)

    def fetchall(self) -> list[tuple[Any, ...]]:
        with self._limited_fetch():
            return super().fetchall()

    def _limited_fetch(self) -> AbstractContextManager[None]:
        """A cursor of the server has each call wait for it; other results are here already."""
        return nullcontext() if self.name is None else self.connection.limited()

    def copy_expert(self, *arguments: Any, **options: Any) -> None:
        with self.connection.limited():
            super().copy_expert(*arguments, **options)


CONNECT_ARGS = LIBPQ_OPTIONS | {"connection_factory": WatchedConnection, "cursor_factory": WatchedCursor}


def install_limits(engine: Engine, current_limit: Callable[[], float]) -> None:
    """In the pool a connection has the limit of a ping (pool_pre_ping), in use that of `current_limit()`."""

    @event.listens_for(engine, "checkout")
    def set_limit(driver: Any, *_: Any) -> None:
        limit_statements(driver, current_limit())

    @event.listens_for(engine, "checkin")
    def set_ping_limit(driver: Any, *_: Any) -> None:
        limit_statements(driver, PING_TIMEOUT_S)


def limit_statements(driver: Any, seconds: float) -> None:
    """Statements fail after `seconds` without an answer; 0: never. Until the connection returns to the pool."""
    if isinstance(driver, WatchedConnection):
        driver.limit_s = seconds


def duplicate_socket(driver: Any) -> socket.socket:
    """A second handle of the connection's socket, which stays valid when libpq closes its own."""
    return socket.socket(fileno=os.dup(driver.fileno()))


def shut_down(own: socket.socket) -> None:
    """Ends the connection: whoever waits for its server gets an error at once, and the server notices the lost client.

    In place of psycopg2's `cancel`, which holds the interpreter's lock until the server has answered: a hung server
    would stop the whole process.
    """
    try:
        own.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended already.
        return


TRY_LOCK = text("SELECT pg_try_advisory_lock(:lock)")
UNLOCK = text("SELECT pg_advisory_unlock(:lock)")


@contextmanager
def try_exclusive(engine: Engine, lock_id: int) -> Iterator[bool]:
    """Whether no other process is in a block with the lock: an advisory lock of a connection of its own, which ends
    with the process. Retention, retries of dead letters and the audit by HTTP take it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_acquired = connection.scalar(TRY_LOCK, {"lock": lock_id}) is True
        try:
            yield is_acquired
        finally:
            if is_acquired:
                connection.execute(UNLOCK, {"lock": lock_id})

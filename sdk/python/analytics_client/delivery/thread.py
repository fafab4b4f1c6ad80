"""The thread that delivers, and `flush` and `close` for the threads that wait for it.

client.py owns one. Only one thread at a time is in the sender: usually the one made here, and at the end of the
interpreter, where none can be started, the caller's. After `close`, whoever leaves the sender last gives its files up.
"""

import threading
import time
from typing import Optional

from analytics_client.delivery.sender import Sender
from analytics_client.spool.spool import Spool

# Longer waits, as of an adopt_s of a million years, overflow in the interpreter.
_LONGEST_WAIT_S = 3600.0
# How long `close` waits beyond its timeout for a thread that only has to close its files.
_CLOSING_S = 0.1


class Delivery:
    """Runs `Sender.step`. `start`, `flush` and `close` may be called by any thread."""

    def __init__(self, spool: Spool, sender: Sender) -> None:
        self._spool, self._sender = spool, sender
        self.is_closed = False
        self.forget()

    def forget(self) -> None:
        """The state of a new process: no thread, and locks that nobody holds."""
        self.thread: Optional[threading.Thread] = None
        self.start_lock = threading.Lock()
        # Held by the thread that is in the sender. Not over a fork, which would wait for a response.
        self._turn = threading.Lock()
        self._turn_of: Optional[int] = None

    def start(self) -> bool:
        """True when the thread runs; False at the end of the interpreter, and after `close`."""
        with self.start_lock:
            if self.thread is not None and self.thread.is_alive():
                return True
            if self.is_closed:
                return False
            thread = threading.Thread(target=self._run, name="analytics-client", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The interpreter ends: what is spooled is sent by the exit handler, or by the next process.
                return False
            self.thread = thread
            return True

    def _run(self) -> None:
        wake = self._sender.wake
        while not self.is_closed:
            wait_s = self._step(_LONGEST_WAIT_S)
            if wait_s > 0:
                wake.wait(min(wait_s, _LONGEST_WAIT_S))
                wake.clear()
        self._give_up(0.0)

    def _step(self, timeout: float) -> float:
        """One step of the sender; its wait. 0 after `close`, and when another thread was in it all the time."""
        # The child of a fork in the middle of a step gets another lock.
        turn = self._turn
        if not turn.acquire(timeout=timeout):
            return 0.0
        self._turn_of = threading.get_ident()
        try:
            return 0.0 if self.is_closed else self._sender.step()
        finally:
            self._turn_of = None
            turn.release()
            # In this order: either this thread sees that the client is closed, or `close` gets the turn.
            if self.is_closed:
                self._give_up(0.0)

    def _give_up(self, timeout: float) -> None:
        """Closes the sender, unless another thread is in it, which does so when it leaves."""
        if self._turn.acquire(timeout=timeout):
            try:
                self._sender.close()
            finally:
                self._turn.release()

    def flush(self, timeout: float) -> bool:
        """True when everything spooled before the call is settled; False after `timeout`, or when it cannot be."""
        deadline = time.monotonic() + timeout
        target = self._spool.appended
        self._sender.flush(target)
        while self._spool.settled < target:
            seen, left = self._sender.progress, deadline - time.monotonic()
            if left <= 0 or self._is_hopeless(deadline):
                break
            # A closed client's thread may still wait for a response.
            if self.is_closed or self.start():
                self._sender.await_progress(seen, left)
            else:
                wait_s = self._step(left)
                time.sleep(max(0.0, min(wait_s, deadline - time.monotonic())))
        return self._spool.settled >= target

    def _is_hopeless(self, deadline: float) -> bool:
        # `on_reject`, which the sender calls, would wait for itself.
        is_inside = self._turn_of == threading.get_ident()
        return is_inside or self._sender.is_closed or self._sender.backoff.not_before > deadline

    def close(self, timeout: float) -> bool:
        """As `flush`; then ends the thread and gives the files up."""
        deadline = time.monotonic() + timeout
        is_done = self.flush(timeout)
        self._spool.end()
        with self.start_lock:
            self.is_closed = True
            thread = self.thread
        self._sender.wake.set()
        if self._turn_of == threading.get_ident():
            return is_done
        left = max(0.0, deadline - time.monotonic()) + _CLOSING_S
        if thread is not None and thread.is_alive():
            # A thread that waits for a response gives the files up itself, when it has it.
            thread.join(left)
        else:
            self._give_up(left)
        return is_done

"""Delivers the spool: when a batch is due, and what follows from each response.

thread.py runs `step`. Batches are read from the spool at each attempt, so that memory does not grow with what waits.
Responses are judged in responses.py, waits are backoff.py's.
"""

import json
import logging
import math
import random
import threading
import time
from datetime import datetime, timezone
from typing import Callable, Optional

from analytics_client.delivery.backoff import Backoff
from analytics_client.delivery.rejections import RejectReporter
from analytics_client.delivery.responses import Effect, Problem, Verdict, judge
from analytics_client.delivery.transport import Transport, Unreachable
from analytics_client.events import is_notice
from analytics_client.options import Options
from analytics_client.spool.adoption import AdoptedFile
from analytics_client.spool.file import Records, SpoolFile
from analytics_client.spool.spool import Spool

log = logging.getLogger("analytics_client")
# A notice of drops is written at most so often.
NOTICE_S = 1.0


class Sender:
    """One process's delivery. `step` and `close` are called by one thread at a time; the rest by any."""

    def __init__(self, spool: Spool, transport: Transport, options: Options, write_notice: Callable[[], None]) -> None:
        self._spool, self._transport, self._options = spool, transport, options
        self._write_notice = write_notice
        self._reporter = RejectReporter(options.on_reject)
        self._limit = options.max_batch
        self.is_closed = False
        self.forget()

    def forget(self) -> None:
        """The state of a new process."""
        self.sent = self.rejected = self.requests = self.retries = 0
        self.adopted_sent = self.adopted_rejected = 0
        self.backoff = Backoff(self._options.max_backoff_s)
        self.adopted = AdoptedFile(self._spool, self._options.adopt_s)
        self.wake = threading.Event()
        # Counts settled batches, failed attempts and the close; `flush` waits for the next.
        self._condition = threading.Condition()
        self.progress = 0
        self._flush_to = 0
        # Whether the thread sleeps until there is an event.
        self._is_idle = False
        self._own_is_next = True
        self._next_notice_at = 0.0

    def step(self) -> float:
        """Does the next thing. Returns the seconds until there is something to do, if nothing happens before."""
        try:
            return self._step(time.monotonic())
        except Exception as error:
            # Without this the thread would end, and with it all delivery, for one broken disk or one mistake of ours.
            log.exception("delivery failed")
            self._fail("backing_off", f"{error.__class__.__name__}: {error}")
            return 0.0

    def _step(self, now: float) -> float:
        if now < self.backoff.not_before:
            return self.backoff.not_before - now
        notice_at = self._tell_drops(now)
        is_due = self._is_own_due(now)
        has_adopted = self.adopted.find(now)
        if is_due and (self._own_is_next or not has_adopted):
            self._own_is_next = False
            self._send_own()
            return 0.0
        self._own_is_next = True
        if has_adopted:
            self._send_adopted()
            return 0.0
        # In this order: whoever appends an event after the question finds the flag, and wakes this thread.
        self._is_idle, own_at = True, math.inf
        if self._spool.waiting:
            self._is_idle, own_at = False, self._spool.waiting_since + self._options.flush_s
        return max(0.001, min(own_at, notice_at, self.adopted.look_at) - now)

    def _is_own_due(self, now: float) -> bool:
        waiting = self._spool.waiting
        if not waiting:
            return False
        is_old = now - self._spool.waiting_since >= self._options.flush_s
        return waiting >= self._options.flush_at or is_old or self._spool.settled < self._flush_to

    def _tell_drops(self, now: float) -> float:
        """Writes `sdk_dropped` where that can be delivered; returns when it may be written."""
        if not self._spool.untold or (self._spool.waiting and self.backoff.state != "sending"):
            return math.inf
        if now >= self._next_notice_at:
            self._next_notice_at = now + NOTICE_S
            self._write_notice()
            return math.inf
        return self._next_notice_at

    def _send_own(self) -> None:
        found = self._spool.read(self._limit, self._options.max_batch_bytes)
        if found is None:
            # What waits by count is no longer on the disk.
            self._spool.settle_missing()
            self._tell_progress()
            return
        file, records = found
        if records.damaged_bytes:
            self._log_damage(file, records)
            self._spool.skip_damage(file, records.end)
            return
        taken = self._send(file, records)
        if taken is None:
            return
        # Under one lock: the sum of the counts is right at any moment.
        with self._spool.lock:
            self.sent += taken
            self.rejected += _count_events(records) - taken
            self._spool.settle(file, records)
        self._tell_progress()

    def _send_adopted(self) -> None:
        file = self.adopted.file
        assert file is not None
        try:
            records = file.read(self._limit, self._options.max_batch_bytes)
        except OSError as error:
            self.adopted.set_aside(error)
            return
        if records.damaged_bytes:
            self._log_damage(file, records)
            self.adopted.count_drops({"torn" if records.is_torn else "damaged": 1})
            self.adopted.settle(records.end)
            return
        taken = self._send(file, records)
        if taken is not None:
            self.adopted_sent += taken
            self.adopted_rejected += _count_events(records) - taken
            self.adopted.settle(records.end)

    @staticmethod
    def _log_damage(file: SpoolFile, records: Records) -> None:
        kind = "torn" if records.is_torn else "damaged"
        log.warning("the spool file %s has %d bytes that are no event (%s)", file.path, records.damaged_bytes, kind)

    def _send(self, file: SpoolFile, records: Records) -> Optional[int]:
        """How many events the server took, without notices; None when the batch stays in the spool."""
        starts = [start for start in records.starts if start not in file.refused]
        bodies = [body for start, body in zip(records.starts, records.records) if start not in file.refused]
        if not bodies:
            return 0
        self.requests += 1
        self.retries += self.backoff.failures > 0
        try:
            response, was_compressed = self._transport.post(build_body(bodies, self._options.site))
        except Unreachable as error:
            self._fail("backing_off", str(error))
            return None
        verdict = judge(response, len(bodies), was_compressed)
        if verdict.effect is Effect.ACCEPTED:
            self._succeed()
            self._reporter.report(bodies, verdict.problems)
            refused = {problem.index for problem in verdict.problems}
            return sum(index not in refused and not is_notice(body) for index, body in enumerate(bodies))
        if verdict.effect is Effect.REFUSED:
            self._succeed()
            self._reporter.report(bodies, verdict.problems)
            file.refused.update(starts[problem.index] for problem in verdict.problems)
            return 0 if len(verdict.problems) == len(bodies) else None
        if verdict.effect is Effect.HALVE and len(bodies) == 1:
            self._reporter.report(bodies, [Problem(0, "", verdict.code, verdict.detail)])
            self._succeed()
            return 0
        self._try_otherwise(verdict, len(bodies))
        return None

    def _try_otherwise(self, verdict: Verdict, count: int) -> None:
        """What is changed for the next attempt with the same events."""
        if verdict.effect is Effect.HALVE:
            self._limit = count // 2
        elif verdict.effect is Effect.UNCOMPRESSED:
            self._transport.compress_above = None
        elif verdict.effect is Effect.LATER:
            wait_s = verdict.retry_after_s
            # Jitter on top: those who were told the same do not come back together.
            self._fail("backing_off", verdict.detail, None if wait_s is None else wait_s * random.uniform(1, 1.25))
        else:
            self._fail("held", verdict.detail, self._options.held_s)

    def _succeed(self) -> None:
        if self._limit < self._options.max_batch:
            self._limit = min(max(self._limit + 1, int(self._limit * 1.1)), self._options.max_batch)
        self.backoff.succeed()

    def _fail(self, state: str, reason: str, wait_s: Optional[float] = None) -> None:
        self.backoff.fail(state, reason, self.backoff.draw_s() if wait_s is None else wait_s)
        self._tell_progress()

    def _tell_progress(self) -> None:
        with self._condition:
            self.progress += 1
            self._condition.notify_all()

    def await_progress(self, seen: int, timeout: float) -> None:
        """Returns when `progress` is no longer `seen`, or after `timeout` seconds."""
        with self._condition:
            if self.progress == seen:
                self._condition.wait(timeout)

    def announce(self, waiting: int) -> None:
        """An event was appended; `waiting` are. Costs nothing unless the thread has to know."""
        if self._is_idle:
            self._is_idle = False
            self.wake.set()
        elif waiting == self._options.flush_at:
            self.wake.set()

    def flush(self, target: int) -> None:
        """The first `target` events are due now."""
        with self._condition:
            self._flush_to = max(self._flush_to, target)
        self.wake.set()

    def retry_now(self) -> None:
        """Ends a wait: somebody has set another key."""
        self.backoff.end()
        self.wake.set()

    def close(self) -> None:
        """Gives all files up, once. Not while another thread is in `step`."""
        if self.is_closed:
            return
        self.adopted.give_up()
        self._spool.close()
        self._transport.disconnect()
        self.is_closed = True
        self._tell_progress()

    def abandon(self) -> None:
        """In a forked child: files, connection, locks and counts are the parent's."""
        self.adopted.abandon()
        self._spool.abandon()
        self._transport.abandon()
        self.forget()


def _count_events(records: Records) -> int:
    return sum(not is_notice(record) for record in records.records)


def build_body(events: list[bytes], site: Optional[str]) -> bytes:
    """The request's body. `sent_at` lets the server correct the clock by which the events were timed."""
    sent_at = datetime.now(timezone.utc).isoformat().encode()
    named = b'"site_id":%s,' % json.dumps(site).encode() if site else b""
    return b'{%s"sent_at":"%s","events":[%s]}' % (named, sent_at, b",".join(events))

"""Delivers the spool: when a batch is due, what follows from each answer, and when the next attempt may be.

client.py runs `step` in a thread, or in the caller's own where no thread can be started. Batches are read from the
spool at each attempt, so that memory does not grow with what waits. Answers are judged in responses.py.
"""

import json
import logging
import math
import random
import threading
import time
from datetime import datetime, timezone
from typing import Callable, Optional

from analytics_client.delivery.rejections import RejectReporter
from analytics_client.delivery.responses import Effect, Problem, Verdict, judge
from analytics_client.delivery.transport import Transport, Unreachable
from analytics_client.options import Options
from analytics_client.spool.adoption import AdoptedFile
from analytics_client.spool.file import Records, SpoolFile
from analytics_client.spool.spool import Spool

log = logging.getLogger("analytics_client")
FIRST_BACKOFF_S = 1.0
# A notice of drops is written at most so often.
NOTICE_S = 1.0


class Sender:
    """One process's delivery. `step` is called by one thread at a time; `flush` and `stats` read from others."""

    def __init__(self, spool: Spool, transport: Transport, options: Options, write_notice: Callable[[], None]) -> None:
        self._spool, self._transport, self._options = spool, transport, options
        self._write_notice = write_notice
        self.reporter = RejectReporter(options.on_reject)
        self.sent = self.adopted_sent = self.requests = self.retries = 0
        self._limit = options.max_batch
        self.forget()

    def forget(self) -> None:
        """The state of a new process."""
        self.sent = self.adopted_sent = self.requests = self.retries = 0
        self.reporter.forget()
        self.wake = threading.Event()
        # Told at each settled batch and each failed attempt; `flush` waits for it.
        self.progress = threading.Condition()
        self.state, self.reason = "sending", None
        self.not_before = 0.0
        self.flush_to = 0
        # Whether the thread sleeps until there is an event.
        self.is_idle = False
        self._failures = 0
        self._adopted = AdoptedFile(self._spool, self._options.adopt_s)
        self._own_is_next = True
        self._next_notice_at = 0.0
        # Starts of records that the server refused in a batch of which it took nothing.
        self._refused: set[int] = set()
        self._refused_in: Optional[SpoolFile] = None

    state: str
    reason: Optional[str]

    def step(self) -> float:
        """Does the next thing. Returns the seconds until there is something to do, if nothing happens before."""
        try:
            return self._step(time.monotonic())
        except Exception as error:
            # Without this the thread would end, and with it all delivery, for one broken disk or one mistake of ours.
            log.exception("delivery failed")
            self._fail("backing_off", f"{error.__class__.__name__}: {error}", self._draw_backoff_s())
            return 0.0

    def _step(self, now: float) -> float:
        if now < self.not_before:
            return self.not_before - now
        notice_at = self._tell_drops(now)
        is_due = self._is_own_due(now)
        has_adopted = self._adopted.find(now)
        if is_due and (self._own_is_next or not has_adopted):
            self._own_is_next = False
            self._send_own()
            return 0.0
        self._own_is_next = True
        if has_adopted:
            self._send_adopted()
            return 0.0
        # In this order: whoever appends an event after the question finds the flag, and wakes this thread.
        self.is_idle, own_at = True, math.inf
        if self._spool.waiting:
            self.is_idle, own_at = False, self._spool.waiting_since + self._options.flush_s
        return max(0.001, min(own_at, notice_at, self._adopted.look_at) - now)

    def _is_own_due(self, now: float) -> bool:
        waiting = self._spool.waiting
        if not waiting:
            return False
        is_old = now - self._spool.waiting_since >= self._options.flush_s
        return waiting >= self._options.flush_at or is_old or self._spool.settled < self.flush_to

    def _tell_drops(self, now: float) -> float:
        """Writes `sdk_dropped` where that can be delivered; returns when it may be written."""
        if not self._spool.untold or (self._spool.waiting and self.state != "sending"):
            return math.inf
        if now >= self._next_notice_at:
            self._next_notice_at = now + NOTICE_S
            self._write_notice()
            return math.inf
        return self._next_notice_at

    def _send_own(self) -> None:
        found = self._spool.read(self._limit, self._options.max_batch_bytes)
        if found is None:
            # What waits by count was damaged on the disk, and is counted as such.
            self._spool.settle_all()
            self._tell_progress()
            return
        file, records = found
        count = self._send(file, records)
        if count is not None:
            self.sent += count
            self._spool.settle(file, records.end, len(records.records))
            self._tell_progress()

    def _send_adopted(self) -> None:
        file = self._adopted.file
        assert file is not None
        records = file.read(self._limit, self._options.max_batch_bytes)
        count = self._send(file, records, is_own=False)
        if count is not None:
            self.adopted_sent += count
            self._adopted.settle(records.end)

    def _send(self, file: SpoolFile, records: Records, is_own: bool = True) -> Optional[int]:
        """How many events the server took; None when the batch stays in the spool. 0 for damage, which is counted."""
        if records.damaged_bytes:
            self._count_damage(records)
            return 0
        taken = self._send_whole(file, records, is_own)
        if taken is not None:
            # The file may be emptied now: other events get these places.
            self._refused_in = None
        return taken

    def _send_whole(self, file: SpoolFile, records: Records, is_own: bool) -> Optional[int]:
        if file is not self._refused_in:
            self._refused, self._refused_in = set(), file
        starts = [start for start in records.starts if start not in self._refused]
        bodies = [body for start, body in zip(records.starts, records.records) if start not in self._refused]
        if not bodies:
            return 0
        self.requests += 1
        self.retries += self._failures > 0
        try:
            response, was_compressed = self._transport.post(build_body(bodies, self._options.site))
        except Unreachable as error:
            self._fail("backing_off", str(error), self._draw_backoff_s())
            return None
        verdict = judge(response, len(bodies), was_compressed)
        return self._act(verdict, starts, bodies, is_own)

    def _act(self, verdict: Verdict, starts: list[int], bodies: list[bytes], is_own: bool) -> Optional[int]:
        if verdict.effect is Effect.ACCEPTED:
            self._succeed()
            self.reporter.report(bodies, verdict.problems, is_own)
            return len(bodies) - len(verdict.problems)
        if verdict.effect is Effect.REFUSED:
            self.reporter.report(bodies, verdict.problems, is_own)
            self._refused.update(starts[problem.index] for problem in verdict.problems)
            return 0 if len(verdict.problems) == len(bodies) else None
        if verdict.effect is Effect.HALVE:
            return self._halve(verdict, bodies, is_own)
        if verdict.effect is Effect.UNCOMPRESSED:
            self._transport.compress_above = None
        elif verdict.effect is Effect.LATER:
            wait_s = verdict.retry_after_s
            # Jitter on top: those who were told the same do not come back together.
            wait_s = self._draw_backoff_s() if wait_s is None else wait_s * random.uniform(1, 1.25)
            self._fail("backing_off", verdict.detail, wait_s)
        else:
            self._fail("held", verdict.detail, self._options.held_s)
        return None

    def _halve(self, verdict: Verdict, bodies: list[bytes], is_own: bool) -> Optional[int]:
        """Half as many events from now on; an event that is refused alone is dropped."""
        if len(bodies) > 1:
            self._limit = len(bodies) // 2
            return None
        self.reporter.report(bodies, [Problem(0, "", verdict.code, verdict.detail)], is_own)
        self._succeed()
        return 0

    def _count_damage(self, records: Records) -> None:
        kind = "torn" if records.is_torn else "damaged"
        log.warning("a spool file has %d bytes that are no event (%s)", records.damaged_bytes, kind)
        with self._spool.lock:
            self._spool.count_drop(kind)

    def _succeed(self) -> None:
        if self._limit < self._options.max_batch:
            self._limit = min(max(self._limit + 1, int(self._limit * 1.1)), self._options.max_batch)
        if self.state != "sending":
            log.info("events are delivered again")
        self.state, self.reason, self._failures = "sending", None, 0

    def _fail(self, state: str, reason: str, wait_s: float) -> None:
        if (state, reason) != (self.state, self.reason):
            # Once for each new reason: an outage of hours is a line or two.
            level = logging.WARNING if state == "held" or self.state == "sending" else logging.DEBUG
            log.log(level, "events are kept in the spool (%s), next attempt in %.1f s: %s", state, wait_s, reason)
        self.state, self.reason = state, reason
        self._failures += 1
        self.not_before = time.monotonic() + wait_s
        self._tell_progress()

    def _draw_backoff_s(self) -> float:
        """Full jitter: between 0 and 1, 2, 4, … seconds."""
        most = min(self._options.max_backoff_s, FIRST_BACKOFF_S * 2.0 ** min(self._failures, 30))
        return random.uniform(0, most)

    @property
    def is_adopting(self) -> bool:
        """Whether an ended process's file is being looked for or delivered."""
        return self._adopted.is_looking or self._adopted.file is not None

    def _tell_progress(self) -> None:
        with self.progress:
            self.progress.notify_all()

    def announce(self, waiting: int) -> None:
        """An event was appended; `waiting` are. Costs nothing unless the thread has to know."""
        if self.is_idle:
            self.is_idle = False
            self.wake.set()
        elif waiting == self._options.flush_at:
            self.wake.set()

    def retry_now(self) -> None:
        """Ends a wait: somebody has set another key."""
        self.not_before = 0.0
        self.wake.set()

    def close(self) -> None:
        """Gives all files up. Not while another thread is in `step`."""
        self._adopted.give_up()
        self._spool.close()
        self._transport.disconnect()

    def abandon(self) -> None:
        """In a forked child: files, connection, locks and counts are the parent's."""
        self._adopted.give_up()
        self._spool.abandon()
        self._transport.abandon()
        self.forget()


def build_body(events: list[bytes], site: Optional[str]) -> bytes:
    """The request's body. `sent_at` lets the server correct the clock by which the events were timed."""
    sent_at = datetime.now(timezone.utc).isoformat().encode()
    named = b'"site_id":%s,' % json.dumps(site).encode() if site else b""
    return b'{%s"sent_at":"%s","events":[%s]}' % (named, sent_at, b",".join(events))

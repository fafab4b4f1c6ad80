"""Tells of events that the server refused: one log line a batch, and `on_reject` for each event.

sender.py calls `report` before the events leave the spool, so that a process killed meanwhile reports them again rather
than never.
"""

import json
import logging
from collections import Counter
from typing import Callable, Optional

from analytics_client.delivery.responses import Problem
from analytics_client.events import is_notice
from analytics_client.stats import Rejection

log = logging.getLogger("analytics_client")


class RejectReporter:
    """Passes refused events on to the application."""

    def __init__(self, on_reject: Optional[Callable[[Rejection], None]]) -> None:
        self._on_reject = on_reject

    def report(self, bodies: list[bytes], problems: list[Problem]) -> None:
        """`problems` name events of `bodies` by their index."""
        if not problems:
            return
        codes = dict(Counter(problem.code for problem in problems))
        log.warning("the server refused %d of %d events %s: %s", len(problems), len(bodies), codes, problems[0].detail)
        if self._on_reject is None:
            return
        for problem in problems:
            # A notice of drops is no event of the application.
            if not is_notice(bodies[problem.index]):
                self._call(self._on_reject, bodies[problem.index], problem)

    @staticmethod
    def _call(on_reject: Callable[[Rejection], None], body: bytes, problem: Problem) -> None:
        event = json.loads(body)
        try:
            on_reject(Rejection(event["event_id"], event["type"], problem.code, problem.field, problem.detail, event))
        except Exception:
            # The caller's function, in our thread: its error must not stop the delivery of other events.
            log.exception("on_reject failed")

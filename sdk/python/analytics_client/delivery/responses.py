"""What an answer of the server means for the events of a batch. Pure.

sender.py acts on the `Verdict`. The rule: events leave the spool only when the server has said, in its own words, that
it has them or will never take them. Whatever else answers (a proxy's page, a redirect, a wrong address) keeps them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Optional

MAX_RETRY_AFTER_S = 300.0
# The time and rate of the request were wrong, or the server has trouble: the same bytes may be taken later.
LATER_STATUSES = frozenset((408, 425, 429))
# The bytes were wrong: the same bytes will never be taken, if the service says so. A proxy answers 400 to everything
# that is sent to a port of another protocol.
WRONG_STATUSES = frozenset((400, 422))


class Effect(Enum):
    """What happens to the batch."""

    ACCEPTED = "accepted"
    # The server refused these indexes and took nothing.
    REFUSED = "refused"
    # The batch is too large, or one of its events makes it unreadable: try a half.
    HALVE = "halve"
    # A proxy does not know compressed bodies: send the same again without.
    UNCOMPRESSED = "uncompressed"
    LATER = "later"
    # The key, the site or the address is wrong: somebody must act.
    HELD = "held"


@dataclass(frozen=True)
class Problem:
    """What the server says of one event. `index`: its place in the batch."""

    index: int
    field: str
    code: str
    detail: str


@dataclass(frozen=True)
class Response:
    """An answer as it was received."""

    status: int
    body: bytes = b""
    retry_after: Optional[str] = None


@dataclass(frozen=True)
class Verdict:
    """The meaning of a response."""

    effect: Effect
    code: str = ""
    detail: str = ""
    problems: list[Problem] = field(default_factory=list)
    retry_after_s: Optional[float] = None


def judge(response: Response, count: int, is_compressed: bool = False) -> Verdict:
    """What the response means for a batch of `count` events."""
    body = _read_object(response.body)
    code, detail = _text(body, "code"), _text(body, "detail") or f"the server answered {response.status}"
    if 200 <= response.status < 300:
        return _judge_success(body, count)
    if response.status == 413:
        return Verdict(Effect.HALVE, code or "too_large", detail)
    if response.status == 415 and is_compressed:
        return Verdict(Effect.UNCOMPRESSED, code, detail)
    if response.status in WRONG_STATUSES and code:
        problems = _read_problems(body.get("errors"), count)
        return Verdict(Effect.REFUSED if problems else Effect.HALVE, code or str(response.status), detail, problems)
    if response.status in LATER_STATUSES or response.status >= 500:
        return Verdict(Effect.LATER, code, detail, retry_after_s=read_retry_after(response.retry_after))
    return Verdict(Effect.HELD, code or str(response.status), f"{detail} ({response.status})")


def read_retry_after(text: Optional[str]) -> Optional[float]:
    """Seconds, at most MAX_RETRY_AFTER_S. A date is not read: its clock may be another."""
    try:
        seconds = float(text) if text is not None else None
    except ValueError:
        return None
    return min(seconds, MAX_RETRY_AFTER_S) if seconds is not None and seconds >= 0 else None


def _judge_success(body: Mapping[str, Any], count: int) -> Verdict:
    if body.get("received") != count:
        detail = "the answer is not of the analytics service: it does not count the events received; check the url"
        return Verdict(Effect.LATER, "unknown_answer", detail)
    return Verdict(Effect.ACCEPTED, problems=_read_problems(body.get("rejected"), count))


def _read_object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_problems(listed: object, count: int) -> list[Problem]:
    """The first problem of each event."""
    found: dict[int, Problem] = {}
    for item in listed if isinstance(listed, list) else ():
        index = item.get("index") if isinstance(item, dict) else None
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < count:
            problem = Problem(index, _text(item, "field"), _text(item, "code"), _text(item, "detail"))
            found.setdefault(index, problem)
    return list(found.values())


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""

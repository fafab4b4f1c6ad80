"""What the client tells of its work: `Stats`, and `Rejection` for each event that the server refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional


@dataclass(frozen=True)
class Stats:
    """Counts of this process since its start: `tracked == sent + rejected + sum(dropped.values()) + waiting`.

    They are the application's events; the client's own notices of drops are only in `notices`.
    """

    # Events that were passed to `track`.
    tracked: int = 0
    # Events that the server has accepted.
    sent: int = 0
    # Events that the server refused: `on_reject` was called with each.
    rejected: int = 0
    # Events that never reached the server, by reason.
    dropped: Mapping[str, int] = field(default_factory=dict)
    # Events in this process's spool, and the bytes that wait there.
    waiting: int = 0
    waiting_bytes: int = 0
    # Of files of ended processes: events that the server has accepted, and refused; what those processes dropped and
    # had not told, and what is damaged in their files.
    adopted_sent: int = 0
    adopted_rejected: int = 0
    adopted_dropped: Mapping[str, int] = field(default_factory=dict)
    # Events of the type `sdk_dropped` that this client wrote.
    notices: int = 0
    requests: int = 0
    # Requests that were repeats, because the one before had no usable answer.
    retries: int = 0
    # `sending`, `backing_off` (the server has trouble) or `held` (the key, site or url is wrong), `disabled`, `closed`.
    state: str = "sending"
    # Why it is not sending.
    reason: Optional[str] = None


@dataclass(frozen=True)
class Rejection:
    """An event that the server will never take, and why. `event` is what was tracked, as JSON."""

    event_id: str
    type: str
    code: str
    field: str
    detail: str
    event: Mapping[str, Any]

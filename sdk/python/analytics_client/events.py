"""An event as the bytes that are spooled and sent: one JSON object.

client.py calls `encode_event`. What only the server knows (its limits, the site's types and schemas) is not checked
here: the server answers with the reason, which reaches `on_reject`.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any, Optional, Union
from uuid import UUID

# The server refuses a longer event.
MAX_EVENT_BYTES = 65_536
MAX_NAME_CHARACTERS = 128
# What each record begins with: a damaged spool is searched for it.
RECORD_START = b'{"event_id":"'
# The type of the client's own event, which tells of drops. Its id is a UUID, so its type is always at the same place.
NOTICE_TYPE = "sdk_dropped"
_NOTICE, _NOTICE_AT = b'","type":"sdk_dropped",', len(RECORD_START) + 36

UserId = Union[str, int, None]


class InvalidEvent(ValueError):
    """An event that cannot be sent; the message says what is accepted."""


class EventTooLarge(InvalidEvent):
    """An event of more than MAX_EVENT_BYTES."""


def encode_event(
    event_id: str,
    type: str,
    ts: Union[datetime, str],
    user_id: UserId,
    payload: Optional[Mapping[str, Any]],
    others: Mapping[str, Any],
) -> bytes:
    """The event as JSON, without the fields of `others` that are None. Raises InvalidEvent for all but the id."""
    _check_name("type", type)
    if type == NOTICE_TYPE:
        raise InvalidEvent(f"the type {type} is the client's own; accepted for example: 'page_view'")
    when = ts if isinstance(ts, str) else _format_time(ts)
    fields: dict[str, Any] = {"event_id": event_id, "type": type, "ts": when}
    if user_id is not None:
        fields["user_id"] = user_id
    if payload is not None:
        if not isinstance(payload, Mapping):
            raise InvalidEvent(f"payload is a {payload.__class__.__name__}; accepted: a dict, for example {{'a': 1}}")
        # Any other mapping is read by the encoder.
        fields["payload"] = payload
    for name, value in others.items():
        if value is not None:
            fields[name] = value
    return _encode(fields)


def encode_notice(event_id: str, now: float, told: Mapping[str, int], src: str) -> bytes:
    """The event that tells the server how many events were dropped, by reason."""
    return _encode({"event_id": event_id, "type": NOTICE_TYPE, "ts": format_now(now), "payload": told, "src": src})


def is_notice(record: bytes) -> bool:
    """Whether `encode_notice` made it. No other event looks like it: in a given id, quotes are escaped."""
    return record.startswith(_NOTICE, _NOTICE_AT)


def format_now(now: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC, with microseconds."""
    second = int(now)
    return f"{_format_second(second)}.{int((now - second) * 1e6):06d}Z"


@lru_cache(maxsize=8)
def _format_second(second: int) -> str:
    return datetime.fromtimestamp(second, timezone.utc).isoformat()[:19]


def check_event_id(event_id: object) -> None:
    """Raises InvalidEvent for an id that the caller gave, and that is none."""
    _check_name("event_id", event_id)


def _check_name(field: str, value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARACTERS:
        detail = f"{field} is not text of 1 to {MAX_NAME_CHARACTERS} characters"
        raise InvalidEvent(f"{detail}; accepted for example: 'page_view'")


def _format_time(ts: object) -> str:
    if not isinstance(ts, datetime) or ts.tzinfo is None:
        raise InvalidEvent(
            "ts is not a datetime with a time zone; accepted for example: datetime.now(timezone.utc), or RFC 3339 text"
        )
    return ts.isoformat()


def _encode_other(value: object) -> Any:
    """What JSON has no type for, as text."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    raise TypeError(f"a {value.__class__.__name__} is not JSON")


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_encode_other)


def _encode(fields: dict[str, Any]) -> bytes:
    try:
        record = _encoder.encode(fields).encode()
    # Also what an application's own objects raise. ValueError: a circle, NaN, or a lone surrogate.
    except Exception as error:
        raise InvalidEvent(f"the event is not JSON: {error}") from error
    if len(record) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"the event has {len(record)} bytes; accepted: at most {MAX_EVENT_BYTES}")
    return record

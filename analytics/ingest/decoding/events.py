"""The Event as callers send it: its compiled decoder, its limits, and what a rejection says.

`read_batch` is the whole of validation. The fast path decodes a body in one pass; only when that fails is each event
looked at alone, so that one bad event never blocks the others. Pure: the clock and the limits come in as arguments.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from analytics.errors import BadInput, Problem, TooLarge
from analytics.ingest.dialects import SAME_TYPE, Dialect

MAX_DEPTH = 16
MAX_EVENT_BYTES = 65_536
MAX_INTEGER_DIGITS = 300
MAX_INTEGER = 10**MAX_INTEGER_DIGITS
# A text value, or a payload's names together, beyond this is reason enough to weigh each event of the body.
LONG_TEXT = 4096

Word = Annotated[str, Meta(min_length=1, max_length=128)]
Name = Annotated[str, Meta(max_length=255)]
Url = Annotated[str, Meta(max_length=2048)]
Agent = Annotated[str, Meta(max_length=1024)]
Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Identity = Annotated[str, Meta(max_length=255)] | Number


class Event(msgspec.Struct, forbid_unknown_fields=True, gc=False, omit_defaults=True):
    """One event, in canonical names. A name that is not here belongs into `payload`, where `dialects` puts it."""

    type: Word
    ts: Annotated[datetime, Meta(tz=True)] | None = None
    user_id: Identity | None = None
    src: Name | None = None
    payload: dict[str, Any] | None = None
    event_id: Word | Number | None = None
    session_id: Identity | None = None
    site_id: Name | None = None
    path: Url | None = None
    referrer: Url | None = None
    user_agent: Agent | None = None
    ip: Annotated[str, Meta(max_length=45)] | None = None
    subject: Name | None = None
    country: Annotated[str, Meta(max_length=2)] | None = None
    region: Name | None = None
    city: Name | None = None
    utm_source: Name | None = None
    utm_medium: Name | None = None
    utm_campaign: Name | None = None
    utm_term: Name | None = None
    utm_content: Name | None = None


_decode_events = msgspec.json.Decoder(list[Event]).decode
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Window(NamedTuple):
    """What `ts` may be: `[earliest, latest]`, aware instants."""

    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """The good events of one body as canonical JSON, and what was wrong with the others."""

    body: bytes
    events: list[Event]
    received: int
    rejected: list[Problem]


@dataclass(frozen=True, slots=True)
class Rules:
    """What an event must satisfy beyond its shape. `types` is None on an open site."""

    window: Window
    max_events: int
    site_key: str | None = None
    types: frozenset[str] | None = None
    # The subject that user_id must equal (a site whose identity mode is `enforce`).
    only_user: str | None = None


def first_site(body: bytes) -> str | None:
    """The site that the first event names, for a batch whose request names none."""
    if not (b'"site_id"' in body or b'"website_id"' in body or b'"siteId"' in body):
        return None
    try:
        found = msgspec.json.decode(body, type=list[_SiteOnly])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    for name in found[0].names() if found else ():
        if isinstance(name, str) and name:
            return name
    return None


class _SiteOnly(msgspec.Struct):
    site_id: Any = None
    website_id: Any = None
    siteId: Any = None  # noqa: N815 - the seed's spelling.

    def names(self) -> tuple[Any, ...]:
        return (self.site_id, self.website_id, self.siteId)


def read_batch(body: bytes, rules: Rules, dialect: Dialect) -> Batch:
    """Every event of a JSON array, accepted or rejected with its index. Raises BadInput (not JSON), TooLarge."""
    if not dialect.required:
        try:
            events = _decode_events(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            events = None
        if events is not None and _all_good(events, body, rules):
            return Batch(body, events, len(events), [])
    return _read_one_by_one(body, rules, dialect)


def _all_good(events: list[Event], body: bytes, rules: Rules) -> bool:
    """True when no event needs a closer look: the hot loop of accepting, about 0.4 us an event."""
    if len(events) > rules.max_events:
        raise TooLarge(too_many(len(events), rules.max_events), limit=rules.max_events)
    if b"\\u0000" in body:
        return False
    (earliest, latest), site_key = rules.window, rules.site_key
    plain_site, weigh = rules.types is None and rules.only_user is None, False
    for event in events:
        ts, payload = event.ts, event.payload
        if ts is not None and not earliest <= ts <= latest:
            return False
        if event.site_id is not None and event.site_id != site_key:
            return False
        if payload:
            for value in payload.values():
                kind = type(value)
                if kind is str:
                    weigh = weigh or len(value) > LONG_TEXT
                elif kind is dict or kind is list:
                    weigh = True
                    if _depth(value) > MAX_DEPTH - 1:
                        return False
                elif kind is int and not -MAX_INTEGER < value < MAX_INTEGER:
                    return False
            weigh = weigh or len("".join(payload)) > LONG_TEXT
        if not plain_site and _problems(event, rules):
            return False
    return not weigh or len(body) <= MAX_EVENT_BYTES or max(map(len, raw_items(body)), default=0) <= MAX_EVENT_BYTES


def _read_one_by_one(body: bytes, rules: Rules, dialect: Dialect) -> Batch:
    raws = raw_items(body)
    if len(raws) > rules.max_events:
        raise TooLarge(too_many(len(raws), rules.max_events), limit=rules.max_events)
    good: list[Event] = []
    rejected: list[Problem] = []
    for index, raw in enumerate(raws):
        found = _read_event(raw, rules, dialect)
        if isinstance(found, Event):
            good.append(found)
        else:
            rejected.extend(Problem(index, *parts) for parts in found)
    return Batch(_encode(good), good, len(raws), rejected)


# field, code, detail
Parts = tuple[str, str, str]


def _read_event(raw: msgspec.Raw | bytes, rules: Rules, dialect: Dialect) -> Event | list[Parts]:
    source = read_object(raw)
    if isinstance(source, tuple):
        return [source]
    renamed, spelled = dialect.rename(source)
    missing = [name for name in dialect.required if renamed.get(name) in (None, "")]
    if missing:
        return [
            (spelled.get(name, dialect.spelling(name)), "missing", f"{dialect.spelling(name)} is required")
            for name in missing
        ]
    try:
        event = msgspec.convert(renamed, Event)
    except msgspec.ValidationError as error:
        return [explain(error, spelled)]
    return [(spelled.get(name, name), code, detail) for name, code, detail in _problems(event, rules)] or event


def read_object(raw: msgspec.Raw | bytes, noun: str = "event") -> dict[str, Any] | Parts:
    """One item of a batch as a dict that PostgreSQL can store; else what is wrong with it."""
    if len(raw) > MAX_EVENT_BYTES:
        return "", "too_long", f"the {noun} has {len(raw)} bytes; the limit is {MAX_EVENT_BYTES}"
    try:
        source = _decode_any(raw)
    except RecursionError:
        return "", "too_deep", f"nested deeper than {MAX_DEPTH}"
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        if _escapes_surrogate(raw):
            return "", "surrogate", "a lone surrogate is not a character; send valid Unicode"
        return "", "malformed", f"cannot be read: {error}"
    if not isinstance(source, dict):
        return "", "wrong_type", f"{'an' if noun == 'event' else 'a'} {noun} is a JSON object, not {_json_type(source)}"
    return _unstorable(source) or source


def _problems(event: Event, rules: Rules) -> list[Parts]:
    """What the shape alone does not say. An empty list, almost always."""
    found: list[Parts] = []
    ts, payload = event.ts, event.payload
    if ts is not None and not rules.window.earliest <= ts <= rules.window.latest:
        allowed = f"{_instant(rules.window.earliest)} to {_instant(rules.window.latest)}"
        found.append(("ts", "out_of_window", f"{_instant(ts)} is outside the accepted window, {allowed}"))
    if payload:
        for value in payload.values():
            kind = type(value)
            if (kind is dict or kind is list) and _depth(value) > MAX_DEPTH - 1:
                found.append(("payload", "too_deep", f"nested deeper than {MAX_DEPTH}"))
                break
            if kind is int and abs(value) > MAX_INTEGER:
                found.append(("payload", "out_of_range", f"an integer has more than {MAX_INTEGER_DIGITS} digits"))
                break
    if rules.types is not None and SAME_TYPE.get(event.type, event.type) not in rules.types:
        found.append(
            ("type", "unknown_type", f"{event.type!r} is not a type of this site: {', '.join(sorted(rules.types))}")
        )
    if event.site_id is not None and rules.site_key is not None and event.site_id != rules.site_key:
        found.append(
            ("site_id", "other_site", f"this batch is for site {rules.site_key!r}; send {event.site_id!r} in its own")
        )
    if rules.only_user is not None and event.user_id is not None and str(event.user_id) != rules.only_user:
        found.append(("user_id", "other_user", "this site takes events of the token's own subject only"))
    return found


def raw_items(body: bytes) -> list[msgspec.Raw] | list[bytes]:
    """The events of an array, unread. Raises BadInput with the position of what is not JSON."""
    try:
        body.decode()
        return _decode_raws(body)
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not UTF-8 (byte {error.start})", position=error.start) from error
    except RecursionError as error:
        raise BadInput(f"the body is nested deeper than {MAX_DEPTH}") from error
    except msgspec.ValidationError as error:
        raise BadInput("send a JSON array of events, or an object with an array called events") from error
    except msgspec.MsgspecError as error:
        if _escapes_surrogate(body):
            return _raws_with_surrogates(body, error)
        raise not_json(error, body) from error


def _raws_with_surrogates(body: bytes, refusal: Exception) -> list[bytes]:
    """The same by the standard library, which reads lone surrogates: they are one event's fault, not the body's."""
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise not_json(refusal, body) from error
    if not isinstance(found, list):
        raise BadInput("send a JSON array of events, or an object with an array called events")
    return [json.dumps(event).encode() for event in found]


def _escapes_surrogate(body: msgspec.Raw | bytes) -> bool:
    return b"\\ud" in bytes(body).lower()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def not_json(error: Exception, body: bytes) -> BadInput:
    """400 for a body that is not JSON, with the byte at which it stops being that."""
    found = re.search(r"byte (\d+)", str(error))
    position = int(found[1]) if found else len(body)
    reason = re.sub(r" \(byte \d+\)", "", str(error).removeprefix("JSON is malformed: "))
    return BadInput(f"the body is not JSON: {reason} at byte {position}", position=position)


def _depth(value: Any, limit: int = MAX_DEPTH + 1) -> int:
    if limit == 0 or not isinstance(value, (dict, list)):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(item, limit - 1) for item in inner), default=0)


def _unstorable(value: Any, field: str = "", depth: int = 0) -> Parts | None:
    """What PostgreSQL would refuse: NUL, and numbers without end. (The decoder has refused lone surrogates.)"""
    if isinstance(value, str):
        if "\x00" in value:
            return field, "nul", "a NUL character cannot be stored; remove it"
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        return field, "out_of_range", f"an integer has more than {MAX_INTEGER_DIGITS} digits"
    elif isinstance(value, (dict, list)):
        if depth > MAX_DEPTH:
            return field, "too_deep", f"nested deeper than {MAX_DEPTH}"
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            inner = f"{field}.{name}" if field else str(name)
            if found := _unstorable(name, field or "(name)", depth) or _unstorable(item, inner[:200], depth + 1):
                return found[0].replace("\x00", "\\u0000"), found[1], found[2]
    return None


_CODES = (
    ("missing required field", "missing"),
    ("of length", "wrong_length"),
    ("RFC3339", "not_a_time"),
    ("timezone", "no_zone"),
    ("out of range", "out_of_range"),
    ("Expected", "wrong_type"),
)


def explain(error: msgspec.ValidationError, spelled: Mapping[str, str]) -> Parts:
    """msgspec's message, in the caller's own field names and with what to send instead."""
    text = str(error)
    place = re.search(r" - at `\$\.?([^`]*)`", text)
    field = place[1] if place else ""
    if lacking := re.search(r"missing required field `(\w+)`", text):
        field = lacking[1]
    detail = re.sub(r" - at `[^`]*`", "", text)
    code = next((code for words, code in _CODES if words in text), "invalid")
    if code in ("not_a_time", "no_zone") or (field == "ts" and code == "wrong_type"):
        detail = "ts must be an RFC 3339 time with a zone, as 2026-01-31T12:00:00Z"
    return spelled.get(field, field), code, detail.replace("\x00", "")


def too_many(count: int, limit: int, noun: str = "events") -> str:
    return f"batch too large: {count} {noun}; MAX_BATCH_SIZE is {limit}. Send several batches"


def _instant(ts: datetime) -> str:
    return ts.isoformat(timespec="seconds").replace("+00:00", "Z")


def _json_type(value: object) -> str:
    names = {
        str: "a string",
        int: "a number",
        float: "a number",
        bool: "a boolean",
        list: "an array",
        type(None): "null",
    }
    return names.get(type(value), "something else")

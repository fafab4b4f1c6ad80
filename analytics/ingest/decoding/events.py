"""The Event as callers send it: its compiled decoder, its limits, and the rules of its site.

The accept views and imports call `read_batch`, the whole of validation. The fast path decodes a body in one pass; only
when that fails is each event checked alone, so that one bad event never blocks the others. Pure: clock and limits come
in as arguments.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from analytics import clock
from analytics.ingest.decoding.client_fields import (
    HOSTNAME_PATTERN,
    LANGUAGE_PATTERN,
    MAX_SCREEN_PX,
    SCREEN_PATTERN,
    classify_fields,
)
from analytics.ingest.decoding.credentials import find_secret_key, holds_secret_key, remove_keys
from analytics.ingest.decoding.json_decoding import read_first_item, split_items
from analytics.ingest.decoding.long_urls import MAX_URL_CHARACTERS
from analytics.ingest.decoding.rejections import (
    MAX_ITEM_BYTES,
    NOT_DESCRIBED,
    Batch,
    ProblemParts,
    ReducedItem,
    check_off_loop,
    describe_missing,
    describe_other_site,
    describe_validation_error,
    is_heavy,
    read_object,
    read_one_by_one,
    too_many_error,
)
from analytics.ingest.decoding.schema_checks import find_mismatches, satisfy_schemas, takes_long
from analytics.ingest.decoding.storable import INTEGER_TOO_LONG, MAX_DEPTH, MAX_INTEGER, TOO_DEEP, is_deeper
from analytics.ingest.decoding.unusable_fields import (
    COUNTRY_PATTERN,
    MAX_AGENT_CHARS,
    MAX_NAME_CHARS,
    is_usable_ip,
    mend_fields,
)
from analytics.ingest.dialects import Dialect
from analytics.sites.event_schemas.event_schemas import NO_VALIDATORS
from analytics.store.event_types import TRIMMED_FIELDS, stored_type
from analytics.web.ip_addresses import MAX_ADDRESS_CHARS
from analytics.web.server.greenlets import offload

if TYPE_CHECKING:
    from analytics.sites.event_schemas.validators import EventValidator

# A longer text value, or longer names of a payload together, and the size of each event of the body is checked.
SIZE_CHECK_CHARACTERS = 4096
MAX_LISTED_TYPES = 50

NonEmptyName = Annotated[str, Meta(min_length=1, max_length=128)]
Name = Annotated[str, Meta(max_length=MAX_NAME_CHARS)]
Url = Annotated[str, Meta(max_length=MAX_URL_CHARACTERS)]
UserAgent = Annotated[str, Meta(max_length=MAX_AGENT_CHARS)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Identifier = Annotated[str, Meta(max_length=255)] | Int64


class Event(msgspec.Struct, forbid_unknown_fields=True, gc=False, omit_defaults=True):
    """One event in canonical names. Any other name belongs in `payload`, where `dialects` puts it."""

    type: NonEmptyName
    ts: Annotated[datetime, Meta(tz=True)] | None = None
    user_id: Identifier | None = None
    src: Name | None = None
    payload: dict[str, Any] | None = None
    event_id: NonEmptyName | Int64 | None = None
    session_id: Identifier | None = None
    site_id: Name | None = None
    path: Url | None = None
    referrer: Url | None = None
    user_agent: UserAgent | None = None
    ip: Annotated[str, Meta(max_length=MAX_ADDRESS_CHARS)] | None = None
    subject: Name | None = None
    country: Annotated[str, Meta(max_length=2, pattern=COUNTRY_PATTERN)] | None = None
    region: Name | None = None
    city: Name | None = None
    utm_source: Name | None = None
    utm_medium: Name | None = None
    utm_campaign: Name | None = None
    utm_term: Name | None = None
    utm_content: Name | None = None
    hostname: Annotated[str, Meta(max_length=MAX_NAME_CHARS, pattern=HOSTNAME_PATTERN)] | None = None
    language: Annotated[str, Meta(max_length=35, pattern=LANGUAGE_PATTERN)] | None = None
    screen: (
        Annotated[str, Meta(max_length=16, pattern=SCREEN_PATTERN)]
        | Annotated[int, Meta(ge=1, le=MAX_SCREEN_PX)]
        | None
    ) = None


_decode_events = msgspec.json.Decoder(list[Event]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class TimeWindow(NamedTuple):
    """What `ts` may be: `[earliest, latest]`, aware instants."""

    earliest: datetime
    latest: datetime


class ValidationRules(NamedTuple):
    """What an event must satisfy beyond its shape. `allowed_types` is None on an open site."""

    window: TimeWindow
    max_events: int
    site_key: str | None = None
    allowed_types: frozenset[str] | None = None
    # The subject that user_id must equal (a site whose identity mode is `enforce`).
    required_user_id: str | None = None
    # Other names of the site (sites/names.py).
    site_aliases: frozenset[str] = frozenset()
    # By each name of a type: what payloads must satisfy (sites/event_schemas/).
    validators: "Mapping[str, EventValidator]" = NO_VALIDATORS

    def is_other_site(self, site_id: str) -> bool:
        """Whether an item names another site than its batch."""
        return site_id != self.site_key and site_id not in self.site_aliases


class _SiteKeys(msgspec.Struct):
    site_id: Any = None
    website_id: Any = None
    siteId: Any = None  # noqa: N815 - the spelling of seed 004


_decode_site_keys = msgspec.json.Decoder(_SiteKeys).decode


def read_first_site_key(body: bytes) -> str | None:
    """The site that the first event names, for a batch whose request names none."""
    if not (b'"site_id"' in body or b'"website_id"' in body or b'"siteId"' in body):
        return None
    try:
        first = _decode_site_keys(read_first_item(body[: MAX_ITEM_BYTES + 100]))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    keys = (first.site_id, first.website_id, first.siteId)
    return next((key for key in keys if isinstance(key, str) and key), None)


def read_batch(body: bytes, rules: ValidationRules, dialect: Dialect) -> Batch[Event]:
    """Every event of a JSON array, accepted or rejected with its index. Raises BadInput (not JSON), TooLarge."""
    if not dialect.required and not is_heavy(body, rules.max_events):
        try:
            events = _decode_events(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            events = None
        if (
            events is not None
            and _are_all_good(events, body, rules)
            and satisfy_schemas(events, body, rules.validators)
        ):
            return Batch(body, events, len(events), [], [])
    read = partial(_read_one_by_one, body, rules, dialect)
    return offload(read) if takes_long(rules.validators.values(), body) else check_off_loop(read, body)


def _read_one_by_one(body: bytes, rules: ValidationRules, dialect: Dialect) -> Batch[Event]:
    read_event = partial(_read_event, rules=rules, dialect=dialect)
    read = read_one_by_one(body, rules.max_events, "events", read_event)
    return Batch(_encode(read.items), *read)


def _are_all_good(events: list[Event], body: bytes, rules: ValidationRules) -> bool:
    """True when no event needs a closer look: the hot loop of accepting, about 0.4 us an event."""
    if len(events) > rules.max_events:
        raise too_many_error(str(len(events)), rules.max_events)
    if b"\\u0000" in body or holds_secret_key(body):
        return False
    (earliest, latest), site_key = rules.window, rules.site_key
    is_open_site, check_size = rules.allowed_types is None and rules.required_user_id is None, False
    for event in events:
        ts, payload = event.ts, event.payload
        if (ts is not None and not earliest <= ts <= latest) or event.type.isspace():
            return False
        if event.site_id is not None and event.site_id != site_key and rules.is_other_site(event.site_id):
            return False
        if event.ip and not is_usable_ip(event.ip):
            return False
        if payload:
            for value in payload.values():
                kind = type(value)
                if kind is str:
                    check_size = check_size or len(value) > SIZE_CHECK_CHARACTERS
                elif kind is dict or kind is list:
                    check_size = True
                    if is_deeper(value, MAX_DEPTH - 1):
                        return False
                elif kind is int and not -MAX_INTEGER < value < MAX_INTEGER:
                    return False
            check_size = check_size or len("".join(payload)) > SIZE_CHECK_CHARACTERS
        if not is_open_site and _find_problems(event, rules):
            return False
    return (
        not check_size or len(body) <= MAX_ITEM_BYTES or max(map(len, split_items(body)), default=0) <= MAX_ITEM_BYTES
    )


def _read_event(
    raw: msgspec.Raw | bytes, is_described: bool, rules: ValidationRules, dialect: Dialect
) -> Event | ReducedItem[Event] | list[ProblemParts]:
    source = read_object(raw)
    if isinstance(source, tuple):
        return [source]
    if problem := find_secret_key(bytes(raw), source):
        return [problem] if is_described else NOT_DESCRIBED
    fields, caller_names = dialect.rename(remove_keys(source))
    classify_fields(fields, caller_names)
    missing = [name for name in dialect.required if _is_missing(name, fields.get(name))]
    if missing:
        return [describe_missing(name, caller_names.get(name, dialect.caller_name(name))) for name in missing]
    warnings = rename_fields(mend_fields(fields), caller_names)
    try:
        event = msgspec.convert(fields, Event)
    except msgspec.ValidationError as error:
        return [describe_validation_error(error, Event, caller_names)] if is_described else NOT_DESCRIBED
    if problems := _find_problems(event, rules):
        return rename_fields(problems, caller_names) if is_described else NOT_DESCRIBED
    if rules.validators and (problems := find_mismatches(event, raw, source, is_described, rules.validators)):
        return problems if is_described else NOT_DESCRIBED
    if event.payload:
        event.payload = _payload_as_sent(event.payload, raw, caller_names.get("payload", "payload"))
    return ReducedItem(event, warnings) if warnings else event


def _is_missing(name: str, value: Any) -> bool:
    return value in (None, "") or (name in TRIMMED_FIELDS and isinstance(value, str) and value.isspace())


def _payload_as_sent(payload: Mapping[str, Any], raw: msgspec.Raw | bytes, sent_name: str) -> dict[str, Any]:
    """The payload with the JSON of each value as it was sent: a number may have more digits than a float."""
    fields = _decode_members(raw)
    sent = fields.get(sent_name)
    own = _decode_members(sent) if sent is not None and bytes(sent) != b"null" else {}
    return {name: own[name] if name in own else fields[name] for name in payload}


def rename_fields(problems: list[ProblemParts], caller_names: Mapping[str, str]) -> list[ProblemParts]:
    """The same problems, in the caller's own field names."""
    return [(caller_names.get(field, field), code, detail) for field, code, detail in problems]


def describe_outside_window(field: str, ts: datetime, window: TimeWindow) -> ProblemParts:
    """The problem of a time that the window does not hold."""
    earliest, latest = (clock.format_rfc3339(instant, "seconds") for instant in window)
    detail = f"{clock.format_rfc3339(ts, 'seconds')} is outside the window; accepted: {earliest} to {latest}"
    return field, "out_of_window", detail


def describe_blank_type() -> ProblemParts:
    """The problem of a type of nothing but white space."""
    return "type", "wrong_length", "type must hold more than white space, for example page_view"


def describe_other_type(event_type: str, allowed_types: frozenset[str]) -> ProblemParts:
    """The problem of a type that a strict site does not have."""
    return "type", "unknown_type", f"{event_type!r} is not a type of this site; accepted: {_list_types(allowed_types)}"


def _find_problems(event: Event, rules: ValidationRules) -> list[ProblemParts]:
    """What the shape alone does not say. An empty list, almost always."""
    problems: list[ProblemParts] = []
    if event.ts is not None and not rules.window.earliest <= event.ts <= rules.window.latest:
        problems.append(describe_outside_window("ts", event.ts, rules.window))
    if is_deeper(event.payload, MAX_DEPTH):
        problems.append(("payload", "too_deep", TOO_DEEP))
    if any(type(value) is int and abs(value) > MAX_INTEGER for value in (event.payload or {}).values()):
        problems.append(("payload", "out_of_range", INTEGER_TOO_LONG))
    if event.type.isspace():
        problems.append(describe_blank_type())
    elif rules.allowed_types is not None and stored_type(event.type) not in rules.allowed_types:
        problems.append(describe_other_type(event.type, rules.allowed_types))
    if event.site_id is not None and rules.site_key is not None and rules.is_other_site(event.site_id):
        problems.append(describe_other_site(event.site_id, rules.site_key, "events"))
    if (
        rules.required_user_id is not None
        and event.user_id is not None
        and str(event.user_id) != rules.required_user_id
    ):
        accepted = "this site accepts the subject of the token only; send it, or leave user_id out"
        problems.append(("user_id", "other_user", f"user_id is not the subject of the token; {accepted}"))
    return problems


@lru_cache(maxsize=64)
def _list_types(types: frozenset[str]) -> str:
    """The types by name, as many as a caller can read."""
    names = sorted(types)
    more = f" and {len(names) - MAX_LISTED_TYPES} more" if len(names) > MAX_LISTED_TYPES else ""
    return ", ".join(names[:MAX_LISTED_TYPES]) + more

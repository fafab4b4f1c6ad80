"""Items one by one: what is wrong with each, as (field, code, detail). Pure.

events.py and samples call it for a batch that their one-pass decoders refuse, so that one bad item never blocks the
others. No text of msgspec reaches a detail (web/json_errors.py).
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from analytics.errors import Problem, TooLarge
from analytics.ingest.decoding.json_decoding import (
    MANY_VALUES_AN_ITEM,
    MAX_VALUES_ON_LOOP,
    count_values,
    escapes_surrogate,
    has_more_items,
    split_items,
)
from analytics.ingest.decoding.storable import TOO_DEEP, Fault, find_unstorable
from analytics.web.json_errors import describe_malformed, describe_struct_error
from analytics.web.server.greenlets import offload

MAX_ITEM_BYTES = 65_536
# Describing a fault costs ten times as much as finding it, and a few hundred compressed bytes may hold MAX_BATCH_SIZE
# faults: so many of a batch are described, of the others it is said that they were rejected.
MAX_DESCRIBED = 100

Item = TypeVar("Item", bound=msgspec.Struct)
Result = TypeVar("Result")
ProblemParts = Fault
NOT_DESCRIBED: list[ProblemParts] = [
    ("", "rejected", f"not accepted; the first {MAX_DESCRIBED} problems of the batch are described: mend those first")
]
# In canonical names. The texts about times have their own example.
FIELD_EXAMPLES: Mapping[str, str] = {
    "type": '"page_view"',
    "user_id": '"user-1"',
    "session_id": '"session-1"',
    "event_id": '"order-17"',
    "site_id": '"default"',
    "payload": '{"plan": "pro"}',
    "path": '"/pricing"',
    "referrer": '"https://news.example.org/a"',
    "user_agent": '"Mozilla/5.0"',
    "ip": '"192.0.2.1"',
    "subject": '"abc123"',
    "country": '"US"',
    "metric_name": '"response_time"',
    "value": "125.5",
    "tags": '{"endpoint": "/api/users"}',
    "kind": '"gauge"',
    "funnel_id": '"5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11"',
    "current_step": "2",
    "completed_steps": "[1, 2]",
}
_decode_any = msgspec.json.Decoder().decode


class Batch(NamedTuple, Generic[Item]):
    """The good items of one body, also as JSON for the stream, and what was wrong with the others.

    `warnings`: what good items were accepted without.
    """

    body: bytes
    items: list[Item]
    received: int
    rejected: list[Problem]
    warnings: list[Problem]


class ReducedItem(NamedTuple, Generic[Item]):
    """A good item, and the fields that it is accepted without."""

    item: Item
    warnings: list[ProblemParts]


class ItemsRead(NamedTuple, Generic[Item]):
    """A Batch before its good items are JSON again."""

    items: list[Item]
    received: int
    rejected: list[Problem]
    warnings: list[Problem]


def read_one_by_one(
    body: bytes,
    max_items: int,
    noun: str,
    read_item: Callable[[msgspec.Raw | bytes, bool], Item | ReducedItem[Item] | list[ProblemParts]],
) -> ItemsRead[Item]:
    """Of a JSON array. Raises BadInput (not JSON), TooLarge.

    `read_item(raw, is_described)` returns the item, or what is wrong with it: NOT_DESCRIBED will do unless
    `is_described`.
    """
    if is_heavy(body, max_items) and has_more_items(body, max_items):
        raise too_many_error(f"more than {max_items}", max_items, noun)
    raws = split_items(body)
    if len(raws) > max_items:
        raise too_many_error(str(len(raws)), max_items, noun)
    items: list[Item] = []
    rejected, warnings = list[Problem](), list[Problem]()
    for index, raw in enumerate(raws):
        item = read_item(raw, len(rejected) < MAX_DESCRIBED)
        if isinstance(item, list):
            rejected.extend(Problem(index, *parts) for parts in item)
        elif isinstance(item, ReducedItem):
            items.append(item.item)
            warnings.extend(Problem(index, *parts) for parts in item.warnings)
        else:
            items.append(item)
    return ItemsRead(items, len(raws), rejected, warnings)


def read_object(raw: msgspec.Raw | bytes, noun: str = "event") -> dict[str, Any] | ProblemParts:
    """One item of a batch as a dict that PostgreSQL can store; else what is wrong with it."""
    if len(raw) > MAX_ITEM_BYTES:
        return "", "too_long", f"the {noun} has {len(raw)} bytes; accepted: at most {MAX_ITEM_BYTES}"
    try:
        source = _decode_any(raw)
    except RecursionError:
        return "", "too_deep", TOO_DEEP
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        if escapes_surrogate(raw):
            return "", "surrogate", "a lone surrogate is not a character; send valid Unicode, for example \\u00e9"
        return "", "malformed", describe_malformed(error, bytes(raw))
    if not isinstance(source, dict):
        return "", "wrong_type", f"the {noun} is {_json_type(source)}; accepted: a JSON object"
    return find_unstorable(bytes(raw), source) or source


def describe_validation_error(
    error: msgspec.ValidationError, struct: type[msgspec.Struct], caller_names: Mapping[str, str]
) -> ProblemParts:
    """What `struct` does not accept, in the caller's own field names."""
    field, code, detail = describe_struct_error(error, struct)
    if code == "unknown_field":
        return "", code, f"{field}: {detail}"
    example = FIELD_EXAMPLES.get(field)
    return caller_names.get(field, field), code, f"{detail}, for example {example}" if example else detail


def describe_missing(field: str, caller_name: str) -> ProblemParts:
    """The problem of an item without a field that its caller's vocabulary requires."""
    return caller_name, "missing", f"{caller_name} is required; send it, for example {FIELD_EXAMPLES[field]}"


def describe_other_site(site_id: str, site_key: str | None, noun: str) -> ProblemParts:
    """The problem of an item that names another site than its batch."""
    return "site_id", "other_site", f"the batch is for site {site_key!r}; send {noun} of {site_id!r} in their own batch"


def is_heavy(body: bytes, max_items: int) -> bool:
    """True for a body that is not decoded in one pass."""
    return count_values(body) > MANY_VALUES_AN_ITEM * max_items


def check_off_loop(call: Callable[[], Result], body: bytes) -> Result:
    """`call()`, which reads the body item by item: in a thread where it may take long, while the event loop goes on."""
    return offload(call) if count_values(body) > MAX_VALUES_ON_LOOP else call()


def too_many_error(count: str, limit: int, noun: str = "events") -> TooLarge:
    """413 for a batch of more items than MAX_BATCH_SIZE."""
    detail = f"batch too large: {count} {noun}; MAX_BATCH_SIZE is {limit}. Send several batches"
    return TooLarge(detail, limit=limit)


def _json_type(value: object) -> str:
    names = {
        str: "a string",
        int: "a number",
        float: "a number",
        bool: "a boolean",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
    return names.get(type(value), "something else")

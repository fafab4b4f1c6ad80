"""JSON bodies: decoded whole, or split into items, with our own words for what is wrong. Pure.

body.py, events.py and samples call it. Raises BadInput only.
"""

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from analytics.errors import BadInput
from analytics.web.json_errors import not_json

EXPECTED_ARRAY = 'accepted: a JSON array, or an object with one, for example {"events": [{"type": "page_view"}]}'

# JSON values an item of a batch, from which on it is read item by item: one call of the decoder then holds the process
# for milliseconds only, whatever the body holds.
MANY_VALUES_AN_ITEM = 100
# From so many values on, items are checked one by one in a thread.
MAX_VALUES_ON_LOOP = 50
Decoded = TypeVar("Decoded")
_scan_value = json.JSONDecoder().raw_decode
_ARRAY_START = re.compile(r"[ \t\n\r]*\[[ \t\n\r]*")
_SEPARATOR = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decode_json(decode: Callable[[bytes], Decoded], body: bytes, expected: str) -> Decoded:
    """What `decode` makes of the body. Raises BadInput; with the text `expected` where the JSON has another shape."""
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise BadInput(expected) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(error, body) from error


def count_values(body: bytes) -> int:
    """At least the number of JSON values in the body. About 1 ms for 5 MB."""
    return body.count(b",") + body.count(b"[") + body.count(b"{") + 1


def has_more_items(body: bytes, most: int) -> bool:
    """True for an array of more than `most` items; reads no more of them. False for what is not JSON up to there."""
    text, count = body.decode(errors="replace"), 0
    try:
        position = _find_first_item(text)
        while count <= most:
            _, position = _scan_value(text, position)
            count += 1
            if not (separator := _SEPARATOR.match(text, position)):
                break
            position = separator.end()
    except (ValueError, RecursionError):
        return False
    return count > most


def read_first_item(body: bytes) -> str:
    """The first item of an array, of which more than that need not be there. Raises ValueError, RecursionError."""
    text = body.decode(errors="replace")
    start = _find_first_item(text)
    return text[start : _scan_value(text, start)[1]]


def _find_first_item(text: str) -> int:
    """Raises ValueError for what does not begin as an array."""
    if not (start := _ARRAY_START.match(text)):
        raise ValueError("not an array")
    return start.end()


def split_items(body: bytes) -> list[msgspec.Raw] | list[bytes]:
    """The items of an array, not decoded. Raises BadInput, with the position of what is not JSON."""
    return decode_json(_split, body, f"the body is not an array; {EXPECTED_ARRAY}")


def escapes_surrogate(body: msgspec.Raw | bytes) -> bool:
    """True for JSON that may escape a lone surrogate, which msgspec refuses to decode."""
    return b"\\ud" in bytes(body).lower()


def _split(body: bytes) -> list[msgspec.Raw] | list[bytes]:
    # msgspec does not check what it skips for UTF-8.
    body.decode()
    try:
        return _decode_raws(body)
    except msgspec.ValidationError:
        raise
    except msgspec.MsgspecError as error:
        if escapes_surrogate(body):
            return _split_with_surrogates(body, error)
        raise


def _split_with_surrogates(body: bytes, error: Exception) -> list[bytes]:
    """Splits by the standard library, which reads lone surrogates: they are wrong in one item, not in the body."""
    text = body.decode()
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise not_json(error, body) from error
    if not isinstance(values, list):
        raise BadInput(f"the body is not an array; {EXPECTED_ARRAY}")
    items, position = list[bytes](), _find_first_item(text)
    for _ in values:
        _, end = _scan_value(text, position)
        # The text as sent: another one of the value would lose digits of its numbers.
        items.append(text[position:end].encode())
        separator = _SEPARATOR.match(text, end)
        position = separator.end() if separator else end
    return items


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")

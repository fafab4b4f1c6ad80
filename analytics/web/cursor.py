"""Cursors of paginated lists: the key of a page's last row, as text that callers return unread.

Breakdowns and the lists of events and sites use them. The text is URL-safe base64 of a JSON array.
"""

import base64
import binascii
from typing import Any, TypeVar

import msgspec

from analytics.errors import BadInput, Problem

# Longer than any stored value, at four bytes a character.
MAX_CURSOR_CHARS = 20_000
Key = TypeVar("Key", bound=tuple[Any, ...])


def encode_cursor(key: tuple[Any, ...]) -> str:
    """The `next_cursor` of a page that ends with the key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str, key_type: type[Key]) -> Key:
    """The key that `encode_cursor` encoded. Raises BadInput for any other text."""
    try:
        if len(cursor) > MAX_CURSOR_CHARS or not cursor.isascii():
            raise ValueError(cursor)
        body = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        key: Key = msgspec.json.decode(body, type=key_type)
        return key
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        detail = (
            "cursor: not issued by this list; accepted: next_cursor of the previous page, or no cursor for the first"
        )
        raise BadInput(detail, [Problem(None, "cursor", "bad_parameter", detail)]) from error

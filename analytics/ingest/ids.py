"""Event ids: derived from the place in the stream, or the caller's own as a UUID. Pure."""

import re
from hashlib import sha256
from uuid import UUID


def derived_id_parts(entry_id: str) -> tuple[str, int]:
    """UUIDv7-shaped: the entry's millisecond, then its sequence, then (added by the caller) the event's position.

    48 bits of milliseconds, version 7, 12 + 14 + 6 bits of sequence round the variant, 42 bits of position. The same
    entry always derives the same ids, in the order of time.
    """
    milliseconds, sequence = (int(part) for part in entry_id.split("-"))
    high, low = (sequence >> 20) & 0xFFF, sequence & 0xFFFFF
    text = f"{milliseconds & 0xFFFFFFFFFFFF:012x}"
    return f"{text[:8]}-{text[8:]}-7{high:03x}-{0x8000 | (low >> 6):04x}-", (low & 0x3F) << 42


def derived_event_id(entry_id: str, position: int) -> str:
    """The id that the event at `position` of the entry gets when the caller sent none."""
    prefix, base = derived_id_parts(entry_id)
    return f"{prefix}{base + position:012x}"


def derived_from(event_id: str) -> tuple[str, int] | None:
    """(entry id, position) that `derived_event_id` makes this UUID of; None for any other. A caller's own UUIDv7 may
    look like one: then there is no such entry."""
    number = UUID(event_id).int
    if number >> 76 & 0xF != 7 or number >> 62 & 0b11 != 0b10:
        return None
    sequence = (number >> 64 & 0xFFF) << 20 | (number >> 48 & 0x3FFF) << 6 | number >> 42 & 0x3F
    return f"{number >> 80}-{sequence}", number & (1 << 42) - 1


_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def event_uuid(text: str) -> str:
    """The caller's id as a UUID: itself where it is one (also as event_<uuid>), else a UUIDv8 of its SHA-256."""
    bare = text.removeprefix("event_")
    if len(bare) == 36 and _UUID.fullmatch(bare):
        return bare.lower()
    digest = bytearray(sha256(text.encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))

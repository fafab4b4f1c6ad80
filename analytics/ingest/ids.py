"""Event ids: the caller's own as a UUID, derived from the key of the batch, or from the position in the stream. Pure.

Accept, drain and trace call it; the drain's hot loops format the id from `derive_id_parts` themselves. Samples have the
same ids.
"""

import re
from collections.abc import Callable
from hashlib import sha256
from uuid import UUID


def derive_id_parts(entry_id: str) -> tuple[str, int]:
    """(prefix, base) of the entry's ids: an id is the prefix and 12 hexadecimal digits of base + position.

    UUIDv7-shaped: 48 bits of milliseconds, version 7, 12 + 14 + 6 bits of sequence around the variant, 42 bits of
    position. The same entry always derives the same ids, in the order of time.
    """
    milliseconds, sequence = (int(part) for part in entry_id.split("-"))
    high, low = (sequence >> 20) & 0xFFF, sequence & 0xFFFFF
    text = f"{milliseconds & 0xFFFFFFFFFFFF:012x}"
    return f"{text[:8]}-{text[8:]}-7{high:03x}-{0x8000 | (low >> 6):04x}-", (low & 0x3F) << 42


def derive_event_id(entry_id: str, position: int) -> str:
    """The id of the event at `position` of the entry when the caller sent none."""
    prefix, base = derive_id_parts(entry_id)
    return f"{prefix}{base + position:012x}"


def parse_derived_id(event_id: str) -> tuple[str, int] | None:
    """(entry id, position) from which `derive_event_id` makes this UUID; None for any other. A caller's own UUIDv7 may
    look like one: then there is no such entry."""
    number = UUID(event_id).int
    if number >> 76 & 0xF != 7 or number >> 62 & 0b11 != 0b10:
        return None
    sequence = (number >> 64 & 0xFFF) << 20 | (number >> 48 & 0x3FFF) << 6 | number >> 42 & 0x3F
    return f"{number >> 80}-{sequence}", number & (1 << 42) - 1


_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def normalize_event_id(text: str) -> str:
    """The caller's id as a UUID: itself where it is one (also as event_<uuid>), else a UUIDv8 of its SHA-256."""
    bare = text.removeprefix("event_")
    if len(bare) == 36 and _UUID.fullmatch(bare):
        return bare.lower()
    return _format_uuid8(sha256(text.encode()).digest())


BATCH_KEY_PATTERN = re.compile(r"[\x20-\x7e]{1,255}")


def mark_public(batch_key: str) -> str:
    """The key as one of a caller whose credential is public, or who has none: whoever can read it from a page must not
    send under the keys of a server. No caller can send the NUL. '' stays ''."""
    return batch_key and f"public\0{batch_key}"


def keyed_ids(site_key: str, batch_key: str) -> Callable[[int], str]:
    """Index in the batch as sent → id of an event without one, for a batch that its caller gave a key.

    A batch that is sent again derives the same ids, whatever its entry of the stream: a UUIDv8 of SHA-256. The NUL
    keeps it apart from every id of a caller.
    """
    prefix = sha256(f"{site_key}\0{batch_key}\0".encode())

    def derive(index: int) -> str:
        own = prefix.copy()
        own.update(b"%d" % index)
        return _format_uuid8(own.digest())

    return derive


def _format_uuid8(digest: bytes) -> str:
    """RFC 9562, 5.8: 122 bits of the digest around version and variant."""
    number = int.from_bytes(digest[:16])
    text = f"{number & ~(0xF << 76) & ~(0b11 << 62) | 8 << 76 | 0b10 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

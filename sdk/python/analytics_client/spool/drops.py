"""Events that are not delivered, counted by reason.

The counters are kept in the spool file's header, so that a killed process does not take them along: whoever adopts the
file tells them, as an event of the type `sdk_dropped`. file.py stores them, client.py tells them.
"""

import struct
from collections.abc import Mapping, Sequence

# A reason's place here is its place in the file: new ones are added at the end.
REASONS = (
    # The spool folder held max_spool_bytes.
    "spool_full",
    # The spool could not be written: no space, no rights, a broken disk.
    "disk_error",
    # More bytes than the server takes in one event.
    "too_large",
    # Not JSON, no type, a time without a zone.
    "invalid",
    # A process ended in the middle of writing its last record.
    "torn",
    # A piece of a spool file that no longer matches its checksum; how many events it held is unknown.
    "damaged",
    # `track` after `close`.
    "closed",
)
_FORMAT = struct.Struct(f"<{len(REASONS)}Q")
# Room for twice as many reasons.
COUNTERS_BYTES = 120


def pack_counters(counts: Mapping[str, int]) -> bytes:
    """The counters as they are in a file's header."""
    return _FORMAT.pack(*(counts.get(reason, 0) for reason in REASONS)).ljust(COUNTERS_BYTES, b"\0")


def pack_counter(reason: str, count: int) -> tuple[int, bytes]:
    """Where one counter is in the header's counters, and its bytes."""
    return 8 * REASONS.index(reason), count.to_bytes(8, "little")


def unpack_counters(data: bytes) -> dict[str, int]:
    """The counters that are not 0."""
    counts: Sequence[int] = _FORMAT.unpack_from(data)
    return {reason: count for reason, count in zip(REASONS, counts) if count}

"""Reads a Range header as RFC 9110 defines it. Pure; downloads.py calls it."""

import re

SINGLE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,300})-([0-9]{0,300})[ \t]*", re.IGNORECASE)


def normalize_range(header: str, size: int) -> str | None:
    """The single range as `bytes=first-last` within the file, or past its end when the file has no such bytes.

    None for what a server may ignore: several ranges, other units, a malformed header. The response is then the whole
    file.
    """
    match = SINGLE_RANGE.fullmatch(header)
    if not match or not any(match.groups()):
        return None
    first, last = match[1], match[2]
    if not first:
        # A suffix range: the last so many bytes.
        return f"bytes={max(0, size - int(last))}-{size - 1}" if int(last) and size else f"bytes={size}-"
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return f"bytes={size}-"
    return f"bytes={first}-{min(int(last or size), size - 1)}"

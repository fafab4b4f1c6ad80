"""What a Range header asks of a file, as RFC 9110 has it. Pure; the download calls it."""

import re

ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,300})-([0-9]{0,300})[ \t]*", re.IGNORECASE)


def canonical(header: str, size: int) -> str | None:
    """The one range as `bytes=first-last` within the file, or past its end when it has no such bytes.

    None for what a server may ignore: several ranges, other units, nonsense. Then the answer is the whole file.
    """
    found = ONE_RANGE.fullmatch(header)
    if not found or not any(found.groups()):
        return None
    first, last = found[1], found[2]
    if not first:
        # The last so many bytes.
        return f"bytes={max(0, size - int(last))}-{size - 1}" if int(last) and size else f"bytes={size}-"
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return f"bytes={size}-"
    return f"bytes={first}-{min(int(last or size), size - 1)}"

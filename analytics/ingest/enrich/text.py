"""Text that PostgreSQL stores: no NUL, no control characters, no lone surrogates, a limited length.

The other modules of this package pass all text from clients through it. Never raises.
"""

import re

_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def clean_text(text: str, limit: int) -> str:
    """The text without unstorable characters and outer white space, at most `limit` characters."""
    # str.isprintable is false for every character of the pattern, and costs a twentieth of a search.
    if not text.isprintable():
        text = _UNSTORABLE.sub("", text)
    return text.strip()[:limit].rstrip()


def clean_or_none(text: str | None, limit: int) -> str | None:
    """The same; None for an empty text."""
    return (clean_text(text, limit) or None) if text else None

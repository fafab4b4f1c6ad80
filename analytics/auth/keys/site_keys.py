"""The syntax of a site key. Tokens name sites by their keys; sites/ creates sites with them."""

import re

from analytics.errors import BadInput

SITE_KEY_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


def check_site_key(key: str) -> None:
    """Raises BadInput unless `key` can be a site's key."""
    if not SITE_KEY_PATTERN.fullmatch(key):
        raise BadInput(
            f"{key[:80]!r} is not a site key; accepted: 1 to 64 of A-Z a-z 0-9 . _ : -, the first a letter or a digit, "
            "for example shop"
        )

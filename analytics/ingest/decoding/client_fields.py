"""What an event says of its client: hostname, language, screen. Pure, never raises.

Of a language the tag of language and region is stored (`de-CH`), of a screen the class of its width, of a host its
normal form. Other text under these names is no such thing (`"screen": "Checkout"` of an app): it stays in the payload.
events.py checks, the drain classifies.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from analytics.sites.domains import is_host, normalize_host

# The first width in CSS pixels that is not of the class any more.
SCREEN_LIMITS = (("phone", 576), ("tablet", 992), ("laptop", 1440))
WIDEST_SCREEN = "desktop"
SCREENS = frozenset((*(name for name, _ in SCREEN_LIMITS), WIDEST_SCREEN))
MAX_SCREEN_PX = 99_999
# What is accepted as it is; other notations of the same are replaced by `classify_fields`.
HOSTNAME_PATTERN = r"^(?:[\w.-]+(?::\d{1,5})?)?$"
LANGUAGE_PATTERN = r"^(?:[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*)?$"
SCREEN_PATTERN = rf"^(?:{'|'.join(sorted(SCREENS))}|[1-9]\d{{0,4}}(?:x\d{{1,5}})?)?$"
# BCP 47: language, script, region; what follows is not read. A list as in Accept-Language begins with the first choice.
_LANGUAGE = re.compile(
    r"\s*([a-z]{2,3})(?:[-_][a-z]{4})?(?:[-_]([a-z]{2}|\d{3}))?(?:[-_][a-z0-9]{1,8})*(?:\.utf-?8)?\s*(?:[,;].*)?",
    re.IGNORECASE | re.DOTALL,
)
_WIDTH = re.compile(
    r"\s*(\d{1,5})(?:\.\d+)?(?:\s*[x\u00d7*,]\s*\d{1,5}(?:\.\d+)?(?:\s*x\s*\d{1,2})?)?\s*", re.IGNORECASE
)
_MAX_READ_CHARACTERS = 1024


def classify_fields(fields: dict[str, Any], caller_names: Mapping[str, str]) -> None:
    """Puts the class in place of each field that is one, and the others back into the payload, as they were sent."""
    for name, classify in (("hostname", _classify_host), ("language", classify_language), ("screen", classify_screen)):
        value = fields.get(name)
        if value in (None, ""):
            continue
        is_short = not isinstance(value, str) or len(value) <= _MAX_READ_CHARACTERS
        stored = classify(value) if is_short and isinstance(value, (str, int, float)) else None
        if stored is not None:
            fields[name] = stored
        elif isinstance(fields.get("payload", {}), dict):
            del fields[name]
            fields["payload"] = {caller_names.get(name, name): value, **fields.get("payload", {})}


def _classify_host(text: str | float) -> str | None:
    host = normalize_host(text) if isinstance(text, str) else ""
    return host if is_host(host) and re.search(HOSTNAME_PATTERN, host) else None


@lru_cache(maxsize=4096)
def classify_language(text: str | float) -> str | None:
    """`de_ch.UTF-8` → `de-CH`; None for a text that is no language."""
    match = _LANGUAGE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    language, region = match.groups()
    return f"{language.lower()}-{region.upper()}" if region else language.lower()


@lru_cache(maxsize=4096)
def classify_screen(size: str | float) -> str | None:
    """`390x844`, `390` or 390 → `phone`, and a class as itself; None for anything else."""
    if isinstance(size, str):
        if size in SCREENS:
            return size
        match = _WIDTH.fullmatch(size)
        width = float(match[1]) if match else 0.0
    else:
        width = 0.0 if isinstance(size, bool) else float(size)
    if not 1 <= width <= MAX_SCREEN_PX:
        return None
    return next((name for name, limit in SCREEN_LIMITS if width < limit), WIDEST_SCREEN)

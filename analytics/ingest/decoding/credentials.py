"""Keys of this service inside the events and samples that callers send. Pure; the decoders call it.

A publishable key in an item is left out of it; beside a single one it also says who sends it. A secret key is never
stored: what holds one is refused, on every way in (docs/decisions/0029).
"""

import re
from collections.abc import Mapping
from typing import Any

from analytics.auth.keys.keys import PUBLISHABLE_PREFIX, SECRET_PREFIX
from analytics.ingest.decoding.rejections import ProblemParts

# Where clients of other services put a key.
CREDENTIAL_FIELDS = ("key", "writeKey", "api_key", "token")
KEY_PREFIXES = (PUBLISHABLE_PREFIX, SECRET_PREFIX)
# A JSON text that is a secret key as keys.new_secret makes it. The search for its beginning costs nothing beside
# decoding; "sk_SK" is a language.
_MARK = f'"{SECRET_PREFIX}'.encode()
_SECRET_KEY = re.compile(_MARK + rb'[A-Za-z0-9_-]{43}"')


def holds_secret_key(body: bytes) -> bool:
    """Whether a text anywhere in the JSON is a secret key."""
    return _MARK in body and _SECRET_KEY.search(body) is not None


def find_secret_key(raw: bytes, fields: Mapping[str, Any]) -> ProblemParts | None:
    """What is wrong with an item that holds a secret key: in one of its CREDENTIAL_FIELDS, or anywhere in `raw`."""
    name = next((name for name in CREDENTIAL_FIELDS if _is_key(fields.get(name), SECRET_PREFIX)), "")
    if not name and not holds_secret_key(raw):
        return None
    detail = "a secret key is never stored; accepted: the same without it. Send the key in a header"
    return name, "secret_key", f"{detail}, for example Authorization: Bearer sk_…, and rotate it: others may know it"


def remove_keys(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without keys, which are no properties of an event. Other text of that name is one."""
    return {name: value for name, value in fields.items() if name not in CREDENTIAL_FIELDS or not _is_key(value)}


def _is_key(value: Any, prefixes: str | tuple[str, ...] = KEY_PREFIXES) -> bool:
    return isinstance(value, str) and value.startswith(prefixes)

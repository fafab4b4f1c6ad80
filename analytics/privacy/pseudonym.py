"""A user id that cannot be guessed back, for ANONYMIZE_USER_IDS. Pure; the drain calls it before anything is stored."""

import base64
import hmac
from functools import lru_cache
from hashlib import sha256

from config import Settings


def identity_salt(settings: Settings) -> bytes:
    """What visitors and pseudonyms are derived with. Another one, and every user gets another name."""
    salt = settings.identity_salt or f"visitors:{settings.jwt_secret_key or settings.jwt_public_key}"
    return sha256(salt.encode()).digest()


@lru_cache(maxsize=65_536)
def pseudonym(salt: bytes, site_key: str, user_id: str) -> str:
    """ "#" and 120 bits of HMAC-SHA256, keyed by `salt`: the same user of the same site gets the same name.

    A bare hash of an id is undone by hashing every likely id; without the key that cannot be done. Another site gets
    another name, so that two sites' lists cannot be laid over each other.
    """
    # A key of its own: what visitors are derived with stays apart.
    key = hmac.digest(salt, b"user_id", "sha256")
    digest = hmac.digest(key, f"{site_key}\0{user_id}".encode("utf-8", "replace"), "sha256")
    return "#" + base64.urlsafe_b64encode(digest[:15]).decode()

"""Pseudonyms of user ids, for ANONYMIZE_USER_IDS. Pure; the drain calls it before it stores anything."""

import base64
import hmac
from functools import lru_cache
from hashlib import sha256

from sqlalchemy import Connection, text

from config import Settings


def identity_salt(settings: Settings) -> bytes:
    """The secret from which visitor ids and pseudonyms are derived. A new salt gives every user a new pseudonym."""
    salt = settings.identity_salt or f"visitors:{settings.jwt_secret_key or settings.jwt_public_key}"
    return sha256(salt.encode()).digest()


@lru_cache(maxsize=65_536)
def make_pseudonym(salt: bytes, site_key: str, user_id: str) -> str:
    """ "#" and 120 bits of HMAC-SHA256, keyed by `salt`; the same for the same user of the same site.

    A bare hash of an id can be reversed by hashing all likely ids; without the key this one cannot. It differs between
    sites, so that the users of two sites cannot be matched.
    """
    # A separate key, independent of the one for visitor keys.
    key = hmac.digest(salt, b"user_id", "sha256")
    digest = hmac.digest(key, f"{site_key}\0{user_id}".encode("utf-8", "replace"), "sha256")
    return "#" + base64.urlsafe_b64encode(digest[:15]).decode()


# Served by pk_users.
SELECT_KNOWN_USER = text("SELECT 1 FROM users WHERE site_id = :site_id AND user_id = :user_id")


def find_stored_user_ids(
    connection: Connection, settings: Settings, site_id: int, site_key: str, user_id: str
) -> list[str]:
    """The id under which events of the user that a caller names are stored now; then the other one, if there are such
    events: of the time before ANONYMIZE_USER_IDS was changed, or named by the pseudonym itself. One query."""
    pseudonym = make_pseudonym(identity_salt(settings), site_key, user_id)
    current, other = (pseudonym, user_id) if settings.anonymize_user_ids else (user_id, pseudonym)
    is_known = connection.execute(SELECT_KNOWN_USER, {"site_id": site_id, "user_id": other}).scalar()
    return [current, other] if is_known else [current]

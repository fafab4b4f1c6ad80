"""Signed download links, for browsers, which cannot send a token: a path with an expiry time and a signature. Pure.

The views create a link for each finished job that they show, and verify it in place of a token.
"""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlencode

from analytics.errors import Forbidden
from config import Settings

ROUTE = "/api/analytics/exports"
LINK_TTL_S = 900
NEW_LINK = f"for a new link, take download_url from GET {ROUTE}/<id>"


def derive_signing_key(settings: Settings) -> bytes:
    """The key of the signatures. With JWT_PUBLIC_KEY there is no JWT secret, and IDENTITY_SALT is the only one."""
    return hashlib.sha256(f"export links:{settings.jwt_secret_key}:{settings.identity_salt}".encode()).digest()


def sign_download_path(key: bytes, job_id: str, now: datetime, expires_at: datetime | None = None) -> str:
    """The path of the download with its signature."""
    return f"{ROUTE}/{job_id}/download?{sign_query(key, job_id, now, expires_at)}"


def sign_query(key: bytes, job_id: str, now: datetime, expires_at: datetime | None = None) -> str:
    """`expires=…&signature=…`, valid for LINK_TTL_S from `now` but not after `expires_at`."""
    expires = int(now.timestamp()) + LINK_TTL_S
    if expires_at is not None:
        expires = min(expires, int(expires_at.timestamp()))
    return urlencode({"expires": expires, "signature": _signature(key, job_id, str(expires))})


def verify_signature(key: bytes, job_id: str, expires: str, signature: str, now: datetime) -> None:
    """Raises Forbidden for a link that was signed with another key or for another job, or has expired."""
    # As bytes: compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(_signature(key, job_id, expires).encode(), signature.encode("utf-8", "replace")):
        raise Forbidden(f"signature: the signature is wrong; {NEW_LINK}")
    if int(expires) <= now.timestamp():
        raise Forbidden(f"expires: the link has expired; {NEW_LINK}")


def _signature(key: bytes, job_id: str, expires: str) -> str:
    return hmac.new(key, f"{job_id} {expires}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()

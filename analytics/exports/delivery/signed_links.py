"""Links that carry their own permission: a download address with a date and a signature, for browsers.

Pure: secret and clock come in. The views make one for each finished job they show, and check it in place of a token.
"""

import hashlib
import hmac
from datetime import datetime
from urllib.parse import urlencode

from analytics.errors import Forbidden
from config import Settings

ROUTE = "/api/analytics/exports"
VALID_S = 900


def key_of(settings: Settings) -> bytes:
    """The key of the signatures. Where JWT_PUBLIC_KEY verifies tokens, IDENTITY_SALT is the secret that there is."""
    return hashlib.sha256(f"export links:{settings.jwt_secret_key}:{settings.identity_salt}".encode()).digest()


def path_of(key: bytes, job_id: str, now: datetime, until: datetime | None = None) -> str:
    """The download's path, with its signature."""
    return f"{ROUTE}/{job_id}/download?{query_of(key, job_id, now, until)}"


def query_of(key: bytes, job_id: str, now: datetime, until: datetime | None = None) -> str:
    """`expires=…&signature=…`, good for VALID_S from `now` and not past `until`."""
    expires = int(now.timestamp()) + VALID_S
    if until is not None:
        expires = min(expires, int(until.timestamp()))
    return urlencode({"expires": expires, "signature": _signature(key, job_id, str(expires))})


def check(key: bytes, job_id: str, expires: str, signature: str, now: datetime) -> None:
    """Raises Forbidden unless the link was made here, for this job, and is still good."""
    # Whatever can stand in an address: only bytes of any kind compare in constant time.
    if not hmac.compare_digest(_signature(key, job_id, expires).encode(), signature.encode("utf-8", "replace")):
        raise Forbidden("the link's signature is wrong; ask for the export again to get a new link")
    if int(expires) <= now.timestamp():
        raise Forbidden("the link has expired; ask for the export again to get a new one")


def _signature(key: bytes, job_id: str, expires: str) -> str:
    return hmac.new(key, f"{job_id} {expires}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()

"""How often somebody may try to sign in: by address, and by name from all addresses together.

dashboard/ asks before it checks a password. While Redis does not answer, each process counts by itself. A name that
many addresses guess at is not closed to its owner: each address has an attempt of its own now and then.
"""

import threading
from hashlib import blake2b

from analytics import clock
from analytics.auth import limits
from analytics.auth.limits import MINUTE_US
from analytics.auth.principal import Kind, Principal
from analytics.errors import TooMany
from analytics.extensions import settings
from analytics.web.app import current_application

# A password of eight letters lasts for millennia.
PER_ADDRESS, PER_NAME = 10, 10
# Of an address, for a name that has no attempt left.
OWN_ATTEMPT_US = 10 * MINUTE_US
# Entries of the audit log about refused attempts, so that these do not fill the disk.
RECORDED_PER_MINUTE = 60
MAX_BUCKETS = 10_000


class LocalBuckets:
    """Buckets of this process, counted as those in Redis. One per app; thread-safe, and bounded: the first ones go."""

    def __init__(self) -> None:
        self._full_at_us: dict[str, float] = {}
        self._lock = threading.Lock()

    def spend(self, key: str, now_us: float, unit_us: float, window_us: float) -> tuple[bool, float]:
        """Whether a unit was left, and the microseconds until the bucket is full again."""
        with self._lock:
            full_at_us = max(now_us, self._full_at_us.pop(key, now_us))
            is_allowed = full_at_us - now_us + 0.999 * unit_us <= window_us
            full_at_us += unit_us if is_allowed else 0.0
            self._full_at_us[key] = full_at_us
            if len(self._full_at_us) > MAX_BUCKETS:
                del self._full_at_us[next(iter(self._full_at_us))]
        return is_allowed, full_at_us - now_us


def enforce(name: str) -> None:
    """Counts an attempt from this address, and by this name if there is one. Raises TooMany."""
    address = limits.caller_key(Principal("anonymous", frozenset(), None, kind=Kind.ANONYMOUS))
    _refuse_unless(_wait_s(f"sign-ins:{address}", PER_ADDRESS, MINUTE_US), "from this address; try again in {} s")
    if not name:
        return
    key = blake2b(name.encode("utf-8", "replace"), digest_size=12, key=_digest_key()).hexdigest()
    if wait_s := _wait_s(f"sign-ins-by-name:{key}", PER_NAME, MINUTE_US):
        own_wait_s = _wait_s(f"sign-ins-by-name:{key}:{address}", 1, OWN_ATTEMPT_US)
        _refuse_unless(own_wait_s and min(wait_s, own_wait_s), "by this name; try again in {} s, or sign in by a token")


def may_record() -> bool:
    """Whether one more refused attempt may be in the audit log this minute."""
    return not _wait_s("refused-sign-ins", RECORDED_PER_MINUTE, MINUTE_US)


def _refuse_unless(wait_s: int, detail: str) -> None:
    if wait_s:
        raise TooMany(f"too many attempts to sign in {detail.format(wait_s)}", retry_after_s=wait_s)


def _wait_s(bucket: str, count: int, window_us: int) -> int:
    """Counts one. 0: it was left; else the seconds until one is."""
    key, unit_us = f"analytics:limit:{bucket}", window_us / count
    local: LocalBuckets = current_application().extensions["sign_in_buckets"]
    spent = limits.spend(key, unit_us, 1, window_us)
    is_allowed, full_us = spent or local.spend(key, clock.now().timestamp() * 1_000_000, unit_us, window_us)
    return 0 if is_allowed else limits.wait_s(full_us, unit_us, window_us)


def _digest_key() -> bytes:
    """What somebody typed as a name may be their password: its hash is keyed."""
    return blake2b(f"sign-ins:{settings().jwt_secret_key}:{settings().identity_salt}".encode()).digest()

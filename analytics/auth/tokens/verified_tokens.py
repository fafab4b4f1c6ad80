"""The tokens that this process has verified, by their text: a bounded number, in bounded memory. tokens.py has one."""

import threading
from itertools import islice
from typing import NamedTuple

from analytics.auth.principal import Principal

MAX_TOKENS = 10_000
# Of MAX_TOKENS with a few sites each: about 1,300 bytes a token. One of MAX_TOKEN_LENGTH may take a hundred times that.
MAX_BYTES = 16_000_000
# What an entry takes besides its text, and what each site takes: a string, and its place in a set.
TOKEN_BYTES, SITE_BYTES = 1000, 120


class Verified(NamedTuple):
    """`keys_version`: of the keys with which the signature was verified."""

    principal: Principal
    keys_version: int


class VerifiedTokens:
    """Forgets the oldest tenth when it is full. Thread-safe; `find` takes no lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._verified: dict[str, Verified] = {}
            self._bytes = 0

    def __len__(self) -> int:
        return len(self._verified)

    @property
    def held_bytes(self) -> int:
        """About what they take."""
        return self._bytes

    def find(self, token: str) -> Verified | None:
        """None for a token that was not verified, or was forgotten."""
        return self._verified.get(token)

    def add(self, token: str, verified: Verified) -> None:
        """Replaces what is known of the token."""
        with self._lock:
            self._drop(token)
            self._verified[token] = verified
            self._bytes += _size(token, verified)
            while len(self._verified) > MAX_TOKENS or self._bytes > MAX_BYTES:
                # One at a time would slow down every new token.
                for old in list(islice(self._verified, 1 + len(self._verified) // 10)):
                    self._drop(old)

    def forget(self, token: str) -> None:
        """Does nothing for one that is not there."""
        with self._lock:
            self._drop(token)

    def _drop(self, token: str) -> None:
        if (verified := self._verified.pop(token, None)) is not None:
            self._bytes -= _size(token, verified)


def _size(token: str, verified: Verified) -> int:
    return TOKEN_BYTES + len(token) + SITE_BYTES * len(verified.principal.sites or ())

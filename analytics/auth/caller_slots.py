"""How many long responses one caller may hold in a process: live streams, and downloads.

Each holds a connection to PostgreSQL or a place of the process for as long as its client reads, so a caller with many
slow clients would keep everybody else out. Views take a slot before they open a response. Requests that end by
themselves are not counted here.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from flask import Response

from analytics.auth.client_address import address_network, client_address
from analytics.auth.guard import PRINCIPAL
from analytics.auth.limits import PUBLIC_KINDS, caller_key
from analytics.auth.principal import Principal
from analytics.errors import TooMany
from analytics.web.app import current_application, current_request
from config import Settings

RETRY_AFTER_S = 5
# Headers that CallerNames remembers, of about 200 bytes each.
MAX_VERIFIED = 10_000
Release = Callable[[], None]


class CallerSlots:
    """At most `limit` at a time for each caller. For the error: `what` they are, and the `setting` that limits them."""

    def __init__(self, limit: int, what: str, setting: str) -> None:
        self._limit, self._what, self._setting = limit, what, setting
        # The collector may drop a HeldBody, which releases its slot, in a thread that holds the lock.
        self._lock = threading.RLock()
        self._taken: Counter[str] = Counter()

    def take(self, caller: str) -> Release:
        """A slot, until the result is called, from any thread; calling it again does nothing. Raises TooMany."""
        with self._lock:
            if self._taken[caller] >= self._limit:
                raise TooMany(
                    f"a caller may have {self._limit} {self._what} open in a process at a time ({self._setting}); close"
                    f" one, or try again in {RETRY_AFTER_S} s",
                    retry_after_s=RETRY_AFTER_S,
                    limit=self._limit,
                )
            self._taken[caller] += 1
        is_taken = [True]

        def release() -> None:
            with self._lock:
                if is_taken:
                    is_taken.clear()
                    self._taken[caller] -= 1
                    self._taken += Counter()

        return release

    def count(self, caller: str) -> int:
        """The slots that the caller holds."""
        return self._taken[caller]


class HeldBody:
    """A response's body that holds a slot until it is read to its end, closed, or dropped."""

    def __init__(self, pieces: Iterable[bytes], release: Release) -> None:
        self._pieces, self._iterator, self._release = pieces, iter(pieces), release

    def __iter__(self) -> "HeldBody":
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._iterator)
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Closes the pieces. May be called twice."""
        self._release()
        if close := getattr(self._pieces, "close", None):
            close()

    def __del__(self) -> None:
        self._release()


class CallerNames:
    """Whose request it is, before its credential is checked. One per app; thread-safe.

    A header counts only after it was verified in this process, so that junk tokens and other spellings of one token
    make no new callers. Until then, and without a token or secret key, the caller is its address.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._verified: dict[bytes, str] = {}

    def name(self, environ: Mapping[str, Any]) -> str:
        """The caller_key of a verified header, else the address network."""
        header = environ.get("HTTP_AUTHORIZATION")
        verified = self._verified.get(_digest(header)) if header else None
        return verified or address_network(client_address(environ, self._settings))

    def learn(self, response: Response) -> Response:
        """For `after_request`: remembers the header of a request whose token or secret key was accepted."""
        environ = current_request().environ
        principal: Principal | None = environ.get(PRINCIPAL)
        header = environ.get("HTTP_AUTHORIZATION")
        if (
            header
            and principal
            and principal.kind not in PUBLIC_KINDS
            and (digest := _digest(header)) not in self._verified
        ):
            # Whoever is forgotten is its address for one request.
            if len(self._verified) >= MAX_VERIFIED:
                self._verified.clear()
            self._verified[digest] = caller_key(principal)
        return response


def _digest(header: str) -> bytes:
    """No secret stays in memory."""
    return blake2b(header.encode(), digest_size=16).digest()


def live_stream_slots() -> CallerSlots:
    """Of live streams (Server-Sent Events)."""
    slots: CallerSlots = current_application().extensions["live_stream_slots"]
    return slots


def download_slots() -> CallerSlots:
    """Of raw events as files, and of the files of exports."""
    slots: CallerSlots = current_application().extensions["download_slots"]
    return slots

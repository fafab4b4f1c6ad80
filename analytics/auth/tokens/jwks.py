"""The public keys of an issuer, read from its JWKS URL and cached by `kid`.

issuer.py looks keys up here. A known key costs no request: an old set is read again in the background. An unknown `kid`
causes at most one request in `RETRY_AFTER_S`, and while the URL does not answer the last set stays in use.
"""

import http.client
import json
import logging
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWTError

from analytics import clock
from analytics.errors import Unavailable
from analytics.web.server.greenlets import offload

log = logging.getLogger(__name__)

REFRESH_AFTER_S = 300.0
# The least time between two requests to the URL.
RETRY_AFTER_S = 10.0
FETCH_DEADLINE_S = 3.0
# How long a request waits for the keys that another one is reading, where there are keys already.
WAIT_S = 0.5
MAX_BYTES = 500_000
MAX_KEYS = 100
BEING_READ = "the keys of the tokens' issuer are being read; try again shortly"


class KeySet:
    """The keys of one URL. One per app; thread-safe."""

    def __init__(self, url: str, algorithms: tuple[str, ...]) -> None:
        self._url, self._algorithms = url, algorithms
        self._keys: Mapping[str, PyJWK] = {}
        self._read_at = self._tried_at = -math.inf
        self._version = 0
        self._lock = threading.Lock()

    def version(self) -> int:
        """Another number when the keys have changed: tokens that were verified before are then verified again."""
        now = clock.now().timestamp()
        if self._keys and not 0 <= now - self._read_at < REFRESH_AFTER_S:
            self._begin_refresh(now)
        return self._version

    def find(self, kid: str | None, can_wait: bool = True) -> PyJWK | None:
        """The key of that id; without an id, the only key. Raises Unavailable while there are no keys.

        `can_wait` False: also for a key that is not known yet, which is then read in the background.
        """
        key = self._pick(kid)
        if key is None and not can_wait:
            self._begin_refresh(clock.now().timestamp())
            raise Unavailable(BEING_READ, 1)
        if key is None:
            offload(self._read_now)
            key = self._pick(kid)
        return key

    def _begin_refresh(self, now: float) -> None:
        if not self._was_tried(now) and not self._lock.locked():
            threading.Thread(target=self._refresh, args=(0.0,), name="jwks", daemon=True).start()

    def _pick(self, kid: str | None) -> PyJWK | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _was_tried(self, now: float) -> bool:
        return 0 <= now - self._tried_at < RETRY_AFTER_S

    def _read_now(self) -> None:
        is_read = self._refresh(WAIT_S if self._keys else FETCH_DEADLINE_S)
        if not self._keys:
            raise Unavailable("the keys of the tokens' issuer (JWT_JWKS_URL) cannot be read; try again shortly")
        if not is_read:
            raise Unavailable(BEING_READ, 1)

    def _refresh(self, wait_s: float) -> bool:
        """Reads the keys, unless that was tried shortly before. False: another thread is still reading them."""
        if not self._lock.acquire(timeout=wait_s):
            return False
        try:
            if not self._was_tried(clock.now().timestamp()):
                self._fetch()
        finally:
            self._lock.release()
        return True

    def _fetch(self) -> None:
        try:
            keys = parse_keys(fetch(self._url), self._algorithms)
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            log.warning("jwks not read", extra={"error": type(error).__name__, "reason": str(error)[:200]})
        else:
            self._keep(keys)
        self._tried_at = clock.now().timestamp()

    def _keep(self, keys: Mapping[str, PyJWK]) -> None:
        self._read_at = clock.now().timestamp()
        if _identity(keys) != _identity(self._keys):
            self._keys = keys
            self._version += 1
            log.info("jwks read", extra={"keys": len(keys), "version": self._version})


def parse_keys(body: bytes, algorithms: tuple[str, ...]) -> dict[str, PyJWK]:
    """The keys that verify signatures by one of `algorithms`, by their id. Raises ValueError when there are none."""
    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a JSON Web Key Set")
    found: dict[str, PyJWK] = {}
    for entry in entries[:MAX_KEYS]:
        if (key := _parse_key(entry)) is not None and key.algorithm_name in algorithms:
            found.setdefault(str(key.key_id or ""), key)
    if not found:
        raise ValueError(f"no key for {' or '.join(algorithms)}")
    return found


def _parse_key(entry: Any) -> PyJWK | None:
    """None for what is no public key for signatures, or too short a one."""
    if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC") or "d" in entry:
        return None
    try:
        key = PyJWK.from_dict(entry)
        is_short = key.Algorithm.check_key_length(key.key)
    except (PyJWTError, TypeError, ValueError, KeyError, AttributeError):
        return None
    return key if key.public_key_use in (None, "sig") and not is_short else None


def _identity(keys: Mapping[str, PyJWK]) -> dict[str, Any]:
    return {kid: (key.algorithm_name, key.key.public_numbers()) for kid, key in keys.items()}


def fetch(url: str) -> bytes:
    """The document at the URL, within `FETCH_DEADLINE_S` of the connection. Follows no redirect.

    Raises OSError, HTTPException, and ValueError for another status than 200 and for more than `MAX_BYTES`.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _connected(parts.scheme, str(parts.hostname), parts.port) as connection:
        connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "analytics"})
        response = connection.getresponse()
        body = response.read(MAX_BYTES + 1)
    if response.status != 200:
        raise ValueError(f"status {response.status}")
    if len(body) > MAX_BYTES:
        raise ValueError(f"over {MAX_BYTES} bytes")
    return body


@contextmanager
def _connected(scheme: str, host: str, port: int | None) -> Iterator[http.client.HTTPConnection]:
    """A connection that is cut after FETCH_DEADLINE_S, even while data arrives."""
    connection: http.client.HTTPConnection
    if scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=FETCH_DEADLINE_S, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=FETCH_DEADLINE_S)
    deadline = time.monotonic() + FETCH_DEADLINE_S
    connection.connect()
    # A duplicate to shut down: the connection may close its own socket at any time.
    duplicate = socket.socket(fileno=os.dup(connection.sock.fileno()))
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _shut_down, [duplicate])
    timer.daemon = True
    timer.start()
    try:
        yield connection
        # A response that was cut may look complete.
        if time.monotonic() >= deadline:
            raise TimeoutError(f"no response within {FETCH_DEADLINE_S:.0f} s")
    finally:
        timer.cancel()
        timer.join()
        duplicate.close()
        connection.close()


def _shut_down(duplicate: socket.socket) -> None:
    with suppress(OSError):
        duplicate.shutdown(socket.SHUT_RDWR)

"""The look-up of opaque credentials (keys, share links): hashes their text and caches per process what the table says.

keys.py and share_links.py say how rows are read; guard.py asks. A known credential is served from memory and read again
in the background, so it works while PostgreSQL is down or hangs; an unknown one is then refused as unavailable, not as
wrong. Revocations come from Redis (tokens.Revocations); nothing here knows them.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from analytics import clock
from analytics.auth.principal import Principal
from analytics.errors import Unavailable
from analytics.web.server.greenlets import offload

log = logging.getLogger(__name__)

MAX_CACHED = 10_000
# Every cached credential is read again after this time, by one query, if one of them was used.
REFRESH_INTERVAL_S = 30.0
# How precise last_used_at is.
USE_INTERVAL_S = 60.0
# One that was not refreshed for longer, because nobody used it, is read before it is served.
MAX_AGE_S = 120.0
# A guess that failed is not looked up again. No credential can become valid: its text is made when it is stored.
UNKNOWN_TTL_S = 60.0
LOOKUP_TIMEOUT_S = 2.0
MAX_LOOKUPS_AT_ONCE = 4
RETRY_INTERVAL_S = 2.0


class LookupsBusy(Unavailable):
    """MAX_LOOKUPS_AT_ONCE are under way and none has ended in time."""


class Credential(NamedTuple):
    """What a row says. `id`: its primary key; `last_used_at`: Unix time, 0 for never."""

    id: str
    principal: Principal
    last_used_at: float


Load = Callable[[Connection, list[bytes]], Mapping[bytes, Credential]]
RecordUse = Callable[[Connection, Mapping[str, float]], None]


class _Entry:
    """A credential, when it was read, when it was last used here, and the use that its row has."""

    __slots__ = ("credential", "read_at", "recorded_at", "used_at")

    def __init__(self, credential: Credential, now: float) -> None:
        self.credential, self.read_at = credential, now
        self.used_at, self.recorded_at = now, credential.last_used_at

    def is_due(self, now: float) -> bool:
        """Whether the row is to be read or written. The lower bound: a clock may be set back."""
        return not 0 <= now - self.read_at < REFRESH_INTERVAL_S or self.has_use

    @property
    def has_use(self) -> bool:
        """Whether there is a use to write."""
        return self.used_at - self.recorded_at >= USE_INTERVAL_S


class CredentialCache:
    """The credentials of one table. One per app; thread-safe.

    `load` returns the valid rows of these hashes, `record_use` writes last_used_at (id → Unix time). `check_caller` is
    called before a request's look-up, and may raise.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        load: Load,
        record_use: RecordUse,
        check_caller: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine, self._load, self._record_use = engine, load, record_use
        self._check_caller = check_caller
        self._searching = threading.Lock()
        self._lookups = threading.BoundedSemaphore(MAX_LOOKUPS_AT_ONCE)
        self._refreshing = threading.Lock()
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Empties the cache, as in a new process."""
        self._entries: dict[bytes, _Entry] = {}
        self._unknown: dict[bytes, float] = {}
        self._is_available, self._refresh_at = True, 0.0

    def find(self, text: str) -> Principal | None:
        """The principal; None for an unknown or revoked one. About 2 us on a cache hit, which takes no lock.

        Raises Unavailable when it is not cached and PostgreSQL does not answer within LOOKUP_TIMEOUT_S, and what
        `check_caller` raises.
        """
        digest, now = hash_text(text), clock.now().timestamp()
        entry = self._entries.get(digest)
        if entry is None or (self._is_available and now - entry.read_at > MAX_AGE_S):
            entry = self._find_again(digest, entry, now)
        if entry is not None:
            entry.used_at = now
        if not self._is_available or (entry is not None and entry.is_due(now)):
            self._start_refresh(now)
        return None if entry is None else entry.credential.principal

    def find_cached(self, text: str) -> Principal | None:
        """The principal if it is cached, whatever its age; never waits. Another is looked up for the next request, in
        the background and one at a time."""
        digest, now = hash_text(text), clock.now().timestamp()
        entry = self._entries.get(digest)
        if entry is None:
            self._start_search(digest, now)
            return None
        entry.used_at = now
        if not self._is_available or entry.is_due(now):
            self._start_refresh(now)
        return entry.credential.principal

    def refresh(self, engine: Engine, now: float) -> None:
        """Reads every cached row again and writes the uses since; two statements."""
        entries = dict(self._entries)
        due = {entry.credential.id: entry for entry in entries.values() if entry.has_use}
        uses = {name: entry.used_at for name, entry in due.items()}
        with engine.begin() as connection:
            found = self._load(connection, list(entries))
            if uses:
                self._record_use(connection, uses)
        self._is_available = True
        for name, used_at in uses.items():
            due[name].recorded_at = used_at
        for digest, entry in entries.items():
            if digest in found:
                entry.credential, entry.read_at = found[digest], now
            else:
                self._entries.pop(digest, None)

    def _find_again(self, digest: bytes, entry: _Entry | None, now: float) -> _Entry | None:
        if entry is None and now < self._unknown.get(digest, 0.0):
            return None
        if entry is None:
            self._check_caller()
        try:
            credential = offload(self._look_up, self._engine(), digest)
        except LookupsBusy:
            # Says nothing of PostgreSQL: those that are under way may be of one caller who guesses.
            if entry is None:
                raise
            return entry
        except Unavailable:
            self._is_available = False
            if entry is None:
                self._start_refresh(now)
                raise
            return entry
        return self._store(digest, credential, now)

    def _look_up(self, engine: Engine, digest: bytes) -> Credential | None:
        """In a thread of its own: a connection to a server that hangs cannot be interrupted."""
        if not self._is_available:
            raise _unavailable()
        if not self._lookups.acquire(timeout=LOOKUP_TIMEOUT_S):
            raise LookupsBusy("too many keys are being looked up, and this key is not cached; try again shortly")
        results: list[Credential | None] = []
        work = threading.Thread(target=self._read_row, args=(engine, digest, results), daemon=True)
        work.start()
        work.join(LOOKUP_TIMEOUT_S)
        if not results:
            raise _unavailable()
        return results[0]

    def _read_row(self, engine: Engine, digest: bytes, results: list[Credential | None]) -> None:
        try:
            with engine.connect() as connection:
                results.append(self._load(connection, [digest]).get(digest))
        except SQLAlchemyError as error:
            log.warning("credential not read", extra={"error": type(error).__name__})
        finally:
            self._lookups.release()

    def _start_search(self, digest: bytes, now: float) -> None:
        if now < self._unknown.get(digest, 0.0) or not self._searching.acquire(blocking=False):
            return
        threading.Thread(target=self._search_and_release, args=(self._engine(), digest, now), daemon=True).start()

    def _search_and_release(self, engine: Engine, digest: bytes, now: float) -> None:
        try:
            self._store(digest, self._look_up(engine, digest), now)
        except Unavailable as error:
            log.info("key of a health request not read", extra={"error": type(error).__name__})
        finally:
            self._searching.release()

    def _start_refresh(self, now: float) -> None:
        """In the background, one at a time: one that hangs keeps the others from starting."""
        if now < self._refresh_at or not self._refreshing.acquire(blocking=False):
            return
        threading.Thread(target=self._refresh_and_release, args=(self._engine(), now), daemon=True).start()

    def _refresh_and_release(self, engine: Engine, now: float) -> None:
        try:
            self.refresh(engine, now)
        except SQLAlchemyError as error:
            self._is_available, self._refresh_at = False, now + RETRY_INTERVAL_S
            log.warning("credentials not refreshed", extra={"error": type(error).__name__})
        finally:
            self._refreshing.release()

    def _store(self, digest: bytes, credential: Credential | None, now: float) -> _Entry | None:
        with self._lock:
            if credential is None:
                self._entries.pop(digest, None)
                _make_room(self._unknown)
                self._unknown[digest] = now + UNKNOWN_TTL_S
                return None
            _make_room(self._entries)
            entry = self._entries[digest] = _Entry(credential, now)
            return entry


def hash_text(text: str) -> bytes:
    """What is stored of a credential. It is 256 random bits, so a fast hash is safe."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _make_room(cache: dict[bytes, _Entry] | dict[bytes, float]) -> None:
    """Evicts the oldest tenth at once: evicting one at a time would slow down every new entry."""
    if len(cache) >= MAX_CACHED:
        oldest: Iterable[bytes] = list(cache)[: MAX_CACHED // 10]
        for digest in oldest:
            cache.pop(digest, None)


def _unavailable() -> Unavailable:
    return Unavailable("the database is unavailable and this key is not cached; try again shortly")

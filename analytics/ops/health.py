"""Is the service able to work: PostgreSQL, its schema and partitions, Redis and its backlog.

Each check ends within CHECK_S whatever the server does (a stopped process accepts connections and never answers), on
a connection of its own, so that a busy pool does not read as a dead database. No host or server version is named.
"""

import select
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg2
from alembic.script import ScriptDirectory
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy.engine import make_url

from analytics import clock
from analytics.ops.runs import Run, read_runs
from analytics.reports.cache import CacheCounts, read_counts
from analytics.store.backlog import Backlog, read_backlog

CHECK_S = 0.9
# Probes are public and each costs a database connection: those that come together share one look.
FRESH_S = 0.3
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

# Catalogue only; the bounds are read as text because PostgreSQL keeps them as an expression.
LOOK = """
SET statement_timeout = 900;
SET timezone = 'UTC';
SELECT to_regclass('alembic_version') IS NOT NULL,
       to_regclass('rollup_deltas') IS NOT NULL,
       EXISTS (
           SELECT FROM pg_inherits i
           JOIN pg_class c ON c.oid = i.inhrelid,
           LATERAL pg_get_expr(c.relpartbound, c.oid) AS bound
           WHERE i.inhparent = to_regclass('events')
             AND substring(bound FROM 'FROM \\(''([^'']+)''')::timestamptz <= %(now)s
             AND substring(bound FROM 'TO \\(''([^'']+)''')::timestamptz > %(now)s
       )
"""
REVISION = "SELECT version_num FROM alembic_version"
# pk_rollup_deltas; bounded, so that deltas that pile up do not make the database look dead.
MAX_DELTAS = 10_000
MERGE = """
SELECT coalesce(sum(events), 0), count(*), min(created_at)
FROM (SELECT events, created_at FROM rollup_deltas ORDER BY id LIMIT %(most)s) AS oldest
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One look at one server; `problem` is empty when all is well."""

    problem: str
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Redis's memory, in bytes; a limit of 0 is none."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Merge:
    """What waits to be merged, counted up to MAX_DELTAS of it, and since when (None: nothing waits)."""

    events: int
    deltas: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    postgres: Check
    redis: Check
    is_migrated: bool
    has_partition: bool
    backlog: Backlog | None
    at: datetime
    # None: could not be asked.
    merge: Merge | None = None
    runs: dict[str, Run] | None = None
    memory: Memory | None = None
    cache: CacheCounts | None = None

    @property
    def missing(self) -> dict[str, str]:
        """What keeps the service from being ready: name → reason."""
        found = {"postgres": self.postgres.problem, "redis": self.redis.problem}
        if not self.postgres.problem and not self.is_migrated:
            found["schema"] = "the database is not migrated: run flask db upgrade"
        return {name: problem for name, problem in found.items() if problem}


class Prober:
    """Looks at both servers, one caller at a time; the others share what it found."""

    def __init__(self, database_url: str, redis_url: str, cache_url: str) -> None:
        self._dsn, self._redis_url, self._cache_url = _libpq(database_url), redis_url, cache_url
        self._lock = threading.Lock()
        self._last: Health | None = None
        self._until = 0.0

    def look(self) -> Health:
        with self._lock:
            if self._last is None or time.monotonic() >= self._until:
                self._last = self._look()
                self._until = time.monotonic() + FRESH_S
            return self._last

    def _look(self) -> Health:
        found = Health(Check("", 0), Check("", 0), False, False, None, clock.now())
        return self._look_at_cache(self._look_at_redis(self._look_at_postgres(found)))

    def _look_at_postgres(self, found: Health) -> Health:
        began = time.monotonic()
        try:
            is_migrated, has_partition, merge = _ask(self._dsn, found.at, began + CHECK_S)
        except TimeoutError:
            return replace(found, postgres=Check("does not answer in time", _ms(began)))
        except psycopg2.Error:
            return replace(found, postgres=Check("cannot be reached", _ms(began)))
        seen = replace(found, is_migrated=is_migrated, has_partition=has_partition, merge=merge)
        return replace(seen, postgres=Check("", _ms(began)))

    def _look_at_redis(self, found: Health) -> Health:
        began = time.monotonic()
        try:
            with _redis(self._redis_url) as redis:
                backlog, runs, memory = read_backlog(redis), read_runs(redis), redis.info("memory")
        except (RedisError, OSError):
            return replace(found, redis=Check("cannot be reached", _ms(began)))
        seen = replace(found, redis=Check("", _ms(began)), backlog=backlog, runs=runs)
        return replace(seen, memory=Memory(memory["used_memory"], memory["maxmemory"]))

    def _look_at_cache(self, found: Health) -> Health:
        """Without it everything works, only slower."""
        try:
            with _redis(self._cache_url) as redis:
                return replace(found, cache=read_counts(redis))
        except (RedisError, OSError):
            return found


@lru_cache(maxsize=1)
def known_revisions() -> tuple[frozenset[str], frozenset[str]]:
    """`(heads, all)` of the migrations that this release ships."""
    script = ScriptDirectory(str(MIGRATIONS))
    return frozenset(script.get_heads()), frozenset(step.revision for step in script.walk_revisions())


def _is_migrated(revisions: set[str]) -> bool:
    heads, known = known_revisions()
    # During a rollout the database may already be where the next release wants it; this one still works there.
    return bool(revisions) and (revisions == heads or not revisions <= known)


def _ask(dsn: dict[str, Any], now: datetime, deadline: float) -> tuple[bool, bool, Merge | None]:
    connection = psycopg2.connect(**dsn, async_=True)
    try:
        _wait(connection, deadline)
        cursor = connection.cursor()
        cursor.execute(LOOK, {"now": now})
        _wait(connection, deadline)
        has_versions, has_deltas, has_partition = cursor.fetchone() or (False, False, False)
        revisions: set[str] = set()
        if has_versions:
            cursor.execute(REVISION)
            _wait(connection, deadline)
            revisions = {row[0] for row in cursor.fetchall()}
        return _is_migrated(revisions), has_partition, _ask_merge(connection, deadline) if has_deltas else None
    finally:
        connection.close()


def _ask_merge(connection: Any, deadline: float) -> Merge:
    cursor = connection.cursor()
    cursor.execute(MERGE, {"most": MAX_DELTAS})
    _wait(connection, deadline)
    return Merge(*(cursor.fetchone() or (0, 0, None)))


def _wait(connection: Any, deadline: float) -> None:
    """Until the server has answered. Raises TimeoutError at `deadline`, on the monotonic clock."""
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        left = deadline - time.monotonic()
        waits = ([connection], []) if state == psycopg2.extensions.POLL_READ else ([], [connection])
        if left <= 0 or not any(select.select(*waits, [], left)):
            raise TimeoutError


def _redis(url: str) -> Redis:
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=CHECK_S, socket_connect_timeout=CHECK_S)


def _libpq(database_url: str) -> dict[str, Any]:
    dialect: Any = make_url(database_url).get_dialect()()
    return {**dialect.create_connect_args(make_url(database_url))[1], "application_name": "analytics-health"}


def _ms(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)

"""One check of PostgreSQL, of Redis, and of what nothing depends on. ops/health.py repeats them in the background.

Each ends within CHECK_TIMEOUT_S (a stopped process accepts connections and never answers), on its own connection, so
that a busy pool does not look like a dead database. None reveals a host or a server version.
"""

import select
import shutil
import time
from dataclasses import dataclass
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
from analytics.ops.heartbeats import Heartbeats, read_heartbeats
from analytics.ops.task_runs import TaskRun, read_task_runs
from analytics.reports.responses.cache import CacheCounts, read_cache_counts
from analytics.store.backlog import Backlog, read_backlog
from analytics.store.connections import LIBPQ_OPTIONS

CHECK_TIMEOUT_S = 0.9
MIGRATIONS_FOLDER = Path(__file__).resolve().parents[2] / "migrations"

# Catalogue only; the bounds are parsed from text because PostgreSQL stores them as an expression.
SCHEMA_STATE_QUERY = """
SET statement_timeout = 900;
SET timezone = 'UTC';
SELECT to_regclass('alembic_version') IS NOT NULL,
       to_regclass('rollup_deltas') IS NOT NULL AND to_regclass('dead_letters') IS NOT NULL,
       EXISTS (
           SELECT FROM pg_inherits i
           JOIN pg_class c ON c.oid = i.inhrelid,
           LATERAL pg_get_expr(c.relpartbound, c.oid) AS bound
           WHERE i.inhparent = to_regclass('events')
             AND substring(bound FROM 'FROM \\(''([^'']+)''')::timestamptz <= %(now)s
             AND substring(bound FROM 'TO \\(''([^'']+)''')::timestamptz > %(now)s
       )
"""
REVISION_QUERY = "SELECT version_num FROM alembic_version"
# pk_rollup_deltas; bounded, so that a long merge backlog does not make the check time out. Dead letters are numbered in
# the order in which they are written (pk_dead_letters).
MAX_COUNTED_DELTAS = 10_000
WORK_QUERY = """
SELECT coalesce(sum(events), 0), count(*), min(created_at),
       (SELECT dead_lettered_at FROM dead_letters ORDER BY id DESC LIMIT 1)
FROM (SELECT events, created_at FROM rollup_deltas ORDER BY id LIMIT %(most)s) AS oldest
"""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking one server; `problem` is empty when it works."""

    problem: str
    latency_ms: float


@dataclass(frozen=True, slots=True)
class RedisMemory:
    """Redis's memory in bytes; limit 0: unlimited."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class MergeBacklog:
    """Unmerged deltas, counted up to MAX_COUNTED_DELTAS, and the age of the oldest (None: there are none)."""

    events: int
    deltas: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class PostgresState:
    """None: unknown, the server did not answer or is not migrated. `dead_letter_at`: when the newest was written."""

    check: CheckResult
    is_migrated: bool = False
    has_partition: bool = False
    merge_backlog: MergeBacklog | None = None
    dead_letter_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RedisState:
    """None: unknown, the server did not answer. `can_write`: its last write to the append-only file succeeded."""

    check: CheckResult
    backlog: Backlog | None = None
    task_runs: dict[str, TaskRun] | None = None
    memory: RedisMemory | None = None
    heartbeats: Heartbeats | None = None
    can_write: bool = True


@dataclass(frozen=True, slots=True)
class SideState:
    """What nothing depends on: the cache's counts, and the bytes of the folder of exports, free and in all."""

    cache: CacheCounts | None = None
    disk: tuple[int, int] | None = None


def check_postgres(dsn: dict[str, Any]) -> PostgresState:
    """`dsn`: the arguments of psycopg2's connect."""
    began = time.monotonic()
    try:
        return _query_state(dsn, clock.now(), began)
    except TimeoutError:
        return PostgresState(CheckResult("does not answer in time", _ms(began)))
    except psycopg2.Error:
        return PostgresState(CheckResult("cannot be reached", _ms(began)))


def check_redis(url: str) -> RedisState:
    """Of the Redis that holds the buffer and the task queue."""
    began = time.monotonic()
    try:
        with _redis(url) as redis:
            backlog, runs, memory = read_backlog(redis), read_task_runs(redis), redis.info("memory")
            heartbeats, persistence = read_heartbeats(redis), redis.info("persistence")
    except (RedisError, OSError):
        return RedisState(CheckResult("cannot be reached", _ms(began)))
    return RedisState(
        CheckResult("", _ms(began)),
        backlog,
        runs,
        RedisMemory(memory["used_memory"], memory["maxmemory"]),
        heartbeats,
        can_write=persistence.get("aof_last_write_status", "ok") == "ok",
    )


def check_side(cache_url: str, export_url: str) -> SideState:
    """Without a cache everything works, only slower."""
    try:
        with _redis(cache_url) as redis:
            cache = read_cache_counts(redis)
    except (RedisError, OSError):
        cache = None
    return SideState(cache, _disk_space(export_url))


def _disk_space(export_url: str) -> tuple[int, int] | None:
    """None: exports are in a bucket, or there are none yet."""
    try:
        usage = shutil.disk_usage(export_url)
    except OSError:
        return None
    return usage.free, usage.total


@lru_cache(maxsize=1)
def migration_revisions() -> tuple[frozenset[str], frozenset[str]]:
    """`(heads, all)` of the migrations in this release."""
    script = ScriptDirectory(str(MIGRATIONS_FOLDER))
    return frozenset(script.get_heads()), frozenset(step.revision for step in script.walk_revisions())


def _is_migrated(revisions: set[str]) -> bool:
    heads, shipped = migration_revisions()
    # During a rollout the database may already have the next release's schema, with which this release works.
    return bool(revisions) and (revisions == heads or not revisions <= shipped)


def _query_state(dsn: dict[str, Any], now: datetime, began: float) -> PostgresState:
    deadline = began + CHECK_TIMEOUT_S
    connection = psycopg2.connect(**dsn, async_=True)
    try:
        _wait(connection, deadline)
        has_versions, has_tables, has_partition = _query(connection, SCHEMA_STATE_QUERY, {"now": now}, deadline)[0]
        revisions = {row[0] for row in _query(connection, REVISION_QUERY, {}, deadline)} if has_versions else set()
        merge, dead_letter_at = None, None
        if has_tables:
            [work] = _query(connection, WORK_QUERY, {"most": MAX_COUNTED_DELTAS}, deadline)
            merge, dead_letter_at = MergeBacklog(*work[:3]), work[3]
        result = CheckResult("", _ms(began))
        return PostgresState(result, _is_migrated(revisions), has_partition, merge, dead_letter_at)
    finally:
        connection.close()


def _query(connection: Any, statement: str, parameters: dict[str, Any], deadline: float) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(statement, parameters)
    _wait(connection, deadline)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _wait(connection: Any, deadline: float) -> None:
    """Waits for the server's reply. Raises TimeoutError at `deadline`, on the monotonic clock."""
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        left = deadline - time.monotonic()
        waits = ([connection], []) if state == psycopg2.extensions.POLL_READ else ([], [connection])
        if left <= 0 or not any(select.select(*waits, [], left)):
            raise TimeoutError


def _redis(url: str) -> Redis:
    return Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=CHECK_TIMEOUT_S, socket_connect_timeout=CHECK_TIMEOUT_S
    )


def connection_arguments(database_url: str) -> dict[str, Any]:
    """Those of psycopg2 for the setting DATABASE_URL."""
    dialect: Any = make_url(database_url).get_dialect()()
    arguments: dict[str, Any] = dialect.create_connect_args(make_url(database_url))[1]
    return LIBPQ_OPTIONS | arguments | {"application_name": "analytics-health"}


def _ms(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)

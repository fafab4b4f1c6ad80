"""The two servers of a local run: our own in the data folder, or those that the environment names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analytics.local.binaries import StartError
from analytics.local.postgres import Postgres
from analytics.local.redis import Redis
from analytics.local.settings import is_given, read_settings

DATABASE = "analytics"
REDIS_SETTINGS = ("REDIS_URL", "CELERY_BROKER_URL", "REDIS_HOST")
OLDEST_POSTGRES = 15
OLDEST_REDIS = (6, 2)

# For a machine with a few gigabytes that does other things too. What was committed stays committed.
SMALL_MACHINE = {
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "100",
    # A statement on a partitioned table locks every partition it touches.
    "max_locks_per_transaction": "256",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",
    # Rollups and their deltas hold what was rewritten since autovacuum last looked.
    "autovacuum_naptime": "10s",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Servers:
    """Where the data is; `postgres` and `redis` are set when we run them."""

    database_url: str
    redis_url: str
    broker_url: str
    postgres: Postgres | None
    redis: Redis | None


def start_servers(data: Path, env: Mapping[str, str]) -> Servers:
    """Start or adopt what `env` does not name, check what it does."""
    given = read_settings(env)
    postgres = None if is_given(env, "DATABASE_URL") else Postgres(data / "pg", options=SMALL_MACHINE)
    redis = None if any(is_given(env, name) for name in REDIS_SETTINGS) else Redis(data / "redis")
    database_url, redis_url, broker_url = given.database_url, given.redis_url, given.celery_broker_url
    if postgres is None:
        check_postgres(database_url)
    if redis is None:
        redis_url = redis_url if is_given(env, "REDIS_URL") or is_given(env, "REDIS_HOST") else broker_url
        check_redis("CELERY_BROKER_URL", broker_url)
        check_redis("REDIS_URL", redis_url)
    _start_both(postgres, redis)
    if redis is not None:
        redis_url, broker_url = redis.url(1), redis.url(0)
    if postgres is not None:
        database_url = postgres.url(DATABASE)
    return Servers(database_url, redis_url, broker_url, postgres, redis)


def _start_both(postgres: Postgres | None, redis: Redis | None) -> None:
    try:
        if postgres is not None:
            postgres.start()
            postgres.create_database(DATABASE)
        if redis is not None:
            redis.start()
    except BaseException:
        # Neither is left running when the other cannot, or when Ctrl-C comes in between.
        for server in (redis, postgres):
            if server is not None:
                server.stop()
        raise


def check_postgres(url: str) -> None:
    """Raise one line unless a PostgreSQL that is new enough answers at `url`."""
    import psycopg2

    try:
        connection = psycopg2.connect(re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", url), connect_timeout=5)
    except psycopg2.Error as error:
        raise StartError(f"DATABASE_URL: PostgreSQL does not answer: {_one_line(error)}") from error
    major = connection.server_version // 10000
    connection.close()
    if major < OLDEST_POSTGRES:
        raise StartError(f"DATABASE_URL: that server is PostgreSQL {major}, needed is {OLDEST_POSTGRES} or newer")


def check_redis(name: str, url: str) -> None:
    """Raise one line, naming the setting, unless a Redis or Valkey that is new enough answers at `url`."""
    import redis

    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        info = client.info("server")
    except (redis.RedisError, ValueError) as error:
        raise StartError(f"{name}: Redis does not answer: {_one_line(error)}") from error
    # Valkey pretends to be Redis 7.2 in redis_version.
    version = str(info.get("valkey_version") or info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        raise StartError(f"{name}: that server is Redis {version}, needed is 6.2 or newer")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

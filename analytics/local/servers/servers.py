"""The two servers of a local run: embedded ones in the data folder, or those that the environment names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analytics.local.servers.binaries import StartError
from analytics.local.servers.postgres import PostgresServer
from analytics.local.servers.redis import RedisServer
from analytics.local.settings import is_set, read_settings

DATABASE_NAME = "analytics"
REDIS_VARIABLES = ("REDIS_URL", "CELERY_BROKER_URL", "REDIS_HOST")
MIN_POSTGRES_MAJOR = 15
MIN_REDIS_VERSION = (6, 2)

# For a shared machine with a few gigabytes. Committed data stays durable.
SMALL_MACHINE_SETTINGS = {
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
    # Rollups and deltas accumulate dead rows between autovacuum runs.
    "autovacuum_naptime": "10s",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Servers:
    """URLs of the servers; `postgres` and `redis` are set if they are embedded."""

    database_url: str
    redis_url: str
    broker_url: str
    postgres: PostgresServer | None
    redis: RedisServer | None


def start_servers(data: Path, env: Mapping[str, str]) -> Servers:
    """Starts or adopts the servers that `env` does not name, and checks those that it names. Raises StartError."""
    settings = read_settings(env)
    postgres = None if is_set(env, "DATABASE_URL") else PostgresServer(data / "pg", options=SMALL_MACHINE_SETTINGS)
    redis = None if any(is_set(env, name) for name in REDIS_VARIABLES) else RedisServer(data / "redis")
    database_url, redis_url, broker_url = settings.database_url, settings.redis_url, settings.celery_broker_url
    if postgres is None:
        check_postgres(database_url)
    if redis is None:
        redis_url = redis_url if is_set(env, "REDIS_URL") or is_set(env, "REDIS_HOST") else broker_url
        check_redis("CELERY_BROKER_URL", broker_url)
        check_redis("REDIS_URL", redis_url)
    _start_both(postgres, redis)
    if redis is not None:
        redis_url, broker_url = redis.url(1), redis.url(0)
    if postgres is not None:
        database_url = postgres.url(DATABASE_NAME)
    return Servers(database_url, redis_url, broker_url, postgres, redis)


def _start_both(postgres: PostgresServer | None, redis: RedisServer | None) -> None:
    try:
        if postgres is not None:
            postgres.start()
            postgres.create_database(DATABASE_NAME)
        if redis is not None:
            redis.start()
    except BaseException:
        # Neither stays running when the other fails, or when Ctrl-C arrives in between.
        for server in (redis, postgres):
            if server is not None:
                server.stop()
        raise


def check_postgres(url: str) -> None:
    """Raises StartError unless a supported PostgreSQL answers at `url`."""
    # Loaded only for a server that the environment names.
    import psycopg2

    try:
        connection = psycopg2.connect(re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", url), connect_timeout=5)
    except psycopg2.Error as error:
        raise StartError(f"DATABASE_URL: PostgreSQL does not answer: {_one_line(error)}") from error
    major = connection.server_version // 10000
    connection.close()
    if major < MIN_POSTGRES_MAJOR:
        raise StartError(f"DATABASE_URL: the server is PostgreSQL {major}; {MIN_POSTGRES_MAJOR} or newer is required")


def check_redis(name: str, url: str) -> None:
    """Raises StartError with the setting's name unless a supported Redis or Valkey answers at `url`."""
    # Loaded only for a server that the environment names.
    import redis

    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        info = client.info("server")
    except (redis.RedisError, ValueError) as error:
        raise StartError(f"{name}: Redis does not answer: {_one_line(error)}") from error
    # Valkey reports Redis 7.2 as redis_version.
    version = str(info.get("valkey_version") or info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_REDIS_VERSION:
        raise StartError(f"{name}: the server is Redis {version}; 6.2 or newer is required")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

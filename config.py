"""Every setting, once: its environment name, the seeds' other names for it, its type, unit and default.

`load()` reads the environment and returns `Settings`; a wrong value raises `ConfigError` with the variable's name, so
nothing starts half-configured. Each name can also be given as `NAME_FILE`, a file that holds the value.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import time
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEVELOPMENT_SECRET = "development-only-secret-change-me-before-production"  # noqa: S105 - known on purpose, and refused in production.
WELL_KNOWN_SECRETS = {
    DEVELOPMENT_SECRET,
    "your-jwt-secret-key",
    "your-secret-key",
    "change-me",
    "changeme",
    "secret",
    "super-secret",
    "dev",
}
SCOPES = ("ingest", "read", "export", "admin")


class ConfigError(Exception):
    """A setting that cannot be used; the message names the variable and what it takes."""


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    parse.__doc__ = f"a whole number from {low} to {high}"
    return parse


def _flag(text: str) -> bool:
    """true or false"""
    value = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    return value[text.strip().lower()]


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        by_lower = {word.lower(): word for word in words}
        return by_lower[text.strip().lower()]

    parse.__doc__ = "one of " + ", ".join(words)
    return parse


def _seconds(text: str) -> float:
    """a duration such as 500ms, 5s, 10m or 24h"""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text.strip())
    if not found:
        raise ValueError(text)
    unit = {"ms": 0.001, None: 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    return float(found[1]) * unit


def _time_of_day(text: str) -> time:
    """a time of day as HH:MM"""
    return time.fromisoformat(text.strip())


def _words(text: str) -> tuple[str, ...]:
    """words separated by spaces or commas"""
    return tuple(word for word in re.split(r"[\s,]+", text.strip()) if word)


def _scopes(text: str) -> tuple[str, ...]:
    """any of ingest, read, export, admin, separated by spaces"""
    words = _words(text)
    if set(words) - set(SCOPES):
        raise ValueError(text)
    return words


def _networks(text: str) -> tuple[str, ...]:
    """addresses or networks, as 10.0.0.0/8 127.0.0.1"""
    return tuple(str(ip_network(word)) for word in _words(text))


def _postgres_url(text: str) -> str:
    """a PostgreSQL URL, as postgresql://user:password@host:5432/database"""
    url = text.strip()
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError(text)
    return "postgresql+psycopg2://" + rest


def _redis_url(text: str) -> str:
    """a Redis URL, as redis://host:6379/0 or unix:///path/redis.sock?db=0"""
    url = text.strip()
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix", "redis+socket") or parts.port == 0:
        raise ValueError(text)
    return url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")


def _folder_url(text: str) -> str:
    """a folder, file:///folder or s3://bucket/folder"""
    url = text.strip()
    if not re.fullmatch(r"file://.+|s3://[^/:@?#]+(/[^?#]*)?|(?![\w+.-]+:/).+", url):
        raise ValueError(text)
    return url


def _secret(text: str) -> str:
    """at least 32 characters (openssl rand -hex 32)"""
    if len(text) < 32 and text not in WELL_KNOWN_SECRETS:
        raise ValueError(text)
    return text


def _text(text: str) -> str:
    """text"""
    return text


def _setting(
    default: Any,
    parse: Callable[[str], Any] = _text,
    doc: str = "",
    aliases: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    return field(default=default, metadata={"parse": parse, "doc": doc, "aliases": aliases, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. A field's environment name is its own name in capitals."""

    environment: str = _setting(
        "development", _one_of("development", "production", "test"), "production refuses unsafe defaults"
    )
    port: int = _setting(8000, _integer(1, 65535), "port of the web process", ("SERVICE_PORT",))
    log_level: str = _setting(
        "INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "least level that is logged"
    )
    enable_debug_logging: bool = _setting(False, _flag, "also log each SQL statement")

    database_url: str = _setting(
        "postgresql+psycopg2://localhost/analytics", _postgres_url, "the one PostgreSQL database", secret=True
    )
    db_pool_size: int = _setting(10, _integer(1, 1000), "connections kept a process", ("MAX_DB_CONNECTIONS",))
    db_max_overflow: int = _setting(20, _integer(0, 1000), "connections beyond those, while busy")
    celery_broker_url: str = _setting(
        "redis://localhost:6379/0",
        _redis_url,
        "Redis of the event buffer and the task queue; must not evict",
        secret=True,
    )
    celery_result_backend: str = _setting("", _redis_url, "Redis of task results; default: the broker", secret=True)
    redis_url: str = _setting("redis://localhost:6379/1", _redis_url, "Redis of the result cache", secret=True)
    redis_connection_pool_size: int = _setting(50, _integer(1, 10000), "Redis connections a process")

    jwt_secret_key: str = _setting(
        DEVELOPMENT_SECRET, _secret, "signs and verifies HS256 tokens", ("JWT_SECRET",), secret=True
    )
    jwt_public_key: str = _setting("", _text, "PEM; verifies RS256 or ES256 tokens instead", secret=True)
    jwt_algorithm: str = _setting("", _one_of("HS256", "RS256", "ES256"), "default: HS256, RS256 with JWT_PUBLIC_KEY")
    anonymous_scopes: tuple[str, ...] = _setting((), _scopes, "what a caller without a token may do")
    identity_salt: str = _setting(
        "", _secret, "keys the visitor hash; default: derived from JWT_SECRET_KEY", secret=True
    )
    auto_create_sites: bool = _setting(False, _flag, "make an unknown site at its first event")
    trusted_proxies: tuple[str, ...] = _setting((), _networks, "proxies whose X-Forwarded-For is believed")
    cors_origins: tuple[str, ...] = _setting((), _words, "origins of browsers; * in development when empty")

    max_batch_size: int = _setting(1000, _integer(1, 100_000), "events a request")
    max_body_bytes: int = _setting(5_000_000, _integer(1000, 500_000_000), "bytes a request, also after decompression")
    rate_limit_per_minute: int = _setting(0, _integer(0, 10**6), "requests a minute a caller; 0: any number")
    rate_limit_events_per_minute: int = _setting(
        0, _integer(0, 10**9), "events and samples a minute a caller; 0: any number"
    )
    max_backlog_events: int = _setting(2_000_000, _integer(1, 10**9), "events that may wait in Redis")
    max_backlog_bytes: int = _setting(256_000_000, _integer(100_000, 10**12), "bytes that may wait in Redis")
    batch_size: int = _setting(15_000, _integer(1, 200_000), "events of one drain transaction")
    batch_timeout: float = _setting(0.05, _seconds, "how long a drain waits for company")
    claim_after: float = _setting(30.0, _seconds, "silence after which a worker's events are taken over")
    event_retention_days: int = _setting(
        90, _integer(1, 36500), "days raw events are kept", ("ANALYTICS_RETENTION_DAYS", "RETENTION_DAYS")
    )
    partition_days: int = _setting(1, _integer(1, 31), "days a partition of events")
    metrics_retention_days: int = _setting(365, _integer(1, 36500), "days daily figures are kept")
    aggregation_time: time = _setting(  # noqa: RUF009  # a time cannot change
        time(0), _time_of_day, "time of a site's own day from which the day before is closed into daily figures"
    )
    aggregation_interval: float = _setting(
        86_400.0, _seconds, "least time between two writings of a closed day that late events change; 0: within minutes"
    )
    ledger_retention_days: int = _setting(90, _integer(1, 36500), "days of the ingest ledger")
    dead_letter_retention_days: int = _setting(90, _integer(1, 36500), "days dead letters are kept")
    anonymize_ips_after_days: int = _setting(30, _integer(0, 36500), "days until an IP is masked; 0: at the next run")
    anonymize_user_ids: bool = _setting(False, _flag, "store a keyed hash in place of a user_id; a restart applies it")
    archive_url: str = _setting(
        "", _folder_url, "where events go before they are dropped, as EXPORT_URL; empty: nowhere", secret=True
    )
    export_url: str = _setting(
        ".data/exports",
        _folder_url,
        "where finished exports are kept: a folder, or s3://bucket/folder with the credentials, region and endpoint "
        "that AWS's tools read (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL)",
        secret=True,
    )
    export_work_dir: str = _setting(
        "", _text, "where unfinished exports are kept; default: in the folder of EXPORT_URL, with S3 a temporary one"
    )
    export_ttl_hours: int = _setting(72, _integer(1, 87_600), "hours a finished export is kept")
    export_max_rows: int = _setting(50_000_000, _integer(1, 10**12), "rows of one export")
    export_running_a_caller: int = _setting(4, _integer(1, 1000), "exports of one caller that wait or run")
    export_quota_bytes: int = _setting(50 * 10**9, _integer(1000, 10**16), "bytes of all exports that are kept")
    worker_concurrency: int = _setting(
        2,
        _integer(1, 1000),
        "processes of a worker; exports take all but three of them, and never less than one",
        ("WORKER_COUNT",),
    )
    enable_geolocation: bool = _setting(True, _flag, "look up country (region, city) of an IP")
    geoip_database: str = _setting("", _text, "path of a MaxMind .mmdb file, for region and city")
    statement_timeout: float = _setting(30.0, _seconds, "longest a report's query may run")
    cache_ttl: float = _setting(300.0, _seconds, "how long a report of closed days is kept in REDIS_URL; 0: never")
    top_results_limit: int = _setting(10, _integer(1, 1000), "lines of a top list, unless `limit` asks for others")
    xlsx_direct_rows: int = _setting(100_000, _integer(1, 1_048_575), "rows of an XLSX file that is not made by a job")
    slow_request: float = _setting(0.5, _seconds, "requests above this are logged")

    @property
    def is_production(self) -> bool:
        return self.environment == "production"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `environ` (default: the process's). Raises `ConfigError`."""
    env = dict(os.environ if environ is None else environ)
    _compose_redis(env)
    values: dict[str, Any] = {}
    for entry in fields(Settings):
        name, text = _lookup(env, (entry.name.upper(), *entry.metadata["aliases"]))
        if text is not None:
            values[entry.name] = _parse(name, text, entry.metadata["parse"])
    settings = Settings(**values)
    if settings.is_production:
        _refuse_unsafe(settings)
    return settings


def _compose_redis(env: dict[str, str]) -> None:
    """REDIS_HOST and REDIS_PORT (seed 002) stand in for both URLs; a lone REDIS_URL also serves the broker."""
    if host := env.get("REDIS_HOST"):
        port = _parse("REDIS_PORT", env.get("REDIS_PORT") or "6379", _integer(1, 65535))
        env.setdefault("REDIS_URL", f"redis://{host}:{port}/1")
        env.setdefault("CELERY_BROKER_URL", f"redis://{host}:{port}/0")
    if (cache := env.get("REDIS_URL")) and not env.get("CELERY_BROKER_URL"):
        _parse("REDIS_URL", cache, _redis_url)
        # Another database of the same server, so that emptying the cache cannot empty the queue.
        base = re.sub(r"([?&]db=)\d+", r"\g<1>0", cache)
        env["CELERY_BROKER_URL"] = base if base != cache else re.sub(r"/\d+$", "", cache.rstrip("/")) + "/0"


def _lookup(env: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str | None]:
    for name in names:
        if env.get(name, "") != "":
            return name, env[name]
        if path := env.get(name + "_FILE"):
            try:
                return name, Path(path).read_text().strip()
            except OSError as error:
                raise ConfigError(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
    return names[0], None


def _parse(name: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except (ValueError, KeyError) as error:
        shown = "the value given" if "SECRET" in name or "URL" in name or "SALT" in name else repr(text)
        raise ConfigError(f"{name}: {shown} is not {parse.__doc__}") from error


def _refuse_unsafe(settings: Settings) -> None:
    if not settings.jwt_public_key and settings.jwt_secret_key in WELL_KNOWN_SECRETS:
        raise ConfigError("JWT_SECRET_KEY: set a secret of your own in production (openssl rand -hex 32)")
    if settings.identity_salt in WELL_KNOWN_SECRETS:
        raise ConfigError("IDENTITY_SALT: set a secret of your own in production (openssl rand -hex 32)")
    if settings.jwt_public_key and settings.jwt_secret_key in WELL_KNOWN_SECRETS and not settings.identity_salt:
        raise ConfigError("IDENTITY_SALT: needed in production when tokens are verified by JWT_PUBLIC_KEY")
    if "*" in settings.cors_origins:
        raise ConfigError("CORS_ORIGINS: * is for development; list the origins")

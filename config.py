"""Every setting: its environment variable, the seeds' aliases, type, unit and default.

`create_app` calls `load()`, which reads the environment and `.env` and returns `Settings`; an invalid value raises
`ConfigError` with its name, so that nothing starts half-configured. `NAME_FILE` names a file that holds the value.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import time
from pathlib import Path
from typing import Any

from config_safety import DEVELOPMENT_SECRET, find_unsafe, is_well_known, parse_secret
from config_values import (
    any_text,
    file_names,
    flag,
    folder_url,
    http_url,
    integer,
    networks,
    one_of,
    origins,
    postgres_url,
    public_url,
    redis_url,
    scopes,
    seconds,
    time_of_day,
    words,
)
from env_file import EnvFileError, complete

VERSION = "0.1.0"
ENV_FILE = Path(__file__).with_name(".env")


class ConfigError(Exception):
    """An invalid setting; the message names the variable and what it accepts."""


def _setting(
    default: Any,
    parse: Callable[[str], Any] = any_text,
    doc: str = "",
    aliases: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    return field(default=default, metadata={"parse": parse, "doc": doc, "aliases": aliases, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. A field's environment name is its own name in capitals."""

    environment: str = _setting(
        "development", one_of("development", "production", "test"), "production refuses unsafe defaults"
    )
    port: int = _setting(8000, integer(1, 65535), "port of the web process", ("SERVICE_PORT",))
    web_threads: int = _setting(8, integer(1, 1000), "threads of a web process for reports and administration")
    public_url: str = _setting(
        "",
        public_url,
        "address by which callers reach the service; makes links in responses and webhooks absolute",
    )
    log_level: str = _setting(
        "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "least level that is logged"
    )
    enable_debug_logging: bool = _setting(False, flag, "also log each SQL statement")

    database_url: str = _setting(
        "postgresql+psycopg2://localhost/analytics", postgres_url, "the one PostgreSQL database", secret=True
    )
    db_pool_size: int = _setting(10, integer(1, 1000), "connections kept a process", ("MAX_DB_CONNECTIONS",))
    db_max_overflow: int = _setting(20, integer(0, 1000), "connections beyond those, while busy")
    celery_broker_url: str = _setting(
        "redis://localhost:6379/0",
        redis_url,
        "Redis of the event buffer and the task queue; must not evict",
        secret=True,
    )
    celery_result_backend: str = _setting("", redis_url, "Redis of task results; default: the broker", secret=True)
    redis_url: str = _setting(
        "redis://localhost:6379/1",
        redis_url,
        "Redis of the result cache; default: the server of CELERY_BROKER_URL, database 1",
        secret=True,
    )
    redis_connection_pool_size: int = _setting(50, integer(1, 10000), "Redis connections a process")

    jwt_secret_key: str = _setting(
        DEVELOPMENT_SECRET, parse_secret, "signs and verifies HS256 tokens", ("JWT_SECRET",), secret=True
    )
    jwt_public_key: str = _setting("", any_text, "PEM; verifies RS256 or ES256 tokens instead", secret=True)
    jwt_jwks_url: str = _setting("", http_url, "where the issuer publishes its keys, instead of JWT_PUBLIC_KEY")
    jwt_audience: tuple[str, ...] = _setting(
        (), words, "aud of accepted tokens, one of these; needed with JWT_PUBLIC_KEY or JWT_JWKS_URL"
    )
    jwt_issuer: str = _setting("", any_text, "iss of accepted tokens; needed with JWT_PUBLIC_KEY or JWT_JWKS_URL")
    jwt_algorithm: str = _setting(
        "",
        one_of("HS256", "RS256", "ES256"),
        "default: HS256; RS256 with JWT_PUBLIC_KEY; RS256 and ES256 with JWT_JWKS_URL",
    )
    admin_password: str = _setting(
        "", any_text, "password of the account admin of the dashboard; none: the accounts of flask user", secret=True
    )
    sign_in_secret: str = _setting(
        "",
        parse_secret,
        "outside production: who has it signs in as admin by a link; make run makes one, and prints the link",
        secret=True,
    )
    session_days: int = _setting(14, integer(1, 365), "days after which somebody must sign in to the dashboard again")
    anonymous_scopes: tuple[str, ...] = _setting((), scopes, "what a caller without a token may do")
    identity_salt: str = _setting(
        "", parse_secret, "keys the visitor hash; default: derived from JWT_SECRET_KEY", secret=True
    )
    auto_create_sites: bool = _setting(False, flag, "create an unknown site at its first event")
    trusted_proxies: tuple[str, ...] = _setting((), networks, "proxies whose CLIENT_ADDRESS_HEADER is believed")
    client_address_header: str = _setting(
        "x-forwarded-for", one_of("x-forwarded-for", "forwarded"), "where TRUSTED_PROXIES write a caller's address"
    )
    cors_origins: tuple[str, ...] = _setting(
        (),
        origins,
        "origins of browsers, besides those of sites and keys; in development, when empty, those of this machine",
    )
    sdk_folder: str = _setting(
        "", any_text, "folder of the browser clients, with package.json and dist/; default: sdk beside the package"
    )
    sdk_names: tuple[tuple[str, str], ...] = _setting(
        (), file_names, "other names of files under /sdk/, as ad blockers know the usual ones: tracker.js=insight.js"
    )

    max_batch_size: int = _setting(1000, integer(1, 100_000), "events a request")
    max_body_bytes: int = _setting(5_000_000, integer(1000, 500_000_000), "bytes a request, also after decompression")
    rate_limit_per_minute: int = _setting(0, integer(0, 10**6), "requests a minute a caller; 0: any number")
    rate_limit_events_per_minute: int = _setting(
        0, integer(0, 10**9), "events and samples a minute a caller; 0: any number"
    )
    public_rate_limit_per_minute: int = _setting(
        600, integer(0, 10**6), "requests a minute an address with a publishable key or without a token; 0: any number"
    )
    public_rate_limit_events_per_minute: int = _setting(
        6000, integer(0, 10**9), "the same of events and samples; 0: any number"
    )
    max_backlog_events: int = _setting(2_000_000, integer(1, 10**9), "events that may wait in Redis")
    max_backlog_bytes: int = _setting(256_000_000, integer(100_000, 10**12), "bytes that may wait in Redis")
    batch_size: int = _setting(15_000, integer(1, 200_000), "events of one drain transaction")
    batch_timeout: float = _setting(0.05, seconds, "how long a drain waits for more entries")
    claim_after: float = _setting(30.0, seconds, "silence after which another worker claims a worker's events")
    event_retention_days: int = _setting(
        90, integer(1, 36500), "days raw events are kept", ("ANALYTICS_RETENTION_DAYS", "RETENTION_DAYS")
    )
    partition_days: int = _setting(1, integer(1, 31), "days a partition of events")
    metrics_retention_days: int = _setting(365, integer(1, 36500), "days daily figures are kept")
    aggregation_time: time = _setting(  # noqa: RUF009  # a time cannot change
        time(0), time_of_day, "time of a site's own day from which the day before is closed into daily figures"
    )
    aggregation_interval: float = _setting(
        86_400.0, seconds, "least time between two writings of a closed day that late events change; 0: within minutes"
    )
    ledger_retention_days: int = _setting(90, integer(1, 36500), "days of the ingest ledger")
    dead_letter_retention_days: int = _setting(90, integer(1, 36500), "days dead letters are kept")
    anonymize_ips_after_days: int = _setting(30, integer(0, 36500), "days until an IP is masked; 0: at the next run")
    anonymize_user_ids: bool = _setting(False, flag, "store a keyed hash in place of a user_id; a restart applies it")
    archive_url: str = _setting(
        "", folder_url, "where events are archived before they are dropped, as EXPORT_URL; empty: nowhere", secret=True
    )
    export_url: str = _setting(
        ".data/exports",
        folder_url,
        "where finished exports are kept: a folder, or s3://bucket/folder with the credentials, region and endpoint "
        "that AWS's tools read (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL)",
        secret=True,
    )
    export_work_dir: str = _setting(
        "", any_text, "where unfinished exports are kept; default: in the folder of EXPORT_URL, with S3 a temporary one"
    )
    export_ttl_hours: int = _setting(72, integer(1, 87_600), "hours a finished export is kept")
    export_max_rows: int = _setting(50_000_000, integer(1, 10**12), "rows of one export")
    export_running_a_caller: int = _setting(4, integer(1, 1000), "exports of one caller that wait or run")
    export_quota_bytes: int = _setting(50 * 10**9, integer(1000, 10**16), "bytes of all exports that are kept")
    worker_concurrency: int = _setting(
        2,
        integer(1, 1000),
        "processes of a worker; exports take all but three of them, and never less than one",
        ("WORKER_COUNT",),
    )
    enable_geolocation: bool = _setting(True, flag, "look up country, region and city of an IP")
    geoip_database: str = _setting("", any_text, "path of a MaxMind .mmdb file, for region and city")
    live_streams_a_caller: int = _setting(
        20, integer(1, 100), "live streams (Server-Sent Events) of one caller in a web process"
    )
    downloads_a_caller: int = _setting(
        3, integer(1, 1000), "raw events and files of exports that one caller downloads at a time from a web process"
    )
    statement_timeout: float = _setting(30.0, seconds, "longest a report's query may run")
    query_memory_mb: int = _setting(256, integer(64, 1_000_000), "memory of a query of columns; more goes to disk")
    columns_folder: str = _setting(
        "", any_text, "folder of this machine for copies of column files; default: in the temporary folder"
    )
    columns_folder_mb: int = _setting(
        2048, integer(64, 10**7), "most megabytes of these copies, and what queries spill"
    )
    cache_ttl: float = _setting(300.0, seconds, "how long a report of closed days is kept in REDIS_URL; 0: never")
    top_results_limit: int = _setting(10, integer(1, 1000), "rows of a top list without `limit`")
    xlsx_direct_rows: int = _setting(20_000, integer(1, 1_048_575), "most rows of a direct XLSX download")
    slow_request: float = _setting(0.5, seconds, "duration from which a request is logged, whatever ACCESS_LOG says")
    access_log: str = _setting(
        "errors",
        one_of("off", "errors", "all"),
        "requests that are logged; errors: status 400 and above, batches with rejected events, broken streams",
    )

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def has_external_issuer(self) -> bool:
        """True when another service signs the tokens."""
        return bool(self.jwt_public_key or self.jwt_jwks_url)

    @property
    def has_published_secret(self) -> bool:
        """True when everybody knows what tokens, or with another issuer signed links, are signed with."""
        salt = self.identity_salt if self.has_external_issuer else ""
        return is_well_known(salt or self.jwt_secret_key)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `environ` (default: the process's, which `.env` completes). Raises `ConfigError`."""
    if environ is None:
        # Libraries read variables of their own from the environment, for example AWS_ACCESS_KEY_ID.
        os.environ.update(add_env_file(os.environ))
    env = dict(os.environ if environ is None else environ)
    _compose_redis(env)
    values: dict[str, Any] = {}
    for entry in fields(Settings):
        name, text = _lookup(env, (entry.name.upper(), *entry.metadata["aliases"]))
        if text is not None:
            values[entry.name] = _parse(name, text, entry.metadata["parse"])
    settings = Settings(**values)
    if settings.is_production and (unsafe := find_unsafe(settings)):
        raise ConfigError(unsafe)
    return settings


def add_env_file(environ: Mapping[str, str], path: Path = ENV_FILE) -> dict[str, str]:
    """`environ` completed from the file `path`, unless FLASK_SKIP_DOTENV is set, which also keeps `flask` from it.

    A setting that `environ` has under any of its names stays as it is there. Raises `ConfigError`.
    """
    try:
        return complete(environ, path, names_of)
    except EnvFileError as error:
        raise ConfigError(str(error)) from error


def names_of(variable: str) -> tuple[str, ...]:
    """Every variable that sets what `variable` sets: aliases, each also as `NAME_FILE`; REDIS_HOST for both URLs."""
    name = variable.removesuffix("_FILE")
    groups = [(entry.name.upper(), *entry.metadata["aliases"]) for entry in fields(Settings)]
    group = next((names for names in groups if name in names), (variable,))
    hosts = ("REDIS_HOST",) if name in ("REDIS_URL", "CELERY_BROKER_URL") else ()
    return (*group, *(f"{known}_FILE" for known in group), *hosts)


def _compose_redis(env: dict[str, str]) -> None:
    """REDIS_HOST and REDIS_PORT (seed 002) stand in for both URLs, and each URL for the other: database 0 of the server
    is the broker's, 1 the cache's, so that emptying the cache cannot empty the queue."""
    if host := env.get("REDIS_HOST"):
        port = _parse("REDIS_PORT", env.get("REDIS_PORT") or "6379", integer(1, 65535))
        _set_default(env, "REDIS_URL", f"redis://{host}:{port}/1")
        _set_default(env, "CELERY_BROKER_URL", f"redis://{host}:{port}/0")
    _, cache = _lookup(env, ("REDIS_URL",))
    _, broker = _lookup(env, ("CELERY_BROKER_URL",))
    if cache and not broker:
        _set_default(env, "CELERY_BROKER_URL", _with_database(_parse("REDIS_URL", cache, redis_url), 0))
    elif broker and not cache:
        url = _parse("CELERY_BROKER_URL", broker, redis_url)
        _set_default(env, "REDIS_URL", _with_database(url, 2 if url == _with_database(url, 1) else 1))


def _set_default(env: dict[str, str], name: str, value: str) -> None:
    if not env.get(name) and not env.get(f"{name}_FILE"):
        env[name] = value


def _with_database(url: str, number: int) -> str:
    """The URL with that database, which the parameter `db` names, or else the path."""
    address, _, query = url.partition("?")
    query, replaced = re.subn(r"((?:^|&)db=)\d*", rf"\g<1>{number}", query)
    if not replaced and address.startswith("unix:"):
        query = f"{query}&db={number}".lstrip("&")
    elif not replaced:
        address = "/".join(address.split("/")[:3]) + f"/{number}"
    return f"{address}?{query}" if query else address


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

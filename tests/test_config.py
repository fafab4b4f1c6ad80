"""Settings: names, aliases, files, and errors at the start."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis

from config import ConfigError, Settings, load

OWN_SECRET = "0f4c7d9e2b8a6135" + "c1a9e7b3d5f20846"
SAFE = {"ENVIRONMENT": "production", "JWT_SECRET_KEY": OWN_SECRET}
EXTERNAL = {"ENVIRONMENT": "production", "JWT_JWKS_URL": "https://login.example.com/jwks", "IDENTITY_SALT": OWN_SECRET}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"), ("PORT", "70000"), ("MAX_BATCH_SIZE", "0"), ("LOG_LEVEL", "LOUD"), ("AUTO_CREATE_SITES", "maybe"),
        ("BATCH_TIMEOUT", "soon"), ("ANONYMOUS_SCOPES", "everything"), ("TRUSTED_PROXIES", "300.1.1.1"),
        ("CLIENT_ADDRESS_HEADER", "X-Real-IP"),
        ("DATABASE_URL", "mysql://x"), ("REDIS_URL", "http://x"), ("ENVIRONMENT", "staging"), ("JWT_SECRET_KEY", "short"),
        ("RETENTION_DAYS", "-1"), ("REDIS_PORT", "x"), ("EXPORT_URL", "gs://bucket/folder"), ("EXPORT_URL", "s3://"),
        ("EXPORT_URL", "s3:/bucket"), ("EXPORT_URL", "s3://key:secret@host/bucket"), ("ARCHIVE_URL", "memory://x"),
        ("ARCHIVE_URL", "s3:///folder"), ("ARCHIVE_URL", "file:/x"), ("JWT_SECRET_KEY", " " * 40), ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "https://shop.example null"), ("CORS_ORIGINS", "https://shop.example/"), ("CORS_ORIGINS", "shop.example"),
        ("JWT_JWKS_URL", "login.example.com"), ("JWT_JWKS_URL", "https://me:word@login.example.com/jwks"),
        ("JWT_JWKS_URL", "file:///etc/passwd"), ("JWT_JWKS_URL", "https://login.example.com:0/"),
        ("PUBLIC_URL", "analytics.example.com"), ("PUBLIC_URL", "ftp://a.example"), ("PUBLIC_URL", "https://a.example/?b"),
        ("PUBLIC_URL", "https://user@a.example"), ("PUBLIC_URL", "https:// a"), ("PUBLIC_URL", "http://a.example:x"),
    ],
)  # fmt: skip
def test_invalid_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name}: "):
        load({name: value, "REDIS_HOST": "localhost"} if name == "REDIS_PORT" else {name: value})


@pytest.mark.parametrize(
    "url", ["s3://bucket", "s3://bucket/a/b", "file:///data/x", "/data/x", ".data/exports", "a/b:c"]
)
def test_a_folder_may_be_in_a_bucket(url: str) -> None:
    assert load({"EXPORT_URL": url, "ARCHIVE_URL": url}).export_url == url


@pytest.mark.parametrize(
    ("url", "base"),
    [("https://a.example/", "https://a.example"), ("http://[::1]:8000/b/", "http://[::1]:8000/b"), ("", "")],
)
def test_public_url_ends_without_a_slash(url: str, base: str) -> None:
    assert load({"PUBLIC_URL": url}).public_url == base


def test_secrets_are_not_repeated_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"DATABASE_URL": "mysql://user:hunter2@x"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        ({"SERVICE_PORT": "8002"}, "port", 8002),
        ({"JWT_SECRET": "x" * 32}, "jwt_secret_key", "x" * 32),
        ({"RETENTION_DAYS": "30"}, "event_retention_days", 30),
        ({"ANALYTICS_RETENTION_DAYS": "365"}, "event_retention_days", 365),
        ({"MAX_DB_CONNECTIONS": "100"}, "db_pool_size", 100),
        ({"WORKER_COUNT": "10"}, "worker_concurrency", 10),
        ({"BATCH_TIMEOUT": "5s"}, "batch_timeout", 5.0),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "6380"}, "redis_url", "redis://redis:6380/1"),
        ({"REDIS_HOST": "redis"}, "celery_broker_url", "redis://redis:6379/0"),
        ({"REDIS_URL": "redis://cache:6379/1"}, "celery_broker_url", "redis://cache:6379/0"),
        ({"REDIS_URL": "unix:///tmp/r.sock?db=1"}, "celery_broker_url", "unix:///tmp/r.sock?db=0"),
        ({"REDIS_URL": "unix:///tmp/r.sock"}, "celery_broker_url", "unix:///tmp/r.sock?db=0"),
        ({"CELERY_BROKER_URL": "redis://:p%2Fw@queue:6380/0"}, "redis_url", "redis://:p%2Fw@queue:6380/1"),
        ({"CELERY_BROKER_URL": "rediss://queue?ssl_ca_certs=x"}, "redis_url", "rediss://queue/1?ssl_ca_certs=x"),
        ({"CELERY_BROKER_URL": "redis://queue/?db=0"}, "redis_url", "redis://queue/?db=1"),
        ({"CELERY_BROKER_URL": "redis+socket:///r.sock?virtual_host=0"}, "redis_url", "unix:///r.sock?db=1"),
        # Emptying the cache must not empty the queue.
        ({"CELERY_BROKER_URL": "redis://queue/1"}, "redis_url", "redis://queue/2"),
        ({"CELERY_BROKER_URL": "redis://queue/0", "REDIS_URL": "redis://cache/0"}, "redis_url", "redis://cache/0"),
        ({"REDIS_HOST": "redis", "CELERY_BROKER_URL": "redis://queue/0"}, "redis_url", "redis://redis:6379/1"),
        (
            {"DATABASE_URL": "postgres://u:p@h/d?sslmode=disable"},
            "database_url",
            "postgresql+psycopg2://u:p@h/d?sslmode=disable",
        ),
    ],
)
def test_aliases_of_the_seeds_are_read(environ: dict[str, str], field: str, value: object) -> None:
    assert getattr(load(environ), field) == value


# All variables that the seeds' READMEs name.
SEED_VARIABLES = """
DATABASE_URL REDIS_URL SERVICE_PORT ENVIRONMENT CACHE_TTL BATCH_SIZE ENABLE_GEOLOCATION ANALYTICS_RETENTION_DAYS
TOP_RESULTS_LIMIT LOG_LEVEL ENABLE_DEBUG_LOGGING DB_POOL_SIZE DB_MAX_OVERFLOW REDIS_CONNECTION_POOL_SIZE
ANONYMIZE_IPS_AFTER_DAYS JWT_SECRET_KEY CELERY_BROKER_URL CELERY_RESULT_BACKEND MAX_BATCH_SIZE RATE_LIMIT_PER_MINUTE
EVENT_RETENTION_DAYS METRICS_RETENTION_DAYS REDIS_HOST REDIS_PORT PORT JWT_SECRET BATCH_TIMEOUT WORKER_COUNT RETENTION_DAYS
MAX_DB_CONNECTIONS AGGREGATION_INTERVAL AGGREGATION_TIME
"""


def test_every_variable_of_the_seeds_is_read() -> None:
    names = {name for field in fields(Settings) for name in (field.name.upper(), *field.metadata["aliases"])}
    # The Redis URLs are composed of these two.
    assert set(SEED_VARIABLES.split()) - names == {"REDIS_HOST", "REDIS_PORT"}


def test_value_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s" * 40 + "\n")
    assert load({"JWT_SECRET_KEY_FILE": str(tmp_path / "secret")}).jwt_secret_key == "s" * 40
    with pytest.raises(ConfigError, match="JWT_SECRET_KEY_FILE: cannot read"):
        load({"JWT_SECRET_KEY_FILE": str(tmp_path / "none")})


def test_broker_in_a_file_also_gives_the_cache_its_server(tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("redis://queue:6379/0\n")
    assert load({"CELERY_BROKER_URL_FILE": str(tmp_path / "broker")}).redis_url == "redis://queue:6379/1"


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"ENVIRONMENT": "production"}, "JWT_SECRET_KEY"),
        ({"ENVIRONMENT": "production", "JWT_SECRET_KEY": "your-jwt-secret-key"}, "JWT_SECRET_KEY"),
        ({**SAFE, "JWT_SECRET_KEY": "A-String-Secret-At-Least-256-Bits-Long "}, "JWT_SECRET_KEY"),
        ({**SAFE, "JWT_SECRET_KEY": "k" * 40}, "JWT_SECRET_KEY"),
        ({**SAFE, "JWT_SECRET_KEY": "abcabcd" * 6}, "JWT_SECRET_KEY"),
        ({**SAFE, "JWT_SECRET_KEY": "1234567890" * 3 + "12"}, "JWT_SECRET_KEY"),
        ({**SAFE, "IDENTITY_SALT": "changeme"}, "IDENTITY_SALT"),
        ({**SAFE, "IDENTITY_SALT": "0" * 64}, "IDENTITY_SALT"),
        ({**EXTERNAL, "IDENTITY_SALT": ""}, "IDENTITY_SALT"),
        ({**EXTERNAL, "JWT_JWKS_URL": "http://login.example.com/jwks"}, "JWT_JWKS_URL"),
        ({**SAFE, "CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
        ({**SAFE, "ANONYMOUS_SCOPES": "admin"}, "ANONYMOUS_SCOPES"),
        ({**SAFE, "ANONYMOUS_SCOPES": "read export"}, "ANONYMOUS_SCOPES"),
        ({**SAFE, "ANONYMOUS_SCOPES": "ingest write"}, "ANONYMOUS_SCOPES"),
        ({**SAFE, "ANONYMOUS_SCOPES": "ingest", "AUTO_CREATE_SITES": "true"}, "AUTO_CREATE_SITES"),
        ({**SAFE, "TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES"),
        ({**SAFE, "TRUSTED_PROXIES": "10.0.0.0/8 ::/0"}, "TRUSTED_PROXIES"),
        ({**SAFE, "TRUSTED_PROXIES": "0.0.0.0/1,128.0.0.0/1"}, "TRUSTED_PROXIES"),
        ({**SAFE, "TRUSTED_PROXIES": "2000::/3"}, "TRUSTED_PROXIES"),
    ],
)
def test_production_refuses_unsafe_settings(environ: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name}: "):
        load(environ)


@pytest.mark.parametrize(
    "environ",
    [
        SAFE,
        EXTERNAL,
        {**EXTERNAL, "JWT_JWKS_URL": "http://127.0.0.1:9000/jwks"},
        {**SAFE, "ANONYMOUS_SCOPES": "ingest read", "TRUSTED_PROXIES": "10.0.0.0/8 fd00::/8 127.0.0.1"},
        {**SAFE, "ANONYMOUS_SCOPES": "read", "AUTO_CREATE_SITES": "true"},
        {**SAFE, "CORS_ORIGINS": "https://shop.example,http://127.0.0.1:5173 capacitor://localhost"},
    ],
)
def test_production_starts_with_safe_settings(environ: dict[str, str]) -> None:
    assert load(environ).is_production


def test_production_refuses_a_redis_that_evicts(make_app: Callable[..., Flask], redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ConfigError, match=r"CELERY_BROKER_URL.*noeviction"):
            make_app(environment="production")
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
    assert make_app(environment="production")


def test_every_setting_is_described() -> None:
    assert [field.name for field in fields(Settings) if not field.metadata["doc"]] == []

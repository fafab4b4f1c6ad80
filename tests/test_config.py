"""Settings: names, aliases, files, and what stops the start."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis

from config import ConfigError, Settings, load

SAFE = {"ENVIRONMENT": "production", "JWT_SECRET_KEY": "k" * 40}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"), ("PORT", "70000"), ("MAX_BATCH_SIZE", "0"), ("LOG_LEVEL", "LOUD"), ("AUTO_CREATE_SITES", "maybe"),
        ("BATCH_TIMEOUT", "soon"), ("ANONYMOUS_SCOPES", "everything"), ("TRUSTED_PROXIES", "300.1.1.1"),
        ("DATABASE_URL", "mysql://x"), ("REDIS_URL", "http://x"), ("ENVIRONMENT", "staging"), ("JWT_SECRET_KEY", "short"),
        ("RETENTION_DAYS", "-1"), ("REDIS_PORT", "x"), ("EXPORT_URL", "gs://bucket/folder"), ("EXPORT_URL", "s3://"),
        ("EXPORT_URL", "s3:/bucket"), ("EXPORT_URL", "s3://key:secret@host/bucket"), ("ARCHIVE_URL", "memory://x"),
        ("ARCHIVE_URL", "s3:///folder"), ("ARCHIVE_URL", "file:/x"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name}: "):
        load({name: value, "REDIS_HOST": "localhost"} if name == "REDIS_PORT" else {name: value})


@pytest.mark.parametrize(
    "url", ["s3://bucket", "s3://bucket/a/b", "file:///data/x", "/data/x", ".data/exports", "a/b:c"]
)
def test_a_folder_may_be_in_a_bucket(url: str) -> None:
    assert load({"EXPORT_URL": url, "ARCHIVE_URL": url}).export_url == url


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
        (
            {"DATABASE_URL": "postgres://u:p@h/d?sslmode=disable"},
            "database_url",
            "postgresql+psycopg2://u:p@h/d?sslmode=disable",
        ),
    ],
)
def test_the_seeds_names_are_understood(environ: dict[str, str], field: str, value: object) -> None:
    assert getattr(load(environ), field) == value


# All that their READMEs name.
SEED_VARIABLES = """
DATABASE_URL REDIS_URL SERVICE_PORT ENVIRONMENT CACHE_TTL BATCH_SIZE ENABLE_GEOLOCATION ANALYTICS_RETENTION_DAYS
TOP_RESULTS_LIMIT LOG_LEVEL ENABLE_DEBUG_LOGGING DB_POOL_SIZE DB_MAX_OVERFLOW REDIS_CONNECTION_POOL_SIZE
ANONYMIZE_IPS_AFTER_DAYS JWT_SECRET_KEY CELERY_BROKER_URL CELERY_RESULT_BACKEND MAX_BATCH_SIZE RATE_LIMIT_PER_MINUTE
EVENT_RETENTION_DAYS METRICS_RETENTION_DAYS REDIS_HOST REDIS_PORT PORT JWT_SECRET BATCH_TIMEOUT WORKER_COUNT RETENTION_DAYS
MAX_DB_CONNECTIONS AGGREGATION_INTERVAL AGGREGATION_TIME
"""


def test_every_variable_of_the_seeds_is_read() -> None:
    names = {name for field in fields(Settings) for name in (field.name.upper(), *field.metadata["aliases"])}
    # Of these two the URLs are made.
    assert set(SEED_VARIABLES.split()) - names == {"REDIS_HOST", "REDIS_PORT"}


def test_a_value_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s" * 40 + "\n")
    assert load({"JWT_SECRET_KEY_FILE": str(tmp_path / "secret")}).jwt_secret_key == "s" * 40
    with pytest.raises(ConfigError, match="JWT_SECRET_KEY_FILE: cannot read"):
        load({"JWT_SECRET_KEY_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"ENVIRONMENT": "production"}, "JWT_SECRET_KEY"),
        ({"ENVIRONMENT": "production", "JWT_SECRET_KEY": "your-jwt-secret-key"}, "JWT_SECRET_KEY"),
        ({**SAFE, "IDENTITY_SALT": "changeme"}, "IDENTITY_SALT"),
        ({**SAFE, "CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
    ],
)
def test_production_refuses_unsafe_settings(environ: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name}: "):
        load(environ)


def test_production_starts_with_a_secret_of_its_own() -> None:
    assert load(SAFE).is_production


def test_production_refuses_a_redis_that_evicts(make_app: Callable[..., Flask], redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ConfigError, match=r"CELERY_BROKER_URL.*noeviction"):
            make_app(environment="production")
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
    assert make_app(environment="production")


def test_every_setting_says_what_it_is() -> None:
    assert [field.name for field in fields(Settings) if not field.metadata["doc"]] == []

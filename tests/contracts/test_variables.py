"""The variables of the seeds' own examples are read: each seed's environment, and the settings that it means."""

from datetime import time
from typing import Any

import pytest

from config import load

VARIABLES = [
    pytest.param(
        {
            "DATABASE_URL": "postgresql://username:password@localhost:5432/url_shortener_db",
            "REDIS_URL": "redis://localhost:6379/1",
            "SERVICE_PORT": "8002",
            "ENVIRONMENT": "development",
            "CACHE_TTL": "300",
            "BATCH_SIZE": "1000",
            "ENABLE_GEOLOCATION": "true",
            "ANALYTICS_RETENTION_DAYS": "365",
            "TOP_RESULTS_LIMIT": "10",
            "LOG_LEVEL": "INFO",
            "ENABLE_DEBUG_LOGGING": "false",
            "DB_POOL_SIZE": "10",
            "DB_MAX_OVERFLOW": "20",
            "REDIS_CONNECTION_POOL_SIZE": "10",
            "ANONYMIZE_IPS_AFTER_DAYS": "30",
        },
        {
            "database_url": "postgresql+psycopg2://username:password@localhost:5432/url_shortener_db",
            "redis_url": "redis://localhost:6379/1",
            "port": 8002,
            "environment": "development",
            "cache_ttl": 300.0,
            "batch_size": 1000,
            "enable_geolocation": True,
            "event_retention_days": 365,
            "top_results_limit": 10,
            "log_level": "INFO",
            "enable_debug_logging": False,
            "db_pool_size": 10,
            "db_max_overflow": 20,
            "redis_connection_pool_size": 10,
            "anonymize_ips_after_days": 30,
        },
        id="0.V",
    ),
    pytest.param(
        {
            "DATABASE_URL": "postgresql://user:pass@host:5432/dbname",
            "JWT_SECRET_KEY": "your-jwt-secret-key",
            "CELERY_BROKER_URL": "redis://redis:6379/0",
            "CELERY_RESULT_BACKEND": "redis://redis:6379/0",
            "MAX_BATCH_SIZE": "1000",
            "RATE_LIMIT_PER_MINUTE": "100",
            "EVENT_RETENTION_DAYS": "90",
            "METRICS_RETENTION_DAYS": "365",
            "LOG_LEVEL": "DEBUG",
        },
        {
            "max_batch_size": 1000,
            "event_retention_days": 90,
            "log_level": "DEBUG",
            "rate_limit_per_minute": 100,
            "metrics_retention_days": 365,
            "celery_broker_url": "redis://redis:6379/0",
        },
        id="1.V",
    ),
    pytest.param(
        {
            "REDIS_HOST": "redis",
            "REDIS_PORT": "6379",
            "DATABASE_URL": "postgresql://analytics:analytics123@postgres:5432/analytics_db",
        },
        {
            "celery_broker_url": "redis://redis:6379/0",
            "redis_url": "redis://redis:6379/1",
            "database_url": "postgresql+psycopg2://analytics:analytics123@postgres:5432/analytics_db",
        },
        id="2.V",
    ),
    pytest.param(
        {
            "ENVIRONMENT": "development",
            "PORT": "3002",
            "DATABASE_URL": "postgres://user:pass@localhost:5432/analytics?sslmode=disable",
            "LOG_LEVEL": "info",
            "JWT_SECRET": "your-secret-key",
            "BATCH_SIZE": "1000",
            "BATCH_TIMEOUT": "5s",
            "WORKER_COUNT": "10",
            "RETENTION_DAYS": "30",
            "MAX_DB_CONNECTIONS": "100",
            "AGGREGATION_INTERVAL": "24h",
            "AGGREGATION_TIME": "00:00",
        },
        {
            "environment": "development",
            "port": 3002,
            "log_level": "INFO",
            "jwt_secret_key": "your-secret-key",
            "database_url": "postgresql+psycopg2://user:pass@localhost:5432/analytics?sslmode=disable",
            "batch_size": 1000,
            "batch_timeout": 5.0,
            "worker_concurrency": 10,
            "event_retention_days": 30,
            "db_pool_size": 100,
            "aggregation_interval": 86_400.0,
            "aggregation_time": time(0),
        },
        id="4.V",
    ),
]


@pytest.mark.parametrize(("variables", "expected"), VARIABLES)
def test_0_v_1_v_2_v_4_v_the_seeds_variables_are_read(variables: dict[str, str], expected: dict[str, Any]) -> None:
    found = load(variables)
    assert {name: getattr(found, name) for name in expected} == expected

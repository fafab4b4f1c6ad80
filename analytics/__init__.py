"""`create_app()`: extensions, then errors, then the blueprints in the order of the pipeline."""

import logging
from importlib import import_module

from flask import Flask
from jwt import PyJWTError, get_algorithm_by_name
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from analytics import errors, queue, telemetry
from analytics.application import App
from analytics.extensions import db, jwt, migrate
from config import ConfigError, Settings, load

__version__ = "0.1.0"
log = logging.getLogger(__name__)

BLUEPRINTS = (
    "analytics.ingest.views",
    "analytics.ingest.sample_views",
    "analytics.reports.views",
    "analytics.reports.sample_views",
    "analytics.reports.event_list_views",
    "analytics.reports.canonical_views",
    "analytics.reports.overview_views",
    "analytics.reports.link_views",
    "analytics.reports.site_stats_views",
    "analytics.reports.website_views",
    "analytics.reports.realtime_views",
    "analytics.funnels.views",
    "analytics.insights.views",
    "analytics.insights.goal_views",
    "analytics.exports.views",
    "analytics.exports.schedule_views",
    "analytics.auth.views",
    "analytics.ops.views",
    "analytics.ops.trace_view",
    "analytics.ops.docs_views",
)
# How long a request waits for one of the process's connections to PostgreSQL.
POOL_WAIT_S = 5


def create_app(settings: Settings | None = None) -> Flask:
    """The whole web application, also the context of every task and command. Raises ConfigError."""
    settings = settings or load()
    app = App(__name__, static_folder=None)
    _configure(app, settings)
    telemetry.init_app(app, settings)
    db.init_app(app)
    migrate.init_app(app, db, directory="migrations")
    jwt.init_app(app)
    errors.register(app)
    for name in BLUEPRINTS:
        app.register_blueprint(import_module(name).blueprint)
    from analytics import cli

    cli.register(app)
    if settings.is_production:
        _refuse_eviction(app.extensions["buffer_redis"])
    return app


def _refuse_eviction(redis: Redis) -> None:
    """An instance that evicts may drop accepted events. One that is away now is looked at by the next start."""
    try:
        policy = redis.info("memory").get("maxmemory_policy", "noeviction")
    except RedisError:
        log.warning("Redis is away: its maxmemory-policy was not checked")
        return
    if policy != "noeviction":
        raise ConfigError(
            f"CELERY_BROKER_URL: this Redis may evict accepted events (maxmemory-policy {policy}); set it to noeviction"
        )


def _configure(app: Flask, settings: Settings) -> None:
    app.extensions["settings"] = settings
    algorithm = settings.jwt_algorithm or ("RS256" if settings.jwt_public_key else "HS256")
    _check_public_key(settings.jwt_public_key, algorithm)
    app.extensions["celery"] = queue.make_celery(settings)
    app.extensions["buffer_redis"] = _redis(settings.celery_broker_url, settings)
    app.extensions["append_redis"] = app.extensions["buffer_redis"]
    app.extensions["cache_redis"] = _redis(settings.redis_url, settings)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": settings.db_pool_size,
            "max_overflow": settings.db_max_overflow,
            "pool_pre_ping": True,
            "pool_timeout": POOL_WAIT_S,
            "connect_args": {"connect_timeout": 5, "application_name": "analytics"},
        },
        JWT_SECRET_KEY=settings.jwt_secret_key,
        JWT_PUBLIC_KEY=settings.jwt_public_key or None,
        JWT_ALGORITHM=algorithm,
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]


def _check_public_key(pem: str, algorithm: str) -> None:
    """Raises ConfigError for a key that could verify nothing: every token would be refused, one by one."""
    if algorithm == "HS256" and not pem:
        return
    try:
        if algorithm == "HS256":
            raise ValueError("JWT_ALGORITHM is HS256, which takes JWT_SECRET_KEY")
        get_algorithm_by_name(algorithm).prepare_key(pem)
    except (ValueError, PyJWTError) as error:
        raise ConfigError(f"JWT_PUBLIC_KEY: not a PEM public key for {algorithm}: {error}") from error


def _redis(url: str, settings: Settings) -> Redis:
    return Redis.from_url(
        url,
        max_connections=settings.redis_connection_pool_size,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
        # No silent second attempt: an append whose reply was lost would be made twice. A connection that died while it
        # lay in the pool is noticed, and replaced, when it is taken out.
        retry=Retry(NoBackoff(), 0),
    )

"""`create_app()`: binds extensions, error handlers, the blueprints in the order of the pipeline, and the commands.

wsgi.py, celery_app.py and tests call it. It holds no logic of a slice.
"""

import logging
from importlib import import_module
from typing import Any

from flask import Flask, has_request_context
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from analytics import cli, errors, queue, telemetry
from analytics.auth.caller_slots import CallerNames, CallerSlots
from analytics.auth.tokens import published_secret
from analytics.auth.tokens.issuer import create_issuer
from analytics.extensions import db, jwt, migrate
from analytics.ingest.receipt_clock import ReceiptClock
from analytics.ops import access_log, task_logs
from analytics.store.connections import CONNECT_ARGS, install_limits
from analytics.web import compression
from analytics.web.app import App
from analytics.web.server.grouped_redis import GroupedRedis
from analytics.web.server.thread_turns import ThreadTurns
from config import VERSION, ConfigError, Settings, load

__version__ = VERSION
log = logging.getLogger(__name__)

BLUEPRINT_MODULES = (
    "analytics.ingest.views",
    "analytics.ingest.samples.views",
    "analytics.ingest.pixel.views",
    "analytics.reports.audience.views",
    "analytics.reports.samples.views",
    "analytics.reports.events.views",
    "analytics.reports.query.views",
    "analytics.reports.event_types.views",
    "analytics.reports.links.views",
    "analytics.reports.websites.views",
    "analytics.reports.realtime.views",
    "analytics.reports.caller.views",
    "analytics.reports.segments.views",
    "analytics.reports.notes.views",
    "analytics.funnels.views",
    "analytics.insights.views",
    "analytics.insights.goals.views",
    "analytics.insights.overview.views",
    "analytics.users.views",
    "analytics.exports.views",
    "analytics.exports.schedules.views",
    "analytics.sites.views",
    "analytics.sites.access.views",
    "analytics.sites.event_schemas.views",
    "analytics.clients.views",
    "analytics.ops.views",
    "analytics.ops.dead_letters.views",
    "analytics.ops.storage.views",
    "analytics.audit.trace.views",
    "analytics.audit.views",
    "analytics.apidocs.views",
    "analytics.dashboard.views",
)
# How long a request waits for one of the process's connections to PostgreSQL.
POOL_TIMEOUT_S = 5
# Reports wait less (store/reading.py); this is for requests that write.
REQUEST_STATEMENT_LIMIT_S = 120.0
REDIS_TIMEOUTS: dict[str, Any] = {"socket_timeout": 5, "socket_connect_timeout": 2, "health_check_interval": 30}


def create_app(settings: Settings | None = None) -> Flask:
    """The whole web application, also the context of every task and command. Raises ConfigError."""
    settings = settings or load()
    app = App(__name__, static_folder=None)
    # `/event/` is `/event`: a redirect would lose the body of a POST, and a 404 the events.
    app.url_map.strict_slashes = False
    _configure(app, settings)
    callers = CallerNames(settings)
    app.extensions["caller_names"] = callers
    app.thread_turns = ThreadTurns(settings.web_threads, callers.name, settings.statement_timeout)
    app.after_request(callers.learn)
    access_log.init_app(app, settings)
    telemetry.init_app(app, settings)
    task_logs.install()
    compression.init_app(app)
    db.init_app(app)
    with app.app_context():
        install_limits(db.engine, _current_statement_limit)
    migrate.init_app(app, db, directory="migrations")
    jwt.init_app(app)
    errors.register(app)
    published_secret.register(app, settings)
    for name in BLUEPRINT_MODULES:
        app.register_blueprint(import_module(name).blueprint)
    cli.register(app)
    if settings.is_production:
        _refuse_eviction(app.extensions["buffer_redis"])
    return app


def _current_statement_limit() -> float:
    """Seconds a statement waits for a server that hangs; tasks and commands wait until it goes on."""
    return REQUEST_STATEMENT_LIMIT_S if has_request_context() else 0.0


def _refuse_eviction(redis: Redis) -> None:
    """An instance that evicts may drop accepted events. One that is down now is checked at the next start."""
    try:
        policy = redis.info("memory").get("maxmemory_policy", "noeviction")
    except RedisError:
        log.warning("redis is unavailable: maxmemory-policy not checked")
        return
    if policy != "noeviction":
        raise ConfigError(
            f"CELERY_BROKER_URL: this Redis may evict accepted events (maxmemory-policy {policy}); set it to noeviction"
        )


def _configure(app: Flask, settings: Settings) -> None:
    app.extensions["settings"] = settings
    app.extensions["receipt_clock"] = ReceiptClock()
    app.extensions["token_issuer"] = create_issuer(settings)
    app.extensions["celery"] = queue.create_celery(settings)
    app.extensions["buffer_redis"] = _redis(settings.celery_broker_url, settings)
    app.extensions["append_redis"] = GroupedRedis(app.extensions["buffer_redis"], settings.celery_broker_url)
    app.extensions["cache_redis"] = _redis(settings.redis_url, settings)
    app.extensions["live_stream_slots"] = CallerSlots(
        settings.live_streams_a_caller, "live streams", "LIVE_STREAMS_A_CALLER"
    )
    app.extensions["download_slots"] = CallerSlots(settings.downloads_a_caller, "downloads", "DOWNLOADS_A_CALLER")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": settings.db_pool_size,
            "max_overflow": settings.db_max_overflow,
            "pool_pre_ping": True,
            "pool_timeout": POOL_TIMEOUT_S,
            "connect_args": CONNECT_ARGS | {"application_name": "analytics"},
        },
        # Of the tokens that this service issues.
        JWT_SECRET_KEY=settings.jwt_secret_key,
        JWT_ENCODE_AUDIENCE=next(iter(settings.jwt_audience), None),
        JWT_ENCODE_ISSUER=settings.jwt_issuer or None,
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]


def _redis(url: str, settings: Settings) -> Redis:
    return Redis.from_url(
        url,
        max_connections=settings.redis_connection_pool_size,
        # No silent retry: an append whose reply was lost would run twice. A closed connection of the pool is detected
        # and replaced when it is acquired.
        retry=Retry(NoBackoff(), 0),
        **REDIS_TIMEOUTS,
    )

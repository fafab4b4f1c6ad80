"""The unbound extensions, and the app's own settings and Redis clients. `create_app` binds them."""

from typing import Any

import psycopg2.extensions
from flask_jwt_extended import JWTManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from redis import Redis
from sqlalchemy import event
from sqlalchemy.pool import Pool

from analytics.application import current_application
from config import Settings

db = SQLAlchemy()
migrate = Migrate(compare_type=True)
jwt = JWTManager()


@event.listens_for(Pool, "checkin")
def _drop_unfinished(connection: Any, record: Any) -> None:
    """psycopg2 takes a COMMIT that was cancelled for the end of its transaction; PostgreSQL does not."""
    if connection and connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
        record.invalidate()


def settings() -> Settings:
    """The running app's configuration."""
    found: Settings = current_application().extensions["settings"]
    return found


def buffer_redis() -> Redis:
    """The Redis that holds accepted events (and the task queue). Replies are bytes."""
    found: Redis = current_application().extensions["buffer_redis"]
    return found


def append_redis() -> Any:
    """The same for appending: in a web process its script calls share one connection of the event loop."""
    return current_application().extensions["append_redis"]


def cache_redis() -> Redis:
    """The Redis that holds answers of reports for a while; it may be emptied at any time. Replies are bytes."""
    found: Redis = current_application().extensions["cache_redis"]
    return found

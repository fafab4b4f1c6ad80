"""The Flask extensions, and access to the app's settings and Redis clients.

`create_app` binds them; every slice reads them.
"""

from typing import Any

import psycopg2.extensions
from flask_jwt_extended import JWTManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from redis import Redis
from sqlalchemy import event
from sqlalchemy.pool import Pool

from analytics.web.app import current_application
from config import Settings

db = SQLAlchemy()
migrate = Migrate(compare_type=True)
jwt = JWTManager()


@event.listens_for(Pool, "checkin")
def _drop_unfinished(connection: Any, record: Any) -> None:
    """After a cancelled COMMIT psycopg2 regards the transaction as ended; PostgreSQL does not."""
    if connection and connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
        record.invalidate()


def settings() -> Settings:
    """The running app's configuration."""
    config: Settings = current_application().extensions["settings"]
    return config


def public_address(path: str) -> str:
    """The path as an absolute URL under PUBLIC_URL; without that setting the path itself."""
    return settings().public_url + path


def buffer_redis() -> Redis:
    """The Redis that holds accepted events (and the task queue). Replies are bytes."""
    client: Redis = current_application().extensions["buffer_redis"]
    return client


def append_redis() -> Any:
    """The same for scripts that requests run: on the loop calls travel in groups (web/server/grouped_redis.py)."""
    return current_application().extensions["append_redis"]


def cache_redis() -> Redis:
    """The Redis of the report cache; it may be emptied at any time. Replies are bytes."""
    client: Redis = current_application().extensions["cache_redis"]
    return client

"""JSON logs, and what each line says of its work: the id of the request that caused it, and in a worker the task.

`create_app` calls `init_app`. Requests, tasks (ops/task_logs.py), the drain and export jobs set the request id.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from random import getrandbits
from typing import Any

import msgspec
from flask import Flask, Response

from analytics.web.app import current_request
from config import Settings

NO_REQUEST = "-"
request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)
# Further fields of each line; a worker sets `task` and `task_id`.
task_fields: ContextVar[dict[str, Any]] = ContextVar("task_fields", default={})  # noqa: B039  # never changed in place
# What a request finds out for its line in the log. One object for all threads that work for it.
_facts: ContextVar[dict[str, str] | None] = ContextVar("facts", default=None)
# UUIDs, ULIDs, trace ids of load balancers (Root=1-67…). No quotes or blanks: the id is copied into other logs.
REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._:=+/@~-]{1,128}")
_encode_json = msgspec.json.Encoder(enc_hook=str).encode
_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def record_site(key: str, identity_key: str) -> None:
    """The site that the request is about, once it was found: a key as the client wrote it is not logged.

    `identity_key`: what the site's pseudonyms derive from.
    """
    if (facts := _facts.get()) is not None:
        facts["site"], facts["identity_key"] = key, identity_key


def recorded_site() -> str | None:
    return (_facts.get() or {}).get("site")


def recorded_identity_key() -> str:
    return (_facts.get() or {}).get("identity_key") or ""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, function, message, request_id, and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "function": f"{record.funcName}:{record.lineno}",
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **task_fields.get(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _PLAIN})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode_line(line)


def _encode_line(line: dict[str, Any]) -> str:
    try:
        return _encode_json(line).decode()
    except (TypeError, ValueError):
        # A name or text that is not UTF-8: slower, and encodes it.
        return json.dumps(line, default=str, skipkeys=True)


@contextmanager
def work_for(requested_id: str) -> Iterator[None]:
    """Within the block, log lines carry this request's id."""
    token = request_id.set(requested_id)
    try:
        yield
    finally:
        request_id.reset(token)


def configure_logging(settings: Settings) -> None:
    """Logs to standard error, at LOG_LEVEL. Safe to call twice."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    # Celery logs each task three times; the sweep alone would be 50,000 lines a day.
    noisy = (
        "alembic",
        "kombu",
        "amqp",
        "sqlalchemy.engine",
        "celery.beat",
        "celery.app.trace",
        "celery.worker.strategy",
    )
    for name in noisy:
        logging.getLogger(name).setLevel(logging.WARNING)
    if settings.enable_debug_logging:
        # SQLAlchemy's own echo would write each statement a second time, and not as JSON.
        logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)


def init_app(app: Flask, settings: Settings) -> None:
    """Configures logging. Each response carries the caller's X-Request-ID, or a new one."""
    if settings.environment != "test":
        configure_logging(settings)

    @app.before_request
    def set_request_id() -> None:
        _facts.set({})
        requested = current_request().environ.get("HTTP_X_REQUEST_ID", "")
        request_id.set(requested if REQUEST_ID_PATTERN.fullmatch(requested) else f"{getrandbits(128):032x}")

    @app.after_request
    def add_request_id(response: Response) -> Response:
        response.headers.add("X-Request-ID", request_id.get())
        return response

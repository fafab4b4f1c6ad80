"""JSON logs with the request's or task's id, and the request id itself."""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from random import getrandbits

from flask import Flask, Response

from analytics.application import current_request
from config import Settings

request_id: ContextVar[str] = ContextVar("request_id", default="-")
SAFE_ID = re.compile(r"[\x21-\x7e]{1,128}")
_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


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
        }
        line.update({key: value for key, value in vars(record).items() if key not in _PLAIN})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(settings: Settings) -> None:
    """Logs to standard error, at LOG_LEVEL. Safe to call twice."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    # Celery tells of each task three times; the sweep alone would be 50,000 lines a day.
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
    """Takes the caller's X-Request-ID, or makes one, and returns it."""
    if settings.environment != "test":
        configure_logging(settings)

    @app.before_request
    def name_request() -> None:
        given = current_request().environ.get("HTTP_X_REQUEST_ID", "")
        request_id.set(given if given and SAFE_ID.fullmatch(given) else f"{getrandbits(128):032x}")

    @app.after_request
    def return_name(response: Response) -> Response:
        response.headers.add("X-Request-ID", request_id.get())
        return response

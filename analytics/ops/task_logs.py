"""Log lines of Celery tasks: each names its task and carries the id of the request that sent the message.

`create_app` installs it in every process, since those that send messages take part. A message sent by a task has no
request id: a drain that follows another one stores other requests' events.
"""

from typing import Any

from celery import signals
from flask import has_request_context

from analytics import telemetry

HEADER = "request_id"


def install() -> None:
    """Subscribes to Celery's signals; safe to call again."""
    signals.before_task_publish.connect(add_request_id, dispatch_uid="request id")
    signals.task_prerun.connect(begin_task, dispatch_uid="request id")
    signals.task_postrun.connect(end_task, dispatch_uid="request id")


def add_request_id(headers: dict[str, Any], **_: Any) -> None:
    """Writes the request's id into the message."""
    if has_request_context():
        headers[HEADER] = telemetry.request_id.get()


def begin_task(task_id: str, task: Any, **_: Any) -> None:
    """From here on lines name the task."""
    telemetry.request_id.set(task.request.get(HEADER) or telemetry.NO_REQUEST)
    telemetry.task_fields.set({"task": task.name, "task_id": task_id})


def end_task(**_: Any) -> None:
    """The worker's process goes on without a request or a task."""
    telemetry.request_id.set(telemetry.NO_REQUEST)
    telemetry.task_fields.set({})

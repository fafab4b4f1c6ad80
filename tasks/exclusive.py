"""Exclusive tasks: long tasks that run one at a time on a machine, so that drains keep its other processes.

tasks/rollups.py and tasks/maintenance.py declare them. A task that finds another one running is sent again after a
delay and does not occupy its process until then.
"""

import os
import tempfile
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from celery import shared_task

from analytics.extensions import settings
from analytics.files.locks import machine_name, try_acquire_slot

# Exclusive tasks are due every few minutes at most; each retry costs one message.
RETRY_DELAY_S = 5


def exclusive_task(name: str) -> Callable[[Callable[..., Any]], Any]:
    """Makes a function the Celery task `name`. Retries keep the expiry of the message."""

    def decorate(body: Callable[..., Any]) -> Any:
        @shared_task(name=name, bind=True, max_retries=None)
        @wraps(body)
        def run_alone(task: Any, *args: Any) -> Any:
            with try_acquire_slot(lock_folder(), lock_name(), 1) as is_acquired:
                if is_acquired:
                    return body(*args)
            raise task.retry(countdown=RETRY_DELAY_S)

        return run_alone

    return decorate


def lock_folder() -> Path:
    """The folder for the locks of this user's workers."""
    return Path(tempfile.gettempdir()) / f"analytics-chores-{os.getuid()}"


def lock_name() -> str:
    """The lock of this machine and database: a machine may have workers of several databases."""
    return f"chores-{machine_name()}-{zlib.crc32(settings().database_url.encode()):08x}"

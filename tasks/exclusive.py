"""Chores: tasks that may take long, one at a time on a worker's machine, so that drains have its other processes.

A chore whose turn it is not yet is sent again in a moment, and gives its process back meanwhile.
"""

import os
import tempfile
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from celery import shared_task

from analytics.exports.run import machine
from analytics.exports.turns import turn
from analytics.extensions import settings

# Chores are due every few minutes at most; each of these costs a message.
AGAIN_S = 5


def chore(name: str) -> Callable[[Callable[..., Any]], Any]:
    """Makes a function the Celery task `name`. Its message keeps its expiry however often it is sent again."""

    def decorate(do: Callable[..., Any]) -> Any:
        @shared_task(name=name, bind=True, max_retries=None)
        @wraps(do)
        def in_turn(task: Any, *args: Any) -> Any:
            with turn(folder(), place(), 1) as is_ours:
                if is_ours:
                    return do(*args)
            raise task.retry(countdown=AGAIN_S)

        return in_turn

    return decorate


def folder() -> Path:
    """Where the locks of this user's workers are."""
    return Path(tempfile.gettempdir()) / f"analytics-chores-{os.getuid()}"


def place() -> str:
    """The name of the turn: a machine may have workers of several databases."""
    return f"chores-{machine()}-{zlib.crc32(settings().database_url.encode()):08x}"

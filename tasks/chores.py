"""Chores: tasks that may take long, one at a time on a worker's machine, so that drains have its other processes.

A chore whose turn it is not yet is sent again in a moment, and gives its process back meanwhile.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from celery import shared_task

from analytics.exports.run import machine, work_dir_of
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
            with turn(work_dir_of(settings()), f"chores-{machine()}", 1) as is_ours:
                if is_ours:
                    return do(*args)
            raise task.retry(countdown=AGAIN_S)

        return in_turn

    return decorate

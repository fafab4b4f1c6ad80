"""Configuration of gunicorn in test_examples.py: each worker says that it is ready, as a file in the folder READY."""

import os
from pathlib import Path
from typing import Any


def post_worker_init(worker: Any) -> None:
    """Called when the worker has its own signal handlers, and the application."""
    Path(os.environ["READY"], str(worker.pid)).touch()

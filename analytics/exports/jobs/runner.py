"""What a process needs to run exports: connections, the storage, the working folder, the limits.

tasks/exports.py and the CLI create a Runner and pass it to run.py and housekeeping.py. No Flask.
"""

import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from redis import Redis
from sqlalchemy import Engine

from analytics.exports.delivery.storage import Storage, open_storage
from analytics.exports.jobs.creation import Limits, read_limits
from config import Settings

# Processes of a worker that never run an export: one for drains, one for an exclusive task, one for webhooks.
RESERVED_PROCESSES = 3


@dataclass(frozen=True, slots=True)
class Runner:
    """`ttl`: how long a finished file is kept."""

    engine: Engine
    redis: Redis
    storage: Storage
    work_dir: Path
    limits: Limits
    ttl: timedelta


def create_runner(settings: Settings, engine: Engine, redis: Redis) -> Runner:
    """The runner of this process."""
    storage = open_storage(settings)
    ttl = timedelta(hours=settings.export_ttl_hours)
    return Runner(engine, redis, storage, find_work_dir(settings), read_limits(settings), ttl)


def find_work_dir(settings: Settings) -> Path:
    """Beside the finished files, so that the last step is a rename; with S3 in the system's temporary folder."""
    if settings.export_work_dir:
        return Path(settings.export_work_dir)
    folder = open_storage(settings).local_folder
    return folder / ".work" if folder else Path(tempfile.gettempdir()) / f"analytics-exports-{os.getuid()}"


def slot_count(settings: Settings) -> int:
    """How many exports run at the same time on a machine."""
    return max(1, settings.worker_concurrency - RESERVED_PROCESSES)

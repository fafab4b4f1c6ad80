"""Durable writes on a local disk: private folders, and fsync of files and of renames.

Export storage, the export worker and the CLI call it. It never handles buckets (folders.py).
"""

import os
from pathlib import Path
from typing import BinaryIO


def make_private_folder(path: Path) -> None:
    """Creates the folder and its missing parents with mode 0700: files of events are for this user only."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(exist_ok=True, mode=0o700)


def fsync_file(file: BinaryIO) -> None:
    """Flushes the file's buffers and waits until the disk holds them."""
    file.flush()
    os.fsync(file.fileno())


def fsync_folder(folder: Path) -> None:
    """Makes renames in the folder survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

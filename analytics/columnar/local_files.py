"""A folder of this machine that keeps bodies of column files by their checksum: as they never change, none is stale.

Any number of processes share it. What it holds is derived and can be deleted at any time; readers fetch it again.
"""

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from config import Settings

# A file that was asked for so lately may be read by a query that still runs.
IN_USE_S = 600
# With the number of a process, the folder into which its queries spill.
SPILL = "spill"


class LocalFiles:
    """The folder; its files have at most about `most_bytes`, or what the queries of the last ten minutes read."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder, self._most_bytes = folder, most_bytes

    def find(self, sha256: bytes, fetch: Callable[[], bytes | None]) -> Path | None:
        """The file of that checksum; calls `fetch` where it is not there. None: `fetch` found none, or another body."""
        path = self.folder / f"{sha256.hex()}.parquet"
        if path.exists():
            # The latest use, by which `_sweep` chooses.
            with suppress(FileNotFoundError):
                os.utime(path)
                return path
        body = fetch()
        if body is None or hashlib.sha256(body).digest() != sha256:
            return None
        self._add(path, body)
        return path

    def make_folder(self) -> None:
        """Before the first use. Raises OSError: PermissionError where somebody else could have put files there."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.folder.lstat()
        if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
            detail = "is not a folder of this user alone; delete it, or set COLUMNS_FOLDER to another"
            raise PermissionError(f"{self.folder} {detail}")

    def drop_damaged(self, paths: Iterable[Path]) -> bool:
        """Deletes those files that are not what their names say, as after a crash of the machine; whether there were
        any. They may be gone already."""
        damaged = [path for path in paths if not _is_whole(path)]
        for path in damaged:
            path.unlink(missing_ok=True)
        return bool(damaged)

    def _add(self, path: Path, body: bytes) -> None:
        """Under its name it is whole."""
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
            try:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except OSError:
                # The disk is full.
                os.unlink(file.name)
                raise
        self._sweep()

    def _sweep(self) -> None:
        """Deletes the files that were not used for longest, until the rest has room; and what killed processes have
        left."""
        for path in self.folder.glob(f"{SPILL}-*"):
            if not Path(f"/proc/{path.name.partition('-')[2]}").exists():
                shutil.rmtree(path, ignore_errors=True)
        found = []
        for path in self.folder.glob("*.parquet"):
            with suppress(FileNotFoundError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for used_at, size, path in sorted(found):
            if total <= self._most_bytes or used_at > time.time() - IN_USE_S:
                break
            path.unlink(missing_ok=True)
            total -= size


def configured_files(current: Settings) -> LocalFiles:
    """The copies of this machine, which its processes share."""
    usual = Path(tempfile.gettempdir()) / f"analytics-columns-{os.getuid()}"
    folder = Path(current.columns_folder) if current.columns_folder else usual
    return LocalFiles(folder, current.columns_folder_mb << 20)


def _is_whole(path: Path) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    except FileNotFoundError:
        return False

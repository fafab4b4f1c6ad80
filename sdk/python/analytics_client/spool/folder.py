"""The spool folder: which files are whose, how many bytes they have together, and the files of ended processes.

A file's name begins with its destination, so that events of one service or site never reach another. spool.py makes
files here, sender.py adopts them. Nothing here reads a record.
"""

import hashlib
import os
import tempfile
from typing import Optional

from analytics_client.ids import IdMaker
from analytics_client.spool.file import SpoolFile, look_at

# Each look into the folder by an adopter may take one new file before it is locked.
_ATTEMPTS = 10
SUFFIX = ".spool"
# Of every url, site and key.
ANY_DESTINATION = ""


class SpoolFolder:
    """A folder of spool files, shared by all processes of a service. Raises OSError where it cannot be used."""

    def __init__(self, path: Optional[str], destination: str) -> None:
        self.path = default_path() if path is None else os.path.abspath(path)
        self._prefix = f"{destination}-" if destination else ""
        self._ids = IdMaker()
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        if path is None:
            _check_is_private(self.path)
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"the spool folder {self.path} cannot be written; give spool_dir, a folder that can")

    def create(self, now_ms: int, fsync: bool = False) -> SpoolFile:
        """A new file; names increase with time. Raises OSError."""
        for attempt in range(_ATTEMPTS):
            path = os.path.join(self.path, f"{self._prefix}{self._ids.make(now_ms)}{SUFFIX}")
            try:
                return SpoolFile.create(path, fsync)
            except (FileNotFoundError, FileExistsError):
                # An adopter took the empty file before it was locked. Or the folder itself is gone.
                if attempt == _ATTEMPTS - 1:
                    raise
                os.makedirs(self.path, mode=0o700, exist_ok=True)
        raise AssertionError("unreachable")

    def forget(self) -> None:
        """In a forked child: names of its own."""
        self._ids = IdMaker()

    def adopt(self, aside: dict[str, str]) -> Optional[SpoolFile]:
        """The oldest file of this destination whose owner has ended, locked for this process; no path of `aside`.

        A file that cannot be read keeps no other from being adopted: it is put into `aside`, with the error. Raises
        OSError when the folder cannot be read.
        """
        for name in sorted(self._list_names()):
            path = os.path.join(self.path, name)
            if not name.startswith(self._prefix) or path in aside:
                continue
            try:
                found = SpoolFile.adopt(path)
            except OSError as error:
                aside[path] = str(error)
                continue
            if found is not None:
                return found
        return None

    def count_foreign(self) -> int:
        """Spool files of another url, site or key, whoever owns them."""
        return sum(not name.startswith(self._prefix) for name in self._list_names())

    def list_files(self) -> list[tuple[str, int, bool]]:
        """Name, bytes of events, and whether a process owns it, of each file of this destination."""
        found = []
        for name in sorted(self._list_names()):
            if name.startswith(self._prefix):
                state = look_at(os.path.join(self.path, name))
                if state is not None:
                    found.append((name, state[0], state[1]))
        return found

    def used_bytes(self) -> int:
        """Bytes of all spool files in the folder."""
        total = 0
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    try:
                        total += entry.stat().st_size
                    except FileNotFoundError:
                        # Its owner has just delivered it.
                        continue
        return total

    def _list_names(self) -> list[str]:
        return [name for name in os.listdir(self.path) if name.endswith(SUFFIX)]


def name_destination(url: str, site: Optional[str], key: str) -> str:
    """Twelve hexadecimal digits of where events go. With a site, a new key finds the files of the old one."""
    where = f"site:{site}" if site else f"key:{key}"
    return hashlib.sha256(f"{url}\0{where}".encode()).hexdigest()[:12]


def default_path() -> str:
    """A folder of this user below the temporary one: it survives the process, and often not the machine."""
    return os.path.join(tempfile.gettempdir(), f"analytics-client-{os.getuid()}")


def _check_is_private(path: str) -> None:
    """Everybody may make folders in /tmp, also this one, before we do."""
    state = os.lstat(path)
    if state.st_uid != os.getuid() or state.st_mode & 0o022 or os.path.islink(path):
        raise PermissionError(f"{path} is not a folder that only this user may write; give spool_dir, a folder that is")

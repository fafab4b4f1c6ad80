"""The folder `.data/`: one run at a time, secrets and tokens that are kept, and `local.json`, which describes the run.

Only its owner can read what is in it: files have mode 0600, folders 0700.
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from analytics.local.servers.binaries import StartError
from analytics.local.settings import SECRET_NAMES

# A killed supervisor holds the lock until the last of its threads has ended.
LOCK_TIMEOUT_S = 1.0


class DataFolder:
    """The files of one checkout's local run."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self._lock: IO[str] | None = None

    def lock(self, url: str) -> None:
        """Locks the folder until this process ends. Raises StartError with the `url` of a running stack."""
        try:
            self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (self.path / "lock").open("a+")
        except PermissionError as error:
            raise StartError(f"cannot write to {error.filename}: run as the user who owns it") from error
        if not _lock_file(file, fcntl.LOCK_EX, LOCK_TIMEOUT_S):
            file.seek(0)
            raise StartError(f"already running: {file.read().strip() or 'starting up'}")
        file.truncate(0)
        file.write(f"pid {os.getpid()} at {url}\n")
        file.flush()
        self._lock = file
        self._make_private()

    def is_locked(self) -> bool:
        """True while a stack runs on the folder."""
        try:
            with (self.path / "lock").open() as file:
                return not _lock_file(file, fcntl.LOCK_SH, 0)
        except FileNotFoundError:
            return False

    def _make_private(self) -> None:
        """Nobody else may read the folder: what an earlier version left readable becomes private."""
        # Under root PostgreSQL has another account, which has to pass through the folder to its own.
        self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for entry in [*self.path.iterdir(), *self.logs.iterdir()]:
            if entry.lstat().st_uid == os.geteuid() and not entry.is_symlink():
                entry.chmod(0o700 if entry.is_dir() else 0o600)

    def secrets(self) -> dict[str, str]:
        """The secrets of this checkout, created by the first call and kept."""
        path = self.path / "secrets.env"
        lines = path.read_text().splitlines() if path.exists() else []
        known = dict(line.split("=", 1) for line in lines if "=" in line)
        missing = {name: secrets.token_urlsafe(48) for name in SECRET_NAMES if name not in known}
        if missing:
            known |= missing
            write_private_file(path, "".join(f"{name}={value}\n" for name, value in known.items()))
        return known

    def kept_tokens(self) -> dict[str, str]:
        """Scope → token of an earlier run; empty when there was none."""
        try:
            found = json.loads((self.path / "tokens.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def keep_tokens(self, tokens: Mapping[str, str]) -> None:
        """Keeps the tokens for the next run. Whoever reads them could read the secret beside them too."""
        write_private_file(self.path / "tokens.json", json.dumps(tokens, indent=2) + "\n")

    def rotate_log(self, name: str) -> Path:
        """The path of a new log for `name`; the previous log is kept as `.1`."""
        path = self.logs / f"{name}.log"
        if path.exists():
            path.replace(path.with_suffix(".log.1"))
        return path

    def write_run_info(self, run_info: dict[str, Any]) -> None:
        """Replaces local.json atomically."""
        write_private_file(self.path / "local.json", json.dumps(run_info, indent=2) + "\n")

    def delete_run_info(self) -> None:
        """Removes local.json: the stack has stopped."""
        (self.path / "local.json").unlink(missing_ok=True)


def _lock_file(file: IO[str], kind: int, timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)
        else:
            return True


def write_private_file(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, atomically."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)

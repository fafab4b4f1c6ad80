"""The folder `.data/`: one run at a time, secrets that are made once, and `local.json`, the facts about the run."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import IO, Any

from analytics.local.binaries import StartError

SECRETS = ("JWT_SECRET_KEY", "IDENTITY_SALT")


class DataFolder:
    """The files of one checkout's local run."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.logs = self.path / "logs"
        self._lock: IO[str] | None = None

    def lock(self, url: str) -> None:
        """Claim the folder until this process ends, however it ends; `url` is what a second run is told."""
        try:
            # PostgreSQL's account has to pass through; what is secret has its own permissions.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            file = (self.path / "lock").open("a+")
        except PermissionError as error:
            raise StartError(f"cannot write to {error.filename}: run as the user it belongs to") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise StartError(f"already running: {file.read().strip() or 'starting up'}") from error
        file.truncate(0)
        file.write(f"pid {os.getpid()} at {url}\n")
        file.flush()
        self._lock = file

    def secrets(self) -> dict[str, str]:
        """The secrets of this checkout, made at the first call and the same ever after."""
        path = self.path / "secrets.env"
        lines = path.read_text().splitlines() if path.exists() else []
        known = dict(line.split("=", 1) for line in lines if "=" in line)
        missing = {name: secrets.token_urlsafe(48) for name in SECRETS if name not in known}
        if missing:
            known |= missing
            write_private(path, "".join(f"{name}={value}\n" for name, value in known.items()))
        return known

    def fresh_log(self, name: str) -> Path:
        """The log for `name`, empty; the one before it is kept as `.1`."""
        path = self.logs / f"{name}.log"
        if path.exists():
            path.replace(path.with_suffix(".log.1"))
        return path

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Replace local.json; a reader sees the old one or the new one, whole."""
        write_private(self.path / "local.json", json.dumps(facts, indent=2) + "\n")

    def forget_facts(self) -> None:
        """Remove local.json: nothing runs any more."""
        (self.path / "local.json").unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, in one step."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    aside.replace(path)

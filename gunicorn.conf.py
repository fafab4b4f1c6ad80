"""gunicorn reads this file from the folder that it starts in; the options are those of the Procfile."""

import sys
from pathlib import Path
from typing import Any

from analytics.auth.tokens.published_secret import WARNING, check_bind
from config import ConfigError, load

OWN_PACKAGES = ("analytics", "config", "config_safety", "env_file")
# The class of the worker, which is one of the modules that a process shares with its master.
WORKER_MODULES = ("analytics.web.server.worker", "analytics.web.server.connections")


def on_starting(server: Any) -> None:
    """Ends the start with one line when a published secret would be served to other machines; warns of it otherwise."""
    try:
        settings = load()
        check_bind(settings, server.cfg.address)
    except ConfigError as error:
        sys.exit(f"configuration: {error}")
    if settings.has_published_secret:
        server.log.warning(WARNING)
    server.imported_code = find_imported_code()


def post_fork(server: Any, worker: Any) -> None:
    """Has a process import changed code: what the master has imported stays as it was on SIGHUP.

    Unchanged modules are shared with the master, which saves each process 24 MB.
    """
    code = find_imported_code()
    if code != server.imported_code and not server.cfg.preload_app:
        for name in code:
            del sys.modules[name]


def find_imported_code() -> dict[str, int]:
    """When the file of each imported module was changed; 0: it is gone."""
    names = [name for name in sys.modules if name.partition(".")[0] in OWN_PACKAGES and name not in WORKER_MODULES]
    return {name: _changed_at(Path(sys.modules[name].__file__ or "")) for name in names}


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0

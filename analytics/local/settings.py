"""The environment of a local run: the user's settings, those of `.env`, and defaults for trying things out."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import config
from analytics.local.servers.binaries import StartError

# `make run`, or `make dev`, which reloads changed code.
Mode = Literal["run", "dev"]
SECRET_NAMES = ("JWT_SECRET_KEY", "IDENTITY_SALT", "SIGN_IN_SECRET")
# The curl lines of the seeds contain dates of years ago.
LOCAL_DEFAULTS = {
    "ENVIRONMENT": "development",
    "AUTO_CREATE_SITES": "true",
    "EVENT_RETENTION_DAYS": "3650",
    "HOST": "127.0.0.1",
    "PYTHONUNBUFFERED": "1",
}
# They need no token either; in production nobody has access without one.
ANONYMOUS_SCOPES = "ingest read write"
# `make dev`: every request is logged, one process reloads faster than two, and the old code is not served for long.
DEV_DEFAULTS = {"ACCESS_LOG": "all", "WEB_CONCURRENCY": "1", "GRACEFUL_TIMEOUT": "2"}
DEFAULTS = {"run": LOCAL_DEFAULTS, "dev": LOCAL_DEFAULTS | DEV_DEFAULTS}


def local_environment(root: Path, user_env: Mapping[str, str], mode: Mode = "run") -> dict[str, str]:
    """`user_env` completed, from `.env` in `root` first, for the processes of the Procfile. Raises StartError."""
    try:
        known = config.add_env_file(user_env, root / ".env")
    except config.ConfigError as error:
        raise StartError(str(error)) from error
    env = {name: value for name, value in known.items() if value}
    env = add_unset(env, DEFAULTS[mode])
    # The secrets of the run are not known yet, and production accepts no default.
    settings = read_settings(add_unset(env, {name: secrets.token_urlsafe(48) for name in SECRET_NAMES}))
    if not settings.is_production:
        env = add_unset(env, {"ANONYMOUS_SCOPES": ANONYMOUS_SCOPES})
    # The processes get exactly this environment: a value that the user set to nothing stays unset.
    env |= {"PORT": str(settings.port), "FLASK_SKIP_DOTENV": "1"}
    if mode == "dev":
        # Without compiled modules a reload takes five seconds in place of one.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
    # The Procfile names its programs without a folder: they are beside the running Python.
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    return env


def add_unset(env: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """`env` with those of the `defaults` that it sets under none of their names."""
    return {name: value for name, value in defaults.items() if not is_set(env, name)} | dict(env)


def is_set(env: Mapping[str, str], name: str) -> bool:
    """True if `env` has the setting, under any of its names, as a value or as a file."""
    return any(env.get(known) for known in config.names_of(name))


def read_settings(env: Mapping[str, str]) -> config.Settings:
    """The application's settings as it will read them. Raises StartError with one line for an invalid one."""
    try:
        return config.load(env)
    except config.ConfigError as error:
        raise StartError(str(error)) from error

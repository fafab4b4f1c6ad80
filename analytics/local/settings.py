"""The environment of a local run: what the user has set, and defaults that suit trying things out for the rest."""

import os
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import config
from analytics.local.binaries import StartError

# The curl lines of the README need no token and carry dates of years ago.
DEFAULTS = {
    "ENVIRONMENT": "development",
    "AUTO_CREATE_SITES": "true",
    "ANONYMOUS_SCOPES": "ingest read",
    "EVENT_RETENTION_DAYS": "3650",
    "HOST": "127.0.0.1",
    "PYTHONUNBUFFERED": "1",
}


def local_environment(user_env: Mapping[str, str]) -> dict[str, str]:
    """`user_env` completed for the processes of the Procfile. Raises when a value in it cannot be used."""
    env = {name: value for name, value in user_env.items() if value}
    env |= {name: value for name, value in DEFAULTS.items() if not is_given(env, name)}
    env["PORT"] = str(read_settings(env | {"ENVIRONMENT": "development"}).port)
    # The Procfile names its programs without a folder: they are beside the Python that runs this.
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    return env


def is_given(env: Mapping[str, str], name: str) -> bool:
    """True when `env` holds the setting, under any of its names, as a value or as a file."""
    aliases = next((entry.metadata["aliases"] for entry in fields(config.Settings) if entry.name == name.lower()), ())
    return any(env.get(known + ending) for known in (name, *aliases) for ending in ("", "_FILE"))


def read_settings(env: Mapping[str, str]) -> config.Settings:
    """The application's settings as it will read them; a wrong one is told in one line."""
    try:
        return config.load(env)
    except config.ConfigError as error:
        raise StartError(str(error)) from error

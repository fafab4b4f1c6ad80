"""`make flask ARGS="audit --full"`: a command of the application with the environment of the stack that runs here."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from analytics.local.data import DataFolder
from analytics.local.settings import is_given, local_environment

ROOT = Path(__file__).resolve().parents[2]


def environment(root: Path, user_env: Mapping[str, str]) -> dict[str, str] | None:
    """What the processes of the running stack got; None: nothing runs in `root`."""
    data = DataFolder(root / ".data")
    try:
        facts = json.loads((data.path / "local.json").read_text())
    except FileNotFoundError:
        return None
    env = local_environment(user_env)
    env |= {name: value for name, value in data.secrets().items() if not is_given(env, name)}
    urls = {"DATABASE_URL": "database_url", "REDIS_URL": "redis_url", "CELERY_BROKER_URL": "broker_url"}
    return env | {name: facts[fact] for name, fact in urls.items()}


def main() -> int:
    """The command's own exit code; 1 with one line where nothing runs."""
    env = environment(ROOT, os.environ)
    if env is None:
        print("make flask: nothing runs here; start it with make run", file=sys.stderr)
        return 1
    return subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", *sys.argv[1:]], cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())

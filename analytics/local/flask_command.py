"""`make flask ARGS="audit --full"`: runs a command of the application with the environment of the running stack."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from analytics.local.servers.binaries import StartError
from analytics.local.servers.data_folder import DataFolder
from analytics.local.settings import add_unset, local_environment

ROOT = Path(__file__).resolve().parents[2]


def running_environment(root: Path, user_env: Mapping[str, str]) -> dict[str, str]:
    """The environment of the running stack's processes. Raises StartError if none runs in `root`."""
    data = DataFolder(root / ".data")
    facts = data.path / "local.json"
    if not data.is_locked() or not facts.exists():
        raise StartError("nothing is running here: start it with make run, then repeat this in another terminal")
    run_info = json.loads(facts.read_text())
    env = add_unset(local_environment(root, user_env), data.secrets())
    urls = {"DATABASE_URL": "database_url", "REDIS_URL": "redis_url", "CELERY_BROKER_URL": "broker_url"}
    # Where it listens, whatever this shell would have chosen: addresses that commands print lead there.
    port = {"PORT": str(urlsplit(run_info["url"]).port)}
    return env | port | {name: run_info[key] for name, key in urls.items()}


def main() -> int:
    """The command's exit code; 1 with one line if no stack is running."""
    try:
        env = running_environment(ROOT, os.environ)
    except StartError as error:
        print(f"make flask: {error}", file=sys.stderr)
        return 1
    return subprocess.run([sys.executable, "-m", "flask", "--app", "wsgi", *sys.argv[1:]], cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())

"""`make shell`: a shell in which the README's `flask` and `curl` lines work as printed, on what `make run` started."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from analytics.local.flask_command import ROOT, running_environment
from analytics.local.servers.binaries import StartError
from analytics.local.servers.data_folder import DataFolder

BASH_FILE = Path(__file__).with_name("shell.bashrc")
HINT = "flask and curl lines of the README work here; URL is the address, TOKEN an admin token; Ctrl-D leaves"


def shell_environment(root: Path, user_env: Mapping[str, str]) -> dict[str, str]:
    """The environment of the running stack for a user's shell. Raises StartError."""
    env = running_environment(root, user_env)
    run_info = json.loads((DataFolder(root / ".data").path / "local.json").read_text())
    named = {"URL": run_info["url"], "TOKEN": run_info["admin_token"]}
    return env | {"FLASK_APP": str(root / "wsgi.py"), "VIRTUAL_ENV": sys.prefix} | named


def shell_command(env: Mapping[str, str], is_interactive: bool) -> list[str]:
    """The user's shell; bash reads BASH_FILE, because the user's own file may change PATH and the prompt."""
    shell = shutil.which(env.get("SHELL") or "bash") or shutil.which("bash") or "/bin/sh"
    if is_interactive and Path(shell).name == "bash":
        return [shell, "--rcfile", str(BASH_FILE), "-i"]
    return [shell]


def main() -> int:
    """The exit code of the commands on standard input; 0 after an interactive shell."""
    try:
        env = shell_environment(ROOT, os.environ)
    except StartError as error:
        print(f"make shell: {error}", file=sys.stderr)
        return 1
    is_interactive = sys.stdin.isatty()
    if is_interactive:
        print(HINT, file=sys.stderr)
    code = subprocess.run(shell_command(env, is_interactive), cwd=ROOT, env=env).returncode
    return 0 if is_interactive else code


if __name__ == "__main__":
    sys.exit(main())

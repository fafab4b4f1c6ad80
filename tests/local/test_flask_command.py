"""`make flask` and `make shell`: the environment of the running stack, or one line that says how to start it."""

import fcntl
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from analytics.local.flask_command import running_environment
from analytics.local.servers.binaries import StartError
from analytics.local.servers.data_folder import DataFolder
from analytics.local.shell import shell_command, shell_environment

ROOT = Path(__file__).resolve().parents[2]
FACTS = {
    "url": "http://localhost:8123",
    "database_url": "postgresql://here/analytics",
    "redis_url": "redis://here/1",
    "broker_url": "redis://here/0",
    "admin_token": "the-admin-token",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def running(root: Path) -> Iterator[IO[str]]:
    """The lock of a stack that runs in `root`."""
    (root / ".data").mkdir()
    DataFolder(root / ".data").write_run_info(FACTS)
    with (root / ".data/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def test_commands_use_the_servers_and_secrets_of_the_running_stack(root: Path, running: IO[str]) -> None:
    env = running_environment(root, {"PORT": "9000"})
    assert env["PORT"] == "8123"
    assert (env["DATABASE_URL"], env["CELERY_BROKER_URL"]) == (FACTS["database_url"], FACTS["broker_url"])
    assert env["JWT_SECRET_KEY"] == running_environment(root, {})["JWT_SECRET_KEY"]


def test_commands_read_the_env_file(root: Path, running: IO[str]) -> None:
    (root / ".env").write_text("MAX_BATCH_SIZE=7\nDATABASE_URL=postgresql://there/x\n")
    env = running_environment(root, {})
    assert (env["MAX_BATCH_SIZE"], env["DATABASE_URL"]) == ("7", FACTS["database_url"])


def test_without_a_running_stack_the_error_says_how_to_start_it(root: Path) -> None:
    with pytest.raises(StartError, match="make run"):
        running_environment(root, {})


def test_facts_that_a_killed_stack_left_do_not_count(root: Path, running: IO[str]) -> None:
    running.close()
    with pytest.raises(StartError, match="make run"):
        running_environment(root, {})


def test_shell_finds_flask_a_token_and_the_address(root: Path, running: IO[str]) -> None:
    env = shell_environment(root, {"SHELL": "/bin/sh", "PATH": os.environ["PATH"]})
    script = 'command -v flask; echo "$FLASK_APP $TOKEN $URL $DATABASE_URL"'
    ran = subprocess.run(shell_command(env, False), input=script, env=env, capture_output=True, text=True, check=True)
    flask, shown = ran.stdout.splitlines()
    assert flask == str(Path(sys.executable).parent / "flask")
    assert shown == f"{root}/wsgi.py the-admin-token {FACTS['url']} {FACTS['database_url']}"


def test_users_own_bash_file_neither_hides_flask_nor_the_prompt(root: Path, running: IO[str]) -> None:
    (root / ".bashrc").write_text("PATH=/bin:/usr/bin; PS1='mine> '; echo read\n")
    env = shell_environment(root, {"SHELL": "/bin/bash", "PATH": os.environ["PATH"], "HOME": str(root)})
    main, terminal = pty.openpty()
    with subprocess.Popen(
        shell_command(env, True), stdin=terminal, stdout=terminal, stderr=terminal, env=env, start_new_session=True
    ) as shell:
        os.close(terminal)
        os.write(main, b"command -v flask; exit\n")
        shell.wait(20)
    shown = read_all(main)
    assert "read\r\n" in shown
    assert "(analytics) mine> " in shown
    assert f"{Path(sys.executable).parent}/flask\r\n" in shown


def read_all(descriptor: int) -> str:
    text = b""
    # The end of a terminal is an error on Linux.
    try:
        while block := os.read(descriptor, 4096):
            text += block
    except OSError:
        return text.decode()
    return text.decode()


@pytest.mark.parametrize("shell", ["", "/nowhere/zsh"])
def test_bash_stands_in_for_an_unknown_shell(shell: str) -> None:
    assert Path(shell_command({"SHELL": shell}, False)[0]).name in ("bash", "sh")


@pytest.mark.parametrize("module", ["shell", "flask_command"])
def test_command_without_a_stack_is_one_line(module: str) -> None:
    command = [sys.executable, "-m", f"analytics.local.{module}"]
    ran = subprocess.run(command, cwd=ROOT, input="flask site list", capture_output=True, text=True)
    name = module.removesuffix("_command")
    assert ran.returncode == 1
    assert (
        ran.stderr
        == f"make {name}: nothing is running here: start it with make run, then repeat this in another terminal\n"
    )


def test_exit_code_of_the_commands_is_the_shells() -> None:
    assert subprocess.run(shell_command({}, False), input=b"exit 3").returncode == 3

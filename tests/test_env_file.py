"""The file .env: every process reads it, the environment wins, a broken file is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import config
from config import ConfigError, add_env_file

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def write_and_add(path: Path, text: str, **environ: str) -> dict[str, str]:
    path.write_text(text)
    return add_env_file(environ, path)


def test_file_completes_the_environment(env_file: Path) -> None:
    text = "\ufeff# a comment\nexport LOG_LEVEL=DEBUG\nMAX_BATCH_SIZE='7' # seven\nAWS_ACCESS_KEY_ID=id\n"
    found = write_and_add(env_file, text, PORT="9000")
    assert found == {"LOG_LEVEL": "DEBUG", "MAX_BATCH_SIZE": "7", "AWS_ACCESS_KEY_ID": "id", "PORT": "9000"}


def test_without_a_file_the_environment_is_unchanged(env_file: Path) -> None:
    assert add_env_file({"PORT": "9000"}, env_file) == {"PORT": "9000"}
    env_file.mkdir()
    assert add_env_file({"PORT": "9000"}, env_file) == {"PORT": "9000"}


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("PORT=1", {"PORT": "2"}),
        ("PORT=1", {"PORT": ""}),
        ("PORT=1", {"SERVICE_PORT": "2"}),
        ("JWT_SECRET_KEY=1", {"JWT_SECRET": "2"}),
        ("JWT_SECRET_KEY=1", {"JWT_SECRET_KEY_FILE": "/run/secret"}),
        ("JWT_SECRET_KEY_FILE=/run/secret", {"JWT_SECRET_KEY": "2"}),
        ("REDIS_URL=redis://a/1\nCELERY_BROKER_URL=redis://a/0", {"REDIS_HOST": "b"}),
    ],
)
def test_environment_wins_under_every_name_of_a_setting(env_file: Path, text: str, environ: dict[str, str]) -> None:
    assert write_and_add(env_file, text, **environ) == environ


def test_setting_can_keep_processes_from_the_file(env_file: Path) -> None:
    env_file.write_text("PORT=1")
    assert add_env_file({"FLASK_SKIP_DOTENV": "1"}, env_file) == {"FLASK_SKIP_DOTENV": "1"}
    assert add_env_file({"FLASK_SKIP_DOTENV": "0"}, env_file)["PORT"] == "1"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PORT=1\nMAX BATCH=2\nLOG=", "line 2 is not NAME=value"),
        (b"PORT=1\nA='never closed\nB=2", "line 2 is not NAME=value"),
        (b"PORT", "PORT has no value: write PORT=value"),
        (b"NAME=\xff\xfe", "is not text in UTF-8"),
        (b"A=1\nB=\x00", "NUL byte in line 2"),
    ],
    ids=["space", "quote", "no value", "bytes", "nul"],
)
def test_broken_file_is_one_line(env_file: Path, content: bytes, problem: str) -> None:
    env_file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        add_env_file({}, env_file)
    assert str(caught.value).startswith(f"{env_file}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project in another folder, by links, with a .env of its own."""
    for entry in ROOT.iterdir():
        if entry.suffix == ".py":
            (tmp_path / entry.name).write_bytes(entry.read_bytes())
    for name in ("analytics", "tasks", "migrations"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


READERS = {
    "web": "import wsgi; app = wsgi.app",
    "worker and beat": "import celery_app; app = celery_app.flask_app",
}
SHOW = "; import os; print(app.extensions['settings'].max_batch_size, os.environ['AWS_REGION'])"


def run_in(project: Path, program: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if name != "FLASK_SKIP_DOTENV"} | environ
    return subprocess.run([sys.executable, "-c", program], cwd=project, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("program", READERS.values(), ids=READERS)
def test_every_process_reads_the_file(project: Path, program: str) -> None:
    (project / ".env").write_text("MAX_BATCH_SIZE=77\nAWS_REGION=here\n")
    assert run_in(project, program + SHOW).stdout == "77 here\n"
    assert run_in(project, program + SHOW, MAX_BATCH_SIZE="5").stdout == "5 here\n"


@pytest.mark.parametrize("program", READERS.values(), ids=READERS)
def test_process_with_a_broken_file_ends_with_one_line(project: Path, program: str) -> None:
    (project / ".env").write_text("MAX BATCH\n")
    ended = run_in(project, program)
    assert ended.returncode == 1
    assert ended.stderr == f"configuration: {project}/.env: line 1 is not NAME=value, for example LOG_LEVEL=INFO\n"


def test_tests_do_not_read_a_developers_file() -> None:
    assert os.environ["FLASK_SKIP_DOTENV"] == "1"
    assert config.add_env_file(os.environ) == dict(os.environ)

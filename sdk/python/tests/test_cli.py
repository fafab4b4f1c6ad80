"""`analytics-client list` and `send`: what ended processes left, for operators."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from analytics_client.cli import main

AWAY = "http://127.0.0.1:9"


@pytest.fixture
def left(make_client, tmp_path):
    """A folder with one file, of a service at another address; and the ids in it."""
    client = make_client(url=AWAY, max_backoff_s=60)
    ids = [client.track("order") for _ in range(10)]
    client.close(0)
    return tmp_path / "spool", ids


def test_list_shows_what_is_left_and_what_is_in_use(left, make_client, capsys):
    folder, _ = left
    make_client(url=AWAY, site="other", max_backoff_s=60).track("order")
    assert main(["list", str(folder)]) == 1
    lines = sorted(line.split(" bytes  ")[1] for line in capsys.readouterr().out.splitlines())
    assert lines == ["in use", "left"]


@pytest.fixture
def default_folder(tmp_path, monkeypatch):
    """Where a client without `spool_dir` has its files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"analytics-client-{os.getuid()}"


def test_without_a_folder_list_and_send_use_that_of_the_client(server, make_client, default_folder, capsys):
    assert main(["list"]) == 0
    assert f"no spool files in {default_folder}" in capsys.readouterr().err
    client = make_client(url=AWAY, spool_dir=None, max_backoff_s=60)
    event_id = client.track("order")
    client.close(0)
    assert main(["list"]) == 1
    assert capsys.readouterr().out.endswith("bytes  left\n")
    assert main(["send", "--url", server.url, "--site", "shop", "--key", "k", "--any"]) == 0
    assert set(server.stored) == {event_id}
    assert not list(default_folder.iterdir())


def test_the_help_names_the_default_folder(default_folder, capsys):
    with pytest.raises(SystemExit):
        main(["list", "--help"])
    assert str(default_folder) in capsys.readouterr().out.replace("\n", "").replace(" ", "")


def test_send_delivers_files_of_the_same_service_only(server, left, capsys):
    folder, _ = left
    assert main(["send", str(folder), "--url", server.url, "--site", "shop", "--key", "k"]) == 0
    assert capsys.readouterr().out == "0 events sent, 0 refused\n"
    assert len(list(folder.iterdir())) == 1


def test_send_any_delivers_after_the_service_has_moved(server, left, capsys):
    folder, ids = left
    assert main(["send", str(folder), "--url", server.url, "--site", "shop", "--key", "k", "--any"]) == 0
    assert capsys.readouterr().out == "10 events sent, 0 refused\n"
    assert set(server.stored) == set(ids)
    assert main(["list", str(folder)]) == 0


def test_send_says_why_it_could_not(left, capsys):
    folder, _ = left
    arguments = ["send", str(folder), "--url", AWAY, "--site", "shop", "--key", "k", "--timeout", "0.5"]
    assert main(arguments) == 1
    assert "0 events sent, 0 refused, some are left" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["list", "/does/not/exist"], ["send", ".", "--url", "a.example", "--key", "k"], []]
)
def test_a_wrong_argument_is_an_error_that_names_it(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_it_runs_as_a_module(tmp_path):
    command = [sys.executable, "-m", "analytics_client", "list", str(tmp_path)]
    assert subprocess.run(command, cwd=Path(__file__).parents[1], check=True).returncode == 0

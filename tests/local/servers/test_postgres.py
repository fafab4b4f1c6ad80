"""A real PostgreSQL through every way of starting, ending and being found again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from analytics.local.binaries import StartError
from analytics.local.postgres import Postgres, _reason
from analytics.local.processes import works_in

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def postgres(tmp_path):
    server = Postgres(tmp_path / "pg", ephemeral=True, durable=True)
    yield server
    server.stop()


def ask(server, statement, db="postgres"):
    connection = psycopg2.connect(server.url(db))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def test_url_is_read_alike_by_libpq_and_sqlalchemy(postgres):
    postgres.start()
    assert ask(postgres, "SELECT current_user") == [("postgres",)]
    url = make_url(postgres.url("analytics"))
    assert (url.drivername, url.database, url.query["port"]) == ("postgresql", "analytics", "5432")
    assert Path(url.query["host"], ".s.PGSQL.5432").is_socket()


def test_second_supervisor_adopts_the_running_server(postgres):
    assert postgres.start() == "started"
    other = Postgres(postgres.data)
    assert (other.start(), other.pid) == ("adopted", postgres.pid)


def test_committed_rows_survive_kill_and_restart(postgres):
    postgres.start()
    ask(postgres, "CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    postgres.kill()
    assert postgres.pid is None
    assert postgres.start() == "started"
    assert ask(postgres, "SELECT count(*) FROM kept") == [(100,)]


def test_stopped_server_starts_on_its_data(postgres):
    postgres.start()
    assert postgres.create_database("analytics")
    postgres.stop()
    postgres.start()
    assert not postgres.create_database("analytics")


def test_restart_does_not_wait_for_busy_backends_of_the_killed_server(postgres):
    postgres.start()
    connection = psycopg2.connect(postgres.url(), async_=True)
    while connection.poll() != psycopg2.extensions.POLL_OK:
        time.sleep(0.01)
    connection.cursor().execute("SELECT count(*) FROM generate_series(1, 1000000000)")
    began = time.monotonic()
    postgres.kill()
    postgres.start()
    assert time.monotonic() - began < 5


def test_half_made_folder_is_made_anew(postgres):
    aside = postgres.data.with_name("pg.init")
    (aside / "global").mkdir(parents=True)
    (aside / "PG_VERSION").write_text("18\n")
    assert postgres.start() == "started"
    assert not aside.exists()


def test_pid_of_a_stranger_in_the_lock_files_is_no_server(postgres):
    postgres.start()
    postgres.kill()
    for lock in (postgres.data / "postmaster.pid", postgres.data.with_name("pg.run") / ".s.PGSQL.5432.lock"):
        lines = lock.read_text().split("\n")
        lock.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert postgres.pid is None
    assert postgres.start() == "started"


def test_deep_folder_gets_a_short_socket(tmp_path):
    server = Postgres(tmp_path / ("deep" * 30) / "pg", ephemeral=True)
    server.start()
    try:
        assert ask(server, "SELECT 1") == [(1,)]
    finally:
        server.stop()


def test_data_of_another_major_is_told_in_one_line(tmp_path):
    data = tmp_path / "pg"
    data.mkdir(mode=0o700)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(StartError, match=r"holds data of PostgreSQL 9 .* run with PG_BIN=") as caught:
        Postgres(data).start()
    assert "\n" not in str(caught.value)


def test_folder_with_other_files_is_left_alone(tmp_path):
    data = tmp_path / "pg"
    data.mkdir(mode=0o700)
    (data / "letter.txt").write_text("mine")
    with pytest.raises(StartError, match="move it away"):
        Postgres(data).start()
    assert (data / "letter.txt").read_text() == "mine"


def test_refused_setting_is_told_with_the_servers_reason(tmp_path):
    with pytest.raises(StartError, match=r"did not start: .*shared_buffers"):
        Postgres(tmp_path / "pg", options={"shared_buffers": "-5"}, ephemeral=True).start()


def test_ephemeral_server_ends_with_its_killed_parent(tmp_path):
    program = (
        "import sys, time; from analytics.local.postgres import Postgres; p = Postgres(sys.argv[1], ephemeral=True); "
        "p.start(); print(p.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "pg")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while works_in(pid, tmp_path / "pg") and time.monotonic() < end:
        time.sleep(0.05)
    assert not works_in(pid, tmp_path / "pg")


def test_last_words_of_an_orphan_are_not_the_servers_reason():
    said = (
        "FATAL:  terminating connection due to unexpected postmaster exit\n"
        "FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use\n"
    )
    assert _reason(said) == "pre-existing shared memory block (key 1, ID 2) is still in use"

"""A real PostgreSQL: starting, adopting, stopping and killing it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from analytics.local.processes import is_working_in
from analytics.local.servers.binaries import StartError
from analytics.local.servers.postgres import PostgresServer, _reason

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def postgres(tmp_path):
    server = PostgresServer(tmp_path / "pg", ephemeral=True, durable=True)
    yield server
    server.stop()


def query(server, statement, db="postgres"):
    connection = psycopg2.connect(server.url(db))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def test_url_is_read_alike_by_libpq_and_sqlalchemy(postgres):
    postgres.start()
    assert query(postgres, "SELECT current_user") == [("postgres",)]
    url = make_url(postgres.url("analytics"))
    assert (url.drivername, url.database, url.query["port"]) == ("postgresql", "analytics", "5432")
    assert Path(url.query["host"], ".s.PGSQL.5432").is_socket()


def test_second_supervisor_adopts_the_running_server(postgres):
    assert postgres.start() == "started"
    other = PostgresServer(postgres.data)
    assert (other.start(), other.pid) == ("adopted", postgres.pid)


def test_committed_rows_survive_kill_and_restart(postgres):
    postgres.start()
    query(postgres, "CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    postgres.kill()
    assert postgres.pid is None
    assert postgres.start() == "started"
    assert query(postgres, "SELECT count(*) FROM kept") == [(100,)]


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
    start = time.monotonic()
    postgres.kill()
    postgres.start()
    assert time.monotonic() - start < 5


def test_incomplete_data_folder_is_recreated(postgres):
    incomplete = postgres.data.with_name("pg.init")
    (incomplete / "global").mkdir(parents=True)
    (incomplete / "PG_VERSION").write_text("18\n")
    assert postgres.start() == "started"
    assert not incomplete.exists()


def test_pid_of_another_process_in_the_lock_files_is_ignored(postgres):
    postgres.start()
    postgres.kill()
    for lock in (postgres.data / "postmaster.pid", postgres.data.with_name("pg.run") / ".s.PGSQL.5432.lock"):
        lines = lock.read_text().split("\n")
        lock.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert postgres.pid is None
    assert postgres.start() == "started"


def test_deep_folder_gets_a_short_socket(tmp_path):
    server = PostgresServer(tmp_path / ("deep" * 30) / "pg", ephemeral=True)
    server.start()
    try:
        assert query(server, "SELECT 1") == [(1,)]
    finally:
        server.stop()


def test_data_of_another_major_version_is_reported_in_one_line(tmp_path):
    data = tmp_path / "pg"
    data.mkdir(mode=0o700)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(StartError, match=r"holds data of PostgreSQL 9 .* run with PG_BIN=") as caught:
        PostgresServer(data).start()
    assert "\n" not in str(caught.value)


def test_folder_with_other_files_is_not_changed(tmp_path):
    data = tmp_path / "pg"
    data.mkdir(mode=0o700)
    (data / "letter.txt").write_text("mine")
    with pytest.raises(StartError, match="move it away"):
        PostgresServer(data).start()
    assert (data / "letter.txt").read_text() == "mine"


def test_refused_setting_is_reported_with_the_servers_reason(tmp_path):
    with pytest.raises(StartError, match=r"did not start: .*shared_buffers"):
        PostgresServer(tmp_path / "pg", options={"shared_buffers": "-5"}, ephemeral=True).start()


def test_ephemeral_server_ends_with_its_killed_parent(tmp_path):
    program = (
        "import sys, time; from analytics.local.servers.postgres import PostgresServer; p = PostgresServer(sys.argv[1], ephemeral=True); "
        "p.start(); print(p.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "pg")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while is_working_in(pid, tmp_path / "pg") and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_working_in(pid, tmp_path / "pg")


def test_messages_of_an_orphaned_backend_are_not_the_servers_reason():
    log = (
        "FATAL:  terminating connection due to unexpected postmaster exit\n"
        "FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use\n"
    )
    assert _reason(log) == "pre-existing shared memory block (key 1, ID 2) is still in use"

"""`make run` with a small application in place of ours: what is watched here is who starts, restarts and stops whom."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from analytics.local.processes import lives
from tests.local.ports import free_port

ROOT = Path(__file__).resolve().parents[2]

PROCFILE = """\
release: echo migrated
web: exec flask --app wsgi run --host $HOST --port $PORT
worker: echo worker@here ready.; trap 'sleep 0.2; echo worker is warm; exit 0' TERM; while :; do sleep 0.05; done
beat: exec sleep 600
"""

WSGI = """
import click, os
from flask import Flask
app = Flask(__name__)
@app.get("/readyz")
def readyz(): return "ready"
@app.get("/environment")
def environment(): return dict(os.environ)
@app.cli.group("token")
def token(): pass
@token.command("create")
@click.option("--scope")
@click.option("--sub")
@click.option("--days", type=int)
def create(scope, sub, days): print(f"token-{scope}-{sub}-{days}")
"""


class Run:
    """One `make run` in `root`."""

    def __init__(self, root, **env):
        self.root, self.facts_path = root, root / ".data/local.json"
        self.facts_path.unlink(missing_ok=True)
        ours = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "REDIS_HOST", "JWT_SECRET_KEY")
        clean = {name: value for name, value in os.environ.items() if name not in ours}
        command = [sys.executable, "-m", "analytics.local.stack", "run", "--root", str(root)]
        self.out = (root / "out.txt").open("w+")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=clean | env, stdout=self.out, stderr=subprocess.STDOUT, start_new_session=True
        )

    def facts(self):
        wait_for(self.facts_path.exists, self)
        return json.loads(self.facts_path.read_text())

    def text(self):
        return (self.root / "out.txt").read_text()

    def end(self, sig=signal.SIGINT):
        self.process.send_signal(sig)
        return self.process.wait(30)


def wait_for(condition, run, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, run.text()
        assert run.process.poll() is None or condition(), run.text()
        time.sleep(0.02)


def refusal(root, **env):
    """The last line of a run that does not start."""
    run = Run(root, **env)
    assert run.process.wait(30) == 1, run.text()
    return run.text().strip().splitlines()[-1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return tmp_path_factory.mktemp("checkout")


@pytest.fixture
def root(checkout):
    """One checkout for all, so that its database is made once."""
    (checkout / "Procfile").write_text(PROCFILE)
    (checkout / "wsgi.py").write_text(WSGI)
    return checkout


@pytest.fixture
def port():
    return str(free_port())


@pytest.fixture
def run(root, port):
    started = Run(root, PORT=port)
    started.facts()
    yield started
    if started.process.poll() is None:
        started.end()


def test_facts_name_a_run_that_works(run, port):
    facts = run.facts()
    assert facts["url"] == f"http://127.0.0.1:{port}"
    assert facts["admin_token"] == "token-admin-local-admin-365"
    assert facts["ingest_token"] == "token-ingest-local-ingest-365"
    assert facts["database_url"].startswith("postgresql://")
    assert (facts["redis_url"][-5:], facts["broker_url"][-5:]) == ("?db=1", "?db=0")
    assert set(facts["pids"]) == {"supervisor", "web", "worker", "beat", "postgres", "redis"}
    assert run.facts_path.stat().st_mode & 0o777 == 0o600
    assert "Ready at" in run.text()


def test_processes_get_what_the_user_did_not_set(root, port):
    run = Run(root, PORT=port, ANALYTICS_RETENTION_DAYS="30", ANONYMOUS_SCOPES="read")
    with urllib.request.urlopen(run.facts()["url"] + "/environment") as response:
        env = json.load(response)
    assert env["ANONYMOUS_SCOPES"] == "read"
    assert "EVENT_RETENTION_DAYS" not in env
    assert env["AUTO_CREATE_SITES"] == "true"
    assert len(env["JWT_SECRET_KEY"]) >= 32
    assert f"JWT_SECRET_KEY={env['JWT_SECRET_KEY']}\n" in (root / ".data/secrets.env").read_text()
    run.end()


def test_each_killed_process_is_restarted_and_told(run):
    before = run.facts()["pids"]
    names = ("web", "worker", "beat", "redis", "postgres")
    for name in names:
        os.kill(before[name], signal.SIGKILL)
    wait_for(lambda: all(run.facts()["pids"][name] not in (None, before[name]) for name in names), run, seconds=5)
    wait_for(lambda: run.text().count("started again as pid") == len(names), run)
    wait_for(lambda: answers(run.facts()["url"]), run)


def test_interrupt_stops_in_order_and_frees_the_port(run, port):
    pids = run.facts()["pids"]
    assert run.end() == 0
    last = run.text().strip().splitlines()[-1]
    assert last.endswith(f"stopped web, beat, worker, redis, postgres; port {port} is free")
    assert "worker is warm" in run.text()
    assert not [name for name, pid in pids.items() if lives(pid)]
    assert not run.facts_path.exists()


def test_second_interrupt_forces(root, port):
    (root / "Procfile").write_text(PROCFILE.replace("sleep 0.2; echo worker is warm; exit 0", ""))
    run = Run(root, PORT=port)
    run.facts()
    run.process.send_signal(signal.SIGINT)
    wait_for(lambda: "stopping" in run.text(), run)
    assert run.end() == 0


def test_second_run_names_the_first(run, root):
    facts = run.facts()
    other = subprocess.run(
        [sys.executable, "-m", "analytics.local.stack", "run", "--root", str(root)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert other.returncode == 1
    assert other.stderr == f"make run: already running: pid {facts['pids']['supervisor']} at {facts['url']}\n"
    assert lives(facts["pids"]["web"])


def test_run_after_a_killed_supervisor_adopts_servers_and_ends_orphans(run, root, port):
    before = run.facts()["pids"]
    run.end(signal.SIGKILL)
    again = Run(root, PORT=port)
    after = again.facts()["pids"]
    assert (after["postgres"], after["redis"]) == (before["postgres"], before["redis"])
    assert not [name for name in ("web", "worker", "beat") if lives(before[name])]
    assert again.end() == 0


def test_run_starts_after_everything_was_killed(run, root, port):
    pids = run.facts()["pids"]
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    run.process.wait()
    again = Run(root, PORT=port)
    assert again.facts()["pids"]["postgres"] != pids["postgres"]
    assert again.end() == 0


def test_servers_of_the_environment_are_used(run, tmp_path):
    facts = run.facts()
    (tmp_path / "Procfile").write_text(PROCFILE)
    (tmp_path / "wsgi.py").write_text(WSGI)
    urls = {"DATABASE_URL": facts["database_url"], "REDIS_URL": facts["redis_url"]}
    other = Run(tmp_path, PORT=str(free_port()), **urls)
    theirs = other.facts()
    assert (theirs["pids"]["postgres"], theirs["pids"]["redis"]) == (None, None)
    assert theirs["broker_url"] == facts["broker_url"]
    assert other.end() == 0
    assert lives(facts["pids"]["postgres"])


def test_port_in_use_names_the_way_out(root):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = refusal(root, PORT=str(taken.getsockname()[1]))
    assert re.fullmatch(r"make run: port \d+ on 127.0.0.1 cannot be used .*: choose another, .* PORT=8001", line)


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/x"}, "DATABASE_URL: PostgreSQL does not answer: "),
        ({"REDIS_URL": "redis://:hidden@127.0.0.1:1/0"}, "CELERY_BROKER_URL: Redis does not answer: "),
        ({"DATABASE_URL": "sqlite:///x.db"}, "DATABASE_URL: "),
        ({"PORT": "http"}, "PORT: "),
    ],
    ids=["dead database", "dead redis", "no PostgreSQL", "no port"],
)
def test_unusable_setting_is_told_in_one_line(root, port, env, reason):
    line = refusal(root, **{"PORT": port} | env)
    assert line.startswith(f"make run: {reason}")
    assert "hidden" not in line


def test_data_of_another_major_is_told_in_one_line(tmp_path, port):
    (tmp_path / "Procfile").write_text(PROCFILE)
    (tmp_path / ".data/pg").mkdir(parents=True)
    (tmp_path / ".data/pg/PG_VERSION").write_text("9\n")
    assert "holds data of PostgreSQL 9" in refusal(tmp_path, PORT=port)


def test_failing_migration_ends_the_run(root, port):
    (root / "Procfile").write_text("release: echo no such table; exit 3\n" + PROCFILE.partition("\n")[2])
    assert "the migrations ended with exit code 3" in refusal(root, PORT=port)


def test_web_that_never_comes_up_ends_the_run(root, port):
    (root / "Procfile").write_text("web: exit 7\n")
    assert "web does not come up" in refusal(root, PORT=port)


def answers(url):
    try:
        with urllib.request.urlopen(url + "/readyz") as response:
            return response.status == 200
    except OSError:
        return False

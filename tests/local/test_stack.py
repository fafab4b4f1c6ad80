"""`make run` with a small application instead of the service: starts, restarts, stops and their messages."""

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
from typing import ClassVar

import jwt
import pytest

from analytics.local.child_process import ChildProcess
from analytics.local.processes import is_running
from analytics.local.stack import Stack
from analytics.local.supervisor import Supervisor
from analytics.local.tokens import SCOPES
from tests.local.ports import free_port

ROOT = Path(__file__).resolve().parents[2]

PROCFILE = """\
release: echo migrated
web: exec flask --app wsgi run --host $HOST --port $PORT
worker: echo worker@here ready.; trap 'sleep 0.2; echo worker is warm; exit 0' TERM; while :; do sleep 0.05; done
beat: exec sleep 600
"""

WSGI = """
import click, jwt, os
from flask import Flask, request
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
def create(scope, sub, days):
    with open("tokens.txt", "a") as issued: print(scope, file=issued)
    number = len(open("tokens.txt").readlines())
    print(jwt.encode({"jti": f"{number}", "scope": scope, "sub": sub, "days": days}, os.environ["JWT_SECRET_KEY"]))
@app.get("/api/analytics/tokens")
def tokens():
    jwt.decode(request.headers["Authorization"].split()[1], os.environ["JWT_SECRET_KEY"], ["HS256"])
    numbers = range(1, len(open("tokens.txt").readlines()) + 1)
    return {"tokens": [{"jti": f"{n}", "revoked_at": None, "expires_at": "2999-01-01T00:00:00.000Z"} for n in numbers]}
"""


# As in a web process, many threads and much memory are left when the first thread ends.
SLOW_TO_DIE = """
import threading, time
ballast = bytearray(b"x") * 200_000_000
for _ in range(30): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""


class Run:
    """One `make run`, or `make dev`, in `root`."""

    # Those of the running test, so that none is left when it fails.
    started: ClassVar[list["Run"]] = []

    def __init__(self, root, mode="run", **env):
        self.started.append(self)
        self.root, self.facts_path = root, root / ".data/local.json"
        self.facts_path.unlink(missing_ok=True)
        excluded = (
            "DATABASE_URL",
            "REDIS_URL",
            "CELERY_BROKER_URL",
            "REDIS_HOST",
            "JWT_SECRET_KEY",
            "FLASK_SKIP_DOTENV",
        )
        clean = {name: value for name, value in os.environ.items() if name not in excluded}
        command = [sys.executable, "-m", "analytics.local.stack", mode, "--root", str(root)]
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
        return self.process.wait(60)


def wait_for(condition, run, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, run.text()
        assert run.process.poll() is None or condition(), run.text()
        time.sleep(0.02)


def refusal(root, **env):
    """The last line of the output of a run that does not start."""
    run = Run(root, **env)
    assert run.process.wait(60) == 1, run.text()
    return run.text().strip().splitlines()[-1]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return tmp_path_factory.mktemp("checkout")


@pytest.fixture
def root(checkout):
    """One checkout for all tests, so that its database is created once."""
    (checkout / "Procfile").write_text(PROCFILE)
    (checkout / "wsgi.py").write_text(WSGI)
    return checkout


@pytest.fixture(autouse=True)
def ended():
    yield
    while Run.started:
        if (run := Run.started.pop()).process.poll() is None:
            run.end(signal.SIGTERM)


@pytest.fixture
def port():
    return str(free_port())


@pytest.fixture
def run(root, port):
    run = Run(root, PORT=port)
    run.facts()
    return run


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_facts_describe_the_run(run, port):
    facts = run.facts()
    assert facts["url"] == f"http://127.0.0.1:{port}"
    for scope in SCOPES:
        claims = claims_of(facts[f"{scope}_token"])
        assert (claims["scope"], claims["sub"], claims["days"]) == (scope, f"local-{scope}", 365)
    assert facts["database_url"].startswith("postgresql://")
    assert (facts["redis_url"][-5:], facts["broker_url"][-5:]) == ("?db=1", "?db=0")
    assert set(facts["pids"]) == {"supervisor", "web", "worker", "beat", "postgres", "redis"}
    assert run.facts_path.stat().st_mode & 0o777 == 0o600
    assert "Ready at" in run.text()


def tokens_of(run):
    return [run.facts()[f"{scope}_token"] for scope in SCOPES]


def test_next_run_has_the_same_tokens_until_the_secret_changes(root, port):
    (root / "tokens.txt").unlink(missing_ok=True)
    (root / ".data/tokens.json").unlink(missing_ok=True)
    first = Run(root, PORT=port)
    made = tokens_of(first)
    assert first.end() == 0
    second = Run(root, PORT=port)
    assert tokens_of(second) == made
    assert second.end() == 0
    assert (root / ".data/tokens.json").stat().st_mode & 0o777 == 0o600
    assert (root / "tokens.txt").read_text().split() == list(SCOPES)
    third = Run(root, PORT=port, JWT_SECRET_KEY="another secret, as long as it has to be")
    assert not set(tokens_of(third)) & set(made)


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"admin": "x"}'])
def test_tokens_that_cannot_be_read_are_made_anew(root, port, kept):
    (root / ".data").mkdir(exist_ok=True)
    (root / ".data/tokens.json").write_text(kept)
    assert {claims_of(token)["scope"] for token in tokens_of(Run(root, PORT=port))} == set(SCOPES)


def get(run, path):
    with urllib.request.urlopen(run.facts()["url"] + path) as response:
        return response.read().decode()


def environment_of(run):
    return json.loads(get(run, "/environment"))


def test_banner_shows_tokens_and_what_needs_none(run, port):
    wait_for(lambda: "Ctrl-C" in run.text(), run)
    text = run.text()
    assert f"Ready at http://127.0.0.1:{port} (API: http://127.0.0.1:{port}/docs)" in text
    secret = environment_of(run)["SIGN_IN_SECRET"]
    assert f"\nhttp://127.0.0.1:{port}/login#{secret}\n" in text
    assert run.facts()["sign_in_url"] == f"http://127.0.0.1:{port}/login#{secret}"
    # No log of a process has it, and only its owner can read the files that do.
    assert [path for path in (run.root / ".data/logs").iterdir() if secret in path.read_text()] == []
    for scope in SCOPES:
        [shown] = re.findall(rf"{scope} token +(\S+)\n", text)
        assert claims_of(shown)["scope"] == scope
    assert "whoever reaches this port may ingest, read, write (ANONYMOUS_SCOPES)" in text
    assert 'make flask ARGS="token create' in text


def test_production_lets_nobody_in_without_a_token_and_keeps_its_secrets(root, port):
    (root / ".data/secrets.env").unlink(missing_ok=True)
    run = Run(root, PORT=port, ENVIRONMENT="Production")
    env = environment_of(run)
    assert "ANONYMOUS_SCOPES" not in env
    assert (root / ".data/secrets.env").stat().st_mode & 0o777 == 0o600
    assert f"JWT_SECRET_KEY={env['JWT_SECRET_KEY']}\n" in (root / ".data/secrets.env").read_text()
    wait_for(lambda: "Ctrl-C" in run.text(), run)
    assert "callers have no access" in run.text()
    assert f"\nhttp://127.0.0.1:{port}/login\n" in run.text()
    assert f"{root}/.data/secrets.env, mode 0600" in run.text()
    assert run.end() == 0


def test_production_refuses_a_published_secret(root, port):
    line = refusal(root, PORT=port, ENVIRONMENT="production", JWT_SECRET_KEY="changeme")
    assert line.startswith("make run: JWT_SECRET_KEY: ")


def test_env_file_sets_what_the_environment_does_not(root, port):
    (root / ".env").write_text(f"PORT={port}\nMAX_BATCH_SIZE=7\nLOG_LEVEL=ERROR\nANALYTICS_RETENTION_DAYS=30\n")
    try:
        run = Run(root, LOG_LEVEL="", MAX_BATCH_SIZE="9")
        env = environment_of(run)
        assert run.end() == 0
    finally:
        (root / ".env").unlink()
    assert run.text().count(f"http://127.0.0.1:{port}")
    assert (env["MAX_BATCH_SIZE"], env["ANALYTICS_RETENTION_DAYS"]) == ("9", "30")
    assert not {"LOG_LEVEL", "EVENT_RETENTION_DAYS"} & set(env)


def test_broken_env_file_is_reported_in_one_line(root, port):
    (root / ".env").write_text("MAX BATCH\n")
    try:
        line = refusal(root, PORT=port)
    finally:
        (root / ".env").unlink()
    assert line == f"make run: {root}/.env: line 1 is not NAME=value, for example LOG_LEVEL=INFO"


def test_no_other_user_can_read_the_data_folder(root, port):
    data = root / ".data"
    (data / "logs").mkdir(parents=True, exist_ok=True)
    (data / "exports").mkdir(exist_ok=True)
    for left, mode in ((data, 0o755), (data / "logs", 0o755), (data / "exports", 0o755)):
        left.chmod(mode)
    for left in (data / "logs/web.log", data / "pg.log", data / "celerybeat-schedule"):
        left.touch()
        left.chmod(0o644)
    run = Run(root, PORT=port)
    run.facts()
    assert data.stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)
    entries = [entry for folder in (data, data / "logs", data / "redis") for entry in folder.iterdir()]
    assert {entry.name: oct(entry.stat().st_mode) for entry in entries if entry.stat().st_mode & 0o077} == {}
    assert run.end() == 0


def test_processes_get_defaults_for_unset_variables(root, port):
    run = Run(root, PORT=port, ANALYTICS_RETENTION_DAYS="30", ANONYMOUS_SCOPES="read")
    env = environment_of(run)
    assert env["ANONYMOUS_SCOPES"] == "read"
    assert "EVENT_RETENTION_DAYS" not in env
    assert env["AUTO_CREATE_SITES"] == "true"
    assert len(env["JWT_SECRET_KEY"]) >= 32
    assert f"JWT_SECRET_KEY={env['JWT_SECRET_KEY']}\n" in (root / ".data/secrets.env").read_text()
    run.end()


def test_each_killed_process_is_restarted_and_reported(run):
    before = run.facts()["pids"]
    names = ("web", "worker", "beat", "redis", "postgres")
    for name in names:
        os.kill(before[name], signal.SIGKILL)
    wait_for(lambda: all(run.facts()["pids"][name] not in (None, before[name]) for name in names), run, seconds=20)
    wait_for(lambda: run.text().count("restarted as pid") == len(names), run)
    wait_for(lambda: is_ready(run.facts()["url"]), run)


def test_interrupt_stops_in_order_and_frees_the_port(run, port):
    pids = run.facts()["pids"]
    assert run.end() == 0
    last = run.text().strip().splitlines()[-1]
    assert last.endswith(f"stopped web, beat, worker, redis, postgres; port {port} is free")
    assert "worker is warm" in run.text()
    assert not [name for name, pid in pids.items() if is_running(pid)]
    assert not run.facts_path.exists()


def test_second_interrupt_forces(root, port):
    (root / "Procfile").write_text(PROCFILE.replace("sleep 0.2; echo worker is warm; exit 0", ""))
    run = Run(root, PORT=port)
    run.facts()
    run.process.send_signal(signal.SIGINT)
    wait_for(lambda: "stopping" in run.text(), run)
    assert run.end() == 0


def test_second_run_reports_the_first(run, root):
    facts = run.facts()
    other = subprocess.run(
        [sys.executable, "-m", "analytics.local.stack", "run", "--root", str(root)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert other.returncode == 1
    assert other.stderr == f"make run: already running: pid {facts['pids']['supervisor']} at {facts['url']}\n"
    assert is_running(facts["pids"]["web"])


@pytest.mark.fault
def test_run_after_a_killed_supervisor_adopts_servers_and_ends_orphans(run, root, port):
    before = run.facts()["pids"]
    run.end(signal.SIGKILL)
    again = Run(root, PORT=port)
    after = again.facts()["pids"]
    assert (after["postgres"], after["redis"]) == (before["postgres"], before["redis"])
    assert not [name for name in ("web", "worker", "beat") if is_running(before[name])]
    assert again.end() == 0


@pytest.mark.fault
def test_run_starts_after_each_of_three_kills(root, port):
    (root / "wsgi.py").write_text(WSGI + SLOW_TO_DIE)
    for _ in range(3):
        run = Run(root, PORT=port)
        run.facts()
        run.end(signal.SIGKILL)
    last = Run(root, PORT=port)
    assert last.facts()["url"].endswith(port)
    assert last.end() == 0


@pytest.mark.fault
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
    other_facts = other.facts()
    assert (other_facts["pids"]["postgres"], other_facts["pids"]["redis"]) == (None, None)
    assert other_facts["broker_url"] == facts["broker_url"]
    assert other.end() == 0
    assert is_running(facts["pids"]["postgres"])


def test_port_in_use_is_reported_with_another_port(root):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        line = refusal(root, PORT=str(listener.getsockname()[1]))
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
def test_unusable_setting_is_reported_in_one_line(root, port, env, reason):
    line = refusal(root, **{"PORT": port} | env)
    assert line.startswith(f"make run: {reason}")
    assert "hidden" not in line


def test_data_of_another_major_version_is_reported_in_one_line(tmp_path, port):
    (tmp_path / "Procfile").write_text(PROCFILE)
    (tmp_path / ".data/pg").mkdir(parents=True)
    (tmp_path / ".data/pg/PG_VERSION").write_text("9\n")
    assert "holds data of PostgreSQL 9" in refusal(tmp_path, PORT=port)


def test_failing_migration_ends_the_run(root, port):
    (root / "Procfile").write_text("release: echo no such table; exit 3\n" + PROCFILE.partition("\n")[2])
    assert "the migrations failed with exit code 3" in refusal(root, PORT=port)


def test_web_that_does_not_start_ends_the_run(root, port):
    (root / "Procfile").write_text("web: exit 7\n")
    assert "web does not start" in refusal(root, PORT=port)


def is_ready(url):
    try:
        with urllib.request.urlopen(url + "/readyz") as response:
            return response.status == 200
    except OSError:
        return False


def change_code(run, **contents):
    for name, text in contents.items():
        new = run.root / f"{name}.new"
        new.write_text(text)
        # As editors do: another file under the same name.
        new.replace(run.root / f"{name}.py")


@pytest.fixture
def dev(root, port):
    """`make dev` on the small application, whose worker prints what wsgi.py answers."""
    (root / "Procfile").write_text(
        PROCFILE.replace("echo worker@here ready.", "echo worker@here ready. $(grep -c new wsgi.py)")
    )
    run = Run(root, mode="dev", PORT=port)
    wait_for(lambda: "Ctrl-C" in run.text(), run)
    return run


def test_dev_reloads_every_process_when_code_changes(dev):
    before = dev.facts()["pids"]
    change_code(dev, wsgi=WSGI.replace('"ready"', '"new"'))
    wait_for(lambda: "wsgi.py changed: reloading" in dev.text(), dev)
    wait_for(lambda: is_ready(dev.facts()["url"]) and get(dev, "/readyz") == "new", dev)
    wait_for(lambda: "worker@here ready. 1" in dev.text(), dev)
    wait_for(lambda: dev.facts()["pids"]["beat"] not in (None, before["beat"]), dev)
    wait_for(lambda: "worker is warm" in dev.text(), dev)
    assert dev.end() == 0


def test_dev_does_not_wait_for_a_worker_that_ends_its_tasks(root, port):
    task = "while [ ! -e done ]; do sleep 0.05; done; echo worker is warm; exit 0"
    (root / "Procfile").write_text(
        PROCFILE.replace("sleep 0.2; echo worker is warm; exit 0", task).replace("ready.", "ready. $$")
    )
    (root / "tasks").mkdir(exist_ok=True)
    run = Run(root, mode="dev", PORT=port)
    wait_for(lambda: "Ctrl-C" in run.text(), run)
    before = run.facts()["pids"]
    try:
        (root / "tasks/rollups.py").write_text("new = 1")
        wait_for(lambda: run.text().count("ready. ") == 2, run)
        wait_for(lambda: run.facts()["pids"]["worker"] not in (None, before["worker"]), run)
        assert is_running(before["worker"])
        assert run.facts()["pids"] == before | {"worker": run.facts()["pids"]["worker"]}
    finally:
        (root / "done").touch()
    wait_for(lambda: not is_running(before["worker"]), run)
    assert "worker is warm" in run.text()


def test_an_ended_dev_leaves_no_replaced_worker(root, port):
    (root / "Procfile").write_text(PROCFILE.replace("sleep 0.2; echo worker is warm; exit 0", ""))
    (root / "tasks").mkdir(exist_ok=True)
    run = Run(root, mode="dev", PORT=port)
    wait_for(lambda: "Ctrl-C" in run.text(), run)
    before = run.facts()["pids"]["worker"]
    (root / "tasks/rollups.py").write_text("new = 2")
    wait_for(lambda: "was replaced by" in run.text(), run)
    run.process.send_signal(signal.SIGINT)
    wait_for(lambda: "stopping" in run.text(), run)
    assert run.end() == 0
    assert not is_running(before)


def test_dev_keeps_running_what_it_has_when_a_change_does_not_compile(dev):
    before = dev.facts()["pids"]
    change_code(dev, wsgi="def broken(:\n")
    wait_for(lambda: "wsgi.py changed but is not reloaded: wsgi.py, line 1: SyntaxError: " in dev.text(), dev)
    assert dev.facts()["pids"] == before
    assert get(dev, "/readyz") == "ready"


def test_dev_keeps_running_what_it_has_when_changed_code_cannot_be_imported(dev):
    before = dev.facts()["pids"]
    change_code(dev, wsgi=WSGI + "missing_name()\n")
    line = WSGI.count("\n") + 1
    refusal = (
        f"wsgi.py changed but is not reloaded: wsgi.py, line {line}: NameError: name 'missing_name' is not defined"
    )
    wait_for(lambda: refusal in dev.text(), dev)
    assert dev.facts()["pids"] == before
    assert get(dev, "/readyz") == "ready"


def test_dev_reloads_no_process_while_another_file_is_broken(dev):
    before = dev.facts()["pids"]
    change_code(dev, wsgi="def broken(:\n")
    wait_for(lambda: "wsgi.py changed but is not reloaded: wsgi.py, line 1" in dev.text(), dev)
    change_code(dev, other="good = 1\n")
    wait_for(lambda: "other.py changed but is not reloaded: wsgi.py, line 1: SyntaxError: " in dev.text(), dev)
    change_code(dev, wsgi=WSGI.replace('"ready"', '"new"'))
    wait_for(lambda: "wsgi.py changed: reloading" in dev.text(), dev)
    wait_for(lambda: is_ready(dev.facts()["url"]) and get(dev, "/readyz") == "new", dev)
    wait_for(lambda: "worker@here ready. 1" in dev.text(), dev)
    wait_for(lambda: dev.facts()["pids"]["beat"] not in (None, before["beat"]), dev)
    assert "restarted" not in dev.text().partition("wsgi.py changed: reloading")[0]


def test_dev_recovers_from_code_that_does_not_start(dev):
    change_code(dev, wsgi="import sys\nif sys.argv[0].endswith('flask'): raise ValueError\n")
    wait_for(lambda: dev.text().count("web (pid") >= 2, dev)
    change_code(dev, wsgi=WSGI.replace('"ready"', '"new"'))
    wait_for(lambda: is_ready(dev.facts()["url"]) and get(dev, "/readyz") == "new", dev)


def test_a_reload_that_was_put_off_comes_with_the_next_one(root, port):
    stack = Stack(root, {"PORT": port}, "dev")
    for name in ("web", "worker", "beat"):
        unit = ChildProcess(name, "true", root, {}, root / f"{name}.log", stack.output, None)
        stack.children[name] = unit
        stack.supervisors[name] = Supervisor(name, unit, print, lambda: None)

    def take_due():
        return [name for name, supervisor in stack.supervisors.items() if supervisor.cancel_reload()]

    stack.reload([Path("analytics/clock.py")])
    stack.hold_reloads()
    assert take_due() == []
    stack.reload([Path("tasks/rollups.py")])
    assert take_due() == ["web", "worker", "beat"]
    stack.reload([Path("tasks/rollups.py")])
    assert take_due() == ["worker"]


def test_dev_gives_requests_of_old_code_little_time(dev):
    assert environment_of(dev)["GRACEFUL_TIMEOUT"] == "2"


def test_run_does_not_reload(run):
    change_code(run, wsgi=WSGI.replace('"ready"', '"new"'))
    os.kill(run.facts()["pids"]["beat"], signal.SIGKILL)
    wait_for(lambda: "beat (pid" in run.text(), run)
    assert "reloading" not in run.text()
    assert get(run, "/readyz") == "ready"

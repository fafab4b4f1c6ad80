"""Calls to a job's callback_url, taken by a real server; which addresses are called, and when again."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from sqlalchemy import Engine

from analytics import clock, queue
from analytics.exports import webhooks
from analytics.exports.run import Runner, machine, run_job, work_dir_of
from analytics.exports.turns import turn
from analytics.sites import Site
from config import Settings
from tasks import exports

Api = Callable[..., Any]
START = datetime(2026, 3, 9, 12, tzinfo=UTC)
PUBLIC = "93.184.216.34"


class Receiver(ThreadingHTTPServer):
    """Answers with `statuses`, one after the other (the last one for good), and keeps what came."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.statuses, self.came = [200], list[tuple[str, Any, bytes]]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/exported?for=me"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((self.path, self.headers, body))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Into no log."""


def serve(server: Receiver) -> Iterator[Receiver]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from serve(Receiver(Handler))


@pytest.fixture
def developing(settings: Settings) -> Settings:
    return replace(settings, environment="development")


@pytest.fixture
def ended(runner: Runner, make_job: Api, sql: Api) -> Callable[[str], str]:
    """`ended(url)`: the id of a finished job with that callback_url."""

    def make(url: str) -> str:
        job = make_job()
        sql("UPDATE export_jobs SET callback_url = :url RETURNING 1", url=url)
        run_job(runner, job.id)
        return str(job.id)

    return make


def audit_of(sql: Api) -> list[Any]:
    found = sql("SELECT detail FROM audit_log WHERE action = 'export.webhook' ORDER BY id")
    return [(row[0]["attempt"], row[0]["delivered"], row[0]["outcome"], row[0]["is_last"]) for row in found]


def test_an_ended_job_is_told_once_and_signed(
    engine: Engine, developing: Settings, receiver: Receiver, ended: Api, app: Flask, sql: Api
) -> None:
    job_id = ended(receiver.url)
    now = clock.now()
    assert webhooks.due(engine, now) == job_id
    assert webhooks.notify(engine, developing, job_id, now) == (True, "200")
    assert webhooks.notify(engine, developing, job_id, now + timedelta(days=2)) is None
    [(path, headers, body)] = receiver.came
    assert path == "/exported?for=me"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == f"127.0.0.1:{receiver.server_port}"
    signed = dict(part.split("=") for part in headers["X-Analytics-Signature"].split(","))
    key = hmac.new(f"{developing.jwt_secret_key}:".encode(), b"export webhooks", "sha256").hexdigest()
    expected = hmac.new(key.encode(), signed["t"].encode() + b"." + body, "sha256").hexdigest()
    assert (signed["v1"], int(signed["t"])) == (expected, int(now.timestamp()))
    told = json.loads(body)
    [(size, sha256)] = sql("SELECT bytes, sha256 FROM export_jobs")
    assert [told[name] for name in ("id", "state", "bytes", "sha256", "rows")] == [job_id, "done", size, sha256, 0]
    file = app.test_client().get(told["download_url"]).get_data()
    assert hashlib.sha256(file).hexdigest() == sha256
    assert audit_of(sql) == [(1, True, "200", True)]


def test_a_call_is_repeated_for_21_hours(
    engine: Engine, developing: Settings, receiver: Receiver, ended: Api, sql: Api
) -> None:
    job_id, now, calls = ended(receiver.url), START, []
    receiver.statuses = [503, 302, 404, 500]
    while now < START + timedelta(days=2):
        if due := webhooks.due(engine, now):
            webhooks.notify(engine, developing, due, now)
            calls.append(int((now - START).total_seconds() / 60))
        now += timedelta(minutes=1)
    # 1, 5 and 30 minutes, then 2, 6 and 12 hours after the one before.
    assert calls == [0, 1, 6, 36, 156, 516, 1236]
    assert len(receiver.came) == 7
    outcomes = ["503", "302", "404", "500", "500", "500", "500"]
    assert audit_of(sql) == [(n + 1, False, outcome, n == 6) for n, outcome in enumerate(outcomes)]
    assert webhooks.notify(engine, developing, job_id, now) is None


def test_an_answer_ends_it(engine: Engine, developing: Settings, receiver: Receiver, ended: Api, sql: Api) -> None:
    job_id = ended(receiver.url)
    receiver.statuses = [500, 204]
    assert webhooks.notify(engine, developing, job_id, START) == (False, "500")
    assert webhooks.notify(engine, developing, job_id, START + timedelta(seconds=59)) is None
    assert webhooks.notify(engine, developing, job_id, START + timedelta(seconds=60)) == (True, "204")
    assert webhooks.due(engine, START + timedelta(days=9)) is None
    assert audit_of(sql) == [(1, False, "500", False), (2, True, "204", True)]


def test_two_workers_make_one_call(engine: Engine, developing: Settings, receiver: Receiver, ended: Api) -> None:
    job_id, found = ended(receiver.url), list[Any]()
    workers = [
        threading.Thread(target=lambda: found.append(webhooks.notify(engine, developing, job_id, START)))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(found, key=str) == [(True, "200"), None, None, None]
    assert len(receiver.came) == 1


def test_outside_of_development_loopback_is_not_called(
    engine: Engine, settings: Settings, receiver: Receiver, ended: Api, sql: Api
) -> None:
    called = webhooks.notify(engine, settings, ended(receiver.url), START)
    assert called is not None
    assert (called.delivered, receiver.came) == (False, [])
    assert "not on the public internet" in called.outcome
    assert audit_of(sql) == [(1, False, called.outcome, False)]


def test_a_name_is_looked_up_once_and_what_it_gave_is_checked(
    engine: Engine, settings: Settings, receiver: Receiver, ended: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that says something public first and loopback then, and one that says both at once."""
    answers = [[PUBLIC], ["127.0.0.1"], [PUBLIC, "10.0.0.1"]]
    connected: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> Any:
        return [(2, 1, 6, "", (address, port)) for address in answers.pop(0)]

    def connect(place: tuple[str, int], _timeout: float) -> Any:
        connected.append(place[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    headers = {"Content-Length": "2"}
    with pytest.raises(ConnectionRefusedError):
        webhooks._post("http://rebind.example/x", b"{}", headers, "production")
    for _ in range(2):
        with pytest.raises(webhooks.Refused):
            webhooks._post("http://rebind.example/x", b"{}", headers, "production")
    assert (connected, answers) == ([PUBLIC], [])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x", "http://127.1/x", "http://2130706433/x", "http://0x7f.0.0.1/x", "http://localhost:8000/x",
        "http://api.localhost/x", "http://LOCALHOST./x", "http://[::1]/x", "http://[::ffff:127.0.0.1]/x",
        "http://[fe80::1%25eth0]/x", "http://[fc00::1]/x", "http://[2002:7f00:1::]/x", "http://[64:ff9b::7f00:1]/x",
        "http://10.0.0.1/x", "http://172.16.0.1/x", "http://192.168.1.1/x", "http://169.254.169.254/latest", "http://0/x",
        "http://100.64.0.1/x", "http://224.0.0.1/x", "http://[fec0::1]/x", "http://[ff02::1]/x", "http://255.255.255.255",
        "ftp://example.com/x", "file:///etc/passwd", "http:///x", "http://me:secret@example.com/x", "http://a b/x",
        "http://example.com:0/x", "http://example.com:99999/x", "http://example.com/\r\nHost: x", "http://exämple.com/",
        "http://[::1/x", "https://", f"http://{'a' * 70}.com/",
    ],
)  # fmt: skip
def test_such_an_address_is_refused_when_ordered(api: Api, site: Site, url: str) -> None:
    for path, body in (("", {"callback_url": url}), ("/schedules", {"request": {"callback_url": url}})):
        when = {"every": "day", "at": "06:00"} if path else {}
        assert "address" in api("post", path, json={**when, **body}, status=422).text


@pytest.mark.parametrize("url", ["https://example.com/x?y=1", "http://example.com:8080", f"http://{PUBLIC}/",
                                 "https://[2606:2800:220:1::]/x"])  # fmt: skip
def test_a_public_address_is_taken(url: str) -> None:
    assert webhooks.refusal(url, "production") is None
    assert webhooks.refusal("http://localhost:3000/x", "development") is None


def test_who_never_stops_answering_is_cut_off(
    engine: Engine, developing: Settings, ended: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header that goes on and on, a byte at a time."""
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.3)
    listener = socket.create_server(("127.0.0.1", 0))
    cut = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not cut.wait(0.02):
            try:
                connection.sendall(b"x")
            except OSError:
                cut.set()
        connection.close()

    dripping = threading.Thread(target=drip)
    dripping.start()
    called = webhooks.notify(engine, developing, ended(f"http://127.0.0.1:{listener.getsockname()[1]}/"), START)
    assert called is not None
    assert called.delivered is False
    assert cut.wait(5)
    dripping.join()
    listener.close()


def test_tls_is_checked_by_the_name(
    engine: Engine, developing: Settings, ended: Api, sql: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    server = Receiver(Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = serve(server)
    next(serving)
    job_id = ended(f"https://localhost:{server.server_port}/x")
    unknown = webhooks.notify(engine, developing, job_id, START)
    assert unknown is not None
    assert unknown.delivered is False
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert webhooks.notify(engine, developing, job_id, START + timedelta(minutes=1)) == (True, "200")
    sql("UPDATE export_jobs SET notified_at = NULL, callback_url = :url RETURNING 1",
        url=f"https://127.0.0.1:{server.server_port}/x")  # fmt: skip
    other = webhooks.notify(engine, developing, job_id, START + timedelta(hours=1))
    assert other is not None
    assert other.delivered is False
    assert len(server.came) == 1
    next(serving, None)


def make_certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "both.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_the_worker_has_the_call_made(
    app: Flask, make_job: Api, work: Api, sql: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once when the job ends, and by beat for as long as it is due: also for a job that the watch gave up."""
    rung: list[int] = []
    monkeypatch.setattr(queue, "call_back", lambda: rung.append(1))
    job, silent, failed = make_job(), make_job(), make_job()
    sql("UPDATE export_jobs SET callback_url = 'http://127.0.0.1:1/' WHERE id <> CAST(:id AS uuid) RETURNING 1",
        id=silent.id)  # fmt: skip
    work(silent.id)
    assert rung == []
    work(job.id)
    assert rung == [1]
    sql("UPDATE export_jobs SET state = 'failed', finished_at = now() WHERE id = CAST(:id AS uuid) RETURNING 1",
        id=failed.id)  # fmt: skip
    with app.app_context():
        exports.plan()
        assert rung == [1, 1]
        exports.notify()
        exports.plan()
    assert rung == [1, 1]
    assert [row[:2] for row in audit_of(sql)] == [(1, False), (1, False)]


def test_one_process_of_a_machine_calls(
    app: Flask, settings: Settings, ended: Api, receiver: Receiver, sql: Api
) -> None:
    ended(receiver.url)
    with turn(work_dir_of(settings), f"calls-{machine()}", 1), app.app_context():
        exports.notify()
    assert audit_of(sql) == []
    with app.app_context():
        exports.notify()
    assert len(audit_of(sql)) == 1

"""Webhooks to a real server: signature, retries, the addresses that are called, TLS and the deadline."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from analytics.exports.delivery import callback_url, webhooks
from analytics.exports.delivery.callback_url import UrlRefused, explain_refusal, post
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import Runner, find_work_dir
from analytics.files.locks import machine_name, try_acquire_slot
from analytics.sites.sites import Site
from config import Settings
from tasks import exports

Api = Callable[..., Any]
START = datetime(2026, 3, 9, 12, tzinfo=UTC)
PUBLIC = "93.184.216.34"


class Receiver(ThreadingHTTPServer):
    """Responds with `statuses`, one after the other (the last one for ever), and keeps the requests."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.statuses, self.requests = [200], list[tuple[str, Any, bytes]]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/exported?for=me"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers, body))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Writes no log."""


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
    rows = sql("SELECT detail FROM audit_log WHERE action = 'export.webhook' ORDER BY id")
    return [tuple(detail[name] for name in ("attempt", "delivered", "outcome", "is_last")) for (detail,) in rows]


def test_webhook_is_delivered_once_and_signed(
    engine: Engine, developing: Settings, receiver: Receiver, ended: Api, app: Flask, sql: Api
) -> None:
    job_id = ended(receiver.url)
    now = clock.now()
    assert webhooks.find_due_job(engine, now) == job_id
    assert webhooks.notify(engine, developing, job_id, now) == (True, "200")
    assert webhooks.notify(engine, developing, job_id, now + timedelta(days=2)) is None
    [(path, headers, body)] = receiver.requests
    assert path == "/exported?for=me"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == f"127.0.0.1:{receiver.server_port}"
    signed = dict(part.split("=") for part in headers["X-Analytics-Signature"].split(","))
    key = hmac.new(f"{developing.jwt_secret_key}:".encode(), b"export webhooks", "sha256").hexdigest()
    expected = hmac.new(key.encode(), signed["t"].encode() + b"." + body, "sha256").hexdigest()
    assert (signed["v1"], int(signed["t"])) == (expected, int(now.timestamp()))
    message = json.loads(body)
    [(size, sha256)] = sql("SELECT bytes, sha256 FROM export_jobs")
    assert [message[name] for name in ("id", "state", "bytes", "sha256", "rows")] == [job_id, "done", size, sha256, 0]
    file = app.test_client().get(message["download_url"]).get_data()
    assert hashlib.sha256(file).hexdigest() == sha256
    assert audit_of(sql) == [(1, True, "200", True)]


CallbackOf = Callable[[str], dict[str, Any]]


@pytest.fixture
def callback_of(app: Flask, token: Any, auth: Any) -> CallbackOf:
    """`callback_of(job_id)`: the field `callback` of the job's JSON."""
    path, headers = "/api/analytics/exports", auth(token("admin"))
    return lambda job_id: dict(app.test_client().get(f"{path}/{job_id}", headers=headers).json["callback"])


def test_job_shows_what_became_of_its_callback(
    engine: Engine, developing: Settings, receiver: Receiver, ended: Api, callback_of: CallbackOf
) -> None:
    job_id, nothing = (
        ended(receiver.url),
        dict.fromkeys(("last_status", "last_error", "next_attempt_at", "delivered_at")),
    )
    assert callback_of(job_id) == {"state": "waiting", "attempts": 0, **nothing}
    receiver.statuses = [503, 204]
    webhooks.notify(engine, developing, job_id, START)
    error, retry_at = "the receiver answered 503; accepted: 200 to 299", "2026-03-09T12:01:00Z"
    shown = {"state": "retrying", "attempts": 1, "last_status": 503, "last_error": error, "next_attempt_at": retry_at}
    assert callback_of(job_id) == {**nothing, **shown}
    webhooks.notify(engine, developing, job_id, START + timedelta(minutes=1))
    shown = {"state": "delivered", "attempts": 2, "last_status": 204, "delivered_at": retry_at}
    assert callback_of(job_id) == {**nothing, **shown}


def test_callback_without_a_response_says_why(
    engine: Engine, settings: Settings, receiver: Receiver, ended: Api, callback_of: CallbackOf, sql: Api
) -> None:
    job_id = ended(receiver.url)
    webhooks.notify(engine, settings, job_id, START)
    shown = callback_of(job_id)
    assert (shown["state"], shown["last_status"]) == ("retrying", None)
    assert "not on the public internet" in shown["last_error"]
    sql("UPDATE export_jobs SET notify_attempt = 7 RETURNING 1")
    shown = callback_of(job_id)
    assert (shown["state"], shown["attempts"], shown["next_attempt_at"]) == ("failed", 7, None)


def test_cancelled_job_calls_nobody(receiver: Receiver, make_job: Api, callback_of: CallbackOf, sql: Api) -> None:
    job = make_job()
    sql("UPDATE export_jobs SET callback_url = :url, state = 'cancelled' RETURNING 1", url=receiver.url)
    assert callback_of(job.id)["state"] == "cancelled"


def test_links_are_absolute_with_public_url(
    engine: Engine, developing: Settings, receiver: Receiver, ended: Api, make_app: Api, token: Any, auth: Any
) -> None:
    job_id, base = ended(receiver.url), "https://analytics.example.com/a"
    webhooks.notify(engine, replace(developing, public_url=base), job_id, clock.now())
    [(_, _, body)] = receiver.requests
    route, client = "/api/analytics/exports", make_app(public_url=base).test_client()
    shown = client.get(f"{route}/{job_id}", headers=auth(token("admin"))).json
    for link in (json.loads(body)["download_url"], shown["download_url"]):
        assert link.startswith(f"{base}{route}/{job_id}/download?expires=")
        assert client.get(link.removeprefix(base)).status_code == 200
    posts: dict[str, Any] = {route: {}, f"{route}/schedules": {"every": "day", "at": "06:00"}}
    posts |= {"/api/analytics/goals": {"name": "a", "type": "a"}, "/api/analytics/sites": {"key": "new"}}
    for path, sent in posts.items():
        created = client.post(path, json=sent, headers=auth(token("admin")))
        assert created.headers["Location"].startswith(f"{base}{path}/")


def test_failed_call_is_retried_for_21_hours(
    engine: Engine, developing: Settings, receiver: Receiver, ended: Api, sql: Api
) -> None:
    job_id, now, calls = ended(receiver.url), START, []
    receiver.statuses = [503, 302, 404, 500]
    while now < START + timedelta(days=2):
        if due := webhooks.find_due_job(engine, now):
            webhooks.notify(engine, developing, due, now)
            calls.append(int((now - START).total_seconds() / 60))
        now += timedelta(minutes=1)
    # After 1, 5 and 30 minutes, then 2, 6 and 12 hours.
    assert calls == [0, 1, 6, 36, 156, 516, 1236]
    assert len(receiver.requests) == 7
    outcomes = ["503", "302", "404", "500", "500", "500", "500"]
    assert audit_of(sql) == [(n + 1, False, outcome, n == 6) for n, outcome in enumerate(outcomes)]
    assert webhooks.notify(engine, developing, job_id, now) is None


def test_2xx_response_ends_the_retries(
    engine: Engine, developing: Settings, receiver: Receiver, ended: Api, sql: Api
) -> None:
    job_id = ended(receiver.url)
    receiver.statuses = [500, 204]
    assert webhooks.notify(engine, developing, job_id, START) == (False, "500")
    assert webhooks.notify(engine, developing, job_id, START + timedelta(seconds=59)) is None
    assert webhooks.notify(engine, developing, job_id, START + timedelta(seconds=60)) == (True, "204")
    assert webhooks.find_due_job(engine, START + timedelta(days=9)) is None
    assert audit_of(sql) == [(1, False, "500", False), (2, True, "204", True)]


def test_two_workers_make_one_call(engine: Engine, developing: Settings, receiver: Receiver, ended: Api) -> None:
    job_id = ended(receiver.url)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: webhooks.notify(engine, developing, job_id, START), range(4)))
    assert sorted(results, key=str) == [(True, "200"), None, None, None]
    assert len(receiver.requests) == 1


def test_loopback_is_not_called_outside_of_development(
    engine: Engine, settings: Settings, receiver: Receiver, ended: Api, sql: Api
) -> None:
    result = webhooks.notify(engine, settings, ended(receiver.url), START)
    assert result is not None
    assert (result.delivered, receiver.requests) == (False, [])
    assert "not on the public internet" in result.outcome
    assert audit_of(sql) == [(1, False, result.outcome, False)]


def test_host_is_resolved_once_and_all_addresses_are_checked(
    engine: Engine, settings: Settings, receiver: Receiver, ended: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that returns a public address first and loopback next, and one that returns both at once."""
    lookups = [[PUBLIC], ["127.0.0.1"], [PUBLIC, "10.0.0.1"]]
    connected: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> Any:
        return [(2, 1, 6, "", (address, port)) for address in lookups.pop(0)]

    def connect(address: tuple[str, int], _timeout: float) -> Any:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    headers = {"Content-Length": "2"}
    with pytest.raises(ConnectionRefusedError):
        post("http://rebind.example/x", b"{}", headers, "production")
    for _ in range(2):
        with pytest.raises(UrlRefused):
            post("http://rebind.example/x", b"{}", headers, "production")
    assert (connected, lookups) == ([PUBLIC], [])


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
def test_unacceptable_callback_url_is_refused_at_creation(api: Api, site: Site, url: str) -> None:
    for path, body in (("", {"callback_url": url}), ("/schedules", {"request": {"callback_url": url}})):
        when = {"every": "day", "at": "06:00"} if path else {}
        assert "address" in api("post", path, json={**when, **body}, status=422).text


@pytest.mark.parametrize("url", ["https://example.com/x?y=1", "http://example.com:8080", f"http://{PUBLIC}/",
                                 "https://[2606:2800:220:1::]/x"])  # fmt: skip
def test_public_address_is_accepted(url: str) -> None:
    assert explain_refusal(url, "production") is None
    assert explain_refusal("http://localhost:3000/x", "development") is None


def test_endless_response_is_cut_at_the_deadline(
    engine: Engine, developing: Settings, ended: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endless header, one byte at a time."""
    monkeypatch.setattr(callback_url, "TIMEOUT_S", 0.3)
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
    result = webhooks.notify(engine, developing, ended(f"http://127.0.0.1:{listener.getsockname()[1]}/"), START)
    assert result is not None
    assert result.delivered is False
    assert cut.wait(5)
    dripping.join()
    listener.close()


def test_tls_certificate_must_match_the_host_name(
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
    assert len(server.requests) == 1
    next(serving, None)


def make_certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "both.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_ended_jobs_enqueue_webhooks(
    app: Flask, make_job: Api, work: Api, sql: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once when the job ends, and by beat while a webhook is due, also for a job that failed without a worker."""
    enqueued: list[int] = []
    monkeypatch.setattr(queue, "enqueue_notify", lambda: enqueued.append(1))
    job, silent, failed = make_job(), make_job(), make_job()
    sql("UPDATE export_jobs SET callback_url = 'http://127.0.0.1:1/' WHERE id <> CAST(:id AS uuid) RETURNING 1",
        id=silent.id)  # fmt: skip
    work(silent.id)
    assert enqueued == []
    work(job.id)
    assert enqueued == [1]
    sql("UPDATE export_jobs SET state = 'failed', finished_at = now() WHERE id = CAST(:id AS uuid) RETURNING 1",
        id=failed.id)  # fmt: skip
    with app.app_context():
        exports.plan()
        assert enqueued == [1, 1]
        exports.notify()
        exports.plan()
    assert enqueued == [1, 1]
    assert [row[:2] for row in audit_of(sql)] == [(1, False), (1, False)]


def test_webhooks_run_in_one_process_of_a_machine(
    app: Flask, settings: Settings, ended: Api, receiver: Receiver, sql: Api
) -> None:
    ended(receiver.url)
    with try_acquire_slot(find_work_dir(settings), f"calls-{machine_name()}", 1), app.app_context():
        exports.notify()
    assert audit_of(sql) == []
    with app.app_context():
        exports.notify()
    assert len(audit_of(sql)) == 1

"""Telling a job's `callback_url` that it ended: a signed POST, repeated with growing pauses until one is answered.

tasks/exports.py calls `notify_all` when a job ends, and when beat finds a call due. The calls of a job are counted in
its row, so they outlive workers and Redis. Outside of development only addresses of the public internet are called.
"""

import hashlib
import hmac
import http.client
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import msgspec
from sqlalchemy import Engine, insert, text

from analytics import clock
from analytics.exports import jobs, links
from analytics.exports.jobs import Job
from analytics.store.models import audit_log
from config import Settings

log = logging.getLogger(__name__)

# After the first, second … call without an answer; the last one is 21 hours after the first.
WAITS_S = (60, 300, 1800, 7200, 21_600, 43_200)
MOST_CALLS = len(WAITS_S) + 1
TIMEOUT_S = 10.0
HEADER = "X-Analytics-Signature"
ADDRESS = re.compile(r"[\x21-\x7e]{1,2000}")
PORTS = {"http": 80, "https": 443}
NOT_PUBLIC = "is not on the public internet (loopback, private, link-local or reserved)"


class Called(NamedTuple):
    """A call: whether it was answered with a 2xx, and the status or what was in the way."""

    delivered: bool
    outcome: str


class Refused(Exception):
    """An address that is not called."""


def key_of(settings: Settings) -> str:
    """What receivers check signatures with; `flask export webhook-key` prints it. JWT_SECRET_KEY cannot be found from
    it. Where JWT_PUBLIC_KEY verifies tokens, IDENTITY_SALT is the secret that there is."""
    secret = f"{settings.jwt_secret_key}:{settings.identity_salt}".encode()
    return hmac.new(secret, b"export webhooks", hashlib.sha256).hexdigest()


def signature_of(key: str, body: bytes, now: datetime) -> str:
    """`t=<unix>,v1=<hex>`: HMAC-SHA256 of the time, a full stop and the body."""
    seconds = int(now.timestamp())
    digest = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def refusal(url: str, environment: str) -> str | None:
    """Why the address will not be called; None: it may be. Asks no name server."""
    try:
        parts = _split(url)
        _check(parts, environment, socket.AI_NUMERICHOST)
    except Refused as error:
        return str(error)
    except OSError:
        # A name: what it stands for is looked at when it is called.
        name = str(parts.hostname).rstrip(".").lower()
        is_here = name == "localhost" or name.endswith(".localhost")
        return NOT_PUBLIC if is_here and environment != "development" else None
    return None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fits = ADDRESS.fullmatch(url) and parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError as error:
        raise Refused("is not an address as https://example.com/exported") from error
    # A zone of the local network stands after a per cent sign.
    if not fits or "%" in str(parts.hostname):
        raise Refused("is not an address as https://example.com/exported")
    if parts.username is not None:
        raise Refused("may not hold a user and a password; the signature tells who calls")
    return parts


def _check(parts: SplitResult, environment: str, flags: int = 0) -> list[str]:
    """The addresses of the host, each of them checked. Raises Refused, and OSError when there are none."""
    try:
        found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError as error:
        raise Refused("is not an address as https://example.com/exported") from error
    addresses = [str(place[4][0]) for place in found]
    if environment != "development" and not all(map(is_public, addresses)):
        raise Refused(NOT_PUBLIC)
    return addresses


def is_public(address: str) -> bool:
    """Whether it belongs to the public internet, also where it wraps an IPv4 address."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and (inner := found.ipv4_mapped or found.sixtofour):
        return is_public(str(inner))
    return found.is_global and not (found.is_multicast or found.is_reserved or getattr(found, "is_site_local", False))


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS[parts.scheme]


# Served by ix_export_jobs_state.
DUE = text("""
SELECT id
FROM export_jobs
WHERE state IN ('done', 'failed', 'expired') AND callback_url IS NOT NULL AND notified_at IS NULL
  AND notify_attempt < :most AND (notify_at IS NULL OR notify_at <= :now)
ORDER BY coalesce(notify_at, finished_at), id
LIMIT 1
""")


def due(engine: Engine, now: datetime) -> str | None:
    """The id of the job whose address is to be called now: again, or because the message to do so was lost."""
    with engine.connect() as connection:
        found = connection.execute(DUE, {"most": MOST_CALLS, "now": now}).scalar()
    return None if found is None else str(found)


def notify_all(engine: Engine, settings: Settings, most_s: float) -> int:
    """Calls whatever is due, one after the other, for about `most_s`. How many calls were made."""
    until, calls = time.monotonic() + most_s, 0
    while time.monotonic() < until and (job_id := due(engine, clock.now())) is not None:
        calls += notify(engine, settings, job_id, clock.now()) is not None
    return calls


CLAIM = text("""
UPDATE export_jobs
SET notify_attempt = notify_attempt + 1,
    notify_at = CAST(:now AS timestamptz)
        + make_interval(secs => (CAST(:waits AS integer[]))[least(notify_attempt + 1, :most - 1)])
WHERE id = :id AND state IN ('done', 'failed', 'expired') AND callback_url IS NOT NULL AND notified_at IS NULL
  AND notify_attempt < :most AND (notify_at IS NULL OR notify_at <= :now)
RETURNING notify_attempt
""")


def notify(engine: Engine, settings: Settings, job_id: str, now: datetime) -> Called | None:
    """Calls the job's address once, if that is due, and writes down how it went. None: it is not due.

    Twice at once is once; after a kill in the middle the receiver may hear of it again.
    """
    given = {"id": job_id, "now": now, "waits": list(WAITS_S), "most": MOST_CALLS}
    with engine.begin() as connection:
        attempt = connection.execute(CLAIM, given).scalar()
    job = None if attempt is None else jobs.read_job(engine, job_id)
    if job is None or job.callback_url is None:
        return None
    called = _call(job.callback_url, body_of(settings, job, now), settings, now)
    _record(engine, job, attempt, called, now)
    log.info("export webhook", extra={"job": job.id, "attempt": attempt, **called._asdict()})
    return called


def body_of(settings: Settings, job: Job, now: datetime) -> bytes:
    """What the receiver is told: JSON. The download's path carries its own permission for a while."""
    path = links.path_of(links.key_of(settings), job.id, now, job.expires_at)
    told = jobs.as_json(job, now, path)
    names = ("id", "state", "sha256", "bytes", "rows", "download_url", "error")
    return msgspec.json.encode({name: told[name] for name in names})


NOTIFIED = text("UPDATE export_jobs SET notified_at = :now WHERE id = :id")


def _record(engine: Engine, job: Job, attempt: int | None, called: Called, now: datetime) -> None:
    # The path of the address may be its receiver's secret.
    host = urlsplit(job.callback_url or "").hostname
    is_last = called.delivered or attempt == MOST_CALLS
    detail = {"job": job.id, "attempt": attempt, "host": host, "is_last": is_last, **called._asdict()}
    row = {"actor": "system", "action": "export.webhook", "site_id": job.site_id, "detail": detail}
    with engine.begin() as connection:
        if called.delivered:
            connection.execute(NOTIFIED, {"id": job.id, "now": now})
        connection.execute(insert(audit_log).values(row))


def _call(url: str, body: bytes, settings: Settings, now: datetime) -> Called:
    headers = {"Content-Type": "application/json", "User-Agent": "analytics-exports", "Connection": "close"}
    headers[HEADER] = signature_of(key_of(settings), body, now)
    try:
        status = _post(url, body, headers, settings.environment)
    except Refused as error:
        return Called(False, f"the address {error}")
    except (OSError, http.client.HTTPException) as error:
        return Called(False, str(getattr(error, "strerror", None) or type(error).__name__))
    # A redirect is no answer: where it leads to was not checked.
    return Called(200 <= status < 300, str(status))


def _post(url: str, body: bytes, headers: dict[str, str], environment: str) -> int:
    """The status of the answer; its body is not read."""
    parts = _split(url)
    addresses = _check(parts, environment)
    host, port = str(parts.hostname), _port(parts)
    with _connected(addresses, port) as plain:
        connection: Any
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, context=context)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
        else:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = plain
        # It must not look the name up again.
        connection.auto_open = 0
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body, headers)
            return int(connection.getresponse().status)
        finally:
            connection.close()


@contextmanager
def _connected(addresses: list[str], port: int) -> Iterator[socket.socket]:
    """A connection to the first address that takes one. It is cut after TIMEOUT_S, however busy it is."""
    until = time.monotonic() + TIMEOUT_S
    plain = _connect(addresses, port, until)
    # Of its own: TLS takes the first one over.
    other = plain.dup()
    timer = threading.Timer(max(0.0, until - time.monotonic()), _cut, [other])
    timer.daemon = True
    timer.start()
    try:
        yield plain
        # What was cut may look like a whole answer.
        if time.monotonic() >= until:
            raise TimeoutError(f"no answer within {TIMEOUT_S:.0f} s")
    finally:
        timer.cancel()
        timer.join()
        other.close()
        plain.close()


def _connect(addresses: list[str], port: int, until: float) -> socket.socket:
    error: OSError = TimeoutError()
    for address in addresses:
        try:
            return socket.create_connection((address, port), max(0.01, until - time.monotonic()))
        except OSError as failed:
            error = failed
    raise error


def _cut(plain: socket.socket) -> None:
    with suppress(OSError):
        plain.shutdown(socket.SHUT_RDWR)

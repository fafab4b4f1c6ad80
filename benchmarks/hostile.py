"""Hostile clients over plain sockets: each attack is a function that runs until a deadline. attacks.py runs them.

They come from an address and a token of their own, so that limits per caller can tell them from others. An attack that
also knows the right response reports what was wrong with it.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import zstandard

# Another loopback address than that of the normal client.
SOURCE = ("127.0.0.2", 0)
INGEST = "/api/analytics/ingest?site=bench"
BODY_BYTES = 4_980_000
SMALL = b'[{"type":"a","user_id":"u"}]'


@dataclass
class Target:
    """The attacked server, the attackers' token, and what they did and saw."""

    port: int
    token: str
    until: float
    attempts: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.until

    def pause(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, self.until - time.monotonic())))

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        """A connection whose errors end the block: the server may close it at any time."""
        self.attempts += 1
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5, SOURCE) as own:
            own.settimeout(5)
            yield own

    def head(self, method: str = "POST", path: str = INGEST, *headers: str, token: bool = True) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
        if token:
            lines.append(f"Authorization: Bearer {self.token}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def check(self, response: bytes, status: bytes, what: str) -> None:
        if not response.startswith(b"HTTP/1.1 " + status):
            self.failures.append(f"{what}: {response[:60]!r}, not {status.decode()}")


def read_response(own: socket.socket) -> bytes:
    """All that comes until the server closes or pauses for half a second."""
    received, began = b"", time.monotonic()
    own.settimeout(5)
    with suppress(OSError):
        while (piece := own.recv(65536)) and time.monotonic() < began + 10:
            received += piece
            own.settimeout(0.5)
    return received


def reset(own: socket.socket) -> None:
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_requests(target: Target) -> None:
    """C1: connections that stay in the middle of their head."""
    while not target.is_over:
        idle = []
        for _ in range(20):
            with suppress(OSError):
                idle.append(socket.create_connection(("127.0.0.1", target.port), 5, SOURCE))
                idle[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n")
                target.attempts += 1
        target.pause(30)
        for own in idle:
            own.close()


def h2c_offers(target: Target) -> None:
    """C2: an offer of HTTP/2 is ignored, and the request is served."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")
    while not target.is_over:
        with target.connection() as own:
            own.sendall(target.head("POST", INGEST, *offer, f"Content-Length: {len(SMALL)}") + SMALL)
            target.check(read_response(own), b"202", "POST with an offer of h2c")
        target.pause(1)


def large_trailers(target: Target) -> None:
    """C3: megabytes of trailers."""
    lines = b"".join(b"X-%d: " % n + b"y" * 1000 + b"\r\n" for n in range(200))
    while not target.is_over:
        with target.connection() as own:
            own.sendall(target.head("POST", INGEST, "Transfer-Encoding: chunked") + b"1\r\n[\r\n0\r\n")
            for _ in range(50):
                own.sendall(lines)
        target.pause(2)


def unread_pipeline(target: Target) -> None:
    """C3: requests that are sent ahead, whose responses nobody reads."""
    one = target.head("GET", "/api/analytics/openapi.json")
    while not target.is_over:
        with target.connection() as own:
            own.setblocking(False)
            end = min(target.until, time.monotonic() + 20)
            while time.monotonic() < end:
                with suppress(BlockingIOError):
                    own.send(one * 100)
                target.pause(0.2)


def tiny_chunks(target: Target) -> None:
    """C3: a body in chunks of two bytes."""
    body = b"2\r\n  \r\n" * 20_000
    while not target.is_over:
        with target.connection() as own:
            own.sendall(target.head("POST", INGEST, "Transfer-Encoding: chunked"))
            for _ in range(25):
                own.sendall(body)
            own.sendall(b"0\r\n\r\n")
            read_response(own)
        target.pause(3)


def lost_bodies(target: Target) -> None:
    """C4: connections that are reset in the middle of a large body."""
    while not target.is_over:
        with target.connection() as own:
            own.sendall(target.head("POST", INGEST, f"Content-Length: {BODY_BYTES}") + b" " * (BODY_BYTES // 2))
            reset(own)
        target.pause(0.5)


def unfinished_bodies(target: Target) -> None:
    """C5: large bodies that lack their end."""
    while not target.is_over:
        held = []
        for _ in range(16):
            with suppress(OSError):
                own = socket.create_connection(("127.0.0.1", target.port), 5, SOURCE)
                held.append(own)
                own.settimeout(1)
                target.attempts += 1
                own.sendall(target.head("POST", INGEST, f"Content-Length: {BODY_BYTES}") + b" " * (BODY_BYTES - 1))
        target.pause(10)
        for own in held:
            own.close()


def forged_trailers(target: Target) -> None:
    """H1: a trailer is no header: a token in it does not count."""
    while not target.is_over:
        with target.connection() as own:
            own.sendall(
                target.head("POST", INGEST, "Transfer-Encoding: chunked", "Trailer: Authorization", token=False)
            )
            trailer = f"Authorization: Bearer {target.token}\r\nX-Forwarded-For: 8.8.8.8\r\n\r\n".encode()
            own.sendall(b"%x\r\n%b\r\n0\r\n" % (len(SMALL), SMALL) + trailer)
            response = read_response(own)
            if response.startswith(b"HTTP/1.1 2"):
                target.failures.append("a token in a trailer was accepted")
        target.pause(1)


def garbage_after_request(target: Target) -> None:
    """H5: a request is answered, whatever follows it."""
    while not target.is_over:
        with target.connection() as own:
            own.sendall(
                target.head("POST", INGEST, f"Content-Length: {len(SMALL)}") + SMALL + b"\x00\xff nonsense\r\n\r\n"
            )
            target.check(read_response(own), b"202", "POST followed by garbage")
        target.pause(1)


def slow_heads(target: Target) -> None:
    """Slowloris: many heads that arrive byte by byte."""
    slow: list[socket.socket] = []
    head = target.head("GET", "/livez")
    while not target.is_over:
        for position in range(60):
            while len(slow) < 150 and not target.is_over:
                target.attempts += 1
                with suppress(OSError):
                    slow.append(socket.create_connection(("127.0.0.1", target.port), 5, SOURCE))
            for own in list(slow):
                try:
                    own.send(head[position : position + 1])
                except OSError:
                    slow.remove(own)
            target.pause(0.5)
    for own in slow:
        own.close()


def unread_streams(target: Target) -> None:
    """M2: live streams and downloads that nobody reads."""
    held = []
    while not target.is_over:
        for path in ("/api/analytics/reports/live?site=bench", "/api/analytics/reports/events?site=bench"):
            for _ in range(20):
                if len(held) < 160 and not target.is_over:
                    target.attempts += 1
                    with suppress(OSError):
                        own = socket.create_connection(("127.0.0.1", target.port), 5, SOURCE)
                        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                        own.sendall(target.head("GET", path))
                        held.append(own)
        target.pause(2)
    for own in held:
        own.close()


BOMBS = (
    b"[" + b",".join([b"{}"] * 1000) + b"]",
    b"[" + b",".join([b'{"type":"a","ts":"x"}'] * 1000) + b"]",
    b"[" + b"1," * 2_400_000 + b"1]",
    b"[" + b",".join([b'{"type":"a","payload":{"a":[' + b"1," * 2400 + b"1]}}"] * 999) + b"]",
    b" " * 4_900_000,
    b" " * 60_000_000,
)


def bombs(target: Target) -> None:
    """M5: some hundred bytes of zstd that become megabytes, or a thousand faults."""
    bodies = [zstandard.compress(body) for body in BOMBS]
    while not target.is_over:
        for body in bodies:
            with target.connection() as own:
                own.sendall(
                    target.head("POST", INGEST, "Content-Encoding: zstd", f"Content-Length: {len(body)}") + body
                )
                read_response(own)
            target.pause(0.5)


ATTACKS: dict[str, Callable[[Target], None]] = {
    "C1 half requests": half_requests,
    "C2 offers of h2c": h2c_offers,
    "C3 large trailers": large_trailers,
    "C3 unread pipeline": unread_pipeline,
    "C3 tiny chunks": tiny_chunks,
    "C4 lost bodies": lost_bodies,
    "C5 unfinished bodies": unfinished_bodies,
    "H1 forged trailers": forged_trailers,
    "H5 garbage after a request": garbage_after_request,
    "slow heads": slow_heads,
    "M2 unread streams": unread_streams,
    "M5 bombs": bombs,
}

"""The address of a webhook: which URLs are accepted, and the POST to one of the addresses that were checked.

schemas.py and the CLI call `explain_refusal`, webhooks.py calls `post`. Outside of development only addresses of the
public internet are called. The name is resolved once, so the checked address is the one connected to. It follows no
redirect.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

TIMEOUT_S = 10.0
URL_PATTERN = re.compile(r"[\x21-\x7e]{1,2000}")
DEFAULT_PORTS = {"http": 80, "https": 443}
NOT_A_URL = "is not an http or https URL; accepted: for example https://example.com/exported"
NOT_PUBLIC = "is not on the public internet (loopback, private, link-local or reserved); accepted: a public address"
HAS_USER = "holds a user or a password; accepted: a URL without them, since the signature authenticates the call"


class UrlRefused(Exception):
    """A URL that is not called; its text says why, without a subject."""


def explain_refusal(url: str, environment: str) -> str | None:
    """Why the URL will not be called; None: it may be. Sends no DNS query."""
    try:
        parts = _split(url)
        _resolve(parts, environment, socket.AI_NUMERICHOST)
    except UrlRefused as error:
        return str(error)
    except OSError:
        # A host name: its addresses are checked when it is called.
        name = str(parts.hostname).rstrip(".").lower()
        is_local = name == "localhost" or name.endswith(".localhost")
        return NOT_PUBLIC if is_local and environment != "development" else None
    return None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_valid = URL_PATTERN.fullmatch(url) and parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError as error:
        raise UrlRefused(NOT_A_URL) from error
    # An IPv6 address with a zone of the local network has a percent sign.
    if not is_valid or "%" in str(parts.hostname):
        raise UrlRefused(NOT_A_URL)
    if parts.username is not None:
        raise UrlRefused(HAS_USER)
    return parts


def _resolve(parts: SplitResult, environment: str, flags: int = 0) -> list[str]:
    """The addresses of the host, all checked. Raises UrlRefused, and OSError where there are none."""
    try:
        found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError as error:
        raise UrlRefused(NOT_A_URL) from error
    addresses = [str(info[4][0]) for info in found]
    if environment != "development" and not all(map(is_public, addresses)):
        raise UrlRefused(NOT_PUBLIC)
    return addresses


def is_public(address: str) -> bool:
    """Whether the address belongs to the public internet; looks into IPv6 addresses that wrap an IPv4 address."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and (inner := ip.ipv4_mapped or ip.sixtofour):
        return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or getattr(ip, "is_site_local", False))


def _port(parts: SplitResult) -> int:
    return parts.port or DEFAULT_PORTS[parts.scheme]


def post(url: str, body: bytes, headers: dict[str, str], environment: str) -> int:
    """The status of the response, whose body is not read. Raises UrlRefused, OSError and HTTPException."""
    parts = _split(url)
    addresses = _resolve(parts, environment)
    with _connected(addresses, _port(parts)) as connection_socket:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection_socket = context.wrap_socket(connection_socket, server_hostname=str(parts.hostname))
        connection = _PinnedConnection(str(parts.hostname), connection_socket)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body, {"Host": parts.netloc, **headers})
            return int(connection.getresponse().status)
        finally:
            connection.close()


class _PinnedConnection(http.client.HTTPConnection):
    """HTTP over a socket that is connected already; it never resolves the host again."""

    def __init__(self, host: str, connected: socket.socket) -> None:
        super().__init__(host)
        self._connected = connected

    def connect(self) -> None:
        self.sock = self._connected


@contextmanager
def _connected(addresses: list[str], port: int) -> Iterator[socket.socket]:
    """A connection to the first address that accepts one. It is cut after TIMEOUT_S, even while data arrives."""
    deadline = time.monotonic() + TIMEOUT_S
    connected = _connect(addresses, port, deadline)
    # A duplicate to shut down: TLS takes over the first socket object.
    duplicate = connected.dup()
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _shut_down, [duplicate])
    timer.daemon = True
    timer.start()
    try:
        yield connected
        # A response that was cut may look complete.
        if time.monotonic() >= deadline:
            raise TimeoutError(f"no response within {TIMEOUT_S:.0f} s")
    finally:
        timer.cancel()
        timer.join()
        duplicate.close()
        connected.close()


def _connect(addresses: list[str], port: int, deadline: float) -> socket.socket:
    last_error: OSError = TimeoutError()
    for address in addresses:
        try:
            return socket.create_connection((address, port), max(0.01, deadline - time.monotonic()))
        except OSError as error:
            last_error = error
    raise last_error


def _shut_down(duplicate: socket.socket) -> None:
    with suppress(OSError):
        duplicate.shutdown(socket.SHUT_RDWR)

"""Between a connection and the Flask application: PEP 3333's environ of a request, and the answer to it."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# A body of at most this length is taken whole and sent with its head.
SHORT_BODY = 1_048_576


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application said: its header lines as sent, and all of its body, or the pieces as they come."""

    status: int
    head: bytes
    body: bytes | Iterable[bytes]
    has_length: bool = True
    closes: bool = False
    environ: dict[str, Any] | None = None


@dataclass(eq=False, slots=True)
class Head:
    """A request's line and headers, and the two ends of its connection."""

    method: str = ""
    url: bytes = b""
    version: str = "1.1"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    peer: Any = None
    here: Any = None
    scheme: str = "http"

    def environ(self, body: bytes) -> dict[str, Any]:
        """PEP 3333's environ. Raises httptools.HttpParserInvalidURLError.

        A header whose name has an underscore is dropped: it could pose as another. A body without a length gets that
        of what was read, so that one that was cut off over the limit is refused.
        """
        url = httptools.parse_url(self.url)
        path = url.path or b"/"
        named = isinstance(self.peer, tuple)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
            "RAW_URI": self.url.decode("latin-1"),
            "REQUEST_URI": self.url.decode("latin-1"),
            "QUERY_STRING": (url.query or b"").decode("latin-1"),
            "SERVER_NAME": self.here[0] if isinstance(self.here, tuple) else "localhost",
            "SERVER_PORT": str(self.here[1]) if isinstance(self.here, tuple) else "80",
            "SERVER_PROTOCOL": f"HTTP/{self.version}",
            "REMOTE_ADDR": self.peer[0] if named else "",
            "REMOTE_PORT": str(self.peer[1]) if named else "",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.scheme,
            "wsgi.input": BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in self.headers:
            key = _keys.get(name) or _remember_key(name)
            if key:
                text = value.decode("latin-1")
                environ[key] = f"{environ[key]},{text}" if key in environ else text
        if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:
            environ["CONTENT_LENGTH"] = str(len(body))
        return environ


_keys: dict[bytes, str] = {}


def _remember_key(name: bytes) -> str:
    """The environ's name of a header; '' for one that is not passed on."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
    if len(_keys) < 200:
        _keys[name] = key
    return key


def call_wsgi(wsgi: Wsgi, environ: dict[str, Any]) -> Answer:
    """The application's answer. A short body is complete, and closed; a long or endless one is still to be read."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        started[:] = (int(status[:3]), headers)

    pieces = wsgi(environ, start_response)
    status, headers = started
    lines, length, closes = [], None, False
    for name, value in headers:
        lower = name.lower()
        if lower == "content-length":
            length = int(value)
        elif lower == "connection":
            closes = value.lower() == "close"
            continue
        lines.append(f"{name}: {value}\r\n")
    head = "".join(lines).encode("latin-1")
    bodiless = environ["REQUEST_METHOD"] == "HEAD" or status in (204, 304)
    if not bodiless and (length is None or length > SHORT_BODY):
        return Answer(status, head, pieces, length is not None, closes, environ)
    try:
        body = b"".join(pieces)
    finally:
        if close := getattr(pieces, "close", None):
            close()
    return Answer(status, head, b"" if bodiless else body, True, closes, environ)

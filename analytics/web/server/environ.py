"""PEP 3333's environ of an ASGI scope. Pure: it reads no body and knows no application."""

import sys
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

Scope = dict[str, Any]
MAX_REMEMBERED_NAMES = 200
CONSTANT = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.input_terminated": True,
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_names: dict[bytes, str] = {}


def build_environ(scope: Scope, body: Any) -> dict[str, Any]:
    """The environ, with `body` as wsgi.input.

    A header whose name has an underscore is dropped: it could pose as another. Repeated headers are joined by commas,
    cookies, which HTTP/2 may split, by semicolons (RFC 9113, 8.2.3).
    """
    (path, authority), (host, port) = _split_target(scope["raw_path"]), scope["server"] or ("localhost", 80)
    client = scope["client"] or ("", "")
    environ: dict[str, Any] = {
        **CONSTANT,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
    }
    _add_headers(environ, scope["headers"])
    if authority:
        environ["HTTP_HOST"] = authority.decode("latin-1")
    return environ


def _split_target(target: bytes) -> tuple[bytes, bytes]:
    """(path, authority) of a request target; an absolute URL's authority replaces Host (RFC 9112, 3.2.2)."""
    if target.lower().startswith((b"http://", b"https://")):
        authority, _, path = target.partition(b"://")[2].partition(b"/")
        return b"/" + path, authority
    return target, b""


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        key = _names.get(name)
        if key is None:
            key = _environ_name(name)
        if key:
            text = value.decode("latin-1")
            separator = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text


def _environ_name(name: bytes) -> str:
    """The environ's name of a header; empty for one that is not passed on."""
    key = "" if b"_" in name else name.decode("latin-1").upper().replace("-", "_")
    if key and key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = "HTTP_" + key
    if len(_names) < MAX_REMEMBERED_NAMES:
        _names[name] = key
    return key

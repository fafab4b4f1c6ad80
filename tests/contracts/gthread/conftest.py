"""The contract tests once more, against the same application under another WSGI server: gunicorn's gthread worker."""

import http.client
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config import Settings
from tests.web.web_server import WebServer, environment

SERVED = "tests.contracts.gthread.served:app"
OPTIONS = "--worker-class gthread --threads 4"


@pytest.fixture(scope="session")
def gthread(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    env = environment(settings, ANONYMOUS_SCOPES="ingest read", AUTO_CREATE_SITES="true", EVENT_RETENTION_DAYS="3650")
    with WebServer(tmp_path_factory.mktemp("gthread"), SERVED, env, OPTIONS) as server:
        yield server


class Forward:
    """A WSGI application that sends each request to a server and returns its response."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        if content_type := environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = content_type
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        response = self.send(environ["REQUEST_METHOD"], environ["REQUEST_URI"], body, headers)
        start_response(f"{response.status} {response.reason}", response.getheaders())
        return [response.read()]

    def send(self, method: str, target: str, body: bytes = b"", headers: Any = {}) -> http.client.HTTPResponse:  # noqa: B006
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, target, body or None, headers)
        return connection.getresponse()


@pytest.fixture
def local(gthread: WebServer, make_app: Callable[..., Flask]) -> FlaskClient:
    forward = Forward(gthread.port)
    forward.send("POST", "/clear")
    app = make_app()
    app.wsgi_app = forward  # type: ignore[method-assign]
    return app.test_client()


@pytest.fixture
def address(gthread: WebServer) -> str:
    Forward(gthread.port).send("POST", "/clear")
    return f"http://127.0.0.1:{gthread.port}"

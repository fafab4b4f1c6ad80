"""A service whose secret everybody knows serves its own machine only."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from analytics.auth.tokens.published_secret import check_bind
from config import DEVELOPMENT_SECRET, ConfigError, Settings
from tests.auth.tokens.test_issuer import EXTERNAL, PUBLIC_KEY
from tests.conftest import ROOT
from tests.web.web_server import WebServer, environment

PUBLISHED = {"environment": "development", "jwt_secret_key": DEVELOPMENT_SECRET}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("", 403),
        ("203.0.113.7", 403), ("10.0.0.5", 403), ("::ffff:10.0.0.5", 403), ("fe80::1%eth0", 403), ("localhost.evil", 403),
    ],
)  # fmt: skip
def test_published_secret_serves_its_own_machine_only(
    make_app: Callable[..., Flask], address: str, status: int
) -> None:
    client = make_app(**PUBLISHED).test_client()
    assert client.get("/livez", environ_base={"REMOTE_ADDR": address}).status_code == status


def test_refused_caller_reads_what_to_set(make_app: Callable[..., Flask], token: Any, auth: Any) -> None:
    client = make_app(**PUBLISHED).test_client()
    response = client.get(
        "/api/analytics/sites", headers=auth(token("admin")), environ_base={"REMOTE_ADDR": "10.0.0.5"}
    )
    assert (response.status_code, response.content_type) == (403, "application/problem+json")
    assert "set JWT_SECRET_KEY" in response.json["detail"]


def test_forwarded_address_does_not_make_a_caller_local(make_app: Callable[..., Flask]) -> None:
    client = make_app(**PUBLISHED, trusted_proxies=("10.0.0.0/8",)).test_client()
    headers = {"X-Forwarded-For": "127.0.0.1"}
    assert client.get("/livez", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.5"}).status_code == 403


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"])
def test_proxy_on_the_same_machine_does_not_make_a_caller_local(make_app: Callable[..., Flask], name: str) -> None:
    client = make_app(**PUBLISHED).test_client()
    assert client.get("/livez", headers={name: "for=203.0.113.7"}).status_code == 403


def test_proxy_without_headers_is_known_by_its_old_protocol(make_app: Callable[..., Flask]) -> None:
    """As nginx with `proxy_pass http://localhost:8000` and nothing else."""
    client = make_app(**PUBLISHED).test_client()
    environ = {"HTTP_HOST": "localhost:8000", "SERVER_PROTOCOL": "HTTP/1.0"}
    assert client.get("/livez", environ_overrides=environ).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:8000", 200), ("127.0.0.1:8000", 200), ("[::1]", 200), ("[::1]:8000", 200),
        ("stats.example", 403), ("stats.example:8000", 403), ("10.0.0.5", 403), ("localhost.example", 403),
        ("[::1", 403), ("", 403),
    ],
)  # fmt: skip
def test_host_of_another_name_is_refused(make_app: Callable[..., Flask], host: str, status: int) -> None:
    client = make_app(**PUBLISHED).test_client()
    response = client.get("/livez", environ_overrides={"HTTP_HOST": host})
    assert response.status_code == status


def test_own_secret_serves_every_machine(client: Any) -> None:
    assert client.get("/livez", environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "is_published"),
    [
        ({}, True),
        ({"jwt_secret_key": "secret"}, True),
        ({"jwt_secret_key": "x" * 32}, False),
        # Signed links are keyed by both.
        ({"jwt_public_key": PUBLIC_KEY, **EXTERNAL}, True),
        ({"jwt_public_key": PUBLIC_KEY, "identity_salt": "x" * 32, **EXTERNAL}, False),
    ],
)
def test_another_issuer_needs_a_salt_of_its_own(changes: dict[str, Any], is_published: bool) -> None:
    assert Settings(**changes).has_published_secret is is_published


@pytest.mark.parametrize("address", [("127.0.0.1", 8000), ("::1", 8000), ("localhost", 8000), 5])
def test_start_on_the_own_machine_is_allowed(address: Any) -> None:
    check_bind(Settings(), [address])


@pytest.mark.parametrize(
    "address", [("0.0.0.0", 8000), ("::", 8000), ("", 8000), ("10.0.0.5", 80), ("shop.example", 80), "/run/web.sock"]
)
def test_start_with_an_open_port_is_refused(address: Any) -> None:
    with pytest.raises(ConfigError, match=r"^JWT_SECRET_KEY: published, while .*; set JWT_"):
        check_bind(Settings(), [("127.0.0.1", 8000), address])
    check_bind(Settings(jwt_secret_key="x" * 32), [address])


def test_start_with_a_published_secret_warns(settings: Settings, tmp_path: Path) -> None:
    env = environment(settings, JWT_SECRET_KEY=DEVELOPMENT_SECRET)
    with WebServer(tmp_path, env=env) as server:
        assert "the secret is published" in server.log.read_text()


def test_web_process_ends_its_start_with_one_line() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("JWT_", "ENVIRONMENT"))}
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", "0.0.0.0:0", "--no-control-socket"]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    [line] = [line for line in ended.stderr.splitlines() if line.startswith("configuration: ")]
    assert ended.returncode != 0
    assert "set JWT_SECRET_KEY" in line
    assert "Traceback" not in ended.stderr

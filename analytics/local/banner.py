"""What `make run` asks of the application and tells its user: the port, tokens, readiness, the first curl line."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from analytics.local.binaries import StartError

TOKENS = {"admin": "local-admin", "ingest": "local-ingest"}


def check_port(host: str, port: str) -> None:
    """Raise one line when the web server could not listen there."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise StartError(f"PORT={port} is no port number")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
            # As gunicorn does: connections of a stopped server that still fade away do not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, int(port)))
            listener.listen()
    except PermissionError as error:
        raise StartError(f"port {port} needs root: choose another, for example make run PORT=8000") from error
    except OSError as error:
        reason = f"cannot be used ({error.strerror or error})"
        raise StartError(f"port {port} on {host} {reason}: choose another, for example make run PORT=8001") from error


def make_tokens(root: Path, env: Mapping[str, str]) -> dict[str, str]:
    """A token for each scope, as the application's own command makes it."""
    with ThreadPoolExecutor() as pool:
        made = pool.map(lambda scope: _make_token(root, env, scope), TOKENS)
    return dict(zip(TOKENS, made, strict=True))


def answers(url: str) -> bool:
    """True when `url` answers 200."""
    try:
        # A proxy that the user has set is not for this machine's own address.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def welcome(url: str, tokens: Mapping[str, str], data: Path) -> str:
    """What a user needs to go on, as text."""
    event = {
        "ts": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "user_id": "user-123",
        "type": "page_view",
        "src": "web_app",
        "payload": {"page": "/dashboard"},
    }
    return f"""
  Ready at {url}

  admin token    {tokens["admin"]}
  ingest token   {tokens["ingest"]}

  Send an event:

curl -X POST {url}/api/analytics/ingest -H 'Authorization: Bearer {tokens["ingest"]}' \\
  -H 'Content-Type: application/json' -d '{json.dumps([event])}'

  data    {data} (these facts as JSON: {data / "local.json"})
  logs    {data / "logs"}, {data / "pg.log"}, {data / "redis" / "redis.log"}
  stop    Ctrl-C
"""


def _make_token(root: Path, env: Mapping[str, str], scope: str) -> str:
    flask = [sys.executable, "-m", "flask", "--app", "wsgi", "token", "create"]
    command = [*flask, "--scope", scope, "--sub", TOKENS[scope], "--days", "365"]
    made = subprocess.run(command, cwd=root, env=dict(env), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    lines = made.stdout.split()
    if made.returncode or not lines:
        said = (made.stderr.strip().splitlines() or ["no output"])[-1]
        raise StartError(f"flask token create --scope {scope} failed: {said}")
    return lines[-1]

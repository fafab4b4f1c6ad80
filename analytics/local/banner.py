"""What `make run` prints: the URL, tokens, who needs one, the first curl line."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from analytics.local.servers.binaries import StartError
from config import Settings

SCOPES = ("admin", "ingest", "read", "export")
# `flask token create` for each scope in one process: most of its time is the import of the application.
CREATE_TOKENS = """
import sys
from flask.cli import ScriptInfo
from wsgi import app
for scope in sys.argv[1:]:
    command = ["token", "create", "--scope", scope, "--sub", f"local-{scope}", "--days", "365"]
    try:
        app.cli.main(command, "flask", obj=ScriptInfo(create_app=lambda: app))
    except SystemExit as end:
        if end.code:
            raise
"""


def create_tokens(root: Path, env: Mapping[str, str]) -> dict[str, str]:
    """A token for each scope, created by the application's own command."""
    command = [sys.executable, "-c", CREATE_TOKENS, *SCOPES]
    completed = subprocess.run(
        command, cwd=root, env=dict(env), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    tokens = completed.stdout.split()
    if completed.returncode or len(tokens) != len(SCOPES):
        reason = (completed.stderr.strip().splitlines() or ["no output"])[-1]
        raise StartError(f"flask token create failed: {reason}")
    return dict(zip(SCOPES, tokens, strict=True))


def is_responding(url: str) -> bool:
    """True when `url` answers 200."""
    try:
        # A proxy of the user's environment must not be used for local addresses.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def format_banner(url: str, tokens: Mapping[str, str], data: Path, settings: Settings) -> str:
    """URL, tokens and a first curl line, as text."""
    event = {
        "ts": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "user_id": "user-123",
        "type": "page_view",
        "src": "web_app",
        "payload": {"page": "/dashboard"},
    }
    shown_tokens = "\n".join(f"  {scope + ' token':<14} {token}" for scope, token in tokens.items())
    return f"""
  Ready at {url} (API: {url}/docs)

{shown_tokens}
  more tokens    make flask ARGS="token create --scope read --site shop --days 90"
  without one    {_describe_access(settings.anonymous_scopes)}
{_describe_production(data) if settings.is_production else ""}
  Send an event:

curl -X POST {url}/api/analytics/ingest -H 'Authorization: Bearer {tokens["ingest"]}' \\
  -H 'Content-Type: application/json' -d '{json.dumps([event])}'

  data           {data} (this information as JSON: {data / "local.json"})
  logs           {data / "logs"}, {data / "pg.log"}, {data / "redis" / "redis.log"}
  shell          make shell (in another terminal: flask and curl as in the README)
  stop           Ctrl-C
"""


def _describe_access(scopes: Sequence[str]) -> str:
    if not scopes:
        return "callers have no access"
    return f"whoever reaches this port may {', '.join(scopes)} (ANONYMOUS_SCOPES)"


def _describe_production(data: Path) -> str:
    return f"  production     secrets that the environment does not set: {data / 'secrets.env'}, mode 0600\n"

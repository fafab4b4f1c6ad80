"""What `make run` prints: the URL, the link that signs in, tokens, who needs one, the first curl line."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from config import Settings


def is_responding(url: str) -> bool:
    """True when `url` answers 200."""
    try:
        # A proxy of the user's environment must not be used for local addresses.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def format_banner(url: str, sign_in_url: str, tokens: Mapping[str, str], data: Path, settings: Settings) -> str:
    """URLs, tokens and a first curl line, as text."""
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

  Dashboard{_describe_sign_in(settings)}:
{sign_in_url}

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


def _describe_sign_in(settings: Settings) -> str:
    return "" if settings.is_production else ", signed in as admin (keep this link to yourself)"


def _describe_access(scopes: Sequence[str]) -> str:
    if not scopes:
        return "callers have no access"
    return f"whoever reaches this port may {', '.join(scopes)} (ANONYMOUS_SCOPES)"


def _describe_production(data: Path) -> str:
    return f"  production     secrets that the environment does not set: {data / 'secrets.env'}, mode 0600\n"

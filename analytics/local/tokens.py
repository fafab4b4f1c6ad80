"""The tokens that `make run` prints: made by the application's own command, and kept for the next run.

A run uses them again if the application still lists them, so that a database does not gather four for each run.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from analytics import clock
from analytics.local.servers.binaries import StartError

SCOPES = ("admin", "ingest", "read", "export")
TIMEOUT_S = 5
# A kept token is of use for this time at least.
MIN_LIFETIME = timedelta(days=30)
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


def are_usable(url: str, tokens: Mapping[str, str]) -> bool:
    """True when the application at `url` takes these tokens: signed by its secret, and listed in its database."""
    headers = {"Authorization": f"Bearer {tokens.get('admin')}"}
    request = urllib.request.Request(f"{url}/api/analytics/tokens", headers=headers)
    try:
        # A proxy of the user's environment must not be used for local addresses.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=TIMEOUT_S) as response:
            listed = json.load(response)["tokens"]
    except (OSError, ValueError, KeyError):
        return False
    return are_listed(tokens, listed)


def are_listed(tokens: Mapping[str, str], listed: Sequence[Mapping[str, Any]]) -> bool:
    """True when each scope has a token, that GET /api/analytics/tokens lists, not revoked, for a while yet."""
    end = clock.now() + MIN_LIFETIME
    usable = {
        row["jti"]
        for row in listed
        if row["revoked_at"] is None and datetime.fromisoformat(row["expires_at"] or "9999-12-31T00:00Z") > end
    }
    try:
        found = {jwt.decode(tokens[scope], options={"verify_signature": False})["jti"] for scope in SCOPES}
    except (KeyError, jwt.PyJWTError):
        return False
    return found <= usable

"""What `GET /` shows to somebody who has not signed in. Public.

It names the ways in: the API's description, the state of the service, and a first event. It needs no script and loads
nothing, which the Content-Security-Policy enforces.
"""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Any

from flask import Response, jsonify, request

from analytics.auth.guard import anonymous_scopes

LINKS = (
    ("dashboard", "/login", "Sign in to the dashboard"),
    ("docs", "/docs", "Every operation of the API, with an example"),
    ("openapi", "/api/analytics/openapi.json", "The same as an OpenAPI 3.1 document"),
    ("health", "/health", "State of the service"),
)
# A name or an address, and a port. Others could not be pasted into a shell.
HOST_PATTERN = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", re.ASCII)
STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { line-height: 1.2; }
ul { padding-left: 1.2rem; }
li { margin: .4rem 0; }
pre { padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid GrayText; border-radius: .4rem; }
code { font: .875rem/1.5 ui-monospace, monospace; }
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Analytics</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
<h1>Analytics</h1>
<p>The service is running.</p>
<ul>
{links}
</ul>
<h2>Send an event</h2>
<pre><code>{curl}</code></pre>
<p>{token}</p>
</main>
</body>
</html>
"""
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
EVENT = """'[{"type": "page_view", "user_id": "user-123", "payload": {"page": "/dashboard"}}]'"""


def build_first_page() -> Response:
    """The page, or its links for a caller that prefers JSON."""
    if request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json":
        response = jsonify({"links": {name: request.root_path + path for name, path, _ in LINKS}})
    else:
        response = _page()
    # Who has signed in gets another page.
    response.headers["Vary"] = "Accept, Cookie"
    return response


def _page() -> Response:
    values: dict[str, Any] = {"curl": _curl_line(), "token": _token_hint()}
    page = PAGE.format(style=STYLE, links=_list_links(), **{name: escape(text) for name, text in values.items()})
    response = Response(page, mimetype="text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _list_links() -> str:
    links = [(escape(request.root_path + path), escape(text)) for _, path, text in LINKS]
    return "\n".join(f'<li><a href="{path}">{path}</a>: {text}</li>' for path, text in links)


def _curl_line() -> str:
    base = request.url_root.rstrip("/") if HOST_PATTERN.fullmatch(request.host) else "http://localhost:8000"
    key = "" if _is_open() else '-H "Authorization: Bearer $TOKEN" '
    return f"""curl -X POST {base}/api/analytics/ingest {key}-H "Content-Type: application/json" \\\n  -d {EVENT}"""


def _token_hint() -> str:
    if _is_open():
        return "This service accepts events without a token."
    return "TOKEN may ingest: flask token create --scope ingest prints one."


def _is_open() -> bool:
    return "ingest" in anonymous_scopes()

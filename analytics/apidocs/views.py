"""The API's description, and the pages that draw it. Public; scripts and styles are our own files: nothing is loaded
from elsewhere, and the pages' Content-Security-Policy holds them to that."""

import mimetypes
from collections.abc import Mapping
from html import escape
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, url_for

from analytics.documented import documented
from analytics.errors import NotFound
from analytics.ops.openapi import describe

blueprint = Blueprint("docs", __name__)
OURS = Path(__file__).parent / "static"
# Swagger UI comes in the wheel of flask-swagger-ui, Redoc with us.
SWAGGER = files("flask_swagger_ui") / "dist"
FILES: Mapping[str, Any] = {
    "swagger-ui-bundle.js": SWAGGER / "swagger-ui-bundle.js",
    "swagger-ui.css": SWAGGER / "swagger-ui.css",
    "favicon-32x32.png": SWAGGER / "favicon-32x32.png",
    "redoc.standalone.js": OURS / "redoc" / "redoc.standalone.js",
    **{name: OURS / name for name in ("swagger.js", "redoc.js", "docs.css")},
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Analytics API</title>
{head}
</head>
<body>
<div id="page" data-description="{description}"></div>
{scripts}
</body>
</html>
"""
# Both pages style their elements one by one; Redoc's search is a worker that it makes of its own text.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
A_DAY_S, A_YEAR_S = 86_400, 31_536_000


@blueprint.get("/api/analytics/openapi.json")
@documented(
    "This description",
    answer={"type": "object", "required": ["openapi", "info", "paths"]},
    headers={"If-None-Match": "The ETag of the description you have."},
    example={"openapi": "3.1.0", "info": {"title": "Analytics", "version": "0.1.0"}, "paths": {}},
    others={304: "You have it."},
)
def description() -> Response:
    """OpenAPI 3.1, made once a process."""
    known = current_app.extensions
    if "openapi" not in known:
        known["openapi"] = describe(current_app, _release())
    response = jsonify(known["openapi"])
    response.headers["Cache-Control"] = "no-cache"
    return _conditional(response)


@blueprint.get("/docs")
@blueprint.get("/api/analytics/docs")
def swagger() -> Response:
    return _page(["swagger-ui.css"], ["swagger-ui-bundle.js", "swagger.js"])


@blueprint.get("/redoc")
def redoc() -> Response:
    return _page([], ["redoc.standalone.js", "redoc.js"])


@blueprint.get("/docs/files/<path:name>")
def file(name: str) -> Response:
    """A script or style of the pages; its address changes with the release (`?v=`)."""
    if name not in FILES:
        raise NotFound(f"the pages have no file {name[:80]!r}")
    with as_file(FILES[name]) as path:
        response = Response(path.read_bytes(), content_type=mimetypes.guess_type(name)[0])
    kept_s = A_YEAR_S if request.args.get("v") == _version() else A_DAY_S
    response.headers["Cache-Control"] = f"public, max-age={kept_s}" + (", immutable" if kept_s == A_YEAR_S else "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return _conditional(response)


def _page(styles: list[str], scripts: list[str]) -> Response:
    head = [f'<link rel="stylesheet" href="{_address(name)}">' for name in (*styles, "docs.css")]
    head.append(f'<link rel="icon" href="{_address("favicon-32x32.png")}">')
    tags = [f'<script src="{_address(name)}"></script>' for name in scripts]
    text = PAGE.format(head="\n".join(head), description=escape(url_for("docs.description")), scripts="\n".join(tags))
    response = Response(text, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = f"public, max-age={A_DAY_S}"
    return response


def _conditional(response: Response) -> Response:
    """304 for a browser that has it."""
    response.add_etag()
    response.make_conditional(request)
    # The server dates its answers itself.
    del response.headers["Date"]
    return response


def _address(name: str) -> str:
    return escape(url_for("docs.file", name=name, v=_version()))


def _release() -> str:
    from analytics import __version__

    return __version__


def _version() -> str:
    """Of everything that FILES holds."""
    return f"{_release()}-{version('flask-swagger-ui')}"

"""Serves the OpenAPI document and the pages that render it. Public.

Scripts and styles are local files: nothing is loaded from elsewhere, which the Content-Security-Policy enforces.
"""

import mimetypes
from collections.abc import Callable, Mapping
from html import escape
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, request, url_for

from analytics.apidocs.openapi import build_document
from analytics.apidocs.operations import documented
from analytics.apidocs.parameters import refuse_unknown_parameters
from analytics.errors import NotFound
from analytics.web.compression import MIN_BYTES, compress, is_compressible, mark_encoding
from analytics.web.conditional import make_conditional
from config import VERSION

blueprint = Blueprint("docs", __name__)
blueprint.before_app_request(refuse_unknown_parameters)
STATIC_FOLDER = Path(__file__).parent / "static"
# Swagger UI comes from the wheel of flask-swagger-ui, Redoc from this repository.
SWAGGER_UI_FOLDER = files("flask_swagger_ui") / "dist"
STATIC_FILES: Mapping[str, Any] = {
    "swagger-ui-bundle.js": SWAGGER_UI_FOLDER / "swagger-ui-bundle.js",
    "swagger-ui.css": SWAGGER_UI_FOLDER / "swagger-ui.css",
    "favicon-32x32.png": SWAGGER_UI_FOLDER / "favicon-32x32.png",
    "redoc.standalone.js": STATIC_FOLDER / "redoc" / "redoc.standalone.js",
    **{name: STATIC_FOLDER / name for name in ("swagger.js", "redoc.js", "docs.css")},
}
# Redoc shows a logo from elsewhere, which the policy refuses; an image without content is hidden.
REDOC_LOGO, NO_IMAGE = b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,"
PAGE_TEMPLATE = """<!doctype html>
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
# Both pages use inline styles; Redoc runs its search in a worker from a blob URL.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DAY_S, YEAR_S = 86_400, 31_536_000


@blueprint.get("/api/analytics/openapi.json")
@documented(
    "The OpenAPI document",
    response=(
        {"type": "object", "required": ["openapi", "info", "paths"]},
        {"openapi": "3.1.0", "info": {"title": "Analytics", "version": "0.1.0"}, "paths": {}},
    ),
    headers={"If-None-Match": "ETag of a cached document."},
    other_responses={304: "Not modified."},
)
def openapi_document() -> Response:
    """The OpenAPI 3.1 document of this API."""
    response = _respond("openapi", _keep("openapi", _encode_document), "application/json")
    response.headers["Cache-Control"] = "no-cache"
    return make_conditional(response)


@blueprint.get("/docs")
@blueprint.get("/api/analytics/docs")
def swagger() -> Response:
    return _page(["swagger-ui.css"], ["swagger-ui-bundle.js", "swagger.js"])


@blueprint.get("/redoc")
def redoc() -> Response:
    return _page([], ["redoc.standalone.js", "redoc.js"])


@blueprint.get("/docs/files/<path:name>")
def static_file(name: str) -> Response:
    """A script or style of the pages; its address changes with the release (`?v=`)."""
    if name not in STATIC_FILES:
        raise NotFound(f"no file {name[:80]!r}; accepted: {', '.join(STATIC_FILES)}")
    with as_file(STATIC_FILES[name]) as path:
        body = path.read_bytes().replace(REDOC_LOGO, NO_IMAGE)
    response = _respond(name, body, mimetypes.guess_type(name)[0] or "application/octet-stream")
    max_age_s = YEAR_S if request.args.get("v") == _version() else DAY_S
    response.headers["Cache-Control"] = f"public, max-age={max_age_s}" + (", immutable" if max_age_s == YEAR_S else "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return make_conditional(response)


def _page(styles: list[str], scripts: list[str]) -> Response:
    head = [f'<link rel="stylesheet" href="{_address(name)}">' for name in (*styles, "docs.css")]
    head.append(f'<link rel="icon" href="{_address("favicon-32x32.png")}">')
    tags = [f'<script src="{_address(name)}"></script>' for name in scripts]
    text = PAGE_TEMPLATE.format(
        head="\n".join(head), description=escape(url_for("docs.openapi_document")), scripts="\n".join(tags)
    )
    response = Response(text, mimetype="text/html")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = f"public, max-age={DAY_S}"
    return response


def _encode_document() -> bytes:
    return current_app.json.dumps(build_document(current_app, VERSION)).encode()


def _respond(name: str, body: bytes, media_type: str) -> Response:
    """The body with an ETag. It is compressed once a process and encoding: here, because a view may take its time."""
    response = Response(body, content_type=media_type)
    response.add_etag()
    if is_compressible(response) and len(body) >= MIN_BYTES and (encoding := mark_encoding(response)):
        response.set_data(_keep(f"{name} {encoding}", lambda: compress(body, encoding)))
    return response


def _keep(name: str, make: Callable[[], bytes]) -> bytes:
    """What `make` returned when this process needed it first. The names are those of a few documents and files."""
    kept: dict[str, bytes] = current_app.extensions.setdefault("api_documents", {})
    if name not in kept:
        kept[name] = make()
    return kept[name]


def _address(name: str) -> str:
    return escape(url_for("docs.static_file", name=name, v=_version()))


def _version() -> str:
    """The version of all STATIC_FILES."""
    return f"{VERSION}-{version('flask-swagger-ui')}"

"""`/sdk/v1/<file>` and `/sdk/<version>/<file>`: the browser clients' built files. Public, for pages of every origin.

The first address changes with a release and is kept for an hour; the second never changes, so that a page may pin its
hash. Only files that were built are found (sdk_files.py): no path is made of what a stranger sends.
"""

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState

from analytics.apidocs.operations import documented
from analytics.auth.guard import check_site_access, guarded, require_scope
from analytics.auth.keys.site_keys import check_site_key
from analytics.clients.schemas import SNIPPET_EXAMPLE, SnippetResponse
from analytics.clients.sdk_files import Sdk, SdkFile, read_sdk
from analytics.clients.snippet import build_snippet
from analytics.extensions import db, settings
from analytics.sites.sites import find_site
from analytics.web.app import runs_on_event_loop
from analytics.web.compression import MIN_BYTES, is_compressible, mark_encoding
from analytics.web.conditional import make_conditional
from analytics.web.server.greenlets import offload

blueprint = Blueprint("clients", __name__)

HOUR_S, YEAR_S = 3600, 31_536_000
HEADERS = {
    # Scripts with an integrity hash are loaded with CORS, and by pages whose embedder policy asks for the other.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


@blueprint.record_once
def read_files(state: BlueprintSetupState) -> None:
    """Raises ConfigError at the start when the files are not there."""
    state.app.extensions["sdk"] = read_sdk(state.app.extensions["settings"])


@blueprint.get("/sdk/<version>/<name>")
@runs_on_event_loop
def serve_file(version: str, name: str) -> Response:
    """The file, compressed as the browser prefers; 304 when it has it."""
    sdk = _sdk()
    return _build_response(sdk.find(version, name), is_fixed=sdk.is_fixed(version))


@blueprint.get("/api/analytics/sites/<key>/snippet")
@documented("The lines that put the tracker into a page", response=(SnippetResponse, SNIPPET_EXAMPLE))
@guarded("read")
def show_snippet(key: str) -> dict[str, str]:
    """Script elements for the pages of the site. Keys are stored hashed: put yours in place of `pk_…`; a site with
    `public_ingest` needs none."""
    check_site_key(key)
    check_site_access(require_scope("read"), key)
    base_url = settings().public_url or request.url_root.rstrip("/")
    return build_snippet(_sdk(), find_site(db.engine, key), base_url)._asdict()


def _sdk() -> Sdk:
    sdk: Sdk = current_app.extensions["sdk"]
    return sdk


def _build_response(found: SdkFile, is_fixed: bool) -> Response:
    content = found.content or offload(found.load)
    response = Response(content.body, content_type=found.media_type, headers=HEADERS)
    max_age_s = YEAR_S if is_fixed else HOUR_S
    response.headers["Cache-Control"] = f"public, max-age={max_age_s}" + (", immutable" if is_fixed else "")
    response.set_etag(content.etag)
    if len(content.body) >= MIN_BYTES and is_compressible(response) and (encoding := mark_encoding(response)):
        response.set_data(content.encoded[encoding])
    return make_conditional(response)

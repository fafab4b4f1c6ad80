"""`GET /sdk/v1/p.gif`: a page view by an image, for `<noscript>` and places without JavaScript.

It takes the one path of events (accept.py): same callers, limits, checks and stream. A refused request gets a problem,
as everywhere; an image with an empty `alt` then shows nothing.
"""

import msgspec
from flask import Blueprint, Response, request

from analytics.apidocs.operations import documented
from analytics.auth.origins import host_of
from analytics.ingest import dialects
from analytics.ingest.accept import append_batch, open_batch
from analytics.ingest.decoding.body import Envelope
from analytics.ingest.decoding.events import read_batch
from analytics.ingest.pixel.schemas import PixelQuery
from analytics.ingest.senders import guarded_sender
from analytics.web.validation import read_query

blueprint = Blueprint("ingest_pixel", __name__)

PIXEL_PATH = "/sdk/v1/p.gif"
# One transparent pixel.
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
HEADERS = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"}
DEFAULT_TYPE = "page_view"


@blueprint.get(PIXEL_PATH)
@documented(
    "Record a page view by an image",
    PixelQuery,
    media_type="image/gif",
    headers={"Referer": "The page; its host must be of an origin of the site or key."},
    other_responses={422: "The event cannot be accepted."},
)
@guarded_sender
def record_page_view() -> Response:
    """A transparent GIF of one pixel, which no cache keeps. HEAD records nothing."""
    query = read_query(PixelQuery(), request.args)
    if request.method == "GET":
        _record(query)
    return Response(GIF, mimetype="image/gif", headers=HEADERS)


def _record(query: dict[str, str]) -> None:
    event = {
        "type": query.get("type") or query.get("t") or DEFAULT_TYPE,
        # A browser sends the whole Referer only if the image asks for it: referrerpolicy="no-referrer-when-downgrade".
        "path": query.get("path") or query.get("p") or query.get("url") or request.headers.get("Referer"),
        "referrer": query.get("referrer") or query.get("r"),
    }
    items = msgspec.json.encode([event])
    # A path is one of the page that holds the image.
    host = host_of(request.headers.get("Origin") or request.headers.get("Referer") or "")
    site_key, domain = query.get("site_id") or query.get("website_id"), msgspec.Raw(msgspec.json.encode(host))
    context = open_batch(items, Envelope(site_id=site_key, domain=domain))
    append_batch(context, read_batch(items, context.rules, dialects.BATCH))

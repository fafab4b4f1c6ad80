"""Routes of segments: the scope `read` sees them, `write` creates, changes and deletes them."""

import uuid
from typing import Any

from flask import Blueprint

from analytics.apidocs.operations import documented
from analytics.auth.guard import check_site_access, current_principal, guarded, require_scope, resolve_site_key
from analytics.extensions import db, public_address
from analytics.reports.request import guarded_read, read_request
from analytics.reports.segments import schemas, segments
from analytics.reports.segments.segments import Segment
from analytics.sites.sites import find_site
from analytics.web.site_parameters import SiteFields, read_requested_site
from analytics.web.validation import load_json_body

blueprint = Blueprint("segments", __name__)
SEGMENTS_PATH = "/api/analytics/segments"
SEGMENT_EXAMPLE = {
    "id": "0c9f0e7a-35f5-4a53-8a4e-3d5b6f1f7f10",
    "site": "shop",
    "name": "Phones in Germany",
    "filter": "country==DE;device==mobile",
    "term": "segment:Phones in Germany",
    "owner": "ann",
    "created_at": "2026-11-23T09:30:00Z",
    "updated_at": "2026-11-23T09:30:00Z",
}
SEGMENT_BODY_EXAMPLE = {"site": "shop", "name": "Phones in Germany", "filter": "country==DE;device==mobile"}
SEGMENT_RESPONSE = (schemas.SegmentResponse, SEGMENT_EXAMPLE)
IN_USE = "A goal, a funnel or a schedule names the segment; `errors` lists them."


@blueprint.post(SEGMENTS_PATH)
@documented(
    "Create a segment",
    SiteFields,
    response=SEGMENT_RESPONSE,
    body=(schemas.SegmentBody, SEGMENT_BODY_EXAMPLE),
    status=201,
    other_responses={409: "The site has a segment of that name, or the maximum number of segments."},
)
@guarded("write")
def create() -> tuple[dict[str, Any], int, dict[str, str]]:
    """201 and the segment; its path is in Location. `filter=segment:<name>` then stands for its filter everywhere."""
    principal, body = require_scope("write"), load_json_body(schemas.SegmentBody())
    site = find_site(db.engine, resolve_site_key(principal, read_requested_site(body)))
    with db.engine.begin() as connection:
        stored = segments.create_segment(connection, site.id, body["name"], body["filter"], principal.subject)
    return stored.as_json(), 201, {"Location": public_address(f"{SEGMENTS_PATH}/{stored.id}")}


@blueprint.get(SEGMENTS_PATH)
@documented(
    "List a site's segments",
    schemas.SegmentListQuery,
    (schemas.SegmentListResponse, {"segments": [SEGMENT_EXAMPLE]}),
)
@guarded_read
def list_all() -> dict[str, Any]:
    """Ordered by name."""
    request = read_request(schemas.SegmentListQuery())
    with db.engine.connect() as connection:
        return {"segments": [one.as_json() for one in segments.list_segments(connection, request.site.id)]}


@blueprint.get(f"{SEGMENTS_PATH}/<uuid:segment_id>")
@documented("Get a segment", response=SEGMENT_RESPONSE)
@guarded("read")
def show(segment_id: uuid.UUID) -> dict[str, Any]:
    """The segment as it is stored now."""
    return _read_segment(segment_id).as_json()


@blueprint.patch(f"{SEGMENTS_PATH}/<uuid:segment_id>")
@documented(
    "Change a segment",
    response=SEGMENT_RESPONSE,
    body=(schemas.SegmentUpdateBody, {"filter": "country==DE|AT|CH"}),
    other_responses={409: f"The site has another segment of that name. {IN_USE}"},
)
@guarded("write")
def update(segment_id: uuid.UUID) -> dict[str, Any]:
    """Fields that are left out do not change. What names the segment counts by the new filter from now on."""
    principal, changes = require_scope("write"), load_json_body(schemas.SegmentUpdateBody())
    _read_segment(segment_id)
    with db.engine.begin() as connection:
        return segments.update_segment(connection, segment_id, changes, principal.subject).as_json()


@blueprint.delete(f"{SEGMENTS_PATH}/<uuid:segment_id>")
@documented("Delete a segment", status=204, other_responses={409: IN_USE})
@guarded("write")
def delete(segment_id: uuid.UUID) -> tuple[str, int]:
    """Deletes the definition, no events."""
    principal = require_scope("write")
    _read_segment(segment_id)
    with db.engine.begin() as connection:
        segments.delete_segment(connection, segment_id, principal.subject)
    return "", 204


def _read_segment(segment_id: uuid.UUID) -> Segment:
    """Raises NotFound, and Forbidden when the caller has no access to the segment's site."""
    with db.engine.connect() as connection:
        stored = segments.read_segment(connection, segment_id)
    check_site_access(current_principal(), stored.site_key)
    return stored

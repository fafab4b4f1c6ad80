"""Routes of funnels: seed 004's, and one for a funnel that is not stored. `/track` accepts data: ingest/views.py.

The scope `read` sees a site's funnels; `write` creates, changes and deletes them.
"""

from collections.abc import Sequence
from dataclasses import replace

from flask import Blueprint, Response, jsonify
from marshmallow import Schema

from analytics.apidocs.operations import documented
from analytics.auth.guard import check_site_access, guarded, require_scope, resolve_site_key
from analytics.errors import NotFound
from analytics.extensions import db
from analytics.funnels import definitions, examples, reports, schemas
from analytics.funnels.definitions import Funnel, read_definition
from analytics.funnels.request import FunnelSpec, spec_of
from analytics.reports.request import ReportRequest, guarded_read, read_request
from analytics.reports.responses.formats import FUNNEL, OTHER_MEDIA, respond
from analytics.sites.sites import Site, find_site
from analytics.web.site_parameters import SiteFields, read_requested_site
from analytics.web.validation import load_json_body

blueprint = Blueprint("funnels", __name__)
FUNNELS_PATH = "/api/v1/funnels"
FUNNEL_PATH = f"{FUNNELS_PATH}/<uuid:funnel_id>"
FUNNEL_RESPONSE = (schemas.FunnelResponse, {"funnel": examples.FUNNEL_EXAMPLE})


@blueprint.post(f"{FUNNELS_PATH}/")
@documented(
    "Create a funnel",
    SiteFields,
    response=(schemas.FunnelCreatedResponse, {"success": True, "data": examples.FUNNEL_EXAMPLE}),
    body=(schemas.FunnelBody, examples.FUNNEL_BODY_EXAMPLE),
    status=201,
    other_responses={409: "The site has the maximum number of funnels, or the id is taken."},
)
@guarded("write")
def create() -> tuple[Response, int]:
    principal, body = require_scope("write"), load_json_body(schemas.FunnelBody())
    definition = read_definition(body)
    site = find_site(db.engine, resolve_site_key(principal, read_requested_site(body)))
    with db.engine.begin() as connection:
        funnel = definitions.create_funnel(connection, site.id, definition, body, principal)
    return jsonify({"success": True, "data": funnel.as_json()}), 201


@blueprint.get(f"{FUNNELS_PATH}/")
@documented(
    "List a site's funnels",
    schemas.FunnelListQuery,
    (schemas.FunnelListResponse, {"success": True, "data": [examples.FUNNEL_EXAMPLE]}),
)
@guarded_read
def list_all() -> Response:
    """Oldest first."""
    site = read_request(schemas.FunnelListQuery()).site
    with db.engine.connect() as connection:
        funnels = definitions.list_funnels(connection, site.id)
    return jsonify({"success": True, "data": [funnel.as_json() for funnel in funnels]})


@blueprint.get(FUNNEL_PATH)
@documented("Get a funnel", response=FUNNEL_RESPONSE)
@guarded_read
def show(funnel_id: object) -> Response:
    return jsonify({"funnel": _read_funnel(funnel_id).as_json()})


@blueprint.put(FUNNEL_PATH)
@documented("Change a funnel", response=FUNNEL_RESPONSE, body=(schemas.FunnelUpdateBody, {"name": "Sign-ups"}))
@guarded("write")
def update(funnel_id: object) -> Response:
    """Fields that are left out do not change; `steps` replaces all steps."""
    principal, changes = require_scope("write"), load_json_body(schemas.FunnelUpdateBody())
    with db.engine.begin() as connection:
        funnel = definitions.read_funnel(connection, str(funnel_id), principal)
        definition = read_definition(funnel.definition.as_json() | changes)
        funnel = definitions.update_funnel(connection, funnel, definition, changes, principal)
    return jsonify({"funnel": funnel.as_json()})


@blueprint.delete(FUNNEL_PATH)
@documented("Delete a funnel", response=(schemas.FunnelDeletedResponse, {"success": True, "message": "funnel deleted"}))
@guarded("write")
def delete(funnel_id: object) -> Response:
    """Deletes the definition; tracked events stay."""
    principal = require_scope("write")
    with db.engine.begin() as connection:
        funnel = definitions.read_funnel(connection, str(funnel_id), principal)
        definitions.delete_funnel(connection, funnel, principal)
    return jsonify({"success": True, "message": "funnel deleted"})


@blueprint.get(f"{FUNNEL_PATH}/analytics")
@documented("Totals of a funnel", schemas.FunnelQuery, (schemas.FunnelAnalyticsResponse, examples.ANALYTICS_EXAMPLE))
@guarded_read
def show_summary(funnel_id: object) -> Response:
    funnel = _read_funnel(funnel_id)
    return jsonify(reports.summarize(_read_request(schemas.FunnelQuery(), funnel), funnel))


@blueprint.get(f"{FUNNEL_PATH}/analytics/detailed")
@documented(
    "Report on a funnel",
    schemas.FunnelReportQuery,
    (schemas.DetailedFunnelResponse, examples.DETAILED_EXAMPLE),
    other_media=OTHER_MEDIA,
)
@guarded_read
def show_report(funnel_id: object) -> Response:
    """As a file or figure, the steps."""
    funnel = _read_funnel(funnel_id)
    request = _read_request(schemas.FunnelReportQuery(), funnel)
    ids = {"funnel_id": funnel.id, "website_id": funnel.site_key}
    return respond(request, FUNNEL, lambda request: ids | reports.build(request, spec_of(funnel)))


@blueprint.post(f"{FUNNELS_PATH}/compare")
@documented(
    "Compare funnels",
    schemas.FunnelQuery,
    (schemas.COMPARE_RESPONSE, examples.COMPARE_EXAMPLE),
    body=(schemas.FunnelCompareBody, {"date_range": {"days": 30}, "metrics": ["conversion_rate", "performance_score"]}),
)
@guarded_read
def compare() -> Response:
    """In the order of `funnel_ids`. `performance_score`, 0 to 100: the mean of the conversion rate and of the mean rate
    at which entities continue from one step to the next."""
    body, request = load_json_body(schemas.FunnelCompareBody()), read_request(schemas.FunnelQuery())
    period = {name: str(value) for name, value in body.get("date_range", {}).items()}
    request = replace(request, query=request.query | period)
    funnels = _read_compared(request.site, body.get("funnel_ids", ()))
    return jsonify(reports.compare(request, funnels, body.get("metrics") or schemas.COMPARE_METRICS))


@blueprint.post("/api/analytics/reports/funnel")
@documented(
    "Report on a funnel that is not stored",
    schemas.FunnelReportQuery,
    (schemas.AdHocFunnelResponse, examples.AD_HOC_EXAMPLE),
    body=(schemas.FunnelDefinitionBody, {"steps": examples.STEPS_EXAMPLE}),
    other_media=OTHER_MEDIA,
)
@guarded_read
def report_ad_hoc() -> Response:
    """The body is the definition; the query gives the site and the period. Tracked steps do not count. As a file or
    figure, the steps."""
    definition = read_definition(load_json_body(schemas.FunnelDefinitionBody()))
    described, spec = {"definition": definition.as_json()}, FunnelSpec(definition)
    request = read_request(schemas.FunnelReportQuery())
    return respond(request, FUNNEL, lambda request: described | reports.build(request, spec))


def _read_funnel(funnel_id: object) -> Funnel:
    with db.engine.connect() as connection:
        return definitions.read_funnel(connection, str(funnel_id), require_scope("read"))


def _read_request(schema: Schema, funnel: Funnel) -> ReportRequest:
    """The request; its site is the funnel's unless the query names another. Raises NotFound and Forbidden."""
    request = read_request(schema, default_site=funnel.site_key)
    _check_site(funnel, request.site)
    return request


def _check_site(funnel: Funnel, site: Site) -> None:
    check_site_access(require_scope("read"), funnel.site_key)
    if funnel.site_id != site.id:
        raise NotFound(f"the site {site.key!r} has no funnel {funnel.id}; GET {FUNNELS_PATH}/ lists a site's funnels")


def _read_compared(site: Site, funnel_ids: Sequence[object]) -> list[Funnel]:
    """The funnels of these ids; without ids, the site's first MAX_COMPARED."""
    if not funnel_ids:
        with db.engine.connect() as connection:
            return definitions.list_funnels(connection, site.id)[: schemas.MAX_COMPARED]
    funnels = [_read_funnel(funnel_id) for funnel_id in funnel_ids]
    for funnel in funnels:
        _check_site(funnel, site)
    return funnels

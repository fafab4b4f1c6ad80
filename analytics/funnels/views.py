"""The routes of funnels: seed 004's, and one for a funnel that is not stored. `/track` takes data: ingest/views.py.

Whoever has the scope `read` makes funnels, and changes its own; an admin changes all. Where statistics are public,
everybody who names the site sees its funnels, and nobody makes any.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import Schema

from analytics.auth.guard import Principal, allow_site, choose_site, guarded, require
from analytics.auth.views import load
from analytics.documented import documented
from analytics.errors import BadInput, NotFound
from analytics.extensions import db
from analytics.funnels import answers, definitions, reports, schemas
from analytics.funnels.asking import Order, order_of
from analytics.funnels.definitions import Funnel, read_definition
from analytics.reports.question import Question, read_question, readable
from analytics.sites import Site, find_site

blueprint = Blueprint("funnels", __name__)
ROUTE = "/api/v1/funnels"
ONE = f"{ROUTE}/<uuid:funnel_id>"


@blueprint.post(f"{ROUTE}/", strict_slashes=False)
@documented(
    "Make a funnel",
    body=schemas.FunnelBody,
    sent=answers.SENT,
    answer=answers.FunnelMade,
    example={"success": True, "data": answers.FUNNEL},
    status=201,
    others={409: "The site has as many funnels as it may."},
)
@guarded("read")
def create() -> tuple[Response, int]:
    principal, given = require("read"), load(schemas.FunnelBody())
    definition, site = read_definition(given), _site(principal, given)
    with db.engine.begin() as connection:
        made = definitions.create_funnel(connection, site.id, definition, given, principal)
    return jsonify({"success": True, "data": made.as_json()}), 201


@blueprint.get(f"{ROUTE}/", strict_slashes=False)
@documented(
    "List a site's funnels",
    query=schemas.FunnelsQuery,
    answer=answers.Funnels,
    example={"success": True, "data": [answers.FUNNEL]},
)
@readable
def list_all() -> Response:
    """The oldest first."""
    site = read_question(schemas.FunnelsQuery()).site
    with db.engine.connect() as connection:
        found = definitions.list_funnels(connection, site.id)
    return jsonify({"success": True, "data": [one.as_json() for one in found]})


@blueprint.get(ONE)
@documented("One funnel", answer=answers.FunnelAnswer, example={"funnel": answers.FUNNEL})
@readable
def show(funnel_id: object) -> Response:
    return jsonify({"funnel": _funnel(funnel_id).as_json()})


@blueprint.put(ONE)
@documented(
    "Change a funnel",
    body=schemas.FunnelChange,
    sent={"name": "Sign-ups"},
    answer=answers.FunnelAnswer,
    example={"funnel": answers.FUNNEL},
)
@guarded("read")
def change(funnel_id: object) -> Response:
    """What is not given stays; steps are given whole."""
    principal, given = require("read"), load(schemas.FunnelChange())
    with db.engine.begin() as connection:
        funnel = definitions.read_funnel(connection, str(funnel_id), principal)
        definition = read_definition(funnel.definition.as_json() | given)
        funnel = definitions.change_funnel(connection, funnel, definition, given, principal)
    return jsonify({"funnel": funnel.as_json()})


@blueprint.delete(ONE)
@documented("Remove a funnel", answer=answers.FunnelRemoved, example={"success": True, "message": "funnel removed"})
@guarded("read")
def remove(funnel_id: object) -> Response:
    """Its definition; what was tracked for it stays."""
    principal = require("read")
    with db.engine.begin() as connection:
        funnel = definitions.read_funnel(connection, str(funnel_id), principal)
        definitions.remove_funnel(connection, funnel, principal)
    return jsonify({"success": True, "message": "funnel removed"})


@blueprint.get(f"{ONE}/analytics")
@documented(
    "A funnel in one line", query=schemas.FunnelQuery, answer=answers.FunnelAnalyticsAnswer, example=answers.ANALYTICS
)
@readable
def analytics(funnel_id: object) -> Response:
    funnel = _funnel(funnel_id)
    return jsonify(reports.analytics(_question(schemas.FunnelQuery(), funnel), funnel))


@blueprint.get(f"{ONE}/analytics/detailed")
@documented(
    "A funnel step by step", query=schemas.DetailedQuery, answer=answers.DetailedFunnelAnswer, example=answers.DETAILED
)
@readable
def detailed(funnel_id: object) -> Response:
    funnel = _funnel(funnel_id)
    question = _question(schemas.DetailedQuery(), funnel)
    names = {"funnel_id": funnel.id, "website_id": funnel.site_key}
    return jsonify(names | reports.report(question, order_of(funnel)))


@blueprint.post(f"{ROUTE}/compare")
@documented(
    "Compare funnels",
    query=schemas.FunnelQuery,
    body=schemas.FunnelCompareBody,
    sent={"date_range": {"days": 30}, "metrics": ["conversion_rate", "performance_score"]},
    answer=answers.COMPARED,
    example=answers.COMPARED_EXAMPLE,
)
@readable
def compare() -> Response:
    """In the order of `funnel_ids`. What `performance_score` is: funnels/figures.py."""
    given, question = load(schemas.FunnelCompareBody()), read_question(schemas.FunnelQuery())
    question = replace(question, query=question.query | _period(given.get("date_range", {})))
    funnels = _compared(question.site, given.get("funnel_ids", ()))
    return jsonify(reports.compare(question, funnels, given.get("metrics") or schemas.FIGURES))


@blueprint.post("/api/analytics/reports/funnel")
@documented(
    "Count a funnel that is not stored",
    query=schemas.DetailedQuery,
    body=schemas.FunnelDefinitionBody,
    sent={"steps": answers.STEPS},
    answer=answers.AdHocFunnelAnswer,
    example=answers.AD_HOC,
)
@readable
def ad_hoc() -> Response:
    """The body has the definition, the query the site and the period. Nothing that was tracked counts."""
    definition = read_definition(load(schemas.FunnelDefinitionBody()))
    question = read_question(schemas.DetailedQuery())
    return jsonify({"definition": definition.as_json(), **reports.report(question, Order(definition))})


def _site(principal: Principal, given: dict[str, Any]) -> Site:
    named = {given[name] for name in ("website_id", "site_id", "site") if name in given}
    if len(named) > 1:
        raise BadInput("website_id, site_id and site are one; give one of them")
    return find_site(db.engine, choose_site(principal, next(iter(named), None)))


def _funnel(funnel_id: object) -> Funnel:
    with db.engine.connect() as connection:
        return definitions.read_funnel(connection, str(funnel_id), require("read"))


def _question(schema: Schema, funnel: Funnel) -> Question:
    question = read_question(schema, default_site=funnel.site_key)
    _of_site(funnel, question.site)
    return question


def _of_site(funnel: Funnel, site: Site) -> Funnel:
    allow_site(require("read"), funnel.site_key)
    if funnel.site_id != site.id:
        raise NotFound(f"the site {site.key!r} has no funnel {funnel.id}")
    return funnel


def _compared(site: Site, funnel_ids: Sequence[object]) -> list[Funnel]:
    """Those of these ids, else the site's first."""
    if funnel_ids:
        return [_of_site(_funnel(funnel_id), site) for funnel_id in funnel_ids]
    with db.engine.connect() as connection:
        return definitions.list_funnels(connection, site.id)[: schemas.MOST_COMPARED]


def _period(given: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in given.items()}

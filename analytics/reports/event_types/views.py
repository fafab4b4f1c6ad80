"""Routes of the reports on event types and their properties. Nothing here writes."""

from typing import Any

from flask import Blueprint

from analytics.apidocs.operations import documented
from analytics.reports.event_types import schemas
from analytics.reports.event_types.event_types import run_event_types
from analytics.reports.event_types.properties import build_properties
from analytics.reports.request import guarded_read, read_request

blueprint = Blueprint("event_types", __name__)


@blueprint.get("/api/analytics/reports/event-types")
@documented("Event types", schemas.EventTypesReportQuery, (schemas.EventTypesResponse, schemas.EVENT_TYPES_EXAMPLE))
@guarded_read
def list_event_types() -> dict[str, Any]:
    """With their events, users, days and a series; of the last 30 days without a period."""
    return run_event_types(read_request(schemas.EventTypesReportQuery()))


@blueprint.get("/api/analytics/reports/properties")
@documented("Properties of events", schemas.PropertiesQuery, (schemas.PropertiesResponse, schemas.PROPERTIES_EXAMPLE))
@guarded_read
def list_properties() -> dict[str, Any]:
    """The names in the payloads of events, of these types or of all. The values of one: a breakdown with
    `dimension=payload.<property>`."""
    return build_properties(read_request(schemas.PropertiesQuery()))

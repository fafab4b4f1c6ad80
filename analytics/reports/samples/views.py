"""The routes of the reports on samples: the statistics of one metric (spec 3.E4) and the names of metrics (3.E5).

Each guards, reads the request, calls samples.py and responds.
"""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics import clock
from analytics.apidocs.operations import documented
from analytics.period import Period, read_period, read_zone
from analytics.reports.day_range import bad_parameter
from analytics.reports.request import ReportRequest, format_utc, guarded_read, read_request
from analytics.reports.samples.samples import (
    HOUR,
    SampleSelection,
    SampleTallies,
    build_statistics,
    read_sample_names,
    read_tag_names,
    tally_samples,
)
from analytics.reports.samples.schemas import (
    MAX_NAMES,
    SAMPLE_EXAMPLE,
    SAMPLE_NAMES_EXAMPLE,
    SampleNamesQuery,
    SampleNamesResponse,
    SampleQuery,
    SampleResponse,
)
from analytics.reports.schemas import refuse_nul
from analytics.rollups.samples.sketch import RELATIVE_ERROR

blueprint = Blueprint("sample_reports", __name__)

DEFAULT_PERIOD = timedelta(hours=24)
MAX_BUCKETS = 2500
# The fields of seed 003; the response lists them before its period.
SEED_FIELDS = ("count", "sum", "average", "min", "max")


@blueprint.get("/metrics/<path:name>")
@documented("Statistics of one metric's samples", SampleQuery, (SampleResponse, SAMPLE_EXAMPLE))
@guarded_read
def get_sample_report(name: str) -> Response:
    """The last 24 hours, or the requested period. A name without samples has zeros and is not an error: a dashboard
    may exist before the first sample, and samples that were just sent may not be stored yet."""
    refuse_nul("name", name)
    request = read_request(SampleQuery())
    query, zone = request.query, read_zone(request.query, request.site.zone)
    period = read_period(query, zone, request.now, Period(request.now - DEFAULT_PERIOD, request.now, zone))
    selection = SampleSelection(request.site.id, name, query.get("tag", {}), query.get("group_by"))
    edges = _bucket_edges(period, query.get("granularity"))
    with request.open_connection() as (connection, calendar):
        tallies = tally_samples(connection, selection, edges, calendar.raw_since)
        response = _build_response(request, selection, tallies, period)
        if query.get("list_tags"):
            response["tags"] = read_tag_names(connection, selection, tallies.edges[0], tallies.edges[-1])
    return jsonify(response)


@blueprint.get("/metrics")
@documented("Names of metrics", SampleNamesQuery, (SampleNamesResponse, SAMPLE_NAMES_EXAMPLE))
@guarded_read
def get_sample_names() -> Response:
    """Every name that ever had a sample, in order."""
    request = read_request(SampleNamesQuery())
    with request.open_connection() as (connection, _):
        _, names = read_sample_names(connection, request.site.id)
    page = names[: request.query.get("limit", MAX_NAMES)]
    all_time = Period(datetime.fromtimestamp(0, request.now.tzinfo), request.now, clock.zone(request.site.zone))
    return jsonify({"metrics": page, "count": len(names), "meta": request.meta(all_time, "rollup")})


def _bucket_edges(period: Period, granularity: str | None) -> list[datetime]:
    """The bounds of the period, and between them the starts of hours (UTC's) or days (the zone's)."""
    inside: list[datetime] = []
    if granularity == "hour":
        hour = period.start.replace(minute=0, second=0, microsecond=0) + HOUR
        hours = min(int((period.end - hour) / HOUR) + 1, MAX_BUCKETS + 1)
        inside = [hour + n * HOUR for n in range(hours)]
    elif granularity == "day":
        days = min((period.last_date - period.first_date).days, MAX_BUCKETS + 1)
        inside = [clock.day_start(period.first_date + timedelta(days=n), period.zone) for n in range(1, days + 1)]
    edges = sorted({period.start, period.end, *(edge for edge in inside if period.start < edge < period.end)})
    if len(edges) > MAX_BUCKETS + 1:
        detail = f"the period has more {granularity}s than a series holds; accepted: up to {MAX_BUCKETS}"
        raise bad_parameter("granularity", detail, "hours=168")
    return edges if len(edges) > 1 else [period.start, period.end]


def _build_response(
    request: ReportRequest, selection: SampleSelection, tallies: SampleTallies, period: Period
) -> dict[str, Any]:
    start, end = tallies.edges[0], tallies.edges[-1]
    statistics = build_statistics(tallies.total())
    response = {"metric_name": selection.name, **{name: statistics.pop(name) for name in SEED_FIELDS}}
    response |= {"period_start": format_utc(start), "period_end": format_utc(end), **statistics}
    response["percentile_error"] = RELATIVE_ERROR
    if "granularity" in request.query:
        response["series"] = [
            {"start": format_utc(start), "end": format_utc(end), **build_statistics(summary)}
            for start, end, summary in tallies.buckets()
        ]
    if selection.group_by is not None:
        groups = tallies.groups()[: request.limit]
        response["groups"] = [{"value": value, **build_statistics(summary)} for value, summary in groups]
    source = "raw" if tallies.raw_hours and not tallies.has_rollups else "rollup"
    counts = {"raw_hours": tallies.raw_hours, "unknown_tags": tallies.unknown_tags}
    return response | {"meta": request.meta(Period(start, end, period.zone), source, **counts)}

"""The routes of seed 003's list of events and totals: guard, read the request, call, respond."""

from typing import Any, cast

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import Connection

from analytics import clock
from analytics.apidocs.operations import documented
from analytics.auth.caller_slots import HeldBody, download_slots
from analytics.auth.guard import GuardedView, Principal, current_principal, guarded, require_scope
from analytics.auth.limits import caller_key
from analytics.extensions import db, settings
from analytics.files.xlsx import MEDIA_TYPE
from analytics.period import day_period, read_period, read_zone
from analytics.privacy.pseudonym import find_stored_user_ids
from analytics.reports.events import raw_export, workbook
from analytics.reports.events.event_list import (
    Event,
    EventCursor,
    EventListRequest,
    count_all_events,
    list_events,
    read_full_period,
)
from analytics.reports.events.schemas import (
    DEFAULT_PAGE_SIZE,
    EVENT_LIST_EXAMPLE,
    SITE_TOTALS_EXAMPLE,
    EventListQuery,
    EventListResponse,
    EventsQuery,
    SiteTotalsQuery,
    SiteTotalsResponse,
)
from analytics.reports.request import ReportRequest, format_utc, guarded_read, read_request
from analytics.reports.responses.formats import file_name
from analytics.reports.samples.samples import read_sample_names
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.store.partitions import StoredPartition, list_stored_partitions
from analytics.store.planner import force_index_lookups
from analytics.store.reading import read_transaction
from analytics.web.cursor import decode_cursor, encode_cursor

blueprint = Blueprint("events", __name__)
FILE_TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": MEDIA_TYPE}


@blueprint.get("/events")
@documented("Events, the newest first", EventListQuery, (EventListResponse, EVENT_LIST_EXAMPLE))
@guarded("read")
def get_event_list() -> Response:
    """Payloads need the scope `read`, also where the site's statistics are public."""
    report_request = read_request(EventListQuery())
    with report_request.open_connection() as (connection, _):
        force_index_lookups(connection)
        snapshot = Snapshot(connection, report_request.site)
        list_request = _read_list_request(report_request, snapshot)
        page = list_events(connection, snapshot, list_request)
    rows = [_as_json(event) for event in page.events]
    next_cursor = page.next_cursor and encode_cursor(page.next_cursor)
    counts = {"count": len(rows), "total": page.total, "next_cursor": next_cursor}
    return jsonify({"events": rows, **counts, "meta": report_request.meta(list_request.period, "raw")})


@blueprint.get("/dashboard")
@documented("Events and samples in numbers", SiteTotalsQuery, (SiteTotalsResponse, SITE_TOTALS_EXAMPLE))
@guarded_read
def get_site_totals() -> Response:
    """All time, from rollups."""
    report_request = read_request(SiteTotalsQuery())
    site, now = report_request.site, report_request.now
    with report_request.open_connection() as (connection, _):
        samples, names = read_sample_names(connection, site.id)
        force_index_lookups(connection)
        snapshot = Snapshot(connection, site)
        period = read_full_period(snapshot, now)
        events = count_all_events(snapshot, now, report_request.include_bots)
    totals: dict[str, Any] = {"total_metrics_tracked": samples, "unique_metric_types": len(names)}
    totals |= {"total_events_tracked": events, "metric_names": names, "timestamp": format_utc(now)}
    return jsonify(totals | {"meta": report_request.meta(period, "rollup")})


def _read_list_request(report_request: ReportRequest, snapshot: Snapshot) -> EventListRequest:
    query, now = report_request.query, report_request.now
    zone = read_zone(query, snapshot.zone)
    return EventListRequest(
        report_request.site.id,
        read_period(query, zone, now, read_full_period(snapshot, now)),
        now,
        query.get("event_name"),
        report_request.include_bots,
        decode_cursor(query["cursor"], EventCursor) if "cursor" in query else None,
        query.get("limit", DEFAULT_PAGE_SIZE),
    )


def _as_json(event: Event) -> dict[str, Any]:
    return {
        "id": f"event_{event.event_id}",
        "event_name": event.type,
        "user_id": event.user_id,
        "properties": {} if event.payload is None else event.payload,
        "timestamp": format_utc(event.ts),
    }


@blueprint.get("/api/analytics/reports/events")
@documented(
    "Raw events as a file",
    EventsQuery,
    {"type": "string"},
    media_type=("text/csv", MEDIA_TYPE),
    other_responses={
        413: "More rows than XLSX_DIRECT_ROWS; `detail` describes how to create an export job instead.",
        429: "The caller downloads DOWNLOADS_A_CALLER files from this process already.",
    },
)
def export_events() -> Response:
    report_request = read_request(EventsQuery(), _require_read_or_export())
    file_format = report_request.query.get("format", "csv")
    with read_transaction(db.engine, settings().statement_timeout) as connection:
        partitions = list_stored_partitions(connection, "events")
        selection = _select_raw_events(connection, report_request, partitions)
        if file_format == "xlsx":
            workbook.check_size(connection, selection, settings().xlsx_direct_rows)
    # Flask never closes the body of a HEAD response, so none is opened. Its headers are those of a stream.
    is_opened = request.method == "GET"
    response = _open_file(file_format, selection, partitions) if is_opened else Response(iter(()))
    response.content_type = FILE_TYPES[file_format]
    name = file_name("events", report_request.site.key, selection.period, file_format)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _open_file(
    file_format: str, selection: raw_export.RawEventSelection, partitions: list[StoredPartition]
) -> Response:
    """The body holds one of the caller's downloads until it is closed. Raises TooMany."""
    make_body = {"csv": raw_export.stream_csv, "xlsx": workbook.make_workbook}[file_format]
    release = download_slots().take(caller_key(current_principal()))
    try:
        return Response(HeldBody(make_body(db.engine, selection, partitions), release))
    except BaseException:
        release()
        raise


# Either of them grants access.
cast(GuardedView[[], Response], export_events).guarded_scope = "read export"


def _require_read_or_export() -> Principal:
    return require_scope("export" if current_principal().has_scope("export") else "read")


def _select_raw_events(
    connection: Connection, report_request: ReportRequest, partitions: list[StoredPartition]
) -> raw_export.RawEventSelection:
    """Without a period, all stored events, or today where none is stored."""
    query, now, site = report_request.query, report_request.now, report_request.site
    zone = read_zone(query, site.zone)
    stored_period = raw_export.stored_period(partitions, day_period(clock.day_of(now, zone), zone))
    period = read_period(query, zone, now, stored_period)
    user_id, include_bots = query.get("user_id"), query.get("include_bots", True)
    user_ids = user_id and find_stored_user_ids(connection, settings(), site.id, site.identity_key, user_id)
    return raw_export.RawEventSelection(site.id, period, query.get("type"), user_ids, include_bots)

"""The routes of the reports: guard, read the question, call, answer. Nothing here writes."""

from typing import Any, cast

from flask import Blueprint, Response, jsonify, request

from analytics import clock
from analytics.auth.guard import GuardedView, Principal, current_principal, require
from analytics.documented import documented
from analytics.extensions import db, settings
from analytics.period import of_day, read_period, read_zone
from analytics.reports import active, events, metrics, retention, workbook
from analytics.reports import active_schemas as answers
from analytics.reports.active import Active, Whom
from analytics.reports.days import MOST_DAYS, Days, read_day, read_days
from analytics.reports.question import Question, bounds, read_question, readable
from analytics.reports.schemas import (
    METRICS,
    ActiveQuery,
    EventsQuery,
    MetricsQuery,
    RetentionQuery,
    WindowQuery,
)
from analytics.spreadsheet import MEDIA_TYPE
from analytics.store.reading import Stored, reading, stored_partitions

blueprint = Blueprint("reports", __name__)
FILE_TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": MEDIA_TYPE}


@blueprint.get("/api/analytics/reports/dau")
@documented("Active people of a day", query=ActiveQuery, answer=answers.DauAnswer, example=answers.DAU_EXAMPLE)
@readable
def dau() -> Response:
    question = read_question(ActiveQuery())
    with question.rollups() as found:
        if read_zone(question.query, found.zone).key == found.zone:
            day = read_day(question, found.zone)
            return _active(question, "dau", day, "24h", day, active.count_active(found, day, _whom(question)))
    return _raw_dau(question)


@blueprint.get("/api/analytics/reports/wau")
@documented("Active people of a week", query=WindowQuery, answer=answers.WauAnswer, example=answers.WAU_EXAMPLE)
@readable
def wau() -> Response:
    return _window("wau", "week")


@blueprint.get("/api/analytics/reports/mau")
@documented("Active people of a month", query=WindowQuery, answer=answers.MauAnswer, example=answers.MAU_EXAMPLE)
@readable
def mau() -> Response:
    return _window("mau", "month")


@blueprint.get("/api/analytics/reports/stickiness")
@documented(
    "Active people by day, and how many of the month's came on it",
    query=ActiveQuery,
    answer=answers.StickinessAnswer,
    example=answers.STICKINESS_EXAMPLE,
)
@readable
def stickiness() -> Response:
    question = read_question(ActiveQuery())
    with question.rollups() as found:
        days = read_days(question, found.zone, most=MOST_DAYS)
        points = active.series(found, days, _whom(question))
    shown = [{**point._asdict(), "date": str(point.date), "stickiness": point.stickiness} for point in points]
    return jsonify({"series": shown, "meta": question.meta(days.period, "rollup")})


@blueprint.get("/api/analytics/reports/retention")
@documented("Who comes back", query=RetentionQuery, answer=answers.RetentionAnswer, example=answers.RETENTION_EXAMPLE)
@readable
def retention_grid() -> Response:
    question = read_question(RetentionQuery())
    unit = question.query.get("unit", "day")
    with question.rollups() as found:
        days = read_days(question, found.zone)
        edges = retention.units(days, unit)
        cohorts = retention.grid(found, edges, _whom(question))
    meta = question.meta(days._replace(first=edges[0], after=edges[-1]).period, "rollup")
    return jsonify({"unit": unit, "cohorts": [cohort.as_json() for cohort in cohorts], "meta": meta})


@blueprint.get("/api/analytics/reports/metrics")
@documented("Figures of closed days", query=MetricsQuery, answer=answers.MetricsAnswer, example=answers.METRICS_EXAMPLE)
@readable
def daily_metrics() -> Response:
    question = read_question(MetricsQuery())
    with question.rows() as (connection, calendar):
        days = read_days(question, calendar.rollups_zone or calendar.zone)
        rows = metrics.read_metrics(connection, question.site.id, *days[:2], question.query.get("name") or METRICS)
        closed = metrics.closed_through(connection, question.site.id)
    meta = question.meta(days.period, "metrics", closed_through=closed and str(closed))
    return jsonify({"metrics": [row.as_json() for row in rows], "meta": meta})


@blueprint.get("/api/analytics/reports/events")
@documented(
    "Raw events as a file",
    query=EventsQuery,
    answer={"type": "string"},
    media_type=("text/csv", MEDIA_TYPE),
    others={413: "More rows than an XLSX file holds that no job makes; `detail` says how to order one."},
)
def export_events() -> Response:
    question = read_question(EventsQuery(), _reader_or_exporter())
    with reading(db.engine, settings().statement_timeout) as connection:
        stored = stored_partitions(connection, "events")
        wanted = _wanted(question, stored)
        form = question.query.get("format", "csv")
        if form == "xlsx":
            workbook.check_size(connection, wanted, settings().xlsx_direct_rows)
    # The framework never closes the body of a HEAD, so none is opened.
    make = {"csv": events.stream_csv, "xlsx": workbook.make_workbook}[form]
    body: Any = make(db.engine, wanted, stored) if request.method == "GET" else b""
    response = Response(body, content_type=FILE_TYPES[form])
    name = events.file_name(question.site.key, wanted.period, form)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# The lesser of the two scopes that open it, for whoever asks a view what guards it.
cast(GuardedView[[], Response], export_events).guarded_scope = "read"


def _wanted(question: Question, stored: list[Stored]) -> events.Wanted:
    query, now = question.query, question.now
    zone = read_zone(query, question.site.zone)
    period = read_period(query, zone, now, events.everything(stored, of_day(clock.day_of(now, zone), zone)))
    bots = query.get("include_bots", True)
    return events.Wanted(question.site.id, period, query.get("type"), query.get("user_id"), bots)


def _reader_or_exporter() -> Principal:
    return require("export" if current_principal().may("export") else "read")


def _whom(question: Question) -> Whom:
    return Whom(question.query.get("type") or None, question.query.get("include_bots", False))


def _window(name: str, unit: str) -> Response:
    question = read_question(WindowQuery())
    kind = question.query.get("window", "trailing")
    with question.rollups() as found:
        day = read_day(question, found.zone)
        days, period = active.window(day, unit, kind)
        counted = active.count_active(found, days, _whom(question))
    return _active(question, name, day, period, days, counted, window=kind)


def _active(
    question: Question, name: str, day: Days, period: str, days: Days, counted: Active, **more: Any
) -> Response:
    people = {name: counted.users, "new": counted.new, "returning": counted.returning}
    when = {"date": str(day.first), "period": period, **bounds(days.period), **more}
    return jsonify({**people, **when, "meta": question.meta(days.period, "rollup")})


def _raw_dau(question: Question) -> Response:
    """The day of another calendar. Nobody can tell who is new in it: older raw events may be gone."""
    day = read_day(question, read_zone(question.query, question.site.zone).key)
    with question.rows() as (connection, calendar):
        count = active.count_raw(connection, question.site.id, day, calendar.raw_since, _whom(question))
    people = {"dau": count, "new": None, "returning": None}
    when = {"date": str(day.first), "period": "24h", **bounds(day.period)}
    return jsonify({**people, **when, "meta": question.meta(day.period, "raw")})

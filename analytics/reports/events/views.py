"""Seed 003's list of events and its overview: guard, read the question, call, answer."""

from typing import Any

from flask import Blueprint, Response, jsonify

from analytics.auth.guard import guarded
from analytics.documented import documented
from analytics.period import read_period, read_zone
from analytics.reports.event_list import Asked, Event, count_ever, everything, list_events, read_place
from analytics.reports.event_list_schemas import (
    EVENT_LIST_EXAMPLE,
    EVENTS_A_PAGE,
    OVERVIEW_EXAMPLE,
    EventListAnswer,
    EventListQuery,
    OverviewAnswer,
    OverviewQuery,
)
from analytics.reports.question import Question, read_question, readable, utc
from analytics.reports.samples import sample_totals
from analytics.rollups.reading import Snapshot
from analytics.rollups.rows import BY_INDEX

blueprint = Blueprint("event_list", __name__)


@blueprint.get("/events")
@documented("Events, the newest first", query=EventListQuery, answer=EventListAnswer, example=EVENT_LIST_EXAMPLE)
@guarded("read")
def events() -> Response:
    """Payloads are shown to who may read the site, not to everybody to whom its statistics are open."""
    question = read_question(EventListQuery())
    with question.rows() as (connection, _):
        connection.execute(BY_INDEX)
        found = Snapshot(connection, question.site)
        asked = _asked(question, found)
        listed = list_events(connection, found, asked)
    shown = [_shown(event) for event in listed.events]
    counts = {"count": len(shown), "total": listed.total, "next_cursor": listed.next and str(listed.next)}
    return jsonify({"events": shown, **counts, "meta": question.meta(asked.period, "raw")})


@blueprint.get("/dashboard")
@documented("Events and samples in numbers", query=OverviewQuery, answer=OverviewAnswer, example=OVERVIEW_EXAMPLE)
@readable
def overview() -> Response:
    """Of all time, from the rollups."""
    question = read_question(OverviewQuery())
    with question.rows() as (connection, _):
        samples, names = sample_totals(connection, question.site.id)
        connection.execute(BY_INDEX)
        found = Snapshot(connection, question.site)
        period = everything(found, question.now)
        counted = count_ever(found, question.now, question.query.get("include_bots", False))
    answer: dict[str, Any] = {"total_metrics_tracked": samples, "unique_metric_types": len(names)}
    answer |= {"total_events_tracked": counted, "metric_names": names, "timestamp": utc(question.now)}
    return jsonify(answer | {"meta": question.meta(period, "rollup")})


def _asked(question: Question, found: Snapshot) -> Asked:
    query, zone = question.query, read_zone(question.query, found.zone)
    period = read_period(query, zone, question.now, everything(found, question.now))
    place = read_place(query["cursor"]) if "cursor" in query else None
    limit = query.get("limit", EVENTS_A_PAGE)
    bots = query.get("include_bots", False)
    return Asked(question.site.id, period, question.now, query.get("event_name"), bots, place, limit)


def _shown(event: Event) -> dict[str, Any]:
    return {
        "id": f"event_{event.event_id}",
        "event_name": event.type,
        "user_id": event.user_id,
        "properties": {} if event.payload is None else event.payload,
        "timestamp": utc(event.ts),
    }

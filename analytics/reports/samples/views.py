"""The reports on samples: one name's figures (spec 3.E4), and the names there are (3.E5)."""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics import clock
from analytics.documented import documented
from analytics.errors import BadInput
from analytics.extensions import settings
from analytics.period import Period, read_period, read_zone
from analytics.reports.days import refuse
from analytics.reports.question import Question, read_question, readable, utc
from analytics.reports.sample_schemas import (
    MOST_NAMES,
    NAMES_EXAMPLE,
    SAMPLE_EXAMPLE,
    NamesAnswer,
    NamesQuery,
    SampleAnswer,
    SampleQuery,
)
from analytics.reports.samples import Counted, Wanted, count_samples, figures, sample_totals
from analytics.rollups.sample_sketch import ERROR

blueprint = Blueprint("sample_reports", __name__)

DEFAULT = timedelta(hours=24)
MOST_STRETCHES = 2500


@blueprint.get("/metrics/<path:name>")
@documented("Figures of one metric's samples", query=SampleQuery, answer=SampleAnswer, example=SAMPLE_EXAMPLE)
@readable
def metric(name: str) -> Response:
    """The last 24 hours, or the period asked for. A name without samples has zeros and no error: a dashboard is often
    there before the first sample, and what was posted a moment ago may still be on its way."""
    if "\0" in name:
        raise BadInput("the metric's name must not hold a NUL character")
    question = read_question(SampleQuery())
    query = question.query
    zone = read_zone(query, question.site.zone)
    period = read_period(query, zone, question.now, Period(question.now - DEFAULT, question.now, zone))
    wanted = Wanted(question.site.id, name, query.get("tag", {}), query.get("group_by"))
    with question.rows() as (connection, calendar):
        counted = count_samples(connection, wanted, _edges(period, query.get("granularity")), calendar.raw_since)
    return jsonify(_answer(question, wanted, counted, period))


@blueprint.get("/metrics")
@documented("Names of metrics", query=NamesQuery, answer=NamesAnswer, example=NAMES_EXAMPLE)
@readable
def metrics() -> Response:
    """Every name that ever had a sample, in order."""
    question = read_question(NamesQuery())
    with question.rows() as (connection, _):
        _, names = sample_totals(connection, question.site.id)
    shown = names[: question.query.get("limit", MOST_NAMES)]
    ever = Period(datetime.fromtimestamp(0, question.now.tzinfo), question.now, clock.zone(question.site.zone))
    return jsonify({"metrics": shown, "count": len(names), "meta": question.meta(ever, "rollup")})


def _edges(period: Period, granularity: str | None) -> list[datetime]:
    """The period's ends, and between them the beginnings of hours (UTC's) or of days (the zone's)."""
    inside: list[datetime] = []
    if granularity == "hour":
        hour = period.start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        most = min(int((period.end - hour) / timedelta(hours=1)) + 1, MOST_STRETCHES + 1)
        inside = [hour + n * timedelta(hours=1) for n in range(most)]
    elif granularity == "day":
        days = (period.last_date - period.first_date).days
        dates = [period.first_date + timedelta(days=n) for n in range(1, min(days, MOST_STRETCHES + 1) + 1)]
        inside = [clock.day_start(day, period.zone) for day in dates]
    edges = sorted({period.start, period.end, *(edge for edge in inside if period.start < edge < period.end)})
    if len(edges) > MOST_STRETCHES + 1:
        raise refuse("granularity", f"more than {MOST_STRETCHES} {granularity}s; ask for a shorter period", "hours=168")
    return edges if len(edges) > 1 else [period.start, period.end]


def _answer(question: Question, wanted: Wanted, counted: Counted, period: Period) -> dict[str, Any]:
    start, end = counted.edges[0], counted.edges[-1]
    shown = figures(counted.total())
    answer = {
        "metric_name": wanted.name,
        **{name: shown.pop(name) for name in ("count", "sum", "average", "min", "max")},
    }
    answer |= {"period_start": utc(start), "period_end": utc(end), **shown, "percentile_error": ERROR}
    if "granularity" in question.query:
        answer["series"] = [
            {"start": utc(start), "end": utc(end), **figures(one)} for start, end, one in counted.stretches()
        ]
    if wanted.group_by is not None:
        limit = question.query.get("limit") or settings().top_results_limit
        answer["groups"] = [{"value": value, **figures(one)} for value, one in counted.groups()[:limit]]
    source = "raw" if counted.raw_hours and not counted.rolled_up else "rollup"
    more = {"raw_hours": counted.raw_hours, "unknown_tags": counted.unknown}
    answer["meta"] = question.meta(Period(start, end, period.zone), source, **more)
    return answer

"""The routes of seed 004's reports on a website: guard, read the question, call, answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics import clock
from analytics.auth.guard import current_principal
from analytics.documented import documented
from analytics.errors import Forbidden
from analytics.extensions import settings
from analytics.period import EXAMPLES, Period, read_period, read_zone
from analytics.reports import custom_events, website, website_lists
from analytics.reports import website_examples as examples
from analytics.reports import website_schemas as schemas
from analytics.reports.cache import cached
from analytics.reports.days import MOST_DAYS, Days, names_period, read_days, refuse
from analytics.reports.link_schemas import ListQuery
from analytics.reports.question import Question, read_question, readable
from analytics.reports.realtime import active_now
from analytics.reports.website import Hour, Scope
from analytics.rollups.reading import Snapshot

blueprint = Blueprint("websites", __name__)
PREFIX = "/api/v1/analytics"
DEFAULT_DAYS, DEFAULT_HOURS, MOST_HOURS = 7, 24, 31 * 24
LIVE_MINUTES = 5
Compute = Callable[[Snapshot, Scope], dict[str, Any]]


@blueprint.get(f"{PREFIX}/dashboard/<website_id>")
@documented(
    "A website at a glance", query=ListQuery, answer=schemas.DashboardAnswer, example=examples.DASHBOARD_EXAMPLE
)
@readable
def dashboard(website_id: str) -> Response:
    question = read_question(ListQuery())
    answer = _answer(question, "dashboard", website_lists.dashboard)
    with question.rows() as (connection, _):
        live = active_now(connection, question.site.id, question.now, LIVE_MINUTES)
    return jsonify(answer | {"live_visitors": live})


@blueprint.get(f"{PREFIX}/top-pages/<website_id>")
@documented("Pages by views", query=ListQuery, answer=schemas.TopPagesAnswer, example=examples.TOP_PAGES_EXAMPLE)
@readable
def top_pages(website_id: str) -> Response:
    return _list("top_pages", website_lists.top_pages)


@blueprint.get(f"{PREFIX}/top-referrers/<website_id>")
@documented(
    "Referring pages by views",
    query=ListQuery,
    answer=schemas.TopReferrersAnswer,
    example=examples.TOP_REFERRERS_EXAMPLE,
)
@readable
def top_referrers(website_id: str) -> Response:
    return _list("top_referrers", website_lists.top_referrers)


@blueprint.get(f"{PREFIX}/top-countries/<website_id>")
@documented(
    "Countries by views", query=ListQuery, answer=schemas.TopCountriesAnswer, example=examples.top_example("countries")
)
@readable
def top_countries(website_id: str) -> Response:
    return _list("top_countries", lambda found, scope: website_lists.top_values(found, scope, "country"))


@blueprint.get(f"{PREFIX}/top-browsers/<website_id>")
@documented(
    "Browsers by views", query=ListQuery, answer=schemas.TopBrowsersAnswer, example=examples.top_example("browsers")
)
@readable
def top_browsers(website_id: str) -> Response:
    return _list("top_browsers", lambda found, scope: website_lists.top_values(found, scope, "browser"))


@blueprint.get(f"{PREFIX}/top-devices/<website_id>")
@documented(
    "Kinds of devices by views",
    query=ListQuery,
    answer=schemas.TopDevicesAnswer,
    example=examples.top_example("devices"),
)
@readable
def top_devices(website_id: str) -> Response:
    return _list("top_devices", lambda found, scope: website_lists.top_values(found, scope, "device"))


@blueprint.get(f"{PREFIX}/top-os/<website_id>")
@documented("Systems by views", query=ListQuery, answer=schemas.TopOsAnswer, example=examples.top_example("os"))
@readable
def top_os(website_id: str) -> Response:
    return _list("top_os", lambda found, scope: website_lists.top_values(found, scope, "os"))


@blueprint.get(f"{PREFIX}/traffic-summary/<website_id>")
@documented(
    "A website's traffic, and how it grew",
    query=ListQuery,
    answer=schemas.TrafficSummaryAnswer,
    example=examples.TRAFFIC_SUMMARY_EXAMPLE,
)
@readable
def traffic_summary(website_id: str) -> Response:
    return jsonify(_answer(read_question(ListQuery()), "traffic", website.summarise))


@blueprint.get(f"{PREFIX}/daily-stats/<website_id>")
@documented("Views by day", query=ListQuery, answer=schemas.DailyStatsAnswer, example=examples.DAILY_STATS_EXAMPLE)
@readable
def daily_stats(website_id: str) -> Response:
    return jsonify(_answer(read_question(ListQuery()), "daily", website.list_days))


@blueprint.get(f"{PREFIX}/hourly-stats/<website_id>")
@documented("Views by hour", query=ListQuery, answer=schemas.HourlyStatsAnswer, example=examples.HOURLY_STATS_EXAMPLE)
@readable
def hourly_stats(website_id: str) -> Response:
    """The last 24 hours, the one that runs among them; as many as ?hours says; or those of the days asked for."""
    question = read_question(ListQuery())
    with question.rollups() as found:
        zone, hours = read_zone(question.query, found.zone), _read_hours(question, found.zone)
        lines = website.list_hours(found, hours, zone, question.query.get("include_bots", False))
    start, end = (hours[0].start, hours[-1].end) if hours else (question.now, question.now)
    shown = {"website_id": question.site.key, "date_range": f"{len(hours)} hours", "timezone": zone.key}
    return jsonify(shown | {"hourly_stats": lines, "meta": question.meta(Period(start, end, zone), "rollup")})


@blueprint.get(f"{PREFIX}/custom-events/<website_id>")
@documented(
    "Events that are no page views, and campaigns",
    query=schemas.CustomEventsQuery,
    answer=schemas.CustomEventsAnswer,
    example=examples.CUSTOM_EVENTS_EXAMPLE,
)
@readable
def custom_events_report(website_id: str) -> Response:
    """Payloads are shown to who may read the site, not to everybody to whom its statistics are open."""
    question = read_question(schemas.CustomEventsQuery())
    may_read = not current_principal().anonymous or "read" in settings().anonymous_scopes
    if "property" in question.query and not may_read:
        raise Forbidden("property: payloads need the scope read")
    event = question.query.get("event")
    answer = _answer(question, "custom", lambda found, scope: custom_events.describe(found, scope, event))
    return jsonify(answer | _read_payloads(question, answer["top_events"]) if may_read else answer)


def _list(name: str, compute: Callable[[Snapshot, Scope], list[dict[str, Any]]]) -> Response:
    return jsonify(_answer(read_question(ListQuery()), name, lambda found, scope: {name: compute(found, scope)}))


def _answer(question: Question, report: str, compute: Compute) -> dict[str, Any]:
    """What `compute` says of the days asked for, last of all of the 7 through today, and what all answers say."""
    with question.rollups() as found:
        scope = _read_scope(question, found.zone)

        def answer() -> dict[str, Any]:
            what = {"website_id": question.site.key, "date_range": f"{len(scope.days.dates)} days"}
            return what | compute(found, scope) | {"meta": question.meta(scope.days.period, "rollup")}

        return cached(question, f"website:{report}", scope.days.period, answer)


def _read_scope(question: Question, calendar: str) -> Scope:
    days = read_days(question, calendar, DEFAULT_DAYS, MOST_DAYS)
    limit = int(question.query.get("limit") or settings().top_results_limit)
    return Scope(days, limit, question.query.get("include_bots", False))


def _read_hours(question: Question, calendar: str) -> list[Hour]:
    """Hours of the site's calendar, which ?timezone only shows otherwise; those that have not begun are left out."""
    zone, until = clock.zone(calendar), question.now + timedelta(microseconds=1)
    if names_period(question) and "hours" not in question.query:
        query = {name: value for name, value in question.query.items() if name not in ("zone", "timezone")}
        return website.hours_of(read_days(replace(question, query=query), calendar, most=MOST_HOURS // 24), until)
    default = Period(question.now - timedelta(hours=DEFAULT_HOURS), question.now, zone)
    last = read_period(question.query, zone, question.now, default)
    if last.end - last.start > timedelta(hours=MOST_HOURS):
        raise refuse("hours", f"at most {MOST_HOURS} hours at once", EXAMPLES["hours"])
    days = Days(last.first_date, clock.day_of(question.now, zone) + timedelta(days=1), zone)
    return [hour for hour in website.hours_of(days, until) if hour.start > last.start]


def _read_payloads(question: Question, top_events: list[dict[str, Any]]) -> dict[str, Any]:
    with question.rollups() as found:
        scope = _read_scope(question, found.zone)
        hours = custom_events.last_hours(found, scope, top_events)
    with question.rows() as (connection, calendar):
        return custom_events.read_payloads(connection, question, scope, top_events, hours, calendar.raw_since)

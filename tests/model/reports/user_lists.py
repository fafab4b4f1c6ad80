"""users: who is behind a number, with what each did in the period; users/timeline: the events of one."""

from datetime import date, datetime
from itertools import groupby
from typing import Any

from tests.model.calendars import Period, next_unit, of_days
from tests.model.comparison import ANYTHING, Between, OneOf
from tests.model.events import Event, select, users
from tests.model.filters import as_text, payload_property
from tests.model.reports.funnels import best_attempts, find_attempts
from tests.model.site import Request, Site

PAGE_SIZE = 100


def user_list(site: Site, request: Request) -> Any:
    """A page; who was seen last in the period comes first."""
    if site.told_of_events(request, None) is ANYTHING:
        return ANYTHING
    period, members = _group(site, request)
    of_users: dict[str, list[Event]] = {}
    for event in select(site.events, period, None, request.bots):
        if event.user in members:
            of_users.setdefault(event.user, []).append(event)
    rows = _ranked(site, request, period, of_users)
    return _page(request, "users", rows, site.meta(period))


def _page(request: Request, name: str, rows: list[Any], meta: dict[str, Any]) -> dict[str, Any]:
    page = rows[: request.number("limit", PAGE_SIZE)]
    cursor = ANYTHING if len(rows) > len(page) else None
    return {name: page, "count": len(page), "total": len(rows), "next_cursor": cursor, "meta": meta}


def _ranked(site: Site, request: Request, period: Period, of_users: dict[str, list[Event]]) -> list[Any]:
    """Of users who were seen last at one instant, the one with the lower number comes first, which callers never see."""

    def last(user: str) -> datetime:
        return of_users[user][-1].ts

    rows: list[Any] = []
    for _, tied in groupby(sorted(of_users, key=last, reverse=True), key=last):
        described = [_row(site, request, period, user, of_users[user]) for user in tied]
        rows += described if len(described) == 1 else [OneOf(described)] * len(described)
    return rows


def _row(site: Site, request: Request, period: Period, user: str, events: list[Event]) -> dict[str, Any]:
    own = [event for event in site.events if event.user == user and (request.bots or not event.is_bot)]
    visits = [visit for visit in site.select_visits(period, request.bots) if visit.user == user]
    return {
        "user_id": _shown(events[0]), "first_seen_at": _first_seen(site, own, events), "last_seen_at": own[-1].ts,
        "events": len(events), "page_views": sum(event.is_view for event in events),
        "visits": len(visits) if site.is_merged else ANYTHING,
    }  # fmt: skip


def _first_seen(site: Site, own: list[Event], events: list[Event]) -> Between:
    """Of a user who was known by a bot's event it may be that one. A late event of before the period that is no page
    view does not move it, and views count when they are merged."""
    views = [event for event in own if event.is_view and site.is_merged]
    earliest = next(event for event in site.events if event.user == own[0].user)
    return Between(earliest.ts, min(event.ts for event in [*events, *views]))


def _shown(event: Event) -> Any:
    """Keys of visitors are not known to their sender."""
    return event.draft.user_id or ANYTHING


def _group(site: Site, request: Request) -> tuple[Period, set[str]]:
    for name, find in (("funnel", _of_step), ("cohort", _of_cohort), ("goal", _of_variant)):
        if name in request:
            return find(site, request)
    period = site.period(request)
    return period, users(site.select_filtered(request, period, request.types))


def _of_step(site: Site, request: Request) -> tuple[Period, set[str]]:
    period, step = site.period(request, 7), request.number("step", 0)
    best = best_attempts(find_attempts(site, request, period, site.definitions[request["funnel"]]))
    is_exact = request.get("reached") == "dropped"
    return period, {one.start.user for one in best if one.depth == step or (one.depth > step and not is_exact)}


def _of_cohort(site: Site, request: Request) -> tuple[Period, set[str]]:
    """Who is new whatever the filter, and active in both units with it."""
    first, unit = date.fromisoformat(request["cohort"]), request.get("unit", "day")
    new = later = of_days(first, next_unit(first, unit), site.zone)
    for _ in range(request.number("offset", 0)):
        assert later.days is not None
        later = of_days(later.days[1], next_unit(later.days[1], unit), site.zone)
    known = users(site.before(new.start, request.types, request.bots))
    active = [users(site.select_filtered(request, period, request.types)) for period in (new, later)]
    return later, active[0] & active[1] - known


def _of_variant(site: Site, request: Request) -> tuple[Period, set[str]]:
    """Who saw it and no other; `converted`: with a later event of the goal, whatever the filter."""
    period = site.period(request)
    exposures: dict[str, list[Event]] = {}
    for event in site.select_filtered(request, period, [request["exposure_type"]]):
        if _variant(request, event):
            exposures.setdefault(event.user, []).append(event)
    saw = {user for user, seen in exposures.items() if {_variant(request, one) for one in seen} == {request["variant"]}}
    met = select(site.events, period, [request["goal"]], request.bots)
    converted = {event.user for event in met if event.user in saw and event.order > exposures[event.user][0].order}
    return period, {"true": converted, "false": saw - converted}.get(request.get("converted"), saw)


def _variant(request: Request, event: Event) -> str:
    found = payload_property(event, request["variant_property"].removeprefix("payload."))
    return "" if found is None else as_text(found)


def timeline(site: Site, request: Request) -> Any:
    """A page, the oldest first."""
    if not any(event.user == request["user_id"] for event in site.events):
        return {"type": ANYTHING, "title": ANYTHING, "status": 404, "code": "not_found", "detail": ANYTHING}
    period = site.period(request)
    events = [event for event in select(site.events, period, None, request.bots) if event.user == request["user_id"]]
    return _page(request, "events", [_timeline_row(site, event) for event in events], site.meta(period))


def _timeline_row(site: Site, event: Event) -> dict[str, Any]:
    visit = site.visit_of(event)
    return {
        "id": ANYTHING, "event_name": event.type, "user_id": _shown(event), "properties": event.draft.sent_payload,
        "timestamp": event.ts, "path": event.value("path") or None,
        "visit_started_at": (visit and visit.start) if site.is_merged else ANYTHING,
    }  # fmt: skip

"""summary, timeseries, breakdown and overview."""

from collections import Counter
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.model.calendars import DAY, Period, day_of, day_start, split
from tests.model.comparison import ANYTHING, Rounded, ratio
from tests.model.events import Event, users
from tests.model.site import Request, Site
from tests.model.visits import PAGE_DIMENSIONS, VISIT_DIMENSIONS, Visit, count_visits, visit_figures, visits_by_value

VIEWS = ("page_view",)
OVERVIEW_LISTS = (
    "path", "hostname", "referrer", "source", "channel", "country", "browser", "os", "device", "language", "screen",
    "utm_source",
)  # fmt: skip


def visits_meeting(site: Site, request: Request, period: Period) -> list[Visit]:
    """The conditions on events hold for one view in the period; with `scope=visit`, for one event."""
    met, began = site.judge(request, period), site.select_visits(period, request.bots)
    if request.get("scope") == "visit" or not request.of_events:
        return [visit for visit in began if visit in met]

    def is_met(visit: Visit) -> bool:
        views = [view for view in visit.views if view.ts in period]
        return any(all(one.is_met(view) for one in request.of_events) for view in views)

    return [visit for visit in began if visit in met and is_met(visit)]


def figures(site: Site, request: Request, period: Period, asked: Period | None = None) -> dict[str, Any]:
    """Of the period. `asked`: the report's own, which decides where all figures come from."""
    views = site.select_filtered(request, period, VIEWS)
    events = site.select_filtered(request, period, request.types)
    of_events = {
        "page_views": len(views),
        "visitors": len(users(events if request.types else views)),
        "events": len(events),
    }
    counts = visit_figures(visits_meeting(site, request, period), request.selects_only_visits)
    return {
        **{name: site.told_of_events(request, figure) for name, figure in of_events.items()},
        **{name: site.told(request, asked or period, figure) for name, figure in counts.items()},
    }


def change(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Growth as a part of what was before; None where that is 0 or null."""
    return {name: _growth(now[name], before[name]) for name in now}


def _growth(now: Any, before: Any) -> Any:
    if now is ANYTHING or before is ANYTHING:
        return ANYTHING
    if now is None or before is None or not float(before):
        return None
    # Of figures as they are shown.
    shown = [round(float(one), 4) for one in (now, before)]
    return (
        Rounded(_exact(shown[0] - shown[1], shown[1]), 3) if isinstance(now, Rounded) else ratio(now - before, before)
    )


def _exact(part: float, whole: float) -> Any:
    from fractions import Fraction

    return Fraction(part) / Fraction(whole)


def summary(site: Site, request: Request) -> dict[str, Any]:
    period = site.period(request)
    found, comparison = figures(site, request, period), site.comparison(request, period)
    if comparison is None:
        return {**found, "meta": site.meta(period)}
    old = figures(site, request, comparison.previous, period)
    previous = {**comparison.previous.bounds, **old}
    return {**found, "previous": previous, "change": change(found, old), "meta": site.meta(period, **comparison.meta)}


def timeseries(site: Site, request: Request) -> dict[str, Any]:
    period, unit = site.period(request), request.get("granularity", "day")
    answer, comparison = {"granularity": unit}, site.comparison(request, period)
    answer["series"] = series(site, request, period, unit, period)
    if comparison is None:
        return {**answer, "meta": site.meta(period)}
    before = comparison.previous
    answer["previous"] = {**before.bounds, "series": series(site, request, before, unit, period)}
    return {**answer, "meta": site.meta(period, **comparison.meta)}


def series(site: Site, request: Request, period: Period, unit: str, asked: Period) -> list[dict[str, Any]]:
    points = []
    for bucket in split(period, unit):
        inside = Period(bucket.start, bucket.end, period.zone, None)
        counts = figures(site, request, inside)
        began = [visit for visit in visits_meeting(site, request, period) if visit.start in bucket]
        point = {name: counts[name] for name in ("events", "page_views", "visitors")}
        of_visits = visit_figures(began, request.selects_only_visits)
        point |= {name: site.told(request, asked, figure) for name, figure in of_visits.items()}
        points.append(
            {"date": bucket.first, "ts": local(bucket.start, period), "to": local(bucket.end, period), **point}
        )
    return points


def local(at: datetime, period: Period) -> str:
    """With the offset of the zone."""
    return at.astimezone(ZoneInfo(period.zone)).isoformat()


def lists_visits(request: Request, dimension: str) -> bool:
    """Whether the list counts visits: of page views, by what visits have, filtered by nothing else."""
    return dimension in PAGE_DIMENSIONS or (
        set(request.types or VIEWS) == set(VIEWS) and _has_visits(request, dimension)
    )


def breakdown_rows(site: Site, request: Request, period: Period, asked: Period) -> dict[str, dict[str, Any]]:
    """Value → its figures, for all values."""
    dimension = request["dimension"]
    if lists_visits(request, dimension):
        by_value = visits_by_value(visits_meeting(site, request, period), dimension)
        return {value: {"events": None, **count_visits(visits)} for value, visits in by_value}
    began = Counter(visit.value(dimension) for visit in _visits_of(site, request, period, dimension))
    by_event_value: dict[str, list[Event]] = {}
    for event in _events_of(site, request, period, dimension):
        by_event_value.setdefault(event.value(dimension), []).append(event)
    return {
        value: {
            "events": len(events), "visitors": len(users(events)),
            "page_views": len(events) if set(_types(request, dimension) or ()) == set(VIEWS) else None,
            "visits": site.told(request, asked, began[value]) if _has_visits(request, dimension) else None,
        }
        for value, events in by_event_value.items()
    }  # fmt: skip


def _types(request: Request, dimension: str) -> Any:
    return request.types or (None if dimension in ("type", "subject") else VIEWS)


def _events_of(site: Site, request: Request, period: Period, dimension: str) -> list[Event]:
    events = site.select_filtered(request, period, _types(request, dimension))
    return [event for event in events if dimension != "subject" or event.value("subject")]


def _visits_of(site: Site, request: Request, period: Period, dimension: str) -> list[Visit]:
    return visits_meeting(site, request, period) if _has_visits(request, dimension) else []


def _has_visits(request: Request, dimension: str) -> bool:
    return dimension in VISIT_DIMENSIONS and request.selects_only_visits


def breakdown(site: Site, request: Request) -> Any:
    """A page of the ranking; `after`: how many rows earlier pages had."""
    period, dimension = site.period(request), request["dimension"]
    ranked_by = "visits" if lists_visits(request, dimension) else "events"
    known = site.told(request, period, None) if ranked_by == "visits" else site.told_of_events(request, None)
    if known is ANYTHING:
        return ANYTHING
    found, comparison = breakdown_rows(site, request, period, period), site.comparison(request, period)
    ranked = sorted(found, key=lambda value: (-found[value][ranked_by], value))
    total = sum(row[ranked_by] for row in found.values())
    page = ranked[: request.limit]
    rows = [{"value": value or None, **found[value], "share": ratio(found[value][ranked_by], total)} for value in page]
    if comparison:
        before = breakdown_rows(site, request, comparison.previous, period)
        for value, row in zip(page, rows, strict=True):
            now = found[value]
            none = {name: None if figure is None else 0 for name, figure in now.items()}
            old = before.get(value, none)
            row |= {"previous": old, "change": change(now, old)}
    other = total - sum(found[value][ranked_by] for value in page)
    return {
        "dimension": dimension, "ranked_by": ranked_by, "total": total, "value_count": len(ranked), "rows": rows,
        "other": {"amount": other, "share": ratio(other, total)},
        "next_cursor": ANYTHING if len(ranked) > len(page) else None,
        "meta": site.meta(period, **(comparison.meta if comparison else {})),
    }  # fmt: skip


def event_types(site: Site, request: Request) -> Any:
    """Those of a breakdown by type, with the events of each bucket."""
    period, unit = site.period(request), request.get("granularity", "day")
    if site.told_of_events(request, None) is ANYTHING:
        return ANYTHING
    found, comparison = _events_by_type(site, request, period), site.comparison(request, period)
    before = _events_by_type(site, request, comparison.previous) if comparison else {}
    rows = []
    for name in sorted(found, key=lambda name: (-len(found[name]), name))[: request.limit]:
        events = found[name]
        now, old = _type_totals(events), _type_totals(before.get(name, []))
        days = sorted(day_of(event.ts, period.zone) for event in events)
        series = [sum(event.ts in bucket for event in events) for bucket in split(period, unit)]
        row = {"type": name, **now, "first_day": days[0], "last_day": days[-1], "series": series}
        rows.append(row | ({"previous": old, "change": change(now, old)} if comparison else {}))
    meta = site.meta(period, **(comparison.meta if comparison else {}))
    return {"granularity": unit, "type_count": len(found), "types": rows, "meta": meta}


def _events_by_type(site: Site, request: Request, period: Period) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in site.select_filtered(request, period, request.types):
        found.setdefault(event.type, []).append(event)
    return found


def _type_totals(events: list[Event]) -> dict[str, int]:
    return {"events": len(events), "users": len(users(events))}


def properties(site: Site, request: Request) -> Any:
    period = site.period(request)
    if site.told_of_events(request, None) is ANYTHING:
        return ANYTHING
    found: dict[str, list[Event]] = {}
    for event in site.select_filtered(request, period, request.types):
        for name in event.draft.sent_payload:
            found.setdefault(name, []).append(event)
    ranked = sorted(found, key=lambda name: (-len(found[name]), name))
    rows = [{"name": name, "property": name, **_type_totals(found[name])} for name in ranked[: request.limit]]
    return {"property_count": len(found), "properties": rows, "meta": site.meta(period)}


def top_values(site: Site, period: Period, dimension: str, bots: bool) -> list[tuple[str, list[Event]]]:
    """The values with the page views of each, most first."""
    by_value: dict[str, list[Event]] = {}
    for event in site.select(period, VIEWS, bots):
        by_value.setdefault(event.value(dimension), []).append(event)
    return sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0]))


def clipped(day: date, period: Period) -> Period:
    """The part of the day that lies in the period."""
    start, end = day_start(day, period.zone), day_start(day + DAY, period.zone)
    return Period(max(start, period.start), max(start, min(end, period.end)), period.zone, None)


def overview(site: Site, request: Request) -> dict[str, Any]:
    period = site.period(request)
    counts, comparison = figures(site, request, period), site.comparison(request, period)
    lists = {dimension: _overview_rows(site, request, period, dimension) for dimension in OVERVIEW_LISTS}
    answer = {**counts, "granularity": "day", "series": series(site, request, period, "day", period), "lists": lists}
    if comparison is None:
        return {**answer, "meta": site.meta(period)}
    old, before = figures(site, request, comparison.previous, period), comparison.previous
    previous = {**before.bounds, **old, "series": series(site, request, before, "day", period)}
    return {**answer, "previous": previous, "change": change(counts, old), "meta": site.meta(period, **comparison.meta)}


def _overview_rows(site: Site, request: Request, period: Period, dimension: str) -> list[dict[str, Any]]:
    if dimension in VISIT_DIMENSIONS:
        by_value = visits_by_value(site.select_visits(period, request.bots), dimension)[: request.limit]
        return [{"value": value or None, **count_visits(visits)} for value, visits in by_value]
    return [
        {"value": value or None, "page_views": len(events), "visitors": len(users(events)), "visits": None}
        for value, events in top_values(site, period, dimension, request.bots)[: request.limit]
    ]

"""Seed 002's `/stats` and seed 004's reports on a website."""

from collections import Counter
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.model.calendars import DAY, HOUR, Comparison, Period, day_of, day_start, of_days, read_period, touched_days
from tests.model.comparison import ANYTHING, Rounded, percent, rounded
from tests.model.events import Event, users
from tests.model.filters import as_text, payload_property
from tests.model.reports.query import VIEWS, clipped, top_values
from tests.model.site import Request, Site
from tests.model.visits import Visit, count_visits, mean_seconds, visits_by_value
from tests.model.vocabulary import CONTINENTS

DEFAULT_DAYS = 7
CAMPAIGNS = {"sources": "utm_source", "mediums": "utm_medium", "campaigns": "utm_campaign"}


def label(dimension: str, value: str) -> str:
    """A value as the lists of the seeds show it."""
    if dimension in ("region", "city"):
        value = ", ".join(part for part in reversed(value.split("/", 2)) if part)
    return value or {"path": "(none)", "referrer": "Direct", "source": "Direct"}.get(dimension, "Unknown")


def stats(site: Site, request: Request) -> dict[str, Any]:
    has_period = {"date", "days", "from", "hours"} & request.first.keys()
    all_days = of_days(min(site.first_day(), site.today), site.today + DAY, site.zone)
    period = site.period(request) if has_period else all_days
    views = site.select(period, VIEWS, request.bots)
    top = top_values(site, period, "path", request.bots)[: request.limit]
    return {
        "site_id": site.key, "date": request.get("date") or None, "total_views": len(views),
        "unique_users": len(users(views)), "meta": site.meta(period),
        "top_paths": [{"path": label("path", value), "views": len(of)} for value, of in top],
    }  # fmt: skip


def _period(site: Site, request: Request) -> Period:
    return site.period(request, DEFAULT_DAYS)


def _answer(site: Site, period: Period, compared: Comparison | None = None, **fields: Any) -> dict[str, Any]:
    ids = {"website_id": site.key, "date_range": f"{len(touched_days(period))} days"}
    return {**ids, **fields, "meta": site.meta(period, **(compared.meta if compared else {}))}


def _compared(site: Site, request: Request, period: Period) -> Comparison:
    comparison = site.comparison(request, period, "previous")
    assert comparison
    return comparison


def _metrics(site: Site, request: Request, period: Period) -> dict[str, Any]:
    views, visits = site.select(period, VIEWS, request.bots), site.select_visits(period, request.bots)
    return {
        "page_views": len(views), "total_visitors": len(visits), "unique_visitors": len(users(views)),
        "sessions": len(visits), **_rates(visits),
    }  # fmt: skip


def _rates(visits: list[Visit]) -> dict[str, Any]:
    mean, views = mean_seconds(visits), sum(len(visit.views) for visit in visits)
    return {
        "bounce_rate": percent(sum(visit.is_bounce for visit in visits), len(visits)) or 0.0,
        "avg_session_time": 0.0 if mean is None else rounded(mean, 2),
        "pages_per_session": rounded(views / len(visits), 2) if visits else 0.0,
    }


def _growth(now: Any, before: Any) -> Any:
    """In percent, of figures as they are shown."""
    now, before = float(now), float(before)
    found = percent(now - before, before)
    is_shown = isinstance(found, Rounded) and (now % 1 or before % 1)
    return Rounded(found.exact, 1) if found is not None and is_shown else found


def traffic_summary(site: Site, request: Request) -> dict[str, Any]:
    period = _period(site, request)
    comparison = _compared(site, request, period)
    now, before = _metrics(site, request, period), _metrics(site, request, comparison.previous)
    active = users(site.select(period, VIEWS, request.bots))
    earlier = users(site.select(comparison.full, VIEWS, request.bots))
    new = active - users(site.before(period.start, VIEWS, request.bots))
    visits = site.select_visits(period, request.bots)
    return _answer(
        site, period, comparison, total_page_views=now["page_views"], total_visitors=len(visits), unique_visitors=len(active),
        total_sessions=len(visits), **_rates(visits), growth_rate=_growth(now["page_views"], before["page_views"]),
        visitors_growth_rate=_growth(len(active), before["unique_visitors"]),
        sessions_growth_rate=_growth(now["sessions"], before["sessions"]), new_visitors=len(new),
        returning_visitors=len(active - new), retention_rate=percent(len(active & earlier), len(earlier)),
        engagement_score=percent(sum(not visit.is_bounce for visit in visits), len(visits)) or 0.0,
    )  # fmt: skip


def daily_stats(site: Site, request: Request) -> dict[str, Any]:
    period = _period(site, request)
    return _answer(site, period, daily_stats=[_views_of(site, request, period, day) for day in touched_days(period)])


def _views_of(site: Site, request: Request, period: Period, day: date) -> dict[str, Any]:
    views = site.select(clipped(day, period), VIEWS, request.bots)
    return {"date": day, "views": len(views), "unique": len(users(views))}


def hourly_stats(site: Site, request: Request) -> dict[str, Any]:
    """The hours of the site's days that have begun: of the period, else the last 24 with the current one."""
    zone = request.get("timezone") or request.get("zone") or site.zone
    if {"date", "days", "from"} & request.first.keys():
        period = read_period(request.first, site.zone, site.now, DEFAULT_DAYS)
        inside = [
            hour for hour in _hours(site, touched_days(period)) if hour[0] < period.end and hour[1] > period.start
        ]
        hours = [(max(start, period.start), min(end, period.end)) for start, end in inside]
    else:
        since = site.now - request.number("hours", 24) * HOUR
        first = day_of(since, site.zone)
        dates = [first + n * DAY for n in range((site.today - first) // DAY + 1)]
        hours = [hour for hour in _hours(site, dates) if hour[0] > since]
    rows = []
    for start, end in hours:
        views = site.select(Period(start, end, site.zone, None), VIEWS, request.bots)
        at = start.astimezone(ZoneInfo(zone))
        counts = {"views": len(views), "unique": len(users(views))}
        rows.append({"hour": at.hour, **counts, "timestamp": start, "hour_label": f"{at:%H:%M}"})
    whole = Period(*((hours[0][0], hours[-1][1]) if hours else (site.now, site.now)), zone, None)
    ids = {"website_id": site.key, "date_range": f"{len(hours)} hours", "timezone": zone}
    return {**ids, "hourly_stats": rows, "meta": site.meta(whole)}


def _hours(site: Site, dates: list[date]) -> list[tuple[Any, Any]]:
    found = []
    for day in dates:
        at, end = day_start(day, site.zone), day_start(day + DAY, site.zone)
        while at < end:
            found.append((at, min(at + HOUR, end)))
            at += HOUR
    return [hour for hour in found if hour[0] <= site.now]


def _bounce_rate(visits: list[Visit]) -> Rounded | None:
    return percent(sum(visit.is_bounce for visit in visits), len(visits))


def page_rows(site: Site, request: Request, period: Period) -> list[dict[str, Any]]:
    rows, visits = [], site.select_visits(period, request.bots)
    for value, events in top_values(site, period, "path", request.bots)[: request.limit]:
        entries = [visit for visit in visits if visit.value("entry_path") == value]
        exits, mean = sum(visit.value("exit_path") == value for visit in visits), mean_seconds(entries)
        rows.append({
            "page": label("path", value), "views": len(events), "unique": len(users(events)),
            "bounce_rate": _bounce_rate(entries),
            "avg_time": None if mean is None else Rounded(mean, 0),
            "entry_rate": percent(len(entries), len(events)), "exit_rate": percent(exits, len(events)),
        })  # fmt: skip
    return rows


def value_rows(site: Site, request: Request, period: Period, dimension: str) -> list[dict[str, Any]]:
    """By visits that began with the value."""
    ranked = visits_by_value(site.select_visits(period, request.bots), dimension)[: request.limit]
    return [{dimension: label(dimension, value), **_visit_row(visits)} for value, visits in ranked]


def _visit_row(visits: list[Visit]) -> dict[str, Any]:
    counts = count_visits(visits)
    figures = {"views": counts["page_views"], "unique": counts["visitors"], "visits": counts["visits"]}
    return {**figures, "bounce_rate": _bounce_rate(visits)}


def visitor_rows(site: Site, request: Request, period: Period, dimension: str) -> list[dict[str, Any]]:
    return [{**row, "visitors": row["unique"]} for row in value_rows(site, request, period, dimension)]


def top_pages(site: Site, request: Request) -> dict[str, Any]:
    period = _period(site, request)
    return _answer(site, period, top_pages=page_rows(site, request, period))


def top_referrers(site: Site, request: Request) -> dict[str, Any]:
    period = _period(site, request)
    return _answer(site, period, top_referrers=value_rows(site, request, period, "referrer"))


def top_list(name: str, dimension: str) -> Any:
    """Of countries, browsers, devices and systems."""

    def answer(site: Site, request: Request) -> dict[str, Any]:
        period = _period(site, request)
        return _answer(site, period, **{f"top_{name}": visitor_rows(site, request, period, dimension)})

    return answer


def source_rows(site: Site, request: Request, period: Period) -> list[dict[str, Any]]:
    rows = value_rows(site, request, period, "source")
    return [{"unique_visitors": row.pop("unique"), **row} for row in rows]


def dashboard(site: Site, request: Request) -> dict[str, Any]:
    period = _period(site, request)
    comparison = _compared(site, request, period)
    now, before = _metrics(site, request, period), _metrics(site, request, comparison.previous)
    live = Period(site.now - timedelta(minutes=5), site.now + timedelta.resolution, site.zone, None)
    growths = {
        "total_visitor_change": "total_visitors", "visitor_change": "unique_visitors", "session_change": "sessions",
        "pageview_change": "page_views", "bounce_change": "bounce_rate", "duration_change": "avg_session_time",
    }  # fmt: skip
    changes = {name: _growth(now[figure], before[figure]) for name, figure in growths.items()}
    totals = {name: now[name] for name in ("total_visitors", "unique_visitors", "page_views", "bounce_rate")}
    return _answer(
        site, period, comparison, **totals, session_duration=now["avg_session_time"], metrics=now,
        comparison={"current_period": now, "previous_period": before, **changes},
        top_pages=page_rows(site, request, period), top_sources=source_rows(site, request, period),
        top_countries=visitor_rows(site, request, period, "country"),
        geolocation=_geolocation(site, request, period, now["unique_visitors"]),
        live_visitors=len(users(site.select(live))),
    )  # fmt: skip


def _geolocation(site: Site, request: Request, period: Period, total: int) -> dict[str, Any]:
    lists = {}
    for name, dimension in {"countries": "country", "regions": "region", "cities": "city"}.items():
        top = top_values(site, period, dimension, request.bots)[: request.limit]
        lists[name] = _shares([(label(dimension, value), len(users(events))) for value, events in top], total)
    by_continent: dict[str, set[str]] = {}
    for event in site.select(period, VIEWS, request.bots):
        by_continent.setdefault(CONTINENTS.get(event.value("country"), "Unknown"), set()).add(event.user)
    counts = sorted(((name, len(of)) for name, of in by_continent.items()), key=lambda item: (-item[1], item[0]))
    return {**lists, "continents": _shares(counts, total)}


def _shares(counts: list[tuple[str, int]], total: int) -> list[dict[str, Any]]:
    return [{"name": name, "count": count, "percentage": percent(count, total)} for name, count in counts]


def custom_events(site: Site, request: Request) -> dict[str, Any]:
    period, wanted = _period(site, request), request.get("event")
    events = [event for event in site.select(period, None, request.bots) if not event.is_view]
    events = [event for event in events if wanted in ("", event.type)]
    by_type: dict[str, list[Event]] = {}
    for event in events:
        by_type.setdefault(event.type, []).append(event)
    ranked = sorted(by_type.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = [
        {"event_type": name, "count": len(of), "unique": len(users(of)), "last_day": max(map(site.day, of))}
        # An example: the payload of any event of the last hour.
        | {"sample_properties": ANYTHING}
        for name, of in ranked[: request.limit]
    ]
    by_day = Counter(map(site.day, events))
    answer = _answer(
        site, period, top_events=rows, total_events=len(events), unique_events=len(by_type),
        timeseries=[{"date": day, "count": by_day[day]} for day in touched_days(period)],
        utm_performance={name: _campaigns(site, request, period, of) for name, of in CAMPAIGNS.items()},
    )  # fmt: skip
    if "property" in request:
        values = _property_rows(request, events)
        answer["properties"] = {"event": wanted, "property": request["property"], "values": values}
    return answer


def _campaigns(site: Site, request: Request, period: Period, dimension: str) -> list[dict[str, Any]]:
    ranked = visits_by_value(site.select_visits(period, request.bots), dimension)
    return [{"name": value, **_visit_row(visits)} for value, visits in ranked if value][: request.limit]


def _property_rows(request: Request, events: list[Event]) -> list[dict[str, Any]]:
    by_value: dict[str | None, list[Event]] = {}
    for event in events:
        value = payload_property(event, request["property"])
        by_value.setdefault(None if value is None else as_text(value), []).append(event)
    ranked = sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0] is None, item[0] or ""))
    return [{"value": value, "count": len(of), "unique": len(users(of))} for value, of in ranked[: request.limit]]


def realtime(site: Site, request: Request, is_website: bool = False) -> dict[str, Any]:
    """The minutes that end now; each counts its end, not its start."""
    recent = _last(site, request, 5)
    views = [event for event in recent if event.is_view]
    series = [_minute(site, request, ago) for ago in reversed(range(30))]
    names = ("website_id", "page_views_last_1h", "top_pages_realtime")
    key, hour, pages = names if is_website else ("site", "page_views_last_60m", "top_pages")
    meta = Period(site.now - HOUR, site.now, site.zone, None)
    return {
        key: site.key, "active_users": len(users(recent)), "current_visitors": len(users(views)),
        "page_views_last_5m": len(views), "series": series, "meta": site.meta(meta),
        "page_views_last_30m": sum(event.is_view for event in _last(site, request, 30)),
        hour: sum(event.is_view for event in _last(site, request, 60)),
        pages: _recent(views, "path", "page", request.limit),
        "top_referrers": _recent(views, "referrer", "referrer", request.limit),
        "top_countries": _recent(views, "country", "country", request.limit),
    }  # fmt: skip


def _last(site: Site, request: Request, minutes: int, until: int = 0) -> list[Event]:
    start, end = (site.now - timedelta(minutes=ago) for ago in (minutes, until))
    return [event for event in site.events if start < event.ts <= end and (request.bots or not event.is_bot)]


def _minute(site: Site, request: Request, ago: int) -> dict[str, Any]:
    views = [event for event in _last(site, request, ago + 1, ago) if event.is_view]
    start = site.now - timedelta(minutes=ago + 1)
    return {"start": start, "views": len(views), "unique": len(users(views))}


def _recent(views: list[Event], dimension: str, name: str, limit: int) -> list[dict[str, Any]]:
    by_value: dict[str, list[Event]] = {}
    for event in views:
        by_value.setdefault(event.value(dimension), []).append(event)
    ranked = sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0]))[:limit]
    return [{name: label(dimension, value), "views": len(of), "unique": len(users(of))} for value, of in ranked]


def website_realtime(site: Site, request: Request) -> dict[str, Any]:
    return realtime(site, request, is_website=True)

"""dau, wau, mau, stickiness, retention, lifecycle, and the metrics of closed days."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from tests.model.calendars import DAY, HOUR, Period, day_of, day_start, next_unit, of_days, touched_days, unit_start
from tests.model.comparison import ratio, rounded
from tests.model.events import Event, users
from tests.model.site import Request, Site
from tests.model.visits import mean_seconds

LENGTHS = {"wau": 7, "mau": 30}
UNITS = {"wau": "week", "mau": "month"}


def _count(site: Site, request: Request, period: Period) -> dict[str, int]:
    """Users, and those who were never active before."""
    active = users(site.select(period, request.types, request.bots))
    new = active - users(site.before(period.start, request.types, request.bots))
    return {"users": len(active), "new": len(new), "returning": len(active) - len(new)}


def dau(site: Site, request: Request) -> dict[str, Any]:
    """Of the day, or of any other period. Of another zone, raw events that may be purged would tell who is new."""
    period = site.period(request, 1)
    counts = _count(site, request, period)
    day = _last_day(request, period)
    unknown = {} if period.zone == site.zone else {"new": None, "returning": None}
    answer = {"dau": counts.pop("users"), **counts, **unknown, "date": day, **period.bounds}
    return {**answer, "period": _length(period), "meta": site.meta(period)}


def _last_day(request: Request, period: Period) -> date:
    if "date" in request:
        return date.fromisoformat(request["date"])
    return day_of(period.end - timedelta.resolution, period.zone)


def _length(period: Period) -> str:
    """24h for a day, 7d for seven; the hours of a period that cuts a day, begun ones included."""
    if period.days is None:
        return f"{-((period.start - period.end) // HOUR)}h"
    number = len(touched_days(period))
    return f"{number}d" if number > 1 else "24h"


def _window(name: str) -> Any:
    def answer(site: Site, request: Request) -> dict[str, Any]:
        kind, unit = request.get("window", "trailing"), UNITS[name]
        day = _last_day(request, site.period(request, 1))
        period, label = of_days(day - (LENGTHS[name] - 1) * DAY, day + DAY, site.zone), f"{LENGTHS[name]}d"
        if kind == "calendar":
            first = unit_start(day, unit)
            period, label = of_days(first, next_unit(first, unit), site.zone), unit
        counts = _count(site, request, period)
        answer = {name: counts.pop("users"), **counts, "date": day, **period.bounds}
        return {**answer, "period": label, "window": kind, "meta": site.meta(period)}

    return answer


wau, mau = _window("wau"), _window("mau")


def _users_of(site: Site, request: Request, first: date, after: date) -> set[str]:
    return users(site.select(of_days(first, after, site.zone), request.types, request.bots))


def _whole_days(site: Site, request: Request) -> Period:
    """The days that the period touches."""
    dates = touched_days(site.period(request))
    return of_days(dates[0], dates[-1] + DAY, site.zone)


def stickiness(site: Site, request: Request) -> dict[str, Any]:
    period = _whole_days(site, request)
    series = []
    for day in touched_days(site.period(request)):
        dau, wau, mau = (len(_users_of(site, request, day - (n - 1) * DAY, day + DAY)) for n in (1, 7, 30))
        series.append({"date": day, "dau": dau, "wau": wau, "mau": mau, "stickiness": ratio(dau, mau)})
    return {"series": series, "meta": site.meta(period)}


def _units(period: Period, unit: str) -> list[date]:
    """The first day of each unit that holds one of the days, and the first day after them."""
    dates = touched_days(period)
    edges = [unit_start(dates[0], unit)]
    while edges[-1] <= dates[-1]:
        edges.append(next_unit(edges[-1], unit))
    return edges


def retention(site: Site, request: Request) -> dict[str, Any]:
    unit = request.get("unit", "day")
    edges = _units(site.period(request), unit)
    active = [_users_of(site, request, first, after) for first, after in pairwise(edges)]
    whole = of_days(edges[0], edges[-1], site.zone)
    seen = users(site.before(whole.start, request.types, request.bots))
    cohorts = []
    for number, start in enumerate(edges[:-1]):
        cohort = active[number] - seen
        seen |= cohort
        retained = [len(cohort & later) for later in active[number:]]
        rates = [ratio(count, len(cohort)) for count in retained]
        cohorts.append({"start": start, "size": len(cohort), "retained": retained, "rates": rates})
    over = sum(day_start(edge, site.zone) <= site.now for edge in edges[1:])
    averages = []
    for later in range(len(cohorts)):
        final = [one for number, one in enumerate(cohorts) if number + later < over]
        averages.append(ratio(sum(one["retained"][later] for one in final), sum(one["size"] for one in final)))
    rows = {"cohorts": cohorts, "average_rates": averages, "units_over": over}
    return {"unit": unit, **rows, "meta": site.meta(whole)}


def lifecycle(site: Site, request: Request) -> dict[str, Any]:
    unit = request.get("granularity", "day")
    edges = _units(site.period(request), unit)
    series = []
    for start, after in pairwise(edges):
        active = _users_of(site, request, start, after)
        last = _users_of(site, request, unit_start(start - DAY, unit), start)
        period = of_days(start, after, site.zone)
        earlier = users(site.before(period.start, request.types, request.bots))
        counts = {"active": active, "new": active - earlier, "returning": active & last}
        counts |= {"resurrected": active & earlier - last, "dormant": last - active}
        series.append({"date": start, **{name: len(of) for name, of in counts.items()}})
    whole = of_days(edges[0], edges[-1], site.zone)
    return {"granularity": unit, "series": series, "last_is_over": whole.end <= site.now, "meta": site.meta(whole)}


def metrics(site: Site, request: Request) -> dict[str, Any]:
    """Of the closed days: in the model, all that are over."""
    period, names = _whole_days(site, request), [text for name, text in request.query if name == "name"]
    rows = []
    for day in touched_days(site.period(request)):
        if site.first_day() <= day < site.today:
            found = [row for row in _closed(site, day) if not names or row["name"] in names]
            rows += sorted(found, key=lambda row: (row["name"], _dimension_order(row["dimensions"])))
    closed = site.today - DAY if site.events and site.first_day() < site.today else None
    return {"metrics": rows, "meta": {**site.meta(period), "closed_through": closed}}


def _dimension_order(dimensions: dict[str, str]) -> tuple[int, int, str]:
    """As jsonb orders objects: by the number of keys, then texts by their length."""
    name = dimensions.get("type", "")
    return len(dimensions), 0, name


def _closed(site: Site, day: date) -> list[dict[str, Any]]:
    period = of_days(day, day + DAY, site.zone)
    events, visits = site.select(period), site.select_visits(period)
    figures: dict[str, Any] = {
        "dau": len(users(events)), "events": len(events),
        "page_views": sum(event.is_view for event in events), "visits": len(visits),
        "new_users": len(users(events) - users(site.before(period.start, None, False))),
        **{name: len(_trailing(site, day, length)) for name, length in LENGTHS.items()},
    }  # fmt: skip
    if visits:
        figures["bounce_rate"] = ratio(sum(visit.is_bounce for visit in visits), len(visits), 6)
        mean = mean_seconds(visits)
        assert mean is not None
        figures["avg_visit_duration_s"] = rounded(mean, 6)
    rows = [{"date": day, "name": name, "value": value, "dimensions": {}} for name, value in figures.items()]
    for event_type in sorted({event.type for event in events}):
        count = sum(event.type == event_type for event in events)
        rows.append({"date": day, "name": "events", "value": count, "dimensions": {"type": event_type}})
    return rows


def _trailing(site: Site, day: date, length: int) -> set[str]:
    first = day - timedelta(days=length - 1)
    return users(_of(site, first, day))


def _of(site: Site, first: date, last: date) -> list[Event]:
    return site.select(of_days(first, last + DAY, site.zone))

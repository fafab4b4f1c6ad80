"""Reports that show events themselves, and seed 003's totals and samples."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.model.calendars import DAY, HOUR, Period, of_days, of_instants
from tests.model.comparison import ANYTHING, Within
from tests.model.events import UTM, Event, select, sent_utm
from tests.model.site import Request, Site

COLUMNS = (
    "type", "session_id", "subject", "path", "referrer", "source", "country", "browser", "os", "device", "hostname",
    "language", "screen", "channel",
)  # fmt: skip


def _all_days(site: Site) -> Period:
    return of_days(min(site.first_day(), site.today), site.today + 2 * DAY, site.zone)


def event_list(site: Site, request: Request) -> dict[str, Any]:
    """A page, the newest first."""
    has_period = {"date", "days", "from", "hours"} & request.first.keys()
    period = site.period(request) if has_period else _all_days(site)
    name = request.get("event_name")
    types = [{"pageview": "page_view"}.get(name, name)] if name else None
    events = sorted(select(site.events, period, types, request.bots), key=lambda event: event.order, reverse=True)
    page = events[: request.number("limit", 100)]
    return {
        "events": [_row(event) for event in page], "count": len(page), "total": len(events),
        "next_cursor": ANYTHING if len(events) > len(page) else None, "meta": site.meta(period),
    }  # fmt: skip


def _row(event: Event) -> dict[str, Any]:
    # Ids that the service gave, and keys of visitors, are not known to their sender.
    return {
        "id": ANYTHING, "event_name": event.type, "user_id": event.draft.user_id or ANYTHING,
        "properties": event.draft.sent_payload, "timestamp": event.ts,
    }  # fmt: skip


def event_file(site: Site, request: Request) -> list[dict[str, Any]]:
    """The rows of the CSV, in order."""
    has_period = {"date", "days", "from", "hours"} & request.first.keys()
    is_included = request.get("include_bots") != "false"
    events = [event for event in site.events if is_included or not event.is_bot]
    if has_period:
        events = select(events, site.period(request), None, bots=True)
    if request.types:
        events = [event for event in events if event.type in request.types]
    if "user_id" in request:
        events = [event for event in events if event.draft.user_id == request["user_id"]]
    return [_file_row(event) for event in events]


def _file_row(event: Event) -> dict[str, Any]:
    _, region, city = event.draft.place
    return {
        "ts": event.ts, "user_id": event.draft.user_id or ANYTHING, "is_bot": str(event.is_bot).lower(),
        "region": region, "city": city, "ip": event.draft.address, "payload": event.draft.sent_payload or ANYTHING,
        **{name: event.value(name) for name in COLUMNS},
        **{name: sent_utm(event, name) for name in UTM},
        "event_id": ANYTHING, "received_at": ANYTHING, "src": "",
    }  # fmt: skip


def totals(site: Site, request: Request) -> dict[str, Any]:
    """Seed 003's dashboard."""
    names = sorted({sample.name for sample in site.samples})
    events = select(site.events, _all_days(site), None, request.bots)
    return {
        "total_metrics_tracked": len(site.samples), "unique_metric_types": len(names), "metric_names": names,
        "total_events_tracked": len(events), "timestamp": site.now, "meta": site.meta(_all_days(site)),
    }  # fmt: skip


def sample_names(site: Site, request: Request) -> dict[str, Any]:
    names = sorted({sample.name for sample in site.samples})
    period = Period(datetime.fromtimestamp(0, site.now.tzinfo), site.now, site.zone, None)
    return {"metrics": names[: request.number("limit", 10_000)], "count": len(names), "meta": site.meta(period)}


def samples(site: Site, request: Request) -> dict[str, Any]:
    is_given = {"date", "days", "from", "hours"} & request.first.keys()
    period = site.period(request) if is_given else of_instants(site.now - 24 * HOUR, site.now, site.zone)
    tag = [text.split("=", 1) if "=" in text else text for name, text in request.query if name == "tag"]
    assert not tag, "the model has no tags"
    found = [sample for sample in site.samples if sample.name == request.values["name"] and sample.ts in period]
    meta = site.meta(period, raw_hours=ANYTHING, unknown_tags=0)
    return {
        "metric_name": request.values["name"], "period_start": period.start, "period_end": period.end,
        "percentile_error": ANYTHING, **_statistics(found), "meta": meta,
    }  # fmt: skip


def _statistics(found: Iterable[Any]) -> dict[str, Any]:
    values = sorted(sample.value for sample in found)
    names = ("average", "min", "max", "last", "kind", "p50", "p75", "p90", "p95", "p99")
    if not values:
        return {"count": 0, "sum": 0, **dict.fromkeys(names)}
    total = sum(map(Decimal, map(str, values)), Decimal())
    last = max(found, key=lambda sample: (sample.ts, sample.value))
    return {
        "count": len(values), "sum": float(total), "average": Within(float(total / len(values)), 1e-12),
        "min": values[0], "max": values[-1], "last": last.value, "kind": None,
        **{f"p{share}": _percentile(values, share / 100) for share in (50, 75, 90, 95, 99)},
    }  # fmt: skip


def _percentile(values: list[float], share: float) -> Within:
    """Linear interpolation; the service tells it within 1 % of the samples that it lies between."""
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return Within(values[low] + (values[high] - values[low]) * (place - low), 0.011)

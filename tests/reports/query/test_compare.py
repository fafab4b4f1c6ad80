"""Comparisons of running periods, and reports on periods that cut days, against a slow count over the stored events."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.factories import make_site
from tests.reports.brute_force import STARTS, ZONES, local_day
from tests.reports.query.test_brute_force import (
    Event,
    Selection,
    check_rows,
    check_series,
    check_summary,
    sent,
    slow_figures,
    slow_visits,
    stored,
)

Report = Callable[..., Any]
FIGURES = ("events", "page_views", "visitors", "visits")
FEW = settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def selected(bounds: dict[str, str], bots: bool, types: list[str]) -> Selection:
    return Selection([], types, bots, instant(bounds["from"]), instant(bounds["to"]))


@pytest.fixture
def half_merged(engine: Engine, store: Any) -> Callable[..., Site]:
    """`half_merged(events, zone)` returns a new site with the events, half of which wait for their merge."""

    def put(events: list[dict[str, Any]], zone: str) -> Site:
        there = make_site(engine, zone)
        half = len(events) // 2
        store(events[:half], site_id=there.id, site_key=there.key)
        merge_site(engine, there.id)
        store(events[half:], site_id=there.id, site_key=there.key)
        return there

    return put


@FEW
@given(
    data=st.data(), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    types=st.sampled_from([[], ["click"], ["click", "page_view"]]), length=st.integers(1, 3),
    compared=st.sampled_from(["previous", "range"]), more=st.sampled_from(["", "&filter=country!=XX", "&align=whole"]),
)  # fmt: skip
def test_a_running_period_is_compared_with_the_same_part_of_the_other(
    monkeypatch: pytest.MonkeyPatch, half_merged: Any, engine: Engine, report: Report, sql: Any, data: st.DataObject,
    start: datetime, zone: str, bots: bool, types: list[str], length: int, compared: str, more: str,
) -> None:  # fmt: skip
    tz = ZoneInfo(zone)
    now = start.replace(tzinfo=UTC) + timedelta(days=3, seconds=data.draw(st.integers(0, 86_400 * 2 - 1)))
    events = data.draw(sent(start))
    there = half_merged([event for event in events if instant(event["ts"]) < now], zone)
    if "filter" in more:
        merge_site(engine, there.id)
    happened = stored(sql, there.id)
    last = clock.day_of(now, tz) - timedelta(days=length)
    compare = compared if compared == "previous" else f"{last - timedelta(days=length - 1)}..{last}"
    query = f"site={there.key}&days={length}&compare={compare}&include_bots={bots}{more}"
    query += "".join(f"&type={kind}" for kind in types)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: now)
        summary, breakdowns = report("summary", query), ("path", "utm_source", "type", "entry_path")
        rows = {name: report("breakdown", f"{query}&dimension={name}") for name in breakdowns}
        series = {unit: report("timeseries", f"{query}&granularity={unit}") for unit in ("hour", "day", "week")}
    meta = summary["meta"]["compare"]
    whole = "whole" in more
    assert (meta["align"], meta["mode"]) == ("whole" if whole else "elapsed", compared)
    assert meta["previous"] == {name: summary["previous"][name] for name in ("from", "to")}
    assert instant(meta["current"]["to"]) == (instant(summary["meta"]["to"]) if whole else now)
    current, previous = (selected(meta[name], bots, types) for name in ("current", "previous"))
    if not whole:
        assert previous.end.astimezone(tz).time() == now.astimezone(tz).time() or changes(previous, tz)
    check_summary(summary, happened, current)
    check_summary(summary["previous"], happened, previous)
    for unit, found in series.items():
        check_series(found["previous"]["series"], unit, tz, happened, previous)
    for name, found in rows.items():
        if name == "entry_path":
            check_entries(found, happened, current, previous)
            continue
        check_rows(found, happened, current, name)
        earlier = count_values(happened, previous, name)
        assert {row["value"] or "": row["previous"]["events"] for row in found["rows"]} == {
            row["value"] or "": earlier[row["value"] or ""] for row in found["rows"]
        }


def changes(selection: Selection, tz: ZoneInfo) -> bool:
    """Clocks change around the end of the selection."""
    offsets = {(selection.end + timedelta(hours=hours)).astimezone(tz).utcoffset() for hours in range(-30, 31)}
    return len(offsets) > 1


def count_values(events: list[Event], selection: Selection, name: str) -> Counter[str]:
    types = selection.types or (["click", "page_view", "search"] if name == "type" else ["page_view"])
    return Counter(getattr(event, name) for event in events if selection.includes(event) and event.type in types)


def check_entries(found: dict[str, Any], events: list[Event], current: Selection, previous: Selection) -> None:
    entries = [
        Counter(run[0].path for run in slow_visits(events) if selection.includes_visit(run))
        for selection in (current, previous)
    ]
    assert {row["value"]: row["visits"] for row in found["rows"]} == entries[0]
    for row in found["rows"]:
        assert row["previous"]["visits"] == entries[1][row["value"]]


@FEW
@given(
    data=st.data(), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    minutes=st.integers(1, 4 * 1440),
)  # fmt: skip
def test_reports_on_a_period_that_cuts_days_count_what_lies_in_it(
    half_merged: Any, client: FlaskClient, token: Any, auth: Any, sql: Any, data: st.DataObject, start: datetime,
    zone: str, bots: bool, minutes: int,
) -> None:  # fmt: skip
    there, tz = half_merged(data.draw(sent(start)), zone), ZoneInfo(zone)
    first = start.replace(tzinfo=UTC) + timedelta(seconds=data.draw(st.integers(-3600, 86_400)))
    after = first + timedelta(minutes=minutes)
    period = f"from={first:%Y-%m-%dT%H:%M:%SZ}&to={after:%Y-%m-%dT%H:%M:%SZ}&include_bots={bots}"
    events = stored(sql, there.id)
    views = Selection([], [], bots, first, after)
    expected = slow_figures(events, views)

    def read(path: str, more: str = "&limit=1000") -> Any:
        response = client.get(f"{path}?site={there.key}&{period}{more}", headers=auth(token("read")))
        assert response.status_code == 200, response.json
        bounds = response.json["meta"]
        assert (instant(bounds["from"]), instant(bounds["to"])) == (first, after)
        return response.json

    def read_website(name: str) -> Any:
        return read(f"/api/v1/analytics/{name}/{there.key}")

    paths = count_values(events, views, "path")
    overview = read("/api/analytics/reports/overview")
    check_summary(overview | {"events": expected["events"]}, events, views)
    assert {row["value"]: row["page_views"] for row in overview["lists"]["path"]} == paths
    assert sum(day["page_views"] for day in overview["series"]) == expected["page_views"]
    for day in overview["series"]:
        of_day = [event for event in events if str(local_day(event.ts, tz)) == day["date"]]
        assert day["page_views"] == slow_figures(of_day, views)["page_views"]
    stats = read("/stats")
    assert (stats["total_views"], stats["unique_users"]) == (expected["page_views"], expected["visitors"])
    assert {row["path"]: row["views"] for row in stats["top_paths"]} == paths
    dashboard = read_website("dashboard")
    assert (dashboard["page_views"], dashboard["unique_visitors"]) == (expected["page_views"], expected["visitors"])
    assert dashboard["metrics"]["sessions"] == expected["visits"]
    daily = read_website("daily-stats")["daily_stats"]
    assert sum(day["views"] for day in daily) == expected["page_views"]
    pages = read_website("top-pages")["top_pages"]
    assert {row["page"]: row["views"] for row in pages} == paths
    hourly = read_website("hourly-stats")["hourly_stats"]
    assert sum(hour["views"] for hour in hourly) == expected["page_views"]
    custom = read_website("custom-events")
    assert custom["total_events"] == expected["events"] - expected["page_views"]
    traffic = read_website("traffic-summary")
    users = {event.user_no for event in events if views.includes(event) and event.type == "page_view"}
    before = {
        event.user_no
        for event in events
        if event.ts < first and event.type == "page_view" and (bots or not event.is_bot)
    }
    assert (traffic["new_visitors"], traffic["returning_visitors"]) == (len(users - before), len(users & before))
    dau = read("/api/analytics/reports/dau", "")
    everybody = {event.user_no for event in events if views.includes(event)}
    known = {event.user_no for event in events if event.ts < first and (bots or not event.is_bot)}
    assert (dau["dau"], dau["new"]) == (len(everybody), len(everybody - known))

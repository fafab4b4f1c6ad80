"""Comparisons of running periods, and reports on periods that cut days, against a slow count over the stored events."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.examples import examples
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
    max_examples=examples(6),
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
    first = last - timedelta(days=length - 1)
    # A range of nothing but a day that the zone skipped is refused.
    assume(compared == "previous" or clock.day_start(first, tz) < clock.day_start(last + timedelta(days=1), tz))
    compare = compared if compared == "previous" else f"{first}..{last}"
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
        if name == "entry_path" or (name == "utm_source" and found["ranked_by"] == "visits"):
            check_entries(found, happened, current, previous, name.removeprefix("entry_"))
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


def check_entries(
    found: dict[str, Any], events: list[Event], current: Selection, previous: Selection, name: str
) -> None:
    entries = [
        Counter(getattr(run[0], name) for run in slow_visits(events) if selection.includes_visit(run))
        for selection in (current, previous)
    ]
    assert {row["value"] or "": row["visits"] for row in found["rows"]} == entries[0]
    for row in found["rows"]:
        assert row["previous"]["visits"] == entries[1][row["value"] or ""]


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


NINE_52 = datetime(2026, 3, 4, 9, 52, tzinfo=UTC)


@pytest.fixture
def two_days(store: Any, engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views of Tuesday and of Wednesday, 2026-03-04, at 09:52: of Tuesday 2 before 09:00, 1 until 09:52, 2 after."""
    store([
        {"ts": f"2026-03-{at}Z", "user_id": user, "path": "/"}
        for at, user in (
            ("03T00:30:00", "ann"), ("03T08:59:59", "bob"), ("03T09:51:59", "cid"), ("03T09:52:00", "dan"),
            ("03T23:00:00", "eve"), ("04T08:00:00", "ann"), ("04T09:00:00", "fay"), ("04T09:51:00", "gil"),
        )
    ])  # fmt: skip
    merge_site(engine, site.id)
    monkeypatch.setattr(clock, "now", lambda: NINE_52)


def test_today_is_compared_with_yesterday_until_now(two_days: None, report: Report) -> None:
    for more in ("", "&filter=country!=XX"):
        found = report("summary", f"days=1&compare=previous{more}")
        assert (found["page_views"], found["previous"]["page_views"], found["change"]["page_views"]) == (3, 3, 0.0)
        assert (found["previous"]["from"], found["previous"]["to"]) == ("2026-03-03T00:00:00Z", "2026-03-03T09:52:00Z")
        assert found["meta"]["compare"]["current"] == {"from": "2026-03-04T00:00:00Z", "to": "2026-03-04T09:52:00Z"}
        assert (found["meta"]["to"], "current" in found) == ("2026-03-05T00:00:00Z", False)
        whole = report("summary", f"days=1&compare=previous&align=whole{more}")
        assert (whole["previous"]["page_views"], whole["change"]["page_views"]) == (5, -0.4)
        assert whole["meta"]["compare"]["current"] == {name: whole["meta"][name] for name in ("from", "to")}
        series = report("timeseries", f"days=1&compare=previous&granularity=hour{more}")
        hours = [(point["ts"][11:16], point["page_views"]) for point in series["previous"]["series"]]
        assert [hour for hour in hours if hour[1]] == [("00:00", 1), ("08:00", 1), ("09:00", 1)]
        assert (hours[-1], series["previous"]["series"][-1]["to"]) == (("09:00", 1), "2026-03-03T09:52:00+00:00")
        if not more:
            check_overview(report, found, whole)
        [row] = report("breakdown", f"days=1&dimension=path&compare=previous{more}")["rows"]
        assert (row["events"], row["previous"]["events"], row["previous"]["visitors"]) == (3, 3, 3)


def check_overview(report: Report, elapsed: Any, whole: Any) -> None:
    """Its totals are compared as those of the summaries are."""
    for summary, query in ((elapsed, ""), (whole, "&align=whole")):
        overview = report("overview", f"days=1&compare=previous{query}")
        series = report("timeseries", f"days=1&compare=previous{query}")["previous"]["series"]
        assert overview["previous"].pop("series") == series
        for name in ("previous", "change", "current"):
            assert overview.get(name, {}) == summary.get(name, {})
        assert overview["meta"]["compare"] == summary["meta"]["compare"]


def test_where_raw_events_are_purged_both_end_with_the_last_full_hour(two_days: None, report: Report, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-04T00:00:00Z' RETURNING 1")
    found = report("summary", "days=1&compare=previous")
    assert found["page_views"] == 3
    assert (found["current"]["page_views"], found["previous"]["page_views"]) == (1, 2)
    assert found["change"]["page_views"] == -0.5
    compared = found["meta"]["compare"]
    assert (compared["current"]["to"], compared["previous"]["to"]) == ("2026-03-04T09:00:00Z", "2026-03-03T09:00:00Z")
    assert {name: found["current"][name] for name in ("from", "to")} == compared["current"]
    check_overview(report, found, report("summary", "days=1&compare=previous&align=whole"))
    series = report("timeseries", "days=1&compare=previous")["previous"]["series"]
    assert [point["page_views"] for point in series] == [2]
    for query in ("dimension=path", "dimension=entry_path", "dimension=path&type=click"):
        problem = report("breakdown", f"days=1&{query}&compare=previous", status=400)
        assert problem["errors"][0]["field"] == "compare"
        assert "align=whole" in problem["detail"]
    [row] = report("breakdown", "days=1&dimension=path&compare=previous&align=whole")["rows"]
    assert row["previous"]["events"] == 5
    lists = "days=1&compare=previous&lists=path,entry_path"
    for part in report("overview", lists)["breakdowns"].values():
        assert not {"previous", "change"} & part["rows"][0].keys()
    [row] = report("overview", f"{lists}&align=whole")["breakdowns"]["path"]["rows"]
    assert row["previous"]["events"] == 5
    # A range that cuts an hour cannot be counted by hours.
    of_range = "compare=2026-03-02T00:30:00Z..2026-03-03T00:30:00Z"
    assert report("summary", f"days=1&{of_range}", status=400)["errors"][0]["field"] == "compare"
    assert report("summary", f"date=2026-03-04&{of_range}&align=whole", status=400)["errors"][0]["field"] == "compare"


def test_a_report_of_a_cut_day_whose_raw_events_are_purged_is_refused(
    two_days: None, client: FlaskClient, token: Any, auth: Any, report: Report, sql: Any
) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-04T00:00:00Z' RETURNING 1")
    headers = auth(token("read"))
    cut = "from=2026-03-03T08:30:00Z&to=2026-03-04T00:00:00Z"
    for name in ("dau", "overview"):
        problem = report(name, cut, status=400)
        assert (problem["errors"][0]["field"], "2026-03-04T00:00:00Z" in problem["detail"]) == ("to", True)
    # Hours are in the rollups.
    assert report("dau", "from=2026-03-03T08:00:00Z&to=2026-03-03T10:00:00Z")["dau"] == 3
    assert client.get("/stats?from=2026-03-03T08:00:00Z", headers=headers).status_code == 400
    assert client.get("/stats?from=2026-03-03", headers=headers).status_code == 200


def test_the_dashboards_of_seed_004_compare_what_has_elapsed(
    two_days: None, client: FlaskClient, token: Any, auth: Any
) -> None:
    def read(query: str) -> tuple[Any, Any]:
        responses = [
            client.get(f"/api/v1/analytics/{name}/default?{query}", headers=auth(token("read")))
            for name in ("dashboard", "traffic-summary")
        ]
        assert [response.status_code for response in responses] == [200, 200]
        return responses[0].json, responses[1].json

    dashboard, traffic = read("days=1")
    assert dashboard["comparison"]["current_period"]["page_views"] == 3
    assert dashboard["comparison"]["previous_period"]["page_views"] == 3
    assert (dashboard["comparison"]["pageview_change"], traffic["growth_rate"]) == (0.0, 0.0)
    assert dashboard["meta"]["compare"]["previous"]["to"] == "2026-03-03T09:52:00Z"
    # Of the five users of all of yesterday one came back.
    assert traffic["retention_rate"] == 20.0
    dashboard, traffic = read("days=1&align=whole")
    assert (dashboard["comparison"]["pageview_change"], traffic["growth_rate"]) == (-40.0, -40.0)
    dashboard, traffic = read("days=1&compare=2026-03-01..2026-03-01")
    assert (dashboard["comparison"]["pageview_change"], traffic["growth_rate"]) == (None, None)


def test_a_closed_period_that_is_compared_with_a_running_one_is_not_cached(two_days: None, report: Report) -> None:
    for _ in range(2):
        found = report("summary", "date=2026-03-03&compare=2026-03-04..2026-03-04")
        assert (found["page_views"], found["previous"]["page_views"]) == (5, 3)
        assert "cached" not in found["meta"]
    cached = [report("summary", "date=2026-03-03&compare=year")["meta"].get("cached") for _ in range(2)]
    assert cached == [None, True]


REFUSED = [
    ("align=whole", "align"),
    ("compare=previous&align=half", "align"),
    ("compare=week", "compare"),
    ("compare=2026-03-02..2026-03-01", "compare"),
    ("compare=1990-01-01..2026-03-01", "compare"),
]


@pytest.mark.parametrize(("query", "field"), REFUSED)
def test_a_comparison_that_is_none_is_refused(site: Site, report: Report, query: str, field: str) -> None:
    for name in ("summary", "timeseries"):
        assert report(name, f"days=1&{query}", status=400)["errors"][0]["field"] == field

"""Each part of an overview equals the report that gives it alone, for any period, zone, comparison and granularity."""

import random
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
from analytics.columnar import read
from analytics.insights.overview import from_rollups
from analytics.insights.overview.overview import TOP_LIST_DIMENSIONS
from analytics.insights.overview.schemas import LISTS, SiteOverviewResponse
from analytics.reports.query.measures import MEASURES
from analytics.reports.query.schemas import BREAKDOWN_DIMENSIONS
from analytics.rollups import rows
from analytics.rollups.cardinality import DEFAULT_LIMITS, OTHER, apply_limits
from analytics.rollups.merge import merge_site
from analytics.rollups.visits import rollups as visit_rollups
from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import make_site
from tests.reports.brute_force import BOT, STARTS, ZONES
from tests.reports.query.test_brute_force import FILTERS, sent, slow_visits, stored

Report = Callable[..., Any]
FEW = settings(
    max_examples=examples(20),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
GOALS: list[dict[str, Any]] = [
    {"name": "a type", "type": "click"},
    {"name": "b path", "path": "/blog"},
    {"name": "c path of type", "type": "click", "path": "/shop"},
    {"name": "d pattern", "path": "/blog*"},
    {"name": "e filter", "type": "search", "filter": "payload.plan==pro"},
    {"name": "f never", "type": "order"},
]
WHO = ("conversions", "users", "active_users", "rate")


class Drawn:
    """A random request in parts: of the site and period, and of the lists."""

    def __init__(self, draw: Any, start: datetime, zone: str) -> None:
        self.first = start.date() + timedelta(days=draw(st.integers(-1, 3)))
        self.now = start.replace(tzinfo=UTC) + timedelta(seconds=draw(st.integers(86_400, 6 * 86_400)))
        self.zone = draw(st.sampled_from([None, None, None, *ZONES])) or zone
        self.unit = draw(st.sampled_from(["hour", "day", "week", "month"]))
        self.filter = draw(st.lists(st.sampled_from(FILTERS), max_size=2, unique=True) | st.just([]))
        self.dimensions = draw(st.lists(st.sampled_from(BREAKDOWN_DIMENSIONS), min_size=1, max_size=15, unique=True))
        self.bots = draw(st.booleans())
        self.period = draw(st.sampled_from(self._periods(start)))
        self.compare = draw(st.sampled_from(self._comparisons()))
        self.limit = draw(st.sampled_from(["", "&limit=1", "&limit=2"]))
        measures = draw(st.lists(st.sampled_from(MEASURES), max_size=7, unique=True))
        self.rows = self.limit + (f"&measures={','.join(measures)}" if measures else "")

    def _periods(self, start: datetime) -> list[str]:
        last, times = self.first + timedelta(days=2), "T07:20:05Z"
        return [
            *(f"days={n}" for n in (1, 2, 9, 30)), "hours=5", "hours=30", f"date={self.first}",
            f"from={self.first}&to={last}", f"from={self.first}{times}&to={last}{times}",
            f"from={self.first}{times}&to={self.first}T07:40:00Z", f"from={start.date()}",
        ]  # fmt: skip

    def _comparisons(self) -> list[str]:
        earlier = self.first - timedelta(days=2)
        kinds = ["previous", "year", f"{earlier}..{self.first}", f"{earlier}T03:10:00Z..{self.first}T04:00:00Z"]
        return ["", *(f"&compare={kind}{align}" for kind in kinds for align in ("", "&align=whole"))]

    def query(self, site: Site) -> str:
        zone = "" if self.zone == site.zone else f"&zone={self.zone}"
        filters = f"&filter={';'.join(one.text for one in self.filter)}" if self.filter else ""
        return f"site={site.key}&{self.period}&include_bots={self.bots}{zone}{filters}"


@pytest.fixture
def with_goals(
    engine: Engine, store: Any, client: FlaskClient, token: Any, auth: Any
) -> Callable[[str, list[dict[str, Any]]], Site]:
    """`with_goals(zone, events)`: a new site with GOALS and the events, half of which wait for their merge."""

    def make(zone: str, events: list[dict[str, Any]]) -> Site:
        there, headers = make_site(engine, zone), auth(token("read write"))
        half = len(events) // 2
        store(events[:half], site_id=there.id, site_key=there.key)
        merge_site(engine, there.id)
        store(events[half:], site_id=there.id, site_key=there.key)
        for body in GOALS:
            assert client.post(f"/api/analytics/goals?site={there.key}", json=body, headers=headers).status_code == 201
        return there

    return make


@FEW
@given(data=st.data(), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES))
def test_each_part_equals_the_report_that_gives_it_alone(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, with_goals: Any, report: Report, data: st.DataObject,
    start: datetime, zone: str,
) -> None:  # fmt: skip
    asked = Drawn(data.draw, start, zone)
    there = with_goals(zone, data.draw(sent(start)))
    if asked.filter or asked.zone != zone:
        # Raw events have visits when they are merged.
        merge_site(engine, there.id)
    query = asked.query(there)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: asked.now)
        lists = ",".join((*asked.dimensions, "goals"))
        bundle = report("overview", f"{query}{asked.compare}&granularity={asked.unit}&lists={lists}{asked.rows}")
        summary = report("summary", query + asked.compare)
        series = report("timeseries", f"{query}{asked.compare}&granularity={asked.unit}")
        single = {
            name: report("breakdown", f"{query}{asked.compare}&dimension={name}{asked.rows}")
            for name in asked.dimensions
        }
        converted = [report("goal", f"{query}{goal_parameters(goal)}") for goal in GOALS]
    check_figures(bundle, summary)
    assert (bundle["granularity"], bundle["series"]) == (asked.unit, series["series"])
    assert bundle.get("previous", {}).get("series") == series.get("previous", {}).get("series")
    for name, found in single.items():
        assert bundle["breakdowns"][name] == {part: value for part, value in found.items() if part != "meta"}
    assert list(bundle["breakdowns"]) == asked.dimensions
    check_goals(bundle["goals"], converted)
    assert "lists" not in bundle


def goal_parameters(goal: dict[str, Any]) -> str:
    names = {"type": "type", "path": "path", "filter": "goal_filter"}
    return "".join(f"&{names[name]}={value}" for name, value in goal.items() if name in names)


def check_figures(bundle: dict[str, Any], summary: dict[str, Any]) -> None:
    """All of a summary; its `meta` too."""
    parts = {name: dict(value) if name == "previous" else value for name, value in bundle.items()}
    parts.get("previous", {}).pop("series", None)
    assert {name: parts.get(name) for name in summary} == summary
    assert ("previous" in bundle, "current" in bundle) == ("previous" in summary, "current" in summary)


def check_goals(goals: list[dict[str, Any]], reports: list[dict[str, Any]]) -> None:
    """Also those with a pattern or a filter, which rollups do not have."""
    assert [goal["name"] for goal in goals] == [goal["name"] for goal in GOALS]
    assert [[goal[name] for name in WHO] for goal in goals] == [[found[name] for name in WHO] for found in reports]


def many_events(seed: int, start: datetime) -> list[dict[str, Any]]:
    """Of nine users within the first hour and half of two days."""
    drawn = random.Random(seed)
    seconds = drawn.sample(range(5_400), 60)
    return [
        {
            "ts": (start.replace(tzinfo=UTC) + timedelta(days=drawn.randrange(2), seconds=second)).isoformat(),
            "user_id": drawn.choice("abcdefghi"), "type": drawn.choice(["page_view"] * 3 + ["click"]),
            "path": drawn.choice(["/", "/blog", "/shop"]), "hostname": drawn.choice(["a.example", "b.example"]),
            "utm_source": drawn.choice(["", "news", "mail"]), "country": drawn.choice(["", "DE", "FR"]),
            "user_agent": drawn.choice([None, None, None, BOT]),
        }
        for second in seconds
    ]  # fmt: skip


@FEW
@given(
    seed=st.integers(0, 10_000), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    dimensions=st.lists(st.sampled_from(BREAKDOWN_DIMENSIONS), max_size=10),
)  # fmt: skip
def test_busy_parts_of_days_are_compared_as_in_a_breakdown(
    monkeypatch: pytest.MonkeyPatch, with_goals: Any, report: Report, seed: int, start: datetime, zone: str, bots: bool,
    dimensions: list[str],
) -> None:  # fmt: skip
    """All events are compared with those without the first and the last 30 minutes. Half of them wait for their merge,
    and every part of a day is busy."""
    first, there = start.date(), with_goals(zone, many_events(seed, start))
    chosen = list(dict.fromkeys(["path", "utm_source", "exit_path", *dimensions]))
    query = f"site={there.key}&from={first - timedelta(days=1)}&to={first + timedelta(days=2)}&include_bots={bots}"
    query += f"&compare={first}T00:30:00Z..{first + timedelta(days=1)}T01:00:00Z"
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: start.replace(tzinfo=UTC) + timedelta(days=9))
        patch.setattr(from_rollups, "MAX_CUT_EVENTS", -1)
        bundle = report("overview", f"{query}&lists={','.join(chosen)}")
        single = {name: report("breakdown", f"{query}&dimension={name}") for name in chosen}
    for name, found in single.items():
        assert bundle["breakdowns"][name] == {part: value for part, value in found.items() if part != "meta"}


@FEW
@given(data=st.data(), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES))
def test_busiest_hours_equal_a_slow_count(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, with_goals: Any, report: Report, sql: Any, data: st.DataObject,
    start: datetime, zone: str,
) -> None:  # fmt: skip
    asked = Drawn(data.draw, start, zone)
    there = with_goals(zone, data.draw(sent(start)))
    merge_site(engine, there.id)
    asked.filter = []
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: asked.now)
        bundle = report("overview", f"{asked.query(there)}&lists=busiest_hours")
    events = [event for event in stored(sql, there.id) if asked.bots or not event.is_bot]
    within = [datetime.fromisoformat(bundle["meta"][name]) for name in ("from", "to")]
    views = [event.ts for event in events if event.type == "page_view"]
    began = [run[0].ts for run in slow_visits(events)]
    for name, instants in (("page_views", views), ("visits", began)):
        grid = [[0] * 24 for _ in range(7)]
        for instant in instants:
            if within[0] <= instant < within[1]:
                weekday, hour = local_hour(instant, ZoneInfo(asked.zone))
                grid[weekday][hour] += 1
        assert bundle["busiest_hours"][name] == grid
    assert bundle["breakdowns"] == {}


def local_hour(instant: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """The weekday, and the clock's hour when the hour of the day began, counted from midnight."""
    local = instant.astimezone(zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone).astimezone(UTC)
    full_hours = (instant - midnight) // timedelta(hours=1)
    return local.weekday(), (midnight + full_hours * timedelta(hours=1)).astimezone(zone).hour


DAY = "2026-03-02"


@pytest.mark.usefixtures("site")
def test_without_lists_the_answer_has_the_twelve_lists_and_no_breakdowns(report: Report) -> None:
    bundle = report("overview", f"date={DAY}")
    assert list(bundle["lists"]) == list(TOP_LIST_DIMENSIONS)
    assert not {"breakdowns", "goals", "busiest_hours"} & bundle.keys()


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(("query", "field", "said"), [
    ("lists=path,plan", "lists", "'plan' is unknown; accepted: path,"),
    ("lists=", "lists", "'' is unknown"),
    (f"lists={','.join(LISTS[:18])}", "lists", "18 names are too many; accepted: up to 17"),
    ("measures=visits,exit_rate", "measures", "'exit_rate' is unknown"),
    ("granularity=hour&days=40", "days", "up to 31 days by hour"),
    ("scope=session", "scope", "'session' is not known; accepted: visit, event"),
    ("scope=event&filter=entry_path==/", "scope", "entry_path is a field of visits"),
    ("align=whole", "align", "needs compare"),
])  # fmt: skip
def test_what_an_overview_does_not_have_is_refused(report: Report, query: str, field: str, said: str) -> None:
    [error] = report("overview", query, 400)["errors"]
    assert error["field"] == field
    assert said in error["detail"]


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_values_without_a_row_of_their_own_are_other_and_no_value(
    engine: Engine, store: Any, site: Site, report: Report, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Six pages and sources with 2, 1, 1, 1, 1, 1 visits, of which the rollups keep three by name."""
    monkeypatch.setattr(rows.add, "__defaults__", (DEFAULT_LIMITS._replace(values=3),))
    monkeypatch.setattr(visit_rollups, "MAX_VALUES", 3)
    views = [(user, f"/{n}") for n, user in enumerate("abcdef")] + [("g", "/0")]
    store({"user_id": user, "ts": f"{DAY}T10:00:00Z", "path": path, "utm_source": path} for user, path in views)
    merge_site(engine, site.id)
    lists = report("overview", f"date={DAY}&lists=path,utm_source&limit={limit}")["breakdowns"]
    for name, found in lists.items():
        single = report("breakdown", f"date={DAY}&dimension={name}&limit={limit}")
        assert found == {part: value for part, value in single.items() if part != "meta"}
        assert (found["total"], found["value_count"]) == (7, 3)
        shown = [row["events"] or row["visits"] for row in found["rows"]]
        assert shown == [2, 1, 1][:limit]
        assert found["other"]["amount"] == 7 - sum(shown)
        assert (found["next_cursor"] is None) == (limit >= 3)
    # The short lists of before show the rest as one of their values.
    assert report("overview", f"date={DAY}&limit=1")["lists"]["path"][0] == {
        "value": OTHER, "page_views": 3, "visitors": 3, "visits": None,
    }  # fmt: skip


@pytest.mark.parametrize("period", [f"date={DAY}", f"from={DAY}T07:30:00Z&to={DAY}T12:30:00Z"], ids=["day", "part"])
@pytest.mark.parametrize("is_merged", [True, False], ids=["merged", "unmerged"])
def test_hours_are_no_values_that_a_limit_counts(
    engine: Engine,
    store: Any,
    site: Site,
    report: Report,
    monkeypatch: pytest.MonkeyPatch,
    period: str,
    is_merged: bool,
) -> None:
    """A visit in each of five hours, where lists keep two values by name."""
    limits = DEFAULT_LIMITS._replace(values=2)
    monkeypatch.setattr(rows.add, "__defaults__", (limits,))
    monkeypatch.setattr(apply_limits, "__defaults__", (limits,))
    monkeypatch.setattr(visit_rollups, "MAX_VALUES", 2)
    hours = range(8, 13)
    store({"user_id": f"u{hour}", "ts": f"{DAY}T{hour:02}:10:00Z", "path": "/"} for hour in hours)
    if is_merged:
        merge_site(engine, site.id)
    grids = report("overview", f"{period}&lists=busiest_hours")["busiest_hours"]
    for grid in grids.values():
        assert [hour for day in grid for hour, count in enumerate(day) if count] == list(hours)
        assert sum(map(sum, grid)) == 5


def test_rates_of_lists_by_hand(engine: Engine, store: Any, site: Site, report: Report) -> None:
    """Ann bounces; bob looks at two pages within a minute."""
    seen = [("ann", "10:00", "/a"), ("bob", "11:00", "/a"), ("bob", "11:01", "/b")]
    store({"user_id": user, "ts": f"{DAY}T{time}:00Z", "path": path} for user, time, path in seen)
    merge_site(engine, site.id)
    query = f"date={DAY}&compare=previous&lists=entry_path,path&measures=visits,bounce_rate,avg_visit_duration_s"
    lists = report("overview", query)["breakdowns"]
    [row] = lists["entry_path"]["rows"]
    figures = {"visits": 2, "bounce_rate": 0.5, "avg_visit_duration_s": 30.0}
    assert {name: row[name] for name in row if name not in ("previous", "change")} == {
        "value": "/a", "share": 1.0, **figures,
    }  # fmt: skip
    assert row["previous"] == {"visits": 0, "bounce_rate": None, "avg_visit_duration_s": None}
    assert row["change"] == dict.fromkeys(figures)
    assert [row["bounce_rate"] for row in lists["path"]["rows"]] == [None, None]


def test_a_changed_goal_is_counted_anew_on_days_that_are_over(
    store: Any, site: Site, report: Report, client: FlaskClient, token: Any, auth: Any
) -> None:
    headers = auth(token("read write"))
    store([{"ts": f"{DAY}T10:00:00Z", "type": kind} for kind in ("order", "order", "signup", "page_view")])
    made = client.post("/api/analytics/goals", json={"name": "Goal", "type": "order"}, headers=headers).json
    for _ in range(2):
        bundle = report("overview", f"date={DAY}&lists=goals")
        assert bundle["goals"] == [
            {"id": made["id"], "name": "Goal", "conversions": 2, "users": 1, "active_users": 1, "rate": 1.0}
        ]
    assert bundle["meta"]["cached"] is True
    client.patch(f"/api/analytics/goals/{made['id']}", json={"type": "signup"}, headers=headers)
    assert report("overview", f"date={DAY}&lists=goals")["goals"][0]["conversions"] == 1


def test_the_examples_and_answers_match_the_schema(store: Any, site: Site, report: Report) -> None:
    store([{"ts": f"{DAY}T10:00:00Z", "path": "/a"}])
    for query in ("", f"&lists={','.join(LISTS[:15])},goals,busiest_hours&compare=year&measures=visits,bounce_rate"):
        assert SiteOverviewResponse().validate(report("overview", f"date={DAY}{query}")) == {}


@pytest.mark.parametrize("is_merged", [False, True])
@pytest.mark.parametrize(("limit", "has_columns", "previous"), [
    (3, True, 2), (3, False, 2), (2, True, 2), (2, False, None),
])  # fmt: skip
def test_rows_are_compared_with_a_busy_part_of_a_day_in_columns(
    at_noon: None, engine: Engine, store: Any, site: Site, report: Report, monkeypatch: pytest.MonkeyPatch,
    is_merged: bool, limit: int, has_columns: bool, previous: int | None,
) -> None:  # fmt: skip
    """At 12:30, yesterday had three events, one of them a bot's; the fourth came later."""
    times = ["2026-03-18T01:10:00Z", "2026-03-18T12:29:00Z", "2026-03-18T12:31:00Z", "2026-03-19T08:00:00Z"]
    store({"ts": ts, "path": "/"} for ts in times)
    store([{"ts": "2026-03-18T05:00:00Z", "user_agent": "Googlebot/2.1"}])
    if is_merged:
        merge_site(engine, site.id)
    monkeypatch.setattr(from_rollups, "MAX_CUT_EVENTS", limit)
    if not has_columns:
        # More events than that are in no file.
        monkeypatch.setattr(read, "MOST_LOOSE_EVENTS", 0)
    query = "days=1&compare=previous&lists=path,source"
    bundle = report("overview", query)
    assert bundle["previous"]["page_views"] == 2
    [page], [source] = (bundle["breakdowns"][name]["rows"] for name in ("path", "source"))
    assert page.get("previous", {}).get("events") == previous
    # Both page views are visits of their own.
    assert source.get("previous", {}).get("visits") == previous
    assert ("change" in source) == (previous is not None)
    # Whole days are compared in any case.
    [page] = report("overview", f"{query}&align=whole")["breakdowns"]["path"]["rows"]
    assert page["previous"]["events"] == 3


@pytest.mark.parametrize(("refused", "figures"), [
    ("", [3, 2, 2, 1.0]), ("in no file", [None] * 4), ("purged", [None] * 4),
])  # fmt: skip
def test_goals_that_rollups_do_not_hold_are_counted_in_columns(
    sql: Any, store: Any, site: Site, report: Report, client: FlaskClient, token: Any, auth: Any,
    monkeypatch: pytest.MonkeyPatch, refused: str, figures: list[Any],
) -> None:  # fmt: skip
    """Ann and bob order three times as pro, ann once as free. Goals of rollups have their figures in any case."""
    orders = [("ann", "pro"), ("bob", "pro"), ("ann", "pro"), ("ann", "free")]
    store(
        {"ts": f"{DAY}T10:00:00Z", "type": "order", "user_id": user, "payload": {"plan": plan}} for user, plan in orders
    )
    for body in ({"name": "a", "type": "order"}, {"name": "b", "type": "order", "filter": "payload.plan==pro"}):
        assert client.post("/api/analytics/goals", json=body, headers=auth(token("read write"))).status_code == 201
    if refused == "in no file":
        monkeypatch.setattr(read, "MOST_LOOSE_EVENTS", 0)
    if refused == "purged":
        sql("UPDATE sites SET raw_since = '2026-03-02T00:00:01Z' RETURNING 1")
    plain, filtered = report("overview", f"date={DAY}&lists=goals")["goals"]
    assert [plain[name] for name in WHO] == [4, 2, 2, 1.0]
    assert [filtered[name] for name in WHO] == figures


def test_figures_that_columns_could_not_give_are_there_as_soon_as_they_can(
    store: Any, site: Site, report: Report, client: FlaskClient, token: Any, auth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store([{"ts": f"{DAY}T10:00:00Z", "type": "order", "payload": {"plan": plan}} for plan in ("pro", "free")])
    body, query = {"name": "a", "type": "order", "filter": "payload.plan==pro"}, f"date={DAY}&lists=goals"
    assert client.post("/api/analytics/goals", json=body, headers=auth(token("read write"))).status_code == 201
    with monkeypatch.context() as patched:
        patched.setattr(read, "MOST_LOOSE_EVENTS", 0)
        assert report("overview", query)["goals"][0]["conversions"] is None
    for is_cached in (False, True):
        bundle = report("overview", query)
        assert (bundle["goals"][0]["conversions"], bundle["meta"].get("cached", False)) == (1, is_cached)


@pytest.mark.parametrize("lists", ["payload.plan,payload.Plan", "payload.Plan,payload.plan"])
def test_properties_that_differ_in_the_case_of_a_letter_are_two(store: Any, report: Report, lists: str) -> None:
    payloads = [{"plan": "free", "Plan": "x"}, {"Plan": "y"}]
    store([{"ts": "2026-03-02T10:00:00Z", "path": "/", "payload": payload} for payload in payloads])
    found = report("overview", f"date=2026-03-02&filter=path==/&lists={lists}")["breakdowns"]
    shown = {name: {row["value"]: row["events"] for row in part["rows"]} for name, part in found.items()}
    assert shown == {"payload.plan": {"free": 1}, "payload.Plan": {"x": 1, "y": 1}}


def test_segments_are_conditions_in_filters_and_in_goals(
    store: Any, site: Site, report: Report, client: FlaskClient, token: Any, auth: Any
) -> None:
    headers = auth(token("read write"))
    store([{"ts": f"{DAY}T10:00:00Z", "type": "order", "payload": {"plan": plan}} for plan in ("pro", "pro", "free")])
    for path, body in (
        ("segments", {"name": "pro", "filter": "payload.plan==pro"}),
        ("goals", {"name": "Goal", "type": "order", "filter": "segment:pro"}),
    ):
        assert client.post(f"/api/analytics/{path}", json=body, headers=headers).status_code == 201
    for filtered, events in (("type==order", 3), ("segment:pro", 2)):
        bundle = report("overview", f"date={DAY}&lists=goals&filter={filtered}")
        assert (bundle["events"], bundle["goals"][0]["conversions"]) == (events, 2)
    assert bundle["meta"]["filter"] == "segment:pro"

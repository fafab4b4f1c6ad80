"""Query reports against a slow count in Python over the stored events, and rollups against raw events."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import make_site
from tests.reports.brute_force import BOT, STARTS, ZONES, local_day

Report = Callable[..., Any]
DAY, GAP = timedelta(days=1), timedelta(minutes=30)
PATHS = ["/", "/blog", "/blog/a%", "/shop"]


class Event(NamedTuple):
    ts: datetime
    user_no: int
    session: str
    is_bot: bool
    type: str
    path: str
    utm_source: str
    plan: str


class Filter(NamedTuple):
    """A condition as text and as a Python predicate; `is_own`: it is about a field of visits."""

    text: str
    meets: Callable[[Event], bool]
    is_own: bool = False


FILTERS = [
    Filter("utm_source==news", lambda event: event.utm_source == "news", True),
    Filter("utm_source!=news|", lambda event: event.utm_source not in ("news", ""), True),
    Filter("path=^/blog", lambda event: event.path.startswith("/blog")),
    Filter("path!~%25", lambda event: "%" not in event.path),
    Filter("payload.plan!=free", lambda event: event.plan != "free"),
    Filter("payload.plan==pro|", lambda event: event.plan in ("pro", "")),
    Filter("type==click|page_view", lambda event: event.type in ("click", "page_view")),
]


@st.composite
def sent(draw: st.DrawFn, start: datetime) -> list[dict[str, Any]]:
    """Events of five days, some of them minutes apart; no two at the same time, so each visit has one first view."""
    seconds = st.integers(0, 5 * 86_400 - 1) | st.integers(0, 7200)
    events = []
    for after_s in draw(st.lists(seconds, min_size=1, max_size=30, unique=True)):
        event = {
            "ts": (start.replace(tzinfo=UTC) + timedelta(seconds=after_s)).isoformat(),
            "user_id": draw(st.sampled_from("abc")),
            "type": draw(st.sampled_from(["page_view", "page_view", "page_view", "click", "search"])),
            "path": draw(st.sampled_from(PATHS)),
        }
        for name, values in {"session_id": ["s", "t"], "utm_source": ["news"], "user_agent": [BOT]}.items():
            if draw(st.integers(0, 2)) == 0:
                event[name] = draw(st.sampled_from(values))
        if draw(st.booleans()):
            event["payload"] = {"plan": draw(st.sampled_from(["free", "pro"]))}
        events.append(event)
    return events


def stored(sql: Any, site_id: int) -> list[Event]:
    columns = "ts, user_no, coalesce(session_id, ''), is_bot, type, path, coalesce(utm_source, ''), payload"
    rows = sql(f"SELECT {columns} FROM events WHERE site_id = :site_id ORDER BY ts", site_id=site_id)
    return [Event(*row[:-1], (row[-1] or {}).get("plan", "")) for row in rows]


def slow_visits(events: list[Event]) -> Iterator[list[Event]]:
    """Runs of one user's page views in a session, without a gap of more than half an hour."""
    runs: dict[Any, list[list[Event]]] = {}
    for event in events:
        if event.type == "page_view":
            user_runs = runs.setdefault((event.user_no, event.session, event.is_bot), [])
            if not user_runs or event.ts - user_runs[-1][-1].ts > GAP:
                user_runs.append([])
            user_runs[-1].append(event)
    return (run for user_runs in runs.values() for run in user_runs)


def run_of(event: Event, runs: list[list[Event]]) -> list[Event] | None:
    """The visit of which the event is a part, up to half an hour after the last view."""
    for run in runs:
        if run[0][1:4] == event[1:4] and run[0].ts <= event.ts <= run[-1].ts + GAP:
            return run
    return None


class Selection(NamedTuple):
    filters: list[Filter]
    types: list[str]
    bots: bool
    start: datetime
    end: datetime

    def includes(self, event: Event, run: list[Event] | None = None) -> bool:
        """`run`: the visit that the event is in, whose first view decides of its own fields."""
        inside = self.start <= event.ts < self.end and (self.bots or not event.is_bot)
        return inside and all(one.meets(run[0] if run and one.is_own else event) for one in self.filters)

    def select(self, events: list[Event]) -> list[Event]:
        runs = list(slow_visits(events))
        return [event for event in events if self.includes(event, run_of(event, runs))]

    def includes_visit(self, run: list[Event]) -> bool:
        own, others = ([one for one in self.filters if one.is_own is is_own] for is_own in (True, False))
        began = self.start <= run[0].ts < self.end and (self.bots or not run[0].is_bot)
        views = [view for view in run if self.start <= view.ts < self.end]
        return (
            began
            and all(one.meets(run[0]) for one in own)
            and any(all(one.meets(view) for one in others) for view in views)
        )


def slow_figures(events: list[Event], selection: Selection) -> dict[str, int]:
    selected = selection.select(events)
    return {
        "events": len([event for event in selected if not selection.types or event.type in selection.types]),
        "page_views": len([event for event in selected if event.type == "page_view"]),
        "visitors": len({event.user_no for event in selected if event.type in (selection.types or ["page_view"])}),
        "visits": len([run for run in slow_visits(events) if selection.includes_visit(run)]),
    }


def check_summary(summary: dict[str, Any], events: list[Event], selection: Selection) -> None:
    assert {name: summary[name] for name in ("events", "page_views", "visitors", "visits")} == slow_figures(
        events, selection
    )
    runs = [run for run in slow_visits(events) if selection.includes_visit(run)]
    if runs:
        seconds = sum((run[-1].ts - run[0].ts).total_seconds() for run in runs)
        assert summary["bounce_rate"] == round(len([run for run in runs if len(run) == 1]) / len(runs), 4)
        is_whole = all(one.is_own for one in selection.filters)
        assert summary["views_per_visit"] == (round(sum(map(len, runs)) / len(runs), 4) if is_whole else None)
        assert summary["avg_visit_duration_s"] == round(seconds / len(runs), 4)


def unit_of(day: date, unit: str) -> Any:
    return {"hour": day, "day": day, "week": day.isocalendar()[:2], "month": (day.year, day.month)}[unit]


def check_series(
    series: list[dict[str, Any]], unit: str, zone: ZoneInfo, events: list[Event], selection: Selection
) -> None:
    """Buckets have no gaps, and events of one hour, day, week or month are never in two buckets."""
    edges = [datetime.fromisoformat(point["ts"]) for point in series] + [selection.end]
    assert edges == sorted(edges)
    assert edges[0] == selection.start
    for point, start, end in zip(series, edges[:-1], edges[1:], strict=True):
        assert datetime.fromisoformat(point["to"]) == end
        within = selection._replace(start=start, end=end)
        events_in = slow_figures(events, within)
        assert {name: point[name] for name in ("events", "page_views", "visitors")} == {
            name: events_in[name] for name in ("events", "page_views", "visitors")
        }
        days = {local_day(event.ts, zone) for event in events if start <= event.ts < end}
        assert {unit_of(day, unit) for day in days} <= {unit_of(date.fromisoformat(point["date"]), unit)}
        if unit == "hour":
            assert end - start <= timedelta(hours=1)


def check_rows(breakdown: dict[str, Any], events: list[Event], selection: Selection, name: str) -> None:
    types = selection.types or (["click", "page_view", "search"] if name == "type" else ["page_view"])
    selected = [event for event in selection.select(events) if event.type in types]
    counts = Counter(getattr(event, name) for event in selected)
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    users = {value: {event.user_no for event in selected if getattr(event, name) == value} for value in counts}
    rows = [(row["value"] or "", row["events"], row["visitors"]) for row in breakdown["rows"]]
    assert rows == [(value, counts[value], len(users[value])) for value in ranked]


def check_visit_rows(breakdown: dict[str, Any], events: list[Event], selection: Selection) -> None:
    """Sources of visits, of page views that only fields of visits filter: visits count, by the first view."""
    runs = [run for run in slow_visits(events) if selection.includes_visit(run)]
    by_value = {
        value: [run for run in runs if run[0].utm_source == value] for value in {run[0].utm_source for run in runs}
    }
    expected = [
        (value, None, len(found), len({run[0].user_no for run in found}), sum(map(len, found)))
        for value, found in sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    names = ("events", "visits", "visitors", "page_views")
    assert [(row["value"] or "", *(row[name] for name in names)) for row in breakdown["rows"]] == expected


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), other_zone=st.sampled_from(ZONES),
    filters=st.lists(st.sampled_from(FILTERS), max_size=3, unique=True), bots=st.booleans(),
    types=st.sampled_from([[], ["click"], ["click", "page_view"]]), by_instants=st.booleans(),
)  # fmt: skip
def test_query_reports_equal_a_slow_count(
    engine: Engine, store: Any, report: Report, sql: Any, site: Site, data: st.DataObject, start: datetime, zone: str,
    other_zone: str, filters: list[Filter], bots: bool, types: list[str], by_instants: bool,
) -> None:  # fmt: skip
    there = make_site(engine, zone)
    store(data.draw(sent(start)), site_id=there.id, site_key=there.key)
    merge_site(engine, there.id)
    events = stored(sql, there.id)
    filter_text = ";".join(one.text for one in filters)
    of = f"site={there.key}&include_bots={bots}&zone={other_zone}" + "".join(f"&type={kind}" for kind in types)
    of += f"&filter={filter_text}" if filters else ""
    first = start.date() + data.draw(st.integers(-1, 3)) * DAY
    if by_instants:
        begins = datetime(first.year, first.month, first.day, 7, 20, 5, tzinfo=UTC)
        selection = Selection(filters, types, bots, begins, begins + timedelta(hours=53))
        of += f"&from={selection.start.isoformat()}&to={selection.end.isoformat()}".replace("+", "%2B")
    else:
        of += f"&from={first}&to={first + 2 * DAY}"
        meta = report("summary", of)["meta"]
        selection = Selection(filters, types, bots, *(datetime.fromisoformat(meta[name]) for name in ("from", "to")))
        for event in events:
            is_inside = first <= local_day(event.ts, ZoneInfo(other_zone)) <= first + 2 * DAY
            assert is_inside == (selection.start <= event.ts < selection.end)
    check_summary(report("summary", of), events, selection)
    for unit in ("hour", "day", "week", "month"):
        series = report("timeseries", f"{of}&granularity={unit}")["series"]
        check_series(series, unit, ZoneInfo(other_zone), events, selection)
    for name in ("path", "utm_source", "type"):
        breakdown = report("breakdown", f"{of}&dimension={name}")
        if name == "utm_source" and not types and all(one.is_own for one in filters):
            check_visit_rows(breakdown, events, selection)
        else:
            check_rows(breakdown, events, selection, name)


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(), start=st.sampled_from(STARTS), bots=st.booleans(),
    filters=st.sampled_from([
        "utm_source==news", "utm_source!=news", "entry_path=^/blog", "exit_path==/|/shop;utm_source==", "browser==",
        "path==/shop&scope=visit", "type==click;path!=/&scope=visit", "type!=click&scope=visit",
        "payload.plan==pro;entry_path!=/&scope=visit",
    ]),
)  # fmt: skip
def test_the_figures_of_one_response_are_of_the_same_visits(
    engine: Engine, store: Any, report: Report, site: Site, data: st.DataObject, start: datetime, bots: bool,
    filters: str,
) -> None:  # fmt: skip
    there = make_site(engine, "UTC")
    store(data.draw(sent(start)), site_id=there.id, site_key=there.key)
    merge_site(engine, there.id)
    of = f"site={there.key}&from={start.date() - DAY}&to={start.date() + 7 * DAY}&include_bots={bots}&filter={filters}"
    summary, by_path, by_source, by_entry = (
        report(*one)
        for one in (
            ("summary", of),
            *(("breakdown", f"{of}&limit=1000&dimension={name}") for name in ("path", "utm_source", "entry_path")),
        )
    )
    assert {one["meta"]["scope"] for one in (summary, by_path, by_source, by_entry)} == {"visit"}
    assert by_source["total"] == by_entry["total"] == summary["visits"]
    assert by_path["total"] == summary["page_views"] == sum(row["page_views"] for row in by_source["rows"])
    if summary["visits"]:
        assert summary["views_per_visit"] == round(summary["page_views"] / summary["visits"], 4)


@settings(max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(), start=st.sampled_from(STARTS), zone=st.sampled_from(ZONES), bots=st.booleans(),
    types=st.sampled_from([[], ["click"], ["click", "page_view"]]),
)  # fmt: skip
def test_rollups_and_raw_events_give_the_same_report(
    engine: Engine, store: Any, report: Report, site: Site, data: st.DataObject, start: datetime, zone: str, bots: bool,
    types: list[str],
) -> None:  # fmt: skip
    there = make_site(engine, zone)
    store(data.draw(sent(start)), site_id=there.id, site_key=there.key)
    merge_site(engine, there.id)
    first = start.date() + data.draw(st.integers(-1, 4)) * DAY
    of = f"site={there.key}&include_bots={bots}&compare=previous&from={first}&to={first + data.draw(st.integers(0, 3)) * DAY}"
    of += "".join(f"&type={kind}" for kind in types)
    reports = [("summary", "")] + [("timeseries", f"&granularity={unit}") for unit in ("hour", "day", "week", "month")]
    names = ("path", "utm_source", "browser", "type", "entry_path", "exit_path", "subject", "country", "region")
    for name, more in reports + [("breakdown", f"&limit=2&dimension={name}") for name in names]:
        quick, slow = (report(name, of + more + extra) for extra in ("", "&filter=country!=XX"))
        assert (quick.pop("meta")["source"], slow.pop("meta")["source"]) == ("rollup", "raw")
        assert quick == slow, more

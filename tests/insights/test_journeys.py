"""Journeys: by hand, and against a slow walk through the stored events."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics.sites import Site
from tests.insights.slow import DAY, GAP, START, Event, make_site, sent, stored

Report = Callable[..., Any]
Path = tuple[str, ...]


def walk(*minutes_and_paths: tuple[int, str], user: str = "ann", **more: Any) -> list[dict[str, Any]]:
    at = datetime.fromisoformat("2026-03-02T10:00:00Z")
    return [
        {"user_id": user, "ts": (at + timedelta(minutes=minutes)).isoformat(), "path": path, **more}
        for minutes, path in minutes_and_paths
    ]


def shown(found: dict[str, Any]) -> list[tuple[list[str], int, int]]:
    return [
        ([next(iter(step.values())) for step in one["steps"]], one["visits"], one["users"]) for one in found["journeys"]
    ]


def test_the_ways_on_from_a_page(store: Any, report: Report) -> None:
    store(walk((0, "/"), (1, "/a"), (2, "/a"), (3, "/b"), (40, "/"), (50, "/a"), (55, "/b")))
    store(walk((0, "/x"), (1, "/a"), user="bob") + walk((0, "/x"), user="cid"))
    found = report("journeys", "from_page=/a&date=2026-03-02&steps=2")
    # A page that is loaded again is one step; after 37 minutes it is another visit.
    assert shown(found) == [(["/a", "/b"], 2, 1), (["/a"], 1, 1)]
    assert (found["visits"], found["users"], found["other_visits"]) == (3, 2, 0)
    assert [one["share"] for one in found["journeys"]] == [0.6667, 0.3333]


def test_the_ways_to_a_page_and_to_an_event(store: Any, report: Report) -> None:
    store(walk((0, "/"), (1, "/a"), (2, "/b"), (3, "/a")))
    store(walk((4, ""), type="order"))
    assert shown(report("journeys", "to_page=/a&date=2026-03-02&steps=3")) == [(["/", "/a"], 1, 1)]
    found = report("journeys", "to_event=order&date=2026-03-02&steps=3")
    assert found["journeys"][0]["steps"] == [{"page": "/b"}, {"page": "/a"}, {"event": "order"}]
    assert (found["anchor"], found["direction"]) == ({"event": "order"}, "to")


def test_the_rarest_are_among_the_others(store: Any, report: Report) -> None:
    for user, page in (("ann", "/b"), ("bob", "/b"), ("cid", "/c")):
        store(walk((0, "/a"), (1, page), user=user))
    found = report("journeys", "from_page=/a&date=2026-03-02&limit=1")
    assert shown(found) == [(["/a", "/b"], 2, 2)]
    assert (found["other_visits"], found["users"]) == (1, 3)


def test_nobody_was_there(site: Site, report: Report) -> None:
    found = report("journeys", "from_page=/nowhere&days=3")
    assert (found["journeys"], found["visits"], found["users"]) == ([], 0, 0)


REFUSED = {
    "no anchor": ("days=3", "from_page"),
    "two anchors": ("from_page=/&to_page=/a", "to_page"),
    "page views as an event": ("from_event=page_view", "from_event"),
    "one step": ("from_page=/&steps=1", "steps"),
    "100 steps": ("from_page=/&steps=100", "steps"),
    "unknown": ("from_page=/&regex=1", "regex"),
    "filter": ("from_page=/&filter=x", "filter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_by_name(site: Site, report: Report, name: str) -> None:
    query, field = REFUSED[name]
    assert report("journeys", query, status=400)["errors"][0]["field"] == field


def test_what_takes_too_long_names_what_to_change(make_app: Any, fill: Any, token: Any, auth: Any) -> None:
    fill(60_000)
    client = make_app(statement_timeout=0.005).test_client()
    response = client.get("/api/analytics/reports/journeys?from_event=a&date=2026-03-02", headers=auth(token("read")))
    assert (response.status_code, response.json["errors"][0]["code"]) == (422, "too_slow")


def slow_visits(events: list[Event]) -> list[list[Event]]:
    runs: dict[Any, list[list[Event]]] = defaultdict(list)
    for event in events:
        mine = runs[event.user_no, event.session, event.is_bot]
        if not mine or event.ts - mine[-1][-1].ts > GAP:
            mine.append([])
        mine[-1].append(event)
    return [run for mine in runs.values() for run in mine]


def slow_journeys(events: list[Event], anchor: str, steps: int, is_end: bool) -> dict[Path, tuple[int, int]]:
    found: Counter[Path] = Counter()
    people = defaultdict(set)
    for run in slow_visits(events):
        said = [("p" + (one.path or "")) if one.type == "page_view" else "e" + one.type for one in run]
        walked = [step for before, step in zip([None, *said], said, strict=False) if step != before]
        if anchor in walked:
            at = walked.index(anchor)
            path = tuple(walked[max(0, at - steps + 1) : at + 1] if is_end else walked[at : at + steps])
            found[path] += 1
            people[path].add(run[0].user_no)
    return {path: (count, len(people[path])) for path, count in found.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=sent(days=1), anchor=st.sampled_from(["page=/a", "page=/", "event=order"]), is_end=st.booleans(),
    steps=st.integers(2, 4), types=st.sampled_from([[], ["seen"], ["seen", "order"]]), bots=st.booleans(),
    news=st.booleans(), by_instants=st.booleans(),
)  # fmt: skip
def test_journeys_are_a_slow_walk(
    engine: Engine, store: Any, report: Report, sql: Any, site: Site, sent: Any, anchor: str, is_end: bool, steps: int,
    types: list[str], bots: bool, news: bool, by_instants: bool,
) -> None:  # fmt: skip
    there = make_site(engine, "Europe/Berlin")
    store(sent, site_id=there.id, site_key=there.key)
    query = f"site={there.key}&{'to' if is_end else 'from'}_{anchor}&steps={steps}&include_bots={bots}&limit=1000"
    query += "".join(f"&type={kind}" for kind in types) + ("&filter=utm_source==news" if news else "")
    start, end = START - DAY, START + 3 * DAY
    if by_instants:
        start, end = START + timedelta(hours=7), START + timedelta(hours=19)
    found = report("journeys", f"{query}&from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}")
    kind, _, name = anchor.partition("=")
    counted = {"page_view", *types} | ({name} if kind == "event" else set())
    events = [
        one for one in stored(sql, there)
        if one.type in counted and start <= one.ts < end and (bots or not one.is_bot)
        and (not news or one.campaign == "news")
    ]  # fmt: skip
    slow = slow_journeys(events, kind[0] + name, steps, is_end)
    lines = [
        (
            tuple(("p" if "page" in step else "e") + next(iter(step.values())) for step in one["steps"]),
            (one["visits"], one["users"]),
        )
        for one in found["journeys"]
    ]
    assert lines == sorted(slow.items(), key=lambda line: (-line[1][0], line[0]))
    assert found["visits"] == sum(count for count, _ in slow.values())

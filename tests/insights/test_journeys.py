"""Journeys: worked by hand, and against a walk in Python through the stored events."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics.insights import journey_steps
from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import make_site
from tests.insights.brute_force import DAY, GAP, START, Event, event_payloads, read_stored_events, store_beside_files

Report = Callable[..., Any]
Path = tuple[str, ...]


def walk(*minutes_and_paths: tuple[int, str], user: str = "ann", **fields: Any) -> list[dict[str, Any]]:
    at = datetime.fromisoformat("2026-03-02T10:00:00Z")
    return [
        {"user_id": user, "ts": (at + timedelta(minutes=minutes)).isoformat(), "path": path, **fields}
        for minutes, path in minutes_and_paths
    ]


def journey_rows(result: dict[str, Any]) -> list[tuple[list[str], int, int]]:
    return [
        ([next(iter(step.values())) for step in journey["steps"]], journey["visits"], journey["users"])
        for journey in result["journeys"]
    ]


def test_journeys_from_a_page(store: Any, report: Report) -> None:
    store(walk((0, "/"), (1, "/a"), (2, "/a"), (3, "/b"), (40, "/"), (50, "/a"), (55, "/b")))
    store(walk((0, "/x"), (1, "/a"), user="bob") + walk((0, "/x"), user="cid"))
    result = report("journeys", "from_page=/a&date=2026-03-02&steps=2")
    # A reloaded page is one step; a gap of 37 minutes begins another visit.
    assert journey_rows(result) == [(["/a", "/b"], 2, 1), (["/a"], 1, 1)]
    assert (result["visits"], result["users"], result["other_visits"]) == (3, 2, 0)
    assert [journey["share"] for journey in result["journeys"]] == [0.6667, 0.3333]


def test_journeys_to_a_page_and_to_an_event(store: Any, report: Report) -> None:
    store(walk((0, "/"), (1, "/a"), (2, "/b"), (3, "/a")))
    store(walk((4, ""), type="order"))
    assert journey_rows(report("journeys", "to_page=/a&date=2026-03-02&steps=3")) == [(["/", "/a"], 1, 1)]
    result = report("journeys", "to_event=order&date=2026-03-02&steps=3")
    assert result["journeys"][0]["steps"] == [{"page": "/b"}, {"page": "/a"}, {"event": "order"}]
    assert (result["anchor"], result["direction"]) == ({"event": "order"}, "to")


def test_rare_journeys_count_as_other(store: Any, report: Report) -> None:
    for user, page in (("ann", "/b"), ("bob", "/b"), ("cid", "/c")):
        store(walk((0, "/a"), (1, page), user=user))
    result = report("journeys", "from_page=/a&date=2026-03-02&limit=1")
    assert journey_rows(result) == [(["/a", "/b"], 2, 2)]
    assert (result["other_visits"], result["users"]) == (1, 3)


def columns_of(result: dict[str, Any]) -> list[tuple[int, int, list[tuple[str, int, int]]]]:
    """Of each column: visits, ended, and its steps with visits and users."""
    return [
        (
            column["visits"],
            column["ended"],
            [(next(iter(row["step"].values())), row["visits"], row["users"]) for row in column["rows"]],
        )
        for column in result["columns"]
    ]


@pytest.fixture
def four_visits(store: Any) -> None:
    """ann twice from / to /a, and on to /b or not; bob to /c and to /b; cid stays."""
    store(walk((0, "/"), (1, "/a"), (2, "/b"), (60, "/"), (61, "/a")))
    store(walk((0, "/"), (1, "/c"), (2, "/b"), user="bob") + walk((0, "/"), user="cid"))


def test_a_column_counts_what_stands_at_its_place(four_visits: None, report: Report) -> None:
    result = report("journeys", "from_page=/&date=2026-03-02&steps=3")
    assert columns_of(result) == [
        (3, 1, [("/a", 2, 1), ("/c", 1, 1)]),
        (2, 1, [("/b", 2, 2)]),
    ]
    [second, third] = result["columns"]
    assert (second["ended_share"], third["ended_share"], third["rows"][0]["share"]) == (0.25, 0.25, 0.5)
    assert [column["other_visits"] for column in result["columns"]] == [0, 0]


def test_a_chosen_step_narrows_further_columns(four_visits: None, report: Report) -> None:
    result = report("journeys", "from_page=/&date=2026-03-02&steps=3&then=page:/a")
    assert columns_of(result) == [(3, 1, [("/a", 2, 1), ("/c", 1, 1)]), (1, 1, [("/b", 1, 1)])]
    # A column away from the end: what came before it.
    result = report("journeys", "to_page=/b&date=2026-03-02&steps=3&then=page:/c&limit=1")
    assert columns_of(result) == [(2, 0, [("/a", 1, 1)]), (1, 0, [("/", 1, 1)])]
    assert result["columns"][0]["other_visits"] == 1


def test_an_anchor_without_visits(site: Site, report: Report) -> None:
    result = report("journeys", "from_page=/nowhere&days=3")
    assert (result["journeys"], result["visits"], result["users"]) == ([], 0, 0)


REFUSED = {
    "no anchor": ("days=3", "from_page"),
    "two anchors": ("from_page=/&to_page=/a", "to_page"),
    "page views as an event": ("from_event=page_view", "from_event"),
    "one step": ("from_page=/&steps=1", "steps"),
    "100 steps": ("from_page=/&steps=100", "steps"),
    "unknown": ("from_page=/&regex=1", "regex"),
    "filter": ("from_page=/&filter=x", "filter"),
    "a step without a kind": ("from_page=/&then=/a", "then"),
    "more steps than columns": ("from_page=/&steps=2&then=page:/a&then=page:/b", "then"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_query_is_rejected_by_parameter(site: Site, report: Report, name: str) -> None:
    query, field = REFUSED[name]
    assert report("journeys", query, status=400)["errors"][0]["field"] == field


def test_a_query_over_the_statement_timeout_is_too_slow(
    make_app: Any, site: Site, engine: Engine, token: Any, auth: Any, store: Any
) -> None:
    store(walk((0, "/a")))
    client = make_app(statement_timeout=0.5).test_client()
    url = "/api/analytics/reports/journeys?from_event=a&date=2026-03-02"
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE events"))
        response = client.get(url, headers=auth(token("read")))
    assert (response.status_code, response.json["errors"][0]["code"]) == (422, "too_slow")


def brute_force_visits(events: list[Event]) -> list[list[Event]]:
    sessions: dict[Any, list[list[Event]]] = defaultdict(list)
    for event in events:
        visits = sessions[event.user_no, event.session, event.is_bot]
        if not visits or event.ts - visits[-1][-1].ts > GAP:
            visits.append([])
        visits[-1].append(event)
    return [visit for visits in sessions.values() for visit in visits]


def brute_force_journeys(events: list[Event], anchor: str, steps: int, is_end: bool) -> dict[Path, tuple[int, int]]:
    visits: Counter[Path] = Counter()
    users = defaultdict(set)
    for visit in brute_force_visits(events):
        steps_of_visit = [f"p{event.path or ''}" if event.type == "page_view" else f"e{event.type}" for event in visit]
        walked = [step for before, step in zip([None, *steps_of_visit], steps_of_visit, strict=False) if step != before]
        if anchor in walked:
            at = walked.index(anchor)
            path = tuple(walked[max(0, at - steps + 1) : at + 1] if is_end else walked[at : at + steps])
            visits[path] += 1
            users[path].add(visit[0].user_no)
    return {path: (count, len(users[path])) for path, count in visits.items()}


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=event_payloads(days=1), anchor=st.sampled_from(["page=/a", "page=/", "event=order"]), is_end=st.booleans(),
    steps=st.integers(2, 4), types=st.sampled_from([[], ["seen"], ["seen", "order"]]), bots=st.booleans(),
    news=st.booleans(), by_instants=st.booleans(), part=st.sampled_from([1, 3, 1_000]),
)  # fmt: skip
def test_journeys_equal_brute_force(
    engine: Engine, store: Any, report: Report, sql: Any, site: Site, payloads: Any, anchor: str, is_end: bool, steps: int,
    types: list[str], bots: bool, news: bool, by_instants: bool, part: int, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(journey_steps, "PART_STEPS", part)
    shop = make_site(engine, "Europe/Berlin")
    store_beside_files(engine, store, shop, payloads)
    query = f"site={shop.key}&{'to' if is_end else 'from'}_{anchor}&steps={steps}&include_bots={bots}&limit=1000"
    query += "".join(f"&type={kind}" for kind in types) + ("&filter=utm_source==news&scope=event" if news else "")
    start, end = START - DAY, START + 3 * DAY
    if by_instants:
        start, end = START + timedelta(hours=7), START + timedelta(hours=19)
    result = report("journeys", f"{query}&from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}")
    kind, _, name = anchor.partition("=")
    counted = {"page_view", *types} | ({name} if kind == "event" else set())
    events = [
        event for event in read_stored_events(sql, shop)
        if event.type in counted and start <= event.ts < end and (bots or not event.is_bot)
        and (not news or event.campaign == "news")
    ]  # fmt: skip
    expected = brute_force_journeys(events, kind[0] + name, steps, is_end)
    rows = [
        (
            tuple(("p" if "page" in step else "e") + next(iter(step.values())) for step in journey["steps"]),
            (journey["visits"], journey["users"]),
        )
        for journey in result["journeys"]
    ]
    assert rows == sorted(expected.items(), key=lambda item: (-item[1][0], item[0]))
    assert result["visits"] == sum(count for count, _ in expected.values())
    places = [Counter[str]() for _ in range(steps - 1)]
    for path, (count, _) in expected.items():
        for place, step in enumerate(path[-2::-1] if is_end else path[1:]):
            places[place][step[1:]] += count
    shown = [Counter({step: visits for step, visits, _ in rows}) for _, _, rows in columns_of(result)]
    assert shown == places

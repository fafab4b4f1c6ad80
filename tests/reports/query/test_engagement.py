"""Engagement: means by page, worked out by hand; before and after a merge; and what it must not count as."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.reports.brute_force import BOT

Report = Callable[..., Any]
PERIOD = "from=2026-03-02&to=2026-03-03"
BREAKDOWN = f"{PERIOD}&dimension=path&metrics=engagement"


def view(ts: str, path: str, user: str, **more: Any) -> dict[str, Any]:
    return {"type": "page_view", "ts": f"2026-03-{ts}Z", "path": path, "user_id": user, **more}


def engagement(
    ts: str, path: str, user: str, view: str | None, seconds: Any, depth: Any, **more: Any
) -> dict[str, Any]:
    payload = {"path": path, "engaged_s": seconds, "scroll_depth": depth, **({"view": view} if view else {})}
    return {"type": "engagement", "ts": f"2026-03-{ts}Z", "user_id": user, "payload": payload, **more}


HISTORY = [
    view("02T10:00:00", "/a", "ann"), view("02T10:05:00", "/b", "ann"),
    view("02T11:00:00", "/a", "bob"), view("03T09:00:00", "/a", "cid"), view("03T10:00:00", "/c", "cid"),
    # Ann looks at /a twice for one view, 20 s in all, down to 80 %.
    engagement("02T10:00:00", "/a", "ann", "v1", 12, 40), engagement("02T10:00:00", "/a", "ann", "v1", 8, 80),
    engagement("02T10:05:00", "/b", "ann", "v2", 3.5, 100),
    engagement("02T11:00:00", "/a", "bob", "v3", 40, 10),
    # A client that names no view: the event is one.
    engagement("03T09:00:00", "/a", "cid", None, 0, 30),
    # Not of the days, of a bot, and of nothing that is a number.
    engagement("04T09:00:00", "/a", "cid", "v5", 500, 1), engagement("03T09:00:00", "/a", "x", "v6", 900, 1, user_agent=BOT),
    engagement("03T10:00:00", "/c", "cid", "v7", "soon", {"deep": 1}),
]  # fmt: skip
# /a: views of 20, 40 and 0 s, of 80, 10 and 30 %.
EXPECTED = {"/a": (20.0, 40.0), "/b": (3.5, 100.0), "/c": (None, None)}


def figures(rows: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {row["value"]: (row["engaged_s"], row["scroll_depth"]) for row in rows}


@pytest.mark.parametrize("is_merged", [False, True])
def test_pages_have_the_mean_of_their_views(
    store: Any, engine: Engine, site: Site, report: Report, is_merged: bool
) -> None:
    store(HISTORY)
    if is_merged:
        merge_site(engine, site.id)
    found = report("breakdown", BREAKDOWN)
    assert figures(found["rows"]) == EXPECTED
    assert [(row["value"], row["events"]) for row in found["rows"]] == [("/a", 3), ("/b", 1), ("/c", 1)]
    assert found["meta"]["source"] == "rollup"


def test_it_agrees_with_a_slow_count(store: Any, report: Report) -> None:
    events = [
        engagement(
            f"02T{hour:02}:{minute:02}:00", f"/{minute % 3}", "ann", f"{hour}-{minute // 2}-{minute % 3}", minute, hour
        )
        for hour in range(24)
        for minute in range(20)
    ]
    store([view("02T00:00:00", f"/{n}", "ann") for n in range(3)] + events)
    by_view: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        payload = event["payload"]
        by_view[payload["path"], payload["view"]].append((payload["engaged_s"], payload["scroll_depth"]))
    sums = {key: (sum(s for s, _ in reports), max(d for _, d in reports)) for key, reports in by_view.items()}
    expected = {}
    for path in ("/0", "/1", "/2"):
        views = [figures for (of_path, _), figures in sums.items() if of_path == path]
        expected[path] = tuple(round(sum(column) / len(views), 4) for column in zip(*views, strict=True))
    assert figures(report("breakdown", BREAKDOWN)["rows"]) == expected


def test_bots_are_counted_where_asked(store: Any, report: Report) -> None:
    store(HISTORY)
    found = figures(report("breakdown", f"{BREAKDOWN}&include_bots=true")["rows"])
    assert found["/a"] == (240.0, 30.25)


def test_days_are_those_of_the_zone(store: Any, report: Report) -> None:
    # 2026-03-02 23:30 in UTC is the 3rd in Berlin.
    store([view("02T23:30:00", "/a", "ann"), engagement("02T23:30:00", "/a", "ann", "v", 7, 50)])
    of_day = "dimension=path&metrics=engagement&date=2026-03-03"
    assert report("breakdown", of_day)["rows"] == []
    assert figures(report("breakdown", f"{of_day}&zone=Europe/Berlin")["rows"]) == {"/a": (7.0, 50.0)}


def test_periods_are_compared(store: Any, report: Report) -> None:
    store(HISTORY)
    found = report("breakdown", "date=2026-03-03&dimension=path&metrics=engagement&compare=previous")
    [row] = [row for row in found["rows"] if row["value"] == "/a"]
    assert (row["engaged_s"], row["previous"]["engaged_s"], row["change"]["engaged_s"]) == (0.0, 30.0, -1.0)
    assert (row["scroll_depth"], row["previous"]["scroll_depth"]) == (30.0, 45.0)


def test_what_a_stranger_sends_is_bounded(store: Any, report: Report) -> None:
    store(
        [view("02T10:00:00", "/a", "ann"), *(engagement("02T10:00:00", "/a", "ann", "v", 10**9, -5) for _ in range(3))]
    )
    assert figures(report("breakdown", BREAKDOWN)["rows"]) == {"/a": (86_400.0, 0.0)}


def test_it_is_no_page_view_no_visit_and_no_bounce(store: Any, report: Report) -> None:
    views = [event for event in HISTORY if event["type"] == "page_view"]
    store(views)
    before = report("summary", PERIOD)
    reported = [event for event in HISTORY if event["type"] == "engagement" and "user_agent" not in event]
    # An hour later than its view, too: it neither extends a visit nor begins one.
    late = [engagement("02T12:30:00", "/a", "bob", "v3", 5, 5)]
    store(reported + late)
    after = report("summary", PERIOD)
    names = ("page_views", "visitors", "visits", "bounce_rate", "avg_visit_duration_s", "views_per_visit")
    assert [after[name] for name in names] == [before[name] for name in names]
    assert after["events"] == before["events"] + len(reported) - 1 + len(late)


def test_users_of_the_day_are_those_of_the_views(store: Any, report: Report) -> None:
    store(HISTORY)
    assert report("dau", "date=2026-03-03")["dau"] == 1
    assert report("dau", "date=2026-03-02")["dau"] == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("dimension=source&metrics=engagement", "dimension=path"),
        ("dimension=path&metrics=engagement&filter=country==DE", "without filter"),
        ("dimension=path&metrics=engagement&type=click", "without type"),
        ("dimension=path&metrics=other", "engagement"),
    ],
)
def test_other_uses_are_refused(site: Site, report: Report, query: str, words: str) -> None:
    problem = report("breakdown", query, 400)
    assert words in problem["detail"]


def test_days_whose_raw_events_may_be_purged_are_refused(store: Any, report: Report, sql: Any) -> None:
    store(HISTORY)
    sql("UPDATE sites SET raw_since = '2026-03-03T00:00:00Z' RETURNING 1")
    assert report("breakdown", BREAKDOWN, 400)["errors"][0]["field"] == "metrics"
    assert len(report("breakdown", f"{PERIOD}&dimension=path")["rows"]) == 3

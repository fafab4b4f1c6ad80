"""The rules of a funnel, one by one, with numbers worked by hand."""

from typing import Any

import pytest

Ask = Any


def steps(*conditions: str) -> list[dict[str, Any]]:
    """Of paths, or of types of events."""
    return [
        {"name": one, "type": "page", "condition": {"page": one}} if one.startswith(("/", "*"))
        else {"name": one, "type": "event", "condition": {"event": one}}
        for one in conditions
    ]  # fmt: skip


def at(time: str, path: str, user: str = "ann", **more: Any) -> dict[str, Any]:
    return {"ts": f"2026-03-02T{time}Z", "path": path, "user_id": user, **more}


def reached(found: dict[str, Any]) -> list[int]:
    return [line["visitors_reached"] for line in found["step_analytics"]]


ABC = steps("/a", "/b", "/c")
CASES = [
    pytest.param([("10:00:00", "/a"), ("10:01:00", "/b"), ("10:02:00", "/c")], {}, [1, 1, 1], id="in-order"),
    pytest.param([("10:00:00", "/b"), ("10:01:00", "/a"), ("10:02:00", "/c")], {}, [1, 0, 0], id="out-of-order"),
    pytest.param([("10:00:00", "/a"), ("10:00:00", "/b")], {}, [1, 0, 0], id="equal-timestamps-do-not-follow"),
    pytest.param([("10:00:00", "/a"), ("10:00:00.000001", "/b")], {}, [1, 1, 0], id="a-microsecond-later-does"),
    pytest.param([("10:00:00", "/a"), ("10:01:00", "/b")], {"window_s": 60}, [1, 1, 0], id="the-window-ends-inside"),
    pytest.param([("10:00:00", "/a"), ("10:01:00.000001", "/b")], {"window_s": 60}, [1, 0, 0], id="past-the-window"),
    pytest.param(
        [("10:00:00", "/a"), ("10:00:50", "/b"), ("10:01:10", "/c")], {"window_s": 60}, [1, 1, 0],
        id="the-window-is-from-the-first-step",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:05:00", "/a"), ("10:05:30", "/b"), ("10:05:50", "/c")], {"window_s": 60}, [1, 1, 1],
        id="the-best-attempt-counts",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/x"), ("10:02:00", "/b"), ("10:03:00", "/c")], {}, [1, 1, 1],
        id="others-between",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/x"), ("10:02:00", "/b")], {"ordering": "strict"}, [1, 0, 0],
        id="others-between-in-strict-order",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/a"), ("10:02:00", "/b"), ("10:03:00", "/c")], {"ordering": "strict"},
        [1, 1, 1], id="a-repeated-step-begins-anew",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/x"), ("10:01:00", "/b")], {"ordering": "strict"}, [1, 1, 0],
        id="the-same-instant-is-not-between",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:31:00", "/b")], {"scope": "visit"}, [1, 0, 0], id="a-visit-ends-with-silence"
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:20:00", "/x"), ("10:40:00", "/b")], {"scope": "visit"}, [1, 1, 0],
        id="other-pages-keep-a-visit-open",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("events", "more", "expected"), CASES)
def test_how_far_one_person_comes(store: Any, count: Ask, events: Any, more: Any, expected: list[int]) -> None:
    store([at(*one) for one in events])
    assert reached(count({"steps": ABC, **more})) == expected


def test_one_event_is_one_step(store: Any, count: Ask) -> None:
    """/a is both steps: twice is needed."""
    twice = {"steps": steps("/a", "/*")}
    store([at("10:00:00", "/a")])
    assert reached(count(twice)) == [1, 0]
    store([at("10:01:00", "/a")])
    assert reached(count(twice)) == [1, 1]


def test_a_visit_is_of_one_session(store: Any, count: Ask) -> None:
    store([at("10:00:00", "/a", session_id="s1"), at("10:01:00", "/b", session_id="s2")])
    assert reached(count({"steps": ABC, "scope": "visit"})) == [1, 0, 0]
    assert reached(count({"steps": ABC, "scope": "user"})) == [1, 1, 0]


def test_visits_count_each_and_users_once(store: Any, count: Ask) -> None:
    store([at("10:00:00", "/a"), at("10:01:00", "/b"), at("12:00:00", "/a"), at("14:00:00", "/a", "bob")])
    assert reached(count({"steps": ABC, "scope": "visit"})) == [3, 1, 0]
    assert reached(count({"steps": ABC})) == [2, 1, 0]


def test_late_and_repeated_events_change_nothing_but_what_they_say(store: Any, count: Ask) -> None:
    first, second = at("10:00:00", "/a", event_id="e1"), at("10:01:00", "/b", event_id="e2")
    store([second])
    assert reached(count({"steps": ABC})) == [0, 0, 0]
    store([first])
    expected = count({"steps": ABC})
    assert reached(expected) == [1, 1, 0]
    store([first, second])
    found = count({"steps": ABC})
    assert {**found, "meta": 0} == {**expected, "meta": 0}


def test_times_are_of_the_first_of_the_best_attempts(store: Any, count: Ask) -> None:
    store([
        at("10:00:00", "/a"), at("10:00:10", "/a"), at("10:00:30", "/b"), at("10:01:40", "/c"),
        at("10:00:00", "/a", "bob"), at("10:00:10", "/b", "bob"), at("12:00:00", "/a", "cid"),
    ])  # fmt: skip
    found = count({"steps": ABC})
    names = ("total_starts", "total_conversions", "conversion_rate", "drop_off_rate", "abandonment_rate")
    assert [found[name] for name in names] == [3, 1, 33.33, 66.67, 50.0]
    # ann 100 s; bob gave up 10 s after he began, cid at once.
    assert (found["avg_time_to_convert"], found["avg_time_to_abandon"]) == (100.0, 5.0)
    second = found["step_analytics"][1]
    assert (second["median_time_s"], second["p90_time_s"], second["avg_time_on_step"]) == (10.0, 30.0, 70.0)
    assert [line["drop_off_rate"] for line in found["step_analytics"]] == [33.33, 50.0, 0.0]
    assert [line["conversion_rate"] for line in found["step_analytics"]] == [100.0, 66.67, 33.33]


PATTERNS = [
    ("/blog/1", 1), ("/blog/*", 2), ("*1", 1), ("/b*g/*", 2), ("/blog", 0), ("/BLOG/*", 0), ("*", 4),
    ("/100%", 1), ("*00%*", 1), ("/a_b*", 0), ("/**/1", 1),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_path_patterns(store: Any, count: Ask, pattern: str, expected: int) -> None:
    paths = ("/blog/1", "/blog/2", "/100%", "/aXb")
    store([at("10:00:00", path, user) for path, user in zip(paths, "abcd", strict=True)])
    assert reached(count({"steps": steps(pattern, "/none")})) == [expected, 0]


def test_a_step_by_type_and_property(store: Any, count: Ask) -> None:
    store([
        at("10:00:00", "/a"), at("10:01:00", "/p", type="signup", payload={"plan": "pro", "eur": 12.5}),
        at("10:00:00", "/a", "bob"), at("10:01:00", "/p", "bob", type="signup", payload={"plan": "free"}),
    ])  # fmt: skip
    paid = {"type": "event", "condition": {"event": "signup", "filter": "payload.plan==pro"}}
    found = count({"steps": [*steps("/a"), paid], "value": "eur"})
    assert (reached(found), found["avg_value"], found["total_value"]) == ([2, 1], 12.5, 12.5)
    found = count({"steps": [*steps("/a"), {"type": "custom", "condition": {"custom": "signup"}}]})
    assert (reached(found), found["avg_value"], found["total_value"]) == ([2, 2], None, None)


def test_filter_breakdown_and_comparison(store: Any, count: Ask) -> None:
    store([
        at("10:00:00", "/a", country="DE"), at("10:01:00", "/b", country="FR"), at("10:00:00", "/a", "bob"),
        at("10:00:00", "/a", "cid", country="DE"),
        {**at("10:00:00", "/a", "bob"), "ts": "2026-03-01T12:00:00Z"},
    ])  # fmt: skip
    two = {"steps": steps("/a", "/b")}
    found = count(two, "date=2026-03-02&breakdown=country&compare=previous")
    rows = [(row["value"], row["total_starts"], row["total_conversions"]) for row in found["breakdown"]["rows"]]
    assert rows == [("DE", 2, 1), (None, 1, 0)]
    assert (found["total_starts"], found["previous"]["total_starts"], found["previous"]["from"]) == (
        3, 1, "2026-03-01T00:00:00Z",
    )  # fmt: skip
    assert reached(count(two, "date=2026-03-02&filter=country==DE")) == [2, 0]
    assert len(count(two, "date=2026-03-02&breakdown=country&limit=1")["breakdown"]["rows"]) == 1


def test_days_and_cohorts_are_of_the_zone(store: Any, count: Ask) -> None:
    """Berlin's 3rd begins at 23:00 UTC of the 2nd."""
    store([
        at("22:00:00", "/a"), at("23:10:00", "/a"), at("23:20:00", "/b"), at("22:30:00", "/a", "bob"),
    ])  # fmt: skip
    found = count({"steps": steps("/a", "/b"), "window_s": 1200}, "from=2026-03-02&to=2026-03-03&zone=Europe/Berlin")
    days = [(line["date"], line["total_starts"], line["conversions"]) for line in found["daily_performance"]]
    assert days == [("2026-03-02", 2, 0), ("2026-03-03", 1, 1)]
    cohorts = [(line["cohort_date"], line["cohort_size"], line["conversions"]) for line in found["cohort_data"]]
    assert cohorts == [("2026-03-02", 2, 1), ("2026-03-03", 0, 0)]
    assert found["cohort_data"][0]["avg_time_to_convert"] == 600.0
    assert (found["date_range"], found["meta"]["zone"]) == ("2 days", "Europe/Berlin")


def test_the_period_cuts(store: Any, count: Ask) -> None:
    store([{**at("10:00:00", "/a"), "ts": "2026-03-01T23:59:00Z"}, at("00:00:00", "/b"), at("10:00:00", "/a", "bob")])
    assert reached(count({"steps": ABC})) == [1, 0, 0]


def test_programs_are_left_out(store: Any, count: Ask) -> None:
    from tests.reports.slow import BOT

    store([at("10:00:00", "/a", user_agent=BOT)])
    assert reached(count({"steps": ABC})) == [0, 0, 0]
    assert reached(count({"steps": ABC}, "date=2026-03-02&include_bots=true")) == [1, 0, 0]

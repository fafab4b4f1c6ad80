"""The rules of a funnel, one by one; expected numbers are worked by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from analytics import clock
from tests.reports.brute_force import BOT

Count = Callable[..., Any]


def steps(*conditions: str) -> list[dict[str, Any]]:
    """Of path patterns, or of event types."""
    return [
        {"name": text, "type": "page", "condition": {"page": text}} if text.startswith(("/", "*"))
        else {"name": text, "type": "event", "condition": {"event": text}}
        for text in conditions
    ]  # fmt: skip


def event_at(time: str, path: str, user: str = "ann", **fields: Any) -> dict[str, Any]:
    return {"ts": f"2026-03-02T{time}Z", "path": path, "user_id": user, **fields}


def reached(report: dict[str, Any]) -> list[int]:
    return [row["visitors_reached"] for row in report["step_analytics"]]


ABC = steps("/a", "/b", "/c")
CASES = [
    pytest.param([("10:00:00", "/a"), ("10:01:00", "/b"), ("10:02:00", "/c")], {}, [1, 1, 1], id="in-order"),
    pytest.param([("10:00:00", "/b"), ("10:01:00", "/a"), ("10:02:00", "/c")], {}, [1, 0, 0], id="out-of-order"),
    pytest.param([("10:00:00", "/a"), ("10:00:00", "/b")], {}, [1, 1, 0], id="equal-timestamps-in-the-order-of-receipt"),
    pytest.param([("10:00:00", "/b"), ("10:00:00", "/a")], {}, [1, 0, 0], id="equal-timestamps-the-other-way-round"),
    pytest.param(
        [("10:00:00", "/b"), ("10:00:00", "/a"), ("10:00:00", "/c"), ("10:00:00", "/b"), ("10:00:00", "/c")], {},
        [1, 1, 1], id="all-steps-at-one-instant",
    ),
    pytest.param([("10:00:00", "/a"), ("10:00:00.000001", "/b")], {}, [1, 1, 0], id="a-microsecond-later"),
    pytest.param([("10:00:00", "/a"), ("10:01:00", "/b")], {"window_s": 60}, [1, 1, 0], id="inside-the-window"),
    pytest.param([("10:00:00", "/a"), ("10:01:00.000001", "/b")], {"window_s": 60}, [1, 0, 0], id="past-the-window"),
    pytest.param(
        [("10:00:00", "/a"), ("10:00:50", "/b"), ("10:01:10", "/c")], {"window_s": 60}, [1, 1, 0],
        id="the-window-starts-at-the-first-step",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:05:00", "/a"), ("10:05:30", "/b"), ("10:05:50", "/c")], {"window_s": 60}, [1, 1, 1],
        id="the-best-attempt-counts",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/x"), ("10:02:00", "/b"), ("10:03:00", "/c")], {}, [1, 1, 1],
        id="other-events-between",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/x"), ("10:02:00", "/b")], {"ordering": "strict"}, [1, 0, 0],
        id="other-events-between-in-strict-order",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/a"), ("10:02:00", "/b"), ("10:03:00", "/c")], {"ordering": "strict"},
        [1, 1, 1], id="a-repeated-first-step-starts-an-attempt",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/x"), ("10:01:00", "/b")], {"ordering": "strict"}, [1, 0, 0],
        id="between-at-the-instant-of-the-step",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:01:00", "/b"), ("10:01:00", "/x"), ("10:01:00", "/c")], {"ordering": "strict"},
        [1, 1, 0], id="between-at-the-instant-of-the-step-before",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:00:00", "/a"), ("10:00:00", "/b")], {"ordering": "strict"}, [1, 1, 0],
        id="the-second-of-equal-first-steps-in-strict-order",
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:31:00", "/b")], {"scope": "visit"}, [1, 0, 0], id="a-gap-ends-a-visit"
    ),
    pytest.param(
        [("10:00:00", "/a"), ("10:20:00", "/x"), ("10:40:00", "/b")], {"scope": "visit"}, [1, 1, 0],
        id="other-pages-fill-a-gap",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("events", "options", "expected"), CASES)
def test_steps_that_one_user_reaches(store: Any, count: Count, events: Any, options: Any, expected: list[int]) -> None:
    store([event_at(*event) for event in events])
    assert reached(count({"steps": ABC, **options})) == expected


def test_one_event_is_one_step(store: Any, count: Count) -> None:
    """/a matches both steps: it takes two events."""
    both = {"steps": steps("/a", "/*")}
    store([event_at("10:00:00", "/a")])
    assert reached(count(both)) == [1, 0]
    store([event_at("10:01:00", "/a")])
    assert reached(count(both)) == [1, 1]


def test_a_visit_belongs_to_one_session(store: Any, count: Count) -> None:
    store([event_at("10:00:00", "/a", session_id="s1"), event_at("10:01:00", "/b", session_id="s2")])
    assert reached(count({"steps": ABC, "scope": "visit"})) == [1, 0, 0]
    assert reached(count({"steps": ABC, "scope": "user"})) == [1, 1, 0]


def test_every_visit_counts_and_each_user_once(store: Any, count: Count) -> None:
    store(
        [
            event_at("10:00:00", "/a"),
            event_at("10:01:00", "/b"),
            event_at("12:00:00", "/a"),
            event_at("14:00:00", "/a", "bob"),
        ]
    )
    assert reached(count({"steps": ABC, "scope": "visit"})) == [3, 1, 0]
    assert reached(count({"steps": ABC})) == [2, 1, 0]


def test_late_events_count_and_repeated_events_do_not(store: Any, count: Count) -> None:
    first, second = event_at("10:00:00", "/a", event_id="e1"), event_at("10:01:00", "/b", event_id="e2")
    store([second])
    assert reached(count({"steps": ABC})) == [0, 0, 0]
    store([first])
    expected = count({"steps": ABC})
    assert reached(expected) == [1, 1, 0]
    store([first, second])
    report = count({"steps": ABC})
    assert {**report, "meta": 0} == {**expected, "meta": 0}


def test_times_come_from_the_first_of_the_best_attempts(store: Any, count: Count) -> None:
    store([
        event_at("10:00:00", "/a"), event_at("10:00:10", "/a"), event_at("10:00:30", "/b"), event_at("10:01:40", "/c"),
        event_at("10:00:00", "/a", "bob"), event_at("10:00:10", "/b", "bob"), event_at("12:00:00", "/a", "cid"),
    ])  # fmt: skip
    report = count({"steps": ABC})
    names = ("total_starts", "total_conversions", "conversion_rate", "drop_off_rate", "abandonment_rate")
    assert [report[name] for name in names] == [3, 1, 33.33, 66.67, 50.0]
    # ann converts after 100 s; bob leaves 10 s after his start, cid at once.
    assert (report["avg_time_to_convert"], report["avg_time_to_abandon"]) == (100.0, 5.0)
    second = report["step_analytics"][1]
    assert (second["median_time_s"], second["p90_time_s"], second["avg_time_on_step"]) == (20.0, 28.0, 70.0)
    assert [row["drop_off_rate"] for row in report["step_analytics"]] == [33.33, 50.0, 0.0]
    assert [row["conversion_rate"] for row in report["step_analytics"]] == [100.0, 66.67, 33.33]


def test_percentiles_are_interpolated(store: Any, count: Count) -> None:
    for user, minute in zip("abcd", (1, 2, 3, 4), strict=True):
        store([event_at("10:00:00", "/a", user), event_at(f"10:{minute:02}:00", "/b", user)])
    second = count({"steps": steps("/a", "/b")})["step_analytics"][1]
    # Of 60, 120, 180 and 240: halfway between the second and the third, and 0.7 of the way from the third to the last.
    assert (second["median_time_s"], second["p90_time_s"]) == (150.0, 222.0)


PATTERNS = [
    ("/blog/1", 1), ("/blog/*", 2), ("*1", 1), ("/b*g/*", 2), ("/blog", 0), ("/BLOG/*", 0), ("*", 4),
    ("/100%", 1), ("*00%*", 1), ("/a_b*", 0), ("/**/1", 1),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_path_patterns(store: Any, count: Count, pattern: str, expected: int) -> None:
    paths = ("/blog/1", "/blog/2", "/100%", "/aXb")
    store([event_at("10:00:00", path, user) for path, user in zip(paths, "abcd", strict=True)])
    assert reached(count({"steps": steps(pattern, "/none")})) == [expected, 0]


def test_a_step_by_type_and_payload_property(store: Any, count: Count) -> None:
    store([
        event_at("10:00:00", "/a"), event_at("10:01:00", "/p", type="signup", payload={"plan": "pro", "eur": 12.5}),
        event_at("10:00:00", "/a", "bob"), event_at("10:01:00", "/p", "bob", type="signup", payload={"plan": "free"}),
    ])  # fmt: skip
    paid = {"type": "event", "condition": {"event": "signup", "filter": "payload.plan==pro"}}
    report = count({"steps": [*steps("/a"), paid], "value": "eur"})
    assert (reached(report), report["avg_value"], report["total_value"]) == ([2, 1], 12.5, 12.5)
    report = count({"steps": [*steps("/a"), {"type": "custom", "condition": {"custom": "signup"}}]})
    assert (reached(report), report["avg_value"], report["total_value"]) == ([2, 2], None, None)


def test_filter_breakdown_and_previous_period(store: Any, count: Count) -> None:
    store([
        event_at("10:00:00", "/a", country="DE"), event_at("10:01:00", "/b", country="FR"), event_at("10:00:00", "/a", "bob"),
        event_at("10:00:00", "/a", "cid", country="DE"),
        {**event_at("10:00:00", "/a", "bob"), "ts": "2026-03-01T12:00:00Z"},
    ])  # fmt: skip
    two = {"steps": steps("/a", "/b")}
    report = count(two, "date=2026-03-02&breakdown=country&compare=previous")
    rows = [(row["value"], row["total_starts"], row["total_conversions"]) for row in report["breakdown"]["rows"]]
    assert rows == [("DE", 2, 1), (None, 1, 0)]
    assert (report["total_starts"], report["previous"]["total_starts"], report["previous"]["from"]) == (
        3, 1, "2026-03-01T00:00:00Z",
    )  # fmt: skip
    # Three start in place of one; nobody converted before.
    assert (report["change"]["total_starts"], report["change"]["total_conversions"]) == (2, None)
    assert reached(count(two, "date=2026-03-02&filter=country==DE")) == [2, 0]
    assert len(count(two, "date=2026-03-02&breakdown=country&limit=1")["breakdown"]["rows"]) == 1


def test_a_running_period_is_compared_with_the_same_part_of_the_other(
    store: Any, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    store([
        {**event_at("00:00:00", "/a", user), "ts": f"2026-03-{at}Z"}
        for at, user in (("01T09:00:00", "ann"), ("01T09:52:00", "bob"), ("02T08:00:00", "cid"))
    ])  # fmt: skip
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 2, 9, 52, tzinfo=UTC))
    report = count({"steps": steps("/a", "/b")}, "days=1&compare=previous")
    assert (report["total_starts"], report["previous"]["total_starts"]) == (1, 1)
    assert report["meta"]["compare"]["previous"] == {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T09:52:00Z"}
    assert report["previous"]["to"] == "2026-03-01T09:52:00Z"
    report = count({"steps": steps("/a", "/b")}, "days=1&compare=previous&align=whole")
    assert report["previous"]["total_starts"] == 2


def test_days_and_cohorts_are_in_the_zone(store: Any, count: Count) -> None:
    """In Berlin the 3rd begins at 23:00 UTC on the 2nd."""
    store([
        event_at("22:00:00", "/a"), event_at("23:10:00", "/a"), event_at("23:20:00", "/b"), event_at("22:30:00", "/a", "bob"),
    ])  # fmt: skip
    report = count({"steps": steps("/a", "/b"), "window_s": 1200}, "from=2026-03-02&to=2026-03-03&zone=Europe/Berlin")
    days = [(row["date"], row["total_starts"], row["conversions"]) for row in report["daily_performance"]]
    assert days == [("2026-03-02", 2, 0), ("2026-03-03", 1, 1)]
    cohorts = [(row["cohort_date"], row["cohort_size"], row["conversions"]) for row in report["cohort_data"]]
    assert cohorts == [("2026-03-02", 2, 1), ("2026-03-03", 0, 0)]
    assert report["cohort_data"][0]["avg_time_to_convert"] == 600.0
    assert (report["date_range"], report["meta"]["zone"]) == ("2 days", "Europe/Berlin")


def test_an_attempt_that_starts_before_the_period_does_not_count(store: Any, count: Count) -> None:
    store(
        [
            {**event_at("10:00:00", "/a"), "ts": "2026-03-01T23:59:00Z"},
            event_at("00:00:00", "/b"),
            event_at("10:00:00", "/a", "bob"),
        ]
    )
    assert reached(count({"steps": ABC})) == [1, 0, 0]


def test_bots_do_not_count(store: Any, count: Count) -> None:
    store([event_at("10:00:00", "/a", user_agent=BOT)])
    assert reached(count({"steps": ABC})) == [0, 0, 0]
    assert reached(count({"steps": ABC}, "date=2026-03-02&include_bots=true")) == [1, 0, 0]

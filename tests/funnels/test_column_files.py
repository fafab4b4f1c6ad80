"""Funnels of days whose events are in column files, alone and beside rows that no file holds."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from analytics.columnar.write import write_day
from analytics.funnels import reading
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site
from tests.funnels.test_rules import event_at, reached, steps
from tests.reports.brute_force import BOT

DAYS, LATER = (date(2026, 3, 2), date(2026, 3, 3)), datetime(2026, 3, 5, tzinfo=UTC)


@pytest.fixture
def write(engine: Engine, store: Any, site: Site) -> Any:
    """`write(events)`: stored, and in files, as those that were before."""

    def put(events: Any) -> None:
        store(events)
        assert sum(write_day(engine, site.id, day, LATER) for day in DAYS) > 0

    return put


@pytest.fixture
def only_files(sql: Any) -> Any:
    """Deletes the rows: only files are left."""
    return lambda: sql("DELETE FROM events RETURNING 1")


AB = {"steps": steps("/a", "/b")}
WALK = [
    event_at("10:00:00", "/a"), event_at("10:01:00", "/b"), event_at("23:00:00", "/a", "bob"), event_at("23:30:00", "/b", "bob"),
    {**event_at("00:30:00", "/b", "cid"), "ts": "2026-03-03T00:30:00Z"}, event_at("23:50:00", "/a", "cid"),
    event_at("11:00:00", "/a", "bot", user_agent=BOT), event_at("11:01:00", "/b", "bot", user_agent=BOT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("definition", "query", "expected"),
    [
        pytest.param(AB, "from=2026-03-02&to=2026-03-03", [3, 3], id="over two days"),
        pytest.param(AB, "date=2026-03-02", [3, 2], id="a day"),
        pytest.param(AB, "date=2026-03-02&include_bots=true", [4, 3], id="bots"),
        pytest.param(AB, "from=2026-03-02T10:00:30Z&to=2026-03-02T23:30:00Z", [1, 0], id="instants"),
        pytest.param(AB, "date=2026-03-02&zone=Asia/Kathmandu", [1, 1], id="another zone's day"),
        pytest.param({"steps": steps("/a", "/*")}, "date=2026-03-02", [3, 2], id="a pattern"),
        pytest.param({"steps": steps("page_view", "/b")}, "date=2026-03-02", [3, 2], id="a type"),
        pytest.param(AB | {"ordering": "strict"}, "date=2026-03-02", [3, 2], id="strict"),
        pytest.param(AB | {"scope": "visit"}, "date=2026-03-02", [3, 2], id="by visit"),
    ],
)
def test_files_alone_answer_for_their_days(
    write: Any, count: Any, only_files: Any, definition: Any, query: str, expected: Any
) -> None:
    write(WALK)
    assert reached(count(definition, query)) == expected
    only_files()
    assert reached(count(definition, query)) == expected


def test_pages_that_are_no_step_fill_a_gap_of_a_visit(write: Any, store: Any, count: Any, only_files: Any) -> None:
    """Whether files hold them or not. A gap of 30 minutes and a microsecond ends a visit."""
    by_visit = {"steps": steps("/a", "/b"), "scope": "visit"}
    walk = [("10:00:00", "/a"), ("10:20:00", "/x"), ("10:50:00", "/y"), ("11:20:00", "/b")]
    write([
        *(event_at(*view, session_id="s1") for view in walk),
        *(event_at(*view, "bob", session_id="s2") for view in [*walk[:3], ("11:20:00.000001", "/b")]),
        *(event_at(*view, "cid", session_id="s3") for view in (walk[0], walk[3])),
    ])  # fmt: skip
    query = "from=2026-03-02T10:00:00Z&to=2026-03-03T00:00:00Z"
    assert reached(count(by_visit, query)) == [3, 1]
    store([event_at("10:45:00", "/z", "cid", session_id="s3")])
    assert reached(count(by_visit, query)) == [3, 1]
    store([event_at("10:30:00", "/z", "cid", session_id="s3")])
    assert reached(count(by_visit, query)) == [3, 1]
    write([event_at("10:55:00", "/z", "cid", session_id="s3")])
    assert reached(count(by_visit, query)) == [3, 2]
    only_files()
    assert reached(count(by_visit, query)) == [3, 2]


def test_many_views_within_half_an_hour_fill_a_gap(store: Any, count: Any) -> None:
    """Of each half an hour only the first and the last are read: here 10:00 to 10:30, and 10:30 to 11:00."""
    walk = [
        ("10:00:01", "/a"),
        *((f"10:{at}:00", "/x") for at in ("05", "10", "29", "31", "40", "59")),
        ("11:29:00", "/b"),
    ]
    store([event_at(time, path, session_id="s") for time, path in walk])
    assert reached(count({"steps": steps("/a", "/b"), "scope": "visit"})) == [1, 1]


NEEDS_MORE = {
    "a filter": (AB, "&filter=country==DE"),
    "a filter by a property": (AB, "&filter=payload.plan==pro"),
    "a step's filter": (
        {"steps": [*steps("/a"), {"type": "page", "condition": {"page": "/b", "filter": "payload.x!=1"}}]}, "",
    ),
    "a value": (AB | {"value": "eur"}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("definition", "query"), NEEDS_MORE.values(), ids=list(NEEDS_MORE))
def test_files_know_filters_and_values(write: Any, count: Any, only_files: Any, definition: Any, query: str) -> None:
    given = {"country": "DE", "payload": {"plan": "pro", "eur": 2.5}}
    write([event_at("10:00:00", "/a", **given), event_at("10:01:00", "/b", **given)])
    only_files()
    report = count(definition, "date=2026-03-02" + query)
    assert reached(report) == [1, 1]
    assert report["total_value"] == (2.5 if "value" in definition else None)


def test_events_that_come_late_are_read_beside_the_files(write: Any, store: Any, count: Any, sql: Any) -> None:
    write([event_at("10:00:00", "/a"), {**event_at("10:00:00", "/a", "bob"), "ts": "2026-03-03T10:00:00Z"}])
    sql("DELETE FROM events RETURNING 1")
    store([event_at("10:00:00", "/a", "cid"), event_at("10:01:00", "/b")])
    assert reached(count(AB, "from=2026-03-02&to=2026-03-03")) == [3, 1]


def test_equal_instants_are_in_order_across_files_and_rows(write: Any, store: Any, count: Any) -> None:
    """ann reads /b before /a, bob /a before /b, all at ten; each page came in a batch of its own."""
    at_ten = [("/b", "ann"), ("/a", "bob"), ("/a", "ann"), ("/b", "bob")]
    for number, (path, user) in enumerate(at_ten):
        (write if number < 3 else store)([event_at("10:00:00", path, user)])
    assert reached(count(AB)) == [2, 1]
    assert reached(count(AB | {"ordering": "strict"})) == [2, 1]


def test_the_first_of_equal_last_steps_has_the_value(write: Any, count: Any) -> None:
    """Each attempt takes the first /b after its /a, of those at one instant the one that was received first."""
    amounts = [event_at("10:01:00", "/b", payload={"eur": eur}) for eur in (7, 100, 20)]
    write([event_at("10:00:00", "/a"), *amounts])
    assert count(AB | {"value": "eur"})["total_value"] == 7


def test_a_breakdown_shows_the_first_of_equal_first_steps(write: Any, count: Any) -> None:
    write([event_at("10:00:00", "/a", country=country) for country in ("FR", "DE", "AT")])
    [row] = count(AB, "date=2026-03-02&breakdown=country")["breakdown"]["rows"]
    assert (row["value"], row["total_starts"]) == ("FR", 1)


def test_a_filter_on_a_field_of_visits_selects_all_events_of_the_visit(
    engine: Engine, write: Any, store: Any, count: Any
) -> None:
    """Only the first view of ann's visit has the referrer; bob came without."""
    google = {"referrer": "https://www.google.com/"}
    write([event_at("10:00:00", "/a", **google), event_at("10:00:00", "/a", "bob")])
    store([event_at("10:01:00", "/b"), event_at("10:01:00", "/b", "bob")])
    merge_all(engine, 10)
    for scope in ("user", "visit"):
        assert reached(count(AB | {"scope": scope}, "date=2026-03-02&filter=source==google")) == [1, 1]
        assert reached(count(AB | {"scope": scope}, "date=2026-03-02&filter=source==google&scope=event")) == [1, 0]


def test_too_many_events_are_rejected(write: Any, count: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write(WALK)
    monkeypatch.setattr(reading, "MOST_POINTS", 3)
    assert count(AB, status=422)["errors"][0]["code"] == "too_many"

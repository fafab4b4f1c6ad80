"""Funnels of days with postings: raw events are read only where postings cannot answer."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import BigInteger, Engine, cast, func
from sqlalchemy.dialects.postgresql import ARRAY

from analytics.funnels import posted, reading
from analytics.funnels.definitions import FunnelDefinition
from analytics.funnels.steps import read_steps
from analytics.period import Period
from analytics.rollups import rows
from analytics.rollups.calendar import Calendar
from analytics.rollups.cardinality import OTHER
from analytics.rollups.merge import merge_all
from analytics.rollups.postings import make_postings
from analytics.store.planner import force_index_lookups
from tests.funnels.test_rules import event_at, reached, steps
from tests.reports.brute_force import BOT

LATER = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def post(engine: Engine, store: Any) -> Any:
    """`post(events)`: stored and merged, with postings of the days that are over."""

    def put(events: Any) -> None:
        store(events)
        merge_all(engine, 10)
        assert make_postings(engine, LATER, 60, timedelta()) > 0

    return put


@pytest.fixture
def only_postings(sql: Any) -> Any:
    """Deletes the raw events: only postings are left."""
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
def test_postings_alone_answer_for_their_days(
    post: Any, count: Any, only_postings: Any, definition: Any, query: str, expected: Any
) -> None:
    post(WALK)
    assert reached(count(definition, query)) == expected
    only_postings()
    assert reached(count(definition, query)) == expected


def test_pages_that_are_no_step_fill_a_gap_of_a_visit(
    engine: Engine, post: Any, store: Any, count: Any, only_postings: Any
) -> None:
    """Merged page views are known as visits; others are read from their own days. A gap of 30 minutes and a microsecond
    ends a visit."""
    by_visit = {"steps": steps("/a", "/b"), "scope": "visit"}
    walk = [("10:00:00", "/a"), ("10:20:00", "/x"), ("10:50:00", "/y"), ("11:20:00", "/b")]
    post([
        *(event_at(*view, session_id="s1") for view in walk),
        *(event_at(*view, "bob", session_id="s2") for view in [*walk[:3], ("11:20:00.000001", "/b")]),
        *(event_at(*view, "cid", session_id="s3") for view in (walk[0], walk[3])),
    ])  # fmt: skip
    query = "from=2026-03-02T10:00:00Z&to=2026-03-03T00:00:00Z"
    assert reached(count(by_visit, query)) == [3, 1]
    store([event_at("10:45:00", "/z", "cid", session_id="s3")])
    assert reached(count(by_visit, query)) == [3, 1]
    store([event_at("10:30:00", "/z", "cid", session_id="s3"), event_at("10:55:00", "/z", "cid", session_id="s3")])
    assert reached(count(by_visit, query)) == [3, 2]
    merge_all(engine, 10)
    assert make_postings(engine, LATER, 60, timedelta()) > 0
    only_postings()
    assert reached(count(by_visit, query)) == [3, 2]


NEEDS_RAW_EVENTS = {
    "a filter": (AB, "&filter=country==DE"),
    "a breakdown": (AB, "&breakdown=country"),
    "a step's filter": (
        {"steps": [*steps("/a"), {"type": "page", "condition": {"page": "/b", "filter": "payload.x!=1"}}]}, "",
    ),
    "a value": (AB | {"value": "eur"}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("definition", "query"), NEEDS_RAW_EVENTS.values(), ids=list(NEEDS_RAW_EVENTS))
def test_what_postings_do_not_hold_is_read_from_raw_events(
    post: Any, count: Any, only_postings: Any, definition: Any, query: str
) -> None:
    post([event_at("10:00:00", "/a", country="DE"), event_at("10:01:00", "/b", country="DE")])
    assert reached(count(definition, "date=2026-03-02" + query)) == [1, 1]
    only_postings()
    assert reached(count(definition, "date=2026-03-02" + query)) == [0, 0]


def test_only_a_day_with_deltas_is_read_from_raw_events(post: Any, store: Any, count: Any, sql: Any) -> None:
    post([event_at("10:00:00", "/a"), {**event_at("10:00:00", "/a", "bob"), "ts": "2026-03-03T10:00:00Z"}])
    store([event_at("10:00:00", "/a", "cid")])
    sql("DELETE FROM events WHERE ts >= '2026-03-03' RETURNING 1")
    assert reached(count(AB, "from=2026-03-02&to=2026-03-03")) == [3, 0]


# The day's rollups list the paths /0 and /1, two events each; (other) is /2, /3 and /4, two events each.
LISTED = [
    pytest.param(steps("/0", "/1"), True, id="listed paths"),
    pytest.param(steps("/0", "/2"), False, id="a path that is not listed"),
    pytest.param(steps("/0", "/*"), False, id="a pattern"),
    pytest.param([*steps("/0"), {"type": "page", "condition": {"page": OTHER}}], False, id="(other) as a path"),
    pytest.param(steps("/0", OTHER), False, id="(other) as a type"),
    pytest.param(steps("page_view", "/0"), True, id="a type"),
    pytest.param(steps("click", "/0"), True, id="a type that is listed"),
    pytest.param(steps("rare", "/0"), False, id="a type that is not listed"),
    pytest.param([*steps("/0"), {"type": "event", "condition": {"page": "/0"}}], False, id="any type"),
]


@pytest.mark.parametrize(("definition", "is_listed"), LISTED)
def test_what_rollups_do_not_list_by_name_is_read_from_raw_events(
    post: Any, count: Any, sql: Any, monkeypatch: pytest.MonkeyPatch, definition: Any, is_listed: bool
) -> None:
    monkeypatch.setattr(rows.add, "__defaults__", (rows.cardinality.DEFAULT_LIMITS._replace(types=2, values=2),))
    kinds = [{**event_at("09:00:00", "/0"), "type": kind} for kind in ("click", "click", "rare", "seldom")]
    post([*(event_at(f"10:0{n}:00", f"/{n // 2}") for n in range(10)), *kinds])
    before = reached(count({"steps": definition}))
    sql(("DELETE FROM events" if is_listed else "UPDATE postings SET body = '', sessions = ''") + " RETURNING 1")
    assert (before[0], reached(count({"steps": definition}))) == (1, before)


def test_postings_answer_when_all_types_are_listed(post: Any, count: Any, only_postings: Any) -> None:
    post([event_at("10:00:00", "/a"), {**event_at("10:01:00", "/b"), "type": "click"}])
    definition = {"steps": [*steps("/a"), {"type": "event", "condition": {"path": "/b"}}]}
    only_postings()
    assert reached(count(definition)) == [1, 1]


def test_too_many_events_are_rejected(post: Any, count: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    post(WALK)
    monkeypatch.setattr(posted, "MOST_POINTS", 3)
    assert count(AB, status=422)["errors"][0]["code"] == "too_many"


@pytest.mark.parametrize("ordering", ["ordered", "strict"])
def test_postings_are_read_by_the_primary_key(engine: Engine, ordering: str) -> None:
    period = Period(LATER - timedelta(days=2), LATER, ZoneInfo("UTC"))
    seen = posted.Seen(1, period, Calendar("UTC", "UTC", None, frozenset()), False)
    definition = FunnelDefinition(read_steps(steps("/a", "/*", "click")), ordering, "visit")
    query = posted._query(seen, definition, [LATER.date(), LATER.date() - timedelta(days=1)])
    plan = explain(engine, query)
    assert any("using pk_postings" in line for line in plan)
    assert any("Index Cond" in line and "site_id = 1" in line and "day = ANY" in line for line in plan)


def test_visits_are_read_by_an_index_of_the_site(engine: Engine) -> None:
    seen = posted.Seen(1, Period(LATER, LATER, ZoneInfo("UTC")), Calendar("UTC", "UTC", None, frozenset()), False)
    plan = explain(engine, reading.visits_query(seen, func.any(cast([1, 2], ARRAY(BigInteger)))))
    assert any("using pk_visits" in line or "using ix_visits_site_id_started_at" in line for line in plan)
    assert any("Index Cond" in line and "site_id = 1" in line for line in plan)


def explain(engine: Engine, query: Any) -> Any:
    with engine.begin() as connection:
        force_index_lookups(connection)
        statement, given = posted.compiled(connection, query)
        return connection.exec_driver_sql("EXPLAIN " + statement, given).scalars().all()

"""Funnels of days that have postings: raw events are not looked at, unless postings cannot tell."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import BigInteger, Engine, cast, func
from sqlalchemy.dialects.postgresql import ARRAY

from analytics.funnels import posted, reading
from analytics.funnels.definitions import Definition
from analytics.funnels.steps import read_steps
from analytics.period import Period
from analytics.rollups import rows
from analytics.rollups.calendar import Calendar
from analytics.rollups.guard import OTHER
from analytics.rollups.merge import merge_all
from analytics.rollups.postings import make_postings
from tests.funnels.test_rules import at, reached, steps
from tests.reports.slow import BOT

LATER = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def post(engine: Engine, store: Any) -> Any:
    """`post(events)`: stored, merged, and the days that are over have postings."""

    def put(events: Any) -> None:
        store(events)
        merge_all(engine, 10)
        assert make_postings(engine, LATER, 60, timedelta()) > 0

    return put


@pytest.fixture
def only_postings(sql: Any) -> Any:
    """Afterwards there is nothing to be read but postings."""
    return lambda: sql("DELETE FROM events RETURNING 1")


AB = {"steps": steps("/a", "/b")}
WALK = [
    at("10:00:00", "/a"), at("10:01:00", "/b"), at("23:00:00", "/a", "bob"), at("23:30:00", "/b", "bob"),
    {**at("00:30:00", "/b", "cid"), "ts": "2026-03-03T00:30:00Z"}, at("23:50:00", "/a", "cid"),
    at("11:00:00", "/a", "bot", user_agent=BOT), at("11:01:00", "/b", "bot", user_agent=BOT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("definition", "query", "expected"),
    [
        pytest.param(AB, "from=2026-03-02&to=2026-03-03", [3, 3], id="over two days"),
        pytest.param(AB, "date=2026-03-02", [3, 2], id="a day"),
        pytest.param(AB, "date=2026-03-02&include_bots=true", [4, 3], id="programs"),
        pytest.param(AB, "from=2026-03-02T10:00:30Z&to=2026-03-02T23:30:00Z", [1, 0], id="instants"),
        pytest.param(AB, "date=2026-03-02&zone=Asia/Kathmandu", [1, 1], id="another zone's day"),
        pytest.param({"steps": steps("/a", "/*")}, "date=2026-03-02", [3, 2], id="a pattern"),
        pytest.param({"steps": steps("page_view", "/b")}, "date=2026-03-02", [3, 2], id="a type"),
        pytest.param(AB | {"ordering": "strict"}, "date=2026-03-02", [3, 2], id="strict"),
        pytest.param(AB | {"scope": "visit"}, "date=2026-03-02", [3, 2], id="by visit"),
    ],
)
def test_postings_alone_tell_of_their_days(
    post: Any, count: Any, only_postings: Any, definition: Any, query: str, expected: Any
) -> None:
    post(WALK)
    assert reached(count(definition, query)) == expected
    only_postings()
    assert reached(count(definition, query)) == expected


def test_pages_that_are_no_step_keep_a_visit_open(
    engine: Engine, post: Any, store: Any, count: Any, only_postings: Any
) -> None:
    """Those that were merged are known as visits; the others are looked for on their own days. 30 minutes and a
    microsecond of silence end a visit."""
    by_visit = {"steps": steps("/a", "/b"), "scope": "visit"}
    walk = [("10:00:00", "/a"), ("10:20:00", "/x"), ("10:50:00", "/y"), ("11:20:00", "/b")]
    post([
        *(at(*one, session_id="s1") for one in walk),
        *(at(*one, "bob", session_id="s2") for one in [*walk[:3], ("11:20:00.000001", "/b")]),
        *(at(*one, "cid", session_id="s3") for one in (walk[0], walk[3])),
    ])  # fmt: skip
    asked = "from=2026-03-02T10:00:00Z&to=2026-03-03T00:00:00Z"
    assert reached(count(by_visit, asked)) == [3, 1]
    store([at("10:45:00", "/z", "cid", session_id="s3")])
    assert reached(count(by_visit, asked)) == [3, 1]
    store([at("10:30:00", "/z", "cid", session_id="s3"), at("10:55:00", "/z", "cid", session_id="s3")])
    assert reached(count(by_visit, asked)) == [3, 2]
    merge_all(engine, 10)
    assert make_postings(engine, LATER, 60, timedelta()) > 0
    only_postings()
    assert reached(count(by_visit, asked)) == [3, 2]


ASKS_MORE = {
    "a filter": (AB, "&filter=country==DE"),
    "a breakdown": (AB, "&breakdown=country"),
    "a step's filter": (
        {"steps": [*steps("/a"), {"type": "page", "condition": {"page": "/b", "filter": "payload.x!=1"}}]}, "",
    ),
    "a value": (AB | {"value": "eur"}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("definition", "query"), ASKS_MORE.values(), ids=list(ASKS_MORE))
def test_what_postings_do_not_know_is_read_from_raw_events(
    post: Any, count: Any, only_postings: Any, definition: Any, query: str
) -> None:
    post([at("10:00:00", "/a", country="DE"), at("10:01:00", "/b", country="DE")])
    assert reached(count(definition, "date=2026-03-02" + query)) == [1, 1]
    only_postings()
    assert reached(count(definition, "date=2026-03-02" + query)) == [0, 0]


def test_a_day_that_waits_is_read_from_raw_events_and_no_other(post: Any, store: Any, count: Any, sql: Any) -> None:
    post([at("10:00:00", "/a"), {**at("10:00:00", "/a", "bob"), "ts": "2026-03-03T10:00:00Z"}])
    store([at("10:00:00", "/a", "cid")])
    sql("DELETE FROM events WHERE ts >= '2026-03-03' RETURNING 1")
    assert reached(count(AB, "from=2026-03-02&to=2026-03-03")) == [3, 0]


# Which paths the day's rollups list: /0 and /1, two of each; what is other: /2, /3 and /4, two of each.
LISTED = [
    pytest.param(steps("/0", "/1"), True, id="listed paths"),
    pytest.param(steps("/0", "/2"), False, id="one that is not listed"),
    pytest.param(steps("/0", "/*"), False, id="a pattern"),
    pytest.param([*steps("/0"), {"type": "page", "condition": {"page": OTHER}}], False, id="the path of others"),
    pytest.param(steps("/0", OTHER), False, id="the type of others"),
    pytest.param(steps("page_view", "/0"), True, id="a type"),
    pytest.param(steps("click", "/0"), True, id="a type that has no others"),
    pytest.param(steps("rare", "/0"), False, id="a type that is not listed"),
    pytest.param([*steps("/0"), {"type": "event", "condition": {"page": "/0"}}], False, id="any type"),
]


@pytest.mark.parametrize(("asked", "is_told"), LISTED)
def test_what_rollups_do_not_list_by_name_is_read_from_raw_events(
    post: Any, count: Any, sql: Any, monkeypatch: pytest.MonkeyPatch, asked: Any, is_told: bool
) -> None:
    monkeypatch.setattr(rows.add, "__defaults__", (rows.guard.LIMITS._replace(types=2, values=2),))
    kinds = [{**at("09:00:00", "/0"), "type": kind} for kind in ("click", "click", "rare", "seldom")]
    post([*(at(f"10:0{n}:00", f"/{n // 2}") for n in range(10)), *kinds])
    before = reached(count({"steps": asked}))
    sql(("DELETE FROM events" if is_told else "UPDATE postings SET body = '', sessions = ''") + " RETURNING 1")
    assert (before[0], reached(count({"steps": asked}))) == (1, before)


def test_types_that_are_all_listed_hide_nothing(post: Any, count: Any, only_postings: Any) -> None:
    post([at("10:00:00", "/a"), {**at("10:01:00", "/b"), "type": "click"}])
    asked = {"steps": [*steps("/a"), {"type": "event", "condition": {"path": "/b"}}]}
    only_postings()
    assert reached(count(asked)) == [1, 1]


def test_too_many_points_are_refused(post: Any, count: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    post(WALK)
    monkeypatch.setattr(posted, "MOST_POINTS", 3)
    assert count(AB, status=422)["errors"][0]["code"] == "too_many"


@pytest.mark.parametrize("ordering", ["ordered", "strict"])
def test_postings_go_by_the_primary_key(engine: Engine, ordering: str) -> None:
    period = Period(LATER - timedelta(days=2), LATER, ZoneInfo("UTC"))
    seen = posted.Seen(1, period, Calendar("UTC", "UTC", None, frozenset()), False)
    definition = Definition(read_steps(steps("/a", "/*", "click")), ordering, "visit")
    query = posted._query(seen, definition, [LATER.date(), LATER.date() - timedelta(days=1)])
    plan = explain(engine, query)
    assert any("using pk_postings" in line for line in plan)
    assert any("Index Cond" in line and "site_id = 1" in line and "day = ANY" in line for line in plan)


def test_visits_go_by_an_index_of_the_site(engine: Engine) -> None:
    seen = posted.Seen(1, Period(LATER, LATER, ZoneInfo("UTC")), Calendar("UTC", "UTC", None, frozenset()), False)
    plan = explain(engine, reading.visits_query(seen, func.any(cast([1, 2], ARRAY(BigInteger)))))
    assert any("using pk_visits" in line or "using ix_visits_site_id_started_at" in line for line in plan)
    assert any("Index Cond" in line and "site_id = 1" in line for line in plan)


def explain(engine: Engine, query: Any) -> Any:
    with engine.begin() as connection:
        connection.execute(rows.BY_INDEX)
        statement, given = posted.compiled(connection, query)
        return connection.exec_driver_sql("EXPLAIN " + statement, given).scalars().all()

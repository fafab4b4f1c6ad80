"""Sums without bitmaps, by type and by short code, and visits by value: the same while deltas wait and once merged."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import Engine, text

from analytics.rollups import guard, sums, users
from analytics.rollups.merge import merge_site
from analytics.rollups.reading import ROWS, snapshot
from analytics.rollups.rows import BY_INDEX
from analytics.rollups.visit_tally import VisitSums
from analytics.sites import Site
from tests.rollups.test_merge import Event, leave
from tests.rollups.test_reading import AFTER, DAY, NEXT, both, page

BOT = "t\tBot\t\\N\t\\N"


def click(code: str, **changes: Any) -> Event:
    return Event(kind="click", subject=code, **changes)


@pytest.fixture
def two_days(engine: Engine, site: Site) -> Site:
    """Merged: x twice and y once on the 14th. Waiting: x once on the 15th, y by a program, a page view, a sale of y."""
    leave(engine, site, [(click("x"), 1), (click("x"), 2), (click("y"), 1)])
    merge_site(engine, site.id)
    leave(engine, site, [(click("x", ts="2026-03-15T10:00:00Z"), 3), (click("y", agent=BOT), 9), (page("/a"), 4)])
    leave(engine, site, [(Event(kind="sale", subject="y"), 5)])
    return site


def test_short_codes_are_ranked_by_their_clicks(engine: Engine, two_days: Site) -> None:
    def ask(found: Any) -> Any:
        return [
            list(sums.by_subject(found, "click", DAY, AFTER, **more).items())
            for more in ({}, {"bots": True}, {"limit": 1})
        ]

    assert both(engine, two_days, ask) == [[("x", 3), ("y", 1)], [("x", 3), ("y", 2)], [("x", 3)]]
    with snapshot(engine, two_days, 5) as found:
        assert sums.by_subject(found, "click", NEXT, AFTER) == {"x": 1}
        assert sums.by_subject(found, "nothing", DAY, AFTER) == {}


def test_what_finds_no_place_is_other(engine: Engine, site: Site) -> None:
    with engine.begin() as connection:
        fill = text("""
        INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
        SELECT :site_id, 'day', 'total', :day, 'click', 'c' || n, false, '', 1, :nobody FROM generate_series(1, :n) AS n
        """)
        connection.execute(
            fill, {"site_id": site.id, "day": DAY, "n": guard.LIMITS.subjects, "nobody": users.pack(BitMap64())}
        )
    leave(engine, site, [(click("new"), 1), (click("newer"), 1), (click("c7"), 1)])
    top = both(engine, site, lambda found: list(sums.by_subject(found, "click", DAY, NEXT, limit=2).items()))
    assert top == [("(other)", 2), ("c7", 2)]


def test_days_values_and_types_are_summed(engine: Engine, two_days: Site) -> None:
    def ask(found: Any) -> Any:
        clicks = {"types": ["click"], "subject": "x"}
        return (
            dict(sums.by_day(found, "hour", DAY, AFTER, **clicks)),
            sums.by_value(found, ["browser", "path"], DAY, AFTER, types=["page_view"])["path"],
            {place: (count.events, set(count.users)) for place, count in sums.by_type(found, DAY, AFTER).items()},
            {
                value: set(people)
                for value, people in sums.people_by_value(found, "path", DAY, AFTER, types=["page_view"]).items()
            },
        )

    hours, paths, types, people = both(engine, two_days, ask)
    assert (hours[NEXT, "10"], sum(hours.values()), paths, people) == (1, 3, {"/a": 1}, {"/a": {4}})
    assert types == {
        (DAY, "click"): (3, {1, 2}), (NEXT, "click"): (1, {3}), (DAY, "page_view"): (1, {4}), (DAY, "sale"): (1, {5}),
    }  # fmt: skip


def test_visits_of_the_values_that_are_shown(engine: Engine, site: Site) -> None:
    start = datetime(2026, 3, 14, 9, tzinfo=UTC)
    views = [("/a", 0, 1), ("/b", 60, 1), ("/a", 0, 2), ("/c", 0, 3)]
    leave(
        engine,
        site,
        [
            (page(path, ts=f"{start + timedelta(seconds=after):%Y-%m-%dT%H:%M:%S}Z"), user)
            for path, after, user in views
        ],
    )
    merge_site(engine, site.id)
    with snapshot(engine, site, 5) as found:
        entries = sums.visits_of(found, "entry_path", DAY, NEXT, ["/a", "/b"])
        assert entries == {"/a": VisitSums(2, 1, 3, 60_000_000)}
        assert set(sums.visits_of(found, "exit_path", DAY, NEXT, ["/a", "/b"])) == {"/a", "/b"}
        assert sums.visits_of(found, "exit_path", DAY, NEXT, []) == {}


FILL = text("""
INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
SELECT :site_id, 'day', dimension, date '2026-02-01' + day, type, 'c' || code, false, dimension || value, 1, '\\x00'
FROM unnest(ARRAY['total', 'path']) AS dimension, generate_series(0, 20) AS day,
     unnest(ARRAY['click', 'page_view']) AS type, generate_series(1, 20) AS code, generate_series(1, 5) AS value
""")


def test_short_codes_and_values_go_by_the_primary_key(engine: Engine, site: Site) -> None:
    given = {"site_id": site.id, "spans": ["day"], "days": [date(2026, 2, 3)], "type": "click", "bots": [False]}
    given |= {
        "waiting": [],
        "waiting_events": [],
        "limit": 5,
        "types": ["click"],
        "dimensions": ["path"],
        "subject": "",
    }
    with engine.begin() as connection:
        connection.execute(FILL, {"site_id": site.id})
        connection.execute(BY_INDEX)
        cursor: Any = connection.connection.cursor()
        for query in (sums.SUBJECTS, sums.EVENTS, sums.TYPES, sums.PEOPLE):
            cursor.execute("EXPLAIN (COSTS OFF) " + query, given)
            plan = "\n".join(line for (line,) in cursor)
            condition = next(line for line in plan.splitlines() if "Index Cond" in line)
            assert "using pk_rollups" in plan
            assert all(
                f"({column} " in condition for column in ("site_id", "span", "dimension", "day", "type", "subject")
            )
        assert ROWS in sums.EVENTS


def test_visits_go_by_the_primary_key(engine: Engine, site: Site) -> None:
    given = {"site_id": site.id, "dimension": "path", "days": [DAY], "values": ["/a"], "bots": [False]}
    with engine.begin() as connection:
        connection.execute(BY_INDEX)
        plan = "\n".join(connection.execute(text("EXPLAIN (COSTS OFF) " + sums.VISITS.text), given).scalars())
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "using pk_visit_rollups" in plan
    assert all(f"({column} = " in condition for column in ("site_id", "dimension", "day", "value"))

"""Sums without bitmaps, by type and by short code, and visits by value: the same before and after a merge."""

from datetime import date
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import Engine, text

from analytics.rollups import bitmaps, cardinality
from analytics.rollups.cardinality import OTHER
from analytics.rollups.merge import merge_site
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.snapshot import FROM_ROLLUPS, open_snapshot
from analytics.sites.sites import Site
from analytics.store.planner import force_index_lookups
from tests.rollups.factories import BOT_AGENT, Row, add_delta, page
from tests.rollups.snapshot.test_snapshot import AFTER, DAY, NEXT, read_twice


def click(code: str, **changes: Any) -> Row:
    return Row(kind="click", subject=code, **changes)


@pytest.fixture
def two_days(engine: Engine, site: Site) -> Site:
    """Merged: x twice and y once on the 14th. Unmerged: x once on the 15th, y by a bot, a page view, a sale of y."""
    add_delta(engine, site, [(click("x"), 1), (click("x"), 2), (click("y"), 1)])
    merge_site(engine, site.id)
    add_delta(
        engine, site, [(click("x", ts="2026-03-15T10:00:00Z"), 3), (click("y", agent=BOT_AGENT), 9), (page("/a"), 4)]
    )
    add_delta(engine, site, [(Row(kind="sale", subject="y"), 5)])
    return site


def test_short_codes_are_ranked_by_their_clicks(engine: Engine, two_days: Site) -> None:
    def read(snapshot: Any) -> Any:
        return [
            list(sums.events_by_subject(snapshot, "click", DAY, AFTER, **options).items())
            for options in ({}, {"bots": True}, {"limit": 1})
        ]

    assert read_twice(engine, two_days, read) == [[("x", 3), ("y", 1)], [("x", 3), ("y", 2)], [("x", 3)]]
    with open_snapshot(engine, two_days, 5) as snapshot:
        assert sums.events_by_subject(snapshot, "click", NEXT, AFTER) == {"x": 1}
        assert sums.events_by_subject(snapshot, "nothing", DAY, AFTER) == {}


def test_subjects_beyond_the_limit_are_other(engine: Engine, site: Site) -> None:
    with engine.begin() as connection:
        fill = text("""
        INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
        SELECT :site_id, 'day', 'total', :day, 'click', 'c' || n, false, '', 1, :no_users FROM generate_series(1, :n) AS n
        """)
        connection.execute(
            fill,
            {
                "site_id": site.id,
                "day": DAY,
                "n": cardinality.DEFAULT_LIMITS.subjects,
                "no_users": bitmaps.encode(BitMap64()),
            },
        )
    add_delta(engine, site, [(click("new"), 1), (click("newer"), 1), (click("c7"), 1)])
    top = read_twice(
        engine, site, lambda snapshot: list(sums.events_by_subject(snapshot, "click", DAY, NEXT, limit=2).items())
    )
    assert top == [(OTHER, 2), ("c7", 2)]


def test_sums_by_day_value_and_type(engine: Engine, two_days: Site) -> None:
    def read(snapshot: Any) -> Any:
        clicks = {"types": ["click"], "subject": "x"}
        return (
            dict(sums.events_by_day(snapshot, "hour", DAY, AFTER, **clicks)),
            sums.events_by_value(snapshot, ["browser", "path"], DAY, AFTER, types=["page_view"])["path"],
            {key: (count.events, set(count.users)) for key, count in sums.counts_by_type(snapshot, DAY, AFTER).items()},
            {
                value: set(users)
                for value, users in sums.users_by_value(snapshot, "path", DAY, AFTER, types=["page_view"]).items()
            },
        )

    hours, paths, types, users = read_twice(engine, two_days, read)
    assert (hours[NEXT, "10"], sum(hours.values()), paths, users) == (1, 3, {"/a": 1}, {"/a": {4}})
    assert types == {
        (DAY, "click"): (3, {1, 2}), (NEXT, "click"): (1, {3}), (DAY, "page_view"): (1, {4}), (DAY, "sale"): (1, {5}),
    }  # fmt: skip


FILL = text("""
INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
SELECT :site_id, 'day', dimension, date '2026-02-01' + day, type, 'c' || code, false, dimension || value, 1, '\\x00'
FROM unnest(ARRAY['total', 'path']) AS dimension, generate_series(0, 20) AS day,
     unnest(ARRAY['click', 'page_view']) AS type, generate_series(1, 20) AS code, generate_series(1, 5) AS value
""")


def test_short_codes_and_values_are_served_by_the_primary_key(engine: Engine, site: Site) -> None:
    parameters = {"site_id": site.id, "spans": ["day"], "days": [date(2026, 2, 3)], "type": "click", "bots": [False]}
    parameters |= {"unmerged": [], "unmerged_events": [], "limit": 5}
    parameters |= {"types": ["click"], "dimensions": ["path"], "subject": ""}
    with engine.begin() as connection:
        connection.execute(FILL, {"site_id": site.id})
        force_index_lookups(connection)
        cursor: Any = connection.connection.cursor()
        for query in (sums.SUBJECTS, sums.EVENTS, sums.TYPES, sums.READ_BITMAPS):
            cursor.execute("EXPLAIN (COSTS OFF) " + query, parameters)
            plan = "\n".join(line for (line,) in cursor)
            condition = next(line for line in plan.splitlines() if "Index Cond" in line)
            assert "using pk_rollups" in plan
            assert all(
                f"({column} " in condition for column in ("site_id", "span", "dimension", "day", "type", "subject")
            )
        assert FROM_ROLLUPS in sums.EVENTS

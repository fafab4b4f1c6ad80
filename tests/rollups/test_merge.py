"""merge against real tables: each delta once, whatever runs at once, and never more rows than the guard allows."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64
from sqlalchemy import Engine, text

from analytics.rollups import delta, guard, merge, rows, taking, users
from analytics.rollups.delta import Count, Key
from analytics.rollups.taking import alone
from analytics.sites import Site

DAY = date(2026, 3, 14)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@dataclass
class Event:
    """An event as delta.py counts it."""

    ts: str = "2026-03-14T12:00:00Z"
    kind: str = "page_view"
    subject: str = ""
    session: str = ""
    agent: str = "f\tFirefox\tLinux\tdesktop"
    page: str = "/a\t\\N\t\\N\t\\N"
    referrer: str = "\\N\t\\N"
    place: str = "DE\tBerlin\tBerlin"


INSERT = text("INSERT INTO rollup_deltas (site_id, zone, events, body) VALUES (:site_id, :zone, :events, :body)")


def leave(engine: Engine, site: Site, events: Iterable[tuple[Event, int]], zone: str = "UTC") -> None:
    """A delta of these (event, user_no), as a drain leaves it."""
    found = list(events)
    body = delta.pack_rows(zone, [event for event, _ in found], [user_no for _, user_no in found])
    with engine.begin() as connection:
        connection.execute(INSERT, {"site_id": site.id, "zone": zone, "events": len(found), "body": body})


@pytest.fixture
def table(engine: Engine) -> Callable[..., dict[Any, Any]]:
    """`table("path")`: (day, type, subject, is_bot, value) → (events, set of user_no) of a dimension's rows."""

    def read(dimension: str) -> dict[Any, Any]:
        query = text(
            "SELECT day, type, subject, is_bot, value, events, users FROM rollups WHERE dimension = :dimension"
        )
        with engine.connect() as connection:
            found = connection.execute(query, {"dimension": dimension}).all()
        return {tuple(row[:5]): (row[5], set(users.unpack(bytes(row[6])))) for row in found}

    return read


def test_counts_add_up_and_people_unite(engine: Engine, site: Site, table: Any) -> None:
    leave(engine, site, [(Event(), 1), (Event(), 2), (Event(page="/b\t\\N\t\\N\t\\N"), 2)])
    assert merge.merge_site(engine, site.id)[:2] == (1, 3)
    leave(engine, site, [(Event(), 2), (Event(), 3)])
    leave(engine, site, [(Event(ts="2026-03-15T00:30:00Z"), 3)])
    assert merge.merge_site(engine, site.id)[:2] == (2, 3)
    tomorrow = date(2026, 3, 15)
    assert table("total") == {
        (DAY, "page_view", "", False, ""): (5, {1, 2, 3}),
        (tomorrow, "page_view", "", False, ""): (1, {3}),
    }
    assert table("hour") == {
        (DAY, "page_view", "", False, "12"): (5, {1, 2, 3}),
        (tomorrow, "page_view", "", False, "00"): (1, {3}),
    }
    assert table("path") == {
        (DAY, "page_view", "", False, "/a"): (4, {1, 2, 3}),
        (DAY, "page_view", "", False, "/b"): (1, {2}),
        (tomorrow, "page_view", "", False, "/a"): (1, {3}),
    }
    assert table("city")[DAY, "page_view", "", False, "DE/Berlin/Berlin"] == (5, {1, 2, 3})


def test_a_click_counts_for_the_site_and_for_its_subject(engine: Engine, site: Site, table: Any) -> None:
    leave(engine, site, [(Event(kind="click", subject="abc"), 7), (Event(kind="click"), 8)])
    merge.merge_site(engine, site.id)
    assert table("total") == {
        (DAY, "click", "", False, ""): (2, {7, 8}),
        (DAY, "click", "abc", False, ""): (1, {7}),
    }


def test_deltas_go_and_their_days_are_opened(engine: Engine, site: Site, sql: Any) -> None:
    leave(engine, site, [(Event(), 1), (Event(ts="2026-03-12T10:00:00Z"), 1)])
    merge.merge_site(engine, site.id)
    assert sql("SELECT count(*) FROM rollup_deltas") == [(0,)]
    assert sql("SELECT day FROM open_days ORDER BY day") == [(date(2026, 3, 12),), (DAY,)]
    assert sql("SELECT rollups_zone FROM sites") == [("UTC",)]
    assert sql("SELECT sum(visits), sum(views) FROM visit_rollups WHERE dimension = 'total'") == [(2, 2)]
    assert merge.merge_site(engine, site.id) == merge.Merged()


def test_a_bitmap_that_nobody_joins_stays_where_it_is(engine: Engine, site: Site, sql: Any) -> None:
    """Large bitmaps are out of line; PostgreSQL keeps such a value through an UPDATE that does not change it."""
    crowd = [(Event(), number) for number in range(0, 300_000, 20)]
    leave(engine, site, crowd)
    merge.merge_site(engine, site.id)
    before = sql("SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'rollups'")
    for _ in range(3):
        leave(engine, site, crowd)
        merge.merge_site(engine, site.id)
    assert sql("SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'rollups'") == before
    assert sql("SELECT events FROM rollups WHERE dimension = 'total'") == [(60_000,)]


def test_merges_at_once_count_once(engine: Engine, site: Site, table: Any) -> None:
    for number in range(12):
        leave(engine, site, [(Event(), number)])
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(merge.merge_site, engine, site.id, 2) for _ in range(12)]:
            done.result()
    merge.merge_all(engine, 10)
    assert table("total") == {(DAY, "page_view", "", False, ""): (12, set(range(12)))}


def test_a_merge_leaves_a_locked_site_alone(engine: Engine, site: Site) -> None:
    leave(engine, site, [(Event(), 1)])
    with alone(engine, site.id):
        assert merge.merge_site(engine, site.id).deltas == 0
    assert merge.merge_site(engine, site.id).deltas == 1


def test_a_limit_takes_the_oldest_and_says_that_there_is_more(engine: Engine, site: Site) -> None:
    for number in range(5):
        leave(engine, site, [(Event(), number)] * 10)
    assert merge.merge_site(engine, site.id, limit=15)[::3] == (2, True)
    assert merge.merge_all(engine, 10)[:2] == (3, 30)


def test_a_body_that_cannot_be_read_does_not_hold_up_another_site(engine: Engine, site: Site, sql: Any) -> None:
    from analytics.sites import create_site

    with engine.begin() as connection:
        other = create_site(connection, "other")
        broken = {"site_id": site.id, "zone": "UTC", "events": 1, "body": b"\x01nonsense"}
        connection.execute(INSERT, broken)
    leave(engine, other, [(Event(), 1)])
    done = merge.merge_all(engine, 10)
    assert (done.deltas, done.failed) == (1, 1)
    assert sql("SELECT site_id FROM rollup_deltas") == [(site.id,)]
    with engine.begin() as connection:
        connection.execute(AGE)
    # Nor does it hold up drains, which would wait for a merge of another process.
    assert merge.catch_up(engine, lag_s=30, wait_s=30, seconds=600) == 0


# The guard

FEW = guard.Limits(types=2, subjects=2, values=2)


def add(engine: Engine, site: Site, counts: dict[Key, Count], limits: guard.Limits = FEW) -> None:
    with engine.begin() as connection:
        rows.add(connection, site.id, counts, limits)


def paths(*values: str, events: int = 1) -> dict[Key, Count]:
    return {Key("path", DAY, "page_view", "", False, v): Count(events, BitMap64([len(v)])) for v in values}


def test_what_has_a_row_is_counted_exactly_and_the_rest_is_other(engine: Engine, site: Site, table: Any) -> None:
    add(engine, site, paths("/a", "/bb"))
    add(engine, site, paths("/bb", "/ccc", "/dddd", ""))
    add(engine, site, paths("/a", "/ccc", "/eeeee"))
    found = {key[4]: value for key, value in table("path").items()}
    assert found == {"/a": (2, {2}), "/bb": (2, {3}), "": (1, {0}), "(other)": (4, {4, 5, 6})}


def test_of_newcomers_the_most_frequent_get_a_place(engine: Engine, site: Site, table: Any) -> None:
    add(engine, site, {**paths("/a", "/b"), **paths("/x", "/y", events=5)})
    assert {key[4]: value[0] for key, value in table("path").items()} == {"/x": 5, "/y": 5, "(other)": 2}


def test_each_day_and_each_bot_has_places_of_its_own(engine: Engine, site: Site, table: Any) -> None:
    add(engine, site, paths("/a", "/b"))
    tomorrow = {key._replace(day=DAY + timedelta(days=1)): count for key, count in paths("/c", "/d").items()}
    bots = {key._replace(is_bot=True): count for key, count in paths("/e", "/f").items()}
    add(engine, site, {**tomorrow, **bots})
    assert sorted(key[4] for key in table("path")) == ["/a", "/b", "/c", "/d", "/e", "/f"]


@pytest.mark.parametrize("field", ["type", "subject"])
def test_types_and_subjects_overflow_too(engine: Engine, site: Site, table: Any, field: str) -> None:
    key = Key("total", DAY, "click", "", False, "")
    for number, name in enumerate(("a", "b", "c", "d", "a")):
        add(engine, site, {key._replace(**{field: name}): Count(1, BitMap64([number]))})
    place = Key._fields.index(field) - 1
    assert {row[place]: value for row, value in table("total").items()} == {
        "a": (2, {0, 4}), "b": (1, {1}), "(other)": (2, {2, 3}),
    }  # fmt: skip


def test_a_value_too_long_for_the_index_is_other(engine: Engine, site: Site, table: Any) -> None:
    add(engine, site, paths("/" + "\U0001f600" * 2000, "/a"), guard.LIMITS)
    assert sorted(key[4] for key in table("path")) == ["(other)", "/a"]


def test_thousands_of_paths_in_parts_leave_no_more_rows_than_places(
    engine: Engine, site: Site, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits of production; 6,000 paths in three deltas, whose counts come in parts of some hundred keys."""
    monkeypatch.setattr(taking, "unite_in_parts", partial(delta.unite_in_parts, keys=800))
    hits = [(f"/{n % 7 if n % 10 == 0 else n}", n % 50) for n in range(6000)]
    for start in (0, 2000, 4000):
        events = [(Event(page=f"{path}\t\\N\t\\N\t\\N"), user) for path, user in hits[start : start + 2000]]
        leave(engine, site, events)
        merge.merge_site(engine, site.id)
    found = {key[4]: value for key, value in table("path").items()}
    listed = found.keys() - {guard.OTHER}
    assert len(listed) == guard.LIMITS.values
    for value in (*listed, guard.OTHER):
        mine = [user for path, user in hits if path == value or (value == guard.OTHER and path not in listed)]
        assert found[value] == (len(mine), set(mine)), value
    assert table("total") == {(DAY, "page_view", "", False, ""): (6000, set(range(50)))}


# Binary rows

COLUMNS = st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=4)


@given(st.lists(COLUMNS, max_size=5))
def test_binary_copy_is_read_as_postgresql_writes_it(engine: Engine, lists: list[list[bytes | None]]) -> None:
    with engine.connect() as connection:
        for columns in lists:
            names = ", ".join(f"%(c{n})s::bytea" for n in range(len(columns)))
            values = {f"c{n}": column for n, column in enumerate(columns)}
            query = f"SELECT {names} FROM generate_series(1, 2)"
            assert list(users.read_binary(connection, query, values)) == [tuple(columns)] * 2


def test_the_types_that_we_decode(engine: Engine) -> None:
    query = "SELECT -5, 9000000000::bigint, 'größer'::text, '1999-12-31'::date, true, '%%'"
    with engine.connect() as connection:
        (small, large, word, day, flag, percent), = users.read_binary(connection, query)  # fmt: skip
    assert (users.as_int(small), users.as_int(large), users.as_text(word)) == (-5, 9_000_000_000, "größer")
    assert (users.as_date(day), users.as_bool(flag), percent) == (date(1999, 12, 31), True, b"%%")


def test_what_we_write_is_what_we_read(engine: Engine) -> None:
    wanted = [(users.from_int8(-1), b"", users.from_bool(True)), (users.from_int8(2**60), b"x" * 70_000, b"\0")]
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE kept (n bigint, raw bytea, flag bool) ON COMMIT DROP"))
        cursor: Any = connection.connection.cursor()
        with cursor:
            data = BytesIO(b"".join(users.binary_rows(wanted)))
            cursor.copy_expert("COPY kept FROM STDIN (FORMAT binary)", data)
        assert list(users.read_binary(connection, "SELECT * FROM kept ORDER BY n")) == wanted
        assert list(users.read_binary(connection, "SELECT * FROM kept WHERE n = 7")) == []


def test_values_are_bound_and_never_pasted(engine: Engine) -> None:
    with engine.connect() as connection:
        word = "'; DROP TABLE rollups; -- %s"
        assert list(users.read_binary(connection, "SELECT %(word)s::text", {"word": word})) == [(word.encode(),)]


@given(st.sets(st.integers(0, 2**63 - 1), max_size=50), st.integers(0, 5000))
def test_a_set_survives_its_packing(numbers: set[int], run: int) -> None:
    everybody = BitMap64(numbers) | BitMap64(range(run))
    assert users.unpack(users.pack(everybody)) == everybody
    assert users.union([BitMap64(numbers), BitMap64(range(run))]) == everybody


AGE = text("UPDATE rollup_deltas SET created_at = now() - make_interval(secs => 60)")


def test_catching_up_takes_what_waited_too_long_and_leaves_what_is_fresh(engine: Engine, site: Site) -> None:
    leave(engine, site, [(Event(), 1)])
    assert merge.catch_up(engine, lag_s=30, wait_s=30, seconds=5) == 0
    assert waiting(engine) == 1
    with engine.begin() as connection:
        connection.execute(AGE)
    assert merge.catch_up(engine, lag_s=30, wait_s=30, seconds=5) > 0
    assert waiting(engine) == 0


def test_catching_up_ends_while_another_merge_is_stuck(engine: Engine, site: Site) -> None:
    leave(engine, site, [(Event(), 1)])
    with engine.begin() as connection:
        connection.execute(AGE)
    with alone(engine, site.id):
        merge.catch_up(engine, lag_s=30, wait_s=30, seconds=0.5)
    assert waiting(engine) == 1


def test_a_merge_of_another_that_is_not_far_behind_is_not_waited_for(engine: Engine, site: Site) -> None:
    leave(engine, site, [(Event(), 1)])
    with engine.begin() as connection:
        connection.execute(AGE)
    with alone(engine, site.id):
        began = time.monotonic()
        merge.catch_up(engine, lag_s=30, wait_s=600, seconds=60)
        assert time.monotonic() - began < 30
    assert waiting(engine) == 1


def waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM rollup_deltas")).scalar_one()

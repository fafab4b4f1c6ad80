"""Cardinality limits on real tables: listed values are exact, '(other)' is the rest, and rows stay bounded."""

from datetime import date, timedelta
from functools import partial

import pytest
from pyroaring import BitMap64
from sqlalchemy import Engine

from analytics.rollups import cardinality, rows
from analytics.rollups.cardinality import OTHER
from analytics.rollups.deltas import claims, counts
from analytics.rollups.deltas.counts import Count, RollupKey
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.rollups.factories import add_delta, page, read_rollups

DAY = date(2026, 3, 14)
FEW = cardinality.CardinalityLimits(types=2, subjects=2, values=2)


def add_counts(
    engine: Engine, site: Site, counts: dict[RollupKey, Count], limits: cardinality.CardinalityLimits = FEW
) -> None:
    with engine.begin() as connection:
        rows.add(connection, site.id, counts, limits)


def paths(*values: str, events: int = 1) -> dict[RollupKey, Count]:
    return {RollupKey("path", DAY, "page_view", "", False, v): Count(events, BitMap64([len(v)])) for v in values}


def test_values_with_a_row_stay_exact_and_the_rest_is_other(engine: Engine, site: Site) -> None:
    add_counts(engine, site, paths("/a", "/bb"))
    add_counts(engine, site, paths("/bb", "/ccc", "/dddd", ""))
    add_counts(engine, site, paths("/a", "/ccc", "/eeeee"))
    paths_stored = {key[4]: value for key, value in read_rollups(engine, "path").items()}
    assert paths_stored == {"/a": (2, {2}), "/bb": (2, {3}), "": (1, {0}), OTHER: (4, {4, 5, 6})}


def test_the_most_frequent_new_values_get_a_row(engine: Engine, site: Site) -> None:
    add_counts(engine, site, {**paths("/a", "/b"), **paths("/x", "/y", events=5)})
    assert {key[4]: value[0] for key, value in read_rollups(engine, "path").items()} == {"/x": 5, "/y": 5, OTHER: 2}


def test_limits_apply_per_day_and_bot_flag(engine: Engine, site: Site) -> None:
    add_counts(engine, site, paths("/a", "/b"))
    tomorrow = {key._replace(day=DAY + timedelta(days=1)): count for key, count in paths("/c", "/d").items()}
    bots = {key._replace(is_bot=True): count for key, count in paths("/e", "/f").items()}
    add_counts(engine, site, {**tomorrow, **bots})
    assert sorted(key[4] for key in read_rollups(engine, "path")) == ["/a", "/b", "/c", "/d", "/e", "/f"]


@pytest.mark.parametrize("field", ["type", "subject"])
def test_types_and_subjects_are_limited_too(engine: Engine, site: Site, field: str) -> None:
    key = RollupKey("total", DAY, "click", "", False, "")
    for number, name in enumerate(("a", "b", "c", "d", "a")):
        add_counts(engine, site, {key._replace(**{field: name}): Count(1, BitMap64([number]))})
    column = RollupKey._fields.index(field) - 1
    assert {row[column]: value for row, value in read_rollups(engine, "total").items()} == {
        "a": (2, {0, 4}), "b": (1, {1}), OTHER: (2, {2, 3}),
    }  # fmt: skip


def test_a_value_too_long_for_the_index_is_other(engine: Engine, site: Site) -> None:
    add_counts(engine, site, paths("/" + "\U0001f600" * 2000, "/a"), cardinality.DEFAULT_LIMITS)
    assert sorted(key[4] for key in read_rollups(engine, "path")) == [OTHER, "/a"]


def test_limits_hold_for_deltas_merged_in_parts(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default limits; 6,000 paths in three deltas, whose counts come in parts of some hundred keys."""
    monkeypatch.setattr(claims, "sum_bodies_in_parts", partial(counts.sum_bodies_in_parts, keys=800))
    hits = [(f"/{n % 7 if n % 10 == 0 else n}", n % 50) for n in range(6000)]
    for start in (0, 2000, 4000):
        events = [(page(path), user) for path, user in hits[start : start + 2000]]
        add_delta(engine, site, events)
        merge_site(engine, site.id)
    stored = {key[4]: value for key, value in read_rollups(engine, "path").items()}
    listed = stored.keys() - {OTHER}
    assert len(listed) == cardinality.DEFAULT_LIMITS.values
    for value in (*listed, OTHER):
        users = [user for path, user in hits if path == value or (value == OTHER and path not in listed)]
        assert stored[value] == (len(users), set(users)), value
    assert read_rollups(engine, "total") == {(DAY, "page_view", "", False, ""): (6000, set(range(50)))}

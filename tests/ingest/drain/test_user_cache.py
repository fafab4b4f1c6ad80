"""The cache of user numbers holds what was added, keeps the users seen last, and is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.drain.user_cache import UserNumberCache

STEPS = st.lists(st.tuples(st.integers(1, 2), st.sets(st.integers(0, 30), max_size=8)), max_size=40)


@given(steps=STEPS)
def test_it_returns_only_what_was_added(steps: list[tuple[int, set[int]]]) -> None:
    cache, added = UserNumberCache(max_users=20), set[tuple[int, str]]()
    for site_id, numbers in steps:
        names = {f"u{number}" for number in numbers}
        numbers_by_name = cache.get_many(site_id, names)
        assert {(site_id, name) for name in numbers_by_name} <= added
        assert all(numbers_by_name[name] == int(name[1:]) * site_id for name in numbers_by_name)
        cache.add_many({site_id: {name: int(name[1:]) * site_id for name in names}})
        added |= {(site_id, name) for name in names}
        held = {(site, f"u{n}") for site in (1, 2) for n in range(31) if cache.get_many(site, {f"u{n}"})}
        # A full generation takes one more chunk, and both generations may hold a user seen again.
        assert len(held) <= 20 + 2 * 8


def test_users_seen_again_stay_and_others_are_dropped() -> None:
    cache = UserNumberCache(max_users=4)
    for number in range(20):
        cache.add_many({1: {f"u{number}": number, "again": 99}})
        assert cache.get_many(1, {"again", f"u{number}"}) == {"again": 99, f"u{number}": number}
    assert cache.get_many(1, {"u0", "u10"}) == {}
    cache.clear()
    assert cache.get_many(1, {"again"}) == {}

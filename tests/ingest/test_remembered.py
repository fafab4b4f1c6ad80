"""What a drain remembers of users is what it was told, of the last ones met, and bounded."""

from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.remembered import Remembered

STEPS = st.lists(st.tuples(st.integers(1, 2), st.sets(st.integers(0, 30), max_size=8)), max_size=40)


@given(steps=STEPS)
def test_it_says_only_what_it_was_told(steps: list[tuple[int, set[int]]]) -> None:
    remembered, told = Remembered(most=20), set[tuple[int, str]]()
    for site_id, numbers in steps:
        names = {f"u{number}" for number in numbers}
        known = remembered.known(site_id, names)
        assert {(site_id, name) for name in known} <= told
        assert all(known[name] == int(name[1:]) * site_id for name in known)
        remembered.remember({site_id: {name: int(name[1:]) * site_id for name in names}})
        told |= {(site_id, name) for name in names}
        held = {(site, f"u{n}") for site in (1, 2) for n in range(31) if remembered.known(site, {f"u{n}"})}
        # A half that is full takes one more chunk, and both halves may hold what was met again.
        assert len(held) <= 20 + 2 * 8


def test_those_met_again_stay_and_the_others_go() -> None:
    remembered = Remembered(most=4)
    for number in range(20):
        remembered.remember({1: {f"u{number}": number, "again": 99}})
        assert remembered.known(1, {"again", f"u{number}"}) == {"again": 99, f"u{number}": number}
    assert remembered.known(1, {"u0", "u10"}) == {}
    remembered.clear()
    assert remembered.known(1, {"again"}) == {}

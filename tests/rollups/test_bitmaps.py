"""Stored sets of users: sizes by head, sizes of unions and encoding, compared with Python's own sets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from analytics.rollups.bitmaps import HEAD_BYTES, UnionCounter, count_by_head, decode, encode, union

FEW = {3, 70_000, 200_001}
# A container of more than 4,096 is stored as bits, one of neighbours as runs.
MANY = set(random.Random(1).sample(range(300_000), 60_000))
RUNS = set(range(10, 40_000)) | {250_000}
LARGE = {5, 2**32 + 5, 2**40}


@pytest.mark.parametrize("users", [FEW, MANY, RUNS, FEW | RUNS | MANY], ids=["few", "many", "runs", "all"])
def test_the_head_of_a_set_gives_its_size(users: set[int]) -> None:
    assert count_by_head(encode(BitMap64(users))[:HEAD_BYTES]) == len(users)


@pytest.mark.parametrize("containers", [485, 499], ids=["fits", "cut"])
def test_a_truncated_head_gives_no_size(containers: int) -> None:
    size = count_by_head(encode(BitMap64(n * 65_536 for n in range(containers)))[:HEAD_BYTES])
    assert size == (containers if containers == 485 else None)


@pytest.mark.parametrize("users", [set(), LARGE], ids=["empty", "64 bits"])
def test_empty_and_64_bit_sets_are_not_counted_by_head(users: set[int]) -> None:
    assert count_by_head(encode(BitMap64(users))) is None


def test_union_sizes_do_not_depend_on_the_order() -> None:
    sets = [(0, FEW), (1, MANY), (0, MANY), (0, RUNS), (2, set()), (1, LARGE), (3, LARGE), (1, FEW), (3, {2**40 + 1})]
    expected, unions = [set[int]() for _ in range(5)], UnionCounter(5)
    for slot, users in sets:
        expected[slot] |= users
        unions.add(slot, encode(BitMap64(users)))
    assert unions.counts() == [len(users) for users in expected]


@given(st.sets(st.integers(0, 2**63 - 1), max_size=50), st.integers(0, 5000))
def test_a_set_is_decoded_as_encoded(numbers: set[int], run: int) -> None:
    users = BitMap64(numbers) | BitMap64(range(run))
    assert decode(encode(users)) == users
    assert union([BitMap64(numbers), BitMap64(range(run))]) == users

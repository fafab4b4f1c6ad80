"""Stored sets of people, counted without being read whole or one by one: always what Python's own sets say."""

import random

import pytest
from pyroaring import BitMap64

from analytics.rollups.users import HEAD_BYTES, Unions, count_by_head, pack

FEW = {3, 70_000, 200_001}
# A container of more than 4,096 is stored as bits, one of neighbours as runs.
MANY = set(random.Random(1).sample(range(300_000), 60_000))
RUNS = set(range(10, 40_000)) | {250_000}
LARGE = {5, 2**32 + 5, 2**40}


@pytest.mark.parametrize("people", [FEW, MANY, RUNS, FEW | RUNS | MANY], ids=["few", "many", "runs", "all"])
def test_the_head_of_a_set_tells_how_many_are_in_it(people: set[int]) -> None:
    assert count_by_head(pack(BitMap64(people))[:HEAD_BYTES]) == len(people)


@pytest.mark.parametrize("containers", [485, 499], ids=["fits", "cut"])
def test_a_head_that_is_cut_does_not_tell(containers: int) -> None:
    found = count_by_head(pack(BitMap64(n * 65_536 for n in range(containers)))[:HEAD_BYTES])
    assert found == (containers if containers == 485 else None)


@pytest.mark.parametrize("people", [set(), LARGE], ids=["nobody", "64 bits"])
def test_other_sets_must_be_read_whole(people: set[int]) -> None:
    assert count_by_head(pack(BitMap64(people))) is None


def test_unions_are_those_of_sets_in_any_order() -> None:
    given = [(0, FEW), (1, MANY), (0, MANY), (0, RUNS), (2, set()), (1, LARGE), (3, LARGE), (1, FEW), (3, {2**40 + 1})]
    expected, unions = [set[int]() for _ in range(5)], Unions(5)
    for place, people in given:
        expected[place] |= people
        unions.add(place, pack(BitMap64(people)))
    assert unions.counts() == [len(people) for people in expected]

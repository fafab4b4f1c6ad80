"""Slots: file locks that limit the processes of a machine."""

from pathlib import Path

from analytics.files.locks import try_acquire_slot


def test_slots_of_a_name_are_limited(tmp_path: Path) -> None:
    with (
        try_acquire_slot(tmp_path, "here", 1) as first,
        try_acquire_slot(tmp_path, "here", 1) as second,
        try_acquire_slot(tmp_path, "there", 1) as other,
    ):
        assert (first, second, other) == (True, False, True)
    with (
        try_acquire_slot(tmp_path, "here", 2) as first,
        try_acquire_slot(tmp_path, "here", 2) as second,
        try_acquire_slot(tmp_path, "here", 2) as third,
    ):
        assert (first, second, third) == (True, True, False)

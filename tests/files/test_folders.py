"""Folders by their URL: the size of upload parts, and the description of errors."""

import errno

from analytics.files.folders import MAX_UPLOAD_PARTS, UPLOAD_PART_BYTES, choose_part_bytes, describe_error


def test_errors_are_described_without_paths_and_addresses() -> None:
    assert describe_error(OSError(errno.ENOSPC, "No space left on device", "/secret")) == "its disk is full"
    assert describe_error(PermissionError(errno.EACCES, "Permission denied", "/secret")) == "Permission denied"
    assert describe_error(ValueError("https://key:secret@host")) == "ValueError"


def test_text_of_a_server_is_not_in_the_description() -> None:
    error = OSError(errno.EBUSY, "An error occurred (SlowDown) at https://bucket.example.com/secret")
    assert describe_error(error) == "Device or resource busy"


def test_upload_parts_grow_with_the_file() -> None:
    assert [choose_part_bytes(size) for size in (0, 1, MAX_UPLOAD_PARTS * UPLOAD_PART_BYTES)] == [8 << 20] * 3
    assert choose_part_bytes(MAX_UPLOAD_PARTS * UPLOAD_PART_BYTES + 1) == 9 << 20
    assert 10**12 / choose_part_bytes(10**12) <= 10_000

"""Copies of column files on this machine."""

import hashlib
import os
from pathlib import Path

import pytest

from analytics.columnar.local_files import LocalFiles


def name_of(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def test_a_body_is_fetched_once(tmp_path: Path) -> None:
    files, fetched = LocalFiles(tmp_path / "new" / "folder", 1000), []

    def fetch() -> bytes:
        fetched.append(1)
        return b"body"

    files.make_folder()
    paths = [files.find(name_of(b"body"), fetch) for _ in range(3)]
    assert [path and path.read_bytes() for path in paths] == [b"body"] * 3
    assert len(fetched) == 1
    assert (tmp_path / "new" / "folder").stat().st_mode & 0o777 == 0o700


def test_a_body_that_is_gone_or_another_one_is_not_kept(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path, 1000)
    assert files.find(name_of(b"a"), lambda: None) is None
    assert files.find(name_of(b"a"), lambda: b"b") is None
    assert list(tmp_path.iterdir()) == []


def test_those_that_were_not_used_for_longest_make_room(tmp_path: Path) -> None:
    files, bodies = LocalFiles(tmp_path, 350), [bytes([n]) * 100 for n in range(4)]
    for age, body in enumerate(bodies[:3]):
        path = files.find(name_of(body), lambda body=body: body)
        assert path
        os.utime(path, (1000 + age, 1000 + age))
    # The first is used again, the last makes it too much.
    files.find(name_of(bodies[0]), lambda: None)
    files.find(name_of(bodies[3]), lambda: bodies[3])
    left = {path.stem for path in tmp_path.iterdir()}
    assert left == {name_of(bodies[n]).hex() for n in (0, 2, 3)}


@pytest.mark.parametrize("kind", ["link", "open to others"])
def test_a_folder_that_others_can_fill_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "columns"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(PermissionError, match="COLUMNS_FOLDER"):
        LocalFiles(folder, 1000).make_folder()

"""Where files are kept: a folder, another disk, and a storage elsewhere; whole or not at all."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from analytics.exports import storage
from analytics.exports.formats import nothing
from analytics.exports.storage import Storage, StorageAway
from analytics.folders import words_of
from tests.exports.conftest import ROUTE


class Signed(MemoryFileSystem):
    """A storage that is not on this machine, and makes addresses as S3 does."""

    protocol = "signed"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("signed://").strip("/")

    def sign(self, path: str, expiration: int = 100, **headers: str) -> str:
        return f"https://files.example.com{path}?for={expiration}&type={headers['ResponseContentType']}"


fsspec.register_implementation("signed", Signed, clobber=True)


@pytest.fixture(params=["folder", "signed"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    yield Storage(str(tmp_path / "new" / "exports") if request.param == "folder" else "signed://exports/of/ours")
    Signed.store.clear()


@pytest.fixture
def made(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(body: bytes) -> Path:
        path = tmp_path / "made"
        path.write_bytes(body)
        return path

    return write


def names(kept: Storage) -> list[str]:
    return [one.name for one in kept.list_files()]


def test_a_file_is_put_read_listed_and_deleted(kept: Storage, made: Any) -> None:
    assert (names(kept), kept.size("a.csv")) == ([], None)
    kept.put(made(b"0123456789" * 300_000), "a.csv", nothing)
    assert (names(kept), kept.size("a.csv")) == (["a.csv"], 3_000_000)
    assert all(one.written_at and one.written_at.tzinfo for one in kept.list_files())
    with kept.open_file("a.csv") as file:
        file.seek(2_999_995)
        assert file.read(100) == b"56789"
    kept.put(made(b"another"), "a.csv", nothing)
    assert kept.size("a.csv") == 7
    for _ in range(2):
        kept.delete("a.csv")
    assert (names(kept), kept.size("a.csv")) == ([], None)
    with pytest.raises(FileNotFoundError):
        kept.open_file("a.csv")


def test_a_folder_takes_the_file_itself(tmp_path: Path, made: Any) -> None:
    source = made(b"body")
    inode = source.stat().st_ino
    folder = tmp_path / "all" / "exports"
    Storage(str(folder)).put(source, "a.csv", nothing)
    assert ((folder / "a.csv").stat().st_ino, source.exists()) == (inode, False)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


@pytest.mark.skipif(
    not Path("/dev/shm").is_dir(), reason="needs /dev/shm, a file system besides the one of temporary files"
)
def test_from_another_disk_a_copy_appears_whole(tmp_path: Path) -> None:
    if Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm and temporary files are on one file system; a copy needs two")
    source = Path(f"/dev/shm/export-test-{os.getpid()}")
    source.write_bytes(b"x" * 3_000_000)
    kept, ticks = Storage(str(tmp_path / "exports")), []
    try:
        with pytest.raises(KeyboardInterrupt):
            kept.put(source, "a.csv", lambda: ticks.append(1) or stop_at(ticks, 2))
        assert names(kept) == []
        kept.put(source, "a.csv", nothing)
        assert (names(kept), kept.size("a.csv")) == (["a.csv"], 3_000_000)
    finally:
        source.unlink()


def stop_at(ticks: list[int], count: int) -> None:
    if len(ticks) >= count:
        raise KeyboardInterrupt


@pytest.mark.parametrize("doing", ["put", "open_file", "size", "list_files"])
def test_what_a_file_system_raises_is_told_without_its_paths(tmp_path: Path, made: Any, doing: str) -> None:
    (tmp_path / "file").write_text("no folder")
    kept = Storage(str(tmp_path / "file" / "exports"))
    given = {"put": (made(b"x"), "a", nothing), "list_files": ()}.get(doing, ("a",))
    with pytest.raises(StorageAway) as error:
        getattr(kept, doing)(*given)
    assert str(tmp_path) not in error.value.detail
    assert error.value.status == 503


def test_a_full_disk_is_called_that() -> None:
    assert words_of(OSError(errno.ENOSPC, "No space left on device", "/secret")) == "its disk is full"
    assert words_of(PermissionError(errno.EACCES, "Permission denied", "/secret")) == "Permission denied"
    assert words_of(ValueError("https://key:secret@host")) == "ValueError"


def test_a_storage_elsewhere_is_downloaded_from_by_a_redirect(
    make_app: Any, rows: Any, token: Any, auth: Any, sql: Any, tmp_path: Path
) -> None:
    from tasks import exports

    rows(1, 5)
    app = make_app(export_url="signed://bucket/exports", export_work_dir=str(tmp_path))
    client, headers = app.test_client(), auth(token("export"))
    job_id = client.post(ROUTE, json={}, headers=headers).json["id"]
    with app.app_context():
        exports.run(job_id)
    found = client.get(f"{ROUTE}/{job_id}/download", headers=headers)
    address = f"https://files.example.com/bucket/exports/{job_id}.csv?for=900&type=text/csv; charset=utf-8"
    assert (found.status_code, found.headers["Location"]) == (302, address.replace(" ", "%20"))
    assert sql("SELECT detail ->> 'job' FROM audit_log WHERE action = 'export.download'") == [(job_id,)]
    head = client.head(f"{ROUTE}/{job_id}/download", headers=headers)
    assert (head.status_code, head.content_length) == (
        200,
        len(Signed.store[f"/bucket/exports/{job_id}.csv"].getvalue()),
    )
    assert client.delete(f"{ROUTE}/{job_id}", headers=headers).status_code == 204
    assert Signed.store == {}


def test_a_storage_is_opened_once_a_process(settings: Any) -> None:
    assert storage.storage_of(settings) is storage.storage_of(settings)

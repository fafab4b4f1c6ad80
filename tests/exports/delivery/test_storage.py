"""The storage in a folder, across disks, and on another machine: files appear whole or not at all."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from analytics.exports.delivery import storage
from analytics.exports.delivery.storage import Storage, StorageUnavailable
from analytics.files.checksums import no_op
from tests.exports.conftest import ROUTE


class Signed(MemoryFileSystem):
    """A file system that is not local and signs URLs, as S3 does."""

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
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    yield Storage(str(tmp_path / "new" / "exports") if request.param == "folder" else "signed://exports/of/ours")
    Signed.store.clear()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(body: bytes) -> Path:
        path = tmp_path / "make_file"
        path.write_bytes(body)
        return path

    return write


def names(files: Storage) -> list[str]:
    return [file.name for file in files.list_files()]


def test_file_is_stored_read_listed_and_deleted(files: Storage, make_file: Any) -> None:
    assert (names(files), files.size("a.csv")) == ([], None)
    files.put(make_file(b"0123456789" * 300_000), "a.csv", no_op)
    assert (names(files), files.size("a.csv")) == (["a.csv"], 3_000_000)
    assert all(file.written_at and file.written_at.tzinfo for file in files.list_files())
    with files.open_file("a.csv") as file:
        file.seek(2_999_995)
        assert file.read(100) == b"56789"
    files.put(make_file(b"another"), "a.csv", no_op)
    assert files.size("a.csv") == 7
    for _ in range(2):
        files.delete("a.csv")
    assert (names(files), files.size("a.csv")) == ([], None)
    with pytest.raises(FileNotFoundError):
        files.open_file("a.csv")


def test_local_storage_moves_the_file(tmp_path: Path, make_file: Any) -> None:
    source = make_file(b"body")
    inode = source.stat().st_ino
    folder = tmp_path / "all" / "exports"
    Storage(str(folder)).put(source, "a.csv", no_op)
    assert ((folder / "a.csv").stat().st_ino, source.exists()) == (inode, False)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


def test_copy_from_another_disk_appears_whole(tmp_path: Path, make_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def rename_within_a_disk(source: Any, target: Any) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        os.rename(source, target)

    monkeypatch.setattr(os, "replace", rename_within_a_disk)
    source, files, ticks = make_file(b"x" * 3_000_000), Storage(str(tmp_path / "exports")), []
    with pytest.raises(KeyboardInterrupt):
        files.put(source, "a.csv", lambda: ticks.append(1) or stop_at(ticks, 2))
    assert (names(files), os.listdir(tmp_path / "exports")) == ([], [])
    files.put(source, "a.csv", no_op)
    assert (names(files), files.size("a.csv")) == (["a.csv"], 3_000_000)


def stop_at(ticks: list[int], count: int) -> None:
    if len(ticks) >= count:
        raise KeyboardInterrupt


@pytest.mark.parametrize("method", ["put", "open_file", "size", "list_files"])
def test_errors_of_the_file_system_are_reported_without_paths(tmp_path: Path, make_file: Any, method: str) -> None:
    (tmp_path / "file").write_text("no folder")
    files = Storage(str(tmp_path / "file" / "exports"))
    arguments = {"put": (make_file(b"x"), "a", no_op), "list_files": ()}.get(method, ("a",))
    with pytest.raises(StorageUnavailable) as error:
        getattr(files, method)(*arguments)
    assert str(tmp_path) not in error.value.detail
    assert error.value.status == 503


def test_remote_storage_is_downloaded_by_redirect(
    make_app: Any, rows: Any, token: Any, auth: Any, sql: Any, tmp_path: Path
) -> None:
    from tasks import exports

    rows(1, 5)
    app = make_app(export_url="signed://bucket/exports", export_work_dir=str(tmp_path))
    client, headers = app.test_client(), auth(token("export"))
    job_id = client.post(ROUTE, json={}, headers=headers).json["id"]
    with app.app_context():
        exports.run(job_id)
    response = client.get(f"{ROUTE}/{job_id}/download", headers=headers)
    address = f"https://files.example.com/bucket/exports/{job_id}.csv?for=900&type=text/csv; charset=utf-8"
    assert (response.status_code, response.headers["Location"]) == (302, address.replace(" ", "%20"))
    assert sql("SELECT detail ->> 'job' FROM audit_log WHERE action = 'export.download'") == [(job_id,)]
    head = client.head(f"{ROUTE}/{job_id}/download", headers=headers)
    assert (head.status_code, head.content_length) == (
        200,
        len(Signed.store[f"/bucket/exports/{job_id}.csv"].getvalue()),
    )
    assert client.delete(f"{ROUTE}/{job_id}", headers=headers).status_code == 204
    assert Signed.store == {}


def test_storage_is_opened_once_a_process(settings: Any) -> None:
    assert storage.open_storage(settings) is storage.open_storage(settings)

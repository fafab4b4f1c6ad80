"""Where finished exports are kept: one folder, on a disk or in a bucket of S3. Files appear whole or not at all.

run.py writes, the download reads, upkeep.py deletes. What a file system of whatever make raises becomes StorageAway,
in words for the one who waits for the file; only a missing file stays a FileNotFoundError.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from analytics.errors import AnalyticsError, Unavailable
from analytics.folders import is_bucket, open_folder, uploaded, words_of
from config import Settings

log = logging.getLogger(__name__)

PIECE_BYTES = 1 << 20
# Between the name of a file in a bucket and the id of an upload of it that was not finished.
UPLOAD = ".upload-"


class StorageAway(Unavailable):
    """EXPORT_URL cannot be used now."""


class Kept(NamedTuple):
    """A file of the storage; `written_at` None: it does not tell."""

    name: str
    written_at: datetime | None


@contextmanager
def _telling(verb: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, AnalyticsError):
        raise
    except Exception as error:  # each file system has errors of its own
        log.info("storage of exports", exc_info=error)
        raise StorageAway(f"the storage of exports cannot be {verb}: {words_of(error)}") from error


class Storage:
    """The folder at `url`. Names have no folders in them. Any thread may use it."""

    def __init__(self, url: str) -> None:
        from fsspec.implementations.local import LocalFileSystem

        with _telling("opened"):
            self._files, self._folder = open_folder(url)
        self.is_local = isinstance(self._files, LocalFileSystem)

    @property
    def local_folder(self) -> Path | None:
        return Path(self._folder) if self.is_local else None

    def put(self, source: Path, name: str, tick: Callable[[], None]) -> None:
        """`source`, which was synced, becomes the file `name`, and may be moved there. `tick` may raise to end it."""
        try:
            if self.is_local:
                self._put_local(source, Path(self._path(name)), tick)
            else:
                self._upload(source, self._path(name), tick)
        except FileNotFoundError as error:
            raise StorageAway("the storage of exports cannot be written: its folder or bucket is missing") from error

    def open_file(self, name: str) -> BinaryIO:
        """To read from any place in it. Raises FileNotFoundError."""
        with _telling("read"):
            return cast(BinaryIO, self._files.open(self._path(name), "rb"))

    def size(self, name: str) -> int | None:
        """None when there is no such file."""
        with _telling("read"), suppress(FileNotFoundError):
            return int(self._files.size(self._path(name)))
        return None

    def delete(self, name: str) -> None:
        """Gone afterwards, whether it was there or not."""
        of, _, upload = name.partition(UPLOAD)
        with _telling("changed"), suppress(FileNotFoundError):
            if upload and is_bucket(self._files):
                self._call("abort_multipart_upload", Key=self._key(of), UploadId=upload)
            else:
                self._files.rm_file(self._path(name))

    def list_files(self) -> list[Kept]:
        """Every file in the folder itself, unfinished ones too."""
        kept: list[Kept] = []
        with _telling("read"), suppress(FileNotFoundError):
            found = self._files.ls(self._folder, detail=True)
            kept = [Kept(Path(one["name"]).name, _written_at(one)) for one in found if one["type"] == "file"]
        return kept + self._list_uploads()

    def _list_uploads(self) -> list[Kept]:
        """What workers that were killed had sent, which a bucket keeps, and charges for, without showing it."""
        if not is_bucket(self._files):
            return []
        with _telling("read"):
            try:
                found = self._call("list_multipart_uploads", Prefix=self._key(""))
            except OSError as error:
                # A permission of its own, and not every store of this kind can tell. Files are swept all the same.
                log.warning("unfinished uploads of exports cannot be listed", exc_info=error)
                return []
        names = [(one["Key"].removeprefix(self._key("")), one) for one in found.get("Uploads", [])]
        return [Kept(f"{name}{UPLOAD}{one['UploadId']}", one["Initiated"]) for name, one in names if "/" not in name]

    def presign(self, name: str, seconds: int, disposition: str, media_type: str) -> str | None:
        """An address that serves the file to anybody for that long; None where the storage has no such thing."""
        if self.is_local:
            return None
        # botocore's names: S3 answers with these headers.
        headers = {"ResponseContentDisposition": disposition, "ResponseContentType": media_type}
        with _telling("read"), suppress(NotImplementedError):
            return str(self._files.sign(self._path(name), expiration=seconds, **headers))
        return None

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def _key(self, name: str) -> str:
        """The same inside the bucket."""
        return self._path(name).partition("/")[2]

    def _call(self, method: str, **given: Any) -> dict[str, Any]:
        """S3's own, for what fsspec has no word for."""
        found: dict[str, Any] = self._files.call_s3(method, Bucket=self._folder.partition("/")[0], **given)
        return found

    def _put_local(self, source: Path, target: Path, tick: Callable[[], None]) -> None:
        with _telling("written"):
            make_folder(target.parent)
            if source.stat().st_dev == target.parent.stat().st_dev:
                source.replace(target)
                return sync_folder(target.parent)
        part = target.with_name(f"{target.name}.part")
        try:
            with source.open("rb") as file, _telling("written"), part.open("wb") as copy:
                _copy(file, copy, tick)
                sync(copy)
            with _telling("written"):
                part.replace(target)
                sync_folder(target.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _upload(self, source: Path, path: str, tick: Callable[[], None]) -> None:
        """In pieces, which S3 shows as a file at the commit alone."""
        with source.open("rb") as file, _telling("written"):
            if not is_bucket(self._files):
                self._files.makedirs(self._folder, exist_ok=True)
            with uploaded(self._files, path, source.stat().st_size) as target:
                _copy(file, target, tick)


def _copy(source: BinaryIO, target: Any, tick: Callable[[], None]) -> None:
    while piece := source.read(PIECE_BYTES):
        tick()
        target.write(piece)


def make_folder(path: Path) -> None:
    """The folder, and what is missing above it. Others on this machine have no business with people's events."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(exist_ok=True, mode=0o700)


def sync(file: BinaryIO) -> None:
    """On the disk, not only on its way there."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """So that a rename in it outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _written_at(info: dict[str, Any]) -> datetime | None:
    at = info.get("LastModified") or info.get("mtime") or info.get("created")
    if isinstance(at, (int, float)):
        return datetime.fromtimestamp(at, UTC)
    return at.replace(tzinfo=at.tzinfo or UTC) if isinstance(at, datetime) else None


_open: Callable[[str], Storage] = lru_cache(maxsize=8)(Storage)


def storage_of(settings: Settings) -> Storage:
    """The storage of EXPORT_URL, one a process."""
    return _open(settings.export_url)

"""The storage of finished exports: one folder, on a disk or in a bucket of S3. Files appear whole or not at all.

attempt.py writes, downloads read, housekeeping.py deletes. Every error of a file system becomes StorageUnavailable,
with a description for the owner of the export; only a missing file stays a FileNotFoundError.
"""

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from analytics.errors import AnalyticsError, Unavailable
from analytics.files.checksums import read_chunks
from analytics.files.disk import fsync_file, fsync_folder, make_private_folder
from analytics.files.folders import describe_error, is_bucket, open_atomic, open_folder
from config import Settings

log = logging.getLogger(__name__)

# Separates the name of a file in a bucket from the id of an unfinished upload of it.
UPLOAD_SEPARATOR = ".upload-"


class StorageUnavailable(Unavailable):
    """EXPORT_URL cannot be used at the moment."""


class StoredFile(NamedTuple):
    """A file of the storage; `written_at` is None where the storage does not know."""

    name: str
    written_at: datetime | None


@contextmanager
def _translated_errors(verb: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, AnalyticsError):
        raise
    except Exception as error:  # every file system has its own errors
        log.info("storage of exports unavailable", exc_info=error)
        raise StorageUnavailable(f"the storage of exports cannot be {verb}: {describe_error(error)}") from error


class Storage:
    """The folder at `url`. File names contain no folders. Thread-safe."""

    def __init__(self, url: str) -> None:
        # fsspec is loaded with the first storage.
        from fsspec.implementations.local import LocalFileSystem

        with _translated_errors("opened"):
            self._files, self._folder = open_folder(url)
        self.is_local = isinstance(self._files, LocalFileSystem)

    @property
    def local_folder(self) -> Path | None:
        return Path(self._folder) if self.is_local else None

    def put(self, source: Path, name: str, on_chunk: Callable[[], None]) -> None:
        """Stores the synced file `source` under `name`; may move it. `on_chunk` may raise to end a copy."""
        try:
            if self.is_local:
                self._put_local(source, Path(self._path(name)), on_chunk)
            else:
                self._upload(source, self._path(name), on_chunk)
        except FileNotFoundError as error:
            raise StorageUnavailable(
                "the storage of exports cannot be written: its folder or bucket is missing"
            ) from error

    def open_file(self, name: str) -> BinaryIO:
        """A seekable file to read. Raises FileNotFoundError."""
        with _translated_errors("read"):
            return cast(BinaryIO, self._files.open(self._path(name), "rb"))

    def size(self, name: str) -> int | None:
        """In bytes; None for a missing file."""
        with _translated_errors("read"), suppress(FileNotFoundError):
            return int(self._files.size(self._path(name)))
        return None

    def delete(self, name: str) -> None:
        """Deletes the file, or the unfinished upload, if it exists."""
        file_name, _, upload = name.partition(UPLOAD_SEPARATOR)
        with _translated_errors("changed"), suppress(FileNotFoundError):
            if upload and is_bucket(self._files):
                self._call("abort_multipart_upload", Key=self._key(file_name), UploadId=upload)
            else:
                self._files.rm_file(self._path(name))

    def list_files(self) -> list[StoredFile]:
        """Every file in the folder itself, including unfinished ones."""
        files: list[StoredFile] = []
        with _translated_errors("read"), suppress(FileNotFoundError):
            entries = self._files.ls(self._folder, detail=True)
            files = [
                StoredFile(Path(info["name"]).name, _written_at(info)) for info in entries if info["type"] == "file"
            ]
        return files + self._list_uploads()

    def _list_uploads(self) -> list[StoredFile]:
        """Unfinished uploads of killed workers: a bucket stores and charges for them, but lists no file."""
        if not is_bucket(self._files):
            return []
        with _translated_errors("read"):
            try:
                response = self._call("list_multipart_uploads", Prefix=self._key(""))
            except OSError as error:
                # Listing needs a separate permission, and some stores do not support it. Files are deleted anyway.
                log.warning("unfinished uploads of exports cannot be listed", exc_info=error)
                return []
        uploads = [(upload["Key"].removeprefix(self._key("")), upload) for upload in response.get("Uploads", [])]
        return [
            StoredFile(f"{name}{UPLOAD_SEPARATOR}{upload['UploadId']}", upload["Initiated"])
            for name, upload in uploads
            if "/" not in name
        ]

    def presign(self, name: str, seconds: int, disposition: str, media_type: str) -> str | None:
        """A URL that needs no token and is valid for that long; None where the storage has no such URLs."""
        if self.is_local:
            return None
        # Parameters of botocore: S3 sends these headers.
        headers = {"ResponseContentDisposition": disposition, "ResponseContentType": media_type}
        with _translated_errors("read"), suppress(NotImplementedError):
            return str(self._files.sign(self._path(name), expiration=seconds, **headers))
        return None

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def _key(self, name: str) -> str:
        """The key inside the bucket."""
        return self._path(name).partition("/")[2]

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A method of S3 that fsspec does not offer."""
        response: dict[str, Any] = self._files.call_s3(method, Bucket=self._folder.partition("/")[0], **parameters)
        return response

    def _put_local(self, source: Path, target: Path, on_chunk: Callable[[], None]) -> None:
        with _translated_errors("written"):
            make_private_folder(target.parent)
            if _move(source, target):
                return fsync_folder(target.parent)
        part = target.with_name(f"{target.name}.part")
        try:
            with source.open("rb") as file, _translated_errors("written"), part.open("wb") as copy:
                _copy(file, copy, on_chunk)
                fsync_file(copy)
            with _translated_errors("written"):
                part.replace(target)
                fsync_folder(target.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _upload(self, source: Path, path: str, on_chunk: Callable[[], None]) -> None:
        """Uploads in parts; S3 shows the file only after the commit."""
        with source.open("rb") as file, _translated_errors("written"):
            if not is_bucket(self._files):
                self._files.makedirs(self._folder, exist_ok=True)
            with open_atomic(self._files, path, source.stat().st_size) as target:
                _copy(file, target, on_chunk)


def _move(source: Path, target: Path) -> bool:
    """False, and nothing is moved, between two file systems or two mounts of one, whose device numbers are equal."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _copy(source: BinaryIO, target: Any, on_chunk: Callable[[], None]) -> None:
    for chunk in read_chunks(source, on_chunk=on_chunk):
        target.write(chunk)


def _written_at(info: dict[str, Any]) -> datetime | None:
    at = info.get("LastModified") or info.get("mtime") or info.get("created")
    if isinstance(at, (int, float)):
        return datetime.fromtimestamp(at, UTC)
    return at.replace(tzinfo=at.tzinfo or UTC) if isinstance(at, datetime) else None


# One storage for each URL in a process; tests clear it.
storage_at: Callable[[str], Storage] = lru_cache(maxsize=8)(Storage)


def open_storage(settings: Settings) -> Storage:
    """The storage of EXPORT_URL."""
    return storage_at(settings.export_url)

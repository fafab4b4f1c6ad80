"""Folders by their address: on a disk, or in a bucket of S3. Exports and archives open theirs here.

fsspec is loaded with the first one, and S3's client, some 30 MB, only for an address that begins with s3://.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)
# A part of an upload, and of a file that is read: about two of them are in memory. S3 takes 10,000 parts of a file.
PART_BYTES, MOST_PARTS = 8 << 20, 10_000
S3 = {
    "default_block_size": PART_BYTES,
    # Some stores of this kind want parts of one size.
    "fixed_upload_size": True,
    # What was listed may be changed by another process a moment later.
    "use_listings_cache": False,
    # Links are signed by version 2 otherwise, which newer buckets refuse.
    "config_kwargs": {"signature_version": "s3v4"},
}
NO_ANSWER = "it does not answer"
# Errors of botocore, which is not loaded to name them.
WORDS = {
    "NoCredentialsError": "no credentials are given for it (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
    "PartialCredentialsError": "half of its credentials is missing (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
    "EndpointConnectionError": NO_ANSWER,
    "ConnectionClosedError": NO_ANSWER,
    "ConnectTimeoutError": NO_ANSWER,
    "ReadTimeoutError": NO_ANSWER,
    "FSTimeoutError": NO_ANSWER,
}


def open_folder(url: str) -> tuple[Any, str]:
    """Its file system, one of fsspec's, and its path there without a slash at the end. Asks nobody for it yet."""
    import fsspec

    files, folder = fsspec.core.url_to_fs(url, **(S3 if url.startswith("s3://") else {}))
    return files, folder.rstrip("/")


def is_bucket(files: Any) -> bool:
    """There, a file appears when it is committed, there are no folders, and a folder that is made is a bucket."""
    return "s3" in files.protocol


@contextmanager
def uploaded(files: Any, path: str, size: int = 0) -> Iterator[Any]:
    """A file to write, of `size` bytes if that is known. It is there at the end; not at all when an error ends it."""
    file = files.open(path, "wb", block_size=part_bytes(size), autocommit=False)
    try:
        yield file
        file.close()
        file.commit()
    except BaseException:
        with suppress(Exception):
            file.discard()
        # Closing it, as its end does, would upload what there is.
        file.closed = True
        raise


def part_bytes(size: int) -> int:
    """How large the parts of an upload of so many bytes have to be: a whole number of MiB."""
    return max(PART_BYTES, -(-size // (MOST_PARTS << 20)) << 20)


def words_of(error: Exception) -> str:
    """What went wrong, without paths or addresses."""
    if not isinstance(error, OSError):
        return WORDS.get(type(error).__name__, type(error).__name__)
    if error.errno in FULL:
        return "its disk is full"
    if isinstance(error, PermissionError) and error.errno is None:
        return "its credentials are refused, or do not allow this"
    return error.strerror or WORDS.get(type(error).__name__, type(error).__name__)

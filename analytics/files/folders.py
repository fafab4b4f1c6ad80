"""A folder by its URL: on a local disk, or in a bucket of S3. Exports and archives open theirs here.

fsspec is loaded with the first folder; the S3 client, about 30 MB, only for a URL that begins with s3://.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
# The size of an upload part and of a read-ahead: about two of them are in memory. S3 accepts 10,000 parts of a file.
UPLOAD_PART_BYTES, MAX_UPLOAD_PARTS = 8 << 20, 10_000
S3_OPTIONS = {
    "default_block_size": UPLOAD_PART_BYTES,
    # Some S3-compatible stores accept only parts of one size.
    "fixed_upload_size": True,
    # Another process may change a listing at any time.
    "use_listings_cache": False,
    # The default is signature version 2, which newer buckets refuse.
    "config_kwargs": {"signature_version": "s3v4"},
}
NOT_REACHABLE = "it does not answer"
# Errors of botocore, by name, so that botocore need not be imported.
ERROR_DESCRIPTIONS = {
    "NoCredentialsError": "no credentials are given for it (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
    "PartialCredentialsError": "half of its credentials is missing (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)",
    "EndpointConnectionError": NOT_REACHABLE,
    "ConnectionClosedError": NOT_REACHABLE,
    "ConnectTimeoutError": NOT_REACHABLE,
    "ReadTimeoutError": NOT_REACHABLE,
    "FSTimeoutError": NOT_REACHABLE,
}


def open_folder(url: str) -> tuple[Any, str]:
    """The fsspec file system of the URL, and the path there without a trailing slash. Sends no request."""
    # Only processes that use a folder or bucket load it.
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(url, **(S3_OPTIONS if url.startswith("s3://") else {}))
    return filesystem, path.rstrip("/")


def is_bucket(filesystem: Any) -> bool:
    """Whether it is S3: files appear at their commit, folders do not exist, and creating one creates a bucket."""
    return "s3" in filesystem.protocol


@contextmanager
def open_atomic(filesystem: Any, path: str, size: int = 0) -> Iterator[Any]:
    """A writable file that appears when the block ends, and not at all when the block raises.

    `size` is the number of bytes if it is known (0: it is not); it decides the size of the upload parts.
    """
    file = filesystem.open(path, "wb", block_size=choose_part_bytes(size), autocommit=False)
    try:
        yield file
        file.close()
        file.commit()
    except BaseException:
        with suppress(Exception):
            file.discard()
        # fsspec closes a file when it is collected, and would upload the rest then.
        file.closed = True
        raise


def choose_part_bytes(size: int) -> int:
    """The size of the parts of an upload of `size` bytes, in whole MiB: at least UPLOAD_PART_BYTES."""
    return max(UPLOAD_PART_BYTES, -(-size // (MAX_UPLOAD_PARTS << 20)) << 20)


def describe_error(error: Exception) -> str:
    """What went wrong, without paths, addresses or the server's own text."""
    if not isinstance(error, OSError):
        return ERROR_DESCRIPTIONS.get(type(error).__name__, type(error).__name__)
    if error.errno in DISK_FULL_ERRNOS:
        return "its disk is full"
    if isinstance(error, PermissionError) and error.errno is None:
        return "its credentials are refused, or do not allow this"
    if error.errno is not None:
        # Not error.strerror: s3fs puts the text of S3's response there.
        return os.strerror(error.errno)
    return ERROR_DESCRIPTIONS.get(type(error).__name__, type(error).__name__)

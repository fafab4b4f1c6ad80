"""Folders by their address: on a disk, or in a bucket of S3. Exports and archives open theirs here.

fsspec is loaded with the first one, and S3's client, some 45 MB, only for an address that begins with s3://.
"""

import errno
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)
# A part of an upload, and of a file that is read: about two of them are in memory. S3 takes 10,000 parts of a file.
PART_BYTES, MOST_PARTS = 8 << 20, 10_000
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

    # What S3 lists may be another process's a moment later; and some stores of its kind want parts of one size.
    options = {"use_listings_cache": False, "default_block_size": PART_BYTES, "fixed_upload_size": True}
    files, folder = fsspec.core.url_to_fs(url, **(options if url.startswith("s3://") else {}))
    return files, folder.rstrip("/")


def is_bucket(files: Any) -> bool:
    """There, a file appears when it is committed, there are no folders, and a folder that is made is a bucket."""
    return "s3" in files.protocol


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

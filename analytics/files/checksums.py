"""Bytes that are counted and hashed (SHA-256) while they are copied. Exports call it; it opens and closes nothing."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

READ_CHUNK_BYTES = 1 << 20


class Checksum(NamedTuple):
    """The size and the SHA-256 (hex) of some bytes."""

    bytes: int
    sha256: str


def no_op() -> None:
    """The `on_chunk` of a caller that never interrupts."""


def read_chunks(source: BinaryIO, size: int | None = None, on_chunk: Callable[[], None] = no_op) -> Iterator[bytes]:
    """The next `size` bytes of the source (None: all of them), up to 1 MiB at a time; fewer where it ends.

    `on_chunk` is called before each chunk is handed out; it may raise to end the copy.
    """
    left = READ_CHUNK_BYTES if size is None else size
    while left and (chunk := source.read(min(left, READ_CHUNK_BYTES))):
        on_chunk()
        yield chunk
        left -= 0 if size is None else len(chunk)


def compute_checksum(source: BinaryIO, on_chunk: Callable[[], None] = no_op) -> Checksum:
    """The checksum of the source, from its position on."""
    digest, size = hashlib.sha256(), 0
    for chunk in read_chunks(source, on_chunk=on_chunk):
        digest.update(chunk)
        size += len(chunk)
    return Checksum(size, digest.hexdigest())


class ChecksumWriter:
    """Writes to the sink; counts and hashes every byte."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink, self._digest, self.bytes = sink, hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        if data:
            self._sink.write(data)
            self._digest.update(data)
            self.bytes += len(data)

    def copy_verified(
        self, source: BinaryIO, pieces: Iterable[Mapping[str, Any]], on_chunk: Callable[[], None] = no_op
    ) -> int:
        """Copies pieces of the source up to the first that does not match; returns how many match.

        A piece has its size as `bytes`; its `sha256` is of everything written up to its end. The bytes of a piece that
        does not match are truncated.
        """
        copied = 0
        for piece in pieces:
            before = self.bytes, self._digest.copy()
            for chunk in read_chunks(source, piece["bytes"], on_chunk):
                self.write(chunk)
            if self.sha256 != piece["sha256"]:
                self.bytes, self._digest = before
                self._sink.truncate(self._sink.seek(self.bytes))
                break
            copied += 1
        return copied

"""One zstd compressor and decompressor a thread, shared by the stream (ingest/buffer.py) and the deltas (rollups).

Small bodies only: whole in memory, level 1. Raises zstandard.ZstdError for bytes that are not zstd.
"""

import threading

import zstandard


class ZstdCodec(threading.local):
    """zstandard's objects are not thread-safe, and making one costs 17 µs."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=1).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


zstd = ZstdCodec()

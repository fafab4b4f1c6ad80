"""Compresses responses over 1 KB with zstd or gzip, as the client prefers: JSON, CSV, NDJSON, HTML, scripts.

`create_app` installs `compress_response` for all routes (docs/decisions/0018). Never compressed: what is compressed
already, files that are served in ranges, Server-Sent Events, and responses marked `Cache-Control: no-transform`. BREACH
needs a secret beside a stranger's text in a response to a credential that browsers send by themselves, as cookies are:
no response is one today, and one that ever is must be marked.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import zstandard
from flask import Flask, Response

from analytics.web.app import current_request

MIN_BYTES = 1024
# Hooks may run on an event loop. A longer body is compressed while it is read, which is in a thread.
MAX_INLINE_BYTES = 16_384
# In order of preference where a client has none: zstd takes a tenth of gzip's time for a smaller result.
ENCODINGS = ("zstd", "gzip")
GZIP_LEVEL, ZSTD_LEVEL = 4, 3
# A stream's compressor holds less than 1 MB; the level's own window would be 3 MB.
ZSTD_WINDOW_LOG = 18
MEDIA_TYPES = frozenset(
    (
        *("application/json", "application/problem+json", "application/x-ndjson", "application/javascript"),
        "application/vnd.plotly.v1+json",
        *("text/csv", "text/html", "text/css", "text/plain", "text/javascript", "image/svg+xml"),
    )
)


def init_app(app: Flask) -> None:
    """Installs the hook. The first hook that is installed runs last, when the response is complete."""
    app.after_request(compress_response)


def compress_response(response: Response) -> Response:
    """The response, compressed if that is worth it and the client accepts it. One look at a header, for short ones."""
    length = response.content_length
    if length is not None and length < MIN_BYTES:
        return response
    if response.status_code == 304:
        response.vary.add("Accept-Encoding")
        return response
    if not is_compressible(response) or (encoding := mark_encoding(response)) is None:
        return response
    if length is not None and length <= MAX_INLINE_BYTES:
        response.set_data(compress(response.get_data(), encoding))
    else:
        response.response = CompressedStream(response.response, response.iter_encoded(), encoding)
        response.headers.pop("Content-Length", None)
    return response


def mark_encoding(response: Response) -> str | None:
    """The encoding that the client prefers, in the headers of the response; None: none.

    A strong ETag becomes a weak one (RFC 9110, 8.8.1): it stands for all encodings, and If-None-Match compares weakly.
    """
    response.vary.add("Accept-Encoding")
    chosen = current_request().accept_encodings.best_match([*ENCODINGS, "identity"], "identity")
    if chosen not in ENCODINGS:
        return None
    response.headers["Content-Encoding"] = chosen
    etag, is_weak = response.get_etag()
    if etag and not is_weak:
        response.set_etag(etag, weak=True)
    return str(chosen)


def compress(body: bytes, encoding: str) -> bytes:
    """The whole body at once."""
    compressor, _ = _open_compressor(encoding)
    return bytes(compressor.compress(body) + compressor.flush())


class CompressedStream(Iterator[bytes]):
    """The chunks of a body, each compressed and flushed when it comes. Holds one chunk, and closes the body.

    A flush makes 64 KB of CSV less than 1 % longer, and the client has what was computed so far.
    """

    def __init__(self, body: Any, chunks: Iterable[bytes], encoding: str) -> None:
        self._body, self._chunks = body, iter(chunks)
        self._compressor, self._flush_chunk = _open_compressor(encoding)
        self._is_over = False

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        chunk = next(self._chunks, None)
        if chunk is None:
            self._is_over = True
            return bytes(self._compressor.flush())
        return bytes(self._compressor.compress(chunk) + self._flush_chunk())

    def close(self) -> None:
        """Ends the body, whether it was read or not."""
        self._is_over = True
        if close := getattr(self._body, "close", None):
            close()


def _open_compressor(encoding: str) -> tuple[Any, Callable[[], bytes]]:
    """An incremental compressor, and the call that flushes it within a stream."""
    if encoding == "gzip":
        deflate = zlib.compressobj(GZIP_LEVEL, wbits=31)
        return deflate, lambda: deflate.flush(zlib.Z_SYNC_FLUSH)
    parameters = zstandard.ZstdCompressionParameters.from_level(ZSTD_LEVEL, window_log=ZSTD_WINDOW_LOG)
    zstd = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return zstd, lambda: zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


def is_compressible(response: Response) -> bool:
    """By its type and headers; its length is not looked at."""
    headers = response.headers
    is_partial = response.status_code in (204, 206) or "Accept-Ranges" in headers or "Content-Range" in headers
    return (
        response.mimetype in MEDIA_TYPES
        and not is_partial
        and not response.direct_passthrough
        and "Content-Encoding" not in headers
        and "no-transform" not in headers.get("Cache-Control", "")
    )

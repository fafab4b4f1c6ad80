"""The response that carries the file of an export: headers, conditions and ranges of RFC 9110, and the streamed body.

views.py calls it with a finished job. It checks no permission and writes no log.
"""

import base64
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

from flask import Request, Response
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from analytics.errors import AnalyticsError, problem_response
from analytics.exports.delivery.ranges import normalize_range
from analytics.exports.delivery.signed_links import LINK_TTL_S
from analytics.exports.delivery.storage import Storage
from analytics.exports.formats.file_types import media_type
from analytics.exports.jobs.job import Job
from analytics.exports.jobs.serialization import file_name

READ_CHUNK_BYTES = 1 << 17


class RangeNotSatisfiable(AnalyticsError):
    """The file does not have the requested bytes."""

    status, code = 416, "range_not_satisfiable"


def file_head(job: Job, request: Request) -> Response:
    """Status and headers of the response, after the request's conditions and range; it has no body yet."""
    response = Response(content_type=_media_type(job))
    response.headers["Content-Disposition"] = content_disposition(job)
    response.headers["Content-Length"] = str(job.bytes)
    response.headers["Cache-Control"] = "private"
    response.set_etag(str(job.sha256))
    digest = base64.b64encode(bytes.fromhex(str(job.sha256))).decode()
    response.headers["Repr-Digest"] = f"sha-256=:{digest}:"
    try:
        environ = _normalized_environ(request, job.bytes or 0, str(job.sha256))
        response.make_conditional(environ, accept_ranges=True, complete_length=job.bytes)
    except RequestedRangeNotSatisfiable:
        return _range_not_satisfiable(job)
    response.automatically_set_content_length = False
    # The server adds its own Date.
    del response.headers["Date"]
    return response


def _normalized_environ(request: Request, size: int, etag: str) -> dict[str, Any]:
    """The request's environ with the Range in the one spelling that werkzeug reads correctly.

    Without a Range for a HEAD, and for a client that has the file already (RFC 9110, 13.2.2).
    """
    environ = dict(request.environ)
    header = environ.pop("HTTP_RANGE", "")
    is_ranged = request.method == "GET" and not request.if_none_match.contains_weak(etag)
    file_range = normalize_range(header, size) if is_ranged else None
    return environ | ({"HTTP_RANGE": file_range} if file_range else {})


def _range_not_satisfiable(job: Job) -> Response:
    detail = f"Range: the file has {job.bytes} bytes and none of the range; accepted: for example Range: bytes=0-999"
    response = problem_response(RangeNotSatisfiable(detail))
    response.headers["Content-Range"] = f"bytes */{job.bytes}"
    return response


def add_body(response: Response, file: BinaryIO, job: Job) -> None:
    """Streams the file, or the range of a 206, and closes it with the response."""
    start, size = 0, job.bytes or 0
    if response.status_code == 206:
        start, size = response.content_range.start or 0, response.content_length or 0
    response.call_on_close(file.close)
    file.seek(start)
    response.response = _read(file, size)


def _read(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (chunk := file.read(min(READ_CHUNK_BYTES, size))):
        size -= len(chunk)
        yield chunk


def presigned_url(storage: Storage, job: Job) -> str | None:
    """The URL of the file in S3; None for a storage on this machine."""
    return storage.presign(str(job.file), LINK_TTL_S, content_disposition(job), _media_type(job))


def content_disposition(job: Job) -> str:
    """RFC 6266: an ASCII file name for every client, and the true one for clients that know RFC 8187."""
    name = file_name(job)
    ascii_name = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _media_type(job: Job) -> str:
    return media_type(job.request["format"], job.request["compression"])

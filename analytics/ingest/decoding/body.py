"""The body of a POST that takes data: read, decompressed, and where it is an envelope, opened."""

import zlib
from functools import lru_cache
from typing import Any

import msgspec
import zstandard
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

from analytics.application import current_request
from analytics.errors import BadInput, TooLarge, UnsupportedMedia
from analytics.extensions import settings
from analytics.ingest.events import not_json


class Envelope(msgspec.Struct):
    """A batch with words of its own around the events."""

    events: msgspec.Raw = msgspec.Raw(b"")
    batch: msgspec.Raw = msgspec.Raw(b"")
    samples: msgspec.Raw = msgspec.Raw(b"")
    sent_at: Any = None
    sentAt: Any = None  # noqa: N815 - other clients' spelling.
    site_id: str | None = None
    website_id: str | None = None
    siteId: str | None = None  # noqa: N815 - seed 004's spelling.


_decode_envelope = msgspec.json.Decoder(Envelope).decode


def read_body() -> bytes:
    """The request's body, decompressed. Raises UnsupportedMedia, TooLarge and BadInput."""
    request, limit = current_request(), settings().max_body_bytes
    environ = request.environ
    if not _is_json(environ.get("CONTENT_TYPE", "")):
        raise UnsupportedMedia(f"Content-Type {request.mimetype} is not taken; send application/json")
    length = environ.get("CONTENT_LENGTH", "")
    if length.isdigit() and int(length) > limit:
        raise TooLarge(f"the body has {length} bytes; MAX_BODY_BYTES is {limit}", limit=limit)
    if environ.get("wsgi.input_terminated"):
        raw = environ["wsgi.input"].read(limit + 1)
    else:
        try:
            raw = request.get_data(cache=False)
        except RequestEntityTooLarge as error:
            raise TooLarge(f"the body is over {limit} bytes (MAX_BODY_BYTES)", limit=limit) from error
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    body = _decompress(raw, encoding, limit)
    if len(body) > limit:
        raise TooLarge(f"the body is over {limit} bytes after decompression (MAX_BODY_BYTES)", limit=limit)
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    return body


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    """True for a Content-Type that may be JSON; none, and plain text, are taken for it."""
    media = parse_options_header(content_type)[0].lower()
    return media in ("", "application/json", "text/plain", "application/x-ndjson") or media.endswith("+json")


def _decompress(raw: bytes, encoding: str, limit: int) -> bytes:
    """At most `limit` + 1 bytes, so that a bomb costs no more than an honest body."""
    try:
        if encoding in ("identity", ""):
            return raw
        if encoding in ("gzip", "x-gzip"):
            reader = zlib.decompressobj(wbits=31)
            body = reader.decompress(raw, limit + 1)
            if len(body) <= limit and not reader.eof:
                raise BadInput("the gzip body ends too early")
            return body
        if encoding == "zstd":
            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw) as stream:
                return stream.read(limit + 1)
    except (zlib.error, zstandard.ZstdError) as error:
        raise BadInput(f"the body is not {encoding}: {error}") from error
    raise UnsupportedMedia(f"Content-Encoding {encoding} is not taken; send gzip, zstd or none")


def read_envelope(body: bytes) -> Envelope:
    """The object around the events. Raises BadInput."""
    try:
        return _decode_envelope(body)
    except msgspec.ValidationError as error:
        raise BadInput(f"send an object with an array called events: {error}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise BadInput("the body is nested too deeply") from error
    except msgspec.MsgspecError as error:
        raise not_json(error, body) from error


def events_of(envelope: Envelope) -> bytes:
    """The array in it. Raises BadInput when there is none."""
    found = envelope.events or envelope.batch or envelope.samples
    if not found:
        raise BadInput('send a JSON array of events, or an object with one: {"events": [...]}')
    return bytes(found)


def one_object(body: bytes) -> bytes:
    """The array of the one event in `body`. Raises BadInput for anything but one JSON object."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as error:
        raise BadInput("send one JSON object") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise BadInput("the body is nested too deeply") from error
    except msgspec.MsgspecError as error:
        raise not_json(error, body) from error
    return b"[" + body + b"]"

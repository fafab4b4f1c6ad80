"""The body of a POST that sends data: read, decompressed, and where it is an envelope, opened.

The accept views call it. Bodies are limited before and after decompression. Nothing here looks at an item.
"""

import zlib
from functools import partial
from typing import Any

import msgspec
import zstandard
from werkzeug.exceptions import RequestEntityTooLarge

from analytics.auth.admission import too_large_error
from analytics.errors import BadInput, TooLarge, UnsupportedMedia
from analytics.extensions import settings
from analytics.ingest.decoding.credentials import CREDENTIAL_FIELDS, KEY_PREFIXES
from analytics.ingest.decoding.json_decoding import EXPECTED_ARRAY, decode_json
from analytics.ingest.decoding.rejections import MAX_ITEM_BYTES, check_off_loop
from analytics.sites.domains import is_host, normalize_host
from analytics.web.app import current_request
from analytics.web.server.request_body import charge_body


class Envelope(msgspec.Struct):
    """An object around the items, which names the site and says when it was sent."""

    events: msgspec.Raw = msgspec.Raw(b"")
    batch: msgspec.Raw = msgspec.Raw(b"")
    samples: msgspec.Raw = msgspec.Raw(b"")
    batch_id: msgspec.Raw = msgspec.Raw(b"")
    batchId: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815 - the spelling of other clients
    sent_at: msgspec.Raw = msgspec.Raw(b"")
    sentAt: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815 - the spelling of other clients
    site: str | None = None
    site_id: str | None = None
    website_id: str | None = None
    siteId: str | None = None  # noqa: N815 - the spelling of seed 004
    domain: msgspec.Raw = msgspec.Raw(b"")
    key: msgspec.Raw = msgspec.Raw(b"")
    writeKey: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815 - the spelling of other clients
    api_key: msgspec.Raw = msgspec.Raw(b"")
    token: msgspec.Raw = msgspec.Raw(b"")

    @property
    def credential(self) -> str | None:
        """The key in the body; text that does not look like one of ours is not."""
        return next((key for name in CREDENTIAL_FIELDS if (key := _read_key(getattr(self, name)))), None)

    @property
    def host(self) -> str:
        """The host in `domain`, a host or an origin, normalised; '' for none, and for what is neither."""
        host = normalize_host(_read_text(self.domain).rpartition("://")[2].partition("/")[0])
        return host if is_host(host) else ""

    def read_first(self, *names: str) -> Any:
        """The first of these fields that is set, decoded; of a very long one the beginning. Raises BadInput."""
        for raw in (bytes(getattr(self, name)) for name in names):
            if raw not in (b"", b"null"):
                is_long = len(raw) > MAX_FIELD_BYTES
                return raw[:100].decode(errors="replace") if is_long else decode_json(_decode, raw, _EXPECTED_ENVELOPE)
        return None


# Decoding a longer field of an envelope would hold the event loop: a short text decompresses to a million lists.
MAX_FIELD_BYTES = 1024
# Members of a compressed body: each costs some microseconds, however little it holds.
MAX_MEMBERS = 100
PIECE_BYTES = 1 << 16
# The magic number of a zstd frame without content, but for its first byte (RFC 8878, section 3.1.2).
_SKIPPED_FRAME = b"\x2a\x4d\x18"
# No JSON holds a NUL.
_END = b"\0"
_END_FRAME = zstandard.compress(_END)

_decode_envelope = msgspec.json.Decoder(Envelope).decode
_decode = msgspec.json.Decoder().decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_EXPECTED_ENVELOPE = (
    "the body is not an object whose site, site_id, website_id and siteId are text;"
    ' accepted for example: {"site_id": "default", "events": [{"type": "page_view"}]}'
)
_EXPECTED_OBJECT = 'the body is not one JSON object; accepted for example: {"event_type": "page_view"}'


def read_items() -> tuple[bytes, Envelope | None]:
    """The array in the request's body, and the envelope around it, if any. Raises as `read_body`."""
    body = read_body()
    if body.lstrip()[:1] != b"{":
        return body, None
    envelope = read_envelope(body)
    return extract_items(envelope), envelope


def read_body() -> bytes:
    """The request's body, decompressed. Raises UnsupportedMedia, TooLarge and BadInput."""
    request, limit = current_request(), settings().max_body_bytes
    environ = request.environ
    # Less than `limit` for a sender without a credential (auth/admission.py, which has checked Content-Length too).
    sent_limit = request.max_content_length or limit
    if environ.get("wsgi.input_terminated"):
        raw = environ["wsgi.input"].read(sent_limit + 1)
        if len(raw) > sent_limit:
            raise too_large_error(f"more than {sent_limit} bytes", sent_limit)
    else:
        try:
            raw = request.get_data(cache=False)
        except RequestEntityTooLarge as error:
            raise too_large_error(f"more than {sent_limit} bytes", sent_limit) from error
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    body = _decompress(raw, encoding, sent_limit)
    charge_body(environ, len(body) - len(raw))
    if len(body) > sent_limit:
        raise too_large_error(f"more than {sent_limit} bytes after decompression", sent_limit)
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    return body


def read_envelope(body: bytes) -> Envelope:
    """The object around the items. Raises BadInput."""
    return decode_json(_decode_envelope, body, _EXPECTED_ENVELOPE)


def extract_items(envelope: Envelope) -> bytes:
    """The array in the envelope. Raises BadInput when there is none, or more than one."""
    sent = {name: bytes(getattr(envelope, name)) for name in ("events", "batch", "samples")}
    names = [name for name, items in sent.items() if items not in (b"", b"null")]
    if not names:
        raise BadInput(f"the object has no array called events, batch or samples; {EXPECTED_ARRAY}")
    if len(names) > 1:
        raise BadInput(f"the object has {' and '.join(names)}; send one array in a request; {EXPECTED_ARRAY}")
    return sent[names[0]]


def read_single_object() -> tuple[bytes, Envelope]:
    """As `wrap_single_object`, of the request's body. Raises also as `read_body`."""
    return wrap_single_object(read_body())


def wrap_single_object(body: bytes) -> tuple[bytes, Envelope]:
    """An array of the one object in `body`, and the key in it. Raises TooLarge, and BadInput for any other JSON."""
    if len(body) > MAX_ITEM_BYTES:
        raise TooLarge(
            f"the object has {len(body)} bytes; accepted: at most {MAX_ITEM_BYTES}. Send less in it, for example"
            " without its long texts",
            limit=MAX_ITEM_BYTES,
        )
    return check_off_loop(partial(_wrap_object, body), body)


def _wrap_object(body: bytes) -> tuple[bytes, Envelope]:
    fields = decode_json(_decode_object, body, _EXPECTED_OBJECT)
    keys: dict[str, Any] = {
        name: fields[name] for name in CREDENTIAL_FIELDS if name in fields and _read_key(fields[name])
    }
    return b"[" + body + b"]", Envelope(**keys)


def _read_key(raw: msgspec.Raw) -> str | None:
    """The text in `raw` that looks like a key; JSON may escape any of its characters."""
    text = _read_text(raw)
    return text if text.startswith(KEY_PREFIXES) else None


def _read_text(raw: msgspec.Raw) -> str:
    """The text in `raw`; '' for a very long one, and for what is not text."""
    if not 0 < len(bytes(raw)) <= MAX_FIELD_BYTES:
        return ""
    try:
        return _decode_text(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Not text, or not UTF-8, which is found wrong when the event is read.
        return ""


def _decompress(raw: bytes, encoding: str, limit: int) -> bytes:
    """At most `limit` + 1 bytes of all members together: a compression bomb costs no more than a body of that size."""
    try:
        if encoding in ("identity", ""):
            return raw
        if encoding in ("gzip", "x-gzip"):
            return _read_gzip(raw, limit)
        if encoding == "zstd":
            return _read_zstd(raw, limit)
    except (zlib.error, zstandard.ZstdError) as error:
        detail = f"the body is not {encoding}, or it is damaged; send the bytes that Content-Encoding names"
        raise BadInput(f"{detail}, for example the output of gzip with Content-Encoding: gzip") from error
    raise UnsupportedMedia(
        f"Content-Encoding {encoding[:80]!r} is not accepted; accepted: gzip, zstd or none; for example "
        "Content-Encoding: gzip"
    )


def _read_gzip(raw: bytes, limit: int) -> bytes:
    """All members, of which a body may have several (RFC 1952, section 2.2)."""
    parts, size, position = list[bytes](), 0, 0
    for _ in range(MAX_MEMBERS):
        reader = zlib.decompressobj(wbits=31)
        # In pieces, because a member's end copies what follows it.
        while not reader.eof and position < len(raw) and size <= limit:
            piece = raw[position : position + PIECE_BYTES]
            parts.append(reader.decompress(piece, limit + 1 - size))
            position += len(piece) - len(reader.unused_data)
            size += len(parts[-1])
        if size > limit or (reader.eof and position == len(raw)):
            return b"".join(parts)
        if not reader.eof:
            raise BadInput("the gzip body ends too early; send it whole")
    raise _too_many_members("gzip")


def _read_zstd(raw: bytes, limit: int) -> bytes:
    """All frames, of which a body may have several (RFC 8878, section 3.1)."""
    if raw.count(zstandard.FRAME_HEADER) + raw.count(_SKIPPED_FRAME) > MAX_MEMBERS:
        raise _too_many_members("zstd")
    # A frame that breaks off is no error to the library: only of a whole body the added frame is read as one.
    with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
        raw + _END_FRAME, read_across_frames=True
    ) as stream:
        body = stream.read(limit + 1 + len(_END))
    if body.endswith(_END):
        return body[: -len(_END)]
    if len(body) <= limit:
        raise BadInput("the zstd body ends too early; send it whole")
    return body[: limit + 1]


def _too_many_members(encoding: str) -> BadInput:
    return BadInput(
        f"the {encoding} body has more than {MAX_MEMBERS} members; compress the batch at once, or send several batches"
    )

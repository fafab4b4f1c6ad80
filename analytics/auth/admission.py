"""What a request with a body must show before the body is read: its length, its media type, and who sends it.

`sites/views.py` installs the check. A POST that accepts events may carry its key in the body: without a credential it
is read up to KEYLESS_BODY_BYTES, and its bytes count against its address (of IPv6
its /64 network).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from werkzeug.http import parse_options_header

from analytics.auth.client_address import address_network, client_address
from analytics.auth.guard import MISSING_CREDENTIALS, anonymous_scopes, current_principal
from analytics.auth.principal import NARROW_KINDS, Kind
from analytics.errors import TooLarge, Unauthorised, UnsupportedMedia
from analytics.extensions import settings
from analytics.web.app import current_application, current_request
from analytics.web.server.request_body import BODY_METHODS, CALLER_KEY

V = TypeVar("V", bound=Callable[..., Any])
KEYLESS_BODY_BYTES = 65_536
JSON_MEDIA, FORM_MEDIA = ("application/json",), ("application/x-www-form-urlencoded",)
FORM_BYTES = 16_384
# Browsers send text/plain to avoid a preflight.
EVENT_MEDIA = ("application/json", "text/plain", "application/x-ndjson", "")


def accepts_key_in_body(view: V) -> V:
    """Marks a view that accepts events: its caller may be known only from the body."""
    view.accepts_key_in_body = True  # type: ignore[attr-defined]
    return view


def accepts_form(view: V) -> V:
    """Marks a view that takes a small form from anybody."""
    view.accepts_form = True  # type: ignore[attr-defined]
    return view


def check_body() -> None:
    """Raises TooLarge, UnsupportedMedia, Unauthorised and TooMany; nothing of the body has been read."""
    request = current_request()
    environ, rule = request.environ, request.url_rule
    length = environ.get("CONTENT_LENGTH", "")
    has_body = length not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ
    if rule is None or not has_body or environ["REQUEST_METHOD"] not in BODY_METHODS:
        return
    view = current_application().view_functions[rule.endpoint]
    is_keyless_view, config, media = hasattr(view, "accepts_key_in_body"), settings(), environ.get("CONTENT_TYPE", "")
    if hasattr(view, "accepts_form"):
        _check_media(media, FORM_MEDIA)
        _check_length(length, FORM_BYTES)
        request.max_content_length = FORM_BYTES
        environ[CALLER_KEY] = address_network(client_address(environ, config))
        return
    _check_length(length, config.max_body_bytes)
    _check_transfer_coding(environ.get("HTTP_TRANSFER_ENCODING", "chunked"))
    _check_media(media, EVENT_MEDIA if is_keyless_view else JSON_MEDIA)
    if is_keyless_view and not _has_credential(environ) and "ingest" not in anonymous_scopes():
        _check_length(length, KEYLESS_BODY_BYTES)
        request.max_content_length = KEYLESS_BODY_BYTES
        environ[CALLER_KEY] = address_network(client_address(environ, config))
        return
    principal = current_principal()
    if principal.kind is Kind.ANONYMOUS and not principal.scopes:
        raise Unauthorised(MISSING_CREDENTIALS)
    if principal.is_anonymous or principal.kind in NARROW_KINDS:
        # Whoever reads a page has its publishable key.
        environ[CALLER_KEY] = address_network(client_address(environ, config))
    else:
        environ[CALLER_KEY] = principal.caller


def too_large_error(size: str, limit: int) -> TooLarge:
    """413 for a body of more than `limit` bytes."""
    if limit == KEYLESS_BODY_BYTES:
        hint = "without a token or a key in the Authorization header. Send one, for example Authorization: Bearer sk_…"
    else:
        hint = "(MAX_BODY_BYTES). Send several batches"
    return TooLarge(f"the body has {size}; accepted: at most {limit} {hint}", limit=limit)


def _check_length(length: str, limit: int) -> None:
    if length.isdigit() and int(length) > limit:
        raise too_large_error(f"{length} bytes", limit)


def _check_transfer_coding(coding: str) -> None:
    """The server has undone `chunked`; any other coding is still in the body."""
    if coding.strip().lower() != "chunked":
        raise UnsupportedMedia(
            f"Transfer-Encoding {coding[:80]!r} is not accepted; accepted: chunked. For a compressed body send, for "
            "example, Content-Encoding: gzip"
        )


def _check_media(media: str, accepted: tuple[str, ...]) -> None:
    if not _is_accepted(media, accepted):
        types = ", ".join([*filter(None, accepted), "any that ends in +json", *(["none"] if "" in accepted else [])])
        raise UnsupportedMedia(
            f"Content-Type {media[:80]!r} is not accepted; accepted: {types}, each with JSON in the body; for example "
            "Content-Type: application/json"
        )


@lru_cache(maxsize=256)
def _is_accepted(content_type: str, accepted: tuple[str, ...]) -> bool:
    media = parse_options_header(content_type)[0].lower()
    return media in accepted or media.endswith("+json")


def _has_credential(environ: dict[str, Any]) -> bool:
    query = environ.get("QUERY_STRING", "")
    return "HTTP_AUTHORIZATION" in environ or "key=" in query or "share=" in query

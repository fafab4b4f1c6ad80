"""Requests to the server: one connection, kept open; gzip above a size; answers read up to a bound.

sender.py calls `post`. Repeats, waits and the meaning of answers are not decided here.
"""

# Not when the first connection is made, in a thread: the child of a fork meanwhile would wait for it for ever.
import encodings.idna  # noqa: F401
import zlib
from typing import Callable, Optional
from urllib.parse import urlsplit

import urllib3

from analytics_client.delivery.responses import Response
from analytics_client.version import VERSION

INGEST_PATH = "/api/analytics/ingest"
MAX_ANSWER_BYTES = 4_000_000
# Level 1 halves a batch of events three times in a tenth of the time of level 6, which does little more.
_GZIP_LEVEL = 1


class Unreachable(Exception):
    """No answer: no connection, a timeout, or a connection that ended before the answer."""


class Transport:
    """Sends bodies to one service with one key. Used by one thread at a time."""

    def __init__(
        self,
        url: str,
        key: str,
        timeout_s: float,
        compress_above: int,
        make_http: Optional[Callable[[], urllib3.PoolManager]] = None,
    ) -> None:
        self._url = check_url(url) + INGEST_PATH
        self.set_key(key)
        self._timeout = urllib3.Timeout(connect=timeout_s, read=timeout_s)
        self.compress_above: Optional[int] = compress_above
        self._make_http = make_http or (lambda: urllib3.PoolManager(num_pools=1, maxsize=1))
        self._http: Optional[urllib3.PoolManager] = None

    def set_key(self, key: str) -> None:
        """The key of the requests from now on. Raises ValueError."""
        if not key or not all("!" <= character <= "~" for character in key):
            raise ValueError("key is empty or not printable ASCII; accepted: a key or token, for example 'sk_…'")
        self._authorization = f"Bearer {key}"

    def post(self, body: bytes) -> "tuple[Response, bool]":
        """The answer, and whether the body was compressed. Raises Unreachable."""
        headers = {
            "Authorization": self._authorization,
            "Content-Type": "application/json",
            "User-Agent": f"analytics-client-python/{VERSION}",
        }
        is_compressed = self.compress_above is not None and len(body) > self.compress_above
        if is_compressed:
            headers["Content-Encoding"] = "gzip"
            body = compress(body)
        return self._request(body, headers), is_compressed

    def _request(self, body: bytes, headers: "dict[str, str]") -> Response:
        if self._http is None:
            self._http = self._make_http()
        try:
            response = self._http.request(
                "POST",
                self._url,
                body=body,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                answer = response.read(MAX_ANSWER_BYTES + 1)
                if len(answer) > MAX_ANSWER_BYTES:
                    raise Unreachable(f"the answer has more than {MAX_ANSWER_BYTES} bytes; check the url")
                response.drain_conn()
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.disconnect()
            raise Unreachable(f"{error.__class__.__name__}: {error}") from error
        return Response(response.status, answer, response.headers.get("Retry-After"))

    def disconnect(self) -> None:
        """Closes the connection. The next request makes a new one."""
        if self._http is not None:
            self._http.clear()
            self._http = None

    def abandon(self) -> None:
        """In a forked child: the connection is the parent's, and closing our copy of it does not end it."""
        self._http = None


def compress(body: bytes) -> bytes:
    """As one gzip member."""
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


def check_url(url: str) -> str:
    """The service's address without a slash at its end. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"url {url!r} is not the address of a service; accepted for example: 'https://a.example.org'")
    return url.rstrip("/")

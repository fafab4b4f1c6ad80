"""The files of the pages: what `make assets` built, or its sources as they are edited.

All are served under one hash of their contents, so that an address never changes its body and modules import each other
by relative addresses.
"""

import hashlib
import json
import mimetypes
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import zstandard
from flask import Response

from analytics.errors import NotFound
from analytics.web.compression import is_compressible, mark_encoding
from analytics.web.conditional import make_conditional

SOURCES, BUILT = Path(__file__).parent / "static", Path(__file__).parent / "dist"
# What tools/build_dashboard.mjs says about the build.
BUILD = "build.json"
# Of types that the machine's own list may lack or name otherwise.
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}
# Compressed once and read for a year, so also what is short.
GZIP_LEVEL, ZSTD_LEVEL, MIN_BYTES = 9, 12, 256
YEAR_S = 31_536_000
HASH_CHARS = 12


class Asset(NamedTuple):
    """A file, and its compressed bodies."""

    body: bytes
    media_type: str
    encoded: Mapping[str, bytes]


class Assets(NamedTuple):
    """The files by their path in the folder. `version`: the hash of all.

    `preloads`: what the module of a page imports at once, and a browser would find one after the other; of the build
    alone.
    """

    version: str
    files: Mapping[str, Asset]
    preloads: Mapping[str, list[str]]

    def respond(self, version: str, name: str) -> Response:
        """The file. Raises NotFound, also for another version: what it imports might not be there any more."""
        found = self.files.get(name)
        if found is None or version != self.version:
            raise NotFound(f"no file {name[:80]!r} of this version; load the page again")
        response = Response(found.body, content_type=found.media_type)
        response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.add_etag()
        if found.encoded and is_compressible(response) and (encoding := mark_encoding(response)):
            response.set_data(found.encoded[encoding])
        return make_conditional(response)


def read_built() -> Assets:
    """What pages load: some 100 ms at the start, for the compression."""
    bodies = _read_bodies(BUILT)
    build = json.loads(bodies.pop(BUILD))
    return Assets(_digest(bodies), {name: _asset(name, body) for name, body in bodies.items()}, build["preloads"])


def read_sources() -> Assets:
    """The files as they are edited, not compressed: some milliseconds."""
    bodies = _read_bodies(SOURCES)
    return Assets(_digest(bodies), {name: Asset(body, _media_type(name), {}) for name, body in bodies.items()}, {})


def _read_bodies(folder: Path) -> dict[str, bytes]:
    """In the order of their names, which is that of the digest."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: paths[name].read_bytes() for name in sorted(paths) if not name.endswith(".ts")}


def _digest(bodies: Mapping[str, bytes]) -> str:
    """tools/build_dashboard.mjs computes the same of the sources."""
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    return digest.hexdigest()[:HASH_CHARS]


def _asset(name: str, body: bytes) -> Asset:
    return Asset(body, _media_type(name), _encode(body) if len(body) >= MIN_BYTES else {})


def _encode(body: bytes) -> dict[str, bytes]:
    gzip = zlib.compress(body, GZIP_LEVEL, wbits=31)
    return {"zstd": zstandard.compress(body, ZSTD_LEVEL), "gzip": gzip}


def _media_type(name: str) -> str:
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    media_type = MEDIA_TYPES.get(Path(name).suffix, guessed)
    return media_type + "; charset=utf-8" if media_type.startswith("text/") else media_type

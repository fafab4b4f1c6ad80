"""The files of the pages. All are served under one hash of their contents, so that an address never changes its body
and modules import each other by relative addresses."""

import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from flask import Response

from analytics.errors import NotFound
from analytics.web.compression import ENCODINGS, MIN_BYTES, compress, is_compressible, mark_encoding
from analytics.web.conditional import make_conditional

FOLDER = Path(__file__).parent / "static"
# Of types that the machine's own list may lack or name otherwise.
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}
# Not import("…"), which waits until it is wanted.
IMPORT = re.compile(r"""^(?:import|export)\b[^;"']*?\bfrom\s*["'](\.[^"']+)["']""", re.MULTILINE)
YEAR_S = 31_536_000
HASH_CHARS = 12


class Asset(NamedTuple):
    """A file, and its compressed bodies."""

    body: bytes
    media_type: str
    encoded: Mapping[str, bytes]


class Assets(NamedTuple):
    """The files by their path in the folder. `version`: the hash of all."""

    version: str
    files: Mapping[str, Asset]

    def find_modules(self, *names: str) -> list[str]:
        """These modules, and all that they import at once: what a browser finds one after the other."""
        found, waiting = dict[str, None](), list(names)
        while waiting:
            name = waiting.pop(0)
            if name in self.files and name not in found:
                found[name] = None
                text, folder = self.files[name].body.decode(), posixpath.dirname(name)
                waiting += [posixpath.normpath(posixpath.join(folder, path)) for path in IMPORT.findall(text)]
        return list(found)

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


def read_assets(folder: Path = FOLDER) -> Assets:
    """Reads and compresses all files: some 30 ms at the start."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".ts")
    bodies = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    return Assets(digest.hexdigest()[:HASH_CHARS], {name: _asset(name, body) for name, body in bodies.items()})


def _asset(name: str, body: bytes) -> Asset:
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    media_type = MEDIA_TYPES.get(Path(name).suffix, guessed)
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    encoded = {encoding: compress(body, encoding) for encoding in ENCODINGS} if len(body) >= MIN_BYTES else {}
    return Asset(body, media_type, encoded)

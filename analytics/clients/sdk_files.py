"""The built files of the browser clients: which there are, in which versions, under which names, each with its hash.

The newest version is `dist/` of the package. Former ones are `releases/<version>/`, which never change, because pages
pin their hashes; where the newest is among them, its own address has those bytes too.

`create_app` calls `read_sdk`, so that a missing or misnamed file stops the start. views.py serves the files, snippet.py
names their hashes. A file is read and compressed once a process, when it is first asked for. Nothing here builds them.
"""

import hashlib
import json
import re
import zlib
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import zstandard

from analytics.errors import NotFound
from config import ConfigError, Settings

# The npm package, whose built files are part of a release.
SDK_FOLDER = Path(__file__).resolve().parents[2] / "sdk"
# Only these are served: by the end of the name, and not by the system's table, in which `.ts` is a video.
MEDIA_TYPES: Mapping[str, str] = {
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".d.ts": "text/plain; charset=utf-8",
}
RELEASE_PATTERN = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}", re.ASCII)
# Bodies are compressed once, so as well as possible.
GZIP_LEVEL, ZSTD_LEVEL = 9, 19
MAX_LISTED_NAMES = 30


class Content(NamedTuple):
    """What a file holds. `integrity`: the value of that attribute of a script (Subresource Integrity)."""

    body: bytes
    etag: str
    integrity: str
    # `zstd` and `gzip` → the compressed body.
    encoded: Mapping[str, bytes]


class SdkFile:
    """One built file."""

    def __init__(self, path: Path, media_type: str) -> None:
        self.path, self.media_type = path, media_type
        # None until `load` was called.
        self.content: Content | None = None

    def load(self) -> Content:
        """The content, read and compressed when it is first asked for: up to 0.1 s."""
        if self.content is None:
            body = self.path.read_bytes()
            deflate = zlib.compressobj(GZIP_LEVEL, wbits=31)
            self.content = Content(
                body,
                hashlib.sha256(body).hexdigest()[:32],
                "sha384-" + b64encode(hashlib.sha384(body).digest()).decode(),
                {
                    "gzip": deflate.compress(body) + deflate.flush(),
                    "zstd": zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body),
                },
            )
        return self.content


Files = Mapping[str, SdkFile]


class Sdk:
    """The files by version and name, and the names under which pages load them."""

    def __init__(self, version: str, built: Files, releases: Mapping[str, Files], names: Mapping[str, str]) -> None:
        """`releases`: from the oldest to the newest."""
        self.version, self._names = version, names
        # A channel holds whatever is compatible, and so changes with a release.
        self.channel = _channel(version)
        self._fixed = {version: built, **releases}
        channels = {**{_channel(release): files for release, files in releases.items()}, self.channel: built}
        self._files = {key: self._rename(files) for key, files in {**channels, **self._fixed}.items()}

    def find(self, version: str, name: str) -> SdkFile:
        """The file of that address. Raises NotFound."""
        if (files := self._files.get(version)) is None:
            first = (self.channel, self.version)
            versions = dict.fromkeys((*first, *reversed(self._files)))
            listed = ", ".join(list(versions)[:MAX_LISTED_NAMES])
            raise NotFound(f"there is no version {version[:40]!r} of the SDK; accepted: {listed}")
        if (found := files.get(name)) is None:
            names = ", ".join(sorted(files)[:MAX_LISTED_NAMES])
            raise NotFound(f"the SDK has no file {name[:80]!r}; accepted: {names}")
        return found

    def is_fixed(self, version: str) -> bool:
        """True for a version whose files never change, False for a channel."""
        return version in self._fixed

    def public_name(self, name: str) -> str:
        """The name under which pages load the built file `name`: SDK_NAMES may give it another."""
        return self._names.get(name, name)

    def _rename(self, files: Files) -> Files:
        """The files also under the names that SDK_NAMES gives them."""
        return {**files, **{name: files[original] for original, name in self._names.items() if original in files}}


def read_sdk(settings: Settings) -> Sdk:
    """The SDK in SDK_FOLDER, by default in `sdk/` beside this package. Raises ConfigError. Reads package.json only."""
    folder = Path(settings.sdk_folder) if settings.sdk_folder else SDK_FOLDER
    try:
        version = json.loads((folder / "package.json").read_bytes())["version"]
        built, releases = _list_files(folder / "dist"), _read_releases(folder / "releases")
    except (OSError, ValueError, KeyError) as error:
        accepted = "accepted: the folder of the browser clients, with package.json and dist/"
        raise ConfigError(f"SDK_FOLDER: {folder} has no built SDK ({error}); {accepted}") from error
    _check_names(settings.sdk_names, built)
    return Sdk(version, built, releases, dict(settings.sdk_names))


def _read_releases(folder: Path) -> dict[str, Files]:
    """Version → files, from the oldest to the newest. A package without the folder has no releases."""
    found = [path for path in folder.iterdir() if RELEASE_PATTERN.fullmatch(path.name)] if folder.is_dir() else []
    found.sort(key=lambda path: [int(number) for number in path.name.split(".")])
    return {path.name: _list_files(path) for path in found}


def _list_files(folder: Path) -> Files:
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: SdkFile(path, kind) for path in paths if (kind := _media_type(path.name))}


def _channel(version: str) -> str:
    return f"v{version.partition('.')[0]}"


def _media_type(name: str) -> str | None:
    return next((kind for end, kind in MEDIA_TYPES.items() if name.endswith(end)), None)


def _check_names(names: tuple[tuple[str, str], ...], files: Mapping[str, SdkFile]) -> None:
    taken = set(files)
    for original, name in names:
        if original not in files:
            raise ConfigError(f"SDK_NAMES: there is no file {original!r}; accepted: {', '.join(sorted(files))}")
        if name in taken:
            raise ConfigError(f"SDK_NAMES: {name!r} is the name of another file; choose one that is free")
        taken.add(name)

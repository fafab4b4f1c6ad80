"""The file `.env`: what the environment may leave out. `config.py` reads it for every process and command alike.

python-dotenv parses it. It would skip a line that it cannot parse; here such a line is an error.
"""

import io
import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path


class EnvFileError(Exception):
    """An unusable file; the message names the file and the line."""


class _BrokenLines(logging.Handler):
    """Collects the numbers of the lines that python-dotenv warns about, in place of its warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.numbers: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.numbers += record.args if isinstance(record.args, tuple) else ()


def complete(environ: Mapping[str, str], path: Path, names_of: Callable[[str], Collection[str]]) -> dict[str, str]:
    """`environ` and those variables of the file for which it has none of `names_of(variable)`. Raises EnvFileError."""
    if environ.get("FLASK_SKIP_DOTENV", "0").lower() not in ("", "0", "false", "no"):
        return dict(environ)
    found = read_env_file(path)
    missing = {name: value for name, value in found.items() if not any(known in environ for known in names_of(name))}
    return missing | dict(environ)


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of the file; {} if there is none. Raises EnvFileError."""
    if not path.is_file():
        return {}
    values = _parse(path)
    if unset := [name for name, value in values.items() if value is None]:
        raise EnvFileError(f"{path}: {unset[0]} has no value: write {unset[0]}=value, or {unset[0]}= for none")
    return {name: value for name, value in values.items() if value is not None}


def _parse(path: Path) -> dict[str, str | None]:
    # A process without the file does not load the parser.
    from dotenv import dotenv_values

    text, broken, logger = _read(path), _BrokenLines(), logging.getLogger("dotenv")
    logger.addHandler(broken)
    try:
        values = dotenv_values(stream=io.StringIO(text))
    finally:
        logger.removeHandler(broken)
    if broken.numbers:
        raise EnvFileError(f"{path}: line {broken.numbers[0]} is not NAME=value, for example LOG_LEVEL=INFO")
    return values


def _read(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise EnvFileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EnvFileError(f"{path}: is not text in UTF-8") from error
    if "\0" in text:
        raise EnvFileError(f"{path}: has a NUL byte in line {text[: text.index(chr(0))].count(chr(10)) + 1}")
    return text

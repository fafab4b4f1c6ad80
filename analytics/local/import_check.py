"""Imports the modules that are its arguments, from the working directory, and prints where that failed; else nothing.

`make dev` (reload.py) runs this file as a process before it reloads changed code. It imports nothing of the service, so
that it runs whatever is broken.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path


def find_import_error(modules: Sequence[str], root: Path) -> str | None:
    """`analytics/clock.py, line 8: NameError: …` of the first module that cannot be imported."""
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001  # SystemExit too: the process would not start either
            return describe(name, error, root)
    return None


def describe(module: str, error: BaseException, root: Path) -> str:
    """Where and why the import failed, in one line."""
    file, line = _find_place(error, root)
    place = f"{file}, line {line}" if file else module
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{place}: {type(error).__name__}: {text.partition(chr(10))[0]}".rstrip(": ")


def _find_place(error: BaseException, root: Path) -> tuple[Path | None, int | None]:
    """The innermost line of the checkout."""
    if isinstance(error, SyntaxError) and error.filename and (file := _relative(error.filename, root)):
        return file, error.lineno
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if file := _relative(frame.filename, root):
            return file, frame.lineno
    return None, None


def _relative(name: str, root: Path) -> Path | None:
    """The path below `root`; None for this file and for installed packages."""
    path = Path(name)
    if path == Path(__file__) or not path.is_relative_to(root) or "site-packages" in path.parts:
        return None
    return path.relative_to(root)


def main() -> None:
    """`python -P import_check.py MODULE…`."""
    # What the modules print is no result.
    with os.fdopen(os.dup(1), "w") as results:
        os.dup2(2, 1)
        root = Path.cwd()
        sys.path.insert(0, str(root))
        problem = find_import_error(sys.argv[1:], root)
        results.write(problem or "")
    # Threads that the modules have started do not end.
    os._exit(1 if problem else 0)


if __name__ == "__main__":
    main()

"""`make dev`: notices changed code. A change that does not compile reloads nothing, so that the service stays up."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

PACKAGES = ("analytics", "tasks")


def watch_code(root: Path, reload: Callable[[list[Path]], None], print_line: Callable[[str], None]) -> None:
    """Calls `reload` with the files, below `root`, after each change of the code, from threads that end with the
    process."""

    def handle(paths: Iterable[Path]) -> None:
        changed = sorted({path.relative_to(root) for path in paths})
        names = ", ".join(map(str, changed))
        if problem := next(filter(None, map(find_syntax_error, paths)), None):
            print_line(f"{names} changed but is not reloaded: {problem}")
        else:
            print_line(f"{names} changed: reloading")
            reload(changed)

    packages = [root / name for name in PACKAGES if (root / name).is_dir()]
    # A whole root would include the database and the virtual environment.
    for folders, is_recursive in (([root], False), (packages, True)):
        threading.Thread(target=_watch, args=(folders, is_recursive, handle), daemon=True).start()


def find_syntax_error(path: Path) -> str | None:
    """The error of a Python file that does not compile, with its line."""
    try:
        compile(path.read_bytes(), path.name, "exec")
    except (SyntaxError, ValueError) as error:
        return f"{type(error).__name__} in line {getattr(error, 'lineno', None) or '?'}"
    except OSError:
        # It has been removed.
        return None
    return None


def _watch(folders: list[Path], is_recursive: bool, handle: Callable[[list[Path]], None]) -> None:
    # Only `make dev` has the package: it is in requirements-dev.txt.
    from watchfiles import PythonFilter, watch

    for changes in watch(*folders, watch_filter=PythonFilter(), recursive=is_recursive, raise_interrupt=False):
        handle([Path(path) for _, path in changes])

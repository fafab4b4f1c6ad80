"""`make dev`: notices changed code. Code that does not compile, or cannot be imported, reloads nothing, so that the
service stays up."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

PACKAGES = ("analytics", "tasks")
# What web and the others start with.
ENTRIES = ("wsgi", "celery_app")
IMPORT_CHECK = Path(__file__).with_name("import_check.py")
IMPORT_TIMEOUT_S = 60


class Reloadable(Protocol):
    """The stack, as changed code sees it."""

    @property
    def root(self) -> Path:
        """The checkout."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of its processes."""

    def hold_reloads(self) -> None:
        """Puts reloads off that have not begun."""

    def reload(self, changed: list[Path]) -> None:
        """Reloads what runs the changed files, and what was put off."""

    def print_line(self, line: str) -> None:
        """Prints a line."""


class ChangedCode:
    """The changes that no process has been told of. Thread-safe."""

    def __init__(self, stack: Reloadable) -> None:
        self._stack = stack
        self._paths: set[Path] = set()
        self._lock = threading.Lock()

    def add(self, paths: Iterable[Path]) -> None:
        """Reloads these changes and earlier ones, unless the code is broken: then the next change tries again."""
        with self._lock:
            # Those of the change before would begin with this one, unchecked.
            self._stack.hold_reloads()
            added = sorted({path.relative_to(self._stack.root) for path in paths})
            self._paths.update(added)
            names = ", ".join(map(str, added))
            if problem := find_problem(self._stack.root, sorted(self._paths), self._stack.env):
                self._stack.print_line(f"{names} changed but is not reloaded: {problem}")
                return
            self._stack.print_line(f"{names} changed: reloading")
            self._stack.reload(sorted(self._paths))
            self._paths.clear()


def watch_code(stack: Reloadable) -> None:
    """Reloads the stack after each change of its code, from threads that end with the process."""
    changed = ChangedCode(stack)
    packages = [stack.root / name for name in PACKAGES if (stack.root / name).is_dir()]
    # A whole root would include the database and the virtual environment.
    for folders, is_recursive in (([stack.root], False), (packages, True)):
        threading.Thread(target=_watch, args=(folders, is_recursive, changed.add), daemon=True).start()


def find_problem(root: Path, changed: Iterable[Path], env: Mapping[str, str]) -> str | None:
    """Why processes that start now would end at once, in one line with file and line; `changed`: paths below `root`."""
    paths = list(changed)
    syntax_error = next(filter(None, (find_syntax_error(root, path) for path in paths)), None)
    return syntax_error or _find_import_error(root, paths, env)


def find_syntax_error(root: Path, path: Path) -> str | None:
    """The error of a Python file that does not compile, with its line."""
    try:
        compile((root / path).read_bytes(), path.name, "exec")
    except SyntaxError as error:
        return f"{path}, line {error.lineno or '?'}: {type(error).__name__}: {error.msg}"
    except ValueError as error:
        return f"{path}: {error}"
    except OSError:
        # It has been removed.
        return None
    return None


def _find_import_error(root: Path, changed: Iterable[Path], env: Mapping[str, str]) -> str | None:
    command = [sys.executable, "-P", str(IMPORT_CHECK), *_list_modules(root, changed)]
    try:
        done = subprocess.run(
            command, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=IMPORT_TIMEOUT_S, text=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"its import takes more than {IMPORT_TIMEOUT_S} s"
    return done.stdout or (f"its import ended with exit code {done.returncode}" if done.returncode else None)


def _list_modules(root: Path, changed: Iterable[Path]) -> list[str]:
    """What the processes import, and changed modules of the packages; another script of the checkout is not run."""
    entries = [name for name in ENTRIES if (root / f"{name}.py").exists()]
    tasks = sorted(path.relative_to(root) for path in (root / "tasks").glob("*.py"))
    changed_modules = [path for path in changed if path.parts[0] in PACKAGES and (root / path).exists()]
    return list(dict.fromkeys([*entries, *map(_module_name, [*tasks, *changed_modules])]))


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _watch(folders: list[Path], is_recursive: bool, add: Callable[[list[Path]], None]) -> None:
    # Only `make dev` has the package: it is in requirements-dev.txt.
    from watchfiles import PythonFilter, watch

    for changes in watch(*folders, watch_filter=PythonFilter(), recursive=is_recursive, raise_interrupt=False):
        add([Path(path) for _, path in changes])

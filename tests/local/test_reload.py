"""What `make dev` does with changed code: one line for what is broken, and reloads only of what is not."""

import os
from pathlib import Path

import pytest

from analytics.local.reload import ChangedCode, find_problem

GOOD = "value = 1\n"


class RecordedStack:
    """Notes what it is asked to do."""

    def __init__(self, root: Path) -> None:
        self.root, self.env = root, dict(os.environ)
        self.reloads: list[list[str]] = []
        self.lines: list[str] = []
        self.held = 0

    def hold_reloads(self) -> None:
        self.held += 1

    def reload(self, changed: list[Path]) -> None:
        self.reloads.append([str(path) for path in changed])

    def print_line(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def stack(tmp_path: Path) -> RecordedStack:
    for name in ("analytics", "tasks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    write(tmp_path, "wsgi.py", "import analytics.clock\n")
    write(tmp_path, "celery_app.py", GOOD)
    write(tmp_path, "analytics/clock.py", GOOD)
    write(tmp_path, "tasks/rollups.py", "from analytics.clock import value\n")
    return RecordedStack(tmp_path)


def write(root: Path, name: str, text: str) -> Path:
    (root / name).write_text(text)
    return root / name


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("analytics/clock.py", "a = 1\nb = (\n", "analytics/clock.py, line 2: SyntaxError: '(' was never closed"),
        ("analytics/clock.py", "\nmissing\n", "analytics/clock.py, line 2: NameError: name 'missing' is not defined"),
        (
            "analytics/clock.py",
            "other = 1\n",
            "tasks/rollups.py, line 1: ImportError: cannot import name 'value' from 'analytics.clock'",
        ),
        ("analytics/new.py", "import none_such\n", "analytics/new.py, line 1: ModuleNotFoundError: No module named"),
        ("analytics/clock.py", "value = 1\nint('x')\n", "analytics/clock.py, line 2: ValueError: invalid literal"),
        (
            "celery_app.py",
            "raise SystemExit('configuration: PORT')\n",
            "celery_app.py, line 1: SystemExit: configuration",
        ),
        ("wsgi.py", "import os\nos._exit(3)\n", "its import ended with exit code 3"),
        ("analytics/clock.py", "value = '\0'\n", "analytics/clock.py"),
    ],
    ids=["syntax", "name", "used elsewhere", "new module", "value", "setting", "exit", "nul"],
)
def test_broken_code_is_named_by_file_and_line(stack: RecordedStack, name: str, text: str, problem: str) -> None:
    write(stack.root, name, text)
    found = find_problem(stack.root, [Path(name)], stack.env)
    assert found is not None
    assert found.startswith(problem)
    assert "\n" not in found


def test_what_modules_print_and_their_threads_are_no_problem(stack: RecordedStack) -> None:
    thread = "threading.Thread(target=time.sleep, args=(600,)).start()"
    write(stack.root, "wsgi.py", f"import threading, time\n{thread}\nprint('started')\n")
    assert find_problem(stack.root, [Path("wsgi.py")], stack.env) is None


def test_another_script_of_the_checkout_is_not_run(stack: RecordedStack) -> None:
    write(stack.root, "scratch.py", "open('was_run', 'w')\n")
    assert find_problem(stack.root, [Path("scratch.py")], stack.env) is None
    assert not (stack.root / "was_run").exists()


def test_a_file_that_was_removed_is_missed_where_it_is_imported(stack: RecordedStack) -> None:
    (stack.root / "analytics/clock.py").unlink()
    found = find_problem(stack.root, [Path("analytics/clock.py")], stack.env)
    assert found == "wsgi.py, line 1: ModuleNotFoundError: No module named 'analytics.clock'"


def test_a_good_change_waits_for_the_broken_one_and_is_reloaded_with_it(stack: RecordedStack) -> None:
    changed = ChangedCode(stack)
    changed.add([write(stack.root, "analytics/clock.py", "value = (\n")])
    changed.add([write(stack.root, "tasks/rollups.py", "from analytics.clock import value as used\n")])
    assert (stack.reloads, stack.held) == ([], 2)
    problem = "analytics/clock.py, line 1: SyntaxError: '(' was never closed"
    assert stack.lines == [
        f"analytics/clock.py changed but is not reloaded: {problem}",
        f"tasks/rollups.py changed but is not reloaded: {problem}",
    ]
    changed.add([write(stack.root, "analytics/clock.py", GOOD)])
    assert stack.reloads == [["analytics/clock.py", "tasks/rollups.py"]]
    changed.add([write(stack.root, "tasks/rollups.py", GOOD)])
    assert stack.reloads[1:] == [["tasks/rollups.py"]]

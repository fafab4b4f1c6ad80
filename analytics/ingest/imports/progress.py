"""Progress of an import on standard error: a bar on a terminal, else lines of text. run.py reports to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

# Without a terminal, one line in this interval.
TEXT_INTERVAL_S = 5.0


class ProgressReporter(Protocol):
    def advance(self, lines: int, bytes_read: int) -> None: ...

    def show_message(self, message: str) -> None: ...


class TextProgressReporter:
    """Lines of text. `skipped`: lines that an earlier run has imported."""

    def __init__(self, total_bytes: int, console: Console, skipped: int = 0) -> None:
        self._total, self._console, self._skipped = max(1, total_bytes), console, skipped
        self._started_at = self._shown_at = time.monotonic()

    def advance(self, lines: int, bytes_read: int) -> None:
        if time.monotonic() - self._shown_at >= TEXT_INTERVAL_S:
            self._shown_at = time.monotonic()
            rate = (lines - self._skipped) / (self._shown_at - self._started_at)
            self.show_message(f"{lines:,} lines, {100 * bytes_read / self._total:.0f} %, {rate:,.0f} lines/s")

    def show_message(self, message: str) -> None:
        self._console.print(message, highlight=False, markup=False)


class BarProgressReporter:
    """A bar on a terminal."""

    def __init__(self, total_bytes: int, progress: Progress, skipped: int = 0) -> None:
        self._progress, self._started_at, self._skipped = progress, time.monotonic(), skipped
        self._task = progress.add_task("importing", total=max(1, total_bytes), rate="")

    def advance(self, lines: int, bytes_read: int) -> None:
        rate = f"{(lines - self._skipped) / max(1e-3, time.monotonic() - self._started_at):,.0f} lines/s"
        self._progress.update(self._task, completed=bytes_read, rate=rate)

    def show_message(self, message: str) -> None:
        self._progress.update(self._task, description=message)


@contextmanager
def open_reporter(total_bytes: int, console: Console, skipped: int) -> Iterator[ProgressReporter]:
    """A bar if `console` is a terminal, else lines of text."""
    if not console.is_terminal:
        yield TextProgressReporter(total_bytes, console, skipped)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        yield BarProgressReporter(total_bytes, progress, skipped)

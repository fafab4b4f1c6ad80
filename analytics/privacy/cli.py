"""`flask retention run`: what goes by the retention settings, said or done. The group is registered by the cli.

The table or JSON goes to standard output, hints to standard error.
"""

import json
from collections.abc import Iterable
from typing import Any

import click
from flask.cli import with_appcontext

from analytics import clock
from analytics.extensions import db, settings
from analytics.privacy import retention
from analytics.privacy.steps import Done, Step


@click.command("run")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@with_appcontext
def run_retention(dry_run: bool, as_json: bool) -> None:
    """Drop, delete and mask what the retention settings no longer keep; exit code 1 when a step was left undone."""
    if dry_run:
        done = [Done(step, step.rows, 0.0) for step in retention.plan(db.engine, settings(), clock.now())]
    else:
        done = retention.run(db.engine, settings(), clock.now(), tell=_say)
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in done], indent=2))
    elif done:
        _print_table(done)
    else:
        click.echo("nothing is due", err=True)
    if any(one.error for one in done):
        raise SystemExit(1)


def _say(done: Done) -> None:
    click.echo(f"{done.step.action} {done.step.what}: {done.error or f'{done.seconds:.1f} s'}", err=True)


def _print_table(done: Iterable[Done]) -> None:
    rows = [("", "WHAT", "ROWS", "BYTES", "BECAUSE OF")]
    rows += [(one.step.action, one.step.what, _rows(one.step), _bytes(one.step), one.step.setting) for one in done]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) if n in (2, 3) else cell.ljust(width) for n, (cell, width) in _numbered(row, widths)]
        click.echo("  ".join(cells).rstrip())


def _numbered(row: Iterable[str], widths: Iterable[int]) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(row, widths, strict=True))


def _rows(step: Step) -> str:
    return f"{'~' if step.is_estimate else ''}{step.rows:,}"


def _bytes(step: Step) -> str:
    """Only a drop gives space back to the disk."""
    return f"{step.bytes:,}" if step.action == "drop" else "-"


def _as_json(done: Done) -> dict[str, Any]:
    step = done.step
    return {
        "action": step.action,
        "what": step.what,
        "table": step.table,
        "before": step.before.isoformat(),
        "rows": done.rows,
        "rows_estimated": step.is_estimate,
        "bytes": step.bytes,
        "setting": step.setting,
        "error": done.error or None,
    }

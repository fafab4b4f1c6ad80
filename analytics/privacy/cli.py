"""`flask retention run`: applies the retention settings, or lists what they require. analytics/cli.py registers it.

The table or JSON goes to standard output, progress and hints to standard error.
"""

import json
from collections.abc import Sequence
from typing import Any

import click
from flask.cli import with_appcontext

from analytics import clock
from analytics.cli import print_table
from analytics.extensions import db, settings
from analytics.privacy import retention
from analytics.privacy.steps import Step, StepResult

HEADER = ("", "WHAT", "ROWS", "BYTES", "BECAUSE OF")
RIGHT_ALIGNED = (2, 3)


@click.command("run")
@click.option("--dry-run", is_flag=True, help="List what would be done, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@with_appcontext
def run_retention(dry_run: bool, as_json: bool) -> None:
    """Drop, delete and mask rows past their retention; exit code 1 when a step was left undone."""
    if dry_run:
        steps = retention.plan(db.engine, settings(), clock.now())
        results = [StepResult(step, step.rows, 0.0) for step in steps]
    else:
        results = retention.run(db.engine, settings(), clock.now(), on_result=_print_progress)
    if as_json:
        click.echo(json.dumps([_as_json(result) for result in results], indent=2))
    elif results:
        _print_table([result.step for result in results])
    else:
        click.echo("nothing is due", err=True)
    if any(result.error for result in results):
        raise SystemExit(1)


def _print_progress(result: StepResult) -> None:
    outcome = result.error or f"{result.duration_s:.1f} s"
    click.echo(f"{result.step.action} {result.step.description}: {outcome}", err=True)


def _print_table(steps: Sequence[Step]) -> None:
    rows = [(step.action, step.description, _format_rows(step), _format_bytes(step), step.setting) for step in steps]
    print_table(HEADER, rows, RIGHT_ALIGNED)


def _format_rows(step: Step) -> str:
    return f"{'~' if step.is_estimate else ''}{step.rows:,}"


def _format_bytes(step: Step) -> str:
    """Only a drop frees disk space."""
    return f"{step.bytes:,}" if step.action == "drop" else "-"


def _as_json(result: StepResult) -> dict[str, Any]:
    step = result.step
    return {
        "action": step.action,
        "what": step.description,
        "table": step.table,
        "before": step.before.isoformat(),
        "rows": result.rows,
        "rows_estimated": step.is_estimate,
        "bytes": step.bytes,
        "setting": step.setting,
        "error": result.error or None,
    }


COMMANDS: tuple[click.Command, ...] = (run_retention,)

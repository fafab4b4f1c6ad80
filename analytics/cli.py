"""Registers the `flask` commands of every slice, and holds what they share.

`create_app` calls `register`. Results go to standard output, hints to standard error; a failure that a user can fix is
one line, never a traceback.
"""

from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Any

import click
import psycopg2
from flask import Flask
from flask.cli import AppGroup
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError, TimeoutError

from analytics.errors import AnalyticsError
from analytics.period import FIRST_YEAR, LAST_YEAR

# The actor of changes that audit_log records.
ACTOR = "cli"
UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703"
# Characters of a line in a file or pipe, where no column is cut.
TEXT_WIDTH = 10_000


class OneLineErrorGroup(AppGroup):
    """Commands whose expected failures end in one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AnalyticsError as error:
            raise click.ClickException(error.detail) from error
        except (OperationalError, InterfaceError, TimeoutError, psycopg2.OperationalError) as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise click.ClickException(f"the database is unavailable (DATABASE_URL): {reason}") from error
        except ProgrammingError as error:
            if getattr(error.orig, "pgcode", None) not in (UNDEFINED_TABLE, UNDEFINED_COLUMN):
                raise
            raise click.ClickException("the database is not migrated: run flask --app wsgi db upgrade") from error
        except RedisError as error:
            raise click.ClickException(f"Redis is unavailable (CELERY_BROKER_URL): {error}") from error


class LazyGroup(OneLineErrorGroup):
    """Loads its commands, `module`.COMMANDS, on first use: a web process then does not import their modules (the
    importers' tables alone are 25 MB)."""

    def __init__(self, name: str, module: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._module = module

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [command.name or "" for command in self._commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return next((command for command in self._commands() if command.name == cmd_name), None)

    def _commands(self) -> Sequence[click.Command]:
        commands: Sequence[click.Command] = import_module(self._module).COMMANDS
        return commands


class LazyCommand(click.Command):
    """The command of that name in `module`.COMMANDS, loaded when it is called."""

    def __init__(self, name: str, module: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._module = module

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        commands: Sequence[click.Command] = import_module(self._module).COMMANDS
        [command] = [command for command in commands if command.name == self.name]
        return command.make_context(info_name, args, parent, **extra)


class _Day(click.DateTime):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        parsed = super().convert(value, param, ctx)
        if not FIRST_YEAR <= parsed.year <= LAST_YEAR:
            self.fail(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}", param, ctx)
        return parsed


# The type of an option that is a day; the years are those that HTTP accepts.
DAY = _Day(formats=["%Y-%m-%d"])


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right_aligned: Collection[int] = ()) -> None:
    """Prints rows under a header on standard output, as wide as they need where that is not a terminal."""
    # rich takes 5 MB, which a web process does not need.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index in right_aligned else "left", no_wrap=index in right_aligned)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = TEXT_WIDTH
    console.print(table)


# Each entry becomes `flask <name>`. A slice's cli.py lists its commands in COMMANDS.
REGISTERED: tuple[click.Command, ...] = (
    LazyGroup("token", "analytics.auth.cli", help="Create, list, show and revoke tokens."),
    LazyGroup("user", "analytics.auth.sessions.cli", help="Accounts of the dashboard, with a password."),
    LazyGroup("key", "analytics.sites.access.cli", help="Create, list, rotate and revoke API keys."),
    LazyGroup("site", "analytics.sites.cli", help="Create, list, change, rename and delete sites."),
    LazyGroup("import", "analytics.ingest.imports.cli", help="Import access logs, tables and past events."),
    LazyGroup("export", "analytics.exports.cli", help="Export events or figures to a file."),
    LazyGroup("rollups", "analytics.rollups.cli", help="Merge and rebuild the rollups."),
    LazyGroup("columnar", "analytics.columnar.cli", help="Column files: how many there are, and writing them anew."),
    LazyGroup("sources", "analytics.ingest.reclassification.cli", help="Classify stored events again."),
    LazyGroup("retention", "analytics.privacy.cli", help="Apply the retention settings."),
    LazyGroup("dead-letters", "analytics.ops.dead_letters.cli", help="List, retry and discard what was not stored."),
    LazyGroup("segment", "analytics.reports.segments.cli", help="List, set and remove segments, filters with a name."),
    LazyGroup("note", "analytics.reports.notes.cli", help="Add, list and remove notes on days of a site."),
    LazyCommand("demo", "analytics.dashboard.demo.cli", help="Fill a site with believable events, to look at."),
    LazyCommand("audit", "analytics.audit.cli", help="Check that no event was lost or counted twice."),
    LazyCommand("trace", "analytics.audit.cli", help="Trace an event through the pipeline."),
)


def register(app: Flask) -> None:
    """Adds every group and command to `flask`."""
    for command in REGISTERED:
        app.cli.add_command(command)

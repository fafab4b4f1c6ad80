"""Options of commands that name a group of users, one a field of the API. cli.py and schedules/cli.py use them."""

from collections.abc import Callable
from typing import Any

import click

from analytics.reports.filtering.scope import SCOPES
from analytics.users.schemas import GroupBody, GroupFields

SCOPE_HELP = "Whether conditions of --where select visits or events."


def group_options(without: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator. `without`: fields that an option of the command stands for."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, field in reversed(GroupFields(exclude=without).fields.items()):
            option = f"--{name.replace('_', '-')}"
            command = click.option(option, metavar="VALUE", help=str(field.metadata["description"]))(command)
        return click.option("--scope", type=click.Choice(SCOPES), help=SCOPE_HELP)(command)

    return add


def pop_group(options: dict[str, Any]) -> dict[str, str]:
    """The fields that were given, taken out of the options."""
    group = {name: options.pop(name) for name in GroupBody().fields}
    return {name: text for name, text in group.items() if text is not None}

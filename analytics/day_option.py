"""The type of a command's option that is a day; the years are those that HTTP takes."""

from typing import Any

import click

from analytics.period import FIRST_YEAR, LAST_YEAR


class _Day(click.DateTime):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            self.fail(f"the year must be from {FIRST_YEAR} to {LAST_YEAR}", param, ctx)
        return found


DAY = _Day(formats=["%Y-%m-%d"])

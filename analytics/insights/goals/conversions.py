"""What reports on goals count, and the two places that can tell: goal_rollups.py and goal_rows.py.

`users` are different people with a conversion, `active_users` those with an event of any type, and the rate is the
first as a part of the second; in a bucket, or with a value of a dimension, of the events in it. A filter of the
question narrows both.
"""

from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from analytics.reports.canonical import DIGITS


class Amount(NamedTuple):
    """The sum of a currency, to the last digit; None: the payloads name none."""

    currency: str | None
    amount: Decimal
    conversions: int


class Reached(NamedTuple):
    """What was counted; `amounts`, the largest first, only of a goal with a worth."""

    conversions: int = 0
    users: int = 0
    active_users: int = 0
    amounts: tuple[Amount, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """A rate of nobody is null; money is text, so that no digit is lost."""
        rate = round(self.users / self.active_users, DIGITS) if self.active_users else None
        found: dict[str, Any] = {"conversions": self.conversions, "users": self.users}
        found |= {"active_users": self.active_users, "rate": rate}
        if self.amounts is not None:
            found["amounts"] = [{**one._asdict(), "amount": format(one.amount, "f")} for one in self.amounts]
            found["without_amount"] = self.conversions - sum(one.conversions for one in self.amounts)
        return found


class Lines(NamedTuple):
    """Values of a dimension, most conversions first, ties in the order of the values; `total`: conversions of all."""

    lines: list[tuple[str, Reached]]
    total: int


class Source(Protocol):
    """Where the numbers are from."""

    def count(self, unit: str) -> list[Reached]:
        """Of each of `buckets.cut(period, unit)`."""

    def rank(self, dimension: str, limit: int) -> Lines:
        """The first values of the dimension."""

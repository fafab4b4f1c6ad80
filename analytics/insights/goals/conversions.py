"""What reports on goals count, and the interface of its two sources: from_rollups.py and from_columns.py.

`users` are distinct users with a conversion, `active_users` distinct users with an event of any type; the rate is their
quotient. In a bucket, or with a value of a dimension, both count its events only. A filter narrows both.
"""

from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from analytics.reports.query.measures import DECIMAL_PLACES


class Amount(NamedTuple):
    """The exact sum in one currency; None: the payloads name no currency."""

    currency: str | None
    amount: Decimal
    conversions: int


class ConversionCounts(NamedTuple):
    """`amounts`: the largest first; None for a goal without a conversion value."""

    conversions: int = 0
    users: int = 0
    active_users: int = 0
    amounts: tuple[Amount, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """The rate is null without active users; amounts are text, so that no digit is lost."""
        rate = round(self.users / self.active_users, DECIMAL_PLACES) if self.active_users else None
        counts: dict[str, Any] = {"conversions": self.conversions, "users": self.users}
        counts |= {"active_users": self.active_users, "rate": rate}
        if self.amounts is not None:
            counts["amounts"] = [{**amount._asdict(), "amount": format(amount.amount, "f")} for amount in self.amounts]
            counts["without_amount"] = self.conversions - sum(amount.conversions for amount in self.amounts)
        return counts


class TopValues(NamedTuple):
    """Values of a dimension, most conversions first, ties by value; `total_conversions` includes all other values."""

    rows: list[tuple[str, ConversionCounts]]
    total_conversions: int


class GoalSource(Protocol):
    """A source of the counts."""

    def count(self, unit: str) -> list[ConversionCounts]:
        """One for each bucket of `split_period(period, unit)`."""

    def top_values(self, dimension: str, limit: int) -> TopValues:
        """The first `limit` values of the dimension."""

"""Goals counted from columns, where rollups cannot tell: patterns, filters, amounts, other zones, hours.

goals/report.py and overview/from_events.py call it. Each method is one scan of the period or two, and with amounts one
more of the conversions.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any, NamedTuple

from pyroaring import BitMap64

from analytics.insights.goals.conversions import Amount, ConversionCounts, TopValues
from analytics.insights.goals.goals import ConversionValue, Goal
from analytics.reports.buckets import split_period
from analytics.reports.filtering.payload_properties import parse_property

if TYPE_CHECKING:
    from analytics.insights.column_events import ColumnEvents, ColumnQuery

# Of a bucket or a value: whoever puts anything there cannot make an answer of any size.
MOST_CURRENCIES = 50
# Amounts have 40 decimals at most (payload_properties.NUMBER), of which numbers of 64 bits hold 18.
DECIMALS, PART = 40, 18
_ENDS = [*range(PART, DECIMALS, PART), DECIMALS]
_PARTS = [f"rpad(decimals, {DECIMALS}, '0')[{start + 1}:{end}]" for start, end in pairwise([0, *_ENDS])]
AMOUNT_SUMS = ", ".join(f"sum(CAST({part} AS BIGINT) * sign)" for part in ["split_part(digits, '.', 1)", *_PARTS])


class Key(NamedTuple):
    """What rows are grouped by: the bucket of a unit, or the value of a dimension."""

    unit: str | None = None
    dimension: str | None = None

    def of_events(self, query: "ColumnQuery") -> tuple[str, str]:
        """The expression, and the join that it needs."""
        return (query.dimension(self.dimension), "") if self.dimension else query.bucket(self.unit or "all")

    def of_amounts(self, query: "ColumnQuery") -> tuple[str, str]:
        """As `of_events`, in a table of amounts."""
        return ("value", "") if self.dimension else self.of_events(query)


class ColumnSource:
    """A GoalSource (conversions.py).

    `active`: by unit, how many people were active in each bucket, where rollups could tell: then only the conversions
    are grouped by person, and not all events. `dimension`: the one that `top_values` is asked for.
    """

    def __init__(
        self,
        events: "ColumnEvents",
        goal: Goal,
        active: Mapping[str, Sequence[int]] | None = None,
        dimension: str | None = None,
    ) -> None:
        self._events, self._goal, self._active, self._dimension = events, goal, active or {}, dimension

    def count(self, unit: str) -> list[ConversionCounts]:
        buckets = split_period(self._events.selection.period, unit)
        if not buckets:
            return []
        found = self._find(Key(unit=unit), only_met=unit in self._active)
        reached = [found.get(number, self._nothing()) for number in range(len(buckets))]
        active = self._active.get(unit, [one.active_users for one in reached])
        return [one._replace(active_users=users) for one, users in zip(reached, active, strict=True)]

    def top_values(self, dimension: str, limit: int) -> TopValues:
        query = self._events.new_query()
        rows = query.run(f"""
            SELECT {query.dimension(dimension)} AS value, CAST(sum(count(*)) OVER () AS BIGINT)
            FROM {query.selected()} WHERE {query.is_met(self._goal)}
            GROUP BY value ORDER BY count(*) DESC, value LIMIT {limit}
        """)
        values = [row[0] for row in rows]
        found = self._find(Key(dimension=dimension), values) if values else {}
        return TopValues([(value, found[value]) for value in values], rows[0][1] if rows else 0)

    def converters(self) -> BitMap64:
        """Everybody who converted."""
        query = self._events.new_query()
        rows = query.run(f"SELECT DISTINCT user_no FROM {query.selected()} WHERE {query.is_met(self._goal)}")
        return BitMap64(user for (user,) in rows)

    def _find(self, key: Key, among: Sequence[str] = (), only_met: bool = False) -> dict[Any, ConversionCounts]:
        """Key → everything about it; `only_met`: but who else was active. `among`: the values, if not all."""
        amounts, query = self._sum_amounts(key), self._events.new_query()
        expression, join = key.of_events(query)
        rows = f"(SELECT *, {query.is_met(self._goal)} AS is_met FROM {query.selected()})"
        met = "is_met" if only_met else "true"
        if among:
            met += f" AND {expression} IN ({', '.join(map(query.add, among))})"
        counts = query.run(f"""
            SELECT {expression} AS key, count(*) FILTER (WHERE is_met), count(DISTINCT user_no) FILTER (WHERE is_met),
                count(DISTINCT user_no)
            FROM {rows} {join} WHERE {met} GROUP BY key
        """)
        return {
            value: ConversionCounts(conversions, users, active, self._paid(amounts[value], conversions))
            for value, conversions, users, active in counts
        }

    def _sum_amounts(self, key: Key) -> defaultdict[Any, list[Amount]]:
        """Key → what its conversions' payloads say; of a fixed amount they say nothing."""
        found, worth = defaultdict[Any, list[Amount]](list), self._goal.conversion_value
        if worth is None or worth.property is None:
            return found
        query = self._events.new_query()
        expression, join = key.of_amounts(query)
        rows = query.run(f"""
            SELECT {expression} AS key, nullif(currency, ''), count(*), max(length(decimals)), {AMOUNT_SUMS}
            FROM {self._amounts} {join} GROUP BY 1, 2
        """)
        for value, currency, conversions, decimals, *sums in rows:
            found[value].append(Amount(currency, _add_parts(sums, decimals), conversions))
        return found

    @cached_property
    def _amounts(self) -> str:
        """A table of the conversions with an amount: most of the time goes to reading payloads."""
        query, worth = self._events.new_query(), self._goal.conversion_value or ConversionValue()
        amount = query.property(parse_property(worth.property or "")).amount
        value = query.dimension(self._dimension) if self._dimension else "''"
        return query.keep(f"""
            SELECT ts, value, currency, ltrim(amount, '+-') AS digits, split_part(amount, '.', 2) AS decimals,
                CASE WHEN starts_with(amount, '-') THEN -1 ELSE 1 END AS sign
            FROM (
                SELECT ts, {value} AS value, {amount} AS amount, {_currency(query, worth)} AS currency
                FROM {query.selected()} WHERE {query.is_met(self._goal)}
            )
            WHERE amount <> ''
        """)

    def _paid(self, amounts: Sequence[Amount], conversions: int) -> tuple[Amount, ...] | None:
        worth = self._goal.conversion_value
        if worth is None:
            return None
        if worth.amount is not None and conversions:
            amounts = [Amount(worth.currency, Decimal(worth.amount) * conversions, conversions)]
        return tuple(sorted(amounts, key=lambda one: (-one.amount, one.currency or ""))[:MOST_CURRENCIES])

    def _nothing(self) -> ConversionCounts:
        return ConversionCounts(amounts=None if self._goal.conversion_value is None else ())


def _currency(query: "ColumnQuery", worth: ConversionValue) -> str:
    """NULL or '': none."""
    if worth.currency_property is None:
        return f"CAST({query.add(worth.currency)} AS VARCHAR)"
    sent = query.property(parse_property(worth.currency_property)).text
    return f"translate(trim({sent}, ' '), '{ascii_lowercase}', '{ascii_uppercase}')"


def _add_parts(sums: Sequence[int], decimals: int) -> Decimal:
    """The sum with so many decimals, of the sums of AMOUNT_SUMS."""
    total = sum(part * 10 ** (DECIMALS - end) for part, end in zip(sums, [0, *_ENDS], strict=True))
    return Decimal(f"{total // 10 ** (DECIMALS - decimals)}e-{decimals}")

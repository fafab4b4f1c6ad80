"""Goals counted from columns, where rollups cannot tell: patterns, filters, amounts, other zones, hours.

goals/report.py and overview/ call it. Each method is a scan of the conversions or two, and one of all
events where rollups cannot tell who was active; with amounts, conversions are read once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache, cached_property
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pyroaring import BitMap64

from analytics.insights.goals.conversions import Amount, ConversionCounts, TopValues
from analytics.insights.goals.from_rollups import NotInRollups
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

    def of_conversions(self, query: "ColumnQuery") -> tuple[str, str]:
        """As `of_events`, of conversions."""
        return ("value", "") if self.dimension else self.of_events(query)


class ActiveUsers(Protocol):
    """How many users had an event of any type."""

    def count_active_users(self, unit: str) -> list[int]:
        """For each bucket of `split_period(period, unit)`."""

    def count_active_by_value(self, dimension: str, values: Sequence[str]) -> Mapping[str, int]:
        """For each of the values. Raises NotInRollups."""


class ActiveInColumns:
    """ActiveUsers where rollups cannot tell: a scan of all events of the selection each."""

    def __init__(self, events: "ColumnEvents") -> None:
        self._events = events
        # Many goals have the same ones.
        self.count_active_users = cache(self._count_active_users)

    def _count_active_users(self, unit: str) -> list[int]:
        buckets = split_period(self._events.selection.period, unit)
        counts = self._count(Key(unit=unit)) if buckets else {}
        return [counts.get(number, 0) for number in range(len(buckets))]

    def count_active_by_value(self, dimension: str, values: Sequence[str]) -> Mapping[str, int]:
        return self._count(Key(dimension=dimension), values)

    def _count(self, key: Key, among: Sequence[str] = ()) -> dict[Any, int]:
        query = self._events.new_query()
        expression, join = key.of_events(query)
        rows = f"(SELECT {expression} AS key, user_no FROM {query.selected()} {join})"
        is_among = f"key IN ({', '.join(map(query.add, among))})" if among else "true"
        return dict(query.run(f"SELECT key, count(DISTINCT user_no) FROM {rows} WHERE {is_among} GROUP BY key"))


class CountedUsers(NamedTuple):
    """ActiveUsers of the whole period, counted before."""

    users: int

    def count_active_users(self, unit: str) -> list[int]:
        if unit != "all":
            raise NotInRollups
        return [self.users]

    def count_active_by_value(self, dimension: str, values: Sequence[str]) -> Mapping[str, int]:
        raise NotInRollups


def count_totals(events: "ColumnEvents", goals: Sequence[Goal], active: ActiveUsers) -> Iterator[ConversionCounts]:
    """The totals of each goal. A scan each; with amounts, two."""
    return (ColumnSource(events, goal, active).count("all")[0] for goal in goals)


class ColumnSource:
    """A GoalSource (conversions.py).

    `active`: rollups of the same snapshot, where these can tell; then no scan reads more than the conversions.
    `dimension`: the one that `top_values` is asked for.
    """

    def __init__(self, events: "ColumnEvents", goal: Goal, active: ActiveUsers, dimension: str | None = None) -> None:
        self._events, self._goal, self._active, self._dimension = events, goal, active, dimension

    def count(self, unit: str) -> list[ConversionCounts]:
        if not split_period(self._events.selection.period, unit):
            return []
        found, active = self._find(Key(unit=unit)), self._active.count_active_users(unit)
        return [found.get(number, self._nothing())._replace(active_users=users) for number, users in enumerate(active)]

    def top_values(self, dimension: str, limit: int) -> TopValues:
        query = self._events.new_query()
        rows = query.run(f"""
            SELECT value, CAST(sum(count(*)) OVER () AS BIGINT)
            FROM {self._conversions(query)} GROUP BY value ORDER BY count(*) DESC, value LIMIT {limit}
        """)
        values = [row[0] for row in rows]
        if not values:
            return TopValues([], 0)
        found, active = self._find(Key(dimension=dimension), values), self._active_by_value(dimension, values)
        lines = [(value, found[value]._replace(active_users=active[value])) for value in values]
        return TopValues(lines, rows[0][1])

    def converters(self) -> BitMap64:
        """Everybody who converted."""
        query = self._events.new_query()
        rows = query.run(f"SELECT DISTINCT user_no FROM {self._conversions(query)}")
        return BitMap64(user for (user,) in rows)

    def _active_by_value(self, dimension: str, values: Sequence[str]) -> Mapping[str, int]:
        try:
            return self._active.count_active_by_value(dimension, values)
        except NotInRollups:
            return ActiveInColumns(self._events).count_active_by_value(dimension, values)

    def _find(self, key: Key, among: Sequence[str] = ()) -> dict[Any, ConversionCounts]:
        """Key → its conversions. `among`: the values, if not all."""
        amounts, query = self._sum_amounts(key), self._events.new_query()
        expression, join = key.of_conversions(query)
        is_among = f"value IN ({', '.join(map(query.add, among))})" if among else "true"
        counts = query.run(f"""
            SELECT {expression} AS key, count(*), count(DISTINCT user_no)
            FROM {self._conversions(query)} {join} WHERE {is_among} GROUP BY key
        """)
        return {
            value: ConversionCounts(conversions, users, 0, self._paid(amounts[value], conversions))
            for value, conversions, users in counts
        }

    def _conversions(self, query: "ColumnQuery") -> str:
        """The relation of the conversions: `user_no`, `ts` and the dimension's `value`."""
        worth = self._goal.conversion_value
        if worth is not None and worth.property is not None:
            return self._with_amounts
        value = query.dimension(self._dimension) if self._dimension else "''"
        return f"(SELECT user_no, ts, {value} AS value FROM {query.selected()} WHERE {query.is_met(self._goal)})"

    def _sum_amounts(self, key: Key) -> defaultdict[Any, list[Amount]]:
        """Key → what its conversions' payloads say; of a fixed amount they say nothing."""
        found, worth = defaultdict[Any, list[Amount]](list), self._goal.conversion_value
        if worth is None or worth.property is None:
            return found
        query = self._events.new_query()
        expression, join = key.of_conversions(query)
        rows = query.run(f"""
            SELECT {expression} AS key, nullif(currency, ''), count(*), max(length(decimals)), {AMOUNT_SUMS}
            FROM {self._with_amounts} {join} WHERE amount <> '' GROUP BY 1, 2
        """)
        for value, currency, conversions, decimals, *sums in rows:
            found[value].append(Amount(currency, _add_parts(sums, decimals), conversions))
        return found

    @cached_property
    def _with_amounts(self) -> str:
        """A table of the conversions and their amounts: most of the time goes to reading payloads."""
        query, worth = self._events.new_query(), self._goal.conversion_value or ConversionValue()
        amount = query.property(parse_property(worth.property or "")).amount
        value = query.dimension(self._dimension) if self._dimension else "''"
        return query.keep(f"""
            SELECT user_no, ts, value, amount, currency, ltrim(amount, '+-') AS digits,
                split_part(amount, '.', 2) AS decimals, CASE WHEN starts_with(amount, '-') THEN -1 ELSE 1 END AS sign
            FROM (
                SELECT user_no, ts, {value} AS value, {amount} AS amount, {_currency(query, worth)} AS currency
                FROM {query.selected()} WHERE {query.is_met(self._goal)}
            )
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

"""Goals counted among raw events, where rollups cannot tell: patterns, filters, amounts, other zones, hours.

Served by partition pruning on ts and, inside a partition that the period cuts, by ix_events_ts (BRIN); in it every row
is looked at, by parallel workers where PostgreSQL has them to spare.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from analytics.insights.goals.conversions import Amount, ConversionCounts, TopValues
from analytics.insights.goals.goals import ConversionValue, Goal
from analytics.insights.request import EventSelection
from analytics.reports.buckets import split_period
from analytics.reports.filtering.filters import field_expression
from analytics.reports.filtering.payload_properties import parse_property, property_number, property_text
from analytics.store.models import Instant, events

# Of a bucket or a value: whoever puts anything there cannot make an answer of any size.
MOST_CURRENCIES = 50


class Rows:
    """A GoalSource (goals/conversions.py), on a connection of `request.open_raw_events`.

    `active`: by unit, how many people were active in each bucket, where rollups could tell: then only the conversions
    are grouped by person, and not all events.
    """

    def __init__(
        self,
        connection: Connection,
        asked: EventSelection,
        goal: Goal,
        active: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._connection, self._asked, self._goal, self._active = connection, asked, goal, active or {}

    def count(self, unit: str) -> list[ConversionCounts]:
        """One query, with amounts another: O(events of the period); its memory is people times buckets."""
        starts = [bucket.start for bucket in split_period(self._asked.period, unit)]
        if not starts:
            return []
        # The number, from 1, of the last start that is not later: a binary search, which asks no zone.
        bucket = func.width_bucket(events.c.ts, cast(starts, ARRAY(Instant)))
        found = self._find(bucket, only_met=unit in self._active)
        reached = [found.get(number, self._nothing()) for number in range(1, len(starts) + 1)]
        active = self._active.get(unit, [one.active_users for one in reached])
        return [one._replace(active_users=users) for one, users in zip(reached, active, strict=True)]

    def top_values(self, dimension: str, limit: int) -> TopValues:
        """Two queries, with amounts three: O(events of the period); people times `limit` values in memory."""
        value = func.coalesce(field_expression(events.c, dimension), "")
        total = cast(func.sum(func.count()).over(), BigInteger)
        query = select(value.label("value"), total).where(self._asked.is_counted(), self._goal.is_met())
        query = query.group_by("value").order_by(func.count().desc(), value.collate("C")).limit(limit)
        rows = self._connection.execute(query).all()
        values = [row[0] for row in rows]
        found = self._find(value, values) if values else {}
        return TopValues([(value, found[value]) for value in values], rows[0][1] if rows else 0)

    def converters(self) -> BitMap64:
        """Everybody who converted. One query, O(events of the period)."""
        query = select(events.c.user_no).where(self._asked.is_counted(), self._goal.is_met())
        return BitMap64(self._connection.execute(query.group_by(events.c.user_no)).scalars())

    def _find(
        self, key: ColumnElement[Any], among: Sequence[Any] | None = None, only_met: bool = False
    ) -> dict[Any, ConversionCounts]:
        """Key → everything about it; `only_met`: but who else was active."""
        amounts = self._amounts(key, among)
        found = {}
        for value, *counts in self._connection.execute(self._people(key, among, only_met)):
            paid = None if self._goal.conversion_value is None else self._paid(amounts.get(value, ()), counts[0])
            found[value] = ConversionCounts(counts[0], counts[1], counts[2], paid)
        return found

    def _people(self, key: ColumnElement[Any], among: Sequence[Any] | None, only_met: bool) -> Select[Any]:
        """Key, conversions, users, active users. Counting people with DISTINCT would sort all rows, in one process."""
        conversions = func.count().filter(self._goal.is_met()).label("conversions")
        query = select(key.label("key"), events.c.user_no, conversions).where(self._asked.is_counted())
        if only_met:
            query = query.where(self._goal.is_met())
        if among is not None:
            query = query.where(key.in_(among))
        people = query.group_by("key", "user_no").subquery()
        total = cast(func.sum(people.c.conversions), BigInteger)
        users = func.count().filter(people.c.conversions > 0)
        return select(people.c.key, total, users, func.count()).group_by(people.c.key)

    def _amounts(self, key: ColumnElement[Any], among: Sequence[Any] | None) -> dict[Any, list[Amount]]:
        """Key → what its conversions' payloads say; of a fixed amount they say nothing."""
        worth = self._goal.conversion_value
        if worth is None or worth.property is None:
            return {}
        amount, currency = property_number(events.c.payload, parse_property(worth.property)), _currency(worth)
        query = select(key.label("key"), currency.label("currency"), func.sum(amount), func.count(amount))
        query = query.where(self._asked.is_counted(), self._goal.is_met())
        if among is not None:
            query = query.where(key.in_(among))
        found = defaultdict(list)
        for value, *line in self._connection.execute(query.group_by("key", "currency").having(func.count(amount) > 0)):
            found[value].append(Amount(*line))
        return found

    def _paid(self, amounts: Sequence[Amount], conversions: int) -> tuple[Amount, ...]:
        worth = self._goal.conversion_value
        if worth is not None and worth.amount is not None and conversions:
            amounts = [Amount(worth.currency, Decimal(worth.amount) * conversions, conversions)]
        return tuple(sorted(amounts, key=lambda one: (-one.amount, one.currency or ""))[:MOST_CURRENCIES])

    def _nothing(self) -> ConversionCounts:
        return ConversionCounts(amounts=None if self._goal.conversion_value is None else ())


def _currency(worth: ConversionValue) -> ColumnElement[str]:
    if worth.currency_property is not None:
        sent = property_text(events.c.payload, parse_property(worth.currency_property))
        return func.nullif(func.upper(func.btrim(sent).collate("C")), "")
    return literal(worth.currency, Text) if worth.currency is not None else cast(null(), Text)

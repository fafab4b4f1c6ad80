"""Reads the metrics that close_day wrote, and the day through which they are final. SELECT only; views.py calls it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text


class Metric(NamedTuple):
    """One figure of a closed day; `dimensions`: of which events, {} of all."""

    date: date
    name: str
    value: Decimal
    dimensions: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        is_whole = self.value == self.value.to_integral_value()
        value = int(self.value) if is_whole else float(self.value)
        return {"date": str(self.date), "name": self.name, "value": value, "dimensions": self.dimensions}


# Served by uq_metrics, whose order is the order of the result.
READ_METRICS = text("""
SELECT date, metric_name, metric_value, dimensions
FROM metrics
WHERE site_id = :site_id AND date >= :first AND date < :after AND metric_name = ANY(CAST(:names AS text[]))
ORDER BY date, metric_name, dimensions
""")


def read_metrics(connection: Connection, site_id: int, first: date, after: date, names: Sequence[str]) -> list[Metric]:
    """The metrics of the closed days in `[first, after)`, ordered by day and name."""
    parameters = {"site_id": site_id, "first": first, "after": after, "names": list(names)}
    return [Metric(*row) for row in connection.execute(READ_METRICS, parameters)]


# Served by one end each of uq_metrics and pk_open_days.
CLOSED_THROUGH = text("""
SELECT least(
    (SELECT max(date) FROM metrics WHERE site_id = :site_id),
    (SELECT min(day) FROM open_days WHERE site_id = :site_id) - 1
)
WHERE EXISTS (SELECT FROM metrics WHERE site_id = :site_id)
""")


def closed_through(connection: Connection, site_id: int) -> date | None:
    """The last day through which every day is closed and no event has arrived since. None: no day is closed."""
    return connection.execute(CLOSED_THROUGH, {"site_id": site_id}).scalar_one_or_none()

"""The daily figures that close_day wrote, as rows, and up to which day they are final. SELECT only."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text


class Metric(NamedTuple):
    """One figure of one day; `dimensions` says of which events, {} of all."""

    date: date
    name: str
    value: Decimal
    dimensions: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        whole = self.value == self.value.to_integral_value()
        value = int(self.value) if whole else float(self.value)
        return {"date": str(self.date), "name": self.name, "value": value, "dimensions": self.dimensions}


# Served by uq_metrics, whose order this is.
READ = text("""
SELECT date, metric_name, metric_value, dimensions
FROM metrics
WHERE site_id = :site_id AND date >= :first AND date < :after AND metric_name = ANY(CAST(:names AS text[]))
ORDER BY date, metric_name, dimensions
""")


def read_metrics(connection: Connection, site_id: int, first: date, after: date, names: Sequence[str]) -> list[Metric]:
    """The figures of the days `[first, after)` that are closed, in the order of days and names."""
    given = {"site_id": site_id, "first": first, "after": after, "names": list(names)}
    return [Metric(*row) for row in connection.execute(READ, given)]


# Both ends of an index: uq_metrics, pk_open_days.
CLOSED = text("""
SELECT least(
    (SELECT max(date) FROM metrics WHERE site_id = :site_id),
    (SELECT min(day) FROM open_days WHERE site_id = :site_id) - 1
)
WHERE EXISTS (SELECT FROM metrics WHERE site_id = :site_id)
""")


def closed_through(connection: Connection, site_id: int) -> date | None:
    """The last day up to which every day is closed, and nothing came later for any. None: no day is closed."""
    return connection.execute(CLOSED, {"site_id": site_id}).scalar_one_or_none()

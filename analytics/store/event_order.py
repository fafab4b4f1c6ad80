"""The order of events: by ts, and those of one instant in the order of their receipt. Pure.

Receipt is when the batch was received, then the index in it. The id decides between events of releases that did not
keep the index (position -1), and between batches that two processes received in one microsecond. Lists, exports,
funnels, journeys and experiments sort raw events by it; visits follow it in rollups/visits/sessionization.py. Why:
docs/decisions/0026.
"""

from typing import Any

from sqlalchemy import ColumnElement

ORDER_COLUMNS = ("ts", "received_at", "position", "event_id")


def event_order(columns: Any) -> tuple[ColumnElement[Any], ...]:
    """The columns of a table or subquery to sort by, oldest first."""
    return tuple(columns[name] for name in ORDER_COLUMNS)

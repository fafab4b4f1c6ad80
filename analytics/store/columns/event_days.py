"""The UTC days of which a site has stored events, and the numbers of the drains that stored them.

A drain numbers itself under the lock of its site (store/events.py): so of one site, numbers ascend in the order of
commits, and a snapshot that holds an event of a drain holds those of all drains before. Drains write here; the writer
and the readers of column files (store/event_files.py) compare what they hold with `last_drain_no`.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, text


class SiteDay(NamedTuple):
    """A UTC day of a site."""

    site_id: int
    day: date


# Ordered, so that two drains cannot deadlock.
NOTE = text("""
INSERT INTO event_days AS known (site_id, day, last_drain_no, stored)
SELECT * FROM unnest(
    CAST(:sites AS integer[]), CAST(:days AS date[]), CAST(:numbers AS bigint[]), CAST(:stored AS bigint[])
) AS new
ORDER BY 1, 2
ON CONFLICT (site_id, day)
DO UPDATE SET last_drain_no = excluded.last_drain_no, stored = known.stored + excluded.stored
""")


def note_events(connection: Connection, stored: Counter[tuple[int, date]], numbers: Mapping[int, int]) -> None:
    """Says that events of these sites and UTC days were stored by this transaction; `numbers`: site → drain_no."""
    if stored:
        sites, days = zip(*stored, strict=True)
        connection.execute(
            NOTE,
            {
                "sites": list(sites),
                "days": list(days),
                "numbers": [numbers[site_id] for site_id in sites],
                "stored": list(stored.values()),
            },
        )

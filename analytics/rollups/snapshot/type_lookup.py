"""The event types that spans of a site's rollups have, found without reading their other rows. snapshot.py calls it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from analytics.rollups.spans import Span

# From each type of a span to the next one: index-only scans of pk_rollups that skip subjects, bots and values.
TYPES = text("""
WITH RECURSIVE found AS (
    SELECT s.span, s.day, lowest.type
    FROM unnest(CAST(:spans AS text[]), CAST(:days AS date[])) AS s (span, day)
    CROSS JOIN LATERAL (
        SELECT type
        FROM rollups
        WHERE site_id = :site_id AND span = s.span AND dimension = 'total' AND day = s.day
        ORDER BY type
        LIMIT 1
    ) AS lowest
    UNION ALL
    SELECT found.span, found.day, following.type
    FROM found CROSS JOIN LATERAL (
        SELECT type
        FROM rollups
        WHERE site_id = :site_id AND span = found.span AND dimension = 'total' AND day = found.day
            AND type > found.type
        ORDER BY type
        LIMIT 1
    ) AS following
)
SELECT DISTINCT type FROM found
""")


def read_types(connection: Connection, site_id: int, spans: Sequence[Span]) -> list[str]:
    """The event types of the spans. One query, a few index look-ups for each span."""
    return list(connection.execute(TYPES, {"site_id": site_id, **span_parameters(spans)}).scalars())


def span_parameters(spans: Sequence[Span]) -> dict[str, list[Any]]:
    """The spans as parameters of FROM_ROLLUPS and TYPES."""
    return {"spans": [span.kind for span in spans], "days": [span.day for span in spans]}

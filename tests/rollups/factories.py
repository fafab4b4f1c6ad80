"""Rows and deltas of the rollup tests: events as the drain counts them, and the stored rollups to compare with."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, event, text

from analytics.rollups import bitmaps
from analytics.rollups.deltas.counts import encode_rows
from analytics.sites.sites import Site

BOT_AGENT = "t\tBot\t\\N\t\\N\t\\N\t\\N"


@dataclass
class Row:
    """A CountableRow (analytics/rollups/deltas/codec.py)."""

    ts: str = "2026-03-14T12:00:00Z"
    kind: str = "page_view"
    subject: str = ""
    session: str = ""
    agent: str = "f\tFirefox\tLinux\tdesktop\tde-CH\tlaptop"
    page: str = "/a\t\\N\t\\N\t\\N\t\\N"
    referrer: str = "\\N\t\\N\t\\N"
    place: str = "DE\tBerlin\tBerlin"
    received_us: int = 0
    position: int = 0


def page(path: str, **changes: Any) -> Row:
    """A page view of the path."""
    return Row(page=f"{path}\t\\N\t\\N\t\\N\t\\N", **changes)


INSERT_DELTA = text("INSERT INTO rollup_deltas (site_id, zone, events, body) VALUES (:site_id, :zone, :events, :body)")


def add_delta(engine: Engine, site: Site, events: Iterable[tuple[Row, int]], zone: str = "UTC") -> None:
    """Writes a delta of (row, user_no), as a drain does."""
    rows, user_nos = zip(*events, strict=True)
    body = encode_rows(zone, rows, user_nos)
    with engine.begin() as connection:
        connection.execute(INSERT_DELTA, {"site_id": site.id, "zone": zone, "events": len(rows), "body": body})


RollupTable = dict[tuple[date, str, str, bool, str], tuple[int, set[int]]]


def read_rollups(engine: Engine, dimension: str) -> RollupTable:
    """(day, type, subject, is_bot, value) → (events, set of user_no) of a dimension's rows."""
    query = text("SELECT day, type, subject, is_bot, value, events, users FROM rollups WHERE dimension = :dimension")
    with engine.connect() as connection:
        rows = connection.execute(query, {"dimension": dimension}).all()
    return {tuple(row[:5]): (row[5], set(bitmaps.decode(bytes(row[6])))) for row in rows}


@contextmanager
def before_statement(
    engine: Engine, fragment: str, action: Callable[[Connection], object], occurrence: int = 1
) -> Iterator[None]:
    """Calls `action` once, before the statement that is the `occurrence`-th to contain `fragment`."""
    matches = 0

    def listener(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal matches
        matches += fragment in statement
        if fragment in statement and matches == occurrence:
            action(connection)

    event.listen(engine, "before_cursor_execute", listener)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", listener)
    assert matches >= occurrence, f"no statement contained {fragment!r}"

"""Writes deltas: what the rows of a transaction add to the rollups, beside those rows. The drain and loaders call it.

Nothing else writes `rollup_deltas`; merge takes them away.
"""

from collections.abc import Mapping, Sequence
from struct import Struct

from sqlalchemy import Connection

from analytics import clock
from analytics.rollups.delta import pack_rows
from analytics.store.events import Row, copy_bytes

COPY_DELTAS = "COPY rollup_deltas (site_id, zone, events, body) FROM STDIN (FORMAT binary)"
# https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4: signature, flags, no extension; and the end.
HEADER, TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
# The number of fields, and the length before each; two of the four are integers of four bytes.
FIELDS = Struct(">hiii"), Struct(">iii")


class UnknownZone(Exception):
    """A site is in a zone that this machine's time zone data lacks: ours to repair, so no event is at fault."""


def append_deltas(
    connection: Connection, zones: Mapping[int, str], rows: Sequence[Row], user_nos: Sequence[int]
) -> None:
    """One delta a site, of the rows that this transaction stores. `zones`: what `hold_sites` has found and locked.

    Rows of a site that is gone add nothing. Raises UnknownZone; 1.2 µs a row.
    """
    bodies = [
        _tuple(site_id, zones[site_id], len(mine), _pack(zones[site_id], mine, numbers))
        for site_id, (mine, numbers) in _by_site(rows, user_nos).items()
        if site_id in zones
    ]
    if bodies:
        copy_bytes(connection, COPY_DELTAS, b"".join((HEADER, *bodies, TRAILER)))


def _by_site(rows: Sequence[Row], user_nos: Sequence[int]) -> dict[int, tuple[Sequence[Row], Sequence[int]]]:
    sites = {row.site_id for row in rows}
    if len(sites) == 1:
        return {sites.pop(): (rows, user_nos)}
    found: dict[int, tuple[list[Row], list[int]]] = {site_id: ([], []) for site_id in sites}
    for row, user_no in zip(rows, user_nos, strict=True):
        mine, numbers = found[row.site_id]
        mine.append(row)
        numbers.append(user_no)
    return {**found}


def _pack(zone: str, rows: Sequence[Row], user_nos: Sequence[int]) -> bytes:
    try:
        clock.zone(zone)
    except ValueError as error:
        raise UnknownZone(str(error)) from error
    return pack_rows(zone, rows, user_nos)


def _tuple(site_id: int, zone: str, events: int, body: bytes) -> bytes:
    first, second = FIELDS
    name = zone.encode()
    return b"".join((first.pack(4, 4, site_id, len(name)), name, second.pack(4, events, len(body)), body))

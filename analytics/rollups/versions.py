"""The version of a site's days. A cache keeps it beside what it computed from them: another version, another answer.

rows.mark_days_open, through which merge and rebuild change days, counts the version of each up. Reports see events that
wait for their merge, so their deltas are part of the version. Caches read it in the snapshot that they compute from, or
before it.
"""

from datetime import date
from hashlib import blake2b

from sqlalchemy import Connection, text

from analytics.rollups.deltas.codec import UnreadableDelta, decode_days
from analytics.store.copy.binary_copy import as_int, read_binary

# A range of pk_day_versions: a row for each day that ever had events.
READ = text("SELECT coalesce(sum(version), 0)::text FROM day_versions WHERE site_id = :site_id AND day < :end_day")
# ix_rollup_deltas_site_id_id.
READ_DELTAS = "SELECT id, body FROM rollup_deltas WHERE site_id = %(site_id)s"


def read_version(connection: Connection, site_id: int, end_day: date) -> str:
    """Differs from what it was before any change of the site's days before `end_day`, in the calendar of its rollups.

    One exception: until its merge, an event of `end_day` or later that continues a visit of an earlier day. Two
    queries, O(unmerged deltas); no event is decoded.
    """
    merged: str = connection.execute(READ, {"site_id": site_id, "end_day": end_day}).scalar_one()
    deltas = read_binary(connection, READ_DELTAS, {"site_id": site_id})
    waiting = sorted(as_int(delta_id) for delta_id, body in deltas if _has_day_before(body, end_day))
    digest = blake2b(repr(waiting).encode(), digest_size=8).hexdigest() if waiting else ""
    return f"{site_id}.{merged}.{digest}"


def _has_day_before(body: bytes, end_day: date) -> bool:
    try:
        return any(day < end_day for day in decode_days(body))
    except UnreadableDelta:
        # Nobody knows; an answer too many is computed again.
        return True

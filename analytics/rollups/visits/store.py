"""The only writer of `visits`: joins visit parts with stored visits. recount.py replaces whole days through it.

merge and rebuild call it, inside their transaction and under the site's advisory lock, so nothing else writes
meanwhile. Each change of a visit is added to visit_rollups as the difference of its old and new sums
(docs/decisions/0005). Reports read what waiting page views will change by the same code, without writing.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from analytics.rollups.visits.rollups import apply_sums
from analytics.rollups.visits.sessionization import (
    ENTRY_COLUMNS,
    FACETS,
    GAP_US,
    VisitKey,
    VisitPart,
    join_pair,
    join_parts,
    make_receipt,
    split_entry,
    split_receipt,
)
from analytics.rollups.visits.sums import VisitSumChanges
from analytics.store.copy.binary_copy import COPY_HEADER, COPY_TRAILER, POSTGRES_EPOCH_US
from analytics.store.copy.copy_text import copy_bytes
from analytics.store.planner import index_lookups_only

# A longer visit is marked is_long, so that the look-up of the others is bounded in time.
LONG_US = 6 * 3_600_000_000
# Parts in one look-up; their rows take 2 kB each.
VISITS_AT_A_TIME = 5_000


def apply_visit_parts(connection: Connection, site_id: int, zone: str, parts: Iterable[VisitPart]) -> set[date]:
    """Joins the parts with the stored visits and adds the difference of sums; the local days whose visits changed.

    Each page view may be applied once. For every VISITS_AT_A_TIME of them one look-up, one COPY, and an UPDATE or a
    DELETE when stored visits change.
    """
    changes = VisitSumChanges(zone)
    with index_lookups_only(connection):
        for joined in _join_with_stored(connection, site_id, parts, changes):
            _grow(connection, site_id, joined.grown)
            _remove(connection, site_id, joined.removed)
            insert_visits(connection, site_id, joined.added)
        apply_sums(connection, site_id, changes)
    return changes.days


def read_sum_changes(connection: Connection, site_id: int, zone: str, parts: Iterable[VisitPart]) -> VisitSumChanges:
    """The difference of sums that `apply_visit_parts` would add. Only SELECTs: a look-up for VISITS_AT_A_TIME parts."""
    changes = VisitSumChanges(zone)
    add_sum_changes(connection, site_id, parts, changes)
    return changes


def add_sum_changes(connection: Connection, site_id: int, parts: Iterable[VisitPart], changes: VisitSumChanges) -> None:
    """Adds what `read_sum_changes` returns to `changes`."""
    with index_lookups_only(connection):
        for _ in _join_with_stored(connection, site_id, parts, changes):
            continue


class _Joined(NamedTuple):
    """The visits that parts and stored visits form: stored ones that grow, stored ones that are replaced, new ones."""

    grown: list[VisitPart]
    removed: list[VisitPart]
    added: list[VisitPart]


def _join_with_stored(
    connection: Connection, site_id: int, parts: Iterable[VisitPart], changes: VisitSumChanges
) -> Iterator[_Joined]:
    """Joins about VISITS_AT_A_TIME parts at a time, a user's together, and adds the difference of sums to `changes`."""
    # In the order of the index: neighbours share its pages.
    joined = sorted(join_parts(parts), key=itemgetter(0))
    start = 0
    while start < len(joined):
        end = start + VISITS_AT_A_TIME
        while end < len(joined) and joined[end].user_no == joined[end - 1].user_no:
            end += 1
        yield _join_slice(connection, site_id, joined[start:end], changes)
        start = end


def _join_slice(connection: Connection, site_id: int, parts: list[VisitPart], changes: VisitSumChanges) -> _Joined:
    stored: dict[VisitKey, list[VisitPart]] = {}
    for visit in read_adjacent_visits(connection, site_id, parts):
        stored.setdefault(visit[:3], []).append(visit)
    result = _Joined([], [], [part for part in parts if part[:3] not in stored])
    for visit, old in _join_stored(stored, (part for part in parts if part[:3] in stored)):
        if len(old) == 1 and _begins_alike(old[0], visit):
            changes.replace_visit(old[0], visit)
            result.grown.append(visit)
        else:
            result.removed.extend(old)
            result.added.append(visit)
    changes.add(result.removed, -1)
    changes.add(result.added)
    return result


def _begins_alike(one: VisitPart, other: VisitPart) -> bool:
    return (one.start_us, one.entry_receipt, one.entry) == (other.start_us, other.entry_receipt, other.entry)


def _join_stored(
    stored: dict[VisitKey, list[VisitPart]], parts: Iterable[VisitPart]
) -> Iterator[tuple[VisitPart, list[VisitPart]]]:
    """The visits that parts and adjacent stored visits form, each with the stored visits that it replaces."""
    by_key: dict[VisitKey, list[VisitPart]] = {}
    for part in parts:
        by_key.setdefault(part[:3], []).append(part)
    for key, new in by_key.items():
        old = stored[key]
        if len(old) == 1 and len(new) == 1:
            yield join_pair(old[0], new[0]), old
        else:
            for visit in join_parts([*old, *new]):
                yield visit, [part for part in old if visit.start_us <= part.start_us <= visit.end_us]


# The columns that visit_of_row reads.
SELECT_PARTS = f"""
SELECT v.user_no, v.session_id, v.is_bot,
    (date_part('epoch', v.started_at) * 1e6)::bigint, (date_part('epoch', v.ended_at) * 1e6)::bigint, v.views,
    (date_part('epoch', v.entry_received_at) * 1e6)::bigint, v.entry_position,
    (date_part('epoch', v.exit_received_at) * 1e6)::bigint, v.exit_position,
    {", ".join(f"v.{column}" for column in ENTRY_COLUMNS)}, v.exit_path"""
# Served by pk_visits. Only visits that began in the hours before are read, not a user's whole past. Times are compared
# as rows with `is_bot`, which pk_visits can look up and ix_visits_site_id_started_at cannot: on a young table the
# planner expects no row in the hours of a site, and would read all visits for each part (20,000: 40 s).
ADJACENT_VISITS = text(f"""{SELECT_PARTS}
FROM unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]), CAST(:pasts AS float8[]),
    CAST(:lows AS float8[]), CAST(:highs AS float8[])) AS t (user_no, session_id, is_bot, past_us, low_us, high_us)
JOIN visits v ON v.site_id = :site_id AND v.user_no = t.user_no AND v.session_id = t.session_id AND v.is_bot = t.is_bot
    AND (v.is_bot, v.started_at) >= (t.is_bot, to_timestamp(t.past_us / 1e6))
    AND (v.is_bot, v.started_at) <= (t.is_bot, to_timestamp(t.high_us / 1e6))
WHERE v.ended_at >= to_timestamp(t.low_us / 1e6)
""")
# Visits that began earlier and still reach the part; served by ix_visits_long, which is almost empty.
ADJACENT_LONG_VISITS = text(f"""{SELECT_PARTS}
FROM unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]), CAST(:pasts AS float8[]),
    CAST(:lows AS float8[])) AS t (user_no, session_id, is_bot, past_us, low_us)
JOIN visits v ON v.site_id = :site_id AND v.user_no = t.user_no AND v.session_id = t.session_id AND v.is_bot = t.is_bot
    AND v.is_long AND (v.is_bot, v.started_at) < (t.is_bot, to_timestamp(t.past_us / 1e6))
WHERE v.ended_at >= to_timestamp(t.low_us / 1e6)
""")
HAS_LONG = text("SELECT EXISTS (SELECT FROM visits WHERE site_id = :site_id AND is_long)")


def read_adjacent_visits(connection: Connection, site_id: int, parts: Sequence[VisitPart]) -> Iterable[VisitPart]:
    """The stored visits within 30 minutes of the parts, each once. The parts must be joined already."""
    parameters = {
        "site_id": site_id,
        **_keys(parts),
        "pasts": _literal(part.start_us - GAP_US - LONG_US for part in parts),
        "lows": _literal(part.start_us - GAP_US for part in parts),
        "highs": _literal(part.end_us + GAP_US for part in parts),
    }
    rows = connection.execute(ADJACENT_VISITS, parameters).all()
    if connection.execute(HAS_LONG, {"site_id": site_id}).scalar_one():
        rows = [*rows, *connection.execute(ADJACENT_LONG_VISITS, parameters)]
    # Two parts may be adjacent to the same visit, one on each side.
    return {visit[:4]: visit for visit in map(visit_of_row, rows)}.values()


def visit_of_row(r: Sequence[Any]) -> VisitPart:
    """A stored visit: columns of VisitPart, two of each receipt, those of `entry` side by side, times in µs."""
    entry_receipt, exit_receipt = make_receipt(r[6], r[7]), make_receipt(r[8], r[9])
    return VisitPart(r[0], r[1], r[2], r[3], r[4], r[5], entry_receipt, exit_receipt, tuple(r[10:-1]), r[-1])


def _keys(visits: Sequence[VisitPart]) -> dict[str, str]:
    return {
        "user_nos": _literal(visit.user_no for visit in visits),
        "session_ids": _quoted(visit.session_id for visit in visits),
        "bots": _literal(visit.is_bot for visit in visits),
    }


def _literal(values: Iterable[object]) -> str:
    """An array in PostgreSQL's text form: ten times as fast as the driver, which quotes each value."""
    return "{" + ",".join(map(str, values)) + "}"


def _quoted(words: Iterable[str]) -> str:
    quoted = list(words)
    if "\\" in (plain := "".join(quoted)) or '"' in plain:
        quoted = [word.replace("\\", "\\\\").replace('"', '\\"') for word in quoted]
    return '{"' + '","'.join(quoted) + '"}'


# By pk_visits. Most visits grow at their end, which no index holds: such an update leaves no dead index entries. The
# time is a range of one instant, of rows: where thousands of visits begin at once, the other index would return all of
# them.
GROW = text("""
UPDATE visits v
SET ended_at = to_timestamp(t.end_us / 1e6), views = t.views, exit_path = t.exit_path,
    exit_received_at = to_timestamp(t.exit_received_us / 1e6), exit_position = t.exit_position,
    is_long = t.end_us - t.start_us > :long_us
FROM unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]), CAST(:starts AS float8[]),
    CAST(:ends AS float8[]), CAST(:views AS int[]), CAST(:exit_received AS float8[]),
    CAST(:exit_positions AS int[]), CAST(:exit_paths AS text[]))
    AS t (user_no, session_id, is_bot, start_us, end_us, views, exit_received_us, exit_position, exit_path)
WHERE v.site_id = :site_id AND v.user_no = t.user_no AND v.session_id = t.session_id AND v.is_bot = t.is_bot
    AND (v.is_bot, v.started_at) BETWEEN (t.is_bot, to_timestamp(t.start_us / 1e6))
        AND (t.is_bot, to_timestamp(t.start_us / 1e6))
""")


def _grow(connection: Connection, site_id: int, visits: Sequence[VisitPart]) -> None:
    if visits:
        exit_received, exit_positions = zip(*(split_receipt(visit.exit_receipt) for visit in visits), strict=True)
        columns = {
            **_keys(visits),
            "starts": _literal(visit.start_us for visit in visits),
            "ends": _literal(visit.end_us for visit in visits),
            "views": _literal(visit.views for visit in visits),
            "exit_received": _literal(exit_received),
            "exit_positions": _literal(exit_positions),
            "exit_paths": _quoted(visit.exit_path for visit in visits),
        }
        connection.execute(GROW, {"site_id": site_id, "long_us": LONG_US, **columns})


# By pk_visits, as above.
REMOVE = text("""
DELETE FROM visits v
USING unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]),
    CAST(:starts AS float8[])) AS t (user_no, session_id, is_bot, start_us)
WHERE v.site_id = :site_id AND v.user_no = t.user_no AND v.session_id = t.session_id AND v.is_bot = t.is_bot
    AND (v.is_bot, v.started_at) BETWEEN (t.is_bot, to_timestamp(t.start_us / 1e6))
        AND (t.is_bot, to_timestamp(t.start_us / 1e6))
""")


def _remove(connection: Connection, site_id: int, visits: Sequence[VisitPart]) -> None:
    if visits:
        starts = _literal(visit.start_us for visit in visits)
        connection.execute(REMOVE, {"site_id": site_id, **_keys(visits), "starts": starts})


COPY = f"""
COPY visits (site_id, user_no, started_at, ended_at, is_bot, is_long, views, entry_received_at, entry_position,
    exit_received_at, exit_position, session_id, {", ".join(chain.from_iterable(FACETS))}, exit_path)
FROM STDIN (FORMAT binary)
"""
COPIED_COLUMNS = 13 + len(ENTRY_COLUMNS)
# The columns of fixed size in one pack: a count of columns, then length and bytes of each.
_FIXED = Struct(">h ii iq iq iq i? i? ii iq ii iq ii")


def _encode_text(word: str) -> bytes:
    raw = word.encode()
    return len(raw).to_bytes(4, "big") + raw


class _Texts(dict[tuple[str, ...], bytes]):
    """Cache of neighbouring columns of text in binary form; most are written many times."""

    def __missing__(self, words: tuple[str, ...]) -> bytes:
        columns = self[words] = b"".join(map(_encode_text, words))
        return columns


def insert_visits(connection: Connection, site_id: int, visits: Sequence[VisitPart]) -> None:
    """Writes new visits; leaves visit_rollups as it is."""
    if not visits:
        return
    texts, pack, parts = _Texts(), _FIXED.pack, [COPY_HEADER]
    for user_no, session_id, is_bot, start_us, end_us, views, entry_receipt, exit_receipt, entry, exit_path in visits:
        start, end = start_us - POSTGRES_EPOCH_US, end_us - POSTGRES_EPOCH_US
        entry_us, entry_position = split_receipt(entry_receipt)
        exit_us, exit_position = split_receipt(exit_receipt)
        parts.append(pack(
            COPIED_COLUMNS, 4, site_id, 8, user_no, 8, start, 8, end, 1, is_bot, 1, end - start > LONG_US, 4, views,
            8, entry_us - POSTGRES_EPOCH_US, 4, entry_position, 8, exit_us - POSTGRES_EPOCH_US, 4, exit_position,
        ))  # fmt: skip
        parts.append(_encode_text(session_id))
        parts.extend(map(texts.__getitem__, split_entry(entry)))
        parts.append(texts[exit_path,])
    parts.append(COPY_TRAILER)
    copy_bytes(connection, COPY, b"".join(parts))

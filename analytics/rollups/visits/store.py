"""The only writer of `visits`: joins touches with what is stored, and counts the days of a site anew from raw events.

merge and rebuild call it, inside their transaction and under the site's advisory lock, so that nobody else writes here.
Each change of a visit goes into visit_rollups as the difference of what it was and what it is (docs/decisions/0005).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from io import BytesIO
from operator import itemgetter
from struct import Struct
from typing import Any

from sqlalchemy import Connection, text

from analytics.rollups.visit_rollups import fold_sums
from analytics.rollups.visit_tally import Tally
from analytics.rollups.visits import GAP_US, Key, Touch, fold, join

# A visit longer than this is marked, so that the look-up of the others can be bounded.
LONG_US = 6 * 3_600_000_000
# Touches in one look-up: what is written of them takes 2 kB each.
VISITS_AT_A_TIME = 5_000


def apply_touches(connection: Connection, site_id: int, zone: str, touches: Iterable[Touch]) -> set[date]:
    """Joins the touches with the stored visits and counts the difference; the local days whose visits changed.

    Each page view may be applied once. For every VISITS_AT_A_TIME of them one look-up, one COPY, and an UPDATE or a
    DELETE where stored visits change.
    """
    # In the order of the index: neighbours share its pages.
    folded = sorted(fold(touches), key=itemgetter(0))
    if not folded:
        return set()
    tally = Tally(zone)
    with by_index(connection):
        for start in range(0, len(folded), VISITS_AT_A_TIME):
            _apply(connection, site_id, folded[start : start + VISITS_AT_A_TIME], tally)
        fold_sums(connection, site_id, tally)
    return tally.days


def _apply(connection: Connection, site_id: int, given: list[Touch], tally: Tally) -> None:
    stored: dict[Key, list[Touch]] = {}
    for visit in reached_visits(connection, site_id, given):
        stored.setdefault(visit[:3], []).append(visit)
    added = [touch for touch in given if touch[:3] not in stored]
    grown, removed = [], []
    for visit, parts in _joined(stored, (touch for touch in given if touch[:3] in stored)):
        if len(parts) == 1 and parts[0].start_us == visit.start_us and parts[0].entry == visit.entry:
            tally.grow(parts[0], visit)
            grown.append(visit)
        else:
            removed += parts
            added.append(visit)
    tally.add(removed, -1)
    tally.add(added)
    _grow(connection, site_id, grown)
    _remove(connection, site_id, removed)
    add_visits(connection, site_id, added)


def _joined(stored: dict[Key, list[Touch]], touches: Iterable[Touch]) -> Iterator[tuple[Touch, list[Touch]]]:
    """The visits that the touches and the stored visits in their reach make, each with the stored parts of it."""
    touched: dict[Key, list[Touch]] = {}
    for touch in touches:
        touched.setdefault(touch[:3], []).append(touch)
    for key, news in touched.items():
        olds = stored[key]
        if len(olds) == 1 and len(news) == 1:
            yield join(olds[0], news[0]), olds
        else:
            for visit in fold([*olds, *news]):
                yield visit, [old for old in olds if visit.start_us <= old.start_us <= visit.end_us]


@contextmanager
def by_index(connection: Connection) -> Iterator[None]:
    """Look-ups by index, whatever the statistics say; rebuild's own statements in the same transaction go as before.

    Where a table is minutes old, the planner takes a site's part of it for a two hundredth, and would compare each of
    its rows with all the keys (62 s for 60,000 visits). A high price of comparing has it look each key up.
    """
    before = connection.execute(SETTINGS).one()
    connection.execute(SET, {**dict.fromkeys(before._fields, "off"), "operator_cost": "1"})
    yield
    connection.execute(SET, dict(before._mapping))


SETTINGS = text("""
SELECT current_setting('enable_seqscan') AS seqscan, current_setting('enable_bitmapscan') AS bitmapscan,
    current_setting('enable_hashjoin') AS hashjoin, current_setting('enable_mergejoin') AS mergejoin,
    current_setting('enable_material') AS material, current_setting('jit') AS jit,
    current_setting('cpu_operator_cost') AS operator_cost
""")
SET = text("""
SELECT set_config('enable_seqscan', :seqscan, true), set_config('enable_bitmapscan', :bitmapscan, true),
    set_config('enable_hashjoin', :hashjoin, true), set_config('enable_mergejoin', :mergejoin, true),
    set_config('enable_material', :material, true), set_config('jit', :jit, true),
    set_config('cpu_operator_cost', :operator_cost, true)
""")
# Served by pk_visits. Only visits that began in the hours before are looked at, so a user's past is not read. Times are
# compared as rows with `is_bot`, which pk_visits can look up and ix_visits_site_id_started_at cannot: on a young table
# the planner takes the hours of a site for no row at all, and would read all visits for each touch (20,000: 40 s).
REACHED = text("""
SELECT v.user_no, v.session_id, v.is_bot,
    (date_part('epoch', v.started_at) * 1e6)::bigint, (date_part('epoch', v.ended_at) * 1e6)::bigint, v.views,
    v.entry_path, v.source, v.referrer, v.country, v.browser, v.os, v.device, v.utm_source, v.utm_medium,
    v.utm_campaign, v.exit_path
FROM unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]), CAST(:pasts AS float8[]),
    CAST(:lows AS float8[]), CAST(:highs AS float8[])) AS t (user_no, session_id, is_bot, past_us, low_us, high_us)
JOIN visits v ON v.site_id = :site_id AND v.user_no = t.user_no AND v.session_id = t.session_id AND v.is_bot = t.is_bot
    AND (v.is_bot, v.started_at) >= (t.is_bot, to_timestamp(t.past_us / 1e6))
    AND (v.is_bot, v.started_at) <= (t.is_bot, to_timestamp(t.high_us / 1e6))
WHERE v.ended_at >= to_timestamp(t.low_us / 1e6)
""")
# Those that began earlier and still reach the touch; served by ix_visits_long, which is all but empty.
REACHED_FROM_AFAR = text("""
SELECT v.user_no, v.session_id, v.is_bot,
    (date_part('epoch', v.started_at) * 1e6)::bigint, (date_part('epoch', v.ended_at) * 1e6)::bigint, v.views,
    v.entry_path, v.source, v.referrer, v.country, v.browser, v.os, v.device, v.utm_source, v.utm_medium,
    v.utm_campaign, v.exit_path
FROM unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]), CAST(:pasts AS float8[]),
    CAST(:lows AS float8[])) AS t (user_no, session_id, is_bot, past_us, low_us)
JOIN visits v ON v.site_id = :site_id AND v.user_no = t.user_no AND v.session_id = t.session_id AND v.is_bot = t.is_bot
    AND v.is_long AND (v.is_bot, v.started_at) < (t.is_bot, to_timestamp(t.past_us / 1e6))
WHERE v.ended_at >= to_timestamp(t.low_us / 1e6)
""")
HAS_LONG = text("SELECT EXISTS (SELECT FROM visits WHERE site_id = :site_id AND is_long)")


def reached_visits(connection: Connection, site_id: int, touches: Sequence[Touch]) -> Iterable[Touch]:
    """The stored visits within 30 minutes of the touches, which must be folded; each once."""
    given = {
        "site_id": site_id,
        **_keys(touches),
        "pasts": _literal(touch.start_us - GAP_US - LONG_US for touch in touches),
        "lows": _literal(touch.start_us - GAP_US for touch in touches),
        "highs": _literal(touch.end_us + GAP_US for touch in touches),
    }
    rows = connection.execute(REACHED, given).all()
    if connection.execute(HAS_LONG, {"site_id": site_id}).scalar_one():
        rows = [*rows, *connection.execute(REACHED_FROM_AFAR, given)]
    found = (Touch(r[0], r[1], r[2], r[3], r[4], r[5], tuple(r[6:16]), r[16]) for r in rows)
    # Two touches may reach the same visit, from both sides.
    return {visit[:4]: visit for visit in found}.values()


def _keys(visits: Sequence[Touch]) -> dict[str, str]:
    return {
        "user_nos": _literal(visit.user_no for visit in visits),
        "session_ids": _quoted(visit.session_id for visit in visits),
        "bots": _literal(visit.is_bot for visit in visits),
    }


def _literal(values: Iterable[object]) -> str:
    """An array as PostgreSQL reads it: ten times as fast as to have the driver quote each value."""
    return "{" + ",".join(map(str, values)) + "}"


def _quoted(words: Iterable[str]) -> str:
    given = list(words)
    if "\\" in (plain := "".join(given)) or '"' in plain:
        given = [word.replace("\\", "\\\\").replace('"', '\\"') for word in given]
    return '{"' + '","'.join(given) + '"}'


# By pk_visits. Most visits grow at their end, which no index sees: such an update leaves no dead index entries. A range
# of one instant, as rows: where thousands of visits begin at once, the other index would give all of them for each.
GROW = text("""
UPDATE visits v
SET ended_at = to_timestamp(t.end_us / 1e6), views = t.views, exit_path = t.exit_path,
    is_long = t.end_us - t.start_us > :long_us
FROM unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]), CAST(:starts AS float8[]),
    CAST(:ends AS float8[]), CAST(:views AS int[]), CAST(:exit_paths AS text[]))
    AS t (user_no, session_id, is_bot, start_us, end_us, views, exit_path)
WHERE v.site_id = :site_id AND v.user_no = t.user_no AND v.session_id = t.session_id AND v.is_bot = t.is_bot
    AND (v.is_bot, v.started_at) BETWEEN (t.is_bot, to_timestamp(t.start_us / 1e6))
        AND (t.is_bot, to_timestamp(t.start_us / 1e6))
""")


def _grow(connection: Connection, site_id: int, visits: Sequence[Touch]) -> None:
    if visits:
        given = {
            **_keys(visits),
            "starts": _literal(visit.start_us for visit in visits),
            "ends": _literal(visit.end_us for visit in visits),
            "views": _literal(visit.views for visit in visits),
            "exit_paths": _quoted(visit.exit_path for visit in visits),
        }
        connection.execute(GROW, {"site_id": site_id, "long_us": LONG_US, **given})


# By pk_visits, as above.
REMOVE = text("""
DELETE FROM visits v
USING unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]),
    CAST(:starts AS float8[])) AS t (user_no, session_id, is_bot, start_us)
WHERE v.site_id = :site_id AND v.user_no = t.user_no AND v.session_id = t.session_id AND v.is_bot = t.is_bot
    AND (v.is_bot, v.started_at) BETWEEN (t.is_bot, to_timestamp(t.start_us / 1e6))
        AND (t.is_bot, to_timestamp(t.start_us / 1e6))
""")


def _remove(connection: Connection, site_id: int, visits: Sequence[Touch]) -> None:
    if visits:
        given = {**_keys(visits), "starts": _literal(visit.start_us for visit in visits)}
        connection.execute(REMOVE, {"site_id": site_id, **given})


COPY = """
COPY visits (site_id, user_no, started_at, ended_at, is_bot, is_long, views, session_id, entry_path, source, referrer,
    country, browser, os, device, utm_source, utm_medium, utm_campaign, exit_path)
FROM STDIN (FORMAT binary)
"""
# COPY's binary format: a count of columns, then length and bytes of each. Times are microseconds since 2000.
_HEADER, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FIXED = Struct(">h ii iq iq iq i? i? ii")
_2000_US = 946_684_800_000_000


class _Texts(dict[str, bytes]):
    """Texts in COPY's binary form; most are written many times."""

    def __missing__(self, word: str) -> bytes:
        raw = word.encode()
        made = self[word] = len(raw).to_bytes(4, "big") + raw
        return made


def add_visits(connection: Connection, site_id: int, visits: Sequence[Touch]) -> None:
    """Writes new visits; counts nothing."""
    if not visits:
        return
    texts, pack, parts = _Texts(), _FIXED.pack, [_HEADER]
    for user_no, session_id, is_bot, start_us, end_us, views, entry, exit_path in visits:
        start, end = start_us - _2000_US, end_us - _2000_US
        parts.append(pack(19, 4, site_id, 8, user_no, 8, start, 8, end, 1, is_bot, 1, end - start > LONG_US, 4, views))
        parts.append(texts[session_id])
        parts.extend(map(texts.__getitem__, entry))
        parts.append(texts[exit_path])
    parts.append(_TRAILER)
    cursor: Any = connection.connection.cursor()
    with cursor:
        cursor.copy_expert(COPY, BytesIO(b"".join(parts)), size=1 << 18)

"""received = stored + duplicate + dead-lettered + in flight, by site and UTC hour of receipt, while events flow.

An entry is counted in Redis with its append, and leaves the stream only after its ledger row is there. So the numbers
are read in this order: counters, stream, ledger (and which of the stream's entries it holds already), counters again.
Whatever the first look counted is in the stream or the ledger by the later ones; whatever these hold, the last look has
counted. Nothing is lost exactly if the sum lies between the two looks, which are equal for an hour that is over.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.audit.recount import snapshot
from analytics.audit.sheet import Gap, Hour, Sheet, instant
from analytics.ingest.buffer import RECEIVED_TTL_S, STREAM, received_key
from analytics.store.events import stored_entries

HOUR = timedelta(hours=1)
# Entries that Redis looks at in one go, and entries asked for in the ledger together.
PAGE, LOOKED_UP = 500, 5000

# (site id, hour)
Place = tuple[int, datetime]
Counts = dict[Place, int]


class Hours(NamedTuple):
    """UTC hours that begin in `[start, end)`; of one site, or of all."""

    start: datetime
    end: datetime
    site_id: int | None = None

    def hold(self, place: Place) -> bool:
        return self.start <= place[1] < self.end and self.site_id in (None, place[0])


class _Ledger(NamedTuple):
    received: int
    stored: int
    duplicate: int
    dead: int


class _Raw(NamedTuple):
    """Rows of `events` and `samples` by their hour of receipt, and the sites of which some may be past retention."""

    rows: Counts
    shortened: frozenset[int]


def check_receipts(
    engine: Engine, redis: Redis, hours: Hours, names: Mapping[int, str], full: bool, sheet: Sheet
) -> Counter[int]:
    """Adds hours and gaps to the sheet; site id → events that the ledger calls stored.

    `full` compares each hour's stored with the rows of `events` and `samples` too, which reads all of them.
    """
    first_look = _counted(redis, hours)
    waiting = list(_waiting(redis))
    raw = None
    with snapshot(engine) as connection:
        ledger = _read_ledger(connection, hours)
        in_flight = _in_flight(connection, waiting, hours)
        if full:
            raw = _count_rows(connection, hours)
    last_look = _counted(redis, hours)
    places = {*first_look, *ledger, *in_flight, *last_look, *(raw.rows if raw else ())}
    counted_hours = {hour for _, hour in last_look}
    for place in sorted(places, key=lambda place: (names.get(place[0], ""), place[1])):
        name, row = names.get(place[0], f"(site {place[0]})"), ledger.get(place, _Ledger(0, 0, 0, 0))
        looks = (first_look.get(place, 0), last_look.get(place, 0)) if place[1] in counted_hours else None
        _balance(name, place[1], row, in_flight.get(place, 0), looks, sheet)
        if raw is not None:
            _compare_rows(name, place, row.stored, raw, sheet)
    _note_uncounted(sheet)
    stored: Counter[int] = Counter()
    for place, row in ledger.items():
        stored[place[0]] += row.stored
    return stored


def _balance(
    site: str, hour: datetime, row: _Ledger, in_flight: int, looks: tuple[int, int] | None, sheet: Sheet
) -> None:
    done = row.stored + row.duplicate + row.dead + in_flight
    received = None if looks is None else min(max(done, looks[0]), looks[1])
    sheet.hours.append(Hour(site, hour, received, row.stored, row.duplicate, row.dead, in_flight))
    if received not in (None, done):
        what = "events received = stored + duplicate + dead-lettered + in flight"
        sheet.gaps.append(Gap(site, instant(hour), what, received or 0, done))
    if row.received != row.stored + row.duplicate + row.dead:
        what = "events of the ledger's batches = stored + duplicate + dead-lettered"
        sheet.gaps.append(Gap(site, instant(hour), what, row.received, row.stored + row.duplicate + row.dead))


def _compare_rows(site: str, place: Place, stored: int, raw: _Raw, sheet: Sheet) -> None:
    rows = raw.rows.get(place, 0)
    if rows < stored and place[0] in raw.shortened:
        sheet.notes.append(
            f"{site} {instant(place[1])}: {stored - rows:,} of {stored:,} stored events are past retention, or lost:"
            " the rollups' days tell"
        )
    elif rows != stored:
        sheet.gaps.append(Gap(site, instant(place[1]), "rows of events = stored by the ledger", stored, rows))


def _note_uncounted(sheet: Sheet) -> None:
    uncounted = sum(hour.received is None for hour in sheet.hours)
    if uncounted:
        sheet.notes.append(
            f"{uncounted} site-hours are not counted in Redis (expired after {RECEIVED_TTL_S // 86400} days, or"
            " emptied): their receipt cannot be checked"
        )


def _counted(redis: Redis, hours: Hours) -> Counts:
    """The received counters that are still there, in one round trip."""
    now = clock.now()
    first = max(hours.start, now - timedelta(seconds=RECEIVED_TTL_S) - 2 * HOUR).replace(
        minute=0, second=0, microsecond=0
    )
    asked = [first + n * HOUR for n in range(int((min(hours.end, now + 3 * HOUR) - first) / HOUR) + 1)]
    pipe = redis.pipeline(transaction=False)
    for hour in asked:
        pipe.hgetall(received_key(int(hour.timestamp()) * 1_000_000))
    replies: list[dict[bytes, bytes]] = pipe.execute()
    found = {(int(site), hour): int(n) for hour, sites in zip(asked, replies, strict=True) for site, n in sites.items()}
    return {place: n for place, n in found.items() if hours.hold(place)}


class _Waiting(NamedTuple):
    entry_id: str
    site_id: int
    received_at: datetime
    events: int


# Bodies stay in Redis: of each entry only what the audit counts. Redis reads no binary strings of MessagePack, so the
# first field, the body, is cut out by its length. An entry that cannot be read belongs to no site.
_READ = """
local widths = {[196] = 1, [197] = 2, [198] = 4}
local function read(raw)
  local width, length = widths[raw:byte(2)], 0
  for i = 3, 2 + width do length = length * 256 + raw:byte(i) end
  return cmsgpack.unpack(string.char(raw:byte(1) - 1) .. raw:sub(3 + width + length))
end
local out = {}
for i, one in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])) do
  local known, entry = pcall(read, one[2][2])
  known = known and type(entry) == 'table' and #entry >= 5
  out[i] = {one[1], known and entry[3] or 0, known and string.format('%.0f', entry[5]) or '0', tonumber(one[2][4])}
end
return out
"""


def _waiting(redis: Redis) -> Iterator[_Waiting]:
    """The stream's entries up to the one that is the last by now, a page at a time so that Redis is never held up."""
    newest: Any = redis.xrevrange(STREAM, count=1)
    after = "-"
    while newest:
        page: Any = redis.eval(_READ, 1, STREAM, after, newest[0][0], PAGE)
        for entry_id, site_id, received_us, events in page:
            received_at = datetime.fromtimestamp(int(received_us) / 1e6, UTC)
            yield _Waiting(entry_id.decode(), site_id, received_at, events)
        if len(page) < PAGE:
            return
        after = f"({page[-1][0].decode()}"


def _in_flight(connection: Connection, waiting: list[_Waiting], hours: Hours) -> Counts:
    """Events of the entries whose ledger row is not there yet."""
    found: Counts = defaultdict(int)
    for start in range(0, len(waiting), LOOKED_UP):
        some = waiting[start : start + LOOKED_UP]
        times = [one.received_at for one in some]
        done = stored_entries(connection, [one.entry_id for one in some], min(times), max(times))
        for one in some:
            place = one.site_id, _hour(one.received_at)
            if one.entry_id not in done and hours.hold(place):
                found[place] += one.events
    return dict(found)


# Partitions of the range, read through once; and the sums of those that retention has dropped.
LEDGER = text("""
SELECT site_id, hour, sum(received), sum(stored), sum(duplicate), sum(dead)
FROM (
    SELECT site_id, date_trunc('hour', received_at, 'UTC') AS hour, received, stored, duplicate, dead
    FROM ingest_ledger
    WHERE received_at >= :start AND received_at < :end
    UNION ALL
    SELECT site_id, hour, received, stored, duplicate, dead
    FROM ledger_hours
    WHERE hour >= :start AND hour < :end
) AS kept
WHERE CAST(:site_id AS integer) IS NULL OR site_id = :site_id
GROUP BY site_id, hour
""")


def _read_ledger(connection: Connection, hours: Hours) -> dict[Place, _Ledger]:
    rows = connection.execute(LEDGER, hours._asdict())
    return {(row[0], row[1].astimezone(UTC)): _Ledger(*(int(value) for value in row[2:])) for row in rows}


# Every partition, since an event may be received at any time after it happened. What was deleted on purpose is in the
# log.
ROWS = text("""
SELECT site_id, hour, sum(rows)
FROM (
    SELECT site_id, date_trunc('hour', received_at, 'UTC') AS hour, count(*) AS rows
    FROM events
    WHERE received_at >= :start AND received_at < :end
    GROUP BY 1, 2
    UNION ALL
    SELECT site_id, date_trunc('hour', received_at, 'UTC'), count(*)
    FROM samples
    WHERE received_at >= :start AND received_at < :end
    GROUP BY 1, 2
    UNION ALL
    SELECT site_id, CAST(key AS timestamptz), CAST(value AS bigint)
    FROM audit_log
    CROSS JOIN LATERAL jsonb_each_text(detail -> 'received')
    WHERE action IN ('samples.delete', 'events.delete')
        AND CAST(key AS timestamptz) >= :start AND CAST(key AS timestamptz) < :end
) AS held
WHERE CAST(:site_id AS integer) IS NULL OR site_id = :site_id
GROUP BY site_id, hour
""")
SHORTENED = text("SELECT id FROM sites WHERE raw_since IS NOT NULL")


def _count_rows(connection: Connection, hours: Hours) -> _Raw:
    rows = {(row[0], row[1].astimezone(UTC)): int(row[2]) for row in connection.execute(ROWS, hours._asdict())}
    return _Raw(rows, frozenset(connection.execute(SHORTENED).scalars()))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)

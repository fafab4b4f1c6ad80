"""accepted = stored + duplicate + dead-lettered + refused + in flight, by site and UTC hour of receipt, in operation.

An entry is counted in Redis with its append, and leaves the stream only after its ledger row is committed. So the
numbers are read in this order: counters, stream, ledger (and which entries of the stream it holds already), counters
again. All that the first reading counted is in the stream or the ledger later; all that these hold, the second reading
has counted. No event is lost exactly if the sum is between the two readings, which are equal for a past hour. run.py
calls it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.audit.balance_sheet import BalanceSheet, Gap, HourBalance, format_instant
from analytics.audit.checks.recount import repeatable_read
from analytics.ingest.buffer import RECEIVED_TTL_S, received_key
from analytics.store.backlog import STREAM
from analytics.store.events import find_stored_entries

HOUR = timedelta(hours=1)
# Entries in one script call, and in one ledger query.
STREAM_PAGE_ENTRIES, LEDGER_LOOKUP_ENTRIES = 500, 5000

# (site id, hour)
SiteHour = tuple[int, datetime]
SiteHourCounts = dict[SiteHour, int]


class HourRange(NamedTuple):
    """UTC hours that begin in `[start, end)`; of one site, or of all."""

    start: datetime
    end: datetime
    site_id: int | None = None

    def contains(self, key: SiteHour) -> bool:
        return self.start <= key[1] < self.end and self.site_id in (None, key[0])


class _LedgerCounts(NamedTuple):
    accepted: int = 0
    stored: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    refused: int = 0

    @property
    def done(self) -> int:
        return self.stored + self.duplicate + self.dead_lettered + self.refused


class _RawRows(NamedTuple):
    """Rows of `events` and `samples` by hour of receipt, and the sites some of whose rows may be past retention."""

    rows: SiteHourCounts
    purged_sites: frozenset[int]


def check_receipts(
    engine: Engine, redis: Redis, hours: HourRange, site_keys: Mapping[int, str], full: bool, sheet: BalanceSheet
) -> Counter[int]:
    """Adds hours and gaps to the sheet; returns site id → events that the ledger calls stored.

    `full` also compares each hour's stored events with the rows of `events` and `samples`, and reads all of them.
    """
    first_reading = _read_counters(redis, hours)
    waiting = list(_read_stream(redis))
    raw = None
    with repeatable_read(engine) as connection:
        ledger = _read_ledger(connection, hours)
        in_flight = _count_in_flight(connection, waiting, hours)
        if full:
            raw = _count_rows(connection, hours)
    second_reading = _read_counters(redis, hours)
    keys = {*first_reading, *ledger, *in_flight, *second_reading, *(raw.rows if raw else ())}
    counted_hours = {hour for _, hour in second_reading}
    for key in sorted(keys, key=lambda key: (site_keys.get(key[0], ""), key[1])):
        site, counts = site_keys.get(key[0], f"(site {key[0]})"), ledger.get(key, _LedgerCounts())
        bounds = (first_reading.get(key, 0), second_reading.get(key, 0)) if key[1] in counted_hours else None
        _balance(site, key[1], counts, in_flight.get(key, 0), bounds, sheet)
        if raw is not None:
            _compare_rows(site, key, counts.stored, raw, sheet)
    _note_uncounted(sheet)
    stored: Counter[int] = Counter()
    for (site_id, _), counts in ledger.items():
        stored[site_id] += counts.stored
    return stored


def _balance(
    site: str,
    hour: datetime,
    counts: _LedgerCounts,
    in_flight: int,
    bounds: tuple[int, int] | None,
    sheet: BalanceSheet,
) -> None:
    total = counts.done + in_flight
    accepted = None if bounds is None else min(max(total, bounds[0]), bounds[1])
    sheet.hours.append(HourBalance(site, hour, accepted, *counts[1:], in_flight))
    if accepted not in (None, total):
        what = "events accepted = stored + duplicate + dead-lettered + refused + in flight"
        sheet.gaps.append(Gap(site, format_instant(hour), what, accepted or 0, total))
    if counts.accepted != counts.done:
        what = "events of the ledger's batches = stored + duplicate + dead-lettered + refused"
        sheet.gaps.append(Gap(site, format_instant(hour), what, counts.accepted, counts.done))


def _compare_rows(site: str, key: SiteHour, stored: int, raw: _RawRows, sheet: BalanceSheet) -> None:
    rows, hour = raw.rows.get(key, 0), format_instant(key[1])
    if rows < stored and key[0] in raw.purged_sites:
        sheet.notes.append(
            f"{site} {hour}: {stored - rows:,} of {stored:,} stored events have no row: past retention, or lost;"
            " the comparison of days tells which"
        )
    elif rows != stored:
        sheet.gaps.append(Gap(site, hour, "rows of events = stored by the ledger", stored, rows))


def _note_uncounted(sheet: BalanceSheet) -> None:
    uncounted = sum(hour.accepted is None for hour in sheet.hours)
    if uncounted:
        sheet.notes.append(
            f"{uncounted} site-hours are not counted in Redis (expired after {RECEIVED_TTL_S // 86400} days, or"
            " deleted): their receipt cannot be checked"
        )


def _read_counters(redis: Redis, hours: HourRange) -> SiteHourCounts:
    """The received counters that have not expired, in one round trip."""
    now = clock.now()
    first = _hour(max(hours.start, now - timedelta(seconds=RECEIVED_TTL_S) - 2 * HOUR))
    starts = [first + n * HOUR for n in range(int((min(hours.end, now + 3 * HOUR) - first) / HOUR) + 1)]
    pipe = redis.pipeline(transaction=False)
    for hour in starts:
        pipe.hgetall(received_key(int(hour.timestamp()) * 1_000_000))
    replies: list[dict[bytes, bytes]] = pipe.execute()
    counts = {
        (int(site), hour): int(events)
        for hour, sites in zip(starts, replies, strict=True)
        for site, events in sites.items()
    }
    return {key: events for key, events in counts.items() if hours.contains(key)}


class _WaitingEntry(NamedTuple):
    entry_id: str
    site_id: int
    received_at: datetime
    events: int


# Returns of each entry only what the audit counts; bodies stay in Redis. cmsgpack reads no binary strings, so the first
# field, the body, is cut out by its length: it is behind the array's head of one byte (up to 15 fields) or three. An
# entry that cannot be read belongs to no site.
_READ_PAGE = """
local widths = {[196] = 1, [197] = 2, [198] = 4}
local function read(raw)
  local head, fields = 1, raw:byte(1) - 144
  if raw:byte(1) == 220 then head, fields = 3, raw:byte(2) * 256 + raw:byte(3) end
  local width, length = widths[raw:byte(head + 1)], 0
  for i = head + 2, head + 1 + width do length = length * 256 + raw:byte(i) end
  local rest = string.char(220, math.floor((fields - 1) / 256), (fields - 1) % 256)
  return cmsgpack.unpack(rest .. raw:sub(head + 2 + width + length))
end
local out = {}
for i, item in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])) do
  local ok, entry = pcall(read, item[2][2])
  ok = ok and type(entry) == 'table' and #entry >= 5
  out[i] = {item[1], ok and entry[3] or 0, ok and string.format('%.0f', entry[5]) or '0', tonumber(item[2][4])}
end
return out
"""


def _read_stream(redis: Redis) -> Iterator[_WaitingEntry]:
    """The stream's entries up to the newest at the start; in pages, so that Redis is never blocked for long."""
    newest: Any = redis.xrevrange(STREAM, count=1)
    after = "-"
    while newest:
        page: Any = redis.eval(_READ_PAGE, 1, STREAM, after, newest[0][0], STREAM_PAGE_ENTRIES)
        for entry_id, site_id, received_us, events in page:
            received_at = datetime.fromtimestamp(int(received_us) / 1e6, UTC)
            yield _WaitingEntry(entry_id.decode(), site_id, received_at, events)
        if len(page) < STREAM_PAGE_ENTRIES:
            return
        after = f"({page[-1][0].decode()}"


def _count_in_flight(connection: Connection, waiting: list[_WaitingEntry], hours: HourRange) -> SiteHourCounts:
    """Events of the entries without a ledger row."""
    counts: SiteHourCounts = defaultdict(int)
    for start in range(0, len(waiting), LEDGER_LOOKUP_ENTRIES):
        entries = waiting[start : start + LEDGER_LOOKUP_ENTRIES]
        times = [entry.received_at for entry in entries]
        stored = find_stored_entries(connection, [entry.entry_id for entry in entries], min(times), max(times))
        for entry in entries:
            key = entry.site_id, _hour(entry.received_at)
            if entry.entry_id not in stored and hours.contains(key):
                counts[key] += entry.events
    return dict(counts)


# Reads the partitions of the range once; and the sums of those that retention has dropped.
SUM_LEDGER = text("""
SELECT site_id, hour, sum(received), sum(stored), sum(duplicate), sum(dead_lettered), sum(refused)
FROM (
    SELECT site_id, date_trunc('hour', received_at, 'UTC') AS hour, received, stored, duplicate, dead_lettered, refused
    FROM ingest_ledger
    WHERE received_at >= :start AND received_at < :end
    UNION ALL
    SELECT site_id, hour, received, stored, duplicate, dead_lettered, refused
    FROM ledger_hours
    WHERE hour >= :start AND hour < :end
) AS ledger
WHERE CAST(:site_id AS integer) IS NULL OR site_id = :site_id
GROUP BY site_id, hour
""")


def _read_ledger(connection: Connection, hours: HourRange) -> dict[SiteHour, _LedgerCounts]:
    rows = connection.execute(SUM_LEDGER, hours._asdict())
    return {(row[0], row[1].astimezone(UTC)): _LedgerCounts(*(int(value) for value in row[2:])) for row in rows}


# Reads every partition, since an event may be received long after its ts. Deleted rows are counted in the audit log.
COUNT_RAW_ROWS = text("""
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
) AS raw
WHERE CAST(:site_id AS integer) IS NULL OR site_id = :site_id
GROUP BY site_id, hour
""")
LIST_PURGED_SITES = text("""
SELECT id FROM sites WHERE raw_since IS NOT NULL
UNION
SELECT site_id FROM audit_log WHERE action = 'site.delete' AND detail ->> 'raw_since' IS NOT NULL
""")


def _count_rows(connection: Connection, hours: HourRange) -> _RawRows:
    rows = {
        (row[0], row[1].astimezone(UTC)): int(row[2]) for row in connection.execute(COUNT_RAW_ROWS, hours._asdict())
    }
    return _RawRows(rows, frozenset(connection.execute(LIST_PURGED_SITES).scalars()))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)

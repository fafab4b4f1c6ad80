"""A day with as many paths, referrers or short codes as events, through the drain, the deltas and the merge.

`python -m benchmarks cardinality --events 1000000`. Nine of ten events have a new path and a new referrer; the tenth is
of the home page. Plain SQL over the raw events must then agree with every listed value, and '(other)' must be the rest.
One process drains and merges in turn, so its memory is that of a worker; the memory of the report beside the last part
is not counted.
"""

import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, text

from analytics import create_app, memory
from analytics.extensions import buffer_redis, db
from analytics.ingest import buffer
from analytics.ingest.buffer import BacklogLimits, Entry
from analytics.ingest.drain.drain import Drain
from analytics.insights.overview.from_rollups import RollupOverview
from analytics.insights.overview.overview import build_overview
from analytics.reports.day_range import DayRange
from analytics.reports.query.measures import EventSelection
from analytics.reports.query.query import ResolvedRequest
from analytics.rollups import bitmaps, cardinality
from analytics.rollups.snapshot.snapshot import open_snapshot
from analytics.sites import sites
from benchmarks.baselines import describe_machine
from benchmarks.datagen import encode_json
from benchmarks.measuring import p95_ms, print_progress, time_call
from benchmarks.stack import Stack
from benchmarks.traffic import merge_deltas
from config import load

BATCH, USERS, HOME_EVERY = 1000, 20_000, 10
# Parts of the day; the deltas of the last one are merged after a report has read them.
PARTS, RUNS = 10, 10
EVENT_TYPES = {"paths": "page_view", "codes": "click"}
# A short code has rows in every dimension, so a fifth as many cost the same.
CODES_DIVISOR = 5
DIMENSIONS = ("path", "referrer", "source")


class PartResult(NamedTuple):
    """Events a second, drained and merged; bytes of the deltas; peak memory of the process."""

    drained_per_s: float
    merged_per_s: float
    delta_bytes: int
    peak_mb: float


def run(events: int, quick: bool = False) -> str:
    """The measured figures. Raises AssertionError where a number is wrong or the rows are not bounded."""
    memory.tune()
    lines = [f"Cardinality on {describe_machine()}"]
    for kind in EVENT_TYPES:
        with Stack(beat=False) as stack:
            app = create_app(replace(load(stack.env), environment="test"))
            with app.app_context():
                lines += ["", *_measure(db.engine, kind, events if kind == "paths" else events // CODES_DIVISOR)]
                db.engine.dispose()
    return "\n".join(lines)


def _measure(engine: Engine, kind: str, events: int) -> list[str]:
    with engine.begin() as connection:
        site = sites.create_site(connection, "shop", "Shop")
    start = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    consumer = Drain(engine, buffer_redis(), b"s" * 32, linger_s=0.0, consumer="bench")
    gc.collect()
    before_mb, lines, parts, unmerged_ms = _peak_mb(), [], list[PartResult](), 0.0
    for number in range(PARTS):
        _send(site, kind, start, range(number * events // PARTS, (number + 1) * events // PARTS), events)
        drain_s, _ = time_call(lambda: consumer.run(duration_s=3600))
        size = _scalar(engine, "SELECT sum(octet_length(body)) FROM rollup_deltas")
        if number == PARTS - 1:
            unmerged_ms = _time_overview(engine, site, start)
        merge_s = merge_deltas(engine)
        parts.append(PartResult(events / PARTS / drain_s, events / PARTS / merge_s, int(size), _peak_mb()))
        lines.append(f"  {number + 1:2}: {_format_part(parts[-1], events // PARTS)}")
        print_progress(f"{kind} {lines[-1]}")
    merged_ms = _time_overview(engine, site, start)
    _check(engine, kind, events)
    rows = _scalar(engine, "SELECT count(*) FROM rollups")
    size = _scalar(engine, "SELECT pg_total_relation_size('rollups')")
    return [
        f"{kind}: {events:,} events of type {EVENT_TYPES[kind]} in a day",
        *lines,
        f"  {rows:,} rows in rollups, {size / 1e6:.1f} MB, {size / events:.0f} bytes an event",
        f"  dashboard bundle of 30 days {merged_ms:.0f} ms; {unmerged_ms:.0f} ms while a tenth is not merged",
        f"  memory {before_mb:.0f} MB before, peak {max(part.peak_mb for part in parts[:-1]):.0f} MB",
        "  exact: totals, listed values, (other), visits",
    ]


def _format_part(part: PartResult, events: int) -> str:
    return (
        f"drained {part.drained_per_s:,.0f}/s, merged {part.merged_per_s:,.0f}/s, {part.delta_bytes / events:.0f} bytes"
        f" of deltas an event, peak {part.peak_mb:.0f} MB"
    )


def _send(site: sites.Site, kind: str, start: datetime, numbers: range, events: int) -> None:
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    for first in numbers[::BATCH]:
        batch = [_event(kind, start, number, events) for number in range(first, min(first + BATCH, numbers.stop))]
        body, compressed = buffer.compress(b"[" + b",".join(batch) + b"]")
        entry = Entry(body, compressed, len(batch), site.id, site.key, now_us, 0, "203.0.113.9", "", "bench", "bench")
        buffer.append(buffer_redis(), entry, BacklogLimits(10**9, 10**12))


def _event(kind: str, start: datetime, number: int, events: int) -> bytes:
    ts = start + timedelta(seconds=86_399 * number / events)
    is_home = number % HOME_EVERY == 0
    event: dict[str, Any] = {
        "ts": ts.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "user_id": f"user-{number * 7919 % USERS}",
        "type": EVENT_TYPES[kind],
        "path": "/" if is_home else f"/attack/{number}",
        "referrer": "https://known.example/" if is_home else f"https://r{number}.example/",
    }
    return encode_json(event | ({"subject": "home" if is_home else f"code{number}"} if kind == "codes" else {}))


def _time_overview(engine: Engine, site: sites.Site, start: datetime) -> float:
    """Milliseconds of the dashboard bundle: the second slowest of RUNS."""
    end = start.date() + timedelta(days=1)
    period = DayRange(end - timedelta(days=30), end, ZoneInfo("UTC")).period
    selection = EventSelection(site.id, None, bots=False)
    resolved = ResolvedRequest({"granularity": "day", "limit": 10}, selection, period, None, None)

    def read_overview() -> None:
        with open_snapshot(engine, site, 60) as snapshot:
            build_overview([], resolved, RollupOverview(snapshot, selection))

    return p95_ms(read_overview, RUNS)


LARGEST_GROUP_QUERY = """
SELECT max(n) FROM (SELECT count(*) AS n FROM rollups GROUP BY dimension, day, type, subject, is_bot) AS groups
"""


def _check(engine: Engine, kind: str, events: int) -> None:
    """Compares counts and sets of users with plain SQL over the raw events."""
    limits = cardinality.DEFAULT_LIMITS
    _expect(
        "rows of the largest group",
        _scalar(engine, LARGEST_GROUP_QUERY) <= limits.values + len(cardinality.EXEMPT_VALUES),
        True,
    )
    subjects = _scalar(engine, "SELECT count(DISTINCT subject) FROM rollups WHERE dimension = 'total'")
    _expect("short codes", subjects <= limits.subjects + len(cardinality.EXEMPT_VALUES), True)
    raw = _read_counts(engine, "SELECT '', count(*), array_agg(DISTINCT user_no) FROM events")
    _expect("events", raw[""][0], events)
    _expect("totals", _count_rollups(engine, "total"), raw)
    for dimension in DIMENSIONS:
        counts = _count_rollups(engine, dimension)
        _expect(dimension, counts, _count_raw(engine, dimension, sorted(counts)))
    if kind == "codes":
        counts = _count_rollups(engine, "total", by="subject")
        _expect("short codes", counts, _count_raw(engine, "subject", sorted(counts)))
    visits = _scalar(engine, "SELECT sum(visits) FROM visit_rollups WHERE dimension = 'entry_path'") or 0
    _expect("visits", visits, _scalar(engine, "SELECT count(*) FROM visits"))


Counts = dict[str, tuple[int, frozenset[int]]]


def _count_rollups(engine: Engine, dimension: str, by: str = "value") -> Counts:
    """Value → events and users of the whole site; with `by="subject"`: short code → events and users."""
    query = text(
        f"SELECT {by}, events, users FROM rollups WHERE dimension = :dimension AND (subject = '') = (:by = 'value')"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"dimension": dimension, "by": by})
        return {value: (count, frozenset(bitmaps.decode(bytes(users)))) for value, count, users in rows}


def _count_raw(engine: Engine, column: str, listed: list[str]) -> Counts:
    """Value → events and users of the raw events; unlisted values are under '(other)'."""
    query = f"""
SELECT CASE WHEN {column} = ANY (:listed) THEN {column} ELSE '{cardinality.OTHER}' END,
    count(*), array_agg(DISTINCT user_no)
FROM events
GROUP BY 1
"""
    return _read_counts(engine, query, listed=listed)


def _read_counts(engine: Engine, query: str, **parameters: Any) -> Counts:
    with engine.connect() as connection:
        rows = connection.execute(text(query), parameters)
        return {value: (count, frozenset(users)) for value, count, users in rows}


def _expect(name: str, actual: Any, expected: Any) -> None:
    if actual != expected:
        raise AssertionError(f"{name}: expected {str(expected)[:300]}, got {str(actual)[:300]}")


def _scalar(engine: Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def _peak_mb() -> float:
    """Peak resident memory since the last call: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6

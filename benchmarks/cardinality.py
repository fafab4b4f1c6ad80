"""A hostile day: as many paths, referrers or short codes as events, through the drain, the deltas and the merge.

`python -m benchmarks cardinality --events 1000000`. Nine of ten events bring a path and a referrer that nobody has
seen; the tenth is of the home page. Afterwards plain SQL over the raw events must find each listed value exact and
'(other)' exactly the rest. One process drains and merges in turn, so its memory is a worker's; what a report takes
beside the last part is not counted.
"""

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, text

from analytics import create_app, heap, sites
from analytics.extensions import buffer_redis, db
from analytics.ingest import buffer
from analytics.ingest.buffer import Entry, Limits
from analytics.ingest.pipeline import Drain
from analytics.reports.overview import overview
from analytics.rollups import guard, users
from analytics.rollups.merge import merge_all
from analytics.rollups.reading import snapshot
from benchmarks.baselines import machine
from benchmarks.datagen import compact
from benchmarks.stack import Stack
from config import load

BATCH, USERS, HOME_EVERY = 1000, 20_000, 10
# Parts of the day; the deltas of the last one wait until a report has added them up.
PARTS, RUNS = 10, 10
KINDS = {"paths": "page_view", "codes": "click"}
# A short code has rows in every dimension, so a fifth as many cost as much.
CODES_OF = 5
DIMENSIONS = ("path", "referrer", "source")


class Part(NamedTuple):
    """Events a second, drained and merged; bytes of the deltas; the most memory that the process took for it."""

    drained: float
    merged: float
    delta_bytes: int
    peak_mb: float


def run(events: int, quick: bool = False) -> str:
    """What was measured. Raises AssertionError where a number is wrong or the rows are not bounded."""
    heap.settle()
    lines = [f"Cardinality on {machine()}"]
    for kind in KINDS:
        with Stack(beat=False) as stack:
            app = create_app(replace(load(stack.env), environment="test"))
            with app.app_context():
                lines += ["", *_measure(db.engine, kind, events if kind == "paths" else events // CODES_OF)]
                db.engine.dispose()
    return "\n".join(lines)


def _measure(engine: Engine, kind: str, events: int) -> list[str]:
    with engine.begin() as connection:
        site = sites.create_site(connection, "shop", "Shop")
    start = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    consumer = Drain(engine, buffer_redis(), b"s" * 32, company_s=0.0, consumer="bench")
    gc.collect()
    before_mb, lines, parts, waiting_ms = _peak_mb(), [], list[Part](), 0.0
    for number in range(PARTS):
        _send(site, kind, start, range(number * events // PARTS, (number + 1) * events // PARTS), events)
        drain_s = _time(lambda: consumer.run(seconds=3600))
        size = _one(engine, "SELECT sum(octet_length(body)) FROM rollup_deltas")
        if number == PARTS - 1:
            waiting_ms = _ask(engine, site, start)
        merge_s = _time(lambda: _merge(engine))
        parts.append(Part(events / PARTS / drain_s, events / PARTS / merge_s, int(size), _peak_mb()))
        lines.append(f"  {number + 1:2}: {_line(parts[-1], events // PARTS)}")
        print(kind, lines[-1], file=sys.stderr, flush=True)
    merged_ms = _ask(engine, site, start)
    _check(engine, kind, events)
    rows, size = _one(engine, "SELECT count(*) FROM rollups"), _one(engine, "SELECT pg_total_relation_size('rollups')")
    return [
        f"{kind}: {events:,} events of type {KINDS[kind]} in a day",
        *lines,
        f"  {rows:,} rows in rollups, {size / 1e6:.1f} MB, {size / events:.0f} bytes an event",
        f"  dashboard bundle of 30 days {merged_ms:.0f} ms; {waiting_ms:.0f} ms while a tenth waits to be merged",
        f"  memory {before_mb:.0f} MB before, {max(part.peak_mb for part in parts[:-1]):.0f} MB at most",
        "  exact: totals, listed values, (other), visits",
    ]


def _line(part: Part, events: int) -> str:
    return (
        f"drained {part.drained:,.0f}/s, merged {part.merged:,.0f}/s, {part.delta_bytes / events:.0f} bytes of deltas"
        f" an event, {part.peak_mb:.0f} MB at most"
    )


def _send(site: sites.Site, kind: str, start: datetime, numbers: range, events: int) -> None:
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    for first in numbers[::BATCH]:
        batch = [_event(kind, start, number, events) for number in range(first, min(first + BATCH, numbers.stop))]
        body, compressed = buffer.compress(b"[" + b",".join(batch) + b"]")
        entry = Entry(body, compressed, len(batch), site.id, site.key, now_us, 0, "203.0.113.9", "", "bench", "bench")
        buffer.append(buffer_redis(), entry, Limits(10**9, 10**12))


def _event(kind: str, start: datetime, number: int, events: int) -> bytes:
    ts = start + timedelta(seconds=86_399 * number / events)
    is_home = number % HOME_EVERY == 0
    event: dict[str, Any] = {
        "ts": ts.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "user_id": f"user-{number * 7919 % USERS}",
        "type": KINDS[kind],
        "path": "/" if is_home else f"/attack/{number}",
        "referrer": "https://known.example/" if is_home else f"https://r{number}.example/",
    }
    return compact(event | ({"subject": "home" if is_home else f"code{number}"} if kind == "codes" else {}))


def _merge(engine: Engine) -> None:
    while merge_all(engine, 60).more:
        pass


def _ask(engine: Engine, site: sites.Site, start: datetime) -> float:
    """Milliseconds of the slowest but one of RUNS."""
    after, times = start.date() + timedelta(days=1), []
    for _ in range(RUNS):
        began = time.perf_counter()
        with snapshot(engine, site, 60) as found:
            overview(found, after - timedelta(days=30), after)
        times.append(1e3 * (time.perf_counter() - began))
    return sorted(times)[-2]


LARGEST = """
SELECT max(n) FROM (SELECT count(*) AS n FROM rollups GROUP BY dimension, day, type, subject, is_bot) AS groups
"""


def _check(engine: Engine, kind: str, events: int) -> None:
    """Against plain SQL over the raw events: counts, and the very people."""
    limits = guard.LIMITS
    _expect("rows of the largest group", _one(engine, LARGEST) <= limits.values + len(guard.FREE), True)
    subjects = _one(engine, "SELECT count(DISTINCT subject) FROM rollups WHERE dimension = 'total'")
    _expect("short codes", subjects <= limits.subjects + len(guard.FREE), True)
    raw = _pairs(engine, "SELECT '', count(*), array_agg(DISTINCT user_no) FROM events")
    _expect("events", raw[""][0], events)
    _expect("totals", _stored(engine, "total"), raw)
    for dimension in DIMENSIONS:
        stored = _stored(engine, dimension)
        _expect(dimension, stored, _raw(engine, dimension, sorted(stored)))
    if kind == "codes":
        codes = _stored(engine, "total", by="subject")
        _expect("short codes", codes, _raw(engine, "subject", sorted(codes)))
    visits = _one(engine, "SELECT sum(visits) FROM visit_rollups WHERE dimension = 'entry_path'") or 0
    _expect("visits", visits, _one(engine, "SELECT count(*) FROM visits"))


Counted = dict[str, tuple[int, frozenset[int]]]


def _stored(engine: Engine, dimension: str, by: str = "value") -> Counted:
    """Value → events and people of the site as a whole; `by` subject: of each short code."""
    query = text(
        f"SELECT {by}, events, users FROM rollups WHERE dimension = :dimension AND (subject = '') = (:by = 'value')"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"dimension": dimension, "by": by})
        return {value: (count, frozenset(users.unpack(bytes(stored)))) for value, count, stored in rows}


def _raw(engine: Engine, column: str, listed: list[str]) -> Counted:
    """The same of the raw events, with what is not listed under '(other)'."""
    query = f"""
SELECT CASE WHEN {column} = ANY (:listed) THEN {column} ELSE '{guard.OTHER}' END, count(*), array_agg(DISTINCT user_no)
FROM events
GROUP BY 1
"""
    return _pairs(engine, query, listed=listed)


def _pairs(engine: Engine, query: str, **given: Any) -> Counted:
    with engine.connect() as connection:
        return {value: (count, frozenset(people)) for value, count, people in connection.execute(text(query), given)}


def _expect(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {str(found)[:300]} is not {str(expected)[:300]}")


def _one(engine: Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def _time(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _peak_mb() -> float:
    """The most resident memory since the last call: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6

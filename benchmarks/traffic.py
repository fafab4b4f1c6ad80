"""The data set for reports: N page views of the last 30 or more days, written and counted by the drain's code.

Visitors from a pool of 300,000 (Zipf, exponent 0.6); visits of ten views on average, 30 % of them bounces, the others
geometric; gaps exponential, 40 s on average; visits by hour of day; 500 paths and 50 referrers (Zipf, exponent 1.0),
35 % direct; 80 countries, 8 browsers, 6 systems, 3 devices. Inserted in the order of time. With `exposures`, one view
in fifty comes with an exposure to one of two variants of an experiment, which is in the payload.
"""

import math
import random
import string
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, repeat
from typing import NamedTuple

from sqlalchemy import Engine

from analytics.columnar.limits import configured_limits
from analytics.columnar.local_files import configured_files
from analytics.columnar.write import LONGEST_WAIT, write_due
from analytics.columnar.write_event_visits import VisitNamer
from analytics.columnar.write_visits import write_due_visits
from analytics.extensions import settings
from analytics.rollups.closing.days import close_days
from analytics.rollups.closing.schedule import IMMEDIATE
from analytics.rollups.closing.unions import build_unions
from analytics.rollups.deltas.writer import append_deltas
from analytics.rollups.merge import merge_all
from analytics.sites import sites
from analytics.store import events as store
from analytics.store import partitions
from analytics.store.columns import event_days
from analytics.store.event_types import PAGE_VIEW
from analytics.store.events import EventRow
from benchmarks.measuring import print_progress, time_call, vacuum

DAYS, USERS, PATHS, REFERRERS, COUNTRIES, BROWSERS, SYSTEMS = 30, 300_000, 500, 50, 80, 8, 6
BOUNCES, VIEWS_A_VISIT, GAP_S, DIRECT = 0.3, 10, 40.0, 0.35
EXPOSED_EVERY, EXPOSURE, VARIANTS = 50, "seen", ("control", "short")
CHUNK = 20_000
MERGE_EVERY = 200_000
# Visits by hour of the day.
VISITS_BY_HOUR = [3, 2, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 9, 9, 9, 9, 8, 8, 8, 9, 9, 8, 6, 4]
COPY_NULL = "\\N"


class Visitor(NamedTuple):
    """The columns that all views of a visit share."""

    user: int
    session: str
    agent: str
    location: str
    address: str
    referrer: str


class LoadTimes(NamedTuple):
    """Seconds of each step of `load_page_views`."""

    events: int
    store_s: float
    merge_s: float
    close_s: float
    union_s: float
    columns_s: float


def load_page_views(
    engine: Engine,
    site: sites.Site,
    views: int,
    now: datetime,
    seed: int = 1,
    days: int = DAYS,
    exposures: bool = False,
) -> LoadTimes:
    """Stores `views` page views of the days before `now`; merges, closes days, builds unions and writes column files as
    beat would."""
    rng, start, merge_s, chunk, unmerged = random.Random(1), time.monotonic(), 0.0, list[EventRow](), 0
    _prepare(engine, site, now, days)
    for number, (ts, visitor, path) in enumerate(_views(rng, views, now, days)):
        chunk.append(_row(site.id, number, ts, visitor, path))
        if exposures and number % EXPOSED_EVERY == 0:
            chunk.append(_row(site.id, number, ts, visitor, path, EXPOSURE))
        if len(chunk) >= CHUNK:
            unmerged += len(chunk)
            _store(engine, site, chunk)
            chunk = []
        if unmerged >= MERGE_EVERY:
            merge_s, unmerged = merge_s + merge_deltas(engine), 0
            print_progress(f"{number + 1:,} views in {time.monotonic() - start:,.0f} s")
    if chunk:
        _store(engine, site, chunk)
    merge_s += merge_deltas(engine)
    store_s = time.monotonic() - start - merge_s
    close_s, _ = time_call(lambda: close_days(engine, now, IMMEDIATE))
    union_s, _ = time_call(lambda: build_unions(engine))
    vacuum(engine, "events, rollups, visits, visit_rollups, users, event_days")
    columns_s, _ = time_call(lambda: write_columns(engine, now))
    return LoadTimes(views, store_s, merge_s, close_s, union_s, columns_s)


def write_columns(engine: Engine, now: datetime) -> None:
    """Writes all files of events, and of visits of days that are over, and names the visits of events."""
    later = now + LONGEST_WAIT
    while write_due(engine, later, 60).files:
        pass
    while write_due_visits(engine, now, 60, timedelta(0)):
        pass
    namer = VisitNamer(engine, configured_files(settings()), configured_limits(settings(), timeout_s=0))
    while namer.run(now, 60, timedelta(0)):
        pass


def _prepare(engine: Engine, site: sites.Site, now: datetime, days: int) -> None:
    """Creates the partitions and the users."""
    dates = [now.date() - timedelta(days=n) for n in range(-1, days + 2)]
    partitions.ensure(engine, "events", dates, now.date())
    with engine.begin() as connection:
        first = (now - timedelta(days=days)).isoformat()
        store.add_users(connection, site.id, 1, {f"user-{n}": first for n in range(1, USERS + 1)})


def _store(engine: Engine, site: sites.Site, rows: Sequence[EventRow]) -> None:
    numbers = [int(row.user_id) for row in rows]
    with engine.begin() as connection:
        zones = store.lock_site_zones(connection, [site.id])
        drain_no = store.lock_user_numbers(connection, [site.id])[site.id].drain_no
        store.copy_events(connection, map(store.copy_line, rows, numbers, repeat(drain_no)))
        append_deltas(connection, zones, rows, numbers)
        event_days.note_events(connection, Counter((row.site_id, row.day) for row in rows), {site.id: drain_no})


def merge_deltas(engine: Engine) -> float:
    """Merges all deltas; how many seconds it took."""
    start = time.monotonic()
    while merge_all(engine, 60).has_more:
        pass
    return time.monotonic() - start


def zipf(count: int, exponent: float) -> list[float]:
    """Cumulative weights of ranks 1 to `count`."""
    return list(accumulate(rank**-exponent for rank in range(1, count + 1)))


def _views(rng: random.Random, views: int, now: datetime, days: int) -> Iterator[tuple[datetime, Visitor, str]]:
    """Page views in the order of time, generated and sorted day by day."""
    users, paths = zipf(USERS, 0.6), zipf(PATHS, 1.0)
    first, remaining = now - timedelta(days=days), views
    for day in range(days):
        start, count = first + timedelta(days=day), remaining // (days - day)
        remaining -= count
        day_views: list[tuple[float, Visitor]] = []
        while len(day_views) < count:
            visitor, at = _visitor(rng, users), _visit_start(rng, start)
            for _ in range(visit_length(rng)):
                day_views.append((at, visitor))
                at += rng.expovariate(1 / GAP_S)
        day_views = sorted(day_views[:count], key=lambda view: view[0])
        day_paths = rng.choices(range(PATHS), cum_weights=paths, k=count)
        for (at, visitor), path in zip(day_views, day_paths, strict=True):
            yield min(start + timedelta(seconds=at), now), visitor, f"/products/{path}"


def _visit_start(rng: random.Random, start: datetime) -> float:
    """Seconds after `start`, distributed as VISITS_BY_HOUR."""
    hour = rng.choices(range(24), weights=[VISITS_BY_HOUR[(start.hour + n) % 24] for n in range(24)])[0]
    return hour * 3600 + rng.random() * 3600


def visit_length(rng: random.Random) -> int:
    """Views of a visit: one with probability BOUNCES, otherwise geometric from two on; ten on average."""
    if rng.random() < BOUNCES:
        return 1
    mean = (VIEWS_A_VISIT - BOUNCES) / (1 - BOUNCES) - 2
    return 2 + int(math.log(1 - rng.random()) / math.log(mean / (mean + 1)))


_referrers = zipf(REFERRERS, 1.0)
_countries = zipf(COUNTRIES, 1.0)
_codes = [a + b for a in string.ascii_uppercase for b in string.ascii_uppercase][:COUNTRIES]


def _visitor(rng: random.Random, users: Sequence[float]) -> Visitor:
    user = rng.choices(range(1, USERS + 1), cum_weights=users)[0]
    # A user always has the same browser, country and address.
    user_rng = random.Random(user)
    browser, system = user_rng.randrange(BROWSERS), user_rng.randrange(SYSTEMS)
    agent = f"f\tBrowser {browser}\tSystem {system}\t{('desktop', 'phone', 'tablet')[system % 3]}"
    agent += f"\t{COPY_NULL}\t{COPY_NULL}"
    country = user_rng.choices(_codes, cum_weights=_countries)[0]
    referrer = f"{COPY_NULL}\t{COPY_NULL}\tdirect"
    if rng.random() >= DIRECT:
        host = f"site{rng.choices(range(REFERRERS), cum_weights=_referrers)[0]}.example"
        referrer = f"https://{host}/\t{host}\treferral"
    address = f"10.{user >> 16 & 255}.{user >> 8 & 255}.{user & 255}"
    session = f"{rng.getrandbits(64):016x}"
    return Visitor(user, session, agent, f"{country}\t{COPY_NULL}\t{COPY_NULL}", address, referrer)


TITLE = ("A page of the shop, with its name " * 3)[:80]


def _row(site_id: int, number: int, ts: datetime, visitor: Visitor, path: str, event_type: str = PAGE_VIEW) -> EventRow:
    text = ts.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    milliseconds = int(ts.timestamp() * 1000)
    event_id = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{event_type != PAGE_VIEW:03}-8000-{number:012x}"
    page = f"{path}" + f"\t{COPY_NULL}" * 6
    payload = f'{{"page":"{path}","duration_ms":{number % 9000 + 1000},"title":"{TITLE}"}}'
    if event_type == EXPOSURE:
        payload = f'{{"variant":"{VARIANTS[visitor.user % 2]}"}}'
    line = (
        f"{event_id}\t{text}\t{text}\t{site_id}\t{event_type}\tuser-{visitor.user}\t{visitor.session}\tweb_app\t{COPY_NULL}"
        f"\t{visitor.agent}\t{page}\t{visitor.referrer}\t{visitor.address}\t{visitor.location}\t{payload}"
    )
    return EventRow(
        site_id, event_id, False, str(visitor.user), text, ts.astimezone(UTC).date(), line, 0, number,
        milliseconds * 1000, event_type, "", visitor.session, visitor.agent, page, visitor.referrer, visitor.location,
    )  # fmt: skip

"""The data set for reports: N page views over 30 days ending now, put in by the drain's own writing and counting.

Visitors from a pool of 300,000 (Zipf, exponent 0.6); visits of ten views on average, 30 % of them bounces and the
others geometric; gaps exponential, 40 s on average; a curve over the day; 500 paths and 50 referrers (Zipf, exponent
1.0), 35 % direct; 80 countries, 8 browsers, 6 systems, 3 devices. Inserted in the order of time.
"""

import math
import random
import string
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from sqlalchemy import Engine

from analytics import sites
from analytics.rollups.append import append_deltas
from analytics.rollups.compaction import compact
from analytics.rollups.days import close_days
from analytics.rollups.merge import merge_all
from analytics.rollups.schedule import AT_ONCE
from analytics.store import events as store
from analytics.store import partitions
from analytics.store.events import Row

DAYS, USERS, PATHS, REFERRERS, COUNTRIES, BROWSERS, SYSTEMS = 30, 300_000, 500, 50, 80, 8, 6
BOUNCES, VIEWS_A_VISIT, GAP_S, DIRECT = 0.3, 10, 40.0, 0.35
CHUNK = 20_000
MERGE_EVERY = 200_000
# Visits by hour of the day.
CURVE = [3, 2, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 9, 9, 9, 9, 8, 8, 8, 9, 9, 8, 6, 4]
NULLS = "\\N"


class Visitor(NamedTuple):
    """What stays the same in a visit."""

    user: int
    session: str
    agent: str
    place: str
    address: str
    referrer: str


class Loaded(NamedTuple):
    """What loading took, in seconds."""

    events: int
    store_s: float
    merge_s: float
    close_s: float
    compact_s: float


def load(engine: Engine, site: sites.Site, views: int, now: datetime, seed: int = 1) -> Loaded:
    """Stores `views` page views of the 30 days before `now`; merges, closes days and compacts as beat would."""
    rng, began, merging, chunk, since = random.Random(seed), time.monotonic(), 0.0, list[Row](), 0
    _ahead(engine, site, now)
    for number, (ts, visitor, path) in enumerate(_views(rng, views, now)):
        chunk.append(_row(site.id, number, ts, visitor, path))
        if len(chunk) == CHUNK:
            _store(engine, site, chunk)
            since += CHUNK
            chunk = []
        if since >= MERGE_EVERY:
            merging, since = merging + _merge(engine), 0
    if chunk:
        _store(engine, site, chunk)
    merging += _merge(engine)
    storing, ended = time.monotonic() - began - merging, time.monotonic()
    close_days(engine, now, AT_ONCE)
    closed = time.monotonic()
    compact(engine)
    compacted = time.monotonic()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE) events, rollups, visits, visit_rollups, users")
    return Loaded(views, storing, merging, closed - ended, compacted - closed)


def _ahead(engine: Engine, site: sites.Site, now: datetime) -> None:
    days = [now.date() - timedelta(days=n) for n in range(-1, DAYS + 2)]
    partitions.ensure(engine, "events", days, now.date())
    with engine.begin() as connection:
        first = (now - timedelta(days=DAYS)).isoformat()
        store.add_users(connection, site.id, 1, {f"user-{n}": first for n in range(1, USERS + 1)})


def _store(engine: Engine, site: sites.Site, rows: Sequence[Row]) -> None:
    numbers = [int(row.user_id) for row in rows]
    with engine.begin() as connection:
        zones = store.hold_sites(connection, [site.id])
        lines = [f"{row.line}\t{number}\n" for row, number in zip(rows, numbers, strict=True)]
        store.copy_events(connection, lines)
        append_deltas(connection, zones, rows, numbers)


def _merge(engine: Engine) -> float:
    began = time.monotonic()
    while merge_all(engine, 60).more:
        pass
    return time.monotonic() - began


def zipf(count: int, exponent: float) -> list[float]:
    """Cumulative weights of ranks 1 to `count`."""
    return list(accumulate(rank**-exponent for rank in range(1, count + 1)))


def _views(rng: random.Random, views: int, now: datetime) -> Iterator[tuple[datetime, Visitor, str]]:
    """Page views in the order of time; those of a day are made, and put in order, together."""
    users, paths = zipf(USERS, 0.6), zipf(PATHS, 1.0)
    first, left = now - timedelta(days=DAYS), views
    for day in range(DAYS):
        start, wanted = first + timedelta(days=day), left // (DAYS - day)
        left -= wanted
        made: list[tuple[float, Visitor]] = []
        while len(made) < wanted:
            visitor, at = _visitor(rng, users), _moment(rng, start)
            for _ in range(visit_length(rng)):
                made.append((at, visitor))
                at += rng.expovariate(1 / GAP_S)
        made = sorted(made[:wanted], key=lambda view: view[0])
        chosen = rng.choices(range(PATHS), cum_weights=paths, k=wanted)
        for (at, visitor), path in zip(made, chosen, strict=True):
            yield min(start + timedelta(seconds=at), now), visitor, f"/products/{path}"


def _moment(rng: random.Random, start: datetime) -> float:
    """Seconds after `start`, more of them where the curve is high."""
    hour = rng.choices(range(24), weights=[CURVE[(start.hour + n) % 24] for n in range(24)])[0]
    return hour * 3600 + rng.random() * 3600


def visit_length(rng: random.Random) -> int:
    """Views of a visit: one with the chance of a bounce, else geometric from two on; ten on average."""
    if rng.random() < BOUNCES:
        return 1
    mean = (VIEWS_A_VISIT - BOUNCES) / (1 - BOUNCES) - 2
    return 2 + int(math.log(1 - rng.random()) / math.log(mean / (mean + 1)))


_referrers = zipf(REFERRERS, 1.0)
_countries = zipf(COUNTRIES, 1.0)
_codes = [a + b for a in string.ascii_uppercase for b in string.ascii_uppercase][:COUNTRIES]


def _visitor(rng: random.Random, users: Sequence[float]) -> Visitor:
    user = rng.choices(range(1, USERS + 1), cum_weights=users)[0]
    # A person keeps browser, country and address.
    own = random.Random(user)
    browser, system = own.randrange(BROWSERS), own.randrange(SYSTEMS)
    agent = f"f\tBrowser {browser}\tSystem {system}\t{('desktop', 'phone', 'tablet')[system % 3]}"
    country = own.choices(_codes, cum_weights=_countries)[0]
    referrer = f"{NULLS}\t{NULLS}"
    if rng.random() >= DIRECT:
        host = f"site{rng.choices(range(REFERRERS), cum_weights=_referrers)[0]}.example"
        referrer = f"https://{host}/\t{host}"
    address = f"10.{user >> 16 & 255}.{user >> 8 & 255}.{user & 255}"
    session = f"{rng.getrandbits(64):016x}"
    return Visitor(user, session, agent, f"{country}\t{NULLS}\t{NULLS}", address, referrer)


TITLE = ("A page of the shop, with its name " * 3)[:80]


def _row(site_id: int, number: int, ts: datetime, visitor: Visitor, path: str) -> Row:
    text = ts.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    milliseconds = int(ts.timestamp() * 1000)
    event_id = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7000-8000-{number:012x}"
    page = f"{path}" + f"\t{NULLS}" * 5
    payload = f'{{"page":"{path}","duration_ms":{number % 9000 + 1000},"title":"{TITLE}"}}'
    line = (
        f"{event_id}\t{text}\t{text}\t{site_id}\tpage_view\tuser-{visitor.user}\t{visitor.session}\tweb_app\t{NULLS}"
        f"\t{visitor.agent}\t{page}\t{visitor.referrer}\t{visitor.address}\t{visitor.place}\t{payload}"
    )
    return Row(
        site_id, event_id, False, str(visitor.user), text, ts.astimezone(UTC).date(), line, 0, number,
        "page_view", "", visitor.session, visitor.agent, page, visitor.referrer, visitor.place,
    )  # fmt: skip

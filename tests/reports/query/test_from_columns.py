"""Columns count what a slow count over rows finds, whatever of them is in files."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.columnar import parquet
from analytics.columnar.columns import EVENTS_IN_VISITS
from analytics.columnar.limits import QueryLimits
from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader, open_columns
from analytics.columnar.write import write_due
from analytics.columnar.write_event_visits import VisitNamer
from analytics.columnar.write_visits import write_due_visits
from analytics.period import Period
from analytics.reports.buckets import split_period
from analytics.reports.filtering.filters import parse_filter
from analytics.reports.filtering.scope import resolve_scope
from analytics.reports.query.from_columns import ColumnSource
from analytics.reports.query.measures import PAGE_VIEW_TYPES, BucketCounts, EventSelection, ValueCounts
from analytics.rollups.merge import merge_site
from analytics.rollups.visits.sums import VisitSums
from analytics.sites.sites import Site
from analytics.store.columns import event_files
from tests.factories import append_events, make_drain, make_site
from tests.reports.columns.slow_selection import CLIENT, REFERRAL, Row, SlowSelection, read_events, read_visits

START = datetime(2026, 3, 26, tzinfo=UTC)
NOW = START + timedelta(days=6)
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]
FILTERS = [
    *(
        "country==DE",
        "country!=DE",
        "country==",
        "source==google",
        "source=~ÄRG",
        "source!=Google|Bing",
        "utm_source==news",
    ),
    *(
        "path=^/a",
        "path=~b",
        "path!=/a",
        "path!^/a;country==DE|FR",
        "type==signup",
        "type!=page_view",
        "region==DE/Bavaria",
    ),
    *("user_id==u1|u2", "user_id!=u1", "user_id=^u", "session_id==s1", "session_id==", "browser==Chrome;path==/a"),
    *("payload.plan==pro", "payload.plan!=pro", "payload.plan==|free", "payload.n==1.5|15", "payload.big!=1"),
    *("subject==x|y", "referrer=~example", "hostname==shop.example", "language==de", "city!=DE/Bavaria/Munich"),
    *("entry_path==/a|/b", "entry_path==", "exit_path!=/ab", "exit_path=^/a", "channel==organic", "os!=Windows"),
]
DIMENSIONS = [
    "path",
    "country",
    "region",
    "source",
    "utm_source",
    "type",
    "subject",
    "entry_path",
    "exit_path",
    "browser",
    "payload.plan",
    "payload.n",
]
UNITS = ["all", "hour", "day", "week"]
PAYLOADS = [
    None,
    {"plan": "pro", "n": 1.5},
    {"plan": "free", "n": "1.50", "o.list": "x"},
    {"plan": "", "n": 15, "o": {"list": [1, 2.50, {"n": 1.5}]}},
    {"big": 12345678901234567890},
    {"big": 12345678901234567891, "n": None, "o": {"list": "2.50"}},
]
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


@pytest.fixture(params=["UTC", "Asia/Kathmandu"])
def site(engine: Engine, request: Any) -> Site:
    return make_site(engine, request.param)


def random_events(chance: random.Random, count: int) -> list[dict[str, Any]]:
    def pick(*values: Any) -> Any:
        return chance.choice(values)

    events = []
    for _ in range(count):
        at = START + timedelta(seconds=chance.randrange(0, 3 * 86400, 300 if chance.random() < 0.5 else 1))
        event = {
            "type": pick("page_view", "page_view", "page_view", "signup"),
            "ts": at.isoformat(),
            "user_id": f"u{chance.randrange(12)}",
            "path": pick(
                "/a", "/ab", "/b?utm_source=News", "/a/b?utm_source=NEWS&utm_medium=mail", "/ab?utm_source=ÄRGER", None
            ),
            "session_id": pick(None, None, "s1", "s2"),
            "referrer": pick(None, "https://www.google.com/", "https://example.org/x", "https://bing.com/"),
            "country": pick(None, "DE", "FR"),
            "region": pick(None, "Bavaria"),
            "city": pick(None, "Munich"),
            "subject": pick(None, "x", "Y"),
            "hostname": pick(None, "shop.example"),
            "language": pick(None, "de", "fr"),
            "user_agent": pick(CHROME, CHROME, "Googlebot/2.1"),
            "payload": pick(*PAYLOADS),
        }
        events.append({name: value for name, value in event.items() if value is not None})
    return events


def kiosk_events(chance: random.Random, turn: int) -> list[dict[str, Any]]:
    """Views of a page that reloads itself for days, of which some are sent later and close gaps."""
    times = [START + timedelta(minutes=12 * n) for n in range(120 * turn, 120 * turn + 190) if chance.random() < 0.8]
    referrer = chance.choice(["https://www.google.com/", "https://bing.com/"])
    kiosk = {"type": "page_view", "user_id": "kiosk", "path": "/a", "referrer": referrer, "country": "DE"}
    return [kiosk | {"ts": at.isoformat()} for at in times]


@pytest.fixture
def reader(engine: Engine, redis: Redis, site: Site, tmp_path: Path, request: Any) -> Iterator[ColumnReader]:
    """Of events that came in portions; files were written in between, and some days were outdated."""
    chance = random.Random(f"{request.node.name}")
    drain = make_drain(engine, redis)
    files, limits = LocalFiles(tmp_path, 1 << 30), QueryLimits(memory_mb=128, spill_mb=128, timeout_s=0)
    namer = VisitNamer(engine, files, limits)
    for turn in range(4):
        for _ in range(3):
            append_events(redis, site, random_events(chance, 60), received_us=int(NOW.timestamp() * 1e6))
        append_events(redis, site, kiosk_events(chance, turn), received_us=int(NOW.timestamp() * 1e6))
        drain.run()
        if turn == 2 or chance.random() < 0.7:
            while merge_site(engine, site.id).has_more:
                pass
        if turn == 2 or chance.random() < 0.7:
            write_due(engine, NOW + turn * timedelta(hours=1), 20)
            write_due_visits(engine, NOW, 20, rest=-timedelta(days=3650))
            namer.run(NOW + turn * timedelta(hours=2), 20, rest=-timedelta(days=3650))
        if turn < 2 and chance.random() < 0.5:
            with engine.begin() as connection:
                event_files.invalidate(connection, site.id, START.date(), START.date())
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        open_columns(connection, files, site.id, clock.zone(site.zone), limits) as opened,
    ):
        yield opened


def random_period(chance: random.Random) -> Period:
    start = START + timedelta(seconds=chance.randrange(-3600, 2 * 86400, chance.choice([1, 3600])))
    length = timedelta(seconds=chance.choice([3600, 86400, 3 * 86400, 5 * 86400, 12345]))
    return Period(start, start + length, clock.zone(chance.choice(ZONES)))


@pytest.mark.parametrize("seed", range(6))
def test_columns_count_what_a_slow_count_finds(reader: ColumnReader, site: Site, seed: int) -> None:
    chance = random.Random(seed)
    events, visits = read_events(reader.connection, site.id), read_visits(reader.connection, site.id)
    for _ in range(15):
        filter_text = ";".join(chance.sample(FILTERS, chance.choice([0, 1, 1, 2, 3])))
        types = chance.choice([None, PAGE_VIEW_TYPES, ("signup",), ("page_view", "signup")])
        bots = chance.random() < 0.3
        scope = chance.choice([None, None, "visit", "event"])
        conditions = parse_filter(filter_text) if filter_text else ()
        if scope == "event" and any(one.field in ("entry_path", "exit_path") for one in conditions):
            continue
        wanted = EventSelection(site.id, types, bots, conditions, resolve_scope(conditions, scope))
        slow = SlowCount(SlowSelection(events, visits, filter_text, scope, bots), wanted)
        period, unit, dimension = random_period(chance), chance.choice(UNITS), chance.choice(DIMENSIONS)
        kept = chance.choice([(), tuple(dict.fromkeys((dimension, "path", "source")))])
        if types != PAGE_VIEW_TYPES and dimension in (*REFERRAL, *CLIENT):
            kept = ()
        what = (filter_text, scope, types, bots, str(period), unit, dimension, kept)
        found = ColumnSource(reader, wanted, kept)
        assert found.count(period, unit) == slow.count(period, unit), what
        counts = slow.values(period, dimension)
        ranking = found.rank_values(period, dimension)
        assert [(row.value, row.amount) for row in ranking.rows] == ranked(counts), what
        assert found.count_values(period, dimension, list(counts)) == counts, what


class SlowCount:
    """The figures of a selection, in the shapes of a ColumnSource."""

    def __init__(self, selection: SlowSelection, wanted: EventSelection) -> None:
        self._selection, self._wanted = selection, wanted

    def count(self, period: Period, unit: str) -> list[BucketCounts]:
        events, visits = (of(period.start, period.end) for of in (self._selection.events, self._selection.visits))
        found = []
        for bucket in split_period(period, unit):
            inside = [one for one in events if bucket.start <= one.at < bucket.end]
            views = [one for one in inside if one.values["type"] == "page_view"]
            wanted = [one for one in inside if one.values["type"] in (self._wanted.types or ["page_view"])]
            began = [one for one in visits if bucket.start <= one.at < bucket.end]
            of_types = wanted if self._wanted.types else inside
            found.append(BucketCounts(len(of_types), len(views), len(users(wanted)), sums(began)))
        return found

    def values(self, period: Period, dimension: str) -> dict[str, ValueCounts]:
        visits = by_value(self._selection.visits(period.start, period.end), dimension)
        if dimension in ("entry_path", "exit_path") or self._counts_visits(dimension, PAGE_VIEW_TYPES):
            return {
                value: ValueCounts(value, None, len(users(rows)), len(rows), sums(rows).views, sums(rows))
                for value, rows in visits.items()
            }
        types, events = self._wanted.types, self._selection.events(period.start, period.end)
        listed = [one for one in events if not types or one.values["type"] in types]
        found = {}
        for value, rows in by_value(listed, dimension).items():
            page_views = len(rows) if types == PAGE_VIEW_TYPES else None
            counts = ValueCounts(value, len(rows), len(users(rows)), None, page_views)
            if self._counts_visits(dimension, types):
                counts = counts.with_visits(sums(visits.get(value, [])))
            if value or not (dimension == "subject" or dimension.startswith("payload.")):
                found[value] = counts
        return found

    def _counts_visits(self, dimension: str, types: Any) -> bool:
        scope, are_of_visits = self._selection._scope, not self._selection.of_events
        return (
            types == self._wanted.types
            and dimension in {*REFERRAL, *CLIENT}
            and (not self._selection._filter or scope == "visit" or (scope is None and are_of_visits))
        )


def by_value(rows: list[Row], dimension: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.values.get(dimension, ""), []).append(row)
    return found


def users(rows: list[Row]) -> set[int]:
    return {row.user_no for row in rows}


def sums(visits: list[Row]) -> VisitSums:
    length = sum((one.until - one.at for one in visits), timedelta()) // timedelta(microseconds=1)
    return VisitSums(len(visits), sum(one.views == 1 for one in visits), sum(one.views for one in visits), length)


def ranked(counts: dict[str, ValueCounts]) -> list[tuple[str, int]]:
    return sorted(((value, one.amount) for value, one in counts.items()), key=lambda pair: (-pair[1], pair[0]))


def test_the_files_hold_most_of_it(reader: ColumnReader, site: Site, sql: Any) -> None:
    """Else the test above would compare rows with rows."""
    [(in_files, visits_in_files)] = sql(
        "SELECT (SELECT sum(rows) FROM column_files)::int, (SELECT sum(rows) FROM visit_files)::int"
    )
    assert in_files > 200
    assert visits_in_files > 20
    days = event_files.read_coverage(reader.connection, site.id, START.date(), NOW.date())
    versions = {day.day: day.visits_version for day in days}
    files = event_files.read_files(reader.connection, site.id, START.date(), NOW.date())
    named = [file for file in files if file.visits_version == versions[file.day]]
    bodies = [event_files.read_body(reader.connection, file.id) or b"" for file in named]
    are_named = [one for body in bodies for one in parquet.decode(body, EVENTS_IN_VISITS)["is_named"].to_pylist()]
    assert are_named.count(True) > 50
    assert are_named.count(False) > 10


def test_without_a_folder_for_files_the_report_is_refused(
    engine: Engine, redis: Redis, site: Site, make_app: Any, auth: Any, token: Any, tmp_path: Path, caplog: Any
) -> None:
    append_events(redis, site, random_events(random.Random(3), 60))
    make_drain(engine, redis).run()
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    client = make_app(columns_folder=str(blocked / "columns")).test_client()
    route = f"/api/analytics/reports/summary?site={site.key}&from=2026-03-25&to=2026-03-31&filter=country==DE"
    refused = client.get(route, headers=auth(token("read", site=site.key)))
    assert (refused.status_code, refused.json["code"]) == (503, "not_in_columns")
    assert "no folder for column files" in caplog.text

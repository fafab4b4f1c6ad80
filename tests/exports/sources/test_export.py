"""Resolved exports: their rows, parts, estimates and columns, and what a request may contain."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics import clock
from analytics.errors import BadInput
from analytics.exports.formats import writers
from analytics.exports.sources import raw_rows
from analytics.exports.sources.export import Part, resolve
from analytics.exports.sources.request import SOURCES, ExportRequest, Filter
from analytics.files.checksums import ChecksumWriter
from analytics.reports.audience.daily_metrics import read_metrics
from analytics.reports.events.raw_export import COLUMN_NAMES
from analytics.sites.sites import Site
from analytics.store.event_types import stored_type
from analytics.store.partitions import ensure

# Days for which no other test has a partition.
START, END = datetime(2027, 6, 1, tzinfo=UTC), datetime(2027, 6, 5, tzinfo=UTC)
CUTOFF = datetime(2027, 7, 1, tzinfo=UTC)
MakeRequest = Callable[..., ExportRequest]

# n rows at even distances from :start on, received at :received_at.
INSERT_EVENTS = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id)
SELECT gen_random_uuid(), CAST(:start AS timestamptz) + n * CAST(:step AS interval), :received_at, 1, :site_id, false,
       'a', 'user-' || n % 10
FROM generate_series(0, :rows - 1) AS n
""")
INSERT_ROLLUP = text("""
INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
VALUES (:site_id, 'day', 'total', :day, :type, '', :is_bot, '', :events, '')
""")


@pytest.fixture
def fill(engine: Engine, site: Site) -> Callable[..., None]:
    def put(rows: int, step: str = "1 s", start: datetime = START, received_at: datetime = START) -> None:
        ensure(engine, "events", [START.date() + timedelta(days=n) for n in range(5)], START.date())
        given = {"site_id": site.id, "rows": rows, "step": step, "start": start, "received_at": received_at}
        with engine.begin() as connection:
            connection.execute(INSERT_EVENTS, given)

    return put


@pytest.fixture
def counted(engine: Engine, site: Site) -> Callable[..., None]:
    """`counted(day, 24)`: the rollups of the site have so many events on the day."""

    def put(day: date, events: int, kind: str = "a", is_bot: bool = False) -> None:
        with engine.begin() as connection:
            given = {"site_id": site.id, "day": day, "type": kind, "is_bot": is_bot, "events": events}
            connection.execute(INSERT_ROLLUP, given)

    return put


@pytest.fixture
def four_days(fill: Any, counted: Any) -> None:
    """An event an hour for four days, and its rollups."""
    fill(96, step="1 hour")
    for n in range(4):
        counted(START.date() + timedelta(days=n), 24)


@pytest.fixture
def make_request(site: Site) -> MakeRequest:
    return lambda **more: ExportRequest(
        **{"what": "events", "format": "csv", "compression": "none", "site_id": site.id, "start": START, "end": END}
        | more
    )


def read(engine: Engine, request: ExportRequest, part: Part | None = None, cutoff: datetime = CUTOFF) -> list[str]:
    rows, chunks = (
        resolve(request).open_rows(engine, part or Part(0, request.start, request.end), cutoff),
        list[bytes](),
    )
    rows.stream_to(chunks.append)
    lines = b"".join(chunks).decode().splitlines()
    assert rows.rows == len(lines)
    return lines


def plan(engine: Engine, request: ExportRequest) -> list[Part]:
    with engine.connect() as connection:
        return resolve(request).plan_parts(connection)


def test_rows_received_from_the_cutoff_on_are_excluded(engine: Engine, fill: Any, make_request: MakeRequest) -> None:
    fill(2)
    fill(3, received_at=CUTOFF)
    fill(4, received_at=CUTOFF - timedelta(microseconds=1))
    assert len(read(engine, make_request())) == 6
    assert len(read(engine, make_request(received_from=CUTOFF - timedelta(microseconds=1)))) == 4
    later = CUTOFF + timedelta(days=1)
    assert len(read(engine, make_request(received_from=CUTOFF), cutoff=later)) == 3


@pytest.mark.parametrize("part_rows", [1, 7, 50, 1000])
def test_parts_hold_each_row_once_in_order(
    engine: Engine, four_days: None, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch, part_rows: int
) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", part_rows)
    request = make_request(columns=("ts", "event_id"))
    parts = plan(engine, request)
    whole = read(engine, request)
    assert [line for part in parts for line in read(engine, request, part)] == whole
    assert whole == sorted(whole)
    assert len(whole) == 96
    assert [part.n for part in parts] == list(range(len(parts)))
    assert max(len(read(engine, request, part)) for part in parts) <= max(part_rows, 1)


def test_days_are_joined_up_to_the_size_of_a_part(
    engine: Engine, four_days: None, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", 50)
    assert [(part.start.day, part.end.day) for part in plan(engine, make_request())] == [(1, 3), (3, 5)]


def test_parts_of_one_user_are_larger(
    engine: Engine, four_days: None, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", 24)
    [part] = plan(engine, make_request(what="subject", filter=Filter(user_id="user-3")))
    assert len(read(engine, make_request(what="subject", filter=Filter(user_id="user-3")), part)) == 10


def test_export_without_rows_has_no_parts(engine: Engine, make_request: MakeRequest) -> None:
    assert plan(engine, make_request()) == []


def test_partition_is_cut_by_its_size_without_rollups(
    engine: Engine, fill: Any, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", 20)
    fill(200, step="6 min")
    parts = plan(engine, make_request())
    assert len(parts) > 1
    assert sum(len(read(engine, make_request(), part)) for part in parts) == 200


def estimate(engine: Engine, request: ExportRequest) -> int | None:
    with engine.connect() as connection:
        return resolve(request).estimate_rows(connection)


def test_rows_are_estimated_from_the_rollups(engine: Engine, make_request: MakeRequest, counted: Any, sql: Any) -> None:
    first = START.date()
    counted(first, 1000)
    counted(first, 100, kind="b")
    counted(first, 10, is_bot=True)
    counted(first + timedelta(days=1), 4000)
    assert estimate(engine, make_request()) == 5110
    assert estimate(engine, make_request(filter=Filter(types=("b",)))) == 100
    assert estimate(engine, make_request(filter=Filter(include_bots=False))) == 5100
    assert estimate(engine, make_request(start=START + timedelta(hours=36))) == 2000
    sql("INSERT INTO user_numbers (site_id, next_user_no) SELECT id, 11 FROM sites RETURNING 1")
    assert estimate(engine, make_request(filter=Filter(user_id="ann"))) == 511


def test_metrics_equal_those_of_the_report(engine: Engine, site: Site, make_request: MakeRequest, sql: Any) -> None:
    for day, name, value in [
        ("2027-06-01", "dau", "2"),
        ("2027-06-02", "bounce_rate", "0.2500"),
        ("2027-06-05", "dau", "9"),
    ]:
        sql(
            "INSERT INTO metrics (site_id, date, metric_name, metric_value, dimensions)"
            " VALUES (:site_id, :day, :name, :value, '{\"type\": \"a\"}') RETURNING id",
            site_id=site.id, day=day, name=name, value=value,
        )  # fmt: skip
    request = make_request(what="report", format="ndjson")
    assert [part[1:] for part in plan(engine, request)] == [(START, END)]
    assert estimate(engine, request) == 2
    sink = io.BytesIO()
    rows = resolve(request).open_rows(engine, Part(0, START, END), CUTOFF)
    assert writers.write_part(resolve(request).file_spec, rows, ChecksumWriter(sink)).rows == 2
    assert sink.getvalue().decode().splitlines() == [
        '{"date":"2027-06-01","name":"dau","value":2,"dimensions":{"type": "a"}}',
        '{"date":"2027-06-02","name":"bounce_rate","value":0.25,"dimensions":{"type": "a"}}',
    ]
    assert read(engine, make_request(what="report", columns=("value", "date"))) == ["2,2027-06-01", "0.25,2027-06-02"]
    with engine.connect() as connection:
        assert len(read_metrics(connection, site.id, START.date(), END.date(), ["dau", "bounce_rate"])) == 2


REFUSED = [
    pytest.param({"what": "everything"}, "what", "events, report, samples, subject", id="what"),
    pytest.param({"what": "samples", "filter": Filter(user_id="a")}, "filter", "by name and tags", id="samples"),
    pytest.param({"filter": Filter(names=("a",))}, "filter", "what=samples", id="names-of-events"),
    pytest.param({"filter": Filter(where="a==b")}, "filter.where", "at position 0", id="text-filter"),
    pytest.param(
        {"what": "report", "filter": Filter(where="path==b")},
        "filter.where",
        "a report counts all events",
        id="filtered-report",
    ),
    pytest.param({"what": "samples", "columns": ("path",)}, "columns", "name, value", id="column-of-samples"),
    pytest.param({"format": "xls"}, "format", "csv, ndjson, xlsx, parquet", id="format"),
    pytest.param({"format": "xlsx", "compression": "gzip"}, "compression", "accepted: none", id="compressed-xlsx"),
    pytest.param(
        {"format": "parquet", "compression": "zstd"}, "compression", "accepted: none", id="compressed-parquet"
    ),
    pytest.param({"compression": "rar"}, "compression", "none, gzip, zstd", id="compression"),
    pytest.param({"columns": ("ts", "colour")}, "columns", "event_id, ts, received_at", id="column"),
    pytest.param({"columns": ("ts", "ts")}, "columns", "named twice", id="column-twice"),
    pytest.param({"what": "report", "columns": ("ts",)}, "columns", "date, name, value", id="column-of-events"),
    pytest.param({"what": "subject"}, "user_id", "of one user", id="subject-without-user"),
]


@pytest.mark.parametrize(("given", "field", "hint"), REFUSED)
def test_invalid_request_is_refused_by_field(given: dict[str, Any], field: str, hint: str) -> None:
    request = replace(ExportRequest("events", "csv", "none", 1, START, END), **given)
    with pytest.raises(BadInput, match=hint) as refused:
        resolve(request)
    assert [problem.field for problem in refused.value.errors] == [field]


def test_columns_have_the_requested_order(engine: Engine, fill: Any, make_request: MakeRequest) -> None:
    fill(1)
    request = make_request(columns=("user_id", "ts"))
    assert [column.name for column in resolve(request).file_spec.columns] == ["user_id", "ts"]
    assert read(engine, request) == ["user-0,2027-06-01T00:00:00.000000Z"]
    assert len(resolve(make_request()).file_spec.columns) == len(COLUMN_NAMES)


WORD = st.text(max_size=5)
WORDS = st.lists(WORD, unique=True).map(lambda words: tuple(sorted(words)))
REQUESTS = st.builds(
    ExportRequest,
    st.sampled_from(SOURCES),
    st.sampled_from(["csv", "xlsx"]),
    st.sampled_from(["none", "gzip"]),
    st.integers(1, 9),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["UTC", "Asia/Tokyo"]),
    st.builds(
        Filter,
        st.sets(WORD.map(stored_type)).map(lambda types: tuple(sorted(types))),
        st.none() | WORD,
        st.booleans(),
        st.none() | WORD.filter(bool),
        st.none() | WORD.filter(bool),
        WORDS,
        st.dictionaries(WORD, WORD).map(lambda tags: tuple(sorted(tags.items()))),
    ),
    st.lists(WORD).map(tuple),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(REQUESTS)
def test_request_survives_its_json(request_: ExportRequest) -> None:
    assert ExportRequest.from_json(request_.as_json()) == request_


def test_equal_requests_have_equal_json(make_request: MakeRequest) -> None:
    tokyo = clock.zone("Asia/Tokyo")
    one = make_request(filter=Filter(types=("b", "a", "a")))
    other = make_request(filter=Filter(types=("a", "b")), start=START.astimezone(tokyo))
    assert one.as_json() == other.as_json()


def spans(parts: Sequence[Part]) -> list[timedelta]:
    return [part.end - part.start for part in parts]


def test_busy_day_is_cut_into_even_parts(
    engine: Engine, fill: Any, make_request: MakeRequest, counted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", 10)
    fill(24, step="1 hour")
    counted(START.date(), 24)
    assert spans(plan(engine, make_request())) == [timedelta(hours=8)] * 3

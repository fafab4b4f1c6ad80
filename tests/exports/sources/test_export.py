"""What an export holds: which rows, cut into which parts, and what a request may ask for."""

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
from analytics.exports import formats, sources
from analytics.exports.selections import Filter
from analytics.exports.sources import Part, Request
from analytics.reports.metrics import read_metrics
from analytics.sites import Site
from analytics.store.partitions import ensure

# Days that no other test has a partition of.
START, END = datetime(2027, 6, 1, tzinfo=UTC), datetime(2027, 6, 5, tzinfo=UTC)
CUTOFF = datetime(2027, 7, 1, tzinfo=UTC)
Ask = Callable[..., Request]

# n rows at even distances from :start on, received at :received_at.
FILL = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id)
SELECT gen_random_uuid(), CAST(:start AS timestamptz) + n * CAST(:step AS interval), :received_at, 1, :site_id, false,
       'a', 'user-' || n % 10
FROM generate_series(0, :rows - 1) AS n
""")
COUNTED = text("""
INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
VALUES (:site_id, 'day', 'total', :day, :type, '', :is_bot, '', :events, '')
""")


@pytest.fixture
def fill(engine: Engine, site: Site) -> Callable[..., None]:
    def put(rows: int, step: str = "1 s", start: datetime = START, received_at: datetime = START) -> None:
        ensure(engine, "events", [START.date() + timedelta(days=n) for n in range(5)], START.date())
        given = {"site_id": site.id, "rows": rows, "step": step, "start": start, "received_at": received_at}
        with engine.begin() as connection:
            connection.execute(FILL, given)

    return put


@pytest.fixture
def counted(engine: Engine, site: Site) -> Callable[..., None]:
    """The site's rollups say so."""

    def put(day: date, events: int, kind: str = "a", is_bot: bool = False) -> None:
        with engine.begin() as connection:
            given = {"site_id": site.id, "day": day, "type": kind, "is_bot": is_bot, "events": events}
            connection.execute(COUNTED, given)

    return put


@pytest.fixture
def ask(site: Site) -> Ask:
    return lambda **more: Request(
        **{"what": "events", "format": "csv", "compression": "none", "site_id": site.id, "start": START, "end": END}
        | more
    )


def read(engine: Engine, request: Request, part: Part | None = None, cutoff: datetime = CUTOFF) -> list[str]:
    rows, chunks = sources.rows_of(engine, request, part or Part(0, request.start, request.end), cutoff), list[bytes]()
    rows.pour(chunks.append)
    lines = b"".join(chunks).decode().splitlines()
    assert rows.rows == len(lines)
    return lines


def plan(engine: Engine, request: Request) -> list[Part]:
    with engine.connect() as connection:
        return sources.plan_parts(connection, request)


def test_what_came_in_from_the_cutoff_on_is_left_out(engine: Engine, fill: Any, ask: Ask) -> None:
    fill(2)
    fill(3, received_at=CUTOFF)
    fill(4, received_at=CUTOFF - timedelta(microseconds=1))
    assert len(read(engine, ask())) == 6
    assert len(read(engine, ask(received_from=CUTOFF - timedelta(microseconds=1)))) == 4
    later = CUTOFF + timedelta(days=1)
    assert len(read(engine, ask(received_from=CUTOFF), cutoff=later)) == 3


@pytest.mark.parametrize("part_rows", [1, 7, 50, 1000])
def test_parts_together_hold_each_row_once_in_order(
    engine: Engine, fill: Any, ask: Ask, counted: Any, monkeypatch: pytest.MonkeyPatch, part_rows: int
) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", part_rows)
    fill(96, step="1 hour")
    for n in range(4):
        counted(START.date() + timedelta(days=n), 24)
    request = ask(columns=("ts", "event_id"))
    parts = plan(engine, request)
    whole = read(engine, request)
    assert [line for part in parts for line in read(engine, request, part)] == whole
    assert whole == sorted(whole)
    assert len(whole) == 96
    assert [part.n for part in parts] == list(range(len(parts)))
    assert max(len(read(engine, request, part)) for part in parts) <= max(part_rows, 1)


def test_days_are_joined_up_to_the_size_of_a_part(
    engine: Engine, fill: Any, ask: Ask, counted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", 50)
    fill(96, step="1 hour")
    for n in range(4):
        counted(START.date() + timedelta(days=n), 24)
    assert [(part.start.day, part.end.day) for part in plan(engine, ask())] == [(1, 3), (3, 5)]


def test_what_is_of_one_person_is_read_in_larger_parts(
    engine: Engine, fill: Any, ask: Ask, counted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", 24)
    fill(96, step="1 hour")
    for n in range(4):
        counted(START.date() + timedelta(days=n), 24)
    [part] = plan(engine, ask(what="subject", filter=Filter(user_id="user-3")))
    assert len(read(engine, ask(what="subject", filter=Filter(user_id="user-3")), part)) == 10


def test_where_nothing_is_stored_there_are_no_parts(engine: Engine, ask: Ask) -> None:
    assert plan(engine, ask()) == []


def test_without_rollups_a_large_partition_is_cut_by_its_size(
    engine: Engine, fill: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", 20)
    fill(200, step="6 min")
    parts = plan(engine, ask())
    assert len(parts) > 1
    assert sum(len(read(engine, ask(), part)) for part in parts) == 200


def estimate(engine: Engine, request: Request) -> int | None:
    with engine.connect() as connection:
        return sources.estimate_rows(connection, request)


def test_rows_are_estimated_from_the_rollups(engine: Engine, ask: Ask, counted: Any, sql: Any) -> None:
    first = START.date()
    counted(first, 1000)
    counted(first, 100, kind="b")
    counted(first, 10, is_bot=True)
    counted(first + timedelta(days=1), 4000)
    assert estimate(engine, ask()) == 5110
    assert estimate(engine, ask(filter=Filter(types=("b",)))) == 100
    assert estimate(engine, ask(filter=Filter(include_bots=False))) == 5100
    assert estimate(engine, ask(start=START + timedelta(hours=36))) == 2000
    sql("INSERT INTO user_numbers (site_id, next_user_no) SELECT id, 11 FROM sites RETURNING 1")
    assert estimate(engine, ask(filter=Filter(user_id="ann"))) == 511


def test_daily_figures_are_those_of_the_report(engine: Engine, site: Site, ask: Ask, sql: Any) -> None:
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
    request = ask(what="report", format="ndjson")
    assert [part[1:] for part in plan(engine, request)] == [(START, END)]
    assert estimate(engine, request) == 2
    sink = io.BytesIO()
    rows = sources.rows_of(engine, request, Part(0, START, END), CUTOFF)
    assert formats.write_part(sources.shape_of(request), rows, formats.Summed(sink)).rows == 2
    assert sink.getvalue().decode().splitlines() == [
        '{"date":"2027-06-01","name":"dau","value":2,"dimensions":{"type": "a"}}',
        '{"date":"2027-06-02","name":"bounce_rate","value":0.25,"dimensions":{"type": "a"}}',
    ]
    assert read(engine, ask(what="report", columns=("value", "date"))) == ["2,2027-06-01", "0.25,2027-06-02"]
    with engine.connect() as connection:
        assert len(read_metrics(connection, site.id, START.date(), END.date(), ["dau", "bounce_rate"])) == 2


REFUSED = [
    pytest.param({"what": "everything"}, "what", "events, report, samples, subject", id="what"),
    pytest.param({"what": "samples", "filter": Filter(user_id="a")}, "filter", "by name and tags", id="samples"),
    pytest.param({"filter": Filter(names=("a",))}, "filter", "what=samples", id="names-of-events"),
    pytest.param({"filter": Filter(where="a==b")}, "filter.where", "at position 0", id="text-filter"),
    pytest.param(
        {"what": "report", "filter": Filter(where="path==b")}, "filter.where", "figures", id="filtered-report"
    ),
    pytest.param({"what": "samples", "columns": ("path",)}, "columns", "name, value", id="column-of-samples"),
    pytest.param({"format": "xls"}, "format", "csv, ndjson, xlsx, parquet", id="format"),
    pytest.param({"format": "xlsx", "compression": "gzip"}, "compression", "known: none", id="packed-xlsx"),
    pytest.param({"format": "parquet", "compression": "zstd"}, "compression", "known: none", id="packed-parquet"),
    pytest.param({"compression": "rar"}, "compression", "none, gzip, zstd", id="compression"),
    pytest.param({"columns": ("ts", "colour")}, "columns", "event_id, ts, received_at", id="column"),
    pytest.param({"columns": ("ts", "ts")}, "columns", "named twice", id="column-twice"),
    pytest.param({"what": "report", "columns": ("ts",)}, "columns", "date, name, value", id="column-of-events"),
    pytest.param({"what": "subject"}, "user_id", "of one person", id="subject-of-nobody"),
]


@pytest.mark.parametrize(("given", "field", "hint"), REFUSED)
def test_what_no_export_can_be_made_of_is_refused_by_name(given: dict[str, Any], field: str, hint: str) -> None:
    request = replace(Request("events", "csv", "none", 1, START, END), **given)
    with pytest.raises(BadInput, match=hint) as refused:
        sources.check(request)
    assert [problem.field for problem in refused.value.errors] == [field]


def test_columns_are_those_asked_for_in_that_order(engine: Engine, fill: Any, ask: Ask) -> None:
    fill(1)
    request = ask(columns=("user_id", "ts"))
    assert [column.name for column in sources.columns_of(request)] == ["user_id", "ts"]
    assert read(engine, request) == ["user-0,2027-06-01T00:00:00.000000Z"]
    assert len(sources.columns_of(ask())) == 25


WORD = st.text(max_size=5)
WORDS = st.lists(WORD, unique=True).map(lambda words: tuple(sorted(words)))
REQUESTS = st.builds(
    Request,
    st.sampled_from(sources.SOURCES),
    st.sampled_from(["csv", "xlsx"]),
    st.sampled_from(["none", "gzip"]),
    st.integers(1, 9),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["UTC", "Asia/Tokyo"]),
    st.builds(
        Filter,
        WORDS,
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
def test_a_request_survives_its_json(request_: Request) -> None:
    assert Request.of_json(request_.as_json()) == request_


def test_equal_requests_are_equal_texts(ask: Ask) -> None:
    tokyo = clock.zone("Asia/Tokyo")
    one = ask(filter=Filter(types=("b", "a", "a")))
    other = ask(filter=Filter(types=("a", "b")), start=START.astimezone(tokyo))
    assert one.as_json() == other.as_json()


def spans(parts: Sequence[Part]) -> list[timedelta]:
    return [part.end - part.start for part in parts]


def test_a_busy_day_is_cut_into_even_stretches(
    engine: Engine, fill: Any, ask: Ask, counted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", 10)
    fill(24, step="1 hour")
    counted(START.date(), 24)
    assert spans(plan(engine, ask())) == [timedelta(hours=8)] * 3

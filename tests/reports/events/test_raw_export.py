"""The CSV export: its rows, their order, cells that look like formulas, and its statements."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics import clock
from analytics.period import Period
from analytics.reports.events import raw_export
from analytics.sites.sites import Site, create_site
from analytics.store.partitions import StoredPartition, ensure, list_stored_partitions

ROUTE = "/api/analytics/reports/events"
NOON = "2026-03-02T12:00:00Z"
Export = Callable[..., list[dict[str, str]]]


@pytest.fixture
def export(client: FlaskClient, token: Any, auth: Any) -> Export:
    """`export("type=a&user_id=b")`: the rows, as the csv module reads them."""

    def read(query: str = "") -> list[dict[str, str]]:
        response = client.get(f"{ROUTE}?{query}", headers=auth(token("read")))
        assert (response.status_code, response.content_type) == (200, "text/csv; charset=utf-8")
        return list(csv.DictReader(io.StringIO(response.text, newline="")))

    return read


def subjects(rows: list[dict[str, str]]) -> list[str]:
    return [row["subject"] for row in rows]


def test_a_row_holds_the_sent_event_in_the_columns_of_the_header(store: Any, export: Export) -> None:
    payload = {"page": "/a,b?utm_source=mail", "note": 'line\nnext "quoted", ü 😀'}
    store([{"type": "signup", "user_id": "ann", "ts": "2026-03-02T13:00:00.000001+01:00", "payload": payload}])
    [row] = export()
    assert tuple(row) == raw_export.COLUMN_NAMES
    assert (row["type"], row["user_id"], row["ts"]) == ("signup", "ann", "2026-03-02T12:00:00.000001Z")
    assert (row["path"], row["utm_source"], row["is_bot"], row["session_id"]) == ("/a,b", "mail", "false", "")
    assert '"note": "line\\nnext \\"quoted\\", ü 😀"' in row["payload"]


FILTERS = [
    pytest.param("", "abcd", id="none"),
    pytest.param("type=click", "bd", id="type"),
    pytest.param("type=click&type=page_view", "abd", id="either-type"),
    pytest.param("type=never", "", id="no-such-type"),
    pytest.param("user_id=bob", "cd", id="user"),
    pytest.param("user_id=bob&type=click", "d", id="user-and-type"),
    pytest.param("user_id=o%27brien%25", "", id="user-with-a-quote"),
    pytest.param("date=2026-03-02", "ab", id="date-in-utc"),
    pytest.param("date=2026-03-02&zone=Asia/Tokyo", "a", id="date-in-tokyo"),
    pytest.param("date=2026-03-03&zone=Asia/Tokyo", "bc", id="next-date-in-tokyo"),
    pytest.param("from=2026-03-02&to=2026-03-03", "abc", id="dates-both-included"),
    pytest.param("from=2026-03-02T20:00:00Z&to=2026-03-03T08:00:00Z", "b", id="instants-end-excluded"),
    pytest.param("from=2026-03-03T08:00:00Z&to=2026-03-03T08:00:00.000001Z", "c", id="one-microsecond"),
    pytest.param("date=2025-03-02", "", id="before-anything"),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_filters_narrow_the_rows(store: Any, export: Export, query: str, expected: str) -> None:
    store(
        [
            {"subject": "a", "user_id": "ann", "type": "page_view", "ts": "2026-03-02T12:00:00Z"},
            {"subject": "b", "user_id": "ann", "type": "click", "ts": "2026-03-02T20:00:00Z"},
            {"subject": "c", "user_id": "bob", "type": "signup", "ts": "2026-03-03T08:00:00Z"},
            {"subject": "d", "user_id": "bob", "type": "click", "ts": "2026-03-05T00:00:00Z"},
        ]
    )
    assert "".join(subjects(export(query))) == expected


BOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("query", "expected"), [("", ["true"]), ("include_bots=true", ["true"]), ("include_bots=false", [])]
)
def test_bots_are_exported_unless_refused(store: Any, export: Export, query: str, expected: list[str]) -> None:
    store([{"ts": NOON, "user_agent": BOT}])
    assert [row["is_bot"] for row in export(query)] == expected


def test_rows_are_ordered_by_time_and_then_by_receipt(store: Any, export: Export) -> None:
    days = ["2015-07-31", "2026-01-01", "2015-07-01", "2026-03-02", "2026-01-02", "2015-08-01"]
    for batch in ("z", "a"):
        hours = [("23", "9"), ("00", "8"), ("12", "7"), ("12", "6"), ("12", "5")]
        store([{"ts": f"{day}T{hour}:00:00Z", "subject": batch + name} for day in days for hour, name in hours])
    found = [(row["ts"][:10], row["subject"]) for row in export()]
    of_a_day = ["z8", "a8", "z7", "z6", "z5", "a7", "a6", "a5", "z9", "a9"]
    assert found == [(day, subject) for day in sorted(days) for subject in of_a_day]


FORMULAS = ["=1+1", "'=1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\u3000=1", "\ufeff=1", "\n=1"]
FORMULAS += ["|calc", " |calc", "%0A=1", "%1"]
FORMULAS += ["＝1+1", "＋1", "－1", "＠SUM(A1)", "｜calc", "％1"]  # noqa: RUF001
HARMLESS = ["1-1", "a=b", "a|b", "50%", "ann@example.com", "x\t=1", "ü", "/a?b=c"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_cell_that_looks_like_a_formula_begins_with_an_apostrophe(store: Any, export: Export, cell: str) -> None:
    store([{"ts": NOON, "user_id": cell, "type": cell, "payload": cell}])
    [row] = export()
    for column in ("user_id", "type"):
        assert row[column].startswith("'")
        assert row[column][1:] in (cell, cell.strip())


def test_other_cells_are_exported_as_sent(store: Any, export: Export) -> None:
    store([{"ts": NOON, "user_id": cell} for cell in HARMLESS])
    assert sorted(row["user_id"] for row in export()) == sorted(HARMLESS)


def test_a_number_is_exported_as_a_number(store: Any, export: Export) -> None:
    store([{"ts": NOON, "payload": number} for number in (-5, -0.25)])
    assert sorted(row["payload"] for row in export()) == ["-0.25", "-5"]


def test_without_a_period_imported_history_is_exported(store: Any, export: Export) -> None:
    now = clock.now()
    store(
        [{"subject": subject, "ts": at} for subject, at in [("old", "2012-02-29T23:59:59Z"), ("new", now.isoformat())]]
    )
    assert subjects(export()) == ["old", "new"]


def test_nothing_stored_is_a_header(client: FlaskClient, site: Site, token: Any, auth: Any) -> None:
    response = client.get(ROUTE, headers=auth(token("export")))
    assert response.text == ",".join(raw_export.COLUMN_NAMES) + "\n"
    assert f"events-default-{clock.now():%Y-%m-%d}" in response.headers["Content-Disposition"]


def test_head_opens_no_stream(client: FlaskClient, engine: Engine, store: Any, token: Any, auth: Any) -> None:
    store([{"ts": NOON}])
    response = client.head(ROUTE, headers=auth(token("read")))
    assert (response.status_code, response.data) == (200, b"")
    assert 'filename="events-default-2026-03-01-2026-03-31.csv"' in response.headers["Content-Disposition"]
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_rows_of_another_site_are_not_exported(engine: Engine, store: Any, export: Export) -> None:
    with engine.begin() as connection:
        other = create_site(connection, "other", "Other")
    store([{"subject": "theirs", "ts": NOON}], site_id=other.id, site_key="other")
    store([{"subject": "ours", "ts": NOON}])
    assert subjects(export()) == ["ours"]
    assert subjects(export("site=other")) == ["theirs"]


@pytest.mark.parametrize(("scope", "status"), [("read", 200), ("export", 200), ("admin", 200), ("ingest", 403)])
def test_the_scope_read_or_export_is_enough(
    client: FlaskClient, site: Site, token: Any, auth: Any, scope: str, status: int
) -> None:
    assert client.get(ROUTE, headers=auth(token(scope))).status_code == status


def test_its_view_names_the_scope_that_guards_it(app: Flask) -> None:
    assert app.view_functions["events.export_events"].guarded_scope == "read export"  # type: ignore[attr-defined]


REFUSED = [
    pytest.param("format=xls", "format", id="format"),
    pytest.param("colour=red", "colour", id="unknown"),
    pytest.param("user_id=a&user_id=b", "user_id", id="repeated"),
    pytest.param("user_id=", "user_id", id="empty"),
    pytest.param("user_id=%00", "user_id", id="nul"),
    pytest.param("type=" + "x" * 1025, "type", id="long"),
    pytest.param("date=2026-02-30", "date", id="no-such-date"),
    pytest.param("include_bots=perhaps", "include_bots", id="no-boolean"),
]


@pytest.mark.parametrize(("query", "field"), REFUSED)
def test_wrong_parameters_are_refused_by_name(
    client: FlaskClient, site: Site, token: Any, auth: Any, query: str, field: str
) -> None:
    response = client.get(f"{ROUTE}?{query}", headers=auth(token("read")))
    assert (response.status_code, response.content_type) == (400, "application/problem+json")
    assert [problem["field"] for problem in response.json["errors"]] == [field]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def stored(start: str, end: str, size: int = 8192) -> StoredPartition:
    return StoredPartition(utc(start), utc(end), size)


JUNE, FIRST, FOURTH = (
    stored("2015-06-01", "2015-07-01"),
    stored("2026-03-01", "2026-03-02"),
    stored("2026-03-04", "2026-03-05"),
)
SLICES = [
    pytest.param("2026-01-01", "2027-01-01", [FIRST, FOURTH], ["2026-03-01", "2026-03-04"], id="no-slice-for-a-gap"),
    pytest.param("2026-03-02", "2026-03-04", [FIRST, FOURTH], [], id="half-open"),
    pytest.param("2026-03-01T12:00", "2026-03-01T13:00", [FIRST], ["2026-03-01T12:00"], id="inside-one"),
    pytest.param("2010-01-01", "2020-01-01", [JUNE], ["2015-06-01"], id="small-month-is-one"),
    pytest.param(
        "2015-06-28T07:00", "2020-01-01", [JUNE._replace(bytes=2**40)],
        ["2015-06-28T07:00", "2015-06-29T07:00", "2015-06-30T07:00"], id="large-month-is-its-days",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("start", "end", "parts", "starts"), SLICES)
def test_slices_are_the_partitions_inside_the_period(
    start: str, end: str, parts: list[StoredPartition], starts: list[str]
) -> None:
    period = Period(utc(start), utc(end), clock.zone("UTC"))
    slices = list(raw_export.split_by_partition(period, parts))
    assert [slice_start for slice_start, _ in slices] == [utc(text) for text in starts]
    assert all(slice_end <= min(period.end, parts[-1].end) for _, slice_end in slices)


def test_ten_years_with_two_rows_cost_two_statements(engine: Engine, store: Any) -> None:
    store([{"ts": "2017-05-05T00:00:00Z"}, {"ts": NOON}])
    ensure(engine, "events", [date(2026, 11, 1) + timedelta(days=n) for n in range(9)], date(2026, 11, 9))
    with engine.connect() as connection:
        parts = list_stored_partitions(connection, "events")
    everything = raw_export.stored_period(parts, Period(utc("2026-03-02"), utc("2026-03-03"), clock.zone("UTC")))
    assert (everything.first_date, len(list(raw_export.split_by_partition(everything, parts)))) == (date(2017, 5, 1), 2)


def test_a_slice_reads_only_its_own_partition(engine: Engine, store: Any, site: Site) -> None:
    store([{"ts": f"2026-{month:02}-02T12:00:00Z"} for month in range(1, 7)])
    day = Period(utc("2026-03-02"), utc("2026-03-03"), clock.zone("UTC"))
    selection, part = raw_export.RawEventSelection(site.id, day), [stored("2026-03-01", "2026-04-01")]
    [(statement, parameters)] = raw_export.copy_statements(selection, part, raw_export.EVENT_COLUMNS, "csv")
    query = statement.removeprefix("COPY (").partition(") TO STDOUT")[0]
    with engine.connect() as connection:
        plan = "\n".join(connection.exec_driver_sql("EXPLAIN " + query, parameters).scalars())
    assert plan.count("events_") == plan.count("events_m202603") > 0

"""Reports as files: every figure against a slow count over the same events, in each format, and what is refused."""

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics.rollups.merge import merge_site
from analytics.sites import Site, forget_sites, update_site
from tests.reports.conftest import store  # noqa: F401  # a fixture
from tests.reports.slow import slow_day

Api = Callable[..., Any]
ZONE = ZoneInfo("Europe/Berlin")
# Through the change of clocks on 29 March.
START = datetime(2026, 3, 26, 22, tzinfo=UTC)
PERIOD = {"from": "2026-03-26", "to": "2026-04-01"}
DAYS = [date(2026, 3, 26) + timedelta(days=n) for n in range(7)]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.integers(0, 5 * 24 * 60), st.sampled_from(("/", "/a", "=b")),
        st.sampled_from(("page_view", "page_view", "click")),
    ),
    min_size=1, max_size=25,
)  # fmt: skip
# user, minutes after START, path, type: two people on the 27th (Berlin), one of them and a new one on the 29th.
FEW = [
    ("a", 90, "/", "page_view"), ("b", 100, "/a", "page_view"), ("a", 100, "/a", "page_view"),
    ("a", 3200, "=b", "click"), ("c", 3200, "/a", "page_view"),
]  # fmt: skip


@pytest.fixture
def berlin(engine: Engine, site: Site) -> None:
    with engine.begin() as connection:
        update_site(connection, site.key, zone="Europe/Berlin")
    forget_sites(engine)


@pytest.fixture
def put(store: Api) -> Callable[[Any], None]:  # noqa: F811
    def send(events: Any) -> None:
        store(
            {"user_id": user, "ts": (START + timedelta(minutes=after)).isoformat(), "path": path, "type": kind}
            for user, after, path, kind in events
        )

    return send


@pytest.fixture
def report(done: Api, api: Api) -> Callable[..., list[dict[str, Any]]]:
    """`report("dau")`: the lines of the file."""

    def read(name: str, **more: Any) -> list[dict[str, Any]]:
        job = done(**{"what": "report", "report": name, "format": "ndjson", **PERIOD, **more})
        lines = api("get", f"/{job['id']}/download").get_data().splitlines()
        assert job["rows"] == len(lines)
        return [json.loads(line) for line in lines]

    return read


def slow(events: Any) -> list[tuple[date, str, str, str]]:
    """(day in Berlin, user, path, type) of each."""
    return [(slow_day(START + timedelta(minutes=at), ZONE), user, path, kind) for user, at, path, kind in events]


def people(rows: Any, first: date, last: date) -> set[str]:
    return {user for day, user, *_ in rows if first <= day <= last}


@pytest.mark.usefixtures("berlin")
@given(EVENTS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_figures_are_those_of_a_slow_count(put: Api, report: Api, sql: Api, events: Any) -> None:
    for table in ("events", "users", "rollups", "rollup_deltas", "visits", "visit_rollups", "export_jobs"):
        sql(f"DELETE FROM {table} RETURNING 1")
    put(events)
    rows = slow(events)
    for line, day in zip(report("dau"), DAYS, strict=True):
        today, before = people(rows, day, day), people(rows, DAYS[0], day - timedelta(days=1))
        week, month = (len(people(rows, day - timedelta(days=n), day)) for n in (6, 29))
        expected = (str(day), len(today), len(today - before), len(today & before), week, month)
        assert tuple(line.values())[:6] == expected
    for unit, firsts in (("day", DAYS), ("week", [DAYS[0], date(2026, 3, 30)]), ("period", DAYS[:1])):
        lasts = [first - timedelta(days=1) for first in firsts[1:]] + DAYS[-1:]
        expected_values = []
        for first, last in zip(firsts, lasts, strict=True):
            found = [row for row in rows if first <= row[0] <= last]
            counts, users = Counter(row[2] for row in found), defaultdict(set)
            for _, user, path, _ in found:
                users[path].add(user)
            for path in sorted(counts, key=lambda path: (-counts[path], path)):
                expected_values.append((str(first), str(last), path, counts[path], len(users[path])))
        assert [tuple(line.values()) for line in report("breakdown", dimension="path", unit=unit)] == expected_values
        views = [row for row in rows if row[3] == "page_view"]
        expected_views = [
            (str(first), str(last), sum(first <= row[0] <= last for row in views), len(people(views, first, last)))
            for first, last in zip(firsts, lasts, strict=True)
        ]
        assert [tuple(line.values())[:4] for line in report("summary", unit=unit)] == expected_views


@pytest.mark.usefixtures("berlin")
def test_the_grid_has_a_line_for_each_of_its_cells(put: Api, report: Api) -> None:
    put(FEW)
    lines = {(line["cohort"], line["units_after"]): line for line in report("retention")}
    assert len(lines) == 7 * 8 // 2
    assert lines["2026-03-27", 2] == {
        "cohort": "2026-03-27", "size": 2, "units_after": 2, "users": 1, "rate": 0.5
    }  # fmt: skip
    assert lines["2026-03-26", 1]["rate"] is None
    assert report("retention", unit="month")[0]["size"] == 3


@pytest.mark.usefixtures("berlin")
def test_visits_of_the_summary(put: Api, report: Api, engine: Engine, site: Site) -> None:
    put(FEW)
    merge_site(engine, site.id)
    [line] = report("summary", unit="period")
    # a has one visit of two views ten minutes apart; b and c one of one view each, which bounce.
    assert line == {
        "first_day": "2026-03-26", "last_day": "2026-04-01", "page_views": 4, "visitors": 3, "visits": 3,
        "bounce_rate": 0.666667, "avg_visit_duration_s": 200,
    }  # fmt: skip


@pytest.mark.usefixtures("berlin")
def test_a_report_in_each_format(put: Api, done: Api, api: Api) -> None:
    put(FEW)
    body = {"what": "report", "report": "breakdown", "dimension": "path", **PERIOD, "unit": "period"}

    def file(form: str) -> bytes:
        found: bytes = api("get", f"/{done(**body, format=form)['id']}/download").get_data()
        return found

    first, last = date(2026, 3, 26), date(2026, 4, 1)
    assert list(csv.reader(io.StringIO(file("csv").decode()))) == [
        ["first_day", "last_day", "value", "events", "users"],
        ["2026-03-26", "2026-04-01", "/a", "3", "3"],
        ["2026-03-26", "2026-04-01", "/", "1", "1"],
        # A spreadsheet would run it.
        ["2026-03-26", "2026-04-01", "'=b", "1", "1"],
    ]
    expected = [(first, last, "/a", 3, 3), (first, last, "/", 1, 1), (first, last, "=b", 1, 1)]
    sheet = openpyxl.load_workbook(io.BytesIO(file("xlsx"))).worksheets[0]
    cells = [(row[0].date(), row[1].date(), *row[2:]) for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert (sheet.title, cells) == ("Breakdown", expected)
    table = pyarrow.parquet.read_table(io.BytesIO(file("parquet")))
    assert [tuple(row.values()) for row in table.to_pylist()] == expected


@pytest.mark.usefixtures("berlin")
def test_types_and_programs(put: Api, store: Api, report: Api) -> None:  # noqa: F811
    put(FEW)
    bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    store([{"user_id": "crawler", "ts": "2026-03-28T10:00:00Z"}], user_agent=bot)

    def users(**wanted: Any) -> int:
        return int(report("breakdown", dimension="country", unit="period", filter=wanted)[0]["users"])

    assert (users(), users(include_bots=True), users(type="click")) == (3, 4, 1)


@pytest.mark.usefixtures("berlin")
def test_without_a_period_a_report_is_of_all_days(put: Api, done: Api, api: Api, engine: Engine, site: Site) -> None:
    """From the first of which anything is known on, whatever became of its events."""
    put(FEW)
    merge_site(engine, site.id)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE events"))
    job = done(what="report", report="dau", format="csv", columns=["date"])
    lines = api("get", f"/{job['id']}/download").text.splitlines()
    assert lines[:2] == ["date", "2026-03-27"]
    assert job["file_name"].startswith("dau-default-2026-03-27-")


REFUSED = [
    pytest.param({"report": "sales"}, 422, "metrics, dau, summary, breakdown, retention", id="report"),
    pytest.param({"report": "breakdown"}, 400, "dimension", id="no-dimension"),
    pytest.param({"report": "breakdown", "dimension": "colour"}, 400, "country", id="dimension"),
    pytest.param({"report": "dau", "dimension": "path"}, 400, "has none", id="dimension-of-dau"),
    pytest.param({"report": "dau", "unit": "day"}, 400, "a row a day", id="unit-of-dau"),
    pytest.param({"report": "retention", "unit": "period"}, 400, "day, week, month", id="unit"),
    pytest.param({"report": "summary", "filter": {"type": "click"}}, 400, "fixed types", id="type"),
    pytest.param({"report": "dau", "filter": {"user_id": "ann"}}, 400, "user_id", id="user"),
    pytest.param({"report": "metrics", "filter": {"include_bots": True}}, 400, "without programs", id="bots"),
    pytest.param({"report": "dau", "zone": "Asia/Tokyo"}, 400, "UTC", id="zone"),
    pytest.param({"report": "dau", "hours": 5}, 400, "whole days", id="hours"),
    pytest.param({"report": "dau", "columns": ["ts"]}, 400, "new_users", id="column"),
    pytest.param({"what": "events", "report": "dau"}, 400, "what=report", id="events"),
    pytest.param({"report": "retention", "from": "2020-01-01"}, 400, "366 cohorts", id="cohorts"),
]


@pytest.mark.parametrize(("body", "status", "words"), REFUSED)
def test_what_no_report_can_be_made_of_is_refused(api: Api, site: Site, body: Any, status: int, words: str) -> None:
    assert words in api("post", json={"what": "report", **body}, status=status).text


def test_a_scheduled_report_is_of_the_sites_days(api: Api, site: Site) -> None:
    body = {"every": "day", "at": "06:30", "zone": "Asia/Tokyo", "request": {"what": "report", "report": "dau"}}
    made = api("post", "/schedules", json=body, status=201).json
    assert (made["zone"], made["request"]["zone"], made["request"]["report"]) == ("Asia/Tokyo", "UTC", "dau")

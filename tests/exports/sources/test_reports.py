"""Reports as files: every figure against a slow_rows count of the same events, in each format, and what is refused."""

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
from analytics.sites.sites import Site, clear_site_cache, update_site
from tests.examples import examples
from tests.reports.brute_force import local_day
from tests.reports.conftest import store  # noqa: F401  # a fixture

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
# user, minutes after START, path, type: two users on the 27th (Berlin), one of them and a new one on the 29th.
FEW = [
    ("a", 90, "/", "page_view"), ("b", 100, "/a", "page_view"), ("a", 100, "/a", "page_view"),
    ("a", 3200, "=b", "click"), ("c", 3200, "/a", "page_view"),
]  # fmt: skip


@pytest.fixture
def berlin(engine: Engine, site: Site) -> None:
    with engine.begin() as connection:
        update_site(connection, site.key, zone="Europe/Berlin")
    clear_site_cache(engine)


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
    """`report("dau")`: the rows of the file."""

    def read(name: str, **more: Any) -> list[dict[str, Any]]:
        job = done(**{"what": "report", "report": name, "format": "ndjson", **PERIOD, **more})
        lines = api("get", f"/{job['id']}/download").get_data().splitlines()
        assert job["rows"] == len(lines)
        return [json.loads(line) for line in lines]

    return read


def slow_rows(events: Any) -> list[tuple[date, str, str, str]]:
    """(day in Berlin, user, path, type) of each."""
    return [(local_day(START + timedelta(minutes=at), ZONE), user, path, kind) for user, at, path, kind in events]


def users_between(rows: Any, first: date, last: date) -> set[str]:
    return {user for day, user, *_ in rows if first <= day <= last}


@pytest.mark.usefixtures("berlin")
@given(EVENTS)
@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_figures_equal_a_slow_count(put: Api, report: Api, sql: Api, events: Any) -> None:
    for table in ("events", "users", "rollups", "rollup_deltas", "visits", "visit_rollups", "export_jobs"):
        sql(f"DELETE FROM {table} RETURNING 1")
    put(events)
    rows = slow_rows(events)
    for line, day in zip(report("dau"), DAYS, strict=True):
        today, before = users_between(rows, day, day), users_between(rows, DAYS[0], day - timedelta(days=1))
        week, month = (len(users_between(rows, day - timedelta(days=n), day)) for n in (6, 29))
        expected = (str(day), len(today), len(today - before), len(today & before), week, month)
        assert tuple(line.values())[:6] == expected
    for unit, firsts in (("day", DAYS), ("week", [DAYS[0], date(2026, 3, 30)]), ("period", DAYS[:1])):
        lasts = [first - timedelta(days=1) for first in firsts[1:]] + DAYS[-1:]
        expected_values = []
        for first, last in zip(firsts, lasts, strict=True):
            found = [row for row in rows if first <= row[0] <= last and row[3] == "page_view"]
            counts, users = Counter(row[2] for row in found), defaultdict(set)
            for _, user, path, _ in found:
                users[path].add(user)
            for path in sorted(counts, key=lambda path: (-counts[path], path)):
                expected_values.append((str(first), str(last), path, counts[path], len(users[path])))
        lines = report("breakdown", dimension="path", unit=unit)
        assert [tuple(line.values())[:5] for line in lines] == expected_values
        views = [row for row in rows if row[3] == "page_view"]
        expected_views = [
            (
                str(first),
                str(last),
                sum(first <= row[0] <= last for row in views),
                len(users_between(views, first, last)),
            )
            for first, last in zip(firsts, lasts, strict=True)
        ]
        assert [tuple(line.values())[:4] for line in report("summary", unit=unit)] == expected_views


@pytest.mark.usefixtures("berlin")
def test_retention_has_a_row_for_each_cell(put: Api, report: Api) -> None:
    put(FEW)
    lines = {(line["cohort"], line["units_after"]): line for line in report("retention")}
    assert len(lines) == 7 * 8 // 2
    assert lines["2026-03-27", 2] == {
        "cohort": "2026-03-27", "size": 2, "units_after": 2, "users": 1, "rate": 0.5
    }  # fmt: skip
    assert lines["2026-03-26", 1]["rate"] is None
    assert report("retention", unit="month")[0]["size"] == 3


@pytest.mark.usefixtures("berlin")
def test_summary_has_visits(put: Api, report: Api, engine: Engine, site: Site) -> None:
    put(FEW)
    merge_site(engine, site.id)
    [line] = report("summary", unit="period")
    # a has one visit of two views ten minutes apart; b and c one of one view each, which bounce.
    assert line == {
        "first_day": "2026-03-26", "last_day": "2026-04-01", "page_views": 4, "visitors": 3, "visits": 3,
        "bounce_rate": 0.666667, "avg_visit_duration_s": 200,
    }  # fmt: skip


@pytest.mark.usefixtures("berlin")
def test_report_in_each_format(put: Api, done: Api, api: Api) -> None:
    put(FEW)
    body = {"what": "report", "report": "breakdown", "dimension": "path", **PERIOD, "unit": "period"}
    body |= {"filter": {"type": ["page_view", "click"]}}

    def file(form: str) -> bytes:
        found: bytes = api("get", f"/{done(**body, format=form)['id']}/download").get_data()
        return found

    first, last = date(2026, 3, 26), date(2026, 4, 1)
    assert list(csv.reader(io.StringIO(file("csv").decode()))) == [
        ["first_day", "last_day", "value", "events", "users", "visitors", "visits", "page_views"],
        ["2026-03-26", "2026-04-01", "/a", "3", "3", "3", "", ""],
        ["2026-03-26", "2026-04-01", "/", "1", "1", "1", "", ""],
        # A spreadsheet would read it as a formula.
        ["2026-03-26", "2026-04-01", "'=b", "1", "1", "1", "", ""],
    ]
    expected = [
        (first, last, value, count, count, count, None, None) for value, count in (("/a", 3), ("/", 1), ("=b", 1))
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(file("xlsx"))).worksheets[0]
    cells = [(row[0].date(), row[1].date(), *row[2:]) for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert (sheet.title, cells) == ("Breakdown", expected)
    table = pyarrow.parquet.read_table(io.BytesIO(file("parquet")))
    assert [tuple(row.values()) for row in table.to_pylist()] == expected


@pytest.mark.usefixtures("berlin")
def test_types_and_bots(put: Api, store: Api, report: Api) -> None:  # noqa: F811
    put(FEW)
    bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    store([{"user_id": "crawler", "ts": "2026-03-28T10:00:00Z"}], user_agent=bot)

    def users(**filter_body: Any) -> int:
        return int(report("breakdown", dimension="country", unit="period", filter=filter_body)[0]["users"])

    assert (users(), users(include_bots=True), users(type="click")) == (3, 4, 1)


@pytest.mark.usefixtures("berlin")
def test_report_without_a_period_has_all_days(put: Api, done: Api, api: Api, engine: Engine, site: Site) -> None:
    """From the first day with a figure on, even after its events were deleted."""
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
    pytest.param({"report": "dau", "dimension": "path"}, 400, "has no dimension", id="dimension-of-dau"),
    pytest.param({"report": "dau", "unit": "day"}, 400, "one row a day", id="unit-of-dau"),
    pytest.param({"report": "retention", "unit": "period"}, 400, "day, week, month", id="unit"),
    pytest.param({"report": "summary", "filter": {"type": "click"}}, 400, "fixed types", id="type"),
    pytest.param({"report": "dau", "filter": {"user_id": "ann"}}, 400, "user_id", id="user"),
    pytest.param({"report": "metrics", "filter": {"include_bots": True}}, 400, "without bots", id="bots"),
    pytest.param({"report": "dau", "zone": "Asia/Tokyo"}, 400, "UTC", id="zone"),
    pytest.param({"report": "dau", "columns": ["ts"]}, 400, "new_users", id="column"),
    pytest.param({"what": "events", "report": "dau"}, 400, "what=report", id="events"),
    pytest.param({"report": "retention", "from": "2020-01-01"}, 400, "up to 366", id="cohorts"),
]


@pytest.mark.parametrize(("body", "status", "words"), REFUSED)
def test_invalid_report_is_refused(api: Api, site: Site, body: Any, status: int, words: str) -> None:
    assert words in api("post", json={"what": "report", **body}, status=status).text


def test_scheduled_report_has_the_days_of_the_site(api: Api, site: Site) -> None:
    body = {"every": "day", "at": "06:30", "zone": "Asia/Tokyo", "request": {"what": "report", "report": "dau"}}
    made = api("post", "/schedules", json=body, status=201).json
    assert (made["zone"], made["request"]["zone"], made["request"]["report"]) == ("Asia/Tokyo", "UTC", "dau")

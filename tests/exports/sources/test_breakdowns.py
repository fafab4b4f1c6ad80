"""Breakdowns as files: the rows of GET /api/analytics/reports/breakdown, for every dimension, merged or not."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pyarrow.parquet
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.exports.sources.reports import EXPORTED_DIMENSIONS
from analytics.reports.query import from_rollups
from analytics.rollups import rows
from analytics.rollups.cardinality import DEFAULT_LIMITS, OTHER
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.reports.conftest import store  # noqa: F401  # a fixture

Api = Callable[..., Any]
FIGURES = ("events", "visitors", "visits", "page_views")
FIRST, LAST = date(2026, 3, 3), date(2026, 3, 5)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GOOGLE = {"referrer": "https://www.google.com/"}
NEWS = {"query": "utm_source=news&utm_medium=mail&utm_campaign=may&utm_term=shoes&utm_content=red"}
ULM = {"country": "DE", "region": "BW", "city": "Ulm"}


def view(at: str, user: str, path: str = "/", **more: Any) -> dict[str, Any]:
    query = more.pop("query", "")
    url = f"https://shop.example{path}?{query}" if query else f"https://shop.example{path}"
    return {
        "ts": f"2026-03-{at}:00Z", "user_id": user, "path": f"{path}?{query}" if query else path, "url": url,
        "user_agent": FIREFOX, "language": "de-CH", "screen": "desktop", **more,
    }  # fmt: skip


# ann's visit of four views came from Google; bob's of two from a newsletter; cid's went over midnight.
MERGED = [
    view("03T09:00", "ann", **GOOGLE, **ULM), view("03T09:05", "ann", "/a", **ULM), view("03T09:40", "ann", "/b"),
    view("03T10:00", "ann", "/a"), view("03T12:00", "bob", **NEWS, country="FR"), view("03T12:01", "bob", "/b"),
    view("03T23:50", "cid", "/a", **ULM), {"ts": "2026-03-03T10:30:00Z", "user_id": "dan", "type": "click", "path": "/z"},
]  # fmt: skip
# The first one is late: bob's visit begins with it.
UNMERGED = [
    view("03T11:50", "bob", "/late", **GOOGLE, country="FR"), view("04T00:10", "cid", "/"),
    view("05T08:00", "ann", **GOOGLE, country="AT"), view("05T08:10", "ann", "/a"), view("05T16:00", "bob", **NEWS),
    {"ts": "2026-03-05T10:30:00Z", "user_id": "eve", "type": "click", "path": "/z", **ULM},
]  # fmt: skip


@pytest.fixture
def stored(engine: Engine, site: Site, store: Api) -> None:  # noqa: F811
    store(MERGED)
    merge_site(engine, site.id)
    store(UNMERGED)


@pytest.fixture
def file(done: Api, api: Api) -> Callable[..., bytes]:
    """`file("source", "csv")`: the exported breakdown."""

    def read(dimension: str, form: str, **more: Any) -> bytes:
        body = {"what": "report", "report": "breakdown", "dimension": dimension, "format": form, **more}
        found: bytes = api("get", f"/{done(**body)['id']}/download").get_data()
        return found

    return read


@pytest.fixture
def breakdown(client: FlaskClient, token: Any, auth: Any) -> Callable[..., list[tuple[Any, ...]]]:
    """`breakdown("source", "date=2026-03-03")`: value and FIGURES of each row of the report."""

    def read(dimension: str, query: str) -> list[tuple[Any, ...]]:
        path = f"/api/analytics/reports/breakdown?limit=1000&dimension={dimension}&{query}"
        response = client.get(path, headers=auth(token("read")))
        assert response.status_code == 200, response.json
        return [(row["value"], *(row[name] for name in FIGURES)) for row in response.json["rows"]]

    return read


def read_csv(file: bytes) -> list[tuple[Any, ...]]:
    """First day, value and FIGURES of each row."""
    rows = list(csv.DictReader(io.StringIO(file.decode())))
    assert all(row["users"] == row["visitors"] for row in rows)
    return [
        (row["first_day"], row["value"] or None, *(int(row[name]) if row[name] else None for name in FIGURES))
        for row in rows
    ]


def read_parquet(file: bytes) -> list[tuple[Any, ...]]:
    rows = pyarrow.parquet.read_table(io.BytesIO(file)).to_pylist()
    return [(str(row["first_day"]), row["value"], *(row[name] for name in FIGURES)) for row in rows]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("dimension", EXPORTED_DIMENSIONS)
def test_rows_are_those_of_the_report(file: Api, breakdown: Api, dimension: str) -> None:
    """Of each day and of the period, with events that wait for their merge."""
    period = {"from": str(FIRST), "to": str(LAST)}
    days = [str(FIRST + timedelta(days=n)) for n in range(3)]
    expected = [(day, *row) for day in days for row in breakdown(dimension, f"date={day}")]
    assert expected
    assert read_csv(file(dimension, "csv", **period)) == expected
    whole = [(str(FIRST), *row) for row in breakdown(dimension, f"from={FIRST}&to={LAST}")]
    assert read_parquet(file(dimension, "parquet", **period, unit="period")) == whole


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("dimension", EXPORTED_DIMENSIONS)
def test_days_that_the_period_cuts_have_what_lies_in_it(
    engine: Engine, site: Site, file: Api, breakdown: Api, dimension: str
) -> None:
    merge_site(engine, site.id)
    start, end = "2026-03-03T09:03:00Z", "2026-03-05T12:00:00Z"
    parts = [f"from={start}&to=2026-03-04T00:00:00Z", "date=2026-03-04", f"from=2026-03-05T00:00:00Z&to={end}"]
    days = zip(("2026-03-03", "2026-03-04", "2026-03-05"), parts, strict=True)
    expected = [(day, *row) for day, part in days for row in breakdown(dimension, part)]
    assert read_csv(file(dimension, "csv", **{"from": start, "to": end})) == expected
    whole = [("2026-03-03", *row) for row in breakdown(dimension, f"from={start}&to={end}")]
    assert read_parquet(file(dimension, "parquet", **{"from": start, "to": end}, unit="period")) == whole


@pytest.mark.usefixtures("stored")
def test_lists_of_visits_by_hand(file: Api) -> None:
    """Until bob's late view is merged and after it; a row of users counts people once."""
    period = {"from": str(FIRST), "to": str(LAST), "unit": "period"}
    lines = [json.loads(line) for line in file("source", "ndjson", **period).splitlines()]
    days = {"first_day": "2026-03-03", "last_day": "2026-03-05"}
    # Google: ann on both days and bob; none: ann's second visit of the 3rd and cid's; news: bob on the 5th.
    assert lines == [
        days | {"value": "Google", "events": None, "users": 2, "visitors": 2, "visits": 3, "page_views": 7},
        days | {"value": None, "events": None, "users": 2, "visitors": 2, "visits": 2, "page_views": 4},
        days | {"value": "news", "events": None, "users": 1, "visitors": 1, "visits": 1, "page_views": 1},
    ]
    # Cut before bob's visit: ann's second visit of the 3rd has begun, her first one not.
    cut = {"from": "2026-03-03T09:30:00Z", "to": "2026-03-03T11:00:00Z"}
    [line] = file("source", "ndjson", **cut).splitlines()
    assert [json.loads(line)[name] for name in ("value", *FIGURES)] == [None, None, 1, 1, 2]


@pytest.mark.usefixtures("stored")
def test_other_types_count_events(file: Api, breakdown: Api) -> None:
    body = {"from": str(FIRST), "to": str(LAST), "unit": "period", "filter": {"type": "click"}}
    found = read_csv(file("country", "csv", **body))
    assert found == [(str(FIRST), None, 1, 1, 2, None), (str(FIRST), "DE", 1, 1, 2, None)]
    assert [row[1:] for row in found] == breakdown("country", f"from={FIRST}&to={LAST}&type=click")


def test_a_dimension_that_rollups_have_of_visits_only_needs_page_views(api: Api, site: Site) -> None:
    body = {"what": "report", "report": "breakdown", "dimension": "utm_term", "filter": {"type": "click"}}
    problem = api("post", json=body, status=400).json
    assert (problem["errors"][0]["field"], "send page_view" in problem["detail"]) == ("type", True)
    assert api("post", json=body | {"filter": {"type": "page_view"}}, status=202)


@pytest.mark.usefixtures("stored")
def test_a_scheduled_file_has_the_same_rows(api: Api, work: Api, breakdown: Api) -> None:
    request = {"what": "report", "report": "breakdown", "dimension": "source", "unit": "period", "format": "csv"}
    schedule = api("post", "/schedules", json={"every": "day", "at": "06:30", "request": request}, status=201).json
    job = api("post", f"/schedules/{schedule['id']}/run-now", status=202).json
    work(job["id"])
    found = read_csv(api("get", f"/{job['id']}/download").get_data())
    assert [row[1:] for row in found] == breakdown("source", f"from={FIRST}&to={LAST}")


def test_rare_values_are_one_row_and_batches_join(
    engine: Engine,
    site: Site,
    store: Api,  # noqa: F811
    file: Api,
    breakdown: Api,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows.add, "__defaults__", (DEFAULT_LIMITS._replace(values=3),))
    monkeypatch.setattr(from_rollups, "MAX_RANKED_VALUES", 2)
    store(view(f"03T09:{n:02}", user, f"/{n}") for n, user in enumerate("abcdef"))
    store(view("03T10:00", user, "/0") for user in "ab")
    merge_site(engine, site.id)
    found = read_csv(file("path", "csv", **{"from": str(FIRST), "to": str(FIRST)}))
    assert sum(row[2] for row in found) == 8
    counts = {row[1]: row[2:4] for row in found}
    assert (counts["/0"], counts[OTHER]) == ((3, 2), (3, 3))
    assert [row[1:] for row in found if row[1] != OTHER][:2] == breakdown("path", f"date={FIRST}")[:2]

"""summary, timeseries and breakdown: counts by hand, limits, refusals, the cache, and the plans of raw reads."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from analytics.reports.query import views
from analytics.reports.query.schemas import BreakdownResponse, SummaryResponse, TimeseriesResponse
from analytics.rollups.cardinality import OTHER
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.reports.brute_force import BOT

Report = Callable[..., Any]


def view(ts: str, path: str = "/", user: str = "ann", **more: Any) -> dict[str, Any]:
    return {"ts": f"2026-03-{ts}Z", "path": path, "user_id": user, "session_id": f"s-{user}", **more}


@pytest.fixture
def march(unmerged_march: None, engine: Engine, site: Site) -> None:
    merge_site(engine, site.id)


@pytest.fixture
def unmerged_march(store: Any) -> None:
    """2026-03-02 is a Monday. Three visits: two by ann, of whom the first has two views, and one by bob."""
    store([
        view("02T10:00:00", "/", utm_source="news"), view("02T10:01:40", "/blog/a"), view("03T10:00:00", "/blog/b"),
        view("03T23:30:00", "/", "bob", payload={"plan": "free"}), view("03T23:31:00", type="click", user="cid"),
        view("03T12:00:00", user="crawler", user_agent=BOT),
    ])  # fmt: skip


PERIOD = "from=2026-03-02&to=2026-03-03"
EVERYTHING = {
    "page_views": 4, "visitors": 2, "visits": 3, "bounce_rate": 0.6667, "avg_visit_duration_s": 33.3333,
    "views_per_visit": 1.3333, "events": 5,
}  # fmt: skip


def figures(found: dict[str, Any]) -> dict[str, Any]:
    return {name: figure for name, figure in found.items() if name in EVERYTHING}


def test_a_summary_is_the_same_from_rollups_and_from_raw_events(march: None, report: Report) -> None:
    found = report("summary", PERIOD)
    assert (figures(found), found["meta"]["source"]) == (EVERYTHING, "rollup")
    # The same two days, as instants of another zone.
    found = report("summary", f"{PERIOD}&filter=country!=XX")
    assert (figures(found), found["meta"]["source"]) == (EVERYTHING, "raw")
    found = report("summary", "from=2026-03-02T00:00:00Z&to=2026-03-04T00:00:00Z&zone=Asia/Tokyo")
    assert (figures(found), found["meta"]["source"], found["meta"]["zone"]) == (EVERYTHING, "raw", "Asia/Tokyo")


FILTERED = [
    # The visit has a view on /blog, so all of it counts.
    pytest.param("filter=path=^/blog", (2, 1, 2, 2), id="views-of-a-visit"),
    # The first view of the visit came from the newsletter, so all of its views count.
    pytest.param("filter=utm_source==news", (2, 1, 1, 2), id="a-visits-own"),
    pytest.param("filter=utm_source==news&scope=event", (1, 1, 1, 1), id="an-events-own"),
    pytest.param("filter=utm_source==news;path==/blog/a", (1, 1, 1, 1), id="both"),
    pytest.param("filter=utm_source==news;path==/blog/a&scope=visit", (2, 1, 1, 2), id="both-of-visits"),
    pytest.param("filter=utm_source==news;path==/blog/a&scope=event", (0, 0, 0, 0), id="both-of-events"),
    pytest.param("filter=payload.plan==free", (1, 1, 1, 1), id="property"),
    pytest.param("filter=payload.plan!=free", (3, 1, 2, 4), id="not-a-property"),
    pytest.param("type=click", (4, 1, 3, 1), id="type"),
    pytest.param("filter=type==click", (0, 0, 0, 1), id="filter-of-a-type"),
    pytest.param("include_bots=true", (5, 3, 4, 6), id="bots"),
]


@pytest.mark.parametrize(("more", "expected"), FILTERED)
def test_a_filter_narrows_the_figures(march: None, report: Report, more: str, expected: tuple[int, ...]) -> None:
    found = report("summary", f"{PERIOD}&{more}")
    assert tuple(found[name] for name in ("page_views", "visitors", "visits", "events")) == expected
    if not more.startswith("filter"):
        assert found == {**report("summary", f"{PERIOD}&{more}&filter=country!=XX"), "meta": found["meta"]}


@pytest.mark.parametrize(("more", "views"), [
    ("filter=path=^/blog", (None, None, None)),
    ("filter=utm_source==;path=^/blog", (None, None, None)),
    ("filter=path=^/blog&scope=event", (None, None, None)),
    ("filter=path=^/blog&scope=visit", (1.0, 2.0, -0.5)),
    ("filter=entry_path=^/", (1.0, 2.0, -0.5)),
    ("", (1.0, 2.0, -0.5)),
])  # fmt: skip
def test_views_per_visit_is_null_where_a_filter_narrows_events_within_visits(
    engine: Engine, store: Any, report: Report, site: Site, more: str, views: tuple[float | None, ...]
) -> None:
    """The day before ann looked at two pages within 100 s, one of them on /blog; on the day she looks at that one."""
    store([view("02T10:00:00", "/blog"), view("02T10:01:40", "/"), view("03T10:00:00", "/blog")])
    merge_site(engine, site.id)
    query = f"date=2026-03-03&compare=previous&{more}"
    names = ("visits", "bounce_rate", "avg_visit_duration_s", "views_per_visit")
    lists = f"{query}&measures={','.join(names)}"
    series, bundle = report("timeseries", query), report("overview", f"{lists}&lists=entry_path")
    found = [
        report("summary", query), bundle, bundle["breakdowns"]["entry_path"]["rows"][0],
        report("breakdown", f"{lists}&dimension=entry_path")["rows"][0],
    ]  # fmt: skip
    points = [(one["series"][0], one["previous"]["series"][0]) for one in (series, bundle)]
    for now, before in [(one, one["previous"]) for one in found[:2]] + points:
        assert [now[name] for name in names] == [1, 1.0, 0.0, views[0]]
        assert [before[name] for name in names] == [1, 0.0, 100.0, views[1]]
    for one in found:
        assert (one["views_per_visit"], one["change"]["views_per_visit"]) == (views[0], views[2])


def test_entry_pages_of_visits_with_an_order_need_the_scope_of_visits(
    engine: Engine, store: Any, report: Report, site: Site, client: FlaskClient
) -> None:
    """Of two visits, that of ann has an order. No page view is one."""
    store([view("02T10:00:00", "/a"), view("02T10:01:00", "/buy", type="order"), view("02T11:00:00", "/b", "bob")])
    merge_site(engine, site.id)
    query = "date=2026-03-02&dimension=entry_path&filter=type==order"
    assert report("breakdown", query)["rows"] == []
    assert [(row["value"], row["visits"]) for row in report("breakdown", f"{query}&scope=visit")["rows"]] == [("/a", 1)]
    operation = client.get("/api/analytics/openapi.json").json["paths"]["/api/analytics/reports/breakdown"]["get"]
    [described] = [one["description"] for one in operation["parameters"] if one["name"] == "dimension"]
    assert "none with `filter=type==order`: `scope=visit` lists" in described


def test_compare_covers_as_many_days_right_before(march: None, report: Report) -> None:
    for more in ("", "&filter=country!=XX"):
        found = report("summary", f"date=2026-03-03&compare=previous{more}")
        assert (found["page_views"], found["visitors"], found["events"]) == (2, 2, 3)
        previous = found["previous"]
        assert (previous["from"], previous["to"]) == ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
        assert (previous["page_views"], previous["visitors"], previous["visits"]) == (2, 1, 1)
        assert found["change"] == {
            "page_views": 0.0, "visitors": 1.0, "visits": 1.0, "bounce_rate": None, "avg_visit_duration_s": -1.0,
            "views_per_visit": -0.5, "events": 0.5,
        }  # fmt: skip
    found = report("summary", "from=2026-03-03T10:00:00Z&to=2026-03-03T12:00:00Z&compare=previous")
    assert found["previous"]["from"] == "2026-03-03T08:00:00Z"


SERIES = [
    pytest.param("day", PERIOD, [("2026-03-02", "2026-03-02T00:00:00+00:00", 2, 1), ("2026-03-03", "2026-03-03T00:00:00+00:00", 3, 2)], id="day"),
    pytest.param("week", "from=2026-02-28&to=2026-03-03", [("2026-02-28", "2026-02-28T00:00:00+00:00", 0, 0), ("2026-03-02", "2026-03-02T00:00:00+00:00", 5, 2)], id="week"),
    pytest.param("month", "from=2026-02-28&to=2026-03-02", [("2026-02-28", "2026-02-28T00:00:00+00:00", 0, 0), ("2026-03-01", "2026-03-01T00:00:00+00:00", 2, 1)], id="month"),
    pytest.param("hour", "from=2026-03-03T22:30:00Z&to=2026-03-04T00:00:00Z", [("2026-03-03", "2026-03-03T22:30:00+00:00", 0, 0), ("2026-03-03", "2026-03-03T23:00:00+00:00", 2, 1)], id="hour"),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "period", "expected"), SERIES)
@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_a_series_has_no_gaps(march: None, report: Report, unit: str, period: str, expected: Any, more: str) -> None:
    found = report("timeseries", f"{period}&granularity={unit}{more}")
    assert [(p["date"], p["ts"], p["events"], p["visitors"]) for p in found["series"]] == expected
    assert found["granularity"] == unit
    ends = [point["to"] for point in found["series"]]
    assert ends[:-1] == [point["ts"] for point in found["series"][1:]]


def test_compare_adds_the_previous_series(march: None, report: Report) -> None:
    found = report("timeseries", "date=2026-03-03&compare=previous")
    assert [point["page_views"] for point in found["series"]] == [2]
    assert [(point["date"], point["page_views"]) for point in found["previous"]["series"]] == [("2026-03-02", 2)]


def row(value: str | None, events: int, visitors: int, share: float) -> dict[str, Any]:
    """A row of a list of events."""
    return {
        "value": value, "events": events, "visitors": visitors, "visits": None, "page_views": None, "share": share,
    }  # fmt: skip


def view_row(value: str | None, views: int, visitors: int, share: float) -> dict[str, Any]:
    """A row of a list of events that are page views."""
    return row(value, views, visitors, share) | {"page_views": views}


def visit_row(value: str | None, visits: int, visitors: int, page_views: int, share: float) -> dict[str, Any]:
    """A row of a list of visits."""
    return {
        "value": value, "events": None, "visitors": visitors, "visits": visits, "page_views": page_views, "share": share,
    }  # fmt: skip


ROWS = [
    pytest.param("path", [view_row("/", 2, 2, 0.5), view_row("/blog/a", 1, 1, 0.25), view_row("/blog/b", 1, 1, 0.25)], id="path"),
    pytest.param("utm_source", [visit_row(None, 2, 2, 2, 0.6667), visit_row("news", 1, 1, 2, 0.3333)], id="of-visits"),
    pytest.param("entry_path", [visit_row("/", 2, 2, 3, 0.6667), visit_row("/blog/b", 1, 1, 1, 0.3333)], id="entry"),
    pytest.param("exit_path", [visit_row("/", 1, 1, 1, 0.3333), visit_row("/blog/a", 1, 1, 2, 0.3333), visit_row("/blog/b", 1, 1, 1, 0.3333)], id="exit"),
    pytest.param("type", [row("page_view", 4, 2, 0.8), row("click", 1, 1, 0.2)], id="type"),
    pytest.param("subject", [], id="subject"),
    pytest.param("utm_term", [visit_row(None, 3, 2, 4, 1.0)], id="of-visits-alone"),
]  # fmt: skip


@pytest.mark.parametrize(("dimension", "expected"), ROWS)
@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_a_breakdown_shows_the_most_frequent_values(
    march: None, report: Report, dimension: str, expected: list[Any], more: str
) -> None:
    found = report("breakdown", f"{PERIOD}&dimension={dimension}{more}")
    assert found["rows"] == expected
    assert found["total"] == sum(row["events"] or row["visits"] for row in expected)
    assert found["next_cursor"] is None
    assert found["meta"]["source"] == ("raw" if more else "rollup")


def test_other_types_than_page_views_count_events(march: None, report: Report) -> None:
    """cid's click has no utm_source; two of the three visits began without one."""
    for more in ("", "&filter=country!=XX"):
        found = report("breakdown", f"{PERIOD}&dimension=utm_source&type=click{more}")
        assert (found["ranked_by"], found["total"]) == ("events", 1)
        assert found["rows"] == [row(None, 1, 1, 1.0) | {"visits": 2}]


def test_a_type_under_two_names_counts_once(march: None, report: Report) -> None:
    """`pageview` is page_view, whose values rank by visits."""
    for dimension in ("utm_source", "subject", "type"):
        once, twice = (
            report("breakdown", f"{PERIOD}&dimension={dimension}&type=page_view{more}")
            for more in ("", "&type=pageview")
        )
        assert (twice["ranked_by"], twice["rows"]) == (once["ranked_by"], once["rows"])


def test_a_filter_on_anything_but_visits_counts_events(march: None, report: Report) -> None:
    found = report("breakdown", f"{PERIOD}&dimension=utm_source&filter=path==/blog/a")
    assert (found["ranked_by"], found["rows"]) == ("events", [view_row(None, 1, 1, 1.0)])


@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_subjects_are_short_codes_of_any_type(
    store: Any, report: Report, engine: Engine, site: Site, more: str
) -> None:
    store([view("02T10:00:00", type="click", subject="abc"), view("02T10:00:01", type="impression", subject="abc")])
    store(
        [view("02T10:00:02", "/", "bob", type="click", subject="abc"), view("02T11:00:00", type="click", subject="xyz")]
    )
    store([view("02T12:00:00")])
    for _ in ("unmerged", "merged"):
        found = report("breakdown", f"{PERIOD}&dimension=subject{more}")
        assert found["rows"] == [row("abc", 3, 2, 0.75), row("xyz", 1, 1, 0.25)]
        found = report("breakdown", f"{PERIOD}&dimension=subject&type=impression{more}")
        assert found["rows"] == [row("abc", 1, 1, 1.0)]
        merge_site(engine, site.id)


@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_compare_adds_previous_and_change_to_each_row(march: None, report: Report, more: str) -> None:
    found = report("breakdown", f"date=2026-03-03&dimension=path&compare=previous{more}")
    same, none, names = 0.0, None, ("events", "page_views", "visitors")
    assert [(row["value"], row["previous"], row["change"]) for row in found["rows"]] == [
        ("/", {**dict.fromkeys(names, 1), "visits": None}, {**dict.fromkeys(names, same), "visits": None}),
        ("/blog/b", {**dict.fromkeys(names, 0), "visits": None}, {**dict.fromkeys(names, none), "visits": None}),
    ]


@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_pages_of_a_breakdown_have_no_gap_and_no_repeat(store: Any, report: Report, more: str) -> None:
    store([view("02T10:00:00", f"/{n % 7}/{'ü' * (n % 7)}", f"u{n}") for n in range(7 * 8 // 2 + 5)])
    single_page = report("breakdown", f"{PERIOD}&dimension=path&limit=1000{more}")
    assert (len(single_page["rows"]), single_page["total"], single_page["other"]) == (
        7,
        33,
        {"amount": 0, "share": 0.0},
    )
    rows, cursor, other = [], "", 33
    while cursor is not None:
        page = report("breakdown", f"{PERIOD}&dimension=path&limit=2{more}{cursor and f'&cursor={cursor}'}")
        rows += page["rows"]
        other -= sum(row["events"] for row in page["rows"])
        assert (page["total"], page["other"]["amount"]) == (33, other)
        cursor = page["next_cursor"]
    assert rows == single_page["rows"]


def test_values_that_rollups_store_as_other_count_as_other(
    store: Any, report: Report, engine: Engine, site: Site, sql: Any
) -> None:
    store([view("02T10:00:00", "/a"), view("02T10:00:01", "/a"), view("02T10:00:02", "/b")])
    merge_site(engine, site.id)
    sql("UPDATE rollups SET value = :other WHERE dimension = 'path' AND value = '/a' RETURNING 1", other=OTHER)
    found = report("breakdown", f"{PERIOD}&dimension=path")
    assert ([row["value"] for row in found["rows"]], found["other"]) == (["/b"], {"amount": 2, "share": 0.6667})


def test_a_filter_accepts_the_values_of_a_breakdown(store: Any, report: Report, sql: Any) -> None:
    store([view("02T10:00:00", f"/{n}", f"u{n}") for n in range(4)])
    sql("UPDATE events SET country = 'DE', region = 'Bavaria', city = 'Munich' WHERE path <> '/3' RETURNING 1")
    sql("UPDATE events SET region = NULL WHERE path = '/2' RETURNING 1")
    sql("UPDATE events SET city = '' WHERE path = '/1' RETURNING 1")
    of = f"{PERIOD}&filter=path!=x&dimension="
    shown = {
        name: [(row["value"], row["events"]) for row in report("breakdown", of + name)["rows"]]
        for name in ("region", "city")
    }
    assert shown == {
        "region": [(None, 2), ("DE/Bavaria", 2)],
        "city": [(None, 2), ("DE//Munich", 1), ("DE/Bavaria/Munich", 1)],
    }
    for name, rows in shown.items():
        for value, count in rows:
            assert report("summary", f"{PERIOD}&filter={name}=={value or ''}")["events"] == count


def test_a_whole_month_of_a_new_site_is_empty(site: Site, report: Report) -> None:
    for more in ("", "&filter=country==DE"):
        found = report("summary", f"days=30{more}")
        assert figures(found) == {
            **dict.fromkeys(EVERYTHING, 0),
            "bounce_rate": None,
            "avg_visit_duration_s": None,
            "views_per_visit": None,
        }
        assert len(report("timeseries", f"days=30{more}")["series"]) == 30
        found = report("breakdown", f"days=30&dimension=path&compare=previous{more}")
        assert (found["rows"], found["other"]) == ([], {"amount": 0, "share": None})


REFUSED = [
    ("breakdown", "", "dimension"),
    ("breakdown", "dimension=user_id", "dimension"),
    ("breakdown", "dimension=path&limit=0", "limit"),
    ("breakdown", "dimension=path&limit=1001", "limit"),
    ("breakdown", "dimension=path&granularity=day", "granularity"),
    ("timeseries", "granularity=minute", "granularity"),
    ("timeseries", "granularity=hour&days=32", "days"),
    ("timeseries", "days=367", "days"),
    ("timeseries", "from=1970-01-01&to=2999-01-01&granularity=month", "to"),
    ("summary", "compare=next", "compare"),
    ("summary", "filter=", "filter"),
    ("summary", "filter=country=DE", "filter"),
    ("summary", "filter=country==DE&filter=path==a", "filter"),
    ("summary", "filter=path==%00", "filter"),
    ("summary", "days=3661", "days"),
    ("summary", "dimension=path", "dimension"),
    ("summary", "zone=Nowhere", "zone"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "query", "field"), REFUSED)
def test_a_refusal_names_the_parameter(site: Site, report: Report, name: str, query: str, field: str) -> None:
    assert report(name, query, status=400)["errors"][0]["field"] == field


CURSORS = [
    "",
    "x",
    "%00",
    "ä",
    "W10",
    "WzEsMl0",
    "WyJhIiwxXQ",
    "A" * 20_001,
    "WzEsImEiXQ==;",
    "bnVsbA",
    "WzEsIlx1ZDgwMCJd",
]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_that_no_page_returned_is_refused(site: Site, report: Report, cursor: str) -> None:
    problem = report("breakdown", f"dimension=path&cursor={cursor}", status=400)
    assert problem["errors"][0]["field"] == "cursor"


def test_a_refused_filter_has_the_position(site: Site, report: Report) -> None:
    problem = report("summary", "filter=country%3D%3DDE%3Bnation%3D%3D1", status=400)
    assert (problem["position"], problem["errors"][0]["code"]) == (12, "bad_filter")
    assert "country" in problem["expected"]


def test_a_slow_query_is_stopped_and_names_the_period(
    make_app: Any, march: None, engine: Engine, token: Any, auth: Any
) -> None:
    client = make_app(statement_timeout=0.5).test_client()
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE events"))
        response = client.get(
            f"/api/analytics/reports/breakdown?{PERIOD}&filter=path==a&dimension=path", headers=auth(token("read"))
        )
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    [error] = response.json["errors"]
    assert (error["field"], error["code"]) == ("to", "too_slow")
    assert "2026-03-02 to 2026-03-03 took longer than 0.5 s" in error["detail"]


def test_raw_events_that_may_be_purged_are_refused(march: None, report: Report, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-03T00:00:00Z' RETURNING 1")
    assert report("summary", PERIOD)["events"] == 5
    for query, field in {
        f"{PERIOD}&filter=country==DE": "filter",
        f"{PERIOD}&zone=Asia/Tokyo": "zone",
        f"{PERIOD}&timezone=Asia/Tokyo": "timezone",
        "from=2026-03-02T01:30:00Z&to=2026-03-04": "to",
        "date=2026-03-03&filter=country==DE&compare=previous": "compare",
    }.items():
        problem = report("summary", query, status=400)
        assert problem["errors"][0]["field"] == field, query
    assert (
        report("breakdown", f"{PERIOD}&dimension=utm_term&type=click", status=400)["errors"][0]["field"] == "dimension"
    )
    assert report("summary", "date=2026-03-03&filter=country!=DE")["events"] == 3


CUT_PERIODS = [
    "from=2026-03-02T10:00:30Z&to=2026-03-03T10:00:00Z",
    "from=2026-03-02T09:30:00Z&to=2026-03-02T10:01:00Z",
    "from=2026-03-03T10:00:00Z&to=2026-03-04",
    "from=2026-03-02&to=2026-03-03T23:45:00Z",
]
CUT_REPORTS = [
    "summary?", "summary?type=click", "summary?include_bots=true", "timeseries?granularity=hour", "timeseries?granularity=day",
    *(f"breakdown?dimension={name}" for name in ("utm_source", "channel", "country", "browser", "entry_path", "exit_path", "path")),
    "breakdown?dimension=country&type=click", "breakdown?dimension=type",
]  # fmt: skip


def ask_cut(report: Report, more: str = "") -> dict[tuple[str, str], Any]:
    asked = [(period, name) for period in CUT_PERIODS for name in CUT_REPORTS]
    answers = [report(*f"{name}&{period}{more}".split("?", 1)) for period, name in asked]
    return {query: {**answer, "meta": None} for query, answer in zip(asked, answers, strict=True)}


def test_a_period_that_cuts_a_day_has_its_visits_before_and_after_a_merge(
    unmerged_march: None, engine: Engine, site: Site, report: Report, redis: Any
) -> None:
    at_once = ask_cut(report)
    redis.flushdb()
    merge_site(engine, site.id)
    assert at_once == ask_cut(report)
    # The same counted in raw events and stored visits.
    assert at_once == ask_cut(report, "&filter=country!=XX")
    # Of ann the visit at 10:00 began before; her next one and that of bob are on the third.
    [row] = at_once[CUT_PERIODS[1], "breakdown?dimension=utm_source"]["rows"]
    assert (row["value"], row["visits"], row["visitors"], row["page_views"]) == ("news", 1, 1, 2)
    assert at_once[CUT_PERIODS[0], "breakdown?dimension=utm_source"]["rows"] == []
    assert [at_once[period, "summary?"]["visits"] for period in CUT_PERIODS] == [0, 1, 2, 3]


def test_an_exported_breakdown_of_a_cut_day_is_the_report(
    unmerged_march: None, report: Report, app: Any, tmp_path: Any
) -> None:
    words = ["--report", "breakdown", "--dimension", "entry_path", "--unit", "period", "--format", "ndjson"]
    for period in CUT_PERIODS[:3]:
        start, end = (part.split("=")[1] for part in period.split("&"))
        end = "2026-03-05T00:00:00Z" if end == "2026-03-04" else end
        file = tmp_path / "out"
        result = app.test_cli_runner().invoke(
            args=["export", "report", *words, "--from", start, "--to", end, "--out", str(file)]
        )
        assert result.exit_code == 0, result.output
        exported = [json.loads(line) for line in file.read_text().splitlines()]
        names = ("value", "visits", "visitors", "page_views")
        rows = report("breakdown", f"{period}&dimension=entry_path")["rows"]
        assert [[row[name] for name in names] for row in exported] == [[row[name] for name in names] for row in rows]


def test_a_period_that_is_over_is_cached_and_an_open_one_is_not(march: None, report: Report) -> None:
    for more in ("", "&filter=country!=XX"):
        summaries = [report("summary", f"{PERIOD}{more}") for _ in range(2)]
        assert [summary["meta"].get("cached") for summary in summaries] == [None, True]
        assert figures(summaries[0]) == figures(summaries[1])
        for open_period in ("days=2", "hours=2"):
            summaries = [report("summary", f"{open_period}{more}") for _ in range(2)]
            assert [summary["meta"].get("cached") for summary in summaries] == [None, None]


@pytest.mark.parametrize("view", [views.get_summary, views.get_timeseries, views.get_breakdown])
def test_examples_are_answers_as_documented(view: Any) -> None:
    assert view.operation_doc.response().validate(view.operation_doc.response_example) == {}


def test_responses_match_the_schemas(march: None, report: Report) -> None:
    for name, schema, more in (
        ("summary", SummaryResponse, ""), ("timeseries", TimeseriesResponse, ""), ("breakdown", BreakdownResponse, "&dimension=path"),
    ):  # fmt: skip
        for compare in ("", "&compare=previous"):
            assert schema().validate(report(name, f"{PERIOD}{more}{compare}")) == {}


def test_a_token_reads_only_its_own_site(site: Site, client: Any, token: Any, auth: Any) -> None:
    for name in ("summary", "timeseries", "breakdown"):
        route = f"/api/analytics/reports/{name}?site=default" + "&dimension=path" * (name == "breakdown")
        assert client.get(route, headers=auth(token("read", site="other"))).status_code == 403
        assert client.get(route, headers=auth(token("ingest"))).status_code == 403
        assert client.get(route).status_code == 401


@pytest.mark.parametrize("query", ["", "&filter=country!=XX"], ids=["rollup", "raw"])
@pytest.mark.parametrize(
    ("dimension", "sent"),
    [
        *(("utm_source", {"utm_source": "(other)"}), ("utm_campaign", {"path": "/?utm_campaign=(other)"})),
        *(("path", {"path": "(other)"}), ("entry_path", {"path": "(other)"}), ("type", {"type": "(other)"})),
        ("subject", {"subject": "(other)", "type": "click"}),
    ],
)
def test_a_value_that_is_named_as_the_rest_is_a_value(
    store: Any, engine: Engine, site: Site, report: Report, dimension: str, sent: dict[str, str], query: str
) -> None:
    store([view("02T10:00:00", user=user, **{"path": "/", **sent}) for user in ("ann", "bob")])
    merge_site(engine, site.id)
    kind = f"&type={sent['type']}" if "type" in sent else ""
    found = report("breakdown", f"{PERIOD}&dimension={dimension}{kind}{query}")
    rows = {row["value"]: row["events"] or row["visits"] for row in found["rows"]}
    assert (rows.get("(other)"), found["other"]["amount"]) == (2, 0)


def test_a_breakdown_by_a_property_shows_its_values_as_they_are_in_json(
    store: Any, engine: Engine, site: Site, report: Report
) -> None:
    payloads = [
        {"plan": "pro"},
        {"plan": "pro"},
        {"plan": 1.50},
        {"plan": True},
        {"plan": {"a": [1, 2.5]}},
        {"plan": None},
        {},
    ]
    store([view("02T10:00:00", user=f"u{n}", type="click", payload=one) for n, one in enumerate(payloads)])
    store([view("02T11:00:00", user="u1", type="order", payload={"plan": "pro", "a.b": {"c": "x"}})])
    merge_site(engine, site.id)
    rows = [("pro", 3, 2), ("1.5", 1, 1), ("true", 1, 1), ('{"a": [1, 2.5]}', 1, 1)]

    def found(query: str) -> list[tuple[Any, ...]]:
        answer = report("breakdown", f"{PERIOD}&{query}")
        assert (answer["ranked_by"], answer["meta"]["source"]) == ("events", "raw")
        return [(row["value"], row["events"], row["visitors"]) for row in answer["rows"]]

    assert found("dimension=payload.plan") == rows
    assert found("dimension=payload.plan&type=order&filter=payload.plan==pro") == [("pro", 1, 1)]
    assert found(r"dimension=payload.a\.b.c") == [("x", 1, 1)]
    overview = report("overview", f"{PERIOD}&lists=payload.plan,path")
    assert [
        (row["value"], row["events"], row["visitors"]) for row in overview["breakdowns"]["payload.plan"]["rows"]
    ] == rows
    for query in ("dimension=payload", "dimension=payload.", "dimension=payload.a..b", "dimension=plan"):
        assert report("breakdown", f"{PERIOD}&{query}", 400)["errors"][0]["field"] == "dimension"


def test_a_query_that_needs_too_much_memory_is_refused(
    make_app: Any, site: Site, march: None, token: Any, auth: Any
) -> None:
    client = make_app(query_memory_mb=1, columns_folder_mb=1).test_client()
    path = f"/api/analytics/reports/summary?{PERIOD}&filter=path==/"
    response = client.get(path, headers=auth(token("read")))
    assert (response.status_code, response.json["errors"][0]["code"]) == (422, "too_large")
    assert "QUERY_MEMORY_MB (1)" in response.json["detail"]

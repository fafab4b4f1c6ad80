"""summary, timeseries and breakdown: by hand, and against a slow count over the stored events."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from analytics import clock
from analytics.period import Period
from analytics.reports import canonical_views
from analytics.reports.canonical_schemas import BreakdownAnswer, SummaryAnswer, TimeseriesAnswer
from analytics.reports.counted import VIEWS, Wanted
from analytics.reports.filtered import Rows
from analytics.reports.filters import parse_filter
from analytics.rollups.merge import merge_site
from analytics.sites import Site
from analytics.store.partitions import list_partitions
from tests.reports.slow import BOT

Report = Callable[..., Any]


def view(ts: str, path: str = "/", user: str = "ann", **more: Any) -> dict[str, Any]:
    return {"ts": f"2026-03-{ts}Z", "path": path, "user_id": user, "session_id": f"s-{user}", **more}


@pytest.fixture
def march(store: Any, engine: Engine, site: Site) -> None:
    """2026-03-02 is a Monday. Three visits: two by ann, of whom the first has two views, and one by bob."""
    store([
        view("02T10:00:00", "/", utm_source="news"), view("02T10:01:40", "/blog/a"), view("03T10:00:00", "/blog/b"),
        view("03T23:30:00", "/", "bob", payload={"plan": "free"}), view("03T23:31:00", type="click", user="cid"),
        view("03T12:00:00", user="crawler", user_agent=BOT),
    ])  # fmt: skip
    merge_site(engine, site.id)


PERIOD = "from=2026-03-02&to=2026-03-03"
EVERYTHING = {
    "page_views": 4, "visitors": 2, "visits": 3, "bounce_rate": 0.6667, "avg_visit_duration_s": 33.3333,
    "views_per_visit": 1.3333, "events": 5,
}  # fmt: skip


def figures(found: dict[str, Any]) -> dict[str, Any]:
    return {name: figure for name, figure in found.items() if name in EVERYTHING}


def test_a_period_in_one_line_is_the_same_from_rollups_and_from_raw_events(march: None, report: Report) -> None:
    found = report("summary", PERIOD)
    assert (figures(found), found["meta"]["source"]) == (EVERYTHING, "rollup")
    # The same two days, as instants of another zone.
    found = report("summary", f"{PERIOD}&filter=country!=XX")
    assert (figures(found), found["meta"]["source"]) == (EVERYTHING, "raw")
    found = report("summary", "from=2026-03-02T00:00:00Z&to=2026-03-04T00:00:00Z&zone=Asia/Tokyo")
    assert (figures(found), found["meta"]["source"], found["meta"]["zone"]) == (EVERYTHING, "raw", "Asia/Tokyo")


FILTERED = [
    # A view on /blog in the visit, which counts whole.
    pytest.param("filter=path=^/blog", (2, 1, 2, 2), id="views-of-a-visit"),
    # Its first view came from the newsletter.
    pytest.param("filter=utm_source==news", (1, 1, 1, 1), id="a-visits-own"),
    pytest.param("filter=utm_source==news;path==/blog/a", (0, 0, 1, 0), id="both"),
    pytest.param("filter=payload.plan==free", (1, 1, 1, 1), id="property"),
    pytest.param("filter=payload.plan!=free", (3, 1, 2, 4), id="not-a-property"),
    pytest.param("type=click", (4, 1, 3, 1), id="type"),
    pytest.param("filter=type==click", (0, 0, 0, 1), id="filter-of-a-type"),
    pytest.param("include_bots=true", (5, 3, 4, 6), id="programs"),
]


@pytest.mark.parametrize(("more", "expected"), FILTERED)
def test_what_a_filter_leaves(march: None, report: Report, more: str, expected: tuple[int, ...]) -> None:
    found = report("summary", f"{PERIOD}&{more}")
    assert tuple(found[name] for name in ("page_views", "visitors", "visits", "events")) == expected
    if not more.startswith("filter"):
        assert found == {**report("summary", f"{PERIOD}&{more}&filter=country!=XX"), "meta": found["meta"]}


def test_a_comparison_is_with_as_many_days_before(march: None, report: Report) -> None:
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


def test_a_series_beside_the_previous_one(march: None, report: Report) -> None:
    found = report("timeseries", "date=2026-03-03&compare=previous")
    assert [point["page_views"] for point in found["series"]] == [2]
    assert [(point["date"], point["page_views"]) for point in found["previous"]["series"]] == [("2026-03-02", 2)]


def line(
    value: str | None, events: int | None, visitors: int | None, visits: int | None, share: float
) -> dict[str, Any]:
    return {"value": value, "events": events, "visitors": visitors, "visits": visits, "share": share}


LINES = [
    pytest.param("path", [line("/", 2, 2, None, 0.5), line("/blog/a", 1, 1, None, 0.25), line("/blog/b", 1, 1, None, 0.25)], id="path"),
    pytest.param("utm_source", [line(None, 3, 2, 2, 0.75), line("news", 1, 1, 1, 0.25)], id="with-visits"),
    pytest.param("entry_path", [line("/", None, None, 2, 0.6667), line("/blog/b", None, None, 1, 0.3333)], id="entry"),
    pytest.param("exit_path", [line("/", None, None, 1, 0.3333), line("/blog/a", None, None, 1, 0.3333), line("/blog/b", None, None, 1, 0.3333)], id="exit"),
    pytest.param("type", [line("page_view", 4, 2, None, 0.8), line("click", 1, 1, None, 0.2)], id="type"),
    pytest.param("subject", [], id="subject"),
    pytest.param("utm_term", [line(None, 4, 2, None, 1.0)], id="raw-only"),
]  # fmt: skip


@pytest.mark.parametrize(("dimension", "expected"), LINES)
@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_a_breakdown_shows_the_most_frequent_values(
    march: None, report: Report, dimension: str, expected: list[Any], more: str
) -> None:
    found = report("breakdown", f"{PERIOD}&dimension={dimension}{more}")
    assert found["rows"] == expected
    assert found["total"] == sum(one["events"] or one["visits"] for one in expected)
    assert found["next_cursor"] is None
    assert found["meta"]["source"] == ("raw" if more or dimension == "utm_term" else "rollup")


@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_subjects_are_short_codes_of_any_type(
    store: Any, report: Report, engine: Engine, site: Site, more: str
) -> None:
    store([view("02T10:00:00", type="click", subject="abc"), view("02T10:00:01", type="impression", subject="abc")])
    store(
        [view("02T10:00:02", "/", "bob", type="click", subject="abc"), view("02T11:00:00", type="click", subject="xyz")]
    )
    store([view("02T12:00:00")])
    for _ in ("while they wait", "merged"):
        found = report("breakdown", f"{PERIOD}&dimension=subject{more}")
        assert found["rows"] == [line("abc", 3, 2, None, 0.75), line("xyz", 1, 1, None, 0.25)]
        found = report("breakdown", f"{PERIOD}&dimension=subject&type=impression{more}")
        assert found["rows"] == [line("abc", 1, 1, None, 1.0)]
        merge_site(engine, site.id)


@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_a_breakdown_beside_the_previous_period(march: None, report: Report, more: str) -> None:
    found = report("breakdown", f"date=2026-03-03&dimension=path&compare=previous{more}")
    nothing = {"events": 0, "visitors": 0, "visits": None}
    assert [(row["value"], row["previous"], row["change"]) for row in found["rows"]] == [
        ("/", {"events": 1, "visitors": 1, "visits": None}, {"events": 0.0, "visitors": 0.0, "visits": None}),
        ("/blog/b", nothing, {"events": None, "visitors": None, "visits": None}),
    ]


@pytest.mark.parametrize("more", ["", "&filter=country!=XX"])
def test_pages_of_a_breakdown_join_without_gap_or_repeat(store: Any, report: Report, more: str) -> None:
    store([view("02T10:00:00", f"/{n % 7}/{'ü' * (n % 7)}", f"u{n}") for n in range(7 * 8 // 2 + 5)])
    whole = report("breakdown", f"{PERIOD}&dimension=path&limit=1000{more}")
    assert (len(whole["rows"]), whole["total"], whole["other"]) == (7, 33, {"amount": 0, "share": 0.0})
    rows, cursor, left = [], "", 33
    while cursor is not None:
        page = report("breakdown", f"{PERIOD}&dimension=path&limit=2{more}{cursor and f'&cursor={cursor}'}")
        rows += page["rows"]
        left -= sum(row["events"] for row in page["rows"])
        assert (page["total"], page["other"]["amount"]) == (33, left)
        cursor = page["next_cursor"]
    assert rows == whole["rows"]


def test_values_without_a_place_in_rollups_are_among_the_others(
    store: Any, report: Report, engine: Engine, site: Site, sql: Any
) -> None:
    store([view("02T10:00:00", "/a"), view("02T10:00:01", "/a"), view("02T10:00:02", "/b")])
    merge_site(engine, site.id)
    sql("UPDATE rollups SET value = '(other)' WHERE dimension = 'path' AND value = '/a' RETURNING 1")
    found = report("breakdown", f"{PERIOD}&dimension=path")
    assert ([row["value"] for row in found["rows"]], found["other"]) == (["/b"], {"amount": 2, "share": 0.6667})


def test_lines_can_be_filtered_by_what_they_show(store: Any, report: Report, sql: Any) -> None:
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
    for name, lines in shown.items():
        for value, count in lines:
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
def test_what_cannot_be_answered_is_refused_by_name(
    site: Site, report: Report, name: str, query: str, field: str
) -> None:
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
def test_a_cursor_that_was_not_given_out_is_refused(site: Site, report: Report, cursor: str) -> None:
    problem = report("breakdown", f"dimension=path&cursor={cursor}", status=400)
    assert problem["errors"][0]["field"] == "cursor"


def test_a_refused_filter_says_where(site: Site, report: Report) -> None:
    problem = report("summary", "filter=country%3D%3DDE%3Bnation%3D%3D1", status=400)
    assert (problem["position"], problem["errors"][0]["code"]) == (12, "bad_filter")
    assert "country" in problem["expected"]


def test_what_takes_too_long_says_what_to_narrow(
    make_app: Any, march: None, engine: Engine, token: Any, auth: Any
) -> None:
    client = make_app(statement_timeout=0.5).test_client()
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE events"))
        answer = client.get(
            f"/api/analytics/reports/breakdown?{PERIOD}&filter=path==a&dimension=path", headers=auth(token("read"))
        )
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    [error] = answer.json["errors"]
    assert (error["field"], error["code"]) == ("to", "too_slow")
    assert "2026-03-02 to 2026-03-03 took longer than 0.5 s" in error["detail"]


def test_raw_events_that_may_be_gone_are_not_counted(march: None, report: Report, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-03T00:00:00Z' RETURNING 1")
    assert report("summary", PERIOD)["events"] == 5
    for query, field in {
        f"{PERIOD}&filter=country==DE": "filter",
        f"{PERIOD}&zone=Asia/Tokyo": "zone",
        f"{PERIOD}&timezone=Asia/Tokyo": "timezone",
        "from=2026-03-02T01:00:00Z&to=2026-03-04": "to",
        "date=2026-03-03&filter=country==DE&compare=previous": "compare",
    }.items():
        problem = report("summary", query, status=400)
        assert problem["errors"][0]["field"] == field, query
    assert report("breakdown", f"{PERIOD}&dimension=utm_term", status=400)["errors"][0]["field"] == "dimension"
    assert report("summary", "date=2026-03-03&filter=country!=DE")["events"] == 3


def test_a_period_that_is_over_is_kept_and_an_open_one_is_not(march: None, report: Report) -> None:
    for more in ("", "&filter=country!=XX"):
        found = [report("summary", f"{PERIOD}{more}") for _ in range(2)]
        assert [one["meta"].get("cached") for one in found] == [None, True]
        assert figures(found[0]) == figures(found[1])
        for open_period in ("days=2", "hours=2"):
            found = [report("summary", f"{open_period}{more}") for _ in range(2)]
            assert [one["meta"].get("cached") for one in found] == [None, None]


@pytest.mark.parametrize("view", [canonical_views.summary, canonical_views.timeseries, canonical_views.list_values])
def test_examples_are_answers_as_documented(view: Any) -> None:
    assert view.note.answer().validate(view.note.example) == {}


def test_answers_are_as_documented(march: None, report: Report) -> None:
    for name, answer, more in (
        ("summary", SummaryAnswer, ""), ("timeseries", TimeseriesAnswer, ""), ("breakdown", BreakdownAnswer, "&dimension=path"),
    ):  # fmt: skip
        for compare in ("", "&compare=previous"):
            assert answer().validate(report(name, f"{PERIOD}{more}{compare}")) == {}


def test_raw_events_are_read_in_the_partitions_of_the_period_only(store: Any, engine: Engine, site: Site) -> None:
    store([view("02T12:00:00"), {"ts": "2026-04-01T12:00:00Z"}])
    day = Period(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC), clock.zone("UTC"))
    plans = []
    with engine.connect() as connection:
        rows = Rows(connection, Wanted(site.id, VIEWS, False, parse_filter("country==DE;payload.plan==free")))

        @event.listens_for(connection, "before_cursor_execute", retval=True)
        def explain(_: Any, cursor: Any, statement: str, parameters: Any, *more: Any) -> tuple[str, Any]:
            cursor.execute("EXPLAIN " + statement, parameters)
            plans.append("\n".join(line for (line,) in cursor))
            return statement, parameters

        rows.count(day, "day")
        rows.find(day, "path", [line.value for line in rows.rank(day, "path").lines] or ["/"])
    assert len(plans) == 4
    with engine.connect() as connection:
        march = {name for name, days in list_partitions(connection, "events").items() if days.covers(date(2026, 3, 2))}
    for plan in plans:
        assert set(re.findall(r" on (events\w*)", plan)) == march, plan


def test_a_token_reads_its_own_site_only(site: Site, client: Any, token: Any, auth: Any) -> None:
    for name in ("summary", "timeseries", "breakdown"):
        route = f"/api/analytics/reports/{name}?site=default" + "&dimension=path" * (name == "breakdown")
        assert client.get(route, headers=auth(token("read", site="other"))).status_code == 403
        assert client.get(route, headers=auth(token("ingest"))).status_code == 403
        assert client.get(route).status_code == 401

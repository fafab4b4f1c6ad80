"""Reports as CSV files and as figures of Plotly: the numbers of the JSON, in shapes that their readers accept."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from sqlalchemy import Engine

from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site, clear_site_cache, update_site

REPORTS = "/api/analytics/reports"
FORMULA, MARKUP = "=1+1", "<a href='https://evil.example'>"
STEPS = {"steps": [{"condition": {"page": "/a"}, "name": "+Start"}, {"condition": {"page": "/b"}}]}
# (user, time, path): three days.
VIEWS = [
    ("ann", "2026-03-02T10:00:00Z", "/a"),
    ("ann", "2026-03-02T10:01:00Z", "/b"),
    ("bob", "2026-03-02T11:00:00Z", "/a"),
    ("ann", "2026-03-03T10:00:00Z", FORMULA),
    ("cid", "2026-03-03T10:00:00Z", "/a"),
    ("cid", "2026-03-04T10:00:00Z", f'{MARKUP} "b", c'),
]
COUNTS = ["page_views", "visitors", "visits", "bounce_rate", "avg_visit_duration_s", "views_per_visit", "events"]
PERIOD, LAST_DAY = "from=2026-03-02&to=2026-03-04", "date=2026-03-04&compare=previous"
pytestmark = pytest.mark.usefixtures("at_noon")
Get = Callable[..., Any]


@pytest.fixture
def shop(store: Any, engine: Engine, site: Site) -> None:
    store({"user_id": user, "ts": ts, "path": path} for user, ts, path in VIEWS)
    merge_site(engine, site.id)


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Get:
    """`get("summary", "days=3")`: the response; of a funnel that is not stored for `funnel`."""

    def call(name: str, query: str) -> Any:
        send = client.post if name == "funnel" else client.get
        body = {"json": STEPS} if name == "funnel" else {}
        return send(f"{REPORTS}/{name}?{query}", headers=auth(token("read")), **body)

    return call


def read_csv(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text
    assert response.content_type == "text/csv; charset=utf-8"
    text = response.get_data().decode("utf-8")
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def cells(row: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """The row of the JSON as cells, by hand."""
    found: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= cells(value, f"{prefix}{name}_")
        elif not isinstance(value, list):
            found[prefix + name] = "" if value is None else f"'{value}" if value in (FORMULA, "+Start") else str(value)
    return found


@pytest.mark.parametrize("query", [PERIOD, LAST_DAY, f"{PERIOD}&filter=path==/a", "date=2026-02-20"])
@pytest.mark.parametrize("name", ["breakdown", "funnel", "summary", "timeseries"])
def test_a_file_has_the_rows_of_the_json(shop: None, get: Get, name: str, query: str) -> None:
    query += "&dimension=path" if name == "breakdown" else ""
    if name == "funnel":
        query = query.partition("&filter")[0]
    report, rows = get(name, query).json, read_csv(get(name, f"{query}&format=csv"))
    if name == "summary":
        bounds = {part: report["meta"][part] for part in ("from", "to")}
        assert rows == [cells(bounds | {part: value for part, value in report.items() if part != "meta"})]
    elif name == "timeseries":
        before = report.get("previous", {}).get("series") or [{} for _ in report["series"]]
        assert rows == [cells({**now, "previous": old}) for now, old in zip(report["series"], before, strict=True)]
    else:
        assert rows == [cells(row) for row in report["rows" if name == "breakdown" else "step_analytics"]]


def test_a_breakdown_by_hand(shop: None, get: Get) -> None:
    response = get("breakdown", f"{PERIOD}&dimension=path&limit=3&format=csv")
    assert response.get_data(as_text=True).split("\r\n") == [
        "value,events,visitors,visits,page_views,share",
        "/a,3,3,,3,0.5",
        "/b,1,1,,1,0.1667",
        f'"{MARKUP} ""b"", c",1,1,,1,0.1667',
        "",
    ]
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="breakdown-default-2026-03-02-2026-03-04.csv"'
    )


def test_a_cell_that_looks_like_a_formula_begins_with_an_apostrophe(shop: None, get: Get) -> None:
    rows = read_csv(get("breakdown", f"{PERIOD}&dimension=path&format=csv"))
    assert {row["value"] for row in rows} >= {"'=1+1", "/a", "/b"}
    assert read_csv(get("funnel", f"{PERIOD}&format=csv"))[0]["step_name"] == "'+Start"


def test_retention_has_a_row_for_each_cohort_and_unit(shop: None, get: Get) -> None:
    rows = read_csv(get("retention", f"{PERIOD}&format=csv"))
    assert [tuple(row.values()) for row in rows] == [
        ("2026-03-02", "2", "0", "2", "1.0"), ("2026-03-02", "2", "1", "1", "0.5"), ("2026-03-02", "2", "2", "0", "0.0"),
        ("2026-03-03", "1", "0", "1", "1.0"), ("2026-03-03", "1", "1", "1", "1.0"),
        ("2026-03-04", "0", "0", "0", ""),
    ]  # fmt: skip
    assert list(rows[0]) == ["cohort", "size", "units_after", "users", "rate"]


def test_a_file_without_rows_has_its_header(get: Get, site: Site) -> None:
    response = get("breakdown", "date=2026-02-20&dimension=country&format=csv")
    assert response.get_data(as_text=True) == "value,events,visitors,visits,page_views,share\r\n"


def test_series_of_unlike_lengths_are_side_by_side(shop: None, get: Get) -> None:
    rows = read_csv(get("timeseries", "date=2026-03-04&compare=2026-03-02..2026-03-03&format=csv"))
    assert [(row["date"], row["page_views"], row["previous_date"], row["previous_page_views"]) for row in rows] == [
        ("2026-03-04", "1", "2026-03-02", "3"), ("", "", "2026-03-03", "2"),
    ]  # fmt: skip


# What plotly.js accepts of these traces and layouts, and what is used of it:
# https://plotly.com/javascript/reference/. A figure refuses unknown attributes.
ANY_LIST, TEXT = {"type": "array"}, {"type": "string"}
NUMBERS = {"type": "array", "items": {"type": ["number", "null"]}}
TEXTS = {"type": "array", "items": {"type": "string"}}
VISIBLE = {"enum": [True, False, "legendonly"]}
TITLE = {"type": "object", "properties": {"text": TEXT}, "required": ["text"], "additionalProperties": False}
CELL = {"type": "integer", "minimum": 0}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


TRACES = {
    "indicator": closed(
        mode={"enum": ["number", "number+delta"]}, value={"type": ["number", "null"]}, title=TITLE,
        delta=closed(reference={"type": "number"}), domain=closed(row=CELL, column=CELL),
    ),
    "scatter": closed(
        mode={"const": "lines"}, name=TEXT, x=TEXTS, y=NUMBERS, xaxis={"enum": ["x", "x2"]},
        line=closed(dash={"enum": ["dot", "dash", "solid"]}),
    ),
    "bar": closed(orientation={"const": "h"}, name=TEXT, x=NUMBERS, y=TEXTS, visible=VISIBLE),
    "funnel": closed(x=NUMBERS, y=TEXTS),
    "heatmap": closed(
        x=NUMBERS, y=TEXTS, z={"type": "array", "items": NUMBERS}, zmin={"type": "number"}, zmax={"type": "number"},
    ),
}  # fmt: skip
AXIS = closed(
    type={"enum": ["date", "category", "linear"]}, title=TITLE, overlaying={"const": "x"}, side={"const": "top"},
    rangemode={"const": "tozero"}, autorange={"const": "reversed"},
)  # fmt: skip
LAYOUT = closed(
    title=TITLE, xaxis=AXIS, xaxis2=AXIS, yaxis=AXIS, barmode={"enum": ["group", "stack"]},
    grid=closed(rows=CELL, columns=CELL, pattern={"const": "independent"}),
)  # fmt: skip


def read_figure(response: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.content_type == "application/vnd.plotly.v1+json"
    figure = response.get_json()
    assert figure.keys() == {"data", "layout"}
    Draft202012Validator(LAYOUT).validate(figure["layout"])
    for trace in figure["data"]:
        Draft202012Validator(TRACES[trace["type"]]).validate({k: v for k, v in trace.items() if k != "type"})
        lengths = {len(trace[axis]) for axis in "xy" if axis in trace}
        assert len(lengths) < 2 or trace["type"] == "heatmap"
    return figure["data"], figure["layout"]


@pytest.mark.parametrize("query", [PERIOD, LAST_DAY, "date=2026-02-20"])
@pytest.mark.parametrize("name", ["breakdown", "funnel", "summary", "timeseries", "retention"])
def test_plotly_accepts_the_figure(shop: None, get: Get, name: str, query: str) -> None:
    query = query.partition("&compare")[0] if name == "retention" else query
    read_figure(get(name, f"{query}&dimension=path&format=plotly" if name == "breakdown" else f"{query}&format=plotly"))


def test_figures_have_the_numbers_of_the_json(shop: None, get: Get) -> None:
    summary, (data, _) = get("summary", LAST_DAY).json, read_figure(get("summary", f"{LAST_DAY}&format=plotly"))
    assert {one["title"]["text"]: one["value"] for one in data} == {name: summary[name] for name in COUNTS}
    assert {one["title"]["text"]: one["delta"]["reference"] for one in data} == {
        name: summary["previous"][name] for name in COUNTS
    }
    series, (lines, layout) = get("timeseries", PERIOD).json, read_figure(get("timeseries", f"{PERIOD}&format=plotly"))
    assert {line["name"]: line["y"] for line in lines} == {
        name: [point[name] for point in series["series"]] for name in ("visitors", "visits", "page_views", "events")
    }
    [funnel], _ = read_figure(get("funnel", f"{PERIOD}&format=plotly"))
    assert (funnel["y"][0], funnel["x"]) == ("1. +Start", [3, 1])
    [heatmap], _ = read_figure(get("retention", f"{PERIOD}&format=plotly"))
    assert heatmap["z"] == [[1.0, 0.5, 0.0], [1.0, 1.0, None], [None, None, None]]
    assert layout["title"]["text"] == "By day: default, 2026-03-02T00:00:00Z to 2026-03-05T00:00:00Z"


def test_bars_show_what_the_rows_rank_by_and_escape_markup(shop: None, get: Get) -> None:
    bars, _ = read_figure(get("breakdown", f"{PERIOD}&dimension=path&format=plotly"))
    shown = {bar["name"]: bar["visible"] for bar in bars}
    assert shown == {"events": True, "visitors": "legendonly", "page_views": "legendonly"}
    assert bars[0]["x"] == [3, 1, 1, 1]
    assert bars[0]["y"] == ["/a", "/b", "&lt;a href='https://evil.example'&gt; \"b\", c", "=1+1"]
    sources, _ = read_figure(get("breakdown", f"{LAST_DAY}&dimension=source&measures=visits&format=plotly"))
    assert [(bar["name"], bar["y"], bar["visible"]) for bar in sources] == [
        ("visits", ["(none)"], True), ("visits (previous)", ["(none)"], True),
    ]  # fmt: skip


def test_formats_share_the_cached_report(shop: None, get: Get) -> None:
    assert "cached" not in get("summary", PERIOD).json["meta"]
    read_csv(get("summary", f"{PERIOD}&format=csv"))
    assert get("summary", f"{PERIOD}&format=json").json["meta"]["cached"] is True


@pytest.mark.parametrize("query", ["format=xml", "format=csv&days=0", "format=plotly&filter=plan"])
def test_errors_are_problem_documents_in_every_format(site: Site, get: Get, query: str) -> None:
    response = get("summary", query)
    assert (response.status_code, response.content_type) == (400, "application/problem+json")


def test_public_sites_have_files_and_figures_too(shop: None, client: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        update_site(connection, "default", public_stats=True)
    clear_site_cache(engine)
    for name in ("csv", "plotly"):
        assert client.get(f"{REPORTS}/timeseries?site=default&{PERIOD}&format={name}").status_code == 200

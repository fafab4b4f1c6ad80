"""Reports as files and figures: `format=csv` and `format=plotly`, beside the JSON that each report has.

Views call `respond`; figures.py has the traces. The numbers are those of the JSON, of which both are made, so a cached
report serves all formats. Errors are problem documents in every format. Nothing here queries.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec
from flask import Response, jsonify
from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics import clock
from analytics.files.columns import FORMULA_PATTERN
from analytics.period import Period
from analytics.reports.request import ReportRequest
from analytics.reports.responses import figures
from analytics.reports.schemas import UNKNOWN_CHOICE

JSON, CSV, PLOTLY = "json", "csv", "plotly"
CSV_MEDIA_TYPE, PLOTLY_MEDIA_TYPE = "text/csv", "application/vnd.plotly.v1+json"
FORMAT_DESCRIPTION = (
    "`json`; `csv`: the rows as a file, with a header row; `plotly`: a figure, `data` and `layout`, for "
    "`plotly.graph_objects.Figure` or `Plotly.newPlot`. Default: `json`."
)
_begins_like_formula = re.compile(FORMULA_PATTERN).match
Report = Mapping[str, Any]
Row = dict[str, Any]


class FormatFields(Schema):
    """`format`: of the response."""

    format = fields.String(
        validate=OneOf((JSON, CSV, PLOTLY), error=UNKNOWN_CHOICE), metadata={"description": FORMAT_DESCRIPTION}
    )


class FigureResponse(Schema):
    """A figure of Plotly: https://plotly.com/chart-studio-help/json-chart-schema/."""

    data = fields.List(fields.Dict(), required=True)
    layout = fields.Dict(required=True)


# Of `@documented(…)` beside a route that calls `respond`.
OTHER_MEDIA: Mapping[str, Any] = {CSV_MEDIA_TYPE: {"type": "string"}, PLOTLY_MEDIA_TYPE: FigureResponse}


class ReportFormats(NamedTuple):
    """How a report is shown. `columns`: the header of a file without rows."""

    name: str
    rows: Callable[[Report], list[Row]]
    figure: Callable[[Report], dict[str, Any]]
    columns: Sequence[str]


def respond(
    request: ReportRequest, formats: ReportFormats, compute: Callable[[ReportRequest], dict[str, Any]]
) -> Response:
    """The report in the format that the request names. `compute` returns its JSON; it does not see the format."""
    query = dict(request.query)
    format_name, report = query.pop("format", JSON), compute(replace(request, query=query))
    if format_name == CSV:
        return _respond_csv(request, formats, report)
    if format_name == PLOTLY:
        return Response(msgspec.json.encode(formats.figure(report)), mimetype=PLOTLY_MEDIA_TYPE)
    return jsonify(report)


def _respond_csv(request: ReportRequest, formats: ReportFormats, report: Report) -> Response:
    meta, rows = report["meta"], formats.rows(report)
    start, end = (datetime.fromisoformat(meta[name]) for name in ("from", "to"))
    name = file_name(formats.name, request.site.key, Period(start, end, clock.zone(meta["zone"])))
    response = Response(write_csv(rows, formats.columns), content_type=f"{CSV_MEDIA_TYPE}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def file_name(what: str, site_key: str, period: Period, suffix: str = CSV) -> str:
    """`<what>-<site>-<first day>-<last day>.csv`, safe in a header and in a file system."""
    safe = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in site_key)
    return f"{what}-{safe[:80]}-{period.first_date}-{period.last_date}.{suffix}"


def write_csv(rows: Sequence[Row], columns: Sequence[str] = ()) -> str:
    """RFC 4180, with a header row. Null is an empty cell; an apostrophe precedes text that a spreadsheet would run."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(columns)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _begins_like_formula(value) else value


def _flatten(row: Mapping[str, Any], prefix: str = "") -> Row:
    """One row of cells: `previous_visits` for `visits` in `previous`. Lists are left out."""
    cells: Row = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            cells |= _flatten(value, f"{prefix}{name}_")
        elif not isinstance(value, list):
            cells[f"{prefix}{name}"] = value
    return cells


def _summary_rows(report: Report) -> list[Row]:
    bounds = {name: report["meta"][name] for name in ("from", "to")}
    return [{**bounds, **_flatten({name: part for name, part in report.items() if name != "meta"})}]


def _timeseries_rows(report: Report) -> list[Row]:
    """A row a bucket, beside the bucket of the previous period at the same place."""
    now, before = report["series"], report.get("previous", {}).get("series", ())
    points: Iterator[tuple[Report, Report]] = zip_longest(now, before, fillvalue={})
    return [_flatten({**point, "previous": previous}) for point, previous in points]


def _goal_rows(report: Report) -> list[Row]:
    """The values of the dimension, else the buckets, else the totals."""
    if "rows" in report:
        return [_goal_row(row) for row in report["rows"]]
    if "series" in report:
        before = report.get("previous", {}).get("series", ())
        points: Iterator[tuple[Report, Report]] = zip_longest(report["series"], before, fillvalue={})
        return [_goal_row({**point, "previous": previous}) for point, previous in points]
    bounds = {name: report["meta"][name] for name in ("from", "to")}
    return [{**bounds, **_goal_row({name: part for name, part in report.items() if name not in ("meta", "goal")})}]


def _goal_row(row: Report) -> Row:
    """A column for each currency: `amount_EUR`."""
    amounts = {f"amount_{one['currency'] or ''}".rstrip("_"): one["amount"] for one in row.get("amounts", ())}
    before = {"previous": _goal_row(row["previous"])} if row.get("previous") else {}
    return _flatten({**row, **amounts, **before})


def _retention_rows(report: Report) -> list[Row]:
    return [row for cohort in report["cohorts"] for row in _cohort_rows(cohort)]


def _cohort_rows(cohort: Report) -> Iterator[Row]:
    for number, (users, rate) in enumerate(zip(cohort["retained"], cohort["rates"], strict=True)):
        yield {"cohort": cohort["start"], "size": cohort["size"], "units_after": number, "users": users, "rate": rate}


FIGURE_COLUMNS = (
    "page_views",
    "visitors",
    "visits",
    "bounce_rate",
    "avg_visit_duration_s",
    "views_per_visit",
    "events",
)
SUMMARY = ReportFormats("summary", _summary_rows, figures.draw_summary, ("from", "to", *FIGURE_COLUMNS))
TIMESERIES = ReportFormats(
    "timeseries", _timeseries_rows, figures.draw_timeseries, ("date", "ts", "to", *FIGURE_COLUMNS)
)
BREAKDOWN = ReportFormats(
    "breakdown",
    lambda report: [_flatten(row) for row in report["rows"]],
    figures.draw_breakdown,
    ("value", "events", "visitors", "visits", "page_views", "share"),
)
GOAL = ReportFormats("goal", _goal_rows, figures.draw_goal, ("value", "conversions", "users", "active_users", "rate"))
FUNNEL = ReportFormats(
    "funnel", lambda report: [_flatten(row) for row in report["step_analytics"]], figures.draw_funnel, ()
)
RETENTION = ReportFormats(
    "retention", _retention_rows, figures.draw_retention, ("cohort", "size", "units_after", "users", "rate")
)

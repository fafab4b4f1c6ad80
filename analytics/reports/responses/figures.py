"""Reports as figures of Plotly: `data`, a list of traces, and `layout`. Pure.

formats.py calls it with the JSON of a report. https://plotly.com/python/reference/ has the attributes.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Report = Mapping[str, Any]
Figure = dict[str, Any]
COUNTS = ("visitors", "visits", "page_views", "events")
INDICATORS_A_ROW = 4
NO_VALUE = "(none)"


def draw_summary(report: Report) -> Figure:
    """A number for each figure, with its change where the report compares."""
    names = [name for name in report if name not in ("meta", "previous", "current", "change")]
    traces = [_indicator(report, name, number) for number, name in enumerate(names)]
    rows = -(-len(names) // INDICATORS_A_ROW)
    grid = {"rows": rows, "columns": INDICATORS_A_ROW, "pattern": "independent"}
    return _figure(report, "Summary", traces, grid=grid)


def _indicator(report: Report, name: str, number: int) -> Figure:
    row, column = divmod(number, INDICATORS_A_ROW)
    figures = report.get("current", report)
    trace = {
        "type": "indicator",
        "mode": "number",
        "value": figures[name],
        "title": {"text": name},
        "domain": {"row": row, "column": column},
    }
    before = report.get("previous", {}).get(name)
    return trace if before is None else trace | {"mode": "number+delta", "delta": {"reference": before}}


def draw_timeseries(report: Report) -> Figure:
    """A line for each count; the previous period's are dotted, on a time axis of their own."""
    traces = [_line(report["series"], name, name) for name in COUNTS]
    axes: Figure = {"xaxis": {"type": "date"}, "yaxis": {"rangemode": "tozero"}}
    if previous := report.get("previous"):
        dotted = {"xaxis": "x2", "line": {"dash": "dot"}}
        traces += [_line(previous["series"], name, f"{name} (previous)") | dotted for name in COUNTS]
        axes["xaxis2"] = {"type": "date", "overlaying": "x", "side": "top"}
    return _figure(report, f"By {report['granularity']}", traces, **axes)


def _line(series: Sequence[Report], name: str, label: str) -> Figure:
    times, counts = [point["ts"] for point in series], [point[name] for point in series]
    return {"type": "scatter", "mode": "lines", "name": label, "x": times, "y": counts}


def draw_breakdown(report: Report) -> Figure:
    """Bars, the first row on top; of all figures but the one that the rows rank by the legend is shown alone."""
    rows = report["rows"]
    names = [name for name in (rows[0] if rows else ()) if name not in ("value", "share", "previous", "change")]
    names = [name for name in names if any(row[name] is not None for row in rows)]
    shown = report["ranked_by"] if report["ranked_by"] in names else next(iter(names), None)
    traces = [_bars(rows, rows, name, name) | _visible(name == shown) for name in names]
    if rows and "previous" in rows[0]:
        before = [row["previous"] for row in rows]
        traces += [_bars(rows, before, name, f"{name} (previous)") | _visible(name == shown) for name in names]
    axes = {"yaxis": {"type": "category", "autorange": "reversed"}, "barmode": "group"}
    return _figure(report, f"By {report['dimension']}", traces, **axes)


def _bars(rows: Sequence[Report], figures: Sequence[Report], name: str, label: str) -> Figure:
    values, counts = [_label(row["value"]) for row in rows], [row[name] for row in figures]
    return {"type": "bar", "orientation": "h", "name": label, "y": values, "x": counts}


def _visible(is_visible: bool) -> Figure:
    return {"visible": True if is_visible else "legendonly"}


def draw_goal(report: Report) -> Figure:
    """Bars of the values of the dimension, else lines of the buckets, else the totals."""
    names = ("conversions", "users")
    if "rows" in report:
        rows = report["rows"]
        axes = {"yaxis": {"type": "category", "autorange": "reversed"}, "barmode": "group"}
        return _figure(report, f"By {report['dimension']}", [_bars(rows, rows, one, one) for one in names], **axes)
    if "series" in report:
        axes = {"xaxis": {"type": "date"}, "yaxis": {"rangemode": "tozero"}}
        return _figure(
            report, f"By {report['granularity']}", [_line(report["series"], one, one) for one in names], **axes
        )
    traces = [_indicator(report, name, number) for number, name in enumerate((*names, "rate"))]
    grid = {"rows": 1, "columns": INDICATORS_A_ROW, "pattern": "independent"}
    return _figure(report, "Goal", traces, grid=grid)


def draw_funnel(report: Report) -> Figure:
    """How many reach each step."""
    steps = report["step_analytics"]
    names = [f"{step['step_order']}. {_label(step['step_name'])}" for step in steps]
    trace = {"type": "funnel", "y": names, "x": [step["visitors_reached"] for step in steps]}
    return _figure(report, "Funnel", [trace])


def draw_retention(report: Report) -> Figure:
    """A cell for each cohort and unit: the part of the cohort that came back."""
    cohorts = report["cohorts"]
    width = max((len(cohort["rates"]) for cohort in cohorts), default=0)
    trace = {
        "type": "heatmap",
        "x": list(range(width)),
        "y": [cohort["start"] for cohort in cohorts],
        "z": [[*cohort["rates"], *[None] * (width - len(cohort["rates"]))] for cohort in cohorts],
        "zmin": 0,
        "zmax": 1,
    }
    axes = {
        "xaxis": {"title": {"text": f"{report['unit']}s after"}},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    return _figure(report, "Retention", [trace], **axes)


def _figure(report: Report, title: str, traces: Sequence[Figure], **layout: Any) -> Figure:
    meta = report["meta"]
    text = f"{title}: {_label(meta['site'])}, {meta['from']} to {meta['to']}"
    return {"data": list(traces), "layout": {"title": {"text": text}, **layout}}


def _label(value: str | None) -> str:
    """Plotly takes some HTML for markup, links too, and what visitors send may hold it."""
    return NO_VALUE if value is None else escape(value, quote=False)

"""The canonical breakdown: what events say in one dimension, most first, page by page. canonical.py asks it."""

import base64
import binascii
from typing import Any, NamedTuple

import msgspec

from analytics.errors import BadInput, Problem
from analytics.extensions import settings
from analytics.reports.canonical import DIGITS, Asked, change
from analytics.reports.counted import PAGES, VIEWS, Line, Lines, Source

# Longer than any value that is stored, in four bytes a character.
MOST_CURSOR_CHARS = 20_000


class Place(NamedTuple):
    """The last line of a page: what it is ranked by, and its value."""

    amount: int
    value: str


def default_types(dimension: str) -> tuple[str, ...] | None:
    """Page views, but where they say little; None: events of all types."""
    return None if dimension in ("type", "subject") else VIEWS


def breakdown(asked: Asked, source: Source) -> dict[str, Any]:
    """A page of lines; what is not on it or an earlier one is under `other`. A value of null: the events have none.

    Raises BadInput for a cursor that is none of ours.
    """
    dimension = asked.query["dimension"]
    after = read_cursor(asked.query["cursor"]) if "cursor" in asked.query else None
    ranked = source.rank(asked.period, dimension)
    seen, page, rest = cut_page(ranked, after, int(asked.query.get("limit") or settings().top_results_limit))
    rows = _rows(asked, source, page, ranked.total)
    other = ranked.total - sum(line.amount for line in (*seen, *page))
    return {
        "dimension": dimension,
        "ranked_by": "visits" if dimension in PAGES else "events",
        "total": ranked.total,
        "rows": rows,
        "other": {"amount": other, "share": _share(other, ranked.total)},
        "next_cursor": make_cursor(page[-1]) if page and rest else None,
    }


def _rows(asked: Asked, source: Source, page: list[Line], total: int) -> list[dict[str, Any]]:
    dimension, previous = asked.query["dimension"], asked.previous
    values = [line.value for line in page]
    known = source.find(asked.period, dimension, values)
    lines = [known[value] for value in values]
    rows = [_figures(line) | {"share": _share(line.amount, total)} for line in lines]
    if previous is not None:
        found = source.find(previous, dimension, values)
        for line, row in zip(lines, rows, strict=True):
            # What was not there is nothing of what the line has.
            nothing = Line(line.value, *(None if figure is None else 0 for figure in line[1:]))
            before, now = _figures(found.get(line.value, nothing)), _figures(line)
            row |= {"previous": before, "change": change(now, before)}
    return [{"value": line.value or None, **row} for line, row in zip(lines, rows, strict=True)]


def _figures(line: Line) -> dict[str, Any]:
    return {"events": line.events, "visitors": line.visitors, "visits": line.visits}


def _share(amount: int, total: int) -> float | None:
    return round(amount / total, DIGITS) if total else None


def cut_page(ranked: Lines, after: Place | None, limit: int) -> tuple[list[Line], list[Line], list[Line]]:
    """The lines of earlier pages, of this one, and of those after it.

    A page begins after the rank and value of the one before, so that a line that rose meanwhile is not shown twice.
    """
    first = 0
    if after is not None:
        first = sum((-line.amount, line.value) <= (-after.amount, after.value) for line in ranked.lines)
    return ranked.lines[:first], ranked.lines[first : first + limit], ranked.lines[first + limit :]


def make_cursor(line: Line) -> str:
    """Opaque to callers: where the next page begins."""
    return base64.urlsafe_b64encode(msgspec.json.encode(Place(line.amount, line.value))).decode().rstrip("=")


def read_cursor(text: str) -> Place:
    """What `make_cursor` said. Raises BadInput for any other text."""
    try:
        if len(text) > MOST_CURSOR_CHARS or not text.isascii():
            raise ValueError(text)
        return msgspec.json.decode(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True), type=Place)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        detail = "cursor: not one that this report gave out; take next_cursor of the page before, or leave it out"
        raise BadInput(detail, [Problem(None, "cursor", "bad_parameter", detail)]) from error

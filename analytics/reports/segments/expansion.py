"""Filters that name segments: `segment:Mobile;country==DE` with the conditions of Mobile in place of its name.

reports/request.py expands the filter of a request; goals, steps of funnels and exports expand theirs when they are
used, so that a changed segment changes what they count (docs/decisions/0038).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from analytics.errors import BadInput, Problem, bad_parameter
from analytics.reports.filtering.filters import (
    EXAMPLE,
    MAX_CONDITIONS,
    SEGMENT_MARK,
    SegmentReference,
    parse_filter,
    parse_terms,
    segment_term,
)
from analytics.store.models import segments

# How many of a site's segments the refusal of an unknown one names.
MAX_LISTED = 10


class ExpandedFilter(NamedTuple):
    """`text` has conditions only. `segments`: the filter of each segment that was named, by the segment's name."""

    text: str
    segments: Mapping[str, str]


def fold_name(name: str) -> str:
    """What names have in common that find the same segment: case and white space at their ends do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())


def may_name_segments(filter_text: str) -> bool:
    """Whether `expand` can make a difference; False costs no parsing and no query."""
    return SEGMENT_MARK in filter_text


def list_references(filter_text: str) -> list[SegmentReference]:
    """The segments that the filter names, in its order. Raises BadInput."""
    if not may_name_segments(filter_text):
        return []
    return [term for term in parse_terms(filter_text) if isinstance(term, SegmentReference)]


def expand(
    connection: Connection,
    site_id: int,
    filter_text: str,
    parameter: str = "filter",
    *,
    keeps: bool = False,
    lists_names: bool = True,
) -> ExpandedFilter:
    """The filter with the conditions of the site's segments. One query where it names any.

    `keeps`: no named segment is deleted or renamed before the transaction ends. `lists_names`: the refusal of an
    unknown segment may name others. Raises BadInput for a filter that cannot be parsed, for an unknown segment, and
    for too many conditions.
    """
    references = list_references(filter_text)
    if not references:
        return ExpandedFilter(filter_text, {})
    found = _read(connection, site_id, [fold_name(one.name) for one in references], keeps)
    for one in references:
        if fold_name(one.name) not in found:
            raise _unknown(connection, site_id, one, parameter, lists_names)
    expanded = _replace(filter_text, references, {name: text for name, (_, text) in found.items()})
    _check_length(expanded, parameter)
    return ExpandedFilter(expanded, dict(found.values()))


# Served by uq_segments_site_id_folded_name.
def _read(connection: Connection, site_id: int, folded_names: Sequence[str], keeps: bool) -> dict[str, tuple[str, str]]:
    """Folded name → name, filter."""
    query = select(segments.c.folded_name, segments.c.name, segments.c.filter)
    query = query.where(segments.c.site_id == site_id, segments.c.folded_name.in_(folded_names))
    if keeps:
        query = query.order_by(segments.c.folded_name).with_for_update(read=True, key_share=True)
    return {folded: (name, text) for folded, name, text in connection.execute(query)}


def _replace(filter_text: str, references: Sequence[SegmentReference], filters: Mapping[str, str]) -> str:
    parts, position = list[str](), 0
    for one in references:
        parts += [filter_text[position : one.start], filters[fold_name(one.name)]]
        position = one.end
    return "".join(parts) + filter_text[position:]


def _check_length(expanded: str, parameter: str) -> None:
    """Only the number of conditions can be wrong with a whole that is made of valid parts."""
    try:
        parse_filter(expanded)
    except BadInput as error:
        detail = f"with those of its segments it has more than {MAX_CONDITIONS} conditions; accepted: at most "
        raise bad_parameter(parameter, f"{detail}{MAX_CONDITIONS}", EXAMPLE) from error


def _unknown(
    connection: Connection, site_id: int, reference: SegmentReference, parameter: str, lists_names: bool
) -> BadInput:
    detail = f"{parameter}: the site has no segment {reference.name.strip()!r}"
    detail += _describe_names(connection, site_id) if lists_names else "; accepted: the name of a segment of the site"
    return BadInput(
        detail, [Problem(None, parameter, "unknown_segment", detail)], position=reference.start, expected="a segment"
    )


def _describe_names(connection: Connection, site_id: int) -> str:
    query = select(segments.c.name).where(segments.c.site_id == site_id).order_by(segments.c.folded_name)
    names = connection.execute(query.limit(MAX_LISTED + 1)).scalars().all()
    if not names:
        return ", and none at all; POST /api/analytics/segments creates one"
    more = "" if len(names) <= MAX_LISTED else " and others, which GET /api/analytics/segments lists"
    return f"; accepted: {', '.join(map(segment_term, names[:MAX_LISTED]))}{more}"

"""Which raw rows an export holds, events or samples, and the SQL that finds them. sources.py and increments.py ask.

A filter is what callers give, by type, person, name and tags, or in the language of the reports (reports/filters.py),
so that a file holds what a report counted. SELECT only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.dialects.postgresql.base import PGDialect

from analytics.columns import BOUND, Column, copy_statement
from analytics.errors import BadInput, Problem
from analytics.period import Period
from analytics.reports import events as raw_events
from analytics.reports.filters import conditions, parse_filter
from analytics.store.models import events
from analytics.store.reading import Stored


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: of these types (empty: all), of this user (None: all), programs too, where this holds.

    Which samples: of these names (empty: all), with all these tags.
    """

    types: tuple[str, ...] = ()
    user_id: str | None = None
    include_bots: bool = True
    # The same user's other name: from before ANONYMIZE_USER_IDS was turned on, or off.
    other_id: str | None = None
    where: str | None = None
    names: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Canonical; what is not asked for of the last four is left out."""
        rest: dict[str, Any] = {"other_id": self.other_id, "where": self.where}
        rest |= {"names": sorted(set(self.names)), "tags": dict(sorted(self.tags))}
        shown = {"types": sorted(set(self.types)), "user_id": self.user_id, "include_bots": self.include_bots}
        return shown | {name: value for name, value in rest.items() if value}

    @classmethod
    def of_json(cls, given: dict[str, Any]) -> "Filter":
        """The filter that `as_json` wrote; other fields of `given` are not looked at."""
        return cls(
            tuple(given["types"]),
            given["user_id"],
            given["include_bots"],
            given.get("other_id"),
            given.get("where"),
            tuple(given.get("names", ())),
            tuple(sorted(given.get("tags", {}).items())),
        )

    @property
    def is_countable(self) -> bool:
        """Whether rollups can say how many rows there are."""
        return not self.where and not self.tags


class Table(NamedTuple):
    """Raw rows: their table, its column that tells those of one instant apart, and all columns of a file."""

    name: str
    id_column: str
    columns: tuple[Column, ...]


SAMPLE_COLUMNS = (
    *(Column("sample_id", "plain"), Column("ts", "instant"), Column("received_at", "instant"), Column("name")),
    *(Column("value", "number"), Column("kind"), Column("tags", "json")),
)
EVENTS = Table("events", "event_id", raw_events.EVENT_COLUMNS)
SAMPLES = Table("samples", "sample_id", SAMPLE_COLUMNS)


def table_of(what: str) -> Table:
    return SAMPLES if what == "samples" else EVENTS


def check(what: str, asked: Filter) -> None:
    """Raises BadInput, with the `position` of what is wrong in the text filter."""
    if what == "samples":
        if asked.types or asked.user_id or asked.where or not asked.include_bots:
            raise _refuse("filter", "samples are narrowed by name and tags; they have no type, user or programs")
    elif asked.names or asked.tags:
        raise _refuse("filter", f"name and tags are of samples, not of {what}; for example what=samples")
    elif asked.where is not None:
        _check_where(what, asked.where)


def _check_where(what: str, where: str) -> None:
    if what == "report":
        raise _refuse("filter.where", "figures are kept of all that was counted; filter events, or query a report")
    try:
        parse_filter(where)
    except BadInput as error:
        found = error.detail.removeprefix("filter: ").partition("; for example")[0]
        raise _refuse("filter.where", f"{found}; for example country==DE;payload.plan!=free", **error.extra) from error


def _refuse(name: str, detail: str, **extra: Any) -> BadInput:
    whole = f"{name}: {detail}"
    return BadInput(whole, [Problem(None, name, "bad_parameter", whole)], **extra)


class Selection(NamedTuple):
    """SQL from FROM through WHERE with psycopg2's placeholders, and what they stand for but for `start` and `end`."""

    table: Table
    rows: str
    given: dict[str, Any]


# Served by partition pruning on ts; inside a partition by ix_samples_site_id_name_ts where names are given.
WANTED_SAMPLES = """
    FROM samples
    WHERE site_id = %(site_id)s
      AND samples.ts >= %(start)s
      AND samples.ts < %(end)s
      AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s::text[]))
      AND (%(tags)s::jsonb IS NULL OR tags @> %(tags)s::jsonb)
      AND (%(received_from)s::timestamptz IS NULL OR samples.received_at >= %(received_from)s)
      AND (%(received_before)s::timestamptz IS NULL OR samples.received_at < %(received_before)s)
"""
WANTED_EVENTS = raw_events.WANTED.partition("ORDER BY")[0]
DIALECT: PGDialect = psycopg2.dialect()  # type: ignore[no-untyped-call]


def select_rows(
    what: str, site_id: int, period: Period, asked: Filter, received_from: datetime | None, received_before: datetime
) -> Selection:
    """Those of the site that the filter means, received in `[received_from, received_before)`."""
    if what == "samples":
        received = {"received_from": received_from, "received_before": received_before}
        tags = msgspec.json.encode(dict(asked.tags)).decode() if asked.tags else None
        given = {"site_id": site_id, "names": list(asked.names) or None, "tags": tags}
        return Selection(SAMPLES, WANTED_SAMPLES, given | received)
    wanted = raw_events.Wanted(site_id, period, asked.types, None, asked.include_bots, received_from, received_before)
    rows, given = WANTED_EVENTS, raw_events.bound(wanted)
    if asked.user_id is not None:
        rows += "  AND user_id = ANY(%(user_ids)s::text[])\n"
        given["user_ids"] = [name for name in (asked.user_id, asked.other_id) if name is not None]
    if asked.where is not None:
        condition, values = _condition(asked.where)
        rows, given = f"{rows}  AND {condition}\n", given | values
    return Selection(EVENTS, rows, given)


def _condition(where: str) -> tuple[str, dict[str, Any]]:
    """The text filter as SQL, and its values: each of them is bound."""
    found = conditions(parse_filter(where), events.c)
    compiled = found.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    return str(compiled), dict(compiled.params)


def statements(
    selection: Selection, period: Period, stored: Sequence[Stored], columns: Sequence[Column], form: str, zone: str
) -> Iterator[raw_events.Statement]:
    """COPYs of the rows for a file of that format, in the order (ts, id)."""
    statement = copy_statement(columns, form, zone, _ordered(selection, columns, form))
    for start, end in raw_events.slices(period, stored):
        yield statement, {**selection.given, **BOUND, "start": start, "end": end}


def _ordered(selection: Selection, columns: Sequence[Column], form: str) -> str:
    """FROM what, in order. Cells of csv are made before the sort, and so while the statement before is sent: PostgreSQL
    is slower than who takes them. Of the others it is faster: there they are made after it, and rows come sooner. The
    outer order is the inner one, and is not sorted again."""
    table, id_column, _ = selection.table
    rows, order = selection.rows, f"ORDER BY {table}.ts, {table}.{id_column}"
    if form == "csv":
        return f"{rows} {order}"
    names = dict.fromkeys([*(column.name for column in columns), "ts", id_column])
    return f"FROM (SELECT {', '.join(names)} {rows} {order}) AS {table} {order}"

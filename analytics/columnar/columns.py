"""The columns of column files, how rows of PostgreSQL become rows of them, and their order. The only place that knows.

Texts are what reports show: campaigns are folded, regions and cities begin with their country, and "no value" is NULL,
never ''. Times are microseconds since 1970. Readers find columns by name, so a later release may add some.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

import psycopg2
import pyarrow as pa
import pyarrow.csv as csv
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from analytics.store.folding import FOLDED_FIELDS, fold_sql

# Texts that an event has, and a visit of its first page view.
_SHARED_TEXTS = (
    *("referrer", "source", "channel", "country", "region", "city", "browser", "os", "device"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
)
# Texts that a visit has.
VISIT_TEXTS = ("entry_path", "exit_path", *_SHARED_TEXTS)
# Result rows up to so many bytes of CSV are kept in memory.
SPOOL_BYTES = 64 << 20

_REPEATED_TEXT = pa.dictionary(pa.int32(), pa.string())


class Kind(NamedTuple):
    """Events or visits: the columns, those that files are sorted by, and how PostgreSQL writes a row."""

    schema: pa.Schema
    order: list[tuple[str, str]]
    # With psycopg2's placeholders.
    query: str


def _microseconds(column: str) -> str:
    # A double holds the microseconds of this century to a quarter of one.
    return f"round(date_part('epoch', {column}) * 1000000)::bigint"


def _place(*columns: str) -> str:
    names = ", ".join(f"coalesce({column}, '')" for column in columns)
    return f"CASE WHEN {columns[-1]} <> '' THEN concat_ws('/', {names}) END"


_EXPRESSIONS = {
    **{name: f"nullif({fold_sql(name)}, '')" for name in FOLDED_FIELDS},
    **{name: _microseconds(name) for name in ("ts", "received_at", "started_at", "ended_at")},
    "region": _place("country", "region"),
    "city": _place("country", "region", "city"),
    "payload": "payload::text",
    # Orders events whose position is not known (docs/decisions/0026).
    "tie": "CASE WHEN position < 0 THEN event_id::text END",
}


def _make_kind(
    numbers: Mapping[str, pa.DataType], repeated: Sequence[str], texts: Sequence[str], order: Sequence[str], rest: str
) -> Kind:
    """`repeated` texts have few values; `rest`: the query after its columns."""
    fields = [pa.field(name, kind, nullable=False) for name, kind in numbers.items()]
    fields += [pa.field(name, _REPEATED_TEXT) for name in repeated]
    fields += [pa.field(name, pa.string()) for name in texts]
    usual = {**dict.fromkeys(numbers, "{0}"), **dict.fromkeys((*repeated, *texts), "nullif({0}, '')")}
    columns = ", ".join(_EXPRESSIONS.get(name, form.format(name)) for name, form in usual.items())
    return Kind(pa.schema(fields), [(name, "ascending") for name in order], f"SELECT {columns}\n{rest}")


# Served by partition pruning on ts; inside the day's partition by ix_events_drain_no (BRIN) where a drain is given, and
# else by ix_events_ts. `site_id + 0` leaves out uq_events, which leads with the site and knows neither.
EVENTS = _make_kind(
    {"user_no": pa.int64(), "ts": pa.int64(), "received_at": pa.int64(), "position": pa.int32(), "is_bot": pa.bool_()},
    ("type", "subject", "src", "session_id", "path", "hostname", *_SHARED_TEXTS, "language", "screen"),
    # JSON as PostgreSQL writes it.
    ("payload", "tie"),
    ("user_no", "ts", "received_at", "position", "tie"),
    """FROM events
WHERE site_id + 0 = %(site_id)s AND ts >= %(start)s AND ts < %(end)s AND drain_no > %(after)s""",
)
# Served by ix_visits_site_id_started_at.
VISITS = _make_kind(
    {
        "user_no": pa.int64(),
        "started_at": pa.int64(),
        "ended_at": pa.int64(),
        "views": pa.int32(),
        "is_bot": pa.bool_(),
    },
    ("session_id", *VISIT_TEXTS),
    (),
    ("user_no", "started_at"),
    """FROM visits
WHERE site_id = %(site_id)s AND started_at >= %(start)s AND started_at < %(end)s""",
)

# Events with the values of the visit that each is in (event_visits.py); `visit_started_at` is NULL for none. One that
# is not `is_named` in a file is looked up: a visit of its session may go on for days.
EVENTS_IN_VISITS = EVENTS._replace(
    schema=pa.schema(
        [
            *EVENTS.schema,
            pa.field("is_named", pa.bool_(), nullable=False),
            pa.field("visit_started_at", pa.int64()),
            *(pa.field(f"visit_{name}", _REPEATED_TEXT) for name in VISIT_TEXTS),
        ]
    )
)


def read_rows(connection: Connection, kind: Kind, parameters: Mapping[str, Any], most: int) -> Iterator[pa.Table]:
    """The rows of the kind's query, in no order, in tables of about `most` rows. One query, whose result lies on disk
    where it is large."""
    cursor: Any = connection.connection.cursor()
    with cursor, SpooledTemporaryFile(SPOOL_BYTES) as file:
        query = cursor.mogrify(kind.query, parameters)
        try:
            cursor.copy_expert(b"COPY (" + query + b") TO STDOUT (FORMAT csv)", file)
        except psycopg2.OperationalError as error:
            # As SQLAlchemy raises it: callers handle a statement timeout in one way.
            raise OperationalError(kind.query, None, error) from error
        if file.tell():
            file.seek(0)
            yield from _tables(_parse(file, kind.schema), kind.schema, most)


def _tables(batches: Iterable[pa.RecordBatch], schema: pa.Schema, most: int) -> Iterator[pa.Table]:
    kept: list[pa.RecordBatch] = []
    for batch in batches:
        kept.append(batch)
        if sum(map(len, kept)) >= most:
            yield pa.Table.from_batches(kept).cast(schema)
            kept = []
    if kept:
        yield pa.Table.from_batches(kept).cast(schema)


def _parse(file: Any, schema: pa.Schema) -> Iterable[pa.RecordBatch]:
    """CSV of PostgreSQL: NULL is empty, an empty text is quoted."""
    batches: Iterable[pa.RecordBatch] = csv.open_csv(
        file,
        csv.ReadOptions(column_names=schema.names, block_size=8 << 20),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
            true_values=["t"], false_values=["f"],
        ),
    )  # fmt: skip
    return batches

"""The columns of a column file, how raw events become rows of them, and the order of the rows. The only place that knows.

Texts are what reports show: campaigns are folded, regions and cities begin with their country, and "no value" is NULL,
never ''. Times are microseconds since 1970. Readers find further columns by name, so a file may lack later ones.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
from sqlalchemy import Connection

from analytics.store.folding import FOLDED_FIELDS, fold_sql

NUMBERS = {
    "user_no": pa.int64(),
    "ts": pa.int64(),
    "received_at": pa.int64(),
    "position": pa.int32(),
    "is_bot": pa.bool_(),
}
TEXTS = (
    *("type", "subject", "src", "session_id", "path", "hostname", "referrer", "source", "channel"),
    *("country", "region", "city", "browser", "os", "device", "language", "screen"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
)
# JSON, as PostgreSQL writes it.
PAYLOAD = "payload"
# Only of events whose position is not known (docs/decisions/0026), which it orders.
TIE = "tie"
# docs/decisions/0026, of each user.
ORDER = [(name, "ascending") for name in ("user_no", "ts", "received_at", "position", TIE)]
SCHEMA = pa.schema(
    [
        *(pa.field(name, kind, nullable=False) for name, kind in NUMBERS.items()),
        *(pa.field(name, pa.dictionary(pa.int32(), pa.string())) for name in TEXTS),
        pa.field(PAYLOAD, pa.string()),
        pa.field(TIE, pa.string()),
    ]
)
# Rows up to so many bytes of CSV are kept in memory.
SPOOL_BYTES = 64 << 20


def _microseconds(column: str) -> str:
    # A double holds microseconds of this century to a quarter.
    return f"round(date_part('epoch', {column}) * 1000000)::bigint"


def _place(*columns: str) -> str:
    names = ", ".join(f"coalesce({column}, '')" for column in columns)
    return f"CASE WHEN {columns[-1]} <> '' THEN concat_ws('/', {names}) END"


_EXPRESSIONS = {
    **{name: f"nullif({fold_sql(name)}, '')" for name in FOLDED_FIELDS},
    "ts": _microseconds("ts"),
    "received_at": _microseconds("received_at"),
    "is_bot": "is_bot",
    "region": _place("country", "region"),
    "city": _place("country", "region", "city"),
    PAYLOAD: "payload::text",
    TIE: "CASE WHEN position < 0 THEN event_id::text END",
}


def _expression(field: pa.Field) -> str:
    usual = f"nullif({field.name}, '')" if field.name in TEXTS else field.name
    return _EXPRESSIONS.get(field.name, usual)


# Served by partition pruning on ts; inside the day's partition by ix_events_drain_no (BRIN) where a drain is given, and
# else by ix_events_ts. `site_id + 0` leaves out uq_events, which leads with the site and knows neither.
SELECT = f"""
SELECT {", ".join(map(_expression, SCHEMA))}
FROM events
WHERE site_id + 0 = %(site_id)s AND ts >= %(start)s AND ts < %(end)s AND drain_no > %(after)s
"""  # noqa: S608  # of constants


def read_rows(
    connection: Connection, site_id: int, start: datetime, end: datetime, after: int, most: int
) -> Iterator[pa.Table]:
    """The site's raw events of `[start, end)` that drains after number `after` stored, in no order, in tables of about
    `most` rows. One query, whose result lies on disk where it is large."""
    cursor: Any = connection.connection.cursor()
    with cursor, SpooledTemporaryFile(SPOOL_BYTES) as file:
        query = cursor.mogrify(SELECT, {"site_id": site_id, "start": start, "end": end, "after": after})
        cursor.copy_expert(b"COPY (" + query + b") TO STDOUT (FORMAT csv)", file)
        if file.tell():
            file.seek(0)
            yield from _tables(_parse(file), most)


def _tables(batches: Iterable[pa.RecordBatch], most: int) -> Iterator[pa.Table]:
    kept: list[pa.RecordBatch] = []
    for batch in batches:
        kept.append(batch)
        if sum(map(len, kept)) >= most:
            yield pa.Table.from_batches(kept).cast(SCHEMA)
            kept = []
    if kept:
        yield pa.Table.from_batches(kept).cast(SCHEMA)


def _parse(file: Any) -> Iterable[pa.RecordBatch]:
    """CSV of PostgreSQL: NULL is empty, an empty text is quoted."""
    return csv.open_csv(
        file,
        csv.ReadOptions(column_names=SCHEMA.names, block_size=8 << 20),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=SCHEMA, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
            true_values=["t"], false_values=["f"],
        ),
    )  # fmt: skip


def sort_rows(table: pa.Table) -> pa.Table:
    """The rows in the order of a column file."""
    return table.sort_by(ORDER)

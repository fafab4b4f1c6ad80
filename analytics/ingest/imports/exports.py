"""The files of our own exports as records: CSV, NDJSON and Parquet whose rows are stored as they are. No database.

cli.py chooses a format with it; ingest/exported_rows.py checks the rows. Parquet is read as NDJSON, a line a row, so
that lines, digests and checkpoints work as for any other file.
"""

from datetime import timedelta
from typing import Any

import msgspec

from analytics.errors import BadInput
from analytics.ingest.exported_rows import SITE_COLUMNS, is_exported
from analytics.ingest.imports.formats import (
    NDJSON,
    NOT_AN_OBJECT,
    Convert,
    ImportFormat,
    MakeId,
    csv_format,
    decode_object,
)
from analytics.ingest.imports.records import LineReader, Record, UnreadableRecord, read_csv_columns
from analytics.ingest.imports.sources import Source

AS_STORED = "as stored"
_encode = msgspec.json.Encoder().encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def choose_csv_format(source: Source, renames: dict[str, str]) -> ImportFormat:
    """CSV with the columns in `renames` under other names. Raises BadInput for a header that cannot be used."""
    refuse_parquet(source)
    with source.open() as stream:
        columns = read_csv_columns(LineReader(stream), renames)
    if not is_exported(columns):
        return csv_format(renames)
    return _as_stored(csv_format(renames, keep_derived=True), convert_csv_row)


def choose_ndjson_format(source: Source) -> ImportFormat:
    """NDJSON; that of an export where the first line is one of its rows."""
    refuse_parquet(source)
    return _choose_by_first_line(source, NDJSON)


def choose_parquet_format(source: Source) -> ImportFormat:
    """Rows of Parquet as NDJSON. Raises BadInput for another file."""
    if not source.is_parquet:
        raise BadInput(f"{source.name} is not Parquet; accepted: a Parquet file, for example events.parquet")
    return _choose_by_first_line(source, NDJSON._replace(name="parquet"))


def refuse_parquet(source: Source) -> None:
    if source.is_parquet:
        raise BadInput(f"{source.name} is Parquet; import it with: flask import parquet {source.name}")


def _choose_by_first_line(source: Source, other: ImportFormat) -> ImportFormat:
    with source.open() as stream:
        first = next((record.text for record in other.read_records(LineReader(stream)) if record.text.strip()), b"")
    try:
        columns = decode_object(first, NOT_AN_OBJECT)
    except UnreadableRecord:
        return other
    if not is_exported(columns):
        return other
    return _as_stored(other, convert_json_row)


def _as_stored(file_format: ImportFormat, convert: Convert) -> ImportFormat:
    options = f"{file_format.options}\n{AS_STORED}"
    return file_format._replace(convert=convert, options=options, holds_exported_rows=True)


def convert_csv_row(record: Record, _make_id: MakeId, _: timedelta) -> bytes:
    """A row of an exported CSV as JSON; an empty cell is a missing value."""
    row: dict[str, Any] = {
        name: cell for name, cell in (record.cells or {}).items() if cell != "" and name not in SITE_COLUMNS
    }
    if row.get("is_bot") in ("true", "false"):
        row["is_bot"] = row["is_bot"] == "true"
    if "payload" in row:
        decode_object(row["payload"], 'payload is not a JSON object; accepted, for example: {"plan": "pro"}')
        row["payload"] = msgspec.Raw(row["payload"].encode())
    return _encode(row)


def convert_json_row(record: Record, _make_id: MakeId, _: timedelta) -> bytes:
    """A line of an exported NDJSON, without the columns that the site gives anew."""
    decode_object(record.text, NOT_AN_OBJECT)
    return _encode({name: raw for name, raw in _decode_members(record.text).items() if name not in SITE_COLUMNS})

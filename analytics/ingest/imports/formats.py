"""Import formats: how a file is split into records, and how a record becomes an event's JSON. Pure.

The commands choose a format; run.py converts. Raises UnreadableRecord for a record that is no event.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import msgspec

from analytics.ingest.dialects import BATCH, FIELD_ALIASES
from analytics.ingest.imports.access_logs.formats import LOG_FORMATS, LogFormat, parse_record
from analytics.ingest.imports.parquet import PAYLOAD_NAMES
from analytics.ingest.imports.records import (
    LineReader,
    Record,
    UnreadableRecord,
    read_csv_records,
    read_line_records,
)

ACCESS_LOG = "access-log"
CANONICAL_FIELDS = frozenset(
    (
        *("type", "ts", "user_id", "src", "payload", "event_id", "session_id", "site_id", "path", "referrer"),
        *("user_agent", "ip", "subject", "country", "region", "city", "hostname", "language", "screen"),
        *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    )
)
TS_MISSING = "ts is missing; accepted: the time of the event, for example 2026-01-31T12:00:00Z"
_ID_NAMES = frozenset(("event_id", *(name for name, field in FIELD_ALIASES.items() if field == "event_id")))
_encode = msgspec.json.Encoder().encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

NOT_AN_OBJECT = 'the line is not a JSON object; accepted, for example: {"type": "login", "ts": "2026-01-31T12:00:00Z"}'

MakeId = Callable[[], str]
Convert = Callable[[Record, MakeId, timedelta], bytes]


class ImportFormat(NamedTuple):
    """A kind of file: `read_records` splits lines into records, `convert` makes a record an event's JSON, `read_ts`
    reads the time of a log's record. With other `options` the same file is another import. `holds_exported_rows`: the
    JSON is a row of an export, to be stored as it is."""

    name: str
    read_records: Callable[[LineReader], Iterator[Record]]
    convert: Convert
    options: str = ""
    read_ts: Callable[[Record], datetime | None] = lambda _: None
    holds_exported_rows: bool = False


def convert_log_record(record: Record, make_id: MakeId, shift: timedelta, log_format: LogFormat) -> bytes:
    """An access log's line as canonical JSON."""
    event = parse_record(record, log_format)
    try:
        event["ts"] += shift
    except OverflowError as error:
        raise UnreadableRecord("the shifted time is beyond the year 9999") from error
    event["event_id"] = make_id()
    return _encode(event)


def read_log_ts(record: Record, log_format: LogFormat) -> datetime | None:
    """The time of an access log's line; None for an unreadable one."""
    try:
        ts: datetime = parse_record(record, log_format)["ts"]
    except ValueError:
        return None
    return ts


def convert_csv_record(record: Record, make_id: MakeId, _: timedelta) -> bytes:
    """A CSV row as canonical JSON."""
    source: dict[str, Any] = {name: cell for name, cell in (record.cells or {}).items() if cell != ""}
    for name in PAYLOAD_NAMES & source.keys():
        problem = f'{name} is not a JSON object; accepted, for example: {{"plan": "pro"}}'
        decode_object(source[name], problem)
        # The JSON of each value as it is written: a number may have more digits than a float.
        source[name] = _decode_members(source[name])
    event, _names = BATCH.rename(source)
    event["ts"] = _parse_ts(event.get("ts"))
    event.setdefault("event_id", make_id())
    return _encode(event)


def convert_ndjson_record(record: Record, make_id: MakeId, _: timedelta) -> bytes:
    """A line of NDJSON as it is, with an id where it has none."""
    source = decode_object(record.text, NOT_AN_OBJECT)
    if BATCH.rename(source)[0].get("ts") in (None, ""):
        raise UnreadableRecord(TS_MISSING)
    text = record.text.strip()
    if any(source.get(name) is not None for name in _ID_NAMES):
        return text
    if "event_id" in source:
        return _encode({**_decode_members(text), "event_id": make_id()})
    return b'{"event_id":"' + make_id().encode() + b'",' + text[1:]


def decode_object(text: str | bytes, problem: str) -> dict[str, Any]:
    """The JSON object that the text is. Raises UnreadableRecord(problem)."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UnreadableRecord(problem) from error


def _parse_ts(text: object) -> datetime:
    if not text:
        raise UnreadableRecord(TS_MISSING)
    try:
        ts = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise UnreadableRecord(f"ts {str(text)[:40]!r} is not a time; accepted: 2026-01-31T12:00:00Z") from None
    if ts.tzinfo is None:
        raise UnreadableRecord(f"ts {text!r} has no zone; accepted: 2026-01-31T12:00:00Z or +02:00")
    return ts


def access_log_format(name: str) -> ImportFormat:
    """The access log format of that name. All have one name for an import, by which a grown log is recognised."""
    log_format = LOG_FORMATS[name]
    return ImportFormat(
        ACCESS_LOG,
        log_format.read_records,
        partial(convert_log_record, log_format=log_format),
        name,
        partial(read_log_ts, log_format=log_format),
    )


def csv_format(renames: dict[str, str], keep_derived: bool = False) -> ImportFormat:
    """CSV with the columns in `renames` under other names; as read_csv_records."""
    options = "\n".join(sorted(f"{column}={name}" for column, name in renames.items()))
    read_records = partial(read_csv_records, renames=renames, keep_derived=keep_derived)
    return ImportFormat("csv", read_records, convert_csv_record, options)


NDJSON = ImportFormat("ndjson", read_line_records, convert_ndjson_record)

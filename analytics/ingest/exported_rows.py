"""Rows of our own exports on their way back: checked by imports, stored by the drain as they were. Pure.

What an export holds was derived once: which robot sent an event, from which source, with which browser. Deriving it
again from what is left (no user agent, a masked address) would make robots people. So such rows have every column as
stored, and only an import can send them: no request has a way to (docs/decisions/0032).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from analytics.errors import Problem
from analytics.ingest.decoding.events import (
    Name,
    NonEmptyName,
    Url,
    ValidationRules,
    describe_blank_type,
    describe_other_type,
    describe_outside_window,
)
from analytics.ingest.decoding.rejections import Batch, ProblemParts, describe_validation_error
from analytics.ingest.decoding.storable import MAX_DEPTH, NUL, TOO_DEEP, holds_nul, is_deeper
from analytics.sites.event_schemas.pointers import join_pointer
from analytics.store.event_types import stored_type
from analytics.web.ip_addresses import normalize_address
from analytics.web.json_errors import describe_malformed

# An export with these columns is one of ours. Others that it lacks are stored as missing.
REQUIRED_COLUMNS = frozenset(("event_id", "ts", "received_at", "type", "user_id", "is_bot"))
# Columns of an export that a site gives its rows anew.
SITE_COLUMNS = frozenset(("received_at", "user_no"))
UUID_PATTERN = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
NO_PAYLOAD = msgspec.Raw(b"null")


class ExportedRow(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A stored event in the columns of an export (reports/events/raw_export.py); None: NULL."""

    event_id: Annotated[str, Meta(pattern=UUID_PATTERN)]
    ts: Annotated[datetime, Meta(tz=True)]
    type: NonEmptyName
    user_id: Annotated[str, Meta(min_length=1, max_length=255)]
    is_bot: bool
    session_id: Name | None = None
    src: Name | None = None
    subject: Name | None = None
    path: Url | None = None
    referrer: Url | None = None
    source: Name | None = None
    country: Annotated[str, Meta(max_length=2)] | None = None
    region: Name | None = None
    city: Name | None = None
    browser: Name | None = None
    os: Name | None = None
    device: Name | None = None
    utm_source: Name | None = None
    utm_medium: Name | None = None
    utm_campaign: Name | None = None
    utm_term: Name | None = None
    utm_content: Name | None = None
    hostname: Name | None = None
    language: Name | None = None
    screen: Name | None = None
    channel: Name | None = None
    ip: str | None = None
    # The JSON as it is written: a number may have more digits than a float.
    payload: msgspec.Raw = NO_PAYLOAD


_decode_row = msgspec.json.Decoder(ExportedRow).decode
_decode_any = msgspec.json.Decoder().decode
decode_exported_rows = msgspec.json.Decoder(list[ExportedRow]).decode


def is_exported(columns: Collection[str]) -> bool:
    """Whether rows with these columns are those of an export."""
    return set(columns) >= REQUIRED_COLUMNS


def read_exported_batch(raws: Sequence[bytes], rules: ValidationRules) -> Batch[ExportedRow]:
    """The rows, each a JSON object, accepted or rejected with its index.

    Unlike events of requests they may be of any size: a number of five characters has three hundred as stored.
    """
    good, rows, rejected = list[bytes](), list[ExportedRow](), list[Problem]()
    for index, raw in enumerate(raws):
        row = _read_row(raw, rules)
        if isinstance(row, list):
            rejected += (Problem(index, *parts) for parts in row)
        else:
            good.append(raw)
            rows.append(row)
    return Batch(b"[" + b",".join(good) + b"]", rows, len(raws), rejected, [])


def _read_row(raw: bytes, rules: ValidationRules) -> ExportedRow | list[ProblemParts]:
    try:
        row = _decode_row(raw)
        payload = _decode_any(row.payload)
    except msgspec.ValidationError as error:
        field, code, detail = describe_validation_error(error, ExportedRow, {})
        return [(field, code, detail.removeprefix(": "))]
    except RecursionError:
        return [("payload", "too_deep", TOO_DEEP)]
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        return [("", "malformed", describe_malformed(error, raw))]
    return _find_problems(row, payload, raw, rules) or row


def _find_problems(row: ExportedRow, payload: Any, raw: bytes, rules: ValidationRules) -> list[ProblemParts]:
    problems: list[ProblemParts] = []
    if not rules.window.earliest <= row.ts <= rules.window.latest:
        problems.append(describe_outside_window("ts", row.ts, rules.window))
    if not stored_type(row.type):
        problems.append(describe_blank_type())
    elif rules.allowed_types is not None and stored_type(row.type) not in rules.allowed_types:
        problems.append(describe_other_type(row.type, rules.allowed_types))
    if row.ip is not None and not normalize_address(row.ip):
        problems.append(("ip", "not_an_address", f"{row.ip[:45]!r} is no IP address; accepted, for example 192.0.2.1"))
    if payload is not None and not isinstance(payload, dict):
        problems.append(("payload", "wrong_type", 'payload must be a JSON object, for example {"plan": "pro"}'))
    if is_deeper(payload, MAX_DEPTH):
        problems.append(("payload", "too_deep", TOO_DEEP))
    if holds_nul(raw):
        problems.append(("", "nul", NUL))
    if not problems and (validator := rules.validators.get(stored_type(row.type))) is not None:
        mismatches = validator.find_problems(payload, len(raw), True)
        problems += ((join_pointer("payload", found.path), "schema_mismatch", found.detail) for found in mismatches)
    return problems

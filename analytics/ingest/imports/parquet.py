"""Parquet as NDJSON: one line a row, without missing values. sources.py opens files with it. No database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from analytics.errors import BadInput
from analytics.ingest.dialects import FIELD_ALIASES

MAGIC = b"PAR1"
# Rows in memory at a time, beside the row group that they are of.
BATCH_ROWS = 1000
# Names of the payload, as callers call it.
PAYLOAD_NAMES = frozenset(("payload", *(name for name, field in FIELD_ALIASES.items() if field == "payload")))
_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_json_lines(path: Path) -> Iterator[bytes]:
    """Lines of about BATCH_ROWS rows. Raises BadInput for a file that pyarrow cannot read."""
    # pyarrow takes 40 MB, which only this needs.
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield b"".join(_encode_row(row) + b"\n" for row in batch.to_pylist())
    except (pa.ArrowException, ValueError, OSError, NotImplementedError) as error:
        raise BadInput(f"{path.name} is damaged or cut; accepted: a whole Parquet file, as it was written") from error


def _encode_row(row: dict[str, Any]) -> bytes:
    present = {name: value for name, value in row.items() if value is not None}
    for name in PAYLOAD_NAMES & present.keys():
        if isinstance(payload := present[name], str):
            present[name] = _as_json(payload)
    return _encode(present)


def _as_json(payload: str) -> msgspec.Raw | str:
    """The object that the text is, on one line; other text stays text, and is refused as a payload."""
    # JSON has these characters between tokens only.
    text = payload.replace("\n", " ").replace("\r", " ").encode()
    try:
        _decode_object(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return payload
    return msgspec.Raw(text)

"""The formats of access logs by name, and which of them a file is in. cli.py and imports/formats.py call it. Pure."""

import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from analytics.errors import BadInput
from analytics.ingest.imports.access_logs.alb import read_alb
from analytics.ingest.imports.access_logs.caddy import read_caddy
from analytics.ingest.imports.access_logs.entry import LogEntry, make_event
from analytics.ingest.imports.access_logs.lines import read_combined, read_common
from analytics.ingest.imports.access_logs.w3c import read_cloudfront, read_iis, read_w3c_records
from analytics.ingest.imports.records import LineReader, Record, UnreadableRecord, read_line_records

# The lines by which a file's format is recognised, and their bytes at most.
SAMPLE_LINES, SAMPLE_BYTES = 1000, 1 << 20
DEFAULT_FORMAT = "combined"


class LogFormat(NamedTuple):
    """A format: `read_records` splits a file, `read_entry` reads a record or raises UnreadableRecord."""

    read_entry: Callable[[Record], LogEntry]
    read_records: Callable[[LineReader], Iterator[Record]] = read_line_records


def _line_format(read: Callable[..., LogEntry], **options: bool) -> LogFormat:
    return LogFormat(lambda record: read(record.text, **options))


# Of two formats that fit a file equally, the first is its format: "10.0.0.1 192.0.2.1 - -" is an X-Forwarded-For of one
# address before the host rather than a virtual host without a name.
LOG_FORMATS: dict[str, LogFormat] = {
    "nginx_ingress": _line_format(read_combined, is_ingress=True),
    "combined": _line_format(read_combined),
    "common": _line_format(read_common),
    "vhost_combined": _line_format(read_combined, has_vhost=True),
    "vhost_common": _line_format(read_common, has_vhost=True),
    "caddy": _line_format(read_caddy),
    "alb": _line_format(read_alb),
    "cloudfront": LogFormat(read_cloudfront, partial(read_w3c_records, separator="\t")),
    "iis": LogFormat(read_iis, partial(read_w3c_records, separator=" ")),
}


def parse_record(record: Record, log_format: LogFormat) -> dict[str, Any]:
    """The record's event in canonical names, without an id. Raises UnreadableRecord."""
    if record.problem:
        raise UnreadableRecord(record.problem)
    return make_event(log_format.read_entry(record))


def recognize_format(lines: Iterable[bytes]) -> str:
    """The name of the format that the most of the first lines are in. Raises BadInput if they are in none.

    Cost: SAMPLE_BYTES are read once for each format.
    """
    sample = _read_sample(lines)
    counts = {name: _count_readable(sample, log_format) for name, log_format in LOG_FORMATS.items()}
    name = max(counts, key=counts.__getitem__)
    if counts[name]:
        return name
    first = next((number for number, line in enumerate(sample, 1) if line.strip()), None)
    if first is None:
        return DEFAULT_FORMAT
    names, problem = ", ".join(LOG_FORMATS), _find_problem(sample)
    raise BadInput(
        f"line {first} and the lines after it are in no known format ({DEFAULT_FORMAT}: {problem}); nothing was"
        f" imported; accepted: --format {names}"
    )


def _read_sample(lines: Iterable[bytes]) -> list[bytes]:
    sample, size = [], 0
    for line in islice(lines, SAMPLE_LINES):
        sample.append(line)
        size += len(line)
        if size >= SAMPLE_BYTES:
            break
    return sample


def _count_readable(sample: list[bytes], log_format: LogFormat) -> int:
    records = log_format.read_records(LineReader(io.BytesIO(b"".join(sample))))
    return sum(1 for record in records if record.text.strip() and _is_readable(record, log_format))


def _is_readable(record: Record, log_format: LogFormat) -> bool:
    try:
        parse_record(record, log_format)
    except ValueError:
        return False
    return True


def _find_problem(sample: list[bytes]) -> str:
    """Why the first line is not in the usual format."""
    text = next(line for line in sample if line.strip())
    try:
        parse_record(Record(1, text), LOG_FORMATS[DEFAULT_FORMAT])
    except ValueError as error:
        return str(error)
    return ""

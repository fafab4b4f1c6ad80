"""The formats and compressions that an export may have, with their media types and file suffixes. Pure.

Schemas, sources and the download read the tables; the writers of the formats are in writers.py.
"""

from typing import NamedTuple

from analytics.files import xlsx
from analytics.files.columns import Column

COMPRESSIONS = ("none", "gzip", "zstd")


class Format(NamedTuple):
    """`is_concatenable`: the parts of a file, one after the other, are the file."""

    name: str
    media_type: str
    suffix: str
    compressions: tuple[str, ...]
    is_concatenable: bool


FORMATS = {
    "csv": Format("csv", "text/csv; charset=utf-8", ".csv", COMPRESSIONS, is_concatenable=True),
    "ndjson": Format("ndjson", "application/x-ndjson", ".ndjson", COMPRESSIONS, is_concatenable=True),
    "xlsx": Format("xlsx", xlsx.MEDIA_TYPE, ".xlsx", ("none",), is_concatenable=False),
    "parquet": Format("parquet", "application/vnd.apache.parquet", ".parquet", ("none",), is_concatenable=False),
}
COMPRESSED_MEDIA_TYPES = {"gzip": "application/gzip", "zstd": "application/zstd"}
COMPRESSED_SUFFIXES = {"gzip": ".gz", "zstd": ".zst"}


class FileSpec(NamedTuple):
    """What a file looks like. `zone` is the one of its timestamps; `title` names its rows."""

    format: str
    compression: str
    columns: tuple[Column, ...]
    zone: str = "UTC"
    title: str = "Events"

    @property
    def is_concatenable(self) -> bool:
        return FORMATS[self.format].is_concatenable


def media_type(format_name: str, compression: str) -> str:
    """The Content-Type of a file."""
    return COMPRESSED_MEDIA_TYPES.get(compression) or FORMATS[format_name].media_type


def file_suffix(format_name: str, compression: str) -> str:
    """Such as `.csv.gz`."""
    return FORMATS[format_name].suffix + COMPRESSED_SUFFIXES.get(compression, "")

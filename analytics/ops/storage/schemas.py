"""Query, response and example of the storage of the service."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.web.site_parameters import SiteFields


class StorageQuery(SiteFields):
    """The site. Default: all sites of the caller."""


class DiskResponse(Schema):
    """Bytes of the disk that holds export files."""

    class Meta:
        include = required(fields.Integer, "free_bytes", "total_bytes")


class TableResponse(Schema):
    """A table with its indexes and all its partitions."""

    class Meta:
        include = required(fields.String, "table") | required(fields.Integer, "bytes", "partitions")


class DueStepResponse(Schema):
    """What the next retention run does. `bytes`: disk space that a drop frees. `is_estimate`: of `rows`. `site` null:
    of all sites."""

    class Meta:
        include = required(fields.String, "what", "before", "setting") | nullable(fields.String, "site")
        include |= required(fields.Integer, "rows", "bytes") | required(fields.Boolean, "is_estimate")

    action = fields.String(required=True, validate=OneOf(("drop", "delete", "mask")))


class FilesStatusResponse(Schema):
    """Of a site's UTC `days` with events, how many column files hold (`written`), and with their visits (`named`)."""

    class Meta:
        include = required(fields.String, "site") | required(
            fields.Integer, "days", "written", "named", "events", "bytes"
        )


class StorageResponse(Schema):
    """`disk` null: exports are in a bucket. `disk` and `tables` null, for an admin of some sites: they are of all."""

    disk = fields.Nested(DiskResponse, required=True, allow_none=True)
    tables = fields.List(fields.Nested(TableResponse), required=True, allow_none=True)
    retention = fields.List(fields.Nested(DueStepResponse), required=True)
    column_files = fields.List(fields.Nested(FilesStatusResponse), required=True)


STORAGE_EXAMPLE: dict[str, Any] = {
    "disk": {"free_bytes": 81_604_378_624, "total_bytes": 270_582_939_648},
    "tables": [{"table": "events", "bytes": 5_368_709_120, "partitions": 31}],
    "retention": [
        {
            "action": "drop",
            "what": "events of 2025-08-25",
            "before": "2025-08-26",
            "rows": 405_000,
            "is_estimate": True,
            "bytes": 179_306_496,
            "setting": "EVENT_RETENTION_DAYS",
            "site": None,
        }
    ],
    "column_files": [
        {"site": "shop", "days": 90, "written": 90, "named": 89, "events": 12_000_000, "bytes": 286_800_000}
    ],
}

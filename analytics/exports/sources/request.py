"""The canonical request of an export: the value that a job stores as JSON, with its filter and its report. Pure.

request_body.py builds it, export.py checks and resolves it. It never changes after the job is created.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from analytics import clock
from analytics.errors import BadInput
from analytics.period import Period
from analytics.reports.day_range import bad_parameter
from analytics.store.event_types import stored_type

SOURCES = ("events", "report", "samples", "subject", "users")


@dataclass(frozen=True, slots=True)
class Filter:
    """Of events: `types` (empty: all), `user_id` (None: all users), bots, and `where` in the language of the reports.

    `where_sent`: the `where` that named segments, whose conditions are in its place; None: it named none.
    Of samples: `names` (empty: all) and `tags`, all of which a sample must have.
    """

    types: tuple[str, ...] = ()
    user_id: str | None = None
    include_bots: bool = True
    # The same user's other id, from before ANONYMIZE_USER_IDS was turned on or off.
    other_user_id: str | None = None
    where: str | None = None
    names: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    where_sent: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Canonical: sorted, and without those of the last five that are empty."""
        optional: dict[str, Any] = {"other_id": self.other_user_id, "where": self.where, "where_sent": self.where_sent}
        optional |= {"names": sorted(set(self.names)), "tags": dict(sorted(self.tags))}
        values = {"types": sorted(set(self.types)), "user_id": self.user_id, "include_bots": self.include_bots}
        return values | {name: value for name, value in optional.items() if value}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Filter":
        """The filter that `as_json` wrote; other fields of `values` are ignored."""
        return cls(
            tuple(map(stored_type, values["types"])),
            values["user_id"],
            values["include_bots"],
            values.get("other_id"),
            values.get("where"),
            tuple(values.get("names", ())),
            tuple(sorted(values.get("tags", {}).items())),
            values.get("where_sent"),
        )

    def as_sent(self) -> "Filter":
        """The filter with segments by their names: what a schedule keeps."""
        return replace(self, where=self.where_sent or self.where, where_sent=None)

    def expanded(self, text: str) -> "Filter":
        """The filter with `text`, the conditions of its `where`, in place of segments."""
        return replace(self, where=text, where_sent=self.where if text != self.where else None)

    @property
    def is_countable(self) -> bool:
        """Whether rollups know how many rows match."""
        return not self.where and not self.tags


class ReportSpec(NamedTuple):
    """`name` of the report; `dimension` of a breakdown; `unit` of time of a row, "" for the report's default."""

    name: str = "metrics"
    dimension: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """`columns` empty: all of them. `received_from`: only rows received since then."""

    what: str
    format: str
    compression: str
    site_id: int
    start: datetime
    end: datetime
    zone: str = "UTC"
    filter: Filter = field(default_factory=Filter)
    columns: tuple[str, ...] = ()
    received_from: datetime | None = None
    # Of what=report.
    report: ReportSpec = field(default_factory=ReportSpec)
    # Of what=users: the fields of the group (users/schemas.py), as JSON.
    users: tuple[tuple[str, Any], ...] = ()

    @property
    def period(self) -> Period:
        return Period(self.start, self.end, clock.zone(self.zone))

    def as_json(self) -> dict[str, Any]:
        """Canonical: equal requests give equal JSON."""
        name, dimension, unit = self.report
        report = {"report": name, "dimension": dimension, "unit": unit} if self.what == "report" else {}
        users = {"users": dict(self.users)} if self.what == "users" else {}
        return (
            report
            | users
            | {
                "what": self.what,
                "format": self.format,
                "compression": self.compression,
                "site_id": self.site_id,
                "start": self.start.astimezone(UTC).isoformat(),
                "end": self.end.astimezone(UTC).isoformat(),
                "zone": self.zone,
                "columns": list(self.columns),
                "received_from": self.received_from and self.received_from.astimezone(UTC).isoformat(),
                **self.filter.as_json(),
            }
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ExportRequest":
        """The request that `as_json` wrote; other fields of `values` are ignored."""
        received_from = values["received_from"]
        return cls(
            what=values["what"],
            format=values["format"],
            compression=values["compression"],
            site_id=values["site_id"],
            start=datetime.fromisoformat(values["start"]),
            end=datetime.fromisoformat(values["end"]),
            zone=values["zone"],
            filter=Filter.from_json(values),
            columns=tuple(values["columns"]),
            received_from=received_from and datetime.fromisoformat(received_from),
            report=ReportSpec(values.get("report", "metrics"), values.get("dimension", ""), values.get("unit", "")),
            users=tuple(sorted(values.get("users", {}).items())),
        )


def check_one_of(name: str, value: str, accepted: Sequence[str]) -> None:
    """Raises BadInput for a value of the parameter that is not accepted."""
    if value not in accepted:
        raise unknown_value(name, value, accepted)


def unknown_value(name: str, value: str, accepted: Sequence[str]) -> BadInput:
    return bad_parameter(name, f"{value[:80]!r} is unknown; accepted: {', '.join(accepted)}", f"{name}={accepted[0]}")


def check_no_sample_filter(what: str, row_filter: Filter) -> None:
    """Raises BadInput for `name` and `tags` of an export that is not of samples."""
    if row_filter.names or row_filter.tags:
        raise bad_parameter("filter", f"what={what} has no name and no tags; samples have them", "what=samples")

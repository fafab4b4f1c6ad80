"""A sample as callers send it: a number with a name and tags; its limits, and what a rejection says. Pure.

`read_samples` is the whole of validation: in one pass, and where that fails sample by sample, so that one bad sample
never blocks the others. What is good becomes Points, which the stream holds and the drain stores as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from analytics.errors import Problem, TooLarge
from analytics.ingest.events import Name, Number, Parts, Rules, Word, explain, raw_items, read_object, too_many
from analytics.ingest.ids import event_uuid

# Beyond this nothing measures anything, and sums would grow digits.
LARGEST = 1e300
MAX_TAGS = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

TagName = Annotated[str, Meta(min_length=1, max_length=64)]
TagValue = Annotated[str, Meta(max_length=256)] | bool | int | float


class Sample(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One sample in the seed's names. An unknown name is refused: there is no payload that could keep it."""

    metric_name: Word
    value: int | float
    tags: Annotated[dict[TagName, TagValue], Meta(max_length=MAX_TAGS)] | None = None
    timestamp: Annotated[datetime, Meta(tz=True)] | None = None
    sample_id: Word | Number | None = None
    kind: Literal["gauge", "counter", "timing"] | None = None
    site_id: Name | None = None


class Point(msgspec.Struct, array_like=True, gc=False):
    """A good sample as it rests in the stream: the value in decimal, tags as JSON with their names in order, `ts` by
    our clock. `sample_id` is a UUID, or '' where the caller sent none."""

    name: str
    value: str
    kind: str
    tags: str
    ts_us: int
    sample_id: str

    @property
    def ts(self) -> datetime:
        return EPOCH + self.ts_us * _MICROSECOND


@dataclass(frozen=True, slots=True)
class Samples:
    """The good samples of one body, and what was wrong with the others."""

    points: list[Point]
    received: int
    rejected: list[Problem]


ALIASES: Mapping[str, str] = {
    "name": "metric_name",
    "ts": "timestamp",
    "id": "sample_id",
    "metric_id": "sample_id",
    "type": "kind",
    "website_id": "site_id",
    "siteId": "site_id",
}
_decode_samples = msgspec.json.Decoder(list[Sample]).decode
_encode = msgspec.json.Encoder(order="sorted").encode
encode_points = msgspec.json.Encoder().encode
decode_points = msgspec.json.Decoder(list[Point]).decode


def read_samples(body: bytes, rules: Rules, received_at: datetime, skew: timedelta) -> Samples:
    """Every sample of a JSON array, accepted or rejected with its index. Raises BadInput (not JSON), TooLarge.

    `rules.window` is by the caller's clock, which is `skew` behind ours.
    """
    try:
        found = _decode_samples(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        found = None
    plain = found is not None and len(found) <= rules.max_events and b"\\u0000" not in body
    if found is not None and plain and not any(_problems(sample, rules) for sample in found):
        return Samples([_point(sample, received_at, skew) for sample in found], len(found), [])
    return _read_one_by_one(body, rules, received_at, skew)


def _read_one_by_one(body: bytes, rules: Rules, received_at: datetime, skew: timedelta) -> Samples:
    raws = raw_items(body)
    if len(raws) > rules.max_events:
        raise TooLarge(too_many(len(raws), rules.max_events, "samples"), limit=rules.max_events)
    points: list[Point] = []
    rejected: list[Problem] = []
    for index, raw in enumerate(raws):
        found = _read_sample(raw, rules)
        if isinstance(found, Sample):
            points.append(_point(found, received_at, skew))
        else:
            rejected.extend(Problem(index, *parts) for parts in found)
    return Samples(points, len(raws), rejected)


def _read_sample(raw: msgspec.Raw | bytes, rules: Rules) -> Sample | list[Parts]:
    source = read_object(raw, "sample")
    if isinstance(source, tuple):
        return [source]
    renamed: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for name, value in source.items():
        target = ALIASES.get(name, name)
        if target != name and target in source:
            return [(name, "twice", f"{name} and {target} say the same; send one")]
        renamed[target], spelled[target] = value, name
    try:
        sample = msgspec.convert(renamed, Sample)
    except msgspec.ValidationError as error:
        return [_explain(error, spelled)]
    return [(spelled.get(name, name), code, detail) for name, code, detail in _problems(sample, rules)] or sample


def _explain(error: msgspec.ValidationError, spelled: Mapping[str, str]) -> Parts:
    field, code, detail = explain(error, spelled)
    if " in `$.tags`" in str(error):
        field = "tags"
    if "unknown field" in detail:
        return field, "unknown_field", f"{detail}; a sample has metric_name, value, tags, timestamp, sample_id, kind"
    if code in ("not_a_time", "no_zone"):
        detail = "must be an RFC 3339 time with a zone, as 2026-01-31T12:00:00Z"
    return field, code, detail


def _problems(sample: Sample, rules: Rules) -> list[Parts]:
    """What the shape alone does not say. An empty list, almost always."""
    found: list[Parts] = []
    ts, (earliest, latest) = sample.timestamp, rules.window
    if not -LARGEST <= sample.value <= LARGEST:
        found.append(("value", "out_of_range", f"must lie between -{LARGEST} and {LARGEST}"))
    if ts is not None and not earliest <= ts <= latest:
        allowed = f"{earliest.isoformat(timespec='seconds')} to {latest.isoformat(timespec='seconds')}"
        found.append(("timestamp", "out_of_window", f"{ts.isoformat()} is outside the accepted window, {allowed}"))
    if sample.site_id is not None and sample.site_id != rules.site_key:
        detail = f"this batch is for site {rules.site_key!r}; send {sample.site_id!r} in its own"
        found.append(("site_id", "other_site", detail))
    if any(type(value) is int and abs(value) >= 2**63 for value in (sample.tags or {}).values()):
        found.append(("tags", "out_of_range", "a number of more than 64 bits; send it as text"))
    return found


def _point(sample: Sample, received_at: datetime, skew: timedelta) -> Point:
    value, given = sample.value, sample.sample_id
    ts = received_at if sample.timestamp is None else sample.timestamp + skew
    return Point(
        name=sample.metric_name,
        # A float's shortest decimal text that means it: what the caller wrote.
        value=str(value) if isinstance(value, int) else repr(value),
        kind=sample.kind or "",
        tags=_tags(sample.tags) if sample.tags else "{}",
        ts_us=(ts - EPOCH) // _MICROSECOND,
        sample_id="" if given is None else event_uuid(str(given).removeprefix("metric_")),
    )


def _tags(tags: Mapping[str, Any]) -> str:
    """Values as text: numbers and booleans as JSON writes them."""
    return _encode(
        {name: value if isinstance(value, str) else _encode(value).decode() for name, value in tags.items()}
    ).decode()

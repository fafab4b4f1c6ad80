"""A sample as callers send it: a number with a name and tags; its decoder and its limits. Pure.

samples/views.py calls `read_samples`, the whole of validation: in one pass, and where that fails sample by sample, so
that one bad sample never blocks the others. The good ones become StreamSamples, which the drain stores as they are.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from analytics.errors import Problem
from analytics.ingest.decoding.credentials import find_secret_key, holds_secret_key, remove_keys
from analytics.ingest.decoding.events import (
    Int64,
    Name,
    NonEmptyName,
    ValidationRules,
    describe_outside_window,
    rename_fields,
)
from analytics.ingest.decoding.rejections import (
    NOT_DESCRIBED,
    Batch,
    ProblemParts,
    check_off_loop,
    describe_other_site,
    describe_validation_error,
    is_heavy,
    read_object,
    read_one_by_one,
)
from analytics.ingest.dialects import SITE_KEY_ALIASES
from analytics.ingest.ids import normalize_event_id

# No measurement is larger, and sums of larger values would grow digits without end.
MAX_ABSOLUTE_VALUE = 1e300
MAX_TAGS = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

TagName = Annotated[str, Meta(min_length=1, max_length=64)]
TagValue = Annotated[str, Meta(max_length=256)] | bool | int | float


class Sample(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One sample in the names of seed 003. An unknown name is an error: no payload could keep it."""

    metric_name: NonEmptyName
    value: int | float
    tags: Annotated[dict[TagName, TagValue], Meta(max_length=MAX_TAGS)] | None = None
    timestamp: Annotated[datetime, Meta(tz=True)] | None = None
    sample_id: NonEmptyName | Int64 | None = None
    kind: Literal["gauge", "counter", "timing"] | None = None
    site_id: Name | None = None


class StreamSample(msgspec.Struct, array_like=True, gc=False):
    """A good sample in the stream: the value in decimal, tags as JSON with sorted names, `ts` by our clock.
    `sample_id` is a UUID, or '' where the caller sent none."""

    name: str
    value: str
    kind: str
    tags: str
    ts_us: int
    sample_id: str

    @property
    def ts(self) -> datetime:
        return EPOCH + self.ts_us * _MICROSECOND


FIELD_ALIASES: Mapping[str, str] = {
    "name": "metric_name",
    "ts": "timestamp",
    "id": "sample_id",
    "metric_id": "sample_id",
    "type": "kind",
    **SITE_KEY_ALIASES,
}
_decode_samples = msgspec.json.Decoder(list[Sample]).decode
_encode = msgspec.json.Encoder(order="sorted").encode
encode_stream_samples = msgspec.json.Encoder().encode
decode_stream_samples = msgspec.json.Decoder(list[StreamSample]).decode


def read_samples(body: bytes, rules: ValidationRules, received_at: datetime, skew: timedelta) -> Batch[StreamSample]:
    """Every sample of a JSON array, accepted or rejected with its index. Raises BadInput (not JSON), TooLarge.

    `rules.window` is by the caller's clock, which is `skew` behind ours.
    """
    samples, rejected = _decode_all_good(body, rules), list[Problem]()
    received = 0 if samples is None else len(samples)
    if samples is None:
        read_sample = partial(_read_sample, rules=rules)
        read_all = partial(read_one_by_one, body, rules.max_events, "samples", read_sample)
        samples, received, rejected, _ = check_off_loop(read_all, body)
    stream_samples = [_to_stream_sample(sample, received_at, skew) for sample in samples]
    return Batch(encode_stream_samples(stream_samples), stream_samples, received, rejected, [])


def _decode_all_good(body: bytes, rules: ValidationRules) -> list[Sample] | None:
    """The samples in one pass; None where one needs a closer look."""
    if is_heavy(body, rules.max_events) or holds_secret_key(body):
        return None
    try:
        samples = _decode_samples(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    if len(samples) > rules.max_events or b"\\u0000" in body or any(_find_problems(one, rules) for one in samples):
        return None
    return samples


def _read_sample(raw: msgspec.Raw | bytes, is_described: bool, rules: ValidationRules) -> Sample | list[ProblemParts]:
    source = read_object(raw, "sample")
    if isinstance(source, tuple):
        return [source]
    if problem := find_secret_key(bytes(raw), source):
        return [problem] if is_described else NOT_DESCRIBED
    source = remove_keys(source)
    fields: dict[str, Any] = {}
    caller_names: dict[str, str] = {}
    for name, value in source.items():
        target = FIELD_ALIASES.get(name, name)
        if target != name and target in source:
            return [(name, "twice", f"{name} and {target} are the same field; send one of them")]
        fields[target], caller_names[target] = value, name
    try:
        sample = msgspec.convert(fields, Sample)
    except msgspec.ValidationError as error:
        return [describe_validation_error(error, Sample, caller_names)] if is_described else NOT_DESCRIBED
    problems = _find_problems(sample, rules)
    if problems:
        return rename_fields(problems, caller_names) if is_described else NOT_DESCRIBED
    return sample


def _find_problems(sample: Sample, rules: ValidationRules) -> list[ProblemParts]:
    """What the shape alone does not say. An empty list, almost always."""
    problems: list[ProblemParts] = []
    ts, (earliest, latest) = sample.timestamp, rules.window
    if ts is not None and not earliest <= ts <= latest:
        problems.append(describe_outside_window("timestamp", ts, rules.window))
    if not -MAX_ABSOLUTE_VALUE <= sample.value <= MAX_ABSOLUTE_VALUE:
        accepted = f"-{MAX_ABSOLUTE_VALUE} to {MAX_ABSOLUTE_VALUE}, for example 125.5"
        problems.append(("value", "out_of_range", f"the value is out of range; accepted: {accepted}"))
    if sample.site_id is not None and rules.is_other_site(sample.site_id):
        problems.append(describe_other_site(sample.site_id, rules.site_key, "samples"))
    if any(type(value) is int and abs(value) >= 2**63 for value in (sample.tags or {}).values()):
        problems.append(("tags", "out_of_range", "a number of a tag has more than 64 bits; send it as text"))
    return problems


def _to_stream_sample(sample: Sample, received_at: datetime, skew: timedelta) -> StreamSample:
    value, sample_id = sample.value, sample.sample_id
    ts = received_at if sample.timestamp is None else sample.timestamp + skew
    return StreamSample(
        name=sample.metric_name,
        # The shortest decimal text of a float: what the caller wrote.
        value=str(value) if isinstance(value, int) else repr(value),
        kind=sample.kind or "",
        tags=_encode_tags(sample.tags) if sample.tags else "{}",
        ts_us=(ts - EPOCH) // _MICROSECOND,
        sample_id="" if sample_id is None else normalize_event_id(str(sample_id).removeprefix("metric_")),
    )


def _encode_tags(tags: Mapping[str, Any]) -> str:
    """Values as text: numbers and booleans as JSON writes them."""
    return _encode(
        {name: value if isinstance(value, str) else _encode(value).decode() for name, value in tags.items()}
    ).decode()

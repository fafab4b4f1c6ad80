"""Statistics of samples against a slow count in Python; the samples go through the stream and the drain."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.ingest.drain.drain import Drain
from analytics.reports.samples.samples import (
    LAST_VALUES,
    RAW_TALLIES_OF_ALL,
    RAW_TALLIES_OF_TAGS,
    SAMPLE_ROLLUPS,
    SampleSelection,
)
from analytics.rollups.samples import rollups
from analytics.rollups.samples.sketch import (
    BINS_PER_LOG,
    RELATIVE_ERROR,
    bin_of,
    build_sketch_from_bins,
    decode_sketch,
    encode_sketch,
    percentiles,
)
from analytics.rollups.samples.summary import Point, merge_summaries, summarize_points
from analytics.sites.sites import Site
from analytics.store.planner import prefer_index_scans
from tests.empty_tables import delete_all
from tests.examples import examples

NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
START = NOW - timedelta(hours=50)
TAGS: list[dict[str, str]] = [{}, {"route": "/a"}, {"route": "/b", "code": "200"}, {"route": "/a", "code": "500"}]


class Sent(NamedTuple):
    """A posted sample; `after_s`: seconds after START. Without an id, each post stores it again."""

    value: float
    after_s: int
    tags: int
    sample_id: str | None

    @property
    def ts(self) -> datetime:
        return START + timedelta(seconds=self.after_s)


@pytest.fixture
def put(engine: Engine, redis: Redis, client: FlaskClient, token: Any, auth: Any, site: Site) -> Callable[..., None]:
    """`put(samples, name="m")`: posts them in one batch and stores them."""

    def send(samples: Sequence[Sent], name: str = "m") -> None:
        body = [
            {"metric_name": name, "value": sample.value, "ts": sample.ts.isoformat(), "tags": TAGS[sample.tags]}
            | ({} if sample.sample_id is None else {"sample_id": sample.sample_id})
            for sample in samples
        ]
        response = client.post("/api/analytics/samples", json=body, headers=auth(token("ingest")))
        assert (response.status_code, response.json["accepted"]) == (202, len(body)), response.json
        Drain(engine, redis, b"s" * 32, linger_s=0.0, consumer=uuid.uuid4().hex).run()

    return send


@pytest.fixture
def ask(client: FlaskClient, token: Any, auth: Any) -> Callable[..., Any]:
    """`ask(hours=24)`: the report on the metric m."""

    def get(status: int = 200, path: str = "m", **query: Any) -> Any:
        response = client.get(f"/metrics/{path}?{urlencode(query)}", headers=auth(token("read")))
        assert response.status_code == status, response.json
        return response.json

    return get


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def slow(samples: Sequence[Sent]) -> dict[str, Any]:
    """Count, sum, extremes and the last value, in fractions."""
    if not samples:
        return {"count": 0, "sum": 0, "average": None, "min": None, "max": None, "last": None}
    values = [Fraction(Decimal(repr(sample.value))) for sample in samples]
    last = max((sample.ts, sample.value) for sample in samples)[1]
    return {
        "count": len(samples),
        "sum": float(sum(values)),
        "average": pytest.approx(float(sum(values) / len(values)), rel=1e-15, abs=1e-300),
        "min": min(sample.value for sample in samples),
        "max": max(sample.value for sample in samples),
        "last": last,
    }


def assert_same(statistics: dict[str, Any], samples: Sequence[Sent]) -> None:
    expected = slow(samples)
    assert {name: statistics[name] for name in expected} == expected
    values = sorted(sample.value for sample in samples)
    for percent in (50, 90, 95, 99):
        percentile = statistics[f"p{percent}"]
        if not values:
            assert percentile is None
            continue
        true, error = interpolate(values, percent)
        assert abs(percentile - true) <= error, (percent, true)


def interpolate(values: Sequence[float], percent: int) -> tuple[float, float]:
    """The percentile of docs/decisions/0022, and how far off it may be where each value may be 1 % off."""
    ordered = sorted(values)
    rank, rest = divmod(Fraction(percent, 100) * (len(ordered) - 1), 1)
    low, high = (Fraction(ordered[min(int(rank) + place, len(ordered) - 1)]) for place in (0, 1))
    error = Fraction(RELATIVE_ERROR) * (abs(low) * (1 - rest) + abs(high) * rest) * (1 + Fraction(1, 10**9))
    return float(low + (high - low) * rest), float(error) + 1e-300


def without_duplicates(samples: Sequence[Sent]) -> list[Sent]:
    """The first sample of each id."""
    first: dict[Any, Sent] = {}
    for number, sample in enumerate(samples):
        first.setdefault(number if sample.sample_id is None else sample.sample_id, sample)
    return list(first.values())


NUMBERS = st.one_of(
    st.integers(-1000, 1000).map(float),
    st.floats(0.001, 1e6),
    st.floats(-1e300, 1e300, allow_subnormal=False),
    st.sampled_from([0.0, 0.1, 1e-12, -1e-290, 1e300]),
)
SAMPLES = st.lists(
    st.builds(
        Sent, NUMBERS, st.integers(0, 50 * 3600 - 1), st.integers(0, 3), st.one_of(st.none(), st.sampled_from("abc"))
    ),
    max_size=25,
)


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(SAMPLES, min_size=1, max_size=3), data=st.data())
def test_any_period_tags_and_buckets_equal_the_slow_count(
    batches: list[list[Sent]], data: st.DataObject, put: Any, ask: Any, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(delete_all("samples, sample_rollups, sample_names"))
    # A resend has a ts of the same day; here it has the same ts.
    batches = [[sample._replace(after_s=7200) if sample.sample_id else sample for sample in batch] for batch in batches]
    for batch in batches:
        if batch:
            put(batch)
    stored = without_duplicates([sample for batch in batches for sample in batch])
    start_s = data.draw(st.integers(0, 50 * 3600 - 2), label="start")
    end_s = data.draw(st.integers(start_s + 1, 50 * 3600), label="end")
    tags = data.draw(st.sampled_from([{}, {"route": "/a"}, {"route": "/b", "code": "200"}, {"code": "404"}]))
    granularity = data.draw(st.sampled_from(["hour", "day"]))
    period = {"from": _at(start_s).isoformat(), "to": _at(end_s).isoformat()}
    query = period | {f"tag.{name}": value for name, value in tags.items()}
    zone = data.draw(st.sampled_from(["UTC", "Asia/Kathmandu"]))
    report = ask(**query, group_by="code", granularity=granularity, zone=zone)
    in_period = [sample for sample in stored if start_s <= sample.after_s < end_s]
    samples = [sample for sample in in_period if tags.items() <= TAGS[sample.tags].items()]
    assert_same(report, samples)
    assert_same(ask(**query), samples)
    for bucket in report["series"]:
        first, after = (datetime.fromisoformat(bucket[name]) for name in ("start", "end"))
        assert_same(bucket, [sample for sample in samples if first <= sample.ts < after])
    assert sum(bucket["count"] for bucket in report["series"]) == len(samples)
    for group in report["groups"]:
        assert_same(group, [sample for sample in samples if TAGS[sample.tags].get("code") == group["value"]])
    assert sum(group["count"] for group in report["groups"]) == len(samples)


def _at(after_s: int) -> datetime:
    return START + timedelta(seconds=after_s)


POINTS = st.lists(st.tuples(st.integers(0, 9), NUMBERS), min_size=1, max_size=40)


@given(points=POINTS, cuts=st.lists(st.integers(0, 40)))
def test_merged_summaries_of_parts_equal_the_summary_of_all(points: list[tuple[int, float]], cuts: list[int]) -> None:
    all_points = [Point(START + timedelta(seconds=s), Decimal(repr(value)), "") for s, value in points]
    edges = sorted({0, *(cut for cut in cuts if cut < len(all_points)), len(all_points)})
    parts = [summarize_points(all_points[a:b]) for a, b in pairwise(edges)]
    assert merge_summaries(parts) == merge_summaries(reversed(parts)) == summarize_points(all_points)


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=60))
def test_a_percentile_is_within_the_error(values: list[float]) -> None:
    sketch = summarize_points([Point(START, Decimal(repr(value)), "") for value in values]).sketch
    found = percentiles(sketch, (0, 50, 90, 95, 99, 100), min(values), max(values))
    assert (found[0], found[-1]) == (min(values), max(values))
    for percent, percentile in zip((50, 90, 95, 99), found[1:-1], strict=True):
        true, error = interpolate(values, percent)
        assert abs(percentile - true) <= error


def test_a_percentile_lies_between_two_values(put: Any, ask: Any) -> None:
    put([Sent(value, second, 0, None) for second, value in enumerate([10.0] * 9 + [1000.0])])
    # Position 8.91 of 0 to 9: 0.91 of the way from 10 to 1000.
    assert ask(hours=100)["p99"] == pytest.approx(910.9, rel=RELATIVE_ERROR)
    assert ask(hours=100)["p50"] == pytest.approx(10, rel=RELATIVE_ERROR)


def test_bins_are_in_the_order_of_values() -> None:
    values = [-1e300, -5.0, -1e-300, 0.0, 1e-301, 1e-300, 0.5, 5.0, 1e300]
    bins = [bin_of(value) for value in values]
    assert bins == sorted(bins)
    assert bins[3:5] == [0, 0]


@given(st.dictionaries(st.integers(-80_000, 80_000), st.integers(1, 2**40), max_size=20))
def test_an_encoded_sketch_is_decoded_to_the_same(bins: dict[int, int]) -> None:
    assert decode_sketch(encode_sketch(build_sketch_from_bins(bins))) == build_sketch_from_bins(bins)


def test_a_name_without_samples_has_zeros(ask: Any, site: Site) -> None:
    report = ask(path="never/heard of")
    assert (report["metric_name"], report["count"], report["sum"]) == ("never/heard of", 0, 0)
    assert [report[name] for name in ("average", "min", "max", "last", "kind", "p50", "p99")] == [None] * 7
    assert report["period_end"] == "2026-11-23T12:34:56Z"


def test_sums_are_exact(put: Any, ask: Any) -> None:
    put([Sent(0.1, 0, 0, None)] * 10 + [Sent(1e17, 0, 0, None), Sent(-1e17, 0, 0, None)])
    assert (ask(days=4)["sum"], ask(days=4)["count"]) == (1, 12)


def test_queries_use_their_indexes(put: Any, engine: Engine) -> None:
    put([Sent(1.0, 0, 0, None)])
    parameters = SampleSelection(1, "m").bind_parameters()
    parameters |= {"start": START, "end": NOW, "by_tags": False, "per_log": BINS_PER_LOG}
    parameters |= {"starts": [START], "ends": [NOW], "instants": [START], "tag_values": [None]}
    with engine.begin() as connection:
        prefer_index_scans(connection)
        for statement, index in (
            (SAMPLE_ROLLUPS, "pk_sample_rollups"),
            (RAW_TALLIES_OF_ALL, "site_id_name_ts"),
            (RAW_TALLIES_OF_TAGS, "site_id_name_ts"),
            (LAST_VALUES, "site_id_name_ts"),
        ):
            plan = "\n".join(connection.execute(text(f"EXPLAIN {statement.text}"), parameters).scalars())
            assert index in plan, plan
            assert "Seq Scan" not in plan, plan


def test_the_open_hour_comes_from_its_rollup(put: Any, ask: Any) -> None:
    put([Sent(5.0, 50 * 3600 - 10, 0, None), Sent(7.0, 3600, 0, None)])
    assert ask(hours=24)["meta"]["raw_hours"] == 0
    cut = ask(**{"from": _at(3601).isoformat(), "to": _at(50 * 3600).isoformat()})
    assert (cut["count"], cut["meta"]["raw_hours"], cut["meta"]["source"]) == (1, 0, "rollup")
    put([Sent(9.0, 3602, 0, None)])
    cut = ask(**{"from": _at(3601).isoformat(), "to": _at(3700).isoformat()})
    assert (cut["count"], cut["sum"], cut["meta"]["raw_hours"], cut["meta"]["source"]) == (1, 9, 1, "raw")


def test_an_hour_with_too_many_sets_of_tags_is_counted_from_raw_samples(
    put: Any, ask: Any, sql: Any, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    monkeypatch.setattr(rollups, "MAX_TAG_SETS", 2)
    put([Sent(1.0, 0, 0, None), Sent(2.0, 1, 1, None), Sent(4.0, 2, 2, None), Sent(8.0, 3, 3, None)])
    put([Sent(16.0, 4, 3, None), Sent(32.0, 5, 1, None)])
    assert sql("SELECT tag_sets, count FROM sample_rollups WHERE NOT tagged") == [(2, 6)]
    assert sql("SELECT count, sum::int FROM sample_rollups WHERE tagged AND tags IS NULL") == [(3, 28)]
    report = ask(days=4, **{"tag.route": "/a"}, group_by="code")
    assert (report["sum"], report["meta"]["raw_hours"]) == (58, 1)
    assert [(group["value"], group["sum"]) for group in report["groups"]] == [(None, 34), ("500", 24)]
    sql("UPDATE sites SET raw_since = :since RETURNING id", since=START + timedelta(days=1))
    report = ask(days=4, **{"tag.route": "/a"})
    assert (report["sum"], report["meta"]["unknown_tags"]) == (34, 3)
    assert ask(days=4)["sum"] == 63


def test_a_cut_past_retention_moves_to_its_hour(put: Any, ask: Any, sql: Any) -> None:
    put([Sent(1.0, 0, 0, None), Sent(2.0, 1200, 0, None)])
    cut = {"from": _at(600).isoformat(), "to": _at(7200).isoformat()}
    assert (ask(**cut)["sum"], ask(**cut)["period_start"]) == (2, "2026-11-21T10:44:56Z")
    sql("UPDATE sites SET raw_since = :since RETURNING id", since=START + timedelta(hours=10))
    assert (ask(**cut)["sum"], ask(**cut)["period_start"]) == (3, "2026-11-21T10:00:00Z")


@pytest.mark.parametrize(
    "query",
    [{"tag.": "x"}, {"tag.a": "x" * 257}, {"granularity": "week"}, {"hours": "0"}, {"limit": "0"}, {"nonsense": "1"},
     {"group_by": "a\x00"}, {"tag.a\x00": "x"}, {"days": "3660", "granularity": "hour"}, {"include_bots": "1"}],
)  # fmt: skip
def test_wrong_parameters_are_refused(ask: Any, site: Site, query: dict[str, str]) -> None:
    assert ask(status=400, **query)["errors"]


def test_names_and_totals(put: Any, client: FlaskClient, token: Any, auth: Any) -> None:
    put([Sent(1.0, 0, 0, None)] * 3, "b")
    put([Sent(1.0, 0, 0, None)], "a")
    report = client.get("/metrics", headers=auth(token("read"))).json
    assert (report["metrics"], report["count"]) == (["a", "b"], 2)
    assert client.get("/metrics?limit=1", headers=auth(token("read"))).json["metrics"] == ["a"]


def test_names_of_tags_are_listed_where_they_are_wanted(put: Any, ask: Any) -> None:
    put([Sent(1.0, 0, 0, None), Sent(2.0, 10, 1, None), Sent(3.0, 7200, 3, None)])
    every = {"from": _at(0).isoformat(), "to": NOW.isoformat(), "list_tags": "true"}
    assert ask(**every)["tags"] == ["code", "route"]
    assert ask(**every | {"to": _at(3600).isoformat()})["tags"] == ["route"]
    assert ask(**every | {"tag.route": "/a"})["tags"] == ["code", "route"]
    assert ask(**every | {"tag.route": "/b"})["tags"] == []
    assert "tags" not in ask(hours=1)


def test_kinds_are_those_of_the_last_sample(
    client: FlaskClient, token: Any, auth: Any, engine: Engine, redis: Redis, ask: Any, site: Site
) -> None:
    body = [{"metric_name": "m", "value": 1, "kind": "counter"}, {"metric_name": "m", "value": 1, "kind": "gauge"}]
    client.post("/api/analytics/samples", data=msgspec.json.encode(body), headers=auth(token("ingest")))
    Drain(engine, redis, b"s" * 32, linger_s=0.0).run()
    assert ask()["count"] == 0
    later = (NOW + timedelta(seconds=1)).isoformat()
    assert ask(**{"from": _at(0).isoformat(), "to": later})["kind"] == "gauge"


def test_web_vitals_of_a_page_have_their_p75_by_path(
    client: FlaskClient, publishable: str, token: Any, auth: Any, engine: Engine, redis: Redis
) -> None:
    samples = [
        {"metric_name": "web_vital.lcp", "value": value, "tags": {"path": path}}
        for path, values in {"/a": (1000, 2000, 3000, 4000, 5000), "/b": (700,)}.items()
        for value in values
    ]
    # As a page sends them: no header but the origin, and a type that needs no preflight.
    sent = client.post(
        "/api/analytics/samples",
        data=msgspec.json.encode({"key": publishable, "samples": samples}),
        content_type="text/plain",
        headers={"Origin": "https://shop.example"},
    )
    assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (202, "https://shop.example")
    Drain(engine, redis, b"s" * 32, linger_s=0.0).run()
    answer = client.get("/metrics/web_vital.lcp?days=2&group_by=path", headers=auth(token("read"))).json
    found = {group["value"]: (group["count"], group["p75"]) for group in answer["groups"]}
    # Position 3 of 0 to 4.
    assert found == {"/a": (5, pytest.approx(4000, rel=RELATIVE_ERROR)), "/b": (1, 700)}

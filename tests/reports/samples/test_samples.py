"""Figures of samples against a slow count in Python over the same points, put in through the stream and the drain."""

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
from analytics.ingest.pipeline import Drain
from analytics.reports.samples import BY_INDEX, LAST, RAW, ROLLED_UP, Wanted
from analytics.rollups import sample_rollups
from analytics.rollups.sample_sketch import ERROR, PER_LOG, bin_of, pack, percentiles, sketch_of_bins, unpack
from analytics.rollups.sample_tally import Point, tally, unite
from analytics.sites import Site

NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
START = NOW - timedelta(hours=50)
TAGS: list[dict[str, str]] = [{}, {"route": "/a"}, {"route": "/b", "code": "200"}, {"route": "/a", "code": "500"}]


class Sent(NamedTuple):
    """A sample that was posted; `after_s` seconds after START. Without an id it is a new one each time."""

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

    def send(found: Sequence[Sent], name: str = "m") -> None:
        body = [
            {"metric_name": name, "value": one.value, "ts": one.ts.isoformat(), "tags": TAGS[one.tags]}
            | ({} if one.sample_id is None else {"sample_id": one.sample_id})
            for one in found
        ]
        answer = client.post("/api/analytics/samples", json=body, headers=auth(token("ingest")))
        assert (answer.status_code, answer.json["accepted"]) == (202, len(body)), answer.json
        Drain(engine, redis, b"s" * 32, company_s=0.0, consumer=uuid.uuid4().hex).run()

    return send


@pytest.fixture
def ask(client: FlaskClient, token: Any, auth: Any) -> Callable[..., Any]:
    """`ask(hours=24)`: the answer about the metric m."""

    def get(status: int = 200, path: str = "m", **query: Any) -> Any:
        response = client.get(f"/metrics/{path}?{urlencode(query)}", headers=auth(token("read")))
        assert response.status_code == status, response.json
        return response.json

    return get


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def slow(found: Sequence[Sent]) -> dict[str, Any]:
    """Count, sum, extremes and the last, by fractions."""
    if not found:
        return {"count": 0, "sum": 0, "average": None, "min": None, "max": None, "last": None}
    values = [Fraction(Decimal(repr(one.value))) for one in found]
    last = max((one.ts, one.value) for one in found)[1]
    return {
        "count": len(found),
        "sum": float(sum(values)),
        "average": pytest.approx(float(sum(values) / len(values)), rel=1e-15, abs=1e-300),
        "min": min(one.value for one in found),
        "max": max(one.value for one in found),
        "last": last,
    }


def assert_same(answer: dict[str, Any], found: Sequence[Sent]) -> None:
    expected = slow(found)
    assert {name: answer[name] for name in expected} == expected
    values = sorted(one.value for one in found)
    for percent in (50, 90, 95, 99):
        shown = answer[f"p{percent}"]
        if not values:
            assert shown is None
            continue
        true = values[percent * (len(values) - 1) // 100]
        assert abs(shown - true) <= ERROR * abs(true) * (1 + 1e-9) + 1e-300, (percent, true)


def once(found: Sequence[Sent]) -> list[Sent]:
    """Without those whose id came before."""
    kept: dict[Any, Sent] = {}
    for number, one in enumerate(found):
        kept.setdefault(number if one.sample_id is None else one.sample_id, one)
    return list(kept.values())


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


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(SAMPLES, min_size=1, max_size=3), data=st.data())
def test_any_window_tags_and_parts_equal_the_slow_count(
    batches: list[list[Sent]], data: st.DataObject, put: Any, ask: Any, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE samples, sample_rollups, sample_names"))
    # A resend keeps its ts within a day: here they are the same.
    batches = [[one._replace(after_s=7200) if one.sample_id else one for one in batch] for batch in batches]
    for batch in batches:
        if batch:
            put(batch)
    stored = once([one for batch in batches for one in batch])
    start_s = data.draw(st.integers(0, 50 * 3600 - 2), label="start")
    end_s = data.draw(st.integers(start_s + 1, 50 * 3600), label="end")
    tags = data.draw(st.sampled_from([{}, {"route": "/a"}, {"route": "/b", "code": "200"}, {"code": "404"}]))
    granularity = data.draw(st.sampled_from(["hour", "day"]))
    period = {"from": _at(start_s).isoformat(), "to": _at(end_s).isoformat()}
    asked = period | {f"tag.{name}": value for name, value in tags.items()}
    zone = data.draw(st.sampled_from(["UTC", "Asia/Kathmandu"]))
    answer = ask(**asked, group_by="code", granularity=granularity, zone=zone)
    wanted = [one for one in stored if start_s <= one.after_s < end_s and tags.items() <= TAGS[one.tags].items()]
    assert_same(answer, wanted)
    assert_same(ask(**asked), wanted)
    for stretch in answer["series"]:
        first, after = (datetime.fromisoformat(stretch[name]) for name in ("start", "end"))
        assert_same(stretch, [one for one in wanted if first <= one.ts < after])
    assert sum(stretch["count"] for stretch in answer["series"]) == len(wanted)
    for group in answer["groups"]:
        assert_same(group, [one for one in wanted if TAGS[one.tags].get("code") == group["value"]])
    assert sum(group["count"] for group in answer["groups"]) == len(wanted)


def _at(after_s: int) -> datetime:
    return START + timedelta(seconds=after_s)


POINTS = st.lists(st.tuples(st.integers(0, 9), NUMBERS), min_size=1, max_size=40)


@given(points=POINTS, cuts=st.lists(st.integers(0, 40)))
def test_tallies_of_parts_are_the_tally_of_all(points: list[tuple[int, float]], cuts: list[int]) -> None:
    found = [Point(START + timedelta(seconds=s), Decimal(repr(value)), "") for s, value in points]
    edges = sorted({0, *(cut for cut in cuts if cut < len(found)), len(found)})
    parts = [tally(found[a:b]) for a, b in pairwise(edges)]
    assert unite(parts) == unite(reversed(parts)) == tally(found)


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=60))
def test_a_percentile_is_within_the_error(values: list[float]) -> None:
    sketch = tally([Point(START, Decimal(repr(value)), "") for value in values]).sketch
    for percent, found in zip((50, 90, 95, 99), percentiles(sketch, (50, 90, 95, 99)), strict=True):
        true = sorted(values)[percent * (len(values) - 1) // 100]
        assert abs(found - true) <= ERROR * true * (1 + 1e-9)


def test_bins_are_in_the_order_of_values() -> None:
    values = [-1e300, -5.0, -1e-300, 0.0, 1e-301, 1e-300, 0.5, 5.0, 1e300]
    bins = [bin_of(value) for value in values]
    assert bins == sorted(bins)
    assert bins[3:5] == [0, 0]


@given(st.dictionaries(st.integers(-80_000, 80_000), st.integers(1, 2**40), max_size=20))
def test_a_packed_sketch_is_the_same(bins: dict[int, int]) -> None:
    assert unpack(pack(sketch_of_bins(bins))) == sketch_of_bins(bins)


def test_a_name_without_samples_has_zeros(ask: Any, site: Site) -> None:
    answer = ask(path="never/heard of")
    assert (answer["metric_name"], answer["count"], answer["sum"]) == ("never/heard of", 0, 0)
    assert [answer[name] for name in ("average", "min", "max", "last", "kind", "p50", "p99")] == [None] * 7
    assert answer["period_end"] == "2026-11-23T12:34:56Z"


def test_sums_are_exact(put: Any, ask: Any) -> None:
    put([Sent(0.1, 0, 0, None)] * 10 + [Sent(1e17, 0, 0, None), Sent(-1e17, 0, 0, None)])
    assert (ask(days=4)["sum"], ask(days=4)["count"]) == (1, 12)


def test_queries_go_by_their_indexes(put: Any, engine: Engine) -> None:
    put([Sent(1.0, 0, 0, None)])
    given = Wanted(1, "m").bound() | {"start": START, "end": NOW, "by_tags": False, "per_log": PER_LOG}
    given |= {"starts": [START], "ends": [NOW], "instants": [START], "asked": [None]}
    with engine.begin() as connection:
        connection.execute(BY_INDEX)
        for statement, index in ((ROLLED_UP, "pk_sample_rollups"), (RAW, "site_id_name_ts"), (LAST, "site_id_name_ts")):
            plan = "\n".join(connection.execute(text(f"EXPLAIN {statement.text}"), given).scalars())
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


def test_more_sets_of_tags_than_an_hour_lists(
    put: Any, ask: Any, sql: Any, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    monkeypatch.setattr(sample_rollups, "MAX_TAG_SETS", 2)
    put([Sent(1.0, 0, 0, None), Sent(2.0, 1, 1, None), Sent(4.0, 2, 2, None), Sent(8.0, 3, 3, None)])
    put([Sent(16.0, 4, 3, None), Sent(32.0, 5, 1, None)])
    assert sql("SELECT tag_sets, count FROM sample_rollups WHERE NOT tagged") == [(2, 6)]
    assert sql("SELECT count, sum::int FROM sample_rollups WHERE tagged AND tags IS NULL") == [(3, 28)]
    answer = ask(days=4, **{"tag.route": "/a"}, group_by="code")
    assert (answer["sum"], answer["meta"]["raw_hours"]) == (58, 1)
    assert [(group["value"], group["sum"]) for group in answer["groups"]] == [(None, 34), ("500", 24)]
    sql("UPDATE sites SET raw_since = :since RETURNING id", since=START + timedelta(days=1))
    answer = ask(days=4, **{"tag.route": "/a"})
    assert (answer["sum"], answer["meta"]["unknown_tags"]) == (34, 3)
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
def test_wrong_questions_are_refused(ask: Any, site: Site, query: dict[str, str]) -> None:
    assert ask(status=400, **query)["errors"]


def test_names_and_totals(put: Any, client: FlaskClient, token: Any, auth: Any) -> None:
    put([Sent(1.0, 0, 0, None)] * 3, "b")
    put([Sent(1.0, 0, 0, None)], "a")
    answer = client.get("/metrics", headers=auth(token("read"))).json
    assert (answer["metrics"], answer["count"]) == (["a", "b"], 2)
    assert client.get("/metrics?limit=1", headers=auth(token("read"))).json["metrics"] == ["a"]


def test_kinds_are_those_of_the_last_sample(
    client: FlaskClient, token: Any, auth: Any, engine: Engine, redis: Redis, ask: Any, site: Site
) -> None:
    body = [{"metric_name": "m", "value": 1, "kind": "counter"}, {"metric_name": "m", "value": 1, "kind": "gauge"}]
    client.post("/api/analytics/samples", data=msgspec.json.encode(body), headers=auth(token("ingest")))
    Drain(engine, redis, b"s" * 32, company_s=0.0).run()
    assert ask()["count"] == 0
    later = (NOW + timedelta(seconds=1)).isoformat()
    assert ask(**{"from": _at(0).isoformat(), "to": later})["kind"] == "gauge"

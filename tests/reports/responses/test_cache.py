"""Responses of closed days are cached for a while, those of open days never; without Redis reports still work."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics import clock
from analytics.extensions import cache_redis
from analytics.period import Period
from analytics.reports.request import ReportRequest
from analytics.reports.responses import cache
from analytics.reports.responses.cache import get_cached, get_or_compute, read_cache_counts, set_cached

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
UTC_ZONE = clock.zone("UTC")


@pytest.fixture
def ask(app, site, clean):
    """`ask(end_day, **query)` returns the response; `n` counts the computations."""
    computed, texts = [], []

    def compute():
        computed.append(1)
        return {"n": len(computed), "meta": {}} | ({"text": texts[-1]} if texts[-1] else {})

    def get(end_day, is_shared=False, text="", **query):
        texts.append(text)
        request = ReportRequest(site, query, NOW, NOW, is_shared)
        period = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, end_day, tzinfo=UTC), UTC_ZONE)
        return get_or_compute(request, "summary", period, compute)

    with app.test_request_context():
        cache_redis().flushdb()
        yield get


def test_closed_days_are_computed_once(ask):
    assert [ask(10), ask(10)] == [{"n": 1, "meta": {}}, {"n": 1, "meta": {"cached": True}}]
    assert read_cache_counts(cache_redis()) == (1, 1)


def test_an_open_day_is_never_cached(ask):
    assert [ask(11)["n"], ask(11)["n"]] == [1, 2]
    assert cache_redis().dbsize() == 0


@pytest.mark.parametrize("other", [{"limit": 3}, {"type": ["click"]}])
def test_different_parameters_have_different_entries(ask, other):
    assert [ask(10)["n"], ask(10, **other)["n"], ask(10)["n"]] == [1, 2, 1]


def test_keys_can_be_deleted_by_hand_and_expire(ask):
    ask(10)
    [key] = [key for key in cache_redis().scan_iter() if not key.startswith(b"analytics:cache")]
    assert key.startswith(b"analytics:summary:default:")
    assert 0 < cache_redis().pttl(key) <= 300_000
    cache_redis().delete(key)
    assert ask(10)["n"] == 2


@pytest.mark.parametrize("query", [
    {"filter": "country==DE"}, {"limit": 3}, {"cursor": "x"}, {"type": ["a"]}, {"event": "a"}, {"name": "a"},
])  # fmt: skip
def test_a_caller_without_a_token_makes_no_keys_of_what_it_chose(ask, query):
    assert [ask(10, is_shared=True, **query)["n"], ask(10, is_shared=True, **query)["n"]] == [1, 2]
    assert [ask(10, **query)["n"], ask(10, is_shared=True, **query)["n"]] == [3, 3]


def test_a_shared_report_of_a_period_is_cached(ask):
    query = {
        "site": "default",
        "from_": "2026-03-01",
        "to": "2026-03-09",
        "dimension": "country",
        "compare": "previous",
    }
    assert [ask(10, is_shared=True, **query)["n"], ask(10, is_shared=True, **query)["n"]] == [1, 1]


@pytest.mark.parametrize(("length", "computed"), [(64 * 1024 - 100, [1, 1]), (64 * 1024, [1, 2])])
def test_a_response_over_64_kb_is_not_stored(ask, length, computed):
    assert [ask(10, text="x" * length)["n"], ask(10, text="x" * length)["n"]] == computed


@pytest.mark.parametrize("is_shared", [True, False])
def test_no_more_is_stored_than_there_is_room_for(ask, monkeypatch, is_shared):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(cache, "MAX_SHARED_BYTES" if is_shared else "MAX_BYTES", 10_000)
    days = [ask(10, is_shared, "x" * 1000, days=days)["n"] for days in range(20)]
    stored = sum(cache_redis().memory_usage(key) for key in cache_redis().scan_iter("analytics:summary:*"))
    assert (days, 6_000 < stored < 12_000) == (list(range(1, 21)), True)
    # The first have an entry; the last, and what is much larger, are computed again.
    assert ask(10, is_shared, days=0)["n"] == 1
    assert ask(10, is_shared, days=19)["n"] == 21
    # The others have room of their own.
    assert [ask(10, not is_shared, days=30)["n"] for _ in range(2)] == [22, 22]


def test_room_is_given_back_when_entries_expire(ask, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(cache, "MAX_BYTES", 2_000)
    assert [ask(10, text="x" * 1000, days=days)["n"] for days in (1, 2, 2)] == [1, 2, 3]
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=365))
    assert [ask(10, text="x" * 1000, days=2)["n"] for _ in range(2)] == [4, 4]


def test_a_ttl_of_zero_caches_nothing(make_app, site, clean):
    with make_app(cache_ttl=0.0).test_request_context():
        cache_redis().flushdb()
        request = ReportRequest(site, {}, NOW, NOW)
        period = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), UTC_ZONE)
        get_or_compute(request, "summary", period, lambda: {"n": 1})
        assert cache_redis().dbsize() == 0


def test_without_redis_nothing_is_cached(make_app, tmp_path, caplog):
    with make_app(redis_url=f"unix://{tmp_path}/none.sock?db=1").app_context():
        set_cached("analytics:x", "v", b"1", 10.0, is_shared=False)
        assert get_cached("analytics:x", "v") is None
    assert "cache unavailable" in caplog.text

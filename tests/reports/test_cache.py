"""Answers of closed days are kept for a while; open days never, and nothing depends on Redis."""

from datetime import UTC, datetime

import pytest

from analytics import clock
from analytics.extensions import cache_redis
from analytics.period import Period
from analytics.reports.cache import cached, keep, kept, read_counts
from analytics.reports.question import Question

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
UTC_ZONE = clock.zone("UTC")


@pytest.fixture
def ask(app, site, clean):
    """`ask(last_day, **query)`: what is answered; each computation is counted in the answer."""
    computed = []

    def compute():
        computed.append(1)
        return {"n": len(computed), "meta": {}}

    def put(end_day, **query):
        question = Question(site, query, NOW, NOW)
        period = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, end_day, tzinfo=UTC), UTC_ZONE)
        return cached(question, "summary", period, compute)

    with app.app_context():
        cache_redis().flushdb()
        yield put


def test_closed_days_are_computed_once(ask):
    assert [ask(10), ask(10)] == [{"n": 1, "meta": {}}, {"n": 1, "meta": {"cached": True}}]
    assert read_counts(cache_redis()) == (1, 1)


def test_an_open_day_is_never_kept(ask):
    assert [ask(11)["n"], ask(11)["n"]] == [1, 2]
    assert cache_redis().dbsize() == 0


@pytest.mark.parametrize("other", [{"limit": 3}, {"type": ["click"]}])
def test_another_question_has_another_answer(ask, other):
    assert [ask(10)["n"], ask(10, **other)["n"], ask(10)["n"]] == [1, 2, 1]


def test_keys_can_be_deleted_by_hand_and_expire(ask):
    ask(10)
    [key] = [key for key in cache_redis().scan_iter() if key != b"analytics:cache"]
    assert key.startswith(b"analytics:summary:default:")
    assert 0 < cache_redis().pttl(key) <= 300_000
    cache_redis().delete(key)
    assert ask(10)["n"] == 2


def test_no_time_to_live_keeps_nothing(make_app, site, clean):
    with make_app(cache_ttl=0.0).app_context():
        cache_redis().flushdb()
        question = Question(site, {}, NOW, NOW)
        period = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), UTC_ZONE)
        cached(question, "summary", period, lambda: {"n": 1})
        assert cache_redis().dbsize() == 0


def test_without_redis_it_is_computed(make_app, tmp_path, caplog):
    with make_app(redis_url=f"unix://{tmp_path}/none.sock?db=1").app_context():
        keep("analytics:x", 1, 10.0)
        assert kept("analytics:x") is None
    assert "cache unavailable" in caplog.text

"""The audit compares postings with raw events; each difference is a gap."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.audit.run import run_audit
from analytics.rollups.merge import merge_all
from analytics.rollups.postings import make_postings
from analytics.sites.sites import Site
from tests.audit.test_audit import BOT, append, drain

NOW = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
def site_with_postings(engine: Engine, redis: Redis, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Views of /a: ann twice, bob and a bot on the 3rd, bob on the 4th."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    views = [("ann", 3, 12), ("ann", 3, 13), ("bob", 3, 12), ("bob", 4, 12)]
    events = [
        {"type": "page_view", "ts": f"2026-03-0{day}T{hour}:00:00Z", "user_id": user, "path": "/a"}
        for user, day, hour in views
    ]
    append(redis, site, [*events, {**events[0], "user_id": "bot", "user_agent": BOT}], at=NOW)
    drain(engine, redis)
    merge_all(engine, 10)
    assert make_postings(engine, NOW, 60, timedelta()) == 29
    return site


def test_postings_balance(engine: Engine, redis: Redis, site_with_postings: Site) -> None:
    assert [str(gap) for gap in run_audit(engine, redis, full=True).gaps] == []


ROW = "WHERE day = '2026-03-03' AND NOT is_bot RETURNING 1"
BROKEN = {
    "one too few": (
        f"UPDATE postings SET body = substr(body, 9), sessions = substr(sessions, 9) {ROW}",
        "default 2026-03-03 postings '/a' (page_view): raw events = posted: 3 expected, 2 found",
    ),
    "another instant": (
        f"UPDATE postings SET body = set_byte(body, 7, get_byte(body, 7) # 1) {ROW}",
        "default 2026-03-03 postings '/a' (page_view): raw events = posted (not the same ones): 3 expected, 3 found",
    ),
    "another session": (
        f"UPDATE postings SET sessions = set_byte(sessions, 0, get_byte(sessions, 0) # 1) {ROW}",
        "default 2026-03-03 postings '/a' (page_view): raw events = posted (not the same ones): 3 expected, 3 found",
    ),
    "a missing row": (
        "DELETE FROM postings WHERE is_bot RETURNING 1",
        "default 2026-03-03 postings '(other) ' (page_view, bots): raw events = posted: 1 expected, 0 found",
    ),
    "a row too many": (
        "INSERT INTO postings SELECT site_id, day, type, '/x', is_bot, body, sessions FROM postings "
        "WHERE day = '2026-03-04' RETURNING 1",
        "default 2026-03-04 postings '/x' (page_view): raw events = posted: 0 expected, 1 found",
    ),
}


@pytest.mark.parametrize(("statement", "gap"), BROKEN.values(), ids=list(BROKEN))
def test_wrong_postings_are_gaps(
    engine: Engine, redis: Redis, site_with_postings: Site, sql: Any, statement: str, gap: str
) -> None:
    sql(statement)
    assert [str(gap) for gap in run_audit(engine, redis, full=True).gaps] == [gap]
    # Without --full, postings are not read.
    assert run_audit(engine, redis).is_balanced
    assert run_audit(engine, redis, first=date(2026, 3, 5), full=True).is_balanced


def test_postings_of_a_changed_day_are_not_checked(engine: Engine, redis: Redis, site_with_postings: Site) -> None:
    append(
        redis,
        site_with_postings,
        [{"type": "page_view", "ts": "2026-03-03T18:00:00Z", "user_id": "cid", "path": "/a"}],
        at=NOW,
    )
    drain(engine, redis)
    assert run_audit(engine, redis, full=True).is_balanced

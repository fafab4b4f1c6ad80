"""`flask demo` fills a site once, whatever it is called again for; its story is the same up to any end."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.dashboard.demo import story
from analytics.ingest.drain.drain import Drain

TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def few_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "DAYS", 20)
    monkeypatch.setattr(story, "VISITS_A_DAY", 12)


@pytest.fixture
def draining(engine: Engine, redis: Redis) -> Iterator[None]:
    """A thread that drains during the test."""
    is_over = threading.Event()

    def run_drains() -> None:
        drain = Drain(engine=engine, redis=redis, salt=b"x" * 32)
        while not is_over.is_set():
            drain.run(duration_s=1)

    thread = threading.Thread(target=run_drains)
    thread.start()
    yield
    is_over.set()
    thread.join()


def tell(until: datetime) -> list[dict[str, Any]]:
    return list(story.tell(TODAY, until))


def test_a_later_end_adds_events_and_changes_none() -> None:
    early, late = tell(datetime(2026, 11, 20, 9, 30, tzinfo=UTC)), tell(datetime(2026, 11, 23, 1, tzinfo=UTC))
    known = {event["event_id"]: event for event in late}
    assert len(known) == len(late) > len(early) > 500
    assert all(known[event["event_id"]] == event for event in early)
    assert max(event["ts"] for event in early) < "2026-11-20T09:30"


def test_the_launch_is_the_day_of_most_visits() -> None:
    views = Counter(event["ts"][:10] for event in tell(datetime(2026, 11, 20, 23, tzinfo=UTC)))
    assert views.most_common(1)[0][0] == str(TODAY - timedelta(days=story.LAUNCH_DAY))


@pytest.mark.usefixtures("draining")
def test_the_command_fills_the_site_once_and_goes_on(app: Any, sql: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_all, stored = story.tell, []
    for hours_ago in (30, 30, 0):
        until = datetime.now(UTC) - timedelta(hours=hours_ago)
        monkeypatch.setattr(story, "tell", lambda today, _, until=until: tell_all(today, until))
        result = app.test_cli_runner().invoke(args=["demo"])
        assert result.exit_code == 0, result.output
        assert "open /sites/demo" in result.output
        [(count,)] = sql("SELECT count(*) FROM events")
        stored.append(count)
    assert 500 < stored[0] <= stored[1] < stored[2]
    assert stored[1] - stored[0] < 20
    names = sql("SELECT (SELECT count(*) FROM goals), (SELECT count(*) FROM segments), (SELECT count(*) FROM notes)")
    assert names == [(3, 2, 2)]
    assert sql("SELECT event_retention_days, zone FROM sites WHERE key = 'demo'") == [(400, "Europe/Berlin")]


def test_a_site_of_somebody_is_left_alone(app: Any, sql: Any) -> None:
    assert app.test_cli_runner().invoke(args=["site", "create", "shop"]).exit_code == 0
    result = app.test_cli_runner().invoke(args=["demo", "--site", "shop"])
    assert result.exit_code == 1
    assert "is not the demo's" in result.output
    assert sql("SELECT count(*) FROM goals") == [(0,)]

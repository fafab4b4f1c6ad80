"""`flask demo` fills a site once, whatever it is called again for; its story is the same up to any end."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.dashboard.demo import story, vitals
from analytics.ingest.drain.drain import Drain

TODAY = date(2026, 11, 20)
CHROME = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0{} Safari/537.36"


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


def measure(agent: str, path: str = "/pricing?utm_source=x") -> dict[str, list[float]]:
    """The values of 4,000 page views, by name."""
    values: dict[str, list[float]] = {}
    for number in range(4000):
        event_id = str(uuid.UUID(int=number))
        view = {"event_id": event_id, "ts": "2026-11-20T09:00:00+00:00", "user_agent": agent, "path": path}
        assert list(vitals.measure(view)) == list(vitals.measure(view))
        for sample in vitals.measure(view):
            assert sample["tags"] == {"path": path.partition("?")[0]}
            values.setdefault(sample["metric_name"], []).append(sample["value"])
    return values


def p75(values: list[float]) -> float:
    return sorted(values)[len(values) * 3 // 4]


def test_web_vitals_are_good_on_desktops_and_worse_on_phones() -> None:
    """By the thresholds of https://web.dev/articles/vitals: 2.5 s, 200 ms and 0.1 for good, 4 s, 500 ms, 0.25 for poor."""
    desktop, phone = measure(CHROME.format("")), measure(CHROME.format(" Mobile"))
    assert 350 < len(desktop["web_vital.lcp"]) < 450
    assert 1000 < p75(desktop["web_vital.lcp"]) < 2500 < p75(phone["web_vital.lcp"]) < 4000
    assert 50 < p75(desktop["web_vital.inp"]) < p75(phone["web_vital.inp"]) < 300
    assert 0 == min(desktop["web_vital.cls"]) < p75(desktop["web_vital.cls"]) < 0.1
    assert p75(phone["web_vital.cls"]) < 0.25
    assert p75(measure(CHROME.format(""), "/docs/sdk")["web_vital.lcp"]) < p75(desktop["web_vital.lcp"])


def test_browsers_without_web_vitals_send_none() -> None:
    assert (
        measure("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15") == {}
    )


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
    # A tenth of the page views of browsers that measure, each sample once.
    [(samples, ids, names)] = sql("SELECT count(*), count(DISTINCT sample_id), count(DISTINCT name) FROM samples")
    assert (samples == ids > 30, names) == (True, 3)
    names = sql("SELECT (SELECT count(*) FROM goals), (SELECT count(*) FROM segments), (SELECT count(*) FROM notes)")
    assert names == [(3, 2, 2)]
    assert sql("SELECT event_retention_days, zone FROM sites WHERE key = 'demo'") == [(400, "Europe/Berlin")]


def test_a_site_of_somebody_is_left_alone(app: Any, sql: Any) -> None:
    assert app.test_cli_runner().invoke(args=["site", "create", "shop"]).exit_code == 0
    result = app.test_cli_runner().invoke(args=["demo", "--site", "shop"])
    assert result.exit_code == 1
    assert "is not the demo's" in result.output
    assert sql("SELECT count(*) FROM goals") == [(0,)]

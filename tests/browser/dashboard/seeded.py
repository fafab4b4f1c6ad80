"""Sites to look at: that of `flask demo` with clicks, exports and people online, a small one, and one without events.

The story is the same each time, moved by whole weeks so that it ends now.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, text

from analytics.dashboard.demo import story
from analytics.sites.sites import create_site, find_site
from tasks import columnar, exports, rollups
from tests.factories import append_events, make_drain

STORY_DAY = date(2026, 3, 2)
# Two periods of four weeks, and the days around them.
STORY_DAYS = 63
LINKS = {"spring-sale": 40, "docs": 25, "newsletter/december": 18, "jobs": 6, "press-kit": 3}


# One that is ready, one that is being made, one that was cancelled, and one that nobody began.
ORDERS: tuple[dict[str, Any], ...] = (
    {"what": "events", "format": "csv", "days": 7, "columns": ["ts", "type", "path", "country"]},
    {"what": "report", "report": "breakdown", "dimension": "source", "unit": "week", "format": "xlsx", "days": 28},
    {"what": "events", "format": "ndjson", "compression": "zstd", "days": 28, "filter": {"where": "country==DE"}},
    {"what": "events", "format": "parquet"},
)
SCHEDULED = {"what": "events", "format": "csv", "filter": {"type": ["signup", "purchase"]}}
RUNNING = text("UPDATE export_jobs SET state = 'running', rows_done = 71500 WHERE id = :id")


def seed(app: Flask, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Fills the sites `demo`, `blog` and `fresh`."""
    chance = random.Random(7)
    monkeypatch.setattr(story, "DAYS", STORY_DAYS)
    monkeypatch.setattr(story, "tell", lambda _, until, tell=story.tell: tell_until(tell, until))
    with draining(engine, redis):
        result = app.test_cli_runner().invoke(args=["demo"])
    assert result.exit_code == 0, result.output
    with engine.begin() as connection:
        create_site(connection, "blog", "A personal blog with quite a long name", "UTC")
        create_site(connection, "fresh", "Fresh", "Europe/Berlin")
    append_events(redis, find_site(engine, "demo"), [*make_clicks(chance), *make_people_online(chance)])
    append_events(redis, find_site(engine, "blog"), make_people_online(chance)[:40])
    make_drain(engine, redis).run()
    with app.app_context():
        for task in (rollups.merge, rollups.merge, rollups.close_days, columnar.write, columnar.write_visits):
            task()
        order_files(app, engine, token)


def order_files(app: Flask, engine: Engine, token: str) -> None:
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}

    def post(path: str, body: dict[str, Any]) -> str:
        response = client.post(f"/api/analytics/exports{path}", json=body, headers=headers)
        assert response.status_code < 300, response.text
        return str(response.json["id"])

    jobs = [post("", {"site": "demo", **order}) for order in ORDERS]
    for job in jobs[:2]:
        exports.run(job)
    client.delete(f"/api/analytics/exports/{jobs[2]}", headers=headers)
    with engine.begin() as connection:
        # As a worker leaves it on the way.
        connection.execute(RUNNING, {"id": jobs[3]})
    post("/schedules?site=demo", {"every": "week", "at": "06:00", "request": SCHEDULED})


def tell_until(tell: Any, until: datetime) -> Iterator[dict[str, Any]]:
    """The story of STORY_DAY, moved by whole weeks."""
    moved = timedelta(weeks=(until.date() - STORY_DAY).days // 7)
    for event in tell(STORY_DAY, until - moved):
        yield event | {"ts": (datetime.fromisoformat(event["ts"]) + moved).isoformat()}


@contextmanager
def draining(engine: Engine, redis: Redis) -> Iterator[None]:
    """A thread that stores what is accepted."""
    drain, is_over = make_drain(engine, redis), threading.Event()

    def run() -> None:
        while not is_over.wait(0.05):
            drain.run(duration_s=1)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    is_over.set()
    thread.join()


def make_clicks(chance: random.Random) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "type": "click",
            "subject": chance.choices(list(LINKS), list(LINKS.values()))[0],
            "ts": (now - timedelta(days=27 * chance.random() ** 1.6)).isoformat(),
            "user_id": f"clicker-{chance.randrange(900)}",
            **choose_client(chance),
        }
        for _ in range(1400)
    ]


def make_people_online(chance: random.Random) -> list[dict[str, Any]]:
    """Page views of the last half hour, in the order of time."""
    now = datetime.now(UTC)
    minutes = sorted((chance.uniform(0.1, 30) for _ in range(70)), reverse=True)
    return [
        {
            "type": chance.choices(["page_view", "signup", "button_click"], [12, 1, 1])[0],
            "path": chance.choices(list(story.PAGES), list(story.PAGES.values()))[0],
            "ts": (now - timedelta(minutes=ago)).isoformat(),
            "user_id": f"online-{chance.randrange(36)}",
            **choose_client(chance),
        }
        for ago in minutes
    ]


def choose_client(chance: random.Random) -> dict[str, str]:
    choose = lambda weights: chance.choices(list(weights), list(weights.values()))[0]  # noqa: E731
    referrer = choose(story.REFERRERS)
    client = {"country": choose(story.COUNTRIES), "user_agent": choose(story.AGENTS)}
    return client | ({"referrer": referrer} if referrer else {})

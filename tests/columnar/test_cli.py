"""`flask columnar status` and `rebuild`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site
from tests.factories import append_events, make_drain, make_site

START = datetime(2026, 3, 5, 8, tzinfo=UTC)


@pytest.fixture
def site(engine: Engine, redis: Redis) -> Site:
    """With 40 events on two days."""
    site = make_site(engine, "UTC")
    times = [START + timedelta(hours=n) for n in range(40)]
    append_events(redis, site, [{"type": "page_view", "user_id": "ann", "ts": at.isoformat()} for at in times])
    make_drain(engine, redis).run()
    merge_all(engine, 10)
    return site


def test_days_are_written_anew(app: Any, site: Site, sql: Any) -> None:
    runner = app.test_cli_runner()
    assert (
        f"{site.key}: 0 of 2 days written, 0 with visits; 0 events" in runner.invoke(args=["columnar", "status"]).output
    )
    command = ["columnar", "rebuild", "--site", site.key, "--from", "2026-03-05", "--to", "2026-03-06"]
    for _ in range(2):
        result = runner.invoke(args=command)
        assert result.exit_code == 0, result.output
        assert "2 days of 40 events and 2 of visits written" in result.output
        # From 8 on the first day, an event an hour.
        assert "2026-03-06: visits of 24 events\n2026-03-05: visits of 16 events\n" in result.stderr
        assert sql("SELECT count(*), sum(rows)::int FROM column_files") == [(2, 40)]
    assert (
        f"{site.key}: 2 of 2 days written, 2 with visits; 40 events"
        in runner.invoke(args=["columnar", "status"]).output
    )


def test_days_in_the_wrong_order_are_refused(app: Any, site: Site) -> None:
    command = ["columnar", "rebuild", "--site", site.key, "--from", "2026-03-06", "--to", "2026-03-05"]
    result = app.test_cli_runner().invoke(args=command)
    assert result.exit_code == 2
    assert "--to" in result.output

"""Seed 002's report against a slow count over the stored page views, of all time, of a day and of some days."""

import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from analytics import clock
from analytics.rollups.merge import merge_site
from analytics.sites import create_site
from tests.reports.slow import BOT, ZONES, slow_day

SEEN = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(0, 6 * 86_400 - 1), st.booleans(), st.sampled_from(["page_view", "click"]),
        st.sampled_from(["/", "/a", ""]),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=SEEN, zone=st.sampled_from(ZONES), start=st.sampled_from([datetime(2011, 12, 28), datetime(2026, 3, 26)]))
def test_a_site_is_that_of_a_slow_count(
    engine: Engine,
    store: Any,
    client: FlaskClient,
    token: Any,
    auth: Any,
    sql: Any,
    seen: Any,
    zone: str,
    start: datetime,
) -> None:
    begin = start.replace(tzinfo=UTC)
    with engine.begin() as connection:
        there = create_site(connection, f"s{time.monotonic_ns()}", zone=zone)
    store(
        [
            {"user_id": user, "type": kind, "ts": (begin + timedelta(seconds=after)).isoformat(), "path": path}
            | ({"user_agent": BOT} if bot else {})
            for user, after, bot, kind, path in seen
        ],
        site_id=there.id,
    )
    query = "SELECT ts, user_no, path, is_bot FROM events WHERE site_id = :id AND type = 'page_view'"
    rows = [(slow_day(row[0], ZoneInfo(zone)), *row) for row in sql(query, id=there.id)]
    some = slow_day(begin + timedelta(days=2), ZoneInfo(zone))
    last = slow_day(begin + timedelta(days=6), ZoneInfo(zone))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: begin + timedelta(days=6))
        for _ in ("while they wait", "merged"):
            for asked, first, until in (
                ("", date.min, last),
                (f"&date={some}", some, some),
                ("&days=3", last - timedelta(days=2), last),
            ):
                for bots in (False, True):
                    path = f"/stats?site_id={there.key}&include_bots={bots}{asked}"
                    found = client.get(path, headers=auth(token("read"))).json
                    mine = [row for row in rows if first <= row[0] <= until and (bots or not row[4])]
                    assert (found["total_views"], found["unique_users"]) == (len(mine), len({row[2] for row in mine}))
                    paths = Counter(row[3] or "(none)" for row in mine)
                    assert {line["path"]: line["views"] for line in found["top_paths"]} == dict(paths)
            merge_site(engine, there.id)

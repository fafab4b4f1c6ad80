"""Seed 002's report against a slow count over the stored page views: all time, one day and several days."""

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
from tests.examples import examples
from tests.factories import make_site
from tests.reports.brute_force import BOT, ZONES, local_day

SEEN = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(0, 6 * 86_400 - 1), st.booleans(), st.sampled_from(["page_view", "click"]),
        st.sampled_from(["/", "/a", ""]),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


@settings(max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=SEEN, zone=st.sampled_from(ZONES), start=st.sampled_from([datetime(2011, 12, 28), datetime(2026, 3, 26)]))
def test_a_site_equals_a_slow_count(
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
    site = make_site(engine, zone)
    store(
        [
            {"user_id": user, "type": kind, "ts": (begin + timedelta(seconds=after)).isoformat(), "path": path}
            | ({"user_agent": BOT} if bot else {})
            for user, after, bot, kind, path in seen
        ],
        site_id=site.id,
    )
    query = "SELECT ts, user_no, path, is_bot FROM events WHERE site_id = :id AND type = 'page_view'"
    rows = [(local_day(row[0], ZoneInfo(zone)), *row) for row in sql(query, id=site.id)]
    day = local_day(begin + timedelta(days=2), ZoneInfo(zone))
    last = local_day(begin + timedelta(days=6), ZoneInfo(zone))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: begin + timedelta(days=6))
        for _ in ("unmerged", "merged"):
            for parameters, first, until in (
                ("", date.min, last),
                (f"&date={day}", day, day),
                ("&days=3", last - timedelta(days=2), last),
            ):
                for bots in (False, True):
                    path = f"/stats?site_id={site.key}&include_bots={bots}{parameters}"
                    report = client.get(path, headers=auth(token("read"))).json
                    views = [row for row in rows if first <= row[0] <= until and (bots or not row[4])]
                    assert (report["total_views"], report["unique_users"]) == (
                        len(views),
                        len({row[2] for row in views}),
                    )
                    paths = Counter(row[3] or "(none)" for row in views)
                    assert {row["path"]: row["views"] for row in report["top_paths"]} == dict(paths)
            merge_site(engine, site.id)

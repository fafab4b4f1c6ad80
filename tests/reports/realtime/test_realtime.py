"""What goes on right now, against a slow count of the same events in Python."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics import clock
from analytics.reports import realtime
from analytics.sites import Site, forget_sites
from tests.reports.conftest import Store
from tests.reports.slow import BOT
from tests.reports.test_event_list import SUMMARISE

NOW = datetime(2026, 3, 3, 0, 4, 30, tzinfo=UTC)

one_event = st.tuples(
    st.sampled_from("abcd"),
    st.sampled_from(["page_view", "page_view", "click"]),
    st.integers(-70, 3700),
    st.sampled_from(["/", "/a", ""]),
    st.sampled_from(["", "https://news.example.org/"]),
    st.sampled_from(["DE", "FR", ""]),
    st.booleans(),
)


def as_event(one: Any) -> dict[str, Any]:
    user, kind, ago_s, path, referrer, country, is_bot = one
    event = {"user_id": user, "type": kind, "ts": (NOW - timedelta(seconds=ago_s)).isoformat()}
    event |= {name: value for name, value in (("path", path), ("referrer", referrer), ("country", country)) if value}
    return event | ({"user_agent": BOT} if is_bot else {})


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(one_event, max_size=40), bots=st.booleans())
def test_every_number_is_that_of_a_slow_count(
    store: Store, engine: Engine, report: Any, monkeypatch: pytest.MonkeyPatch, found: list[Any], bots: bool
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE events, rollups, rollup_deltas, visits, visit_rollups, open_days"))
    if found:
        store([as_event(one) for one in found])
    answer = report("realtime", f"include_bots={bots}&limit=2")
    mine = [one for one in found if one[2] >= 0 and (bots or not one[6])]
    views = [one for one in mine if one[1] == "page_view"]
    recent = [one for one in views if one[2] < 300]
    assert answer["active_users"] == len({one[0] for one in mine if one[2] < 300})
    assert answer["current_visitors"] == len({one[0] for one in recent})
    for minutes in (5, 30, 60):
        assert answer[f"page_views_last_{minutes}m"] == sum(one[2] < 60 * minutes for one in views)
    assert answer["top_pages"] == slow_top(recent, 3, "page", "(none)")
    assert answer["top_referrers"] == slow_top(recent, 4, "referrer", "Direct")
    assert answer["top_countries"] == slow_top(recent, 5, "country", "Unknown")
    assert answer["series"] == slow_series(views)


def slow_top(views: list[Any], column: int, name: str, none: str) -> list[dict[str, Any]]:
    counts, people = Counter(one[column] for one in views), defaultdict(set)
    for one in views:
        people[one[column]].add(one[0])
    ranked = sorted(counts, key=lambda value: (-counts[value], value))[:2]
    return [{name: value or none, "views": counts[value], "unique": len(people[value])} for value in ranked]


def slow_series(views: list[Any]) -> list[dict[str, Any]]:
    series = []
    for ago in range(29, -1, -1):
        inside = [one for one in views if 60 * ago <= one[2] < 60 * (ago + 1)]
        start = (NOW - timedelta(minutes=ago + 1)).isoformat().replace("+00:00", "Z")
        series.append({"start": start, "views": len(inside), "unique": len({one[0] for one in inside})})
    return series


def test_an_hour_that_takes_too_long_is_left_out(
    fill: Any, site: Site, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fill's rows are 0.4 s apart, so that the hour has 9,000 of them."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 2, 2, tzinfo=UTC))
    monkeypatch.setattr(realtime, "HOUR_WITHIN_MS", 1)
    fill(30_000)
    answer = report("realtime")
    late = ("page_views_last_30m", "page_views_last_60m", "series")
    assert [answer[name] for name in late] == [None, None, None]
    assert answer["active_users"] == 1


def test_minutes_are_read_by_time(engine: Engine, fill: Any, site: Site) -> None:
    fill(20_000)
    now = datetime(2026, 3, 2, 2, tzinfo=UTC)
    given = {"site_id": site.id, "start": now - timedelta(minutes=5), "now": now, "bots": False}
    with engine.begin() as connection:
        connection.execute(SUMMARISE)
        realtime.plan_by_time(connection)
        plan = "\n".join(connection.execute(text(f"EXPLAIN {realtime.MINUTES.text}"), given).scalars())
    assert "_ts_received_at_idx" in plan
    assert "Seq Scan" not in plan
    assert "event_id_ts" not in plan


def test_open_statistics_are_for_everybody(client: Any, engine: Engine, site: Site) -> None:
    assert client.get("/api/analytics/reports/realtime").status_code == 401
    with engine.begin() as connection:
        connection.execute(text("UPDATE sites SET public_stats = true"))
    forget_sites(engine)
    assert client.get("/api/analytics/reports/realtime?site=default").json["active_users"] == 0

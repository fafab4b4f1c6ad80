"""The realtime report against a slow count of the same events in Python."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics import clock
from analytics.reports.realtime import realtime
from analytics.sites.sites import Site, clear_site_cache
from tests.empty_tables import delete_all
from tests.examples import examples
from tests.reports.brute_force import BOT
from tests.reports.conftest import Store
from tests.reports.events.test_event_list import SUMMARISE

NOW = datetime(2026, 3, 3, 0, 4, 30, tzinfo=UTC)

event_draft = st.tuples(
    st.sampled_from("abcd"),
    st.sampled_from(["page_view", "page_view", "click"]),
    st.integers(-70, 3700),
    st.sampled_from(["/", "/a", ""]),
    st.sampled_from(["", "https://news.example.org/"]),
    st.sampled_from(["DE", "FR", ""]),
    st.booleans(),
)


def as_event(draft: Any) -> dict[str, Any]:
    user, kind, ago_s, path, referrer, country, is_bot = draft
    event = {"user_id": user, "type": kind, "ts": (NOW - timedelta(seconds=ago_s)).isoformat()}
    event |= {name: value for name, value in (("path", path), ("referrer", referrer), ("country", country)) if value}
    return event | ({"user_agent": BOT} if is_bot else {})


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drafts=st.lists(event_draft, max_size=40), bots=st.booleans())
def test_every_figure_equals_a_slow_count(
    store: Store, engine: Engine, report: Any, monkeypatch: pytest.MonkeyPatch, drafts: list[Any], bots: bool
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with engine.begin() as connection:
        connection.execute(delete_all("events, rollups, rollup_deltas, visits, visit_rollups, open_days"))
    if drafts:
        store([as_event(draft) for draft in drafts])
    response = report("realtime", f"include_bots={bots}&limit=2")
    events = [event for event in drafts if event[2] >= 0 and (bots or not event[6])]
    views = [event for event in events if event[1] == "page_view"]
    recent = [view for view in views if view[2] < 300]
    assert response["active_users"] == len({event[0] for event in events if event[2] < 300})
    assert response["current_visitors"] == len({view[0] for view in recent})
    for minutes in (5, 30, 60):
        assert response[f"page_views_last_{minutes}m"] == sum(view[2] < 60 * minutes for view in views)
    assert response["top_pages"] == slow_top(recent, 3, "page", "(none)")
    assert response["top_referrers"] == slow_top(recent, 4, "referrer", "Direct")
    assert response["top_countries"] == slow_top(recent, 5, "country", "Unknown")
    assert response["series"] == slow_series(views)


def slow_top(views: list[Any], column: int, name: str, none: str) -> list[dict[str, Any]]:
    counts, users = Counter(view[column] for view in views), defaultdict(set)
    for view in views:
        users[view[column]].add(view[0])
    ranked = sorted(counts, key=lambda value: (-counts[value], value))[:2]
    return [{name: value or none, "views": counts[value], "unique": len(users[value])} for value in ranked]


def slow_series(views: list[Any]) -> list[dict[str, Any]]:
    series = []
    for ago in range(29, -1, -1):
        inside = [view for view in views if 60 * ago <= view[2] < 60 * (ago + 1)]
        start = (NOW - timedelta(minutes=ago + 1)).isoformat().replace("+00:00", "Z")
        series.append({"start": start, "views": len(inside), "unique": len({view[0] for view in inside})})
    return series


def test_an_hour_that_takes_too_long_is_null(
    fill: Any, site: Site, report: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of `fill` are 0.4 s apart, so the hour has 9,000 of them."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 2, 2, tzinfo=UTC))
    monkeypatch.setattr(realtime, "HOUR_TIMEOUT_MS", 1)
    fill(30_000)
    response = report("realtime")
    of_the_hour = ("page_views_last_30m", "page_views_last_60m", "series")
    assert [response[name] for name in of_the_hour] == [None, None, None]
    assert response["active_users"] == 1


def test_minutes_are_read_by_time(engine: Engine, fill: Any, site: Site) -> None:
    fill(20_000)
    now = datetime(2026, 3, 2, 2, tzinfo=UTC)
    parameters = {"site_id": site.id, "start": now - timedelta(minutes=5), "now": now, "bots": False}
    with engine.begin() as connection:
        connection.execute(SUMMARISE)
        realtime.force_time_scan(connection)
        plan = "\n".join(connection.execute(text(f"EXPLAIN {realtime.MINUTE_COUNTS.text}"), parameters).scalars())
    assert "_ts_received_at_idx" in plan
    assert "Seq Scan" not in plan
    assert "event_id_ts" not in plan


def test_public_statistics_need_no_token(client: Any, engine: Engine, site: Site) -> None:
    assert client.get("/api/analytics/reports/realtime").status_code == 401
    with engine.begin() as connection:
        connection.execute(text("UPDATE sites SET public_stats = true"))
    clear_site_cache(engine)
    assert client.get("/api/analytics/reports/realtime?site=default").json["active_users"] == 0

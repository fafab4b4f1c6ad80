"""Right at once: whatever is stored, merged or not, reports on a period agree with each other and with a slow count, and
what the cache holds is what would be computed."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine

from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site
from tests.examples import examples
from tests.factories import append_events, make_drain, make_site
from tests.rollups.visits.test_visits import View, slow_visits

FIRST = datetime(2026, 3, 9, tzinfo=UTC)
# No visit continues over midnight: a waiting view of a later day shows in an earlier one with its merge.
VIEWS = st.tuples(
    st.sampled_from("abc"), st.integers(0, 2), st.integers(60, 22 * 60), st.sampled_from(["/a", "/b"])
)  # fmt: skip
STEPS = st.lists(st.tuples(st.lists(VIEWS, min_size=1, max_size=5), st.booleans()), min_size=1, max_size=4)
SLOW = settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def count_slowly(views: Iterable[View], first: datetime, after: datetime) -> dict[str, Any]:
    """page_views, visitors, visits, bounce_rate of the visits that begin in the period."""
    seen = [view for view in views if first <= view.at < after]
    visits = [visit for visit in slow_visits(views) if first <= visit[0].at < after]
    bounces = sum(len(visit) == 1 for visit in visits)
    return {
        "page_views": len(seen), "visitors": len({view.user_no for view in seen}), "visits": len(visits),
        "bounce_rate": round(bounces / len(visits), 4) if visits else None,
    }  # fmt: skip


@SLOW
@given(STEPS)
def test_reports_agree_at_once_and_cached_ones_are_fresh(
    engine: Engine, redis: Redis, client: FlaskClient, token: Any, auth: Any, steps: list[Any]
) -> None:
    site, headers, views = make_site(engine, "UTC"), auth(token("read")), list[View]()

    def read(name: str, query: str) -> Any:
        response = client.get(f"/api/analytics/reports/{name}?site={site.key}&{query}", headers=headers)
        assert response.status_code == 200, response.json
        return response.json

    for batch, is_merged in steps:
        store(engine, redis, site, views, batch)
        if is_merged:
            merge_site(engine, site.id)
        for first, days in ((0, 1), (1, 1), (2, 1), (0, 3)):
            start = FIRST + timedelta(days=first)
            period = f"from={start:%Y-%m-%d}&to={start + timedelta(days=days - 1):%Y-%m-%d}"
            expected = count_slowly(views, start, start + timedelta(days=days))
            # The second time from the cache.
            for _ in range(2):
                summary = read("summary", period)
                assert figures(summary, expected) == expected
                # With a filter, visits are counted as they are stored, which is when they are merged.
                filtered = expected if is_merged else {name: expected[name] for name in ("page_views", "visitors")}
                assert figures(read("summary", f"{period}&filter=path=^/"), filtered) == filtered
                assert figures(read("overview", period), expected) == expected
                series = read("timeseries", period)["series"]
                assert [sum(point[name] for point in series) for name in ("page_views", "visits")] == [
                    expected["page_views"], expected["visits"]
                ]  # fmt: skip
            assert summary["meta"]["cached"]


def figures(report: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    values = {name: report[name] for name in names}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def store(engine: Engine, redis: Redis, site: Site, views: list[View], batch: list[Any]) -> None:
    """Stores the batch as a worker does, and adds it to `views`."""
    events = []
    for user, day, minute, path in batch:
        at = FIRST + timedelta(days=day, minutes=minute)
        views.append(View(at, "abc".index(user), path=path))
        events.append({"type": "page_view", "user_id": user, "ts": at.isoformat(), "path": path})
    append_events(redis, site, events)
    make_drain(engine, redis).run()

"""The main figures of all sites: each row equals the site's own reports, and nobody sees the sites of others."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from analytics.auth.keys import share_links
from analytics.insights.overview.schemas import SiteOverviewsResponse
from analytics.privacy.retention_periods import advance_raw_since
from analytics.rollups.merge import merge_site
from analytics.sites import sites
from analytics.sites.sites import Site
from tests.reports.conftest import NOW

PATH = "/api/analytics/reports/overview/sites"
# The last is too far in the future for Kathmandu's today.
ZONES = {"a-berlin": "Europe/Berlin", "b-kathmandu": "Asia/Kathmandu", "c-apia": "Pacific/Apia"}
# Around midnight in each of the zones, in the last minutes, and a bot.
TIMES = [
    "2026-03-10T22:50:00Z", "2026-03-10T23:10:00Z", "2026-03-17T18:10:00Z", "2026-03-17T18:20:00Z", "2026-03-18T10:50:00Z",
    "2026-03-18T11:10:00Z", "2026-03-19T08:00:00Z", "2026-03-19T12:26:00Z", "2026-03-19T12:29:00Z",
]  # fmt: skip
BOT = {"user_id": "bot", "ts": "2026-03-19T12:28:00Z", "user_agent": "Googlebot/2.1"}
FIGURES = ("page_views", "visitors", "visits")
pytestmark = pytest.mark.usefixtures("at_noon")
Get = Callable[..., Any]


@pytest.fixture
def three_sites(engine: Engine, store: Any, site: Site) -> list[Site]:
    """Sites in ZONES with the same views; those of the second wait for their merge."""
    with engine.begin() as connection:
        made = [sites.create_site(connection, key, key.upper(), zone=zone) for key, zone in ZONES.items()]
    for number, there in enumerate(made):
        views = [{"user_id": f"user{n % (number + 3)}", "ts": ts, "path": f"/{n}"} for n, ts in enumerate(TIMES)]
        store([*views, BOT], site_id=there.id, site_key=there.key)
        if number != 1:
            merge_site(engine, there.id)
    return made


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Get:
    """`get("days=7", site=["a"])`: the response's JSON, for a token of these sites; None: of all."""

    def call(query: str = "", status: int = 200, **claims: Any) -> Any:
        response = client.get(f"{PATH}?{query}", headers=auth(token("read", **claims)))
        assert response.status_code == status, response.json
        return response.json

    return call


@pytest.mark.parametrize("period", ["days=1", "days=7", "days=120", "hours=30", "date=2026-03-18"])
@pytest.mark.parametrize("more", ["", "&compare=previous", "&compare=year&align=whole", "&include_bots=true"])
def test_each_row_equals_the_reports_of_the_site(
    three_sites: list[Site], get: Get, report: Any, client: FlaskClient, token: Any, auth: Any, period: str, more: str
) -> None:
    page = get(f"{period}{more}")
    assert SiteOverviewsResponse().validate(page) == {}
    assert [row["key"] for row in page["sites"]] == [*ZONES, "default"]
    activity = {one["key"]: one for one in client.get("/api/analytics/me", headers=auth(token("read"))).json["sites"]}
    for row in page["sites"]:
        own = f"site={row['key']}&{period}{more}"
        summary, series = report("summary", own), report("timeseries", f"{own}&granularity={row['granularity']}")
        assert {name: row[name] for name in FIGURES} == {name: summary[name] for name in FIGURES}
        assert row["spark"] == [point["visitors"] for point in series["series"]]
        assert (row["meta"], row["zone"]) == (summary["meta"], summary["meta"]["zone"])
        for part in ("previous", "change"):
            expected = {name: summary[part][name] for name in row[part]} if part in summary else None
            assert row.get(part) == expected
        bots = f"&include_bots={'include_bots' in more}"
        assert row["online"] == report("realtime", f"site={row['key']}{bots}")["current_visitors"]
        assert activity[row["key"]].items() <= row.items()


def test_sparks_by_hand(three_sites: list[Site], get: Get) -> None:
    rows = {row["key"]: row for row in get("days=3")["sites"]}
    # 18:10 and 18:20 UTC are before and after 00:00 of March 18 in Kathmandu, and of the same day in Berlin.
    assert (rows["a-berlin"]["granularity"], rows["a-berlin"]["spark"]) == ("day", [2, 2, 3])
    assert rows["b-kathmandu"]["spark"] == [1, 3, 3]
    assert [rows[key]["online"] for key in (*ZONES, "default")] == [2, 2, 2, 0]
    assert get("days=120")["sites"][0]["granularity"] == "week"
    assert len(get("date=2026-03-18")["sites"][0]["spark"]) == 24


def test_people_online_are_those_with_a_page_view(three_sites: list[Site], get: Get, store: Any) -> None:
    there = three_sites[0]
    store([{"type": "signup", "user_id": "other", "ts": "2026-03-19T12:28:00Z"}], site_id=there.id, site_key=there.key)
    assert get("days=1")["sites"][0]["online"] == 2


def test_a_token_sees_its_own_sites_only(three_sites: list[Site], get: Get, engine: Engine) -> None:
    for keys in (["a-berlin"], ["c-apia", "a-berlin"], ["unknown"]):
        found = [row["key"] for row in get("days=1", site=keys)["sites"]]
        assert found == [key for key in sorted(keys) if key in ZONES]
    assert [row["key"] for row in get("days=1&site=a-berlin", site=["a-berlin", "c-apia"])["sites"]] == ["a-berlin"]
    get("days=1&site=b-kathmandu", 403, site=["a-berlin"])
    get("days=1&site=unknown", 404)


def test_callers_without_read_see_no_site(
    three_sites: list[Site], client: FlaskClient, token: Any, auth: Any, engine: Engine
) -> None:
    with engine.begin() as connection:
        shared, _ = share_links.create_link(connection, three_sites[0].id, "board", None, "me")
        sites.update_site(connection, "a-berlin", public_stats=True)
    sites.clear_site_cache(engine)
    assert client.get(PATH).status_code == 401
    assert client.get(f"{PATH}?site=a-berlin").status_code == 401
    assert client.get(f"{PATH}?share={shared}").status_code == 403
    assert client.get(PATH, headers=auth(token("ingest export"))).status_code == 403


def test_pages_have_each_site_once(three_sites: list[Site], get: Get) -> None:
    keys, cursor = list[str](), ""
    for _ in range(4):
        page = get(f"days=1&limit=1{cursor}")
        keys += [row["key"] for row in page["sites"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (keys, page["next_cursor"]) == ([*ZONES, "default"], None)
    assert get("limit=101", 400)["errors"][0]["field"] == "limit"
    assert get("cursor=abc", 400)["errors"][0]["field"] == "cursor"


def test_a_site_that_is_being_deleted_shows_nothing(three_sites: list[Site], get: Get, sql: Any) -> None:
    sql("UPDATE sites SET deleting_at = now() WHERE key = 'b-kathmandu' RETURNING 1")
    assert [row["key"] for row in get("days=1")["sites"]] == ["a-berlin", "c-apia", "default"]


def test_days_are_those_of_each_site(three_sites: list[Site], get: Get) -> None:
    assert get("days=1&zone=UTC", 400)["errors"][0]["field"] == "zone"
    starts = {row["key"]: row["meta"]["from"] for row in get("days=1")["sites"]}
    assert starts["a-berlin"] == "2026-03-18T23:00:00Z"
    assert starts["b-kathmandu"] == "2026-03-18T18:15:00Z"
    assert starts["c-apia"] == "2026-03-19T11:00:00Z"


def test_part_of_a_day_past_retention_is_refused(three_sites: list[Site], get: Get, engine: Engine) -> None:
    with engine.begin() as connection:
        advance_raw_since(connection, NOW, three_sites[0].id)
    get("days=7")
    [error] = get("hours=50", 400)["errors"]
    assert error["field"] == "hours"


def test_a_site_takes_a_few_queries(three_sites: list[Site], get: Get, engine: Engine) -> None:
    statements: list[str] = []

    def count(query: str) -> int:
        statements.clear()
        get(query)
        return len(statements)

    def listener(_: Any, cursor: Any, statement: str, *more: Any) -> None:
        statements.append(statement)

    merge_site(engine, three_sites[1].id)
    query = "days=7&compare=previous&align=whole"
    event.listen(engine, "before_cursor_execute", listener)
    try:
        one, all_of_them = count(f"{query}&site=a-berlin"), count(query)
    finally:
        event.remove(engine, "before_cursor_execute", listener)
    # Those that read bitmaps are not among them: four a site.
    assert all_of_them - one <= 3 * 5

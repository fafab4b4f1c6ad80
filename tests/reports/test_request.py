"""A site may show its statistics to everybody; the others stay closed, and do not show that they exist."""

import pytest

from analytics import sites
from analytics.sites import forget_sites


@pytest.fixture
def open_site(engine, site):
    with engine.begin() as connection:
        sites.create_site(connection, "open", "Open", public_stats=True)
    forget_sites(engine)


@pytest.mark.parametrize("query", ["site=open", "site_id=open", "website_id=open"])
def test_public_statistics_need_no_token(client, open_site, query):
    assert client.get(f"/api/analytics/reports/dau?{query}").status_code == 200


def test_public_statistics_are_there_for_a_token_of_another_scope(client, open_site, token, auth):
    answer = client.get("/api/analytics/reports/dau?site=open", headers=auth(token("ingest")))
    assert answer.status_code == 200


@pytest.mark.parametrize("query", ["", "site=default", "site=nobody", "site=%00", "site=open&site_id=default"])
def test_what_is_not_public_asks_for_a_token(client, open_site, query):
    status = 200 if query.startswith("site=open") else 401
    assert client.get(f"/api/analytics/reports/dau?{query}").status_code == status


def test_public_statistics_are_no_raw_events(client, open_site):
    assert client.get("/api/analytics/reports/events?site=open").status_code == 401

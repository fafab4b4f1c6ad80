"""Public statistics of a site need no token; other sites need one, whether they exist or not."""

import pytest

from analytics.sites import sites
from analytics.sites.sites import clear_site_cache


@pytest.fixture
def open_site(engine, site):
    with engine.begin() as connection:
        sites.create_site(connection, "open", "Open", public_stats=True)
    clear_site_cache(engine)


@pytest.mark.parametrize("query", ["site=open", "site_id=open", "website_id=open"])
def test_public_statistics_need_no_token(client, open_site, query):
    assert client.get(f"/api/analytics/reports/dau?{query}").status_code == 200


def test_public_statistics_are_open_to_a_token_of_another_scope(client, open_site, token, auth):
    response = client.get("/api/analytics/reports/dau?site=open", headers=auth(token("ingest")))
    assert response.status_code == 200


def test_public_statistics_are_open_to_a_reader_of_another_site(client, open_site, token, auth):
    headers = auth(token("read", site="default"))
    assert client.get("/api/analytics/reports/dau?site=open", headers=headers).status_code == 200
    response = client.get("/api/analytics/reports/summary?site=open&filter=city==x", headers=headers)
    assert (response.status_code, response.json["errors"][0]["code"]) == (403, "not_shared")
    response = client.get("/api/analytics/reports/lifecycle?site=open", headers=headers)
    assert (response.status_code, "is not for the site" in response.json["detail"]) == (403, True)


@pytest.mark.parametrize("query", ["", "site=default", "site=nobody", "site=%00"])
def test_other_sites_need_a_token(client, open_site, query):
    assert client.get(f"/api/analytics/reports/dau?{query}").status_code == 401


def test_public_site_opens_no_other(client, open_site):
    response = client.get("/api/analytics/reports/dau?site=open&site_id=default")
    assert (response.status_code, "names two sites" in response.json["detail"]) == (400, True)


def test_public_statistics_do_not_include_raw_events(client, open_site):
    assert client.get("/api/analytics/reports/events?site=open").status_code == 401

"""What a share link and a site with public statistics show: aggregates by harmless dimensions, and nothing else."""

from datetime import timedelta

import pytest

from analytics import clock
from analytics.auth.keys import share_links
from analytics.reports.filtering.filters import FIELDS
from analytics.reports.query.measures import ENTRY_EXIT_DIMENSIONS
from analytics.reports.query.schemas import BREAKDOWN_DIMENSIONS
from analytics.reports.responses.shared_reads import HARMLESS_DIMENSIONS, SHARED_REPORTS
from analytics.sites import sites

REPORTS = "/api/analytics/reports"
EMAIL_FILTER = "filter=payload.email=^a"
FUNNEL = {"steps": [{"type": "page_view"}, {"type": "order", "filter": "payload.email=^a"}]}


@pytest.fixture(params=["public site", "share link"])
def read(request, client, engine):
    """`read(path)`: the response to a caller without a token; `read(path, json=…)` is a POST."""
    is_public = request.param == "public site"
    with engine.begin() as connection:
        site = sites.create_site(connection, "open", "Open", public_stats=is_public)
        token, _ = share_links.create_link(connection, site.id, "for the board", None, "me")
    credential = "" if is_public else f"&share={token}"

    def send(path, names_site=True, **body):
        query = f"{'&' if '?' in path else '?'}{'site=open' if names_site else ''}{credential}"
        return (client.post if body else client.get)(path + query, **body)

    return send


@pytest.mark.parametrize("path", [
    *(f"{REPORTS}/{name}" for name in ("summary", "overview", "timeseries", "breakdown?dimension=country", "realtime")),
    *(f"{REPORTS}/{name}" for name in ("dau", "wau", "mau", "stickiness", "retention", "metrics")),
    f"{REPORTS}/summary?filter=country==DE;path=^/blog;utm_source!=x&compare=previous&include_bots=true&days=3",
    f"{REPORTS}/breakdown?dimension=entry_path&limit=5",
    f"{REPORTS}/overview?lists=path,entry_path,busiest_hours&measures=visits,bounce_rate&granularity=week&filter=os==iOS",
    f"{REPORTS}/timeseries?format=csv", f"{REPORTS}/retention?format=plotly",
    "/api/v1/analytics/dashboard/open", "/api/v1/analytics/top-pages/open", "/api/v1/analytics/custom-events/open",
    "/api/v1/analytics/realtime/open", "/api/v1/analytics/hourly-stats/open", "/stats",
    "/analytics/stats/abc", "/analytics/global",
])  # fmt: skip
def test_aggregates_are_shown_without_a_token(read, path):
    response = read(path)
    assert response.status_code == 200, response.json


@pytest.mark.parametrize(("path", "parameter"), [
    *((f"{REPORTS}/{name}&{EMAIL_FILTER}", "filter") for name in ("summary?", "timeseries?", "breakdown?dimension=path")),
    *((f"{REPORTS}/summary?filter={field}==a", "filter") for field in ("user_id", "session_id", "subject", "src", "city")),
    (f"{REPORTS}/summary?filter=country==DE;payload.email=^a", "filter"),
    (f"{REPORTS}/summary?filter=payload.a\\.b==1|2", "filter"),
    (f"{REPORTS}/overview?lists=path,city", "lists"), (f"{REPORTS}/overview?lists=goals", "lists"),
    *((f"{REPORTS}/breakdown?dimension={name}", "dimension") for name in ("subject", "city", "referrer")),
    ("/api/v1/analytics/custom-events/open?event=signup&property=plan", "property"),
])  # fmt: skip
def test_a_filter_or_dimension_that_tells_of_people_is_refused(read, path, parameter):
    response = read(path)
    assert (response.status_code, response.json["errors"][0]["field"]) == (403, parameter)
    assert response.json["errors"][0]["code"] == "not_shared"


@pytest.mark.parametrize(("path", "body"), [
    (f"{REPORTS}/experiment?exposure_type=page_view&variant=payload.email&goal=order", None),
    (f"{REPORTS}/journeys?from_page=/", None), (f"{REPORTS}/lifecycle", None), (f"{REPORTS}/events", None),
    (f"{REPORTS}/overview/sites", None), (f"{REPORTS}/live", None), (f"{REPORTS}/goal?type=order&property=email", None),
    (f"{REPORTS}/funnel?breakdown=user_id", FUNNEL), ("/events", None), ("/dashboard", None),
    ("/metrics", None), ("/metrics/latency?group_by=email", None), ("/api/analytics/goals", None),
    ("/api/analytics/segments", None), ("/api/analytics/notes", None),
    ("/api/v1/funnels/", None), ("/api/v1/funnels/", FUNNEL | {"name": "f", "website_id": "open"}),
    ("/api/v1/funnels/compare", {}), ("/api/analytics/exports", None),
    ("/api/analytics/exports", {"format": "csv"}), ("/api/analytics/sites", None), ("/api/analytics/sites/open", None),
    ("/api/analytics/events/a/trace", None), ("/api/analytics/batches/1-0", None),
    ("/api/analytics/ingest", {"events": [{"type": "a"}]}),
])  # fmt: skip
def test_rows_definitions_payloads_and_writes_need_a_token(read, path, body):
    response = read(path) if body is None else read(path, json=body)
    if response.status_code == 400 and response.json["errors"][0]["code"] == "unknown_parameter":
        # The route knows no site, which is said before anything is looked at.
        response = read(path, names_site=False) if body is None else read(path, names_site=False, json=body)
    assert response.status_code in (401, 403), response.json
    assert response.json["code"] in ("unauthorised", "forbidden")


SECRET_PAGE, SECRET_CITY = "https://mail.example.org/inbox/ann-smith", "Smalltown"


@pytest.fixture
def visited(read, store, engine):
    """A view and a click on the shared site a minute ago, from one referring page and one city."""
    seen = {"ts": (clock.now() - timedelta(minutes=1)).isoformat(), "referrer": SECRET_PAGE}
    seen |= {"country": "DE", "city": SECRET_CITY}
    events = [{**seen, "path": "/"}, {**seen, "type": "click", "subject": "abc"}]
    store(events, site_id=sites.find_site(engine, "open").id)


@pytest.mark.parametrize(("path", "field", "sources"), [
    ("/api/v1/analytics/dashboard/open", "top_sources", ["mail.example.org"]),
    ("/api/v1/analytics/top-referrers/open", "top_referrers", ["mail.example.org"]),
    ("/api/v1/analytics/realtime/open", "top_referrers", ["mail.example.org"]),
    (f"{REPORTS}/realtime", "top_referrers", ["mail.example.org"]),
    (f"{REPORTS}/overview", "lists.source", ["mail.example.org"]),
    ("/analytics/stats/abc", "top_referers", ["mail.example.org"]),
])  # fmt: skip
def test_fixed_lists_show_sources_and_neither_referring_pages_nor_cities(read, visited, path, field, sources):
    response = read(path)
    rows = response.json
    for name in field.split("."):
        rows = rows[name]
    shown = [row[name] for row in rows for name in ("source", "referrer", "value", "name") if name in row]
    assert (response.status_code, shown) == (200, sources)
    assert "ann-smith" not in response.text
    assert SECRET_CITY not in response.text


def test_lists_that_are_not_shown_are_left_out_rather_than_empty(read, visited):
    assert set(read("/api/v1/analytics/dashboard/open").json["geolocation"]) == {"countries", "regions", "continents"}
    assert "top_cities" not in read("/analytics/stats/abc").json
    assert "referrer" not in read(f"{REPORTS}/overview").json["lists"]


def test_links_of_a_shared_site_are_listed(read, visited):
    assert read("/analytics/global").json["top_urls"] == [{"short_code": "abc", "clicks": 1}]


@pytest.mark.parametrize("path", [
    "/api/v1/analytics/dashboard/open?", "/api/v1/analytics/top-referrers/open?", f"{REPORTS}/overview?site=open&",
])  # fmt: skip
@pytest.mark.parametrize("is_reader_first", [True, False])
def test_the_cache_mixes_up_no_callers(read, client, store, engine, auth, token, path, is_reader_first):
    yesterday = (clock.now() - timedelta(days=1)).isoformat()
    event = {"ts": yesterday, "referrer": SECRET_PAGE, "country": "DE", "city": SECRET_CITY}
    store([event], site_id=sites.find_site(engine, "open").id)
    path += f"date={yesterday[:10]}"
    secrets = ("ann-smith", SECRET_CITY)

    def ask_reader():
        text = client.get(path, headers=auth(token("read"))).text
        assert any(secret in text for secret in secrets)

    def ask_shared():
        text = read(path.replace("site=open&", "")).text
        assert "meta" in text
        assert not any(secret in text for secret in secrets)

    for ask in (ask_reader, ask_shared) if is_reader_first else (ask_shared, ask_reader):
        ask()


def test_every_listed_report_is_a_route(app):
    assert {rule.rule for rule in app.url_map.iter_rules()} >= SHARED_REPORTS


def test_a_dimension_is_private_until_it_is_listed():
    known = {*FIELDS, *ENTRY_EXIT_DIMENSIONS, *BREAKDOWN_DIMENSIONS}
    private = known - set(HARMLESS_DIMENSIONS)
    assert private == {"referrer", "city", "subject", "src", "user_id", "session_id"}


def test_share_link_reads_its_own_site_only(client, engine):
    with engine.begin() as connection:
        mine = sites.create_site(connection, "mine")
        sites.create_site(connection, "other")
        token, _ = share_links.create_link(connection, mine.id, "", None, "me")
    assert client.get(f"{REPORTS}/dau?share={token}").json["meta"]["site"] == "mine"
    response = client.get(f"{REPORTS}/dau?site=other&share={token}")
    assert response.status_code == 403
    assert response.json["detail"].startswith("the share link is not for the site 'other'; accepted: ")


def test_publishable_key_reads_nothing_even_of_a_public_site(client, engine, publishable):
    with engine.begin() as connection:
        sites.update_site(connection, "default", public_stats=True)
    sites.clear_site_cache(engine)
    assert client.get(f"{REPORTS}/dau").status_code == 401
    assert client.get(f"{REPORTS}/dau?site=default").status_code == 200
    for path in (
        f"{REPORTS}/dau?site=default",
        "/api/analytics/batches/1-0",
        "/events",
        "/api/analytics/sites/default",
    ):
        response = client.get(path, headers={"Authorization": f"Bearer {publishable}"})
        assert (response.status_code, "only sends" in response.json["detail"]) == (403, True)

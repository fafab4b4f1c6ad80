"""Every report that takes a filter answers by a segment as by its conditions, also once the segment has changed."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.auth.keys import share_links
from analytics.sites.sites import Site
from tests.apidocs.test_openapi import DOCUMENT
from tests.reports.segments.conftest import PHONES, SEGMENTS

REPORTS = "/api/analytics/reports"
# Of each filter parameter of the API.
WITH_FILTER = [
    (path, method, name)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    for name in ("filter", "goal_filter")
    if name in {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
]
# What an operation needs besides.
NEEDS = {
    f"{REPORTS}/breakdown": "dimension=path",
    f"{REPORTS}/goal": "type=order",
    f"{REPORTS}/journeys": "from_page=/a",
    f"{REPORTS}/experiment": "exposure_type=seen&variant=payload.variant&goal=order",
}
STEPS = [{"condition": {"page": "/a"}}, {"condition": {"event": "order"}}]
DAY = "date=2026-03-02"


def history() -> list[dict[str, Any]]:
    """Twelve users: each sees a variant and a page, every second orders; a third meets PHONES."""
    events = []
    for n in range(12):
        shown = {"device": "phone" if n % 3 == 0 else "desktop", "variant": "ab"[n % 2]}
        person = {"user_id": f"u{n}", "country": "DE" if n % 4 != 1 else "FR", "payload": shown}
        types = ["seen", "page_view"] + ["order"] * (n % 2 == 0)
        for second, kind in enumerate(types):
            ts = f"2026-03-02T10:{n:02}:{second:02}Z"
            events.append({**person, "type": kind, "ts": ts, "path": "/a" if kind == "page_view" else None})
            if kind == "page_view":
                events.append({**person, "type": kind, "ts": f"2026-03-02T10:{n:02}:30Z", "path": "/b"})
    return [{name: value for name, value in event.items() if value is not None} for event in events]


@pytest.fixture
def answer(client: FlaskClient, token: Any, auth: Any, call: Any, store: Any) -> Callable[..., Any]:
    """`answer(path, method, "filter=…")`: the response's JSON; goals and funnels of the path exist."""
    store(history())
    goal = call("post", "/api/analytics/goals", {"name": "g", "type": "order"}, status=201)["id"]
    funnel = call("post", "/api/v1/funnels/", {"name": "f", "steps": STEPS}, status=201)["data"]["id"]

    def send(path: str, method: str, query: str, status: int = 200) -> Any:
        bodies = {f"{REPORTS}/funnel": {"steps": STEPS}, "/api/v1/funnels/compare": {"funnel_ids": [funnel]}}
        url = path.replace("{goal_id}", goal).replace("{funnel_id}", funnel)
        headers = auth(token("read export"))
        url = f"{url}?{NEEDS.get(path, '')}&{DAY}&{query}"
        response = client.open(url, method=method, headers=headers, json=bodies.get(path))
        assert response.status_code == status, response.get_data(as_text=True)
        return response.json

    return send


def figures(report: Any) -> Any:
    """The response without what says how it was asked."""
    if not isinstance(report, dict):
        return report
    return {name: value for name, value in report.items() if name not in ("meta", "goal")}


IDS = [f"{method} {path} {name}" for path, method, name in WITH_FILTER]


def test_reports_with_a_filter_are_found() -> None:
    assert len({path for path, *_ in WITH_FILTER}) >= 10


@pytest.mark.parametrize(("path", "method", "name"), WITH_FILTER, ids=IDS)
def test_a_report_answers_by_a_segment_as_by_its_conditions(
    answer: Any, phones: str, path: str, method: str, name: str
) -> None:
    by_segment = answer(path, method, f"{name}={quote('segment:phones in germany;type!=x')}")
    by_conditions = answer(path, method, f"{name}={quote(PHONES['filter'] + ';type!=x')}")
    assert figures(by_segment) == figures(by_conditions)
    assert figures(by_segment) != figures(answer(path, method, ""))


@pytest.mark.parametrize(("path", "method", "name"), WITH_FILTER, ids=IDS)
def test_a_changed_segment_is_never_answered_stale(
    answer: Any, call: Any, phones: str, path: str, method: str, name: str
) -> None:
    query = f"{name}={quote('segment:' + PHONES['name'])}"
    before = [answer(path, method, query) for _ in range(2)]
    call("patch", f"{SEGMENTS}/{phones}", {"filter": "country==DE"})
    after = answer(path, method, query)
    assert figures(before[0]) == figures(before[1]) != figures(after)
    assert figures(after) == figures(answer(path, method, f"{name}=country==DE"))


@pytest.mark.parametrize(("path", "method", "name"), WITH_FILTER, ids=IDS)
def test_a_report_refuses_an_unknown_segment(answer: Any, phones: str, path: str, method: str, name: str) -> None:
    problem = answer(path, method, f"{name}=segment:Tablets", status=400)
    assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == (name, "unknown_segment")
    assert "segment:Phones in Germany" in problem["detail"]


def test_meta_has_the_filter_as_it_was_sent_and_what_its_segments_mean(answer: Any, phones: str) -> None:
    sent = "segment:phones in germany;type!=x"
    for _ in range(2):
        meta = answer(f"{REPORTS}/summary", "get", f"filter={quote(sent)}")["meta"]
        assert (meta["filter"], meta["segments"]) == (sent, {PHONES["name"]: PHONES["filter"]})
    meta = answer(f"{REPORTS}/summary", "get", f"filter={quote(PHONES['filter'] + ';type!=x')}")["meta"]
    assert meta["filter"] == PHONES["filter"] + ";type!=x"
    assert "segments" not in meta
    assert not {"filter", "segments"} & answer(f"{REPORTS}/summary", "get", "").get("meta").keys()


def test_the_etag_of_a_report_changes_with_the_segment(
    client: FlaskClient, answer: Any, call: Any, phones: str, token: Any, auth: Any
) -> None:
    url, headers = f"{REPORTS}/summary?{DAY}&filter=segment:Phones in Germany", auth(token("read"))
    tag = client.get(url, headers=headers).headers["ETag"]
    assert client.get(url, headers={**headers, "If-None-Match": tag}).status_code == 304
    call("patch", f"{SEGMENTS}/{phones}", {"filter": "country==FR"})
    assert client.get(url, headers={**headers, "If-None-Match": tag}).status_code == 200


@pytest.fixture
def shared(client: FlaskClient, engine: Engine, site: Site) -> Callable[[str], Any]:
    """`shared("segment:x")`: the summary for a share link."""
    with engine.begin() as connection:
        link, _ = share_links.create_link(connection, site.id, "board", None, "me")
    return lambda text: client.get(f"{REPORTS}/summary?{DAY}&share={link}&filter={quote(text)}")


@pytest.mark.parametrize(
    ("filter_text", "status"), [("country==DE", 200), ("payload.plan==free", 403), ("user_id==u1", 403)]
)
def test_a_share_link_uses_segments_of_what_it_may_filter_by(
    create: Any, shared: Any, store: Any, filter_text: str, status: int
) -> None:
    store(history())
    create("S", filter_text)
    response = shared("segment:S")
    assert response.status_code == status
    # Their definitions are not shown.
    assert filter_text.partition("==")[2] not in response.get_data(as_text=True)


def test_a_share_link_learns_nothing_of_what_a_cached_report_shows(create: Any, shared: Any, answer: Any) -> None:
    create("S", "country==DE")
    assert answer(f"{REPORTS}/summary", "get", "filter=segment:S")["meta"]["segments"] == {"S": "country==DE"}
    assert "segments" not in shared("segment:S").json["meta"]


def test_a_share_link_is_not_told_the_names_of_segments(create: Any, shared: Any) -> None:
    create("Secret plan", "country==DE")
    response = shared("segment:S")
    assert (response.status_code, "Secret" in response.get_data(as_text=True)) == (400, False)


def test_a_report_counts_what_python_counts(answer: Any, phones: str) -> None:
    def is_met(event: Mapping[str, Any]) -> bool:
        return event["country"] == "DE" and event["payload"]["device"] == "phone"

    found = [event for event in history() if is_met(event)]
    summary = answer(f"{REPORTS}/summary", "get", f"filter={quote('segment:' + PHONES['name'])}")
    assert summary["events"] == len(found) > 0
    assert summary["visitors"] == len({event["user_id"] for event in found if event["type"] == "page_view"})

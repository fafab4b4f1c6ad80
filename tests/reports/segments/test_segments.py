"""Segments over HTTP: names, rejected bodies, permissions, limits and the audit log."""

import uuid
from typing import Any

import pytest
from sqlalchemy import Engine

from analytics.reports.segments import segments
from analytics.sites.names import rename_site
from analytics.sites.sites import Site, clear_site_cache, create_site
from tests.reports.segments.conftest import PHONES, SEGMENTS


def test_a_created_segment_can_be_read_and_listed(call: Any) -> None:
    stored = call("post", SEGMENTS, PHONES, status=201)
    expected = {**PHONES, "site": "default", "owner": "tester", "term": "segment:Phones in Germany"}
    assert {name: stored[name] for name in expected} == expected
    assert call("get", f"{SEGMENTS}/{stored['id']}", scope="read") == stored
    assert call("get", SEGMENTS, scope="read") == {"segments": [stored]}


def test_segments_are_listed_by_name_without_regard_to_case(call: Any, create: Any) -> None:
    for name in ("b", "C", "A", "Ä"):
        create(name, "country==DE")
    assert [one["name"] for one in call("get", SEGMENTS)["segments"]] == ["A", "b", "C", "Ä"]


def test_given_fields_change(call: Any, phones: str) -> None:
    changed = call("patch", f"{SEGMENTS}/{phones}", {"filter": "country==AT"})
    assert (changed["name"], changed["filter"]) == (PHONES["name"], "country==AT")
    assert changed["updated_at"] > changed["created_at"]
    assert call("patch", f"{SEGMENTS}/{phones}", {"name": "phones"})["name"] == "phones"
    assert call("get", f"{SEGMENTS}/{phones}")["filter"] == "country==AT"


def test_changes_are_in_the_audit_log(call: Any, phones: str, sql: Any) -> None:
    call("patch", f"{SEGMENTS}/{phones}", {"name": "P"})
    call("delete", f"{SEGMENTS}/{phones}", status=204)
    rows = sql(
        "SELECT actor, action, detail->>'id', detail->'name' FROM audit_log WHERE action LIKE 'segment.%' ORDER BY id"
    )
    assert rows == [
        ("tester", "segment.create", phones, PHONES["name"]),
        ("tester", "segment.update", phones, [PHONES["name"], "P"]),
        ("tester", "segment.delete", phones, "P"),
    ]
    call("get", f"{SEGMENTS}/{phones}", status=404)


@pytest.mark.parametrize("name", ["PHONES IN GERMANY", "phones in germany"])
def test_a_name_is_unique_in_capitals_or_not(call: Any, phones: str, create: Any, name: str) -> None:
    assert name in call("post", SEGMENTS, {**PHONES, "name": name}, status=409)["detail"]
    other = create("Other", "country==FR")
    call("patch", f"{SEGMENTS}/{other}", {"name": name}, status=409)
    assert call("get", f"{SEGMENTS}/{other}")["name"] == "Other"


def test_a_letter_with_an_accent_is_one_name_however_it_is_written(create: Any, call: Any) -> None:
    create("Caf\u00e9", "country==FR")
    call("post", SEGMENTS, {"name": "cafe\u0301", "filter": "country==FR"}, status=409)


def test_write_is_needed_to_change_segments(call: Any, phones: str) -> None:
    call("post", SEGMENTS, PHONES, scope="read ingest export", status=403)
    call("patch", f"{SEGMENTS}/{phones}", {"name": "x"}, scope="read", status=403)
    call("delete", f"{SEGMENTS}/{phones}", scope="read", status=403)


def test_a_token_of_another_site_has_no_access(call: Any, phones: str, engine: Engine) -> None:
    with engine.begin() as connection:
        create_site(connection, "other")
    for verb, body in (("get", None), ("patch", {"name": "x"}), ("delete", None)):
        call(verb, f"{SEGMENTS}/{phones}", body, site="other", status=403)
    assert call("get", f"{SEGMENTS}?site=other") == {"segments": []}
    assert call("get", f"{SEGMENTS}/{phones}")["name"] == PHONES["name"]


REFUSED = {
    "no name": ({"filter": "country==DE"}, "name"),
    "no filter": ({"name": "x"}, "filter"),
    "empty filter": ({"name": "x", "filter": ""}, "filter"),
    "unknown field": ({"name": "x", "filter": "nation==DE"}, "filter"),
    "another segment": ({"name": "x", "filter": "path==/;segment:Phones"}, "filter"),
    "long name": ({"name": "x" * 101, "filter": "country==DE"}, "name"),
    "blank name": ({"name": " ", "filter": "country==DE"}, "name"),
    "outer white space": ({"name": "x ", "filter": "country==DE"}, "name"),
    "line break": ({"name": "x\ny", "filter": "country==DE"}, "name"),
    "NUL": ({"name": "x\0", "filter": "country==DE"}, "name"),
    "long filter": ({"name": "x", "filter": "path==" + "a" * 10_000}, "filter"),
    "more than that": ({"name": "x", "filter": "country==DE", "colour": "red"}, "colour"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_body_is_rejected_by_field(call: Any, name: str) -> None:
    body, field = REFUSED[name]
    assert call("post", SEGMENTS, body, status=422)["errors"][0]["field"] == field


def test_a_segment_in_a_segment_is_refused_with_the_reason(call: Any) -> None:
    refused = call("post", SEGMENTS, {"name": "x", "filter": "segment:Phones"}, status=422)
    assert "a segment names no other segment" in refused["detail"]


def test_ids_of_users_are_not_stored_where_pseudonyms_are(make_app: Any, site: Site, token: Any, auth: Any) -> None:
    client = make_app(anonymize_user_ids=True).test_client()
    body = {"name": "Ann", "filter": "user_id==ann"}
    assert client.post(SEGMENTS, json=body, headers=auth(token("write"))).status_code == 422


def test_the_number_of_segments_of_a_site_is_limited(create: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MAX_SEGMENTS", 2)
    create("a", "country==DE"), create("b", "country==DE")
    assert "2 segments" in call("post", SEGMENTS, PHONES, status=409)["detail"]


def test_unknown_segments_are_not_found(call: Any, site: Site) -> None:
    for verb, body in (("get", None), ("patch", {"name": "x"}), ("delete", None)):
        call(verb, f"{SEGMENTS}/{uuid.uuid4()}", body, status=404)


def test_a_renamed_site_keeps_its_segments(call: Any, phones: str, engine: Engine) -> None:
    with engine.begin() as connection:
        rename_site(connection, "default", "shop")
    clear_site_cache(engine)
    assert call("get", f"{SEGMENTS}/{phones}")["site"] == "shop"
    for key in ("shop", "default"):
        assert [one["id"] for one in call("get", f"{SEGMENTS}?site={key}")["segments"]] == [phones]

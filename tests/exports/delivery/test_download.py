"""The download: ranges against the file's bytes, conditions, signed links, names, and the audit log."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import clock
from analytics.exports import jobs, links, ranges
from tests.exports.conftest import ROUTE

Api = Callable[..., Any]


@pytest.fixture
def finished(rows: Api, done: Api, api: Api) -> tuple[str, bytes, str]:
    """A file of a finished job: its path, bytes and ETag."""
    rows(1, 20)
    job = done()
    path = f"/{job['id']}/download"
    return path, api("get", path).get_data(), f'"{job["sha256"]}"'


def test_the_whole_file_comes_with_its_headers(api: Api, finished: Any) -> None:
    path, body, etag = finished
    found = api("get", path)
    assert (found.headers["ETag"], found.headers["Accept-Ranges"]) == (etag, "bytes")
    assert (found.headers["Content-Type"], found.content_length) == ("text/csv; charset=utf-8", len(body))
    head = api("head", path)
    assert (head.get_data(), head.content_length, head.headers["ETag"]) == (b"", len(body), etag)
    assert api("head", path, headers={"Range": "bytes=0-1"}).content_length == len(body)


def test_who_has_the_file_gets_no_part_of_it(api: Api, finished: Any) -> None:
    path, _, etag = finished
    for known in (etag, f'"other", W/{etag}', "*"):
        for asked in ({}, {"Range": "bytes=0-1"}):
            assert api("get", path, status=304, headers={"If-None-Match": known, **asked}).get_data() == b""
    api("get", path, status=206, headers={"If-None-Match": '"other"', "Range": "bytes=0-1"})


def slow_ranges(header: str, size: int) -> "tuple[int, int] | str":
    """RFC 9110, 14.1.2, by another way: the first and last place, or what becomes of it."""
    unit, _, rest = header.partition("=")
    text = rest.strip(" \t")
    if unit.lower() != "bytes" or not re.fullmatch(r"[0-9]+-[0-9]*|-[0-9]+", text, re.ASCII):
        return "whole"
    first, last = text.split("-")
    if not first:
        places = list(range(size))[-int(last) :] if int(last) else []
    elif last and int(last) < int(first):
        return "whole"
    else:
        places = [place for place in range(size) if int(first) <= place <= int(last or size)]
    return (places[0], places[-1]) if places else "none"


NUMBER = st.integers(0, 60).map(str) | st.sampled_from(["", "0", "49", "50", "51", "9" * 30])
SPEC = st.tuples(NUMBER, NUMBER).map("-".join)
HEADER = SPEC.map("bytes={}".format) | st.sampled_from(
    ["bytes=", "bytes", "items=0-1", "BYTES=0-1", "bytes= 0-1 ", "bytes=0-1,3-4", "bytes=a-b", "bytes=--1", "bytes=٣-٤"]
)


@given(HEADER, st.sampled_from([0, 1, 50]))
def test_a_range_is_read_as_the_rfc_has_it(header: str, size: int) -> None:
    expected, found = slow_ranges(header, size), ranges.canonical(header, size)
    if expected == "whole":
        assert found is None
    elif expected == "none":
        assert found == f"bytes={size}-"
    else:
        assert found == f"bytes={expected[0]}-{expected[1]}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(0, 5000), length=st.integers(1, 5000), kind=st.sampled_from(["closed", "open", "suffix"]))
def test_a_range_holds_the_bytes_of_the_file(
    client: FlaskClient, finished: Any, token: Any, auth: Any, first: int, length: int, kind: str
) -> None:
    path, body, etag = finished
    asked = {"closed": f"{first}-{first + length - 1}", "open": f"{first}-", "suffix": f"-{length}"}[kind]
    expected = {"closed": body[first : first + length], "open": body[first:], "suffix": body[-length:]}[kind]
    found = client.get(ROUTE + path, headers={**auth(token("export")), "Range": f"bytes={asked}"})
    if expected:
        start = len(body) - len(expected) if kind == "suffix" else first
        assert (found.status_code, found.get_data(), found.headers["ETag"]) == (206, expected, etag)
        assert found.headers["Content-Range"].endswith(f"-{start + len(expected) - 1}/{len(body)}")
        assert found.content_length == len(expected)
    else:
        assert (found.status_code, found.headers["Content-Range"]) == (416, f"bytes */{len(body)}")
        assert found.content_type == "application/problem+json"


@pytest.mark.parametrize("header", ["bytes=0-1,3-4", "bytes=5-2", "lines=1-2", "nonsense"])
def test_a_range_that_may_be_ignored_is(api: Api, finished: Any, header: str) -> None:
    path, body, _ = finished
    assert api("get", path, headers={"Range": header}).get_data() == body


def test_a_file_that_was_broken_off_is_gone_on_with(api: Api, finished: Any) -> None:
    path, body, etag = finished
    rest = api("get", path, status=206, headers={"Range": "bytes=100-", "If-Range": etag})
    assert body[:100] + rest.get_data() == body
    other = api("get", path, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert other.get_data() == body
    past = api("get", path, headers={"Range": f"bytes={len(body)}-", "If-Range": '"another"'})
    assert past.get_data() == body
    assert api("get", path, status=304, headers={"If-None-Match": etag}).get_data() == b""
    assert api("get", path, headers={"If-None-Match": '"another"'}).get_data() == body


def test_an_empty_file_has_no_range(done: Api, api: Api, site: object) -> None:
    job = done(format="ndjson")
    assert job["bytes"] == 0
    assert api("get", f"/{job['id']}/download", headers={"Range": "bytes=0-"}).get_data() == b""


@pytest.mark.parametrize(
    ("body", "media_type", "ending"),
    [
        ({"format": "csv", "compression": "gzip"}, "application/gzip", ".csv.gz"),
        ({"format": "ndjson", "compression": "zstd"}, "application/zstd", ".ndjson.zst"),
        ({"format": "xlsx"}, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
        ({"format": "parquet"}, "application/vnd.apache.parquet", ".parquet"),
    ],
)
def test_a_file_is_named_after_what_it_holds(
    rows: Api, done: Api, api: Api, body: Any, media_type: str, ending: str
) -> None:
    rows(1, 5)
    job = done(**body, date="2026-03-02")
    found = api("get", f"/{job['id']}/download")
    name = f"events-default-2026-03-02-2026-03-02{ending}"
    assert found.headers["Content-Disposition"] == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
    assert (found.content_type, job["file_name"]) == (media_type, name)


def test_a_name_that_no_file_system_takes_is_sent_twice(make_job: Api) -> None:
    from analytics.exports.views import _disposition

    job = make_job()._replace(site_key="a:b")
    assert _disposition(job) == (
        'attachment; filename="events-a_b-2026-03-01-2026-03-31.csv"; '
        "filename*=UTF-8''events-a%3Ab-2026-03-01-2026-03-31.csv"
    )


def test_a_link_needs_no_header(client: FlaskClient, finished: Any, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path, body, _ = finished
    link = api("get", path.removesuffix("/download")).json["download_url"]
    assert client.get(link).get_data() == body
    assert client.get(ROUTE + path).status_code == 401
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    later = str(int(query["expires"]) + 1)
    wrong = [{**query, "expires": later}, {**query, "signature": "0" * 64}, {**query, "signature": "ü"}]
    wrong += [{**query, "expires": "x"}, {"signature": query["signature"]}]
    for one in wrong:
        refused = client.get(ROUTE + path, query_string=one)
        assert (refused.status_code, "signature is wrong" in refused.json["detail"]) == (403, True)
    assert client.get(f"{ROUTE}/{uuid.uuid4()}/download", query_string=query).status_code == 403
    monkeypatch.setattr(clock, "now", lambda now=clock.now: now() + timedelta(seconds=links.VALID_S + 1))
    refused = client.get(link)
    assert (refused.status_code, "expired" in refused.json["detail"]) == (403, True)


def test_a_link_is_not_good_for_longer_than_its_file() -> None:
    now = clock.now()
    query = links.query_of(b"key", "job", now, now + timedelta(seconds=10))
    expires = int(parse_qs(query)["expires"][0])
    assert 9 <= expires - now.timestamp() <= 10


def test_links_of_another_secret_are_refused(make_app: Api, finished: Any, api: Api) -> None:
    path, *_ = finished
    link = api("get", path.removesuffix("/download")).json["download_url"]
    assert make_app(jwt_secret_key="another-secret-of-32-characters-x").test_client().get(link).status_code == 403


def test_every_download_is_in_the_audit_log(api: Api, client: FlaskClient, finished: Any, sql: Any) -> None:
    path, _, etag = finished
    sql("DELETE FROM audit_log WHERE action = 'export.download' RETURNING 1")
    link = api("get", path.removesuffix("/download")).json["download_url"]
    api("get", path, status=206, headers={"Range": "bytes=0-9"}, sub="root", scope="admin")
    client.get(link)
    api("head", path)
    api("get", path, status=304, headers={"If-None-Match": etag})
    api("get", path, status=416, headers={"Range": "bytes=999999-"})
    job_id = path.split("/")[1]
    assert sql("SELECT actor, site_id, detail FROM audit_log WHERE action = 'export.download' ORDER BY id") == [
        ("root", 1, {"job": job_id, "range": "bytes=0-9"}),
        ("signed link", 1, {"job": job_id, "range": ""}),
    ]


def test_a_file_past_its_time_is_gone(api: Api, finished: Any, monkeypatch: pytest.MonkeyPatch, sql: Any) -> None:
    path, *_ = finished
    sql("UPDATE export_jobs SET expires_at = now() RETURNING 1")
    assert "expired" in api("get", path, status=410).json["detail"]
    shown = api("get", path.removesuffix("/download")).json
    assert (shown["state"], shown["download_url"]) == ("expired", None)


def test_a_file_that_the_storage_lost_is_gone(api: Api, finished: Any, runner: Any) -> None:
    path, *_ = finished
    runner.storage.delete(f"{path.split('/')[1]}.csv")
    assert "no longer in the storage" in api("get", path, status=410).json["detail"]


def test_a_file_that_is_not_finished_is_waited_for(api: Api, make_job: Api, runner: Any) -> None:
    waiting, failed = make_job(), make_job()
    refused = api("get", f"/{waiting.id}/download", status=409)
    assert (refused.json["state"], refused.headers["Retry-After"]) == ("queued", "1")
    from analytics.exports import states

    held = states.claim(runner.engine, failed.id)
    assert held is not None
    states.fail(runner.engine, held, "the disk was full")
    assert "failed" in api("get", f"/{failed.id}/download", status=410).json["detail"]
    shown = api("get", f"/{failed.id}").json
    assert (shown["state"], shown["error"], shown["download_url"]) == ("failed", "the disk was full", None)


@pytest.mark.parametrize(
    "path",
    ["/x", "/9f0c2c6e-6b1e-4c55-8a8f-3f2f6f0a9d11", "/9f0c2c6e-6b1e-4c55-8a8f-3f2f6f0a9d11/download", "/../jobs"],
)
def test_what_is_no_job_is_not_found(api: Api, path: str) -> None:
    api("get", path, status=404)


def test_expiry_is_counted_from_the_end(finished: Any, runner: Any, sql: Any) -> None:
    [(kept,)] = sql("SELECT expires_at - finished_at FROM export_jobs")
    assert kept == timedelta(hours=72)
    assert jobs.read_job(runner.engine, finished[0].split("/")[1]) is not None

"""Downloads: ranges against the bytes of the file, conditions, signed links, file names, and the audit log."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import clock
from analytics.exports.delivery import ranges, signed_links
from analytics.exports.jobs.job import read_job
from config import Settings
from tests.examples import examples
from tests.exports.conftest import ROUTE

Api = Callable[..., Any]


@pytest.fixture
def finished(rows: Api, done: Api, api: Api) -> tuple[str, bytes, str]:
    """A finished job: the path, bytes and ETag of its file."""
    rows(1, 20)
    job = done()
    path = f"/{job['id']}/download"
    return path, api("get", path).get_data(), f'"{job["sha256"]}"'


def test_full_download_has_the_headers_of_the_file(api: Api, finished: Any) -> None:
    path, body, etag = finished
    response = api("get", path)
    assert (response.headers["ETag"], response.headers["Accept-Ranges"]) == (etag, "bytes")
    assert (response.headers["Content-Type"], response.content_length) == ("text/csv; charset=utf-8", len(body))
    head = api("head", path)
    assert (head.get_data(), head.content_length, head.headers["ETag"]) == (b"", len(body), etag)
    assert api("head", path, headers={"Range": "bytes=0-1"}).content_length == len(body)


def test_matching_etag_gives_304_also_with_a_range(api: Api, finished: Any) -> None:
    path, _, etag = finished
    for if_none_match in (etag, f'"other", W/{etag}', "*"):
        for headers in ({}, {"Range": "bytes=0-1"}):
            assert api("get", path, status=304, headers={"If-None-Match": if_none_match, **headers}).get_data() == b""
    api("get", path, status=206, headers={"If-None-Match": '"other"', "Range": "bytes=0-1"})


def slow_ranges(header: str, size: int) -> "tuple[int, int] | str":
    """RFC 9110, 14.1.2, by another algorithm: the first and last position, or what happens to the range."""
    unit, _, rest = header.partition("=")
    text = rest.strip(" \t")
    if unit.lower() != "bytes" or not re.fullmatch(r"[0-9]+-[0-9]*|-[0-9]+", text, re.ASCII):
        return "whole"
    first, last = text.split("-")
    if not first:
        positions = list(range(size))[-int(last) :] if int(last) else []
    elif last and int(last) < int(first):
        return "whole"
    else:
        positions = [n for n in range(size) if int(first) <= n <= int(last or size)]
    return (positions[0], positions[-1]) if positions else "none"


NUMBER = st.integers(0, 60).map(str) | st.sampled_from(["", "0", "49", "50", "51", "9" * 30])
SPEC = st.tuples(NUMBER, NUMBER).map("-".join)
HEADER = SPEC.map("bytes={}".format) | st.sampled_from(
    ["bytes=", "bytes", "items=0-1", "BYTES=0-1", "bytes= 0-1 ", "bytes=0-1,3-4", "bytes=a-b", "bytes=--1", "bytes=٣-٤"]
)


@given(HEADER, st.sampled_from([0, 1, 50]))
def test_range_header_is_read_as_in_rfc_9110(header: str, size: int) -> None:
    expected, actual = slow_ranges(header, size), ranges.normalize_range(header, size)
    if expected == "whole":
        assert actual is None
    elif expected == "none":
        assert actual == f"bytes={size}-"
    else:
        assert actual == f"bytes={expected[0]}-{expected[1]}"


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(0, 5000), length=st.integers(1, 5000), kind=st.sampled_from(["closed", "open", "suffix"]))
def test_range_response_has_the_bytes_of_the_file(
    client: FlaskClient, finished: Any, token: Any, auth: Any, first: int, length: int, kind: str
) -> None:
    path, body, etag = finished
    byte_range = {"closed": f"{first}-{first + length - 1}", "open": f"{first}-", "suffix": f"-{length}"}[kind]
    expected = {"closed": body[first : first + length], "open": body[first:], "suffix": body[-length:]}[kind]
    response = client.get(ROUTE + path, headers={**auth(token("export")), "Range": f"bytes={byte_range}"})
    if expected:
        start = len(body) - len(expected) if kind == "suffix" else first
        assert (response.status_code, response.get_data(), response.headers["ETag"]) == (206, expected, etag)
        assert response.headers["Content-Range"].endswith(f"-{start + len(expected) - 1}/{len(body)}")
        assert response.content_length == len(expected)
    else:
        assert (response.status_code, response.headers["Content-Range"]) == (416, f"bytes */{len(body)}")
        assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("header", ["bytes=0-1,3-4", "bytes=5-2", "lines=1-2", "nonsense"])
def test_ignorable_range_gives_the_whole_file(api: Api, finished: Any, header: str) -> None:
    path, body, _ = finished
    assert api("get", path, headers={"Range": header}).get_data() == body


def test_interrupted_download_is_resumed(api: Api, finished: Any) -> None:
    path, body, etag = finished
    rest = api("get", path, status=206, headers={"Range": "bytes=100-", "If-Range": etag})
    assert body[:100] + rest.get_data() == body
    other = api("get", path, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert other.get_data() == body
    past = api("get", path, headers={"Range": f"bytes={len(body)}-", "If-Range": '"another"'})
    assert past.get_data() == body
    assert api("get", path, status=304, headers={"If-None-Match": etag}).get_data() == b""
    assert api("get", path, headers={"If-None-Match": '"another"'}).get_data() == body


def test_empty_file_ignores_a_range(done: Api, api: Api, site: object) -> None:
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
def test_file_name_describes_the_content(
    rows: Api, done: Api, api: Api, body: Any, media_type: str, ending: str
) -> None:
    rows(1, 5)
    job = done(**body, date="2026-03-02")
    response = api("get", f"/{job['id']}/download")
    name = f"events-default-2026-03-02-2026-03-02{ending}"
    assert response.headers["Content-Disposition"] == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
    assert (response.content_type, job["file_name"]) == (media_type, name)


def test_unsafe_file_name_is_sent_in_two_forms(make_job: Api) -> None:
    from analytics.exports.delivery.downloads import content_disposition

    job = make_job()._replace(site_key="a:b")
    assert content_disposition(job) == (
        'attachment; filename="events-a_b-2026-03-01-2026-03-31.csv"; '
        "filename*=UTF-8''events-a%3Ab-2026-03-01-2026-03-31.csv"
    )


def test_signed_link_needs_no_token(
    client: FlaskClient, finished: Any, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body, _ = finished
    link = api("get", path.removesuffix("/download")).json["download_url"]
    assert client.get(link).get_data() == body
    assert client.get(ROUTE + path).status_code == 401
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    later = str(int(query["expires"]) + 1)
    wrong = [{**query, "expires": later}, {**query, "signature": "0" * 64}, {**query, "signature": "ü"}]
    wrong += [{**query, "expires": "x"}, {"signature": query["signature"]}]
    for wrong_query in wrong:
        refused = client.get(ROUTE + path, query_string=wrong_query)
        assert (refused.status_code, "signature is wrong" in refused.json["detail"]) == (403, True)
    assert client.get(f"{ROUTE}/{uuid.uuid4()}/download", query_string=query).status_code == 403
    monkeypatch.setattr(clock, "now", lambda now=clock.now: now() + timedelta(seconds=signed_links.LINK_TTL_S + 1))
    refused = client.get(link)
    assert (refused.status_code, "expired" in refused.json["detail"]) == (403, True)


def test_signed_link_expires_with_its_file() -> None:
    now = clock.now()
    query = signed_links.sign_query(b"key", "job", now, now + timedelta(seconds=10))
    expires = int(parse_qs(query)["expires"][0])
    assert 9 <= expires - now.timestamp() <= 10


def test_link_signed_with_another_secret_is_refused(make_app: Api, finished: Any, api: Api) -> None:
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


def test_expired_file_is_410(api: Api, finished: Any, monkeypatch: pytest.MonkeyPatch, sql: Any) -> None:
    path, *_ = finished
    sql("UPDATE export_jobs SET expires_at = now() RETURNING 1")
    assert "expired" in api("get", path, status=410).json["detail"]
    job = api("get", path.removesuffix("/download")).json
    assert (job["state"], job["download_url"]) == ("expired", None)


def test_file_missing_in_the_storage_is_410(api: Api, finished: Any, runner: Any) -> None:
    path, *_ = finished
    runner.storage.delete(f"{path.split('/')[1]}.csv")
    assert "no longer in the storage" in api("get", path, status=410).json["detail"]


def test_unfinished_export_is_409_with_retry_after(api: Api, make_job: Api, runner: Any) -> None:
    waiting, failed = make_job(), make_job()
    refused = api("get", f"/{waiting.id}/download", status=409)
    assert (refused.json["state"], refused.headers["Retry-After"]) == ("queued", "1")
    from analytics.exports.jobs import states

    claim = states.claim_job(runner.engine, failed.id)
    assert claim is not None
    states.fail(runner.engine, claim, "the disk was full")
    assert "failed" in api("get", f"/{failed.id}/download", status=410).json["detail"]
    job = api("get", f"/{failed.id}").json
    assert (job["state"], job["error"], job["download_url"]) == ("failed", "the disk was full", None)


@pytest.mark.parametrize(
    "path",
    ["/x", "/9f0c2c6e-6b1e-4c55-8a8f-3f2f6f0a9d11", "/9f0c2c6e-6b1e-4c55-8a8f-3f2f6f0a9d11/download", "/../jobs"],
)
def test_unknown_job_is_404(api: Api, path: str) -> None:
    api("get", path, status=404)


def test_file_expires_after_its_ttl_from_the_end(finished: Any, runner: Any, sql: Any) -> None:
    [(ttl,)] = sql("SELECT expires_at - finished_at FROM export_jobs")
    assert ttl == timedelta(hours=72)
    assert read_job(runner.engine, finished[0].split("/")[1]) is not None


def test_missing_file_holds_no_slot(
    make_app: Callable[..., Flask], finished: Any, settings: Settings, token: Any, auth: Any
) -> None:
    for file in Path(settings.export_url).rglob("*"):
        if file.is_file():
            file.unlink()
    client = make_app(downloads_a_caller=1).test_client()
    statuses = [client.get(ROUTE + finished[0], headers=auth(token("export"))).status_code for _ in range(3)]
    assert statuses == [410, 410, 410]

"""Archives in a bucket: a partition is dropped only after its object was uploaded, read again and compared."""

import hashlib
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests
from sqlalchemy import Engine, text

from analytics.privacy import archive
from tests.privacy.conftest import days_ago

Sql = Callable[..., list[tuple[Any, ...]]]
OLD = days_ago(12).replace(hour=0)
URL = "s3://kept/events"


@pytest.fixture
def old_rows(put: Any) -> None:
    """Thirty rows of one old day."""
    put(OLD, 20, ip="203.0.113.77", payload='{"a": [1, null, "é"]}', path='quote " comma ,')
    put(OLD + timedelta(hours=23, minutes=59), 10)


def bodies(bucket: Any) -> dict[str, bytes]:
    return {item.key: item.get()["Body"].read() for item in bucket.objects.all()}


def uploads(bucket: Any) -> list[str]:
    return [upload.object_key for upload in bucket.multipart_uploads.all()]


def test_a_partition_is_in_the_bucket_before_it_is_dropped(run: Any, old_rows: None, sql: Sql, bucket: Any) -> None:
    rows = sql("SELECT event_id::text, ts, user_id, host(ip), payload::text, path FROM events ORDER BY ts")
    assert [(done.rows, done.error) for done in run(archive_url=URL)] == [(30, "")]
    assert sql("SELECT count(*) FROM events") == [(0,)]
    [(key, body)] = bodies(bucket).items()
    table = pq.read_table(io.BytesIO(body)).select(["event_id", "ts", "user_id", "ip", "payload", "path"])
    assert [tuple(row.values()) for row in table.sort_by("ts").to_pylist()] == rows
    assert pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0).column(1).compression == "ZSTD"
    name = key.removeprefix("events/").removesuffix(".parquet")
    assert name.startswith(f"events_p{OLD:%Y%m%d}-")
    assert sql("SELECT name, url, rows, bytes, sha256 FROM archives") == [
        (name, f"s3://kept/{key}", 30, len(body), hashlib.sha256(body).hexdigest())
    ]


def test_an_object_of_many_parts_is_read_back_unchanged(
    run: Any, put: Any, sql: Sql, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Random digits compress to half: 16 kB a row to 8 kB, so that 2,000 rows need two parts.
    put(OLD, 2_000)
    digits = "(SELECT string_agg(md5(random()::text || user_no || n), '') FROM generate_series(1, 512) AS n)"
    sql(f"UPDATE events SET payload = to_jsonb({digits}) RETURNING 1")
    monkeypatch.setattr(archive, "ROW_GROUP_ROWS", 200)
    assert [(done.rows, done.error) for done in run(archive_url=URL)] == [(2_000, "")]
    [item] = bucket.objects.all()
    # The ETag of a multipart object ends with the number of its parts.
    assert item.e_tag[-3:] in ('-2"', '-3"')
    assert item.size > 8 << 20


def test_an_existing_object_is_verified_again(run: Any, old_rows: None, engine: Engine, sql: Sql, bucket: Any) -> None:
    with engine.begin() as reader:
        reader.execute(text("SELECT count(*) FROM events"))
        assert "in use" in run(archive_url=URL)[0].error
    [(key, body)] = bodies(bucket).items()
    bucket.Object(key).put(Body=body[:300] + bytes(50) + body[350:])
    assert [(done.rows, done.error) for done in run(archive_url=URL)] == [(30, "")]
    assert pq.read_table(io.BytesIO(bodies(bucket)[key])).num_rows == 30
    assert sql("SELECT count(*) FROM archives") == [(1,)]


def assert_partition_stays(sql: Sql, done: Any, words: str) -> None:
    assert (done.rows, done.error.startswith("not archived, so not dropped")) == (0, True)
    assert words in done.error
    assert sql("SELECT count(*) FROM events") == [(30,)]
    assert sql("SELECT count(*) FROM archives") == [(0,)]
    assert sql("SELECT raw_since FROM sites") == [(None,)]


def test_an_unreachable_bucket_keeps_the_partition(run: Any, old_rows: None, sql: Sql, aws: Any, s3: Any) -> None:
    aws(AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert_partition_stays(sql, run(archive_url=URL)[0], "Could not connect")
    aws(AWS_ENDPOINT_URL=s3.meta.client.meta.endpoint_url)
    assert [(done.rows, done.error) for done in run(archive_url=URL)] == [(30, "")]


def test_a_missing_bucket_is_not_created(run: Any, old_rows: None, sql: Sql, bucket: Any, s3: Any) -> None:
    assert_partition_stays(sql, run(archive_url="s3://nobodys/events")[0], "bucket does not exist")
    assert [bucket.name for bucket in s3.buckets.all()] == ["kept"]


def test_refused_credentials_keep_the_partition(run: Any, old_rows: None, sql: Sql, bucket: Any, s3: Any) -> None:
    address, plain = f"{s3.meta.client.meta.endpoint_url}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    requests.post(address, data="0", headers=plain, timeout=10).raise_for_status()
    try:
        assert_partition_stays(sql, run(archive_url=URL)[0], "PermissionError")
    finally:
        requests.post(address, data="inf", headers=plain, timeout=10).raise_for_status()


def test_an_interrupted_archive_leaves_no_object(
    run: Any, old_rows: None, sql: Sql, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ROW_GROUP_ROWS", 7)
    make_batch, batches = archive.make_batch, []

    def fail_third(rows: Any, schema: Any) -> Any:
        batches.append(len(rows))
        if len(batches) == 3:
            raise ValueError("a row that Parquet cannot hold")
        return make_batch(rows, schema)

    with monkeypatch.context() as patch:
        patch.setattr(archive, "make_batch", fail_third)
        assert_partition_stays(sql, run(archive_url=URL)[0], "Parquet cannot hold")
    assert (batches, bodies(bucket), uploads(bucket)) == ([7, 7, 7], {}, [])
    assert [(done.rows, done.error) for done in run(archive_url=URL)] == [(30, "")]

"""A bucket, as moto's server answers for it. Runs where s3fs and moto are installed, which the service itself does not need."""

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics.exports.formats import nothing
from analytics.exports.storage import Storage, StorageAway

pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")
boto3 = pytest.importorskip("boto3")


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """A client of the server; its bucket is `exports`."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    given = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_DEFAULT_REGION": "us-east-1"}
    given["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="exports")
        yield client
    server.stop()


@pytest.fixture
def kept(bucket: Any) -> Storage:
    for one in bucket.list_objects_v2(Bucket="exports").get("Contents", []):
        bucket.delete_object(Bucket="exports", Key=one["Key"])
    return Storage("s3://exports/of/ours")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made"


@pytest.mark.parametrize("size", [0, 10, 6_000_000, 60_000_000], ids=["empty", "small", "one-piece", "pieces"])
def test_a_file_is_put_and_served_by_a_link(kept: Storage, made: Path, size: int) -> None:
    made.write_bytes(os.urandom(size))
    kept.put(made, "a.csv", nothing)
    assert [one.name for one in kept.list_files()] == ["a.csv"]
    assert kept.size("a.csv") == size
    with kept.open_file("a.csv") as file:
        file.seek(size // 2)
        assert file.read() == made.read_bytes()[size // 2 :]
    link = kept.presign("a.csv", 900, 'attachment; filename="x.csv"', "text/csv")
    assert link is not None
    with urllib.request.urlopen(link) as response:
        assert response.read() == made.read_bytes()
        assert response.headers["Content-Disposition"] == 'attachment; filename="x.csv"'
        assert response.headers["Content-Type"] == "text/csv"
    kept.delete("a.csv")
    assert (kept.list_files(), kept.size("a.csv")) == ([], None)


def test_an_upload_that_is_broken_off_leaves_nothing(kept: Storage, made: Path, bucket: Any) -> None:
    made.write_bytes(bytes(120_000_000))
    ticks: list[int] = []

    def stop() -> None:
        ticks.append(1)
        if len(ticks) > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.put(made, "a.csv", stop)
    assert kept.list_files() == []
    assert "Uploads" not in bucket.list_multipart_uploads(Bucket="exports")


def test_a_missing_file_and_a_missing_bucket_are_told_apart(kept: Storage, made: Path, bucket: Any) -> None:
    with pytest.raises(FileNotFoundError):
        kept.open_file("a.csv")
    kept.delete("a.csv")
    made.write_bytes(b"x")
    with pytest.raises(StorageAway, match="bucket"):
        Storage("s3://nobody/has/this").put(made, "a.csv", nothing)
    assert [one["Name"] for one in bucket.list_buckets()["Buckets"]] == ["exports"]

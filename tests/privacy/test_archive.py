"""Archives: the file has the rows of the table, and a partition is dropped only after the file is verified."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import Engine, text

from analytics.privacy import archive
from analytics.store.models import events
from analytics.store.partitions import ensure
from tests.privacy.conftest import NOW, days_ago

Sql = Callable[..., list[tuple[Any, ...]]]
OLD = days_ago(12).replace(hour=0)
ODD = 'quote " comma , tab \t line \r\n \\N \\. é 🦊 \u2028'


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ROW_GROUP_ROWS", 7)


@pytest.fixture
def odd_rows(put: Any) -> None:
    """Thirty rows of one old day: special characters, empty and missing text, times a microsecond apart."""
    put(OLD, 10, ip="203.0.113.77", payload=json.dumps({"a": [1, None, ODD]}), path=ODD)
    put(OLD + timedelta(hours=13), 10, ip="2001:db8:1:2::3", path="")
    put(OLD + timedelta(hours=23, minutes=59), 10)


class CorruptingFileSystem(LocalFileSystem):  # type: ignore[misc]
    """A file system that stores the result of `corrupt` instead of the bytes of a file."""

    protocol = "corrupting"
    cachable = False
    corrupt: ClassVar[Callable[[bytes], bytes]] = staticmethod(lambda body: body)

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        Path(path2).write_bytes(type(self).corrupt(Path(path1).read_bytes()))
        Path(path1).unlink()


fsspec.register_implementation("corrupting", CorruptingFileSystem, clobber=True)


def read(folder: Path) -> tuple[pa.Table, Path]:
    (path,) = folder.glob("*.parquet")
    return pq.read_table(path), path


def test_an_archive_holds_every_column_of_every_row(
    run: Any, odd_rows: None, sql: Sql, tmp_path: Path, small_groups: None
) -> None:
    columns = "event_id::text, " + ", ".join(
        {"ip": "host(ip) AS ip", "payload": "payload::text"}.get(c.name, c.name)
        for c in events.c
        if c.name != "event_id"
    )
    rows = sql(f"SELECT {columns} FROM events ORDER BY ts, event_id")
    assert [done.rows for done in run(archive_url=str(tmp_path / "a" / "b"))] == [30]
    assert sql("SELECT count(*) FROM events") == [(0,)]
    table, path = read(tmp_path / "a" / "b")
    found = [tuple(row.values()) for row in table.sort_by([("ts", "ascending"), ("event_id", "ascending")]).to_pylist()]
    assert found == rows
    assert table.column_names == [c.name for c in events.c]
    assert table.schema.field("ts").type == pa.timestamp("us", "UTC")
    metadata = pq.ParquetFile(path).metadata
    assert (metadata.num_row_groups, metadata.row_group(0).column(1).compression) == (5, "ZSTD")


def test_an_archive_is_recorded_with_its_size_and_hash(run: Any, odd_rows: None, sql: Sql, tmp_path: Path) -> None:
    run(archive_url=f"file://{tmp_path}")
    _, path = read(tmp_path)
    body = path.read_bytes()
    assert sql("SELECT name, url, rows, bytes, sha256 FROM archives") == [
        (path.stem, f"file://{path}", 30, len(body), hashlib.sha256(body).hexdigest())
    ]
    assert path.stem.startswith(f"events_p{OLD:%Y%m%d}-")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_without_archive_url_nothing_is_written(run: Any, odd_rows: None, sql: Sql) -> None:
    assert [done.rows for done in run()] == [30]
    assert sql("SELECT count(*) FROM archives") == [(0,)]


def with_another_id(body: bytes) -> bytes:
    """A valid Parquet file in which one digit of one event id differs."""
    table = pq.read_table(pa.BufferReader(body))
    ids = table.column("event_id").to_pylist()
    ids[3] = ids[3][:-1] + ("0" if ids[3][-1] != "0" else "1")
    sink = pa.BufferOutputStream()
    pq.write_table(table.set_column(0, "event_id", pa.array(ids)), sink)
    changed: bytes = sink.getvalue().to_pybytes()
    return changed


def without_a_row(body: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pq.read_table(pa.BufferReader(body)).slice(1), sink)
    shorter: bytes = sink.getvalue().to_pybytes()
    return shorter


@pytest.mark.parametrize(
    "corrupt",
    [lambda body: body[:-200], lambda body: b"", lambda body: body[:50] + bytes(400) + body[450:], with_another_id, without_a_row],
    ids=["cut", "empty", "zeroed", "another id", "a row less"],
)  # fmt: skip
def test_a_corrupt_archive_keeps_the_partition(
    run: Any, odd_rows: None, sql: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corrupt: Any
) -> None:
    monkeypatch.setattr(CorruptingFileSystem, "corrupt", staticmethod(corrupt))
    (done,) = run(archive_url=f"corrupting://{tmp_path}")
    assert (done.rows, done.error.startswith("not ")) == (0, True)
    assert sql("SELECT count(*) FROM events") == [(30,)]
    assert sql("SELECT count(*) FROM archives") == [(0,)]
    assert sql("SELECT raw_since FROM sites") == [(None,)]
    monkeypatch.setattr(CorruptingFileSystem, "corrupt", staticmethod(lambda body: body))
    assert [(done.rows, done.error) for done in run(archive_url=f"corrupting://{tmp_path}")] == [(30, "")]
    assert read(tmp_path)[0].num_rows == 30


@pytest.mark.parametrize("url", ["/proc/nowhere", "nosuch://bucket/folder", "http://127.0.0.1:1/x"])
def test_an_unreachable_target_keeps_the_partition_and_the_other_steps_run(
    run: Any, odd_rows: None, put_ledger: Any, sql: Sql, url: str
) -> None:
    put_ledger(days_ago(12), 2)
    events_step, ledger_step = run(archive_url=url)
    assert "\n" not in events_step.error
    assert events_step.error
    assert (ledger_step.rows, ledger_step.error) == (2, "")
    assert sql("SELECT count(*) FROM events") == [(30,)]


def test_rows_stored_during_the_archiving_keep_the_partition(
    run: Any, odd_rows: None, put: Any, sql: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_another_row(body: bytes) -> bytes:
        put(OLD + timedelta(hours=20))
        return body

    monkeypatch.setattr(CorruptingFileSystem, "corrupt", staticmethod(store_another_row))
    (done,) = run(archive_url=f"corrupting://{tmp_path}")
    assert "rows were stored" in done.error
    assert sql("SELECT count(*) FROM events") == [(31,)]
    monkeypatch.setattr(CorruptingFileSystem, "corrupt", staticmethod(lambda body: body))
    assert [done.rows for done in run(archive_url=f"corrupting://{tmp_path}")] == [31]


def test_a_verified_file_is_not_written_again(
    run: Any, odd_rows: None, engine: Engine, sql: Sql, tmp_path: Path
) -> None:
    with engine.begin() as reader:
        reader.execute(text("SELECT count(*) FROM events"))
        assert "in use" in run(archive_url=str(tmp_path))[0].error
    before = read(tmp_path)[1].stat()
    assert [done.rows for done in run(archive_url=str(tmp_path))] == [30]
    assert (read(tmp_path)[1].stat().st_ino, sql("SELECT count(*) FROM archives")) == (before.st_ino, [(1,)])


def test_late_rows_of_a_dropped_day_get_another_file(
    run: Any, odd_rows: None, put: Any, sql: Sql, tmp_path: Path
) -> None:
    run(archive_url=str(tmp_path))
    put(OLD, 2)
    run(archive_url=str(tmp_path))
    assert sorted(pq.read_metadata(path).num_rows for path in tmp_path.iterdir()) == [2, 30]
    assert sql("SELECT sum(rows)::int FROM archives") == [(32,)]


def test_an_empty_partition_needs_no_file(run: Any, engine: Engine, tmp_path: Path) -> None:
    ensure(engine, "events", [OLD.date()], NOW.date())
    assert [(done.rows, done.error) for done in run(archive_url=str(tmp_path))] == [(0, "")]
    assert list(tmp_path.iterdir()) == []


def test_old_addresses_are_masked_in_the_archive_too(run: Any, odd_rows: None, tmp_path: Path) -> None:
    run(archive_url=str(tmp_path), anonymize_ips_after_days=11)
    found = {row["ip"] for row in read(tmp_path)[0].to_pylist()}
    assert found == {None, "203.0.113.0", "2001:db8:1::"}

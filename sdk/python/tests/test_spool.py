"""What is on the disk: bounded, adopted once, and told where a piece of it is broken."""

import fcntl
import os
import time
from pathlib import Path
from typing import Any

import pytest

from analytics_client.spool.file import HEADER_BYTES, SpoolFile, look_at
from analytics_client.spool.folder import SpoolFolder
from analytics_client.spool.spool import Spool
from fault_server import answering

AWAY = "http://127.0.0.1:9"


def record_of(number: int) -> bytes:
    return b'{"event_id":"id-%d","type":"order"}' % number


def spool_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def read_all(file: SpoolFile) -> tuple[list[bytes], list[tuple[int, bool]]]:
    """All records, and the damaged pieces between them."""
    records, damage = [], []
    while file.waiting_bytes:
        found = file.read(100, 10_000)
        records += found.records
        damage += [(found.damaged_bytes, found.is_torn)] if found.damaged_bytes else []
        file.acknowledge(found.end)
    return records, damage


def close_without_delivery(server: Any, client: Any) -> None:
    """As a process that ends while the server has trouble; its thread has ended when this returns."""
    thread = client._delivery.thread
    server.always = answering(503)
    client.close(0)
    thread.join()
    server.always = None


@pytest.fixture
def file(tmp_path):
    made = SpoolFile.create(str(tmp_path / "a.spool"))
    for number in range(300):
        made.append(record_of(number))
    return made


def reopen(file: SpoolFile) -> SpoolFile:
    file.close()
    found = SpoolFile.adopt(file.path)
    assert found is not None
    return found


def test_records_are_read_in_their_order(file):
    assert read_all(file)[0] == [record_of(number) for number in range(300)]


def test_a_read_is_bounded(file):
    assert len(file.read(7, 10**6).records) == 7
    assert len(file.read(10**6, 1).records) == 300, "one event of the largest size fits into any read"


def test_the_acknowledged_position_survives(file):
    file.acknowledge(file.read(120, 10**6).end)
    assert read_all(reopen(file))[0] == [record_of(number) for number in range(120, 300)]


def test_a_damaged_position_is_the_beginning(file):
    file.acknowledge(file.read(120, 10**6).end)
    path = Path(file.path)
    file.close()
    data = bytearray(path.read_bytes())
    data[128] ^= 1
    path.write_bytes(data)
    adopted = SpoolFile.adopt(str(path))
    assert len(read_all(adopted)[0]) == 300


@pytest.mark.parametrize("cut", [1, 7, 8, 9, len(record_of(299)) + 7])
def test_a_torn_last_record_is_recognised(file, cut):
    end = file.end
    os.truncate(file.path, end - cut)
    records, damage = read_all(reopen(file))
    assert records == [record_of(number) for number in range(299)]
    assert damage == [(len(record_of(299)) + 8 - cut, True)]


def test_zeros_at_the_end_are_no_events(file):
    os.truncate(file.path, file.end + 5000)
    records, damage = read_all(reopen(file))
    assert (len(records), damage) == (300, [(5000, True)])


def test_behind_a_damaged_piece_reading_goes_on(file):
    path, at = Path(file.path), file.end // 2
    file.close()
    data = bytearray(path.read_bytes())
    data[at : at + 10] = b"\xff" * 10
    path.write_bytes(data)
    records, damage = read_all(SpoolFile.adopt(str(path)))
    assert len(records) in (298, 299)
    assert len(damage) == 1
    assert damage[0][1] is False
    assert records[-1] == record_of(299)


def test_a_large_damaged_piece_is_passed(file, tmp_path):
    path = Path(file.path)
    file.close()
    whole = path.read_bytes()
    # The first byte is none that would make the last record whole again.
    path.write_bytes(whole[:-1] + b"\xff" + os.urandom(700_000) + whole[HEADER_BYTES:])
    records, damage = read_all(SpoolFile.adopt(str(path)))
    assert len(records) == 299 + 300
    assert len(damage) == 1


def test_a_file_that_somebody_cut_is_told(file):
    os.truncate(file.path, HEADER_BYTES)
    found = file.read(10, 1000)
    assert (found.records, found.is_torn) == ([], True)


def test_an_owned_file_is_adopted_by_nobody(file):
    assert SpoolFile.adopt(file.path) is None
    file.close()
    assert SpoolFile.adopt(file.path) is not None


@pytest.mark.parametrize("content", [b"", b"ACSPOOL1", b"x" * 50])
def test_a_file_without_a_whole_header_is_removed(tmp_path, content):
    path = tmp_path / "a.spool"
    path.write_bytes(content)
    assert SpoolFile.adopt(str(path)) is None
    assert not path.exists()


def test_a_file_that_is_not_ours_is_left_alone(tmp_path):
    path = tmp_path / "a.spool"
    path.write_bytes(b"y" * 5000)
    assert SpoolFile.adopt(str(path)) is None
    assert path.stat().st_size == 5000


def test_a_write_that_fails_leaves_no_half_record(file, monkeypatch):
    real, calls = os.pwrite, []

    def write_half(fd: int, data: bytes, position: int) -> int:
        calls.append(position)
        if len(calls) == 1:
            return real(fd, data[:10], position)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", write_half)
    with pytest.raises(OSError, match="No space"):
        file.append(record_of(300))
    monkeypatch.undo()
    file.append(record_of(301))
    records, damage = read_all(reopen(file))
    assert records[-2:] == [record_of(299), record_of(301)]
    assert not damage


def test_the_folder_is_bounded_and_drops_are_told(server, make_client, tmp_path):
    server.always = answering(503)
    client = make_client(max_spool_bytes=200_000, flush_at=10_000, max_backoff_s=0.01)
    ids = [client.track("order", {"text": "x" * 500}) for _ in range(1000)]
    kept = [event_id for event_id in ids if event_id]
    used = sum(file.stat().st_size for file in spool_files(tmp_path / "spool"))
    assert 100_000 < used <= 200_000 + 1_000, "a notice of drops may exceed the bound"
    dropped = client.stats().dropped["spool_full"]
    assert dropped == 1000 - len(kept) > 0
    server.always = None
    while not client.flush(10):
        pass
    assert set(kept) <= set(server.stored)
    # The room is there again. What was told while events were dropped is not told again.
    assert client.track("order")
    assert client.close(10)
    told = [event["payload"] for event in server.stored.values() if event["type"] == "sdk_dropped"]
    assert sum(notice["spool_full"] for notice in told) == dropped
    assert not spool_files(tmp_path / "spool")


def test_a_new_file_that_adopters_take_again_and_again_is_made_at_last(tmp_path, monkeypatch):
    """Between its making and its lock, each process that looks into the folder may remove it: it is empty."""
    real, taken = fcntl.flock, []

    def take_first(fd: int, operation: int) -> None:
        if len(taken) < 8:
            taken.append(os.readlink(f"/proc/self/fd/{fd}"))
            os.unlink(taken[-1])
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", take_first)
    file = SpoolFolder(str(tmp_path), "d").create(1)
    assert (spool_files(tmp_path), len(taken)) == ([Path(file.path)], 8)


def test_what_cannot_be_opened_keeps_no_other_file_from_being_adopted(server, make_client, tmp_path):
    old = make_client()
    old.track("order")
    close_without_delivery(server, old)
    [left] = spool_files(tmp_path / "spool")
    # Both come before it in the order of names.
    left.with_name(f"{left.name[:-7]}!0.spool").mkdir()
    os.mkfifo(left.with_name(f"{left.name[:-7]}!1.spool"))
    assert look_at(str(left.with_name(f"{left.name[:-7]}!1.spool"))) is None
    make_client()
    deadline = time.monotonic() + 5
    while not server.stored and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(server.stored) == 1


def test_a_closed_client_says_that_it_has_not_sent(server, make_client):
    client = make_client()
    client.track("order")
    close_without_delivery(server, client)
    assert (client.flush(1), client.stats().waiting) == (False, 1)


def test_files_follow_one_another_and_are_removed_one_by_one(tmp_path):
    spool = Spool(SpoolFolder(str(tmp_path), "d"), 10_000_000, fsync=False)
    record = b'{"event_id":"%s"}' % (b"x" * 10_000)
    with spool.lock:
        assert all(spool.append(record) for _ in range(300))
    assert len(spool_files(tmp_path)) == 3
    counts = []
    while (found := spool.read(50, 10**6)) is not None:
        spool.settle(*found)
        counts.append(len(spool_files(tmp_path)))
    assert sorted(counts, reverse=True) == counts
    assert (counts[0], counts[-1], spool.waiting, spool.waiting_bytes) == (3, 1, 0, 0)
    assert spool_files(tmp_path)[0].stat().st_size == HEADER_BYTES


def test_many_files_of_an_ended_process_are_adopted_one_by_one(server, make_client, tmp_path):
    old = make_client(server.url, max_spool_bytes=2_000_000, flush_at=10**6, flush_s=600)
    ids = [old.track("order", {"text": "x" * 200}) for _ in range(4000)]
    close_without_delivery(server, old)
    assert len(spool_files(tmp_path / "spool")) >= 4
    client = make_client()
    deadline = time.monotonic() + 20
    while len(server.stored) < 4000 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(ids) == set(server.stored)
    client.close(5)
    assert client.stats().adopted_sent == 4000
    assert not spool_files(tmp_path / "spool")


def test_processes_that_restart_while_the_server_is_away_share_one_bound(make_client, tmp_path):
    dropped = 0
    for _ in range(10):
        client = make_client(url=AWAY, max_spool_bytes=400_000, max_backoff_s=60, flush_at=10**6)
        for _ in range(200):
            client.track("order", {"text": "x" * 400})
        client.close(0)
        dropped += client.stats().dropped.get("spool_full", 0)
    used = sum(file.stat().st_size for file in spool_files(tmp_path / "spool"))
    # 25,000 bytes are the step in which one process writes before it asks again.
    assert 300_000 < used <= 425_000
    assert dropped > 1000


def test_a_folder_that_cannot_be_used_stops_the_start(tmp_path, make_client):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        make_client(spool_dir=str(tmp_path / "file"))


def test_a_disk_error_is_counted_and_not_raised(make_client, monkeypatch):
    client = make_client(url=AWAY)

    def fail(*arguments: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fail)
    assert client.track("order") is None
    monkeypatch.undo()
    assert client.stats().dropped == {"disk_error": 1}
    assert client.track("order")


def test_what_is_no_event_is_counted_and_not_raised(server, make_client):
    client = make_client(flush_s=60)
    circle: dict[str, Any] = {}
    circle["circle"] = circle
    bad: list[tuple[Any, Any, dict[str, Any]]] = [
        ("", None, {}),
        ("x" * 129, None, {}),
        (None, None, {}),
        ("order", {"n": float("nan")}, {}),
        ("order", circle, {}),
        ("order", {"o": object()}, {}),
        ("order", "text", {}),
        ("order", {"lone": "\ud800"}, {}),
        ("order", None, {"event_id": ""}),
        ("order", None, {"ts": __import__("datetime").datetime(2026, 1, 1)}),
    ]
    assert [client.track(type, payload, **fields) for type, payload, fields in bad] == [None] * len(bad)
    assert client.track("order", {"text": "x" * 70_000}) is None
    assert client.stats().dropped == {"invalid": len(bad), "too_large": 1}
    assert client.close(5)
    [told] = server.stored.values()
    assert told["payload"] == {"invalid": len(bad), "too_large": 1}


def test_files_of_another_site_are_left_alone(server, make_client, tmp_path):
    other = make_client(site="other", url=AWAY, max_backoff_s=60)
    other.track("order")
    other.close(0)
    assert len(spool_files(tmp_path / "spool")) == 1
    client = make_client(site="shop")
    client.track("order")
    assert client.flush(5)
    time.sleep(0.3)
    assert len(server.stored) == 1
    # With a site, another key finds them.
    make_client(site="other", key="sk_new", url=AWAY, max_backoff_s=60).close(0)
    assert len(spool_files(tmp_path / "spool")) == 2


def test_a_new_client_adopts_what_a_closed_one_left(server, make_client, tmp_path):
    server.always = answering(503)
    old = make_client()
    ids = [old.track("order") for _ in range(20)]
    old.track("")
    close_without_delivery(server, old)
    client = make_client()
    deadline = time.monotonic() + 5
    while len(server.stored) < 21 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(ids) < set(server.stored)
    [told] = [event for event in server.stored.values() if event["type"] == "sdk_dropped"]
    assert told["payload"] == {"invalid": 1}
    client.close(5)
    assert (client.stats().dropped, client.stats().adopted_dropped) == ({}, {})
    assert client.stats().adopted_sent == 20
    assert not spool_files(tmp_path / "spool")

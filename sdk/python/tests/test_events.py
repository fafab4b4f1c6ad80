"""Ids, times, and the JSON of events."""

import json
import os
import tempfile
import uuid
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from analytics_client.delivery.responses import read_retry_after
from analytics_client.events import InvalidEvent, encode_event, format_now
from analytics_client.ids import IdMaker
from analytics_client.spool.folder import SpoolFolder, name_destination

NOW_MS = 1_764_000_000_123


class Broken(Mapping):
    """As a proxy of a request, outside of one."""

    def __getitem__(self, key):
        raise RuntimeError("outside of a request")

    def __iter__(self):
        raise RuntimeError("outside of a request")

    def __len__(self):
        return 1


@pytest.mark.parametrize("payload", [Broken(), {"user": Broken()}, {"a": [Broken()]}])
def test_what_an_object_of_the_application_raises_refuses_its_event(payload):
    with pytest.raises(InvalidEvent, match="outside of a request"):
        encode_event("1", "order", "2026-01-31T12:00:00Z", None, payload, {})


def test_ids_are_uuid7_of_their_millisecond_and_increase():
    maker = IdMaker()
    ids = [maker.make(NOW_MS) for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5000
    parsed = [uuid.UUID(text) for text in ids]
    assert {(number.version, number.variant) for number in parsed} == {(7, uuid.RFC_4122)}
    assert parsed[0].int >> 80 == NOW_MS
    # 4,096 ids fit into a millisecond; the others are of the next one.
    assert parsed[4095].int >> 80 == NOW_MS
    assert parsed[4096].int >> 80 == NOW_MS + 1


def test_ids_increase_when_the_clock_is_set_back():
    maker = IdMaker()
    assert maker.make(NOW_MS) < maker.make(NOW_MS - 1000) < maker.make(NOW_MS + 1)


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (1_764_000_000.123456, "2025-11-24T16:00:00.123456Z"),
        (1_764_000_000.0, "2025-11-24T16:00:00.000000Z"),
        (1_764_000_059.999999, "2025-11-24T16:00:59.999999Z"),
    ],
)
def test_times_are_utc(now, text):
    assert format_now(now)[:25] == text[:25]
    assert abs(datetime.fromisoformat(format_now(now)[:26]) - datetime.fromisoformat(text[:26])) < timedelta(
        microseconds=3
    )


def test_payloads_may_hold_what_json_has_no_type_for():
    payload = {
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, tzinfo=timezone.utc),
        "price": Decimal("1.50"),
        "id": uuid.UUID(int=7),
        "tags": ("a", "b"),
        "set": {1},
    }
    record = encode_event("i", "order", "2026-01-01T00:00:00Z", 7, payload, {"path": None, "src": "shop"})
    event = json.loads(record)
    assert event["payload"] == {
        "day": "2026-01-02",
        "at": "2026-01-02T03:00:00+00:00",
        "price": "1.50",
        "id": "00000000-0000-0000-0000-000000000007",
        "tags": ["a", "b"],
        "set": [1],
    }
    assert (event["user_id"], event["src"], "path" in event) == (7, "shop", False)


def test_a_time_with_a_zone_is_sent_as_it_is():
    zone = timezone(timedelta(hours=2))
    record = encode_event("i", "order", datetime(2026, 1, 2, 3, tzinfo=zone), None, None, {})
    assert json.loads(record)["ts"] == "2026-01-02T03:00:00+02:00"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("0", 0),
        ("99999", 300),
        ("-1", None),
        ("nan", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_and_bounded(text, seconds):
    assert read_retry_after(text) == seconds


def test_a_destination_is_url_and_site_or_key():
    assert name_destination("http://a", "shop", "k1") == name_destination("http://a", "shop", "k2")
    assert name_destination("http://a", None, "k1") != name_destination("http://a", None, "k2")
    assert name_destination("http://a", "shop", "k") != name_destination("http://b", "shop", "k")


def test_the_folder_in_tmp_is_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = SpoolFolder(None, "d")
    assert os.path.dirname(folder.path) == str(tmp_path)
    assert os.stat(folder.path).st_mode & 0o777 == 0o700
    os.chmod(folder.path, 0o777)
    with pytest.raises(PermissionError, match="spool_dir"):
        SpoolFolder(None, "d")

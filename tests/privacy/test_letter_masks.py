"""Addresses in dead letters are masked when those of events are; nothing else of a letter changes."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, text

from analytics.ingest import buffer
from analytics.ingest.buffer import Entry
from analytics.privacy import letter_masks
from analytics.privacy.letter_masks import mask_address, mask_addresses
from analytics.sites.sites import Site
from tests.factories import make_entry
from tests.privacy.conftest import days_ago

LINE = b"\t".join([b"x"] * 21 + [b"203.0.113.9", b"DE", rb"\N", b"Ulm", b'{"ip": "203.0.113.9"}'])


@pytest.fixture
def bury(engine: Engine, site: Site) -> Callable[..., int]:
    """`bury(body, 31)`: the id of a letter that was received, and died, so many days ago."""

    def insert(body: bytes, age_days: float, position: int = -1) -> int:
        statement = text(
            "INSERT INTO dead_letters (entry_id, position, site_id, received_at, dead_lettered_at, reason, detail, body)"
            " VALUES (gen_random_uuid(), :position, :site, :at, :at, 'refused', '', :body) RETURNING id"
        )
        values = {"position": position, "site": site.id, "at": days_ago(age_days), "body": body}
        with engine.begin() as connection:
            return int(connection.execute(statement, values).scalar_one())

    return insert


def read(sql: Any, letter: int) -> bytes:
    return bytes(sql("SELECT body FROM dead_letters WHERE id = :id", id=letter)[0][0])


def decode(body: bytes) -> tuple[Entry, list[dict[str, Any]]]:
    entry = buffer.decode_entry(body)
    assert entry is not None
    return entry, msgspec.json.decode(entry.decode_body())


@pytest.mark.parametrize("filler", ["", "long " * 300], ids=["plain", "compressed"])
def test_only_addresses_of_old_letters_are_masked(
    run: Any, sql: Any, site: Site, bury: Callable[..., int], filler: str
) -> None:
    events = [
        {"type": "a", "ip": "198.51.100.77", "payload": {"n": 1, "text": filler}},
        {"type": "b", "ip": "2001:db8:1:2::3", "payload": {"ip": "198.51.100.77"}},
        {"type": "c", "ts": "2026-05-30T12:00:00Z"},
    ]
    entry = make_entry(site, events, ip="203.0.113.9", user_agent="curl/8", batch_key="k", indexes=[0, 2, 5])
    old, new = bury(buffer.encode_entry(entry), 31), bury(buffer.encode_entry(entry), 29)
    results = run(anonymize_ips_after_days=30, dead_letter_retention_days=90)
    assert [(result.step.description, result.rows) for result in results] == [("IPs of dead letters", 1)]
    masked, found = decode(read(sql, old))
    assert masked.ip == "203.0.113.0"
    assert found == [
        {**events[0], "ip": "198.51.100.0"}, {**events[1], "ip": "2001:db8:1::"}, events[2],
    ]  # fmt: skip
    assert msgspec.structs.replace(masked, ip=entry.ip, body=entry.body) == entry
    assert read(sql, new) == buffer.encode_entry(entry)
    assert run(anonymize_ips_after_days=30, dead_letter_retention_days=90) == []


def test_a_line_of_the_release_before_is_masked(run: Any, sql: Any, bury: Callable[..., int]) -> None:
    letter = bury(LINE, 31, position=3)
    run(anonymize_ips_after_days=30, dead_letter_retention_days=90)
    assert read(sql, letter) == LINE.replace(b"\t203.0.113.9\t", b"\t203.0.113.0\t")


def test_the_plan_counts_what_the_run_masks(
    plan: Any, run: Any, site: Site, bury: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_masks, "CHUNK_LETTERS", 2)
    for age_days in (31, 32, 33, 34, 35, 91):
        bury(buffer.encode_entry(make_entry(site, [])), age_days)
    changes = {"anonymize_ips_after_days": 30, "dead_letter_retention_days": 90}
    rows = [("delete", "dead letters", 1), ("mask", "IPs of dead letters", 5)]
    assert [(step.action, step.description, step.rows) for step in plan(**changes)] == rows
    assert [(one.step.action, one.step.description, one.rows) for one in run(**changes)] == rows


def test_a_letter_that_is_being_retried_is_masked_by_the_next_run(
    run: Any, engine: Engine, site: Site, bury: Callable[..., int]
) -> None:
    letters = [bury(buffer.encode_entry(make_entry(site, [])), 31) for _ in range(2)]
    changes = {"anonymize_ips_after_days": 30, "dead_letter_retention_days": 90}
    with engine.begin() as connection:
        connection.execute(text("SELECT FROM dead_letters WHERE id = :id FOR UPDATE"), {"id": letters[0]})
        assert [result.rows for result in run(**changes)] == [1]
    assert [result.rows for result in run(**changes)] == [1]


UNKNOWN = [
    b"",
    b"garbage",
    msgspec.msgpack.encode(["not", "an", "entry"]),
    msgspec.msgpack.encode({"a": 1}),
    b"\xff\t" * 3,
]


@pytest.mark.parametrize("body", UNKNOWN)
def test_bytes_that_nobody_can_read_stay(body: bytes) -> None:
    assert mask_addresses(body) == body


def test_a_body_that_is_damaged_stays(site: Site) -> None:
    for changes in (
        {"body": b"no json"},
        {"body": b"damaged", "compressed": True},
        {"body": b"[[1]]", "holds_samples": True},
    ):
        entry = make_entry(site, [], **changes)
        masked = buffer.decode_entry(mask_addresses(buffer.encode_entry(entry)))
        assert masked == msgspec.structs.replace(entry, ip="203.0.113.0")


ADDRESSES = {
    "203.0.113.255": "203.0.113.0",
    "2001:db8:aaaa:bbbb::1": "2001:db8:aaaa::",
    # However it was sent.
    " 203.0.113.255:50123": "203.0.113.0",
    "::ffff:203.0.113.255": "203.0.113.0",
    "[2001:DB8:AAAA:bbbb::1]:443": "2001:db8:aaaa::",
    "fe80::1%eth0": "fe80::",
    "": "",
    "no address": "",
    r"\N": "",
}


@pytest.mark.parametrize(("address", "network"), ADDRESSES.items())
def test_an_address_becomes_its_network(address: str, network: str) -> None:
    assert mask_address(address) == network


def test_places_of_fields_are_those_of_an_entry() -> None:
    names = [field.name for field in msgspec.structs.fields(Entry)]
    places = letter_masks.BODY, letter_masks.IS_COMPRESSED, letter_masks.IP, letter_masks.HOLDS_SAMPLES
    assert [names[place] for place in places] == ["body", "compressed", "ip", "holds_samples"]

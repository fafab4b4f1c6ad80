"""Masks: the masked form of an address, the instant it applies from, and skipping of masked partitions."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, literal, select
from sqlalchemy.dialects.postgresql import INET

from analytics.privacy import ip_masks, steps
from analytics.privacy.ip_masks import mask_ip
from analytics.sites.sites import Site
from tests.privacy.conftest import NOW, days_ago

Sql = Callable[..., list[tuple[Any, ...]]]
US = timedelta(microseconds=1)
KEEP = {"event_retention_days": 90}


def network_address(ip: str) -> str:
    """The expected mask, by the standard library."""
    address = ip_address(ip)
    return str(ip_network(f"{ip}/{24 if address.version == 4 else 48}", strict=False).network_address)


def addresses(sql: Sql) -> list[Any]:
    return sql("SELECT ip::text FROM events ORDER BY ts, user_no")


@pytest.mark.parametrize(
    ("ip", "masked"),
    [
        ("203.0.113.77", "203.0.113.0"), ("255.255.255.255", "255.255.255.0"), ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
        ("::1", "::"), ("10.0.0.0", "10.0.0.0"), ("::ffff:203.0.113.77", "::"),
    ],
)  # fmt: skip
def test_the_last_part_of_an_address_is_masked(run: Any, put: Any, sql: Sql, ip: str, masked: str) -> None:
    put(days_ago(31), ip=ip)
    run(anonymize_ips_after_days=30, **KEEP)
    assert sql("SELECT host(ip), masklen(ip) FROM events") == [(masked, 32 if "." in masked else 128)]


@settings(deadline=None)
@given(ips=st.lists(st.ip_addresses(), min_size=1, max_size=50))
def test_any_address_becomes_its_network_address(engine: Engine, ips: list[Any]) -> None:
    texts = [str(ip).split("%")[0] for ip in ips]
    with engine.connect() as connection:
        for ip in texts:
            address = literal(ip, INET)
            once, twice = connection.execute(select(mask_ip(address), mask_ip(mask_ip(address)))).one()
            assert ip_address(once) == ip_address(network_address(ip))
            assert twice == once


def test_an_address_is_masked_at_the_exact_instant(run: Any, put: Any, sql: Sql) -> None:
    put(days_ago(30) - US, 3, ip="203.0.113.77")
    assert [done.rows for done in run(anonymize_ips_after_days=30, **KEEP)] == [1]
    assert addresses(sql) == [("203.0.113.0/32",), ("203.0.113.77/32",), ("203.0.113.77/32",)]
    assert [done.rows for done in run(NOW + 2 * US, anonymize_ips_after_days=30, **KEEP)] == [2]


def test_zero_days_mask_all_past_events(run: Any, put: Any, sql: Sql) -> None:
    put(NOW - US, 2, ip="203.0.113.77")
    assert [done.rows for done in run(anonymize_ips_after_days=0)] == [1]
    assert addresses(sql) == [("203.0.113.0/32",), ("203.0.113.77/32",)]


def test_every_row_of_every_site_is_reached_in_small_chunks(
    run: Any, put: Any, make_site: Any, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "CHUNK_ROWS", 7)
    monkeypatch.setattr(ip_masks, "MIN_ROWS_BETWEEN_VACUUMS", 20)
    for of in [{}, {"of": make_site("shop")}, {"of": make_site("blog")}]:
        put(days_ago(40), 30, ip="203.0.113.77", **of)
        put(days_ago(40), 5, **of)
    assert [done.rows for done in run(anonymize_ips_after_days=30, **KEEP)] == [90]
    assert sql("SELECT ip::text, count(*) FROM events GROUP BY 1 ORDER BY 1") == [("203.0.113.0/32", 90), (None, 15)]


def test_a_masked_partition_is_skipped_until_a_row_arrives(
    run: Any, put: Any, engine: Engine, settings: Any, sql: Sql
) -> None:
    put(days_ago(40), 4, ip="203.0.113.77")
    job = steps.RetentionJob(engine, settings, NOW)
    assert len(ip_masks.find(job, ())) == 1
    run(anonymize_ips_after_days=30, **KEEP)
    assert ip_masks.find(job, ()) == []
    put(days_ago(40), 1, ip="198.51.100.9")
    assert [done.rows for done in run(anonymize_ips_after_days=30, **KEEP)] == [1]
    assert ip_masks.find(job, ()) == []


def test_a_partly_masked_partition_is_resumed(run: Any, put: Any, engine: Engine, settings: Any) -> None:
    put(days_ago(30), 4, ip="203.0.113.77")
    run(anonymize_ips_after_days=30, **KEEP)
    later = NOW + timedelta(hours=1)
    (step,) = ip_masks.find(steps.RetentionJob(engine, settings, later), ())
    assert (step.resume_from, step.before) == (NOW - timedelta(days=30), later - timedelta(days=30))
    assert [done.rows for done in run(later, anonymize_ips_after_days=30, **KEEP)] == [4]


def test_a_shorter_setting_masks_newer_rows(run: Any, put: Any, site: Site, sql: Sql) -> None:
    put(days_ago(20), 2, ip="203.0.113.77")
    assert run(anonymize_ips_after_days=30, **KEEP) == []
    assert [done.rows for done in run(anonymize_ips_after_days=10, **KEEP)] == [2]


def test_a_partition_that_could_not_be_archived_is_masked(run: Any, put: Any, sql: Sql) -> None:
    put(days_ago(40), 2, ip="203.0.113.77")
    drop, mask = run(archive_url="/proc/nowhere", anonymize_ips_after_days=30)
    assert (drop.rows, mask.rows) == (0, 2)
    assert addresses(sql) == [("203.0.113.0/32",)] * 2

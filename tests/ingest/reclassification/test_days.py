"""Stored events get the source and channel of today's rules; their days are rebuilt, and the audit balances."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, text

from analytics.audit.run import run_audit
from analytics.errors import BadInput, Conflict
from analytics.ingest.reclassification.days import ReclassifiedDays, reclassify_days
from analytics.rollups.merge import merge_all
from analytics.rollups.rebuild import rebuild_days
from analytics.sites.sites import Site, update_site
from tests.examples import examples
from tests.factories import append_events, make_drain, make_site
from tests.rollups.factories import before_statement
from tests.rollups.test_rebuild import count_slowly, table, visits

FIRST, END = date(2026, 3, 2), date(2026, 3, 5)
OWN = "https://shop.example/a"
SEARCH = "https://www.google.com/"
CHANGE = "UPDATE events e\nSET referrer"


def view(day: int, referrer: str | None = None, path: str = "/", user: str = "ann", **fields: Any) -> dict[str, Any]:
    at = datetime(2026, 3, day, 12, tzinfo=UTC)
    event = {"type": "page_view", "ts": at.isoformat(), "user_id": user, "path": path, "referrer": referrer, **fields}
    return {name: value for name, value in event.items() if value is not None}


@pytest.fixture
def stored(engine: Engine, redis: Redis) -> Callable[..., Site]:
    """`stored(events)` returns a site that has them, merged."""

    def store(*events: dict[str, Any], **entry: Any) -> Site:
        site = make_site(engine, "UTC")
        append_events(redis, site, list(events), **entry)
        make_drain(engine, redis).run()
        merge_all(engine, 10)
        return site

    return store


def own(engine: Engine, site: Site, *domains: str) -> None:
    with engine.begin() as connection:
        update_site(connection, site.key, domains=domains)


def reclassify(engine: Engine, site: Site, first: date = FIRST, end: date = END, **options: Any) -> ReclassifiedDays:
    return reclassify_days(engine, site, first, end, "tester", **options)


def sources(engine: Engine, site: Site) -> list[Any]:
    query = text("SELECT source, channel FROM events WHERE site_id = :id ORDER BY ts, user_id, position")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"id": site.id})]


def test_new_domains_apply_to_stored_events(engine: Engine, stored: Callable[..., Site], sql: Any) -> None:
    site = stored(view(2, OWN), view(2, SEARCH, user="bob"), view(3, "https://blog.example/"), view(4, OWN))
    own(engine, site, "shop.example")
    assert sources(engine, site)[0] == ("shop.example", "referral")
    versions = dict(sql("SELECT day, version FROM day_versions"))
    assert reclassify(engine, site, dry_run=True) == (2, 2, 4)
    assert sources(engine, site)[0] == ("shop.example", "referral")
    days: list[Any] = []
    result = reclassify(engine, site, progress=lambda *report: days.append(report))
    assert result == (2, 2, 4)
    assert days == [(date(2026, 3, 2), 2, 1), (date(2026, 3, 3), 3, 1), (date(2026, 3, 4), 4, 2)]
    expected = [(None, "internal"), ("Google", "search"), ("blog.example", "referral"), (None, "internal")]
    assert sources(engine, site) == expected
    assert table(engine, site) == count_slowly(engine, site, "UTC")
    after = dict(sql("SELECT day, version FROM day_versions"))
    assert [day for day in versions if after[day] > versions[day]] == [date(2026, 3, 2), date(2026, 3, 4)]
    [(detail,)] = sql("SELECT detail FROM audit_log WHERE action = 'site.reclassify'")
    assert detail == {"first_day": "2026-03-02", "end_day": "2026-03-05", "days": 2, "changed": 2, "events": 4}
    # Nothing is left to do.
    assert reclassify(engine, site) == (0, 0, 4)
    assert dict(sql("SELECT day, version FROM day_versions")) == after


def test_domains_that_are_taken_away_apply_as_well(engine: Engine, redis: Redis, stored: Callable[..., Site]) -> None:
    site = stored(view(2, OWN), own_domains=["shop.example"])
    assert sources(engine, site) == [(None, "internal")]
    assert reclassify(engine, site) == (1, 1, 1)
    assert sources(engine, site) == [("shop.example", "referral")]


def test_what_was_stored_before_the_columns_were(engine: Engine, stored: Callable[..., Site], sql: Any) -> None:
    """Its page's host is not stored; but a referrer without a source can only have been of that host."""
    site = stored(
        view(2, OWN, path="https://www.shop.example/b"),
        view(2, SEARCH, user="bob"),
        view(2, None, path="/?utm_source=Google&utm_medium=cpc", user="cid"),
        view(2, "/login", user="dan"),
    )
    sql("UPDATE events SET hostname = NULL, channel = NULL RETURNING 1")
    sql("UPDATE events SET source = NULL WHERE user_id = 'cid' RETURNING 1")
    assert reclassify(engine, site) == (1, 4, 4)
    expected = [(None, "internal"), ("Google", "search"), ("Google", "paid"), (None, "internal")]
    assert sources(engine, site) == expected
    assert sql("SELECT hostname FROM events WHERE user_id = 'ann'") == [("shop.example",)]
    assert reclassify(engine, site) == (0, 0, 4)


def test_a_click_id_is_remembered_by_its_channel(engine: Engine, stored: Callable[..., Site]) -> None:
    site = stored(view(2, SEARCH, path="/?gclid=1"), view(2, None, path="/?msclkid=1", user="bob"), view(3, OWN))
    own(engine, site, "shop.example")
    assert reclassify(engine, site).changed == 1
    assert sources(engine, site) == [("Google", "paid"), ("Bing", "paid"), (None, "internal")]


def test_a_click_id_that_named_an_unpaid_source_is_remembered(engine: Engine, stored: Callable[..., Site]) -> None:
    site = stored(
        view(2, None, path="/?fbclid=1"), view(2, None, path="/?fbclid=1&utm_campaign=x", user="bob"), view(3, OWN)
    )
    own(engine, site, "shop.example")
    assert reclassify(engine, site).changed == 1
    assert sources(engine, site) == [("Facebook", "social"), ("Facebook", "social"), (None, "internal")]


def test_notations_of_a_host_become_one(engine: Engine, stored: Callable[..., Site], sql: Any) -> None:
    site = stored(view(2, "https://bücher.example/a"))
    sql("UPDATE events SET referrer = 'https://xn--bcher-kva.example/a', source = 'xn--bcher-kva.example' RETURNING 1")
    assert reclassify(engine, site).changed == 1
    assert sql("SELECT referrer, source FROM events") == [("https://bücher.example/a", "bücher.example")]


def test_visits_follow(engine: Engine, stored: Callable[..., Site], sql: Any) -> None:
    site = stored(view(2, OWN), view(2, SEARCH, user="bob"))
    own(engine, site, "shop.example")
    reclassify(engine, site)
    found = sql("SELECT value, visits FROM visit_rollups WHERE dimension = 'source' AND visits > 0 ORDER BY value")
    assert found == [("", 1), ("Google", 1)]


def test_waiting_deltas_are_counted_once(engine: Engine, redis: Redis, stored: Callable[..., Site]) -> None:
    site = stored(view(3, OWN))
    own(engine, site, "shop.example")
    append_events(redis, site, [view(2, OWN), view(3, SEARCH, user="bob")])
    make_drain(engine, redis).run()
    reclassify(engine, site)
    merge_all(engine, 10)
    assert table(engine, site) == count_slowly(engine, site, "UTC")


class KilledError(Exception):
    """The process ends here."""


def test_an_interrupted_run_leaves_whole_days_and_goes_on(engine: Engine, stored: Callable[..., Site]) -> None:
    site = stored(view(2, OWN), view(3, OWN), view(4, OWN))
    own(engine, site, "shop.example")

    def kill(_: Any) -> None:
        raise KilledError

    with pytest.raises(KilledError), before_statement(engine, CHANGE, kill, occurrence=2):
        reclassify(engine, site)
    assert sources(engine, site) == [(None, "internal"), *[("shop.example", "referral")] * 2]
    assert table(engine, site) == count_slowly(engine, site, "UTC")
    assert reclassify(engine, site) == (2, 2, 3)
    assert table(engine, site) == count_slowly(engine, site, "UTC")


def test_a_day_of_which_rows_change_meanwhile_is_tried_again(engine: Engine, stored: Callable[..., Site]) -> None:
    site = stored(view(2, OWN))
    own(engine, site, "shop.example")

    def mask(_: Any) -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE events SET ip = NULL"))

    with before_statement(engine, CHANGE, mask):
        assert reclassify(engine, site) == (1, 1, 1)
    assert sources(engine, site) == [(None, "internal")]


def test_frozen_days_are_refused(engine: Engine, stored: Callable[..., Site], sql: Any) -> None:
    site = stored(view(2, OWN), view(3, OWN))
    own(engine, site, "shop.example")
    sql("UPDATE sites SET raw_since = '2026-03-02 06:00+00' RETURNING 1")
    for dry_run in (True, False):
        with pytest.raises(Conflict, match=r"2026-03-02 cannot be reclassified.*days from 2026-03-03 on"):
            reclassify(engine, site, dry_run=dry_run)
    assert sources(engine, site) == [("shop.example", "referral")] * 2
    assert reclassify(engine, site, date(2026, 3, 3)) == (1, 1, 1)
    with pytest.raises(BadInput):
        reclassify(engine, site, END, END)


def test_the_command(app: Flask, engine: Engine, stored: Callable[..., Site]) -> None:
    site = stored(view(2, OWN), view(3, SEARCH))
    own(engine, site, "shop.example")
    runner, words = app.test_cli_runner(), ["sources", "reclassify", "--site", site.key, "--from", "2026-03-02"]
    result = runner.invoke(args=[*words, "--to", "2026-03-04", "--dry-run"])
    assert result.output.startswith(f"{site.key}: 1 of 2 events would change, on 1 of 3 days, in ")
    result = runner.invoke(args=[*words, "--to", "2026-03-04"])
    assert result.output.startswith(f"{site.key}: 1 of 2 events changed, on 1 of 3 days, in ")
    assert "accepted: the same day or a later one" in runner.invoke(args=[*words, "--to", "2026-03-01"]).output


EVENTS = st.lists(
    st.builds(
        view,
        st.integers(2, 4),
        st.sampled_from([None, OWN, SEARCH, "https://a.cdn.example/", "/x", "https://xn--bcher-kva.example/"]),
        st.sampled_from(
            [
                "/",
                "https://shop.example/b",
                "/?utm_source=Google",
                "/?utm_source=x&utm_medium=CPC",
                "/?gclid=1",
                "/?fbclid=1",
            ]
        ),
        st.sampled_from(["ann", "bob", "cid"]),
        hostname=st.sampled_from([None, "www.shop.example", "bücher.example"]),
        subject=st.sampled_from([None, "abc"]),
    ).filter(lambda event: "gclid" not in event["path"] or event.get("referrer") in (None, SEARCH)),
    min_size=1,
    max_size=10,
)
DOMAINS = st.lists(st.sampled_from(["shop.example", "*.cdn.example", "bücher.example"]), unique=True)


@hypothesis_settings(
    max_examples=examples(12),
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(EVENTS, DOMAINS, DOMAINS)
def test_reclassified_equals_stored_by_the_new_rules(
    engine: Engine, redis: Redis, events: list[dict[str, Any]], before: list[str], after: list[str]
) -> None:
    """Incremental = rebuilt = what would have been stored with these domains from the beginning; but for the click id
    of an event that was internal, which is not stored."""
    one, other = make_site(engine, "UTC"), make_site(engine, "UTC")
    for site, domains in ((one, before), (other, after)):
        own(engine, site, *domains)
        append_events(redis, site, events, own_domains=domains)
    make_drain(engine, redis).run()
    merge_all(engine, 10)
    own(engine, one, *after)
    reclassify(engine, one)
    assert sources(engine, one) == sources(engine, other)
    assert table(engine, one) == count_slowly(engine, one, "UTC")
    stored = table(engine, one), visits(engine, one)
    rebuild_days(engine, one, FIRST, END)
    assert (table(engine, one), visits(engine, one)) == stored


def test_the_audit_balances_afterwards(engine: Engine, redis: Redis, stored: Callable[..., Site]) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    fields = {"hostname": "Shop.example", "language": "de-CH", "screen": 390}
    tagged = view(2, SEARCH, path="/?utm_source=ÄRZTE&utm_medium=CPC", user="bob", **fields)
    site = stored(*({**event, "ts": yesterday.isoformat()} for event in (view(2, OWN), tagged)))
    assert run_audit(engine, redis, full=True).gaps == []
    own(engine, site, "shop.example")
    day = yesterday.date()
    assert reclassify(engine, site, day, day + timedelta(days=1)).changed == 1
    assert run_audit(engine, redis, full=True).gaps == []

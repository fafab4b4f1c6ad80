"""The names of renamed sites that a process knows: at once where it matters, and never at the price of an answer."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, create_engine

from analytics.auth.principal import Principal
from analytics.auth.site_names import SiteNames
from analytics.sites import names
from analytics.sites.sites import Site
from tests.waiting import wait_until

CALLER = Principal("me", frozenset({"read"}), frozenset({"default", "blog"}))


def rename(engine: Engine, old: str, new: str) -> None:
    with engine.begin() as connection:
        names.rename_site(connection, old, new)


def test_a_rename_by_another_process_is_known_before_a_caller_is_refused(
    engine: Engine, site: Site, at: Callable[[float], None]
) -> None:
    known = SiteNames(lambda: engine)
    assert known.widen_now(CALLER).sites == {"default", "blog"}
    rename(engine, "default", "main")
    rename(engine, "main", "first")
    at(2.1)
    assert known.widen_now(CALLER).sites == {"default", "main", "first", "blog"}


def test_a_caller_is_not_kept_waiting_for_names(engine: Engine, site: Site, at: Callable[[float], None]) -> None:
    known = SiteNames(lambda: engine)
    known.widen_now(CALLER)
    rename(engine, "default", "main")
    at(2.1)
    # What is known; the next caller sees what is read meanwhile.
    assert known.widen(CALLER).sites == {"default", "blog"}
    wait_until(lambda: known.widen(CALLER).sites == {"default", "main", "blog"})


def test_the_first_caller_of_a_process_has_the_names(engine: Engine, site: Site) -> None:
    rename(engine, "default", "main")
    assert SiteNames(lambda: engine).widen(CALLER, can_wait=True).sites == {"default", "main", "blog"}


def test_without_postgresql_a_caller_has_the_sites_of_its_credential(caplog: Any) -> None:
    unreachable = create_engine("postgresql+psycopg2://127.0.0.1:1/none")
    started = time.monotonic()
    assert SiteNames(lambda: unreachable).widen(CALLER, can_wait=True) is CALLER
    assert time.monotonic() - started < 3


def test_a_caller_for_all_sites_needs_no_names() -> None:
    everywhere = CALLER._replace(sites=None)

    def fail() -> Engine:
        raise AssertionError("asked for a connection")

    assert SiteNames(fail).widen(everywhere, can_wait=True) is everywhere

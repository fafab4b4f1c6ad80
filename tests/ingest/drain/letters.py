"""Dead letters for tests: batches that die in a drain, and what PostgreSQL refuses until a test mends it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis import Redis
from sqlalchemy import Engine, text

from analytics.ingest import buffer
from analytics.ingest.drain import drain, retry_writer
from analytics.ingest.drain.retry import DeadLetterRetry
from analytics.ingest.drain.retry_writer import RetryResult
from analytics.sites.sites import Site
from analytics.store import dead_letters
from analytics.store.dead_letters import Selection
from tests.factories import append_events, make_drain

# Refuses an event whose path is "/poison", as a value that no column takes.
REFUSE = """
CREATE OR REPLACE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.path = '/poison' THEN RAISE EXCEPTION 'poison' USING ERRCODE = '22000'; END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER refuse_poison BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse_poison()
"""
MEND = "DROP TRIGGER IF EXISTS refuse_poison ON events"


class Killed(BaseException):
    """Not an Exception, so no handler catches it: like SIGKILL, it cleans nothing up."""


# What a retry does, in order: (module, function). A kill before each of them, and one before the commit.
STEPS: tuple[tuple[Any, str], ...] = (
    (dead_letters, "lock_ledger"),
    (retry_writer, "lock_site_zones"),
    (dead_letters, "lock_dead_letters"),
    (retry_writer, "store_rows"),
    (dead_letters, "delete_dead_letters"),
    (dead_letters, "record_deaths"),
    (dead_letters, "write_dead_letters"),
    (dead_letters, "revive_in_ledger"),
    (retry_writer, "RetryResult"),
)


def kill(*_: Any, **__: Any) -> None:
    """In place of a step."""
    raise Killed


@contextmanager
def poisoned(engine: Engine) -> Iterator[Callable[[], None]]:
    """Events of the path "/poison" are refused; until the function that this yields is called."""
    run(engine, REFUSE)
    try:
        yield lambda: run(engine, MEND)
    finally:
        run(engine, MEND)


def run(engine: Engine, statement: str, **values: Any) -> Any:
    with engine.begin() as connection:
        result = connection.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else None


def make_retry(engine: Engine) -> DeadLetterRetry:
    return DeadLetterRetry(engine, b"s" * 32)


def retry_all(engine: Engine, selection: Selection | None = None) -> RetryResult:
    """Retries them as the command does."""
    result = RetryResult()
    with engine.connect() as connection:
        letters = dead_letters.list_sizes(connection, selection or Selection())
    make_retry(engine).retry(letters, result)
    return result


def bury_batch(engine: Engine, redis: Redis, site: Site, events: Sequence[dict[str, Any]], **changes: Any) -> str:
    """The entry id of a batch that every worker died with."""
    entry_id = append_events(redis, site, list(events), **changes)
    redis.hset(buffer.TAKEOVERS, entry_id, drain.MAX_TAKEOVERS)
    buffer.read_new(redis, "dead", 100)
    make_drain(engine, redis).run(claim_after_s=0)
    return entry_id

"""One process at a time: an advisory lock that a connection of its own holds, and that ends with the process.

Retention, retries of dead letters and the audit by HTTP take it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

TRY_LOCK = text("SELECT pg_try_advisory_lock(:lock)")
UNLOCK = text("SELECT pg_advisory_unlock(:lock)")


@contextmanager
def try_exclusive(engine: Engine, lock_id: int) -> Iterator[bool]:
    """Whether no other process is in a block with the lock."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_acquired = connection.scalar(TRY_LOCK, {"lock": lock_id}) is True
        try:
            yield is_acquired
        finally:
            if is_acquired:
                connection.execute(UNLOCK, {"lock": lock_id})

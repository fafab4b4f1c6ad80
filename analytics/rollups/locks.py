"""The advisory locks of a site's rollups. merge, rebuild, closing/ and the deletes of ingest/ take them, reports never.

Every change of `rollups` and `visits` is made under MERGE_LOCK. Locks are taken in the order BUILD_LOCK, MERGE_LOCK.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

# BUILD_LOCK is held for long, concurrently with merges, by code that reads many rows (unions) and takes
# MERGE_LOCK only before it commits. A rebuild holds REBUILD_LOCK and MERGE_LOCK for long. The site's id is the second
# half of each key.
MERGE_LOCK, BUILD_LOCK, REBUILD_LOCK = 7_205_321, 7_205_325, 7_205_326

TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock, :site_id)")
LOCK_FOR_TRANSACTION = text("SELECT pg_advisory_xact_lock(:lock, :site_id)")
LOCK_FOR_SESSION = text("SELECT pg_advisory_lock(:lock, :site_id)")
UNLOCK = text("SELECT pg_advisory_unlock(:lock, :site_id)")
# Before the snapshot: a drop of a partition moves raw_since in its own transaction, so that both are seen, or neither.
HOLD_PARTITIONS = text("LOCK TABLE events IN ACCESS SHARE MODE")


def try_lock(connection: Connection, site_id: int) -> bool:
    """Takes MERGE_LOCK until the transaction ends; False when another merge or rebuild holds it."""
    is_locked: bool = connection.execute(TRY_LOCK, {"lock": MERGE_LOCK, "site_id": site_id}).scalar_one()
    return is_locked


def lock_rollups(connection: Connection, site_id: int) -> None:
    """Waits for MERGE_LOCK; until the transaction ends, no merge and no rebuild changes the site."""
    connection.execute(LOCK_FOR_TRANSACTION, {"lock": MERGE_LOCK, "site_id": site_id})


def lock_build_and_rollups(connection: Connection, site_id: int) -> None:
    """As `lock_rollups`; also waits for unions that are being built."""
    connection.execute(LOCK_FOR_TRANSACTION, {"lock": BUILD_LOCK, "site_id": site_id})
    lock_rollups(connection, site_id)


def mark_rebuild_running(connection: Connection, site_id: int) -> None:
    """Until the transaction ends, drains do not wait for the site's merges."""
    connection.execute(LOCK_FOR_TRANSACTION, {"lock": REBUILD_LOCK, "site_id": site_id})


@contextmanager
def locked_transaction(engine: Engine, site_id: int, *locks: int) -> Iterator[Connection]:
    """A REPEATABLE READ transaction that holds `locks` of the site, MERGE_LOCK where none is named. Waits for them.

    They outlive the transaction: its snapshot must be taken after they were granted, so that it holds everything that
    the previous holder committed.
    """
    locks = locks or (MERGE_LOCK,)
    with engine.connect() as connection:
        try:
            for lock in locks:
                connection.execute(LOCK_FOR_SESSION, {"lock": lock, "site_id": site_id})
                connection.commit()
            connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                connection.execute(HOLD_PARTITIONS)
                yield connection
        finally:
            # A broken connection has lost the locks already.
            if not connection.invalidated:
                connection.rollback()
                for lock in locks:
                    connection.execute(UNLOCK, {"lock": lock, "site_id": site_id})
                connection.commit()

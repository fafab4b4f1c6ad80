"""Runs migrations under an advisory lock and with lock and statement timeouts, so that any number of releases may start
them at once and none waits for ever behind a long query."""

import re

from alembic import context
from flask import current_app
from sqlalchemy import text

from analytics.store.models import metadata

MIGRATION_LOCK = 7_205_319
# Partitions are made and dropped by the running service, never by a migration.
PARTITION = re.compile(r"_(p\d{8}|m\d{6})$")


def include_object(item: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
    return not (table and PARTITION.search(table))


def run_migrations_offline() -> None:
    url = current_app.extensions["migrate"].db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    with current_app.extensions["migrate"].db.engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '10s'"))
        connection.execute(text("SET statement_timeout = '15min'"))
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        connection.commit()
        try:
            context.configure(
                connection=connection,
                target_metadata=metadata,
                include_object=include_object,
                compare_type=True,
                transaction_per_migration=True,
            )
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            # The connection goes back to the pool.
            connection.execute(text("RESET lock_timeout; RESET statement_timeout"))
            connection.commit()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
